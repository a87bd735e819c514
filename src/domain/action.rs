//! What a step can do: one [`ActionSpec`] per action. A row here is what the runbook check, the schema, the gates and
//! the cards know of an action; the doing is in `crate::actions`, under the same name. A test there demands that every
//! row has an implementation and a tabletop stand-in.

use super::yaml::shape::{Field, Shape, field};

/// How bad a mistake is; decides the weakest gate a runbook may put before the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Changes nothing outside: no gate needed.
    Reads,
    /// Changes something that is put back easily: one person confirms.
    Changes,
    /// Data or all traffic: two different people.
    Grave,
}

/// Why a second call is harmless, or that it is not (architecture: "The paused replica").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The API takes an idempotency token; ours comes from run, step and preview.
    Token,
    /// The call names the wanted state, so the second one changes nothing.
    NamesState,
    /// A second call may act again: nothing starts again without a person.
    ActsAgain,
    /// Nothing is changed.
    ReadsOnly,
}

/// Whether there is a way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// There is; it asks for the same approvals.
    Possible,
    /// There is none, for the reason with this message key.
    None(&'static str),
}

/// Everything the rules know about an action.
#[derive(Debug)]
pub struct ActionSpec {
    /// As documents write it: `aurora.failover`.
    pub name: &'static str,
    /// One line, for the schema.
    pub about: &'static str,
    /// Its parameters.
    pub parameters: &'static [Field],
    /// The facts its probe reports; conditions may name these as `facts.<name>`.
    pub facts: &'static [&'static str],
    /// How bad a mistake is.
    pub danger: Danger,
    /// Why a repeat is harmless, or not.
    pub repeat: Repeat,
    /// The way back.
    pub undo: Undo,
}

/// The action of this name.
pub fn find(name: &str) -> Option<&'static ActionSpec> {
    ALL.iter().find(|spec| spec.name == name)
}

/// Every action, in the order people read about them.
pub const ALL: &[ActionSpec] = &[
    AURORA_FAILOVER,
    AURORA_SWITCHOVER,
    ROUTE53_PIN,
    SECRET_REPLACE_HOST,
    K8S_SCALE,
    K8S_RESTART,
    HTTP_CHECK,
    HUMAN_TASK,
    HUMAN_DECIDE,
];

const AURORA_FACTS: &[&str] = &[
    "writer_arn",
    "writer_region",
    "operation",
    "operation_target",
    "target_status",
    "target_instances",
    "target_is_writer",
];

const AURORA_FAILOVER: ActionSpec = ActionSpec {
    name: "aurora.failover",
    about: "Fail an Aurora global database over to another region, accepting the loss of what was not replicated",
    parameters: &[
        field("global_cluster", Shape::Text).required().doc("identifier of the global cluster"),
        field("target", Shape::Text).required().doc("ARN of the cluster that becomes the writer"),
        field("allow_data_loss", Shape::Flag)
            .required()
            .doc("must be true: without it AWS does a switchover, which hangs in a real outage"),
    ],
    facts: AURORA_FACTS,
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::None("undo.none.aurora_failover"),
};

const AURORA_SWITCHOVER: ActionSpec = ActionSpec {
    name: "aurora.switchover",
    about: "Move the writer of a healthy Aurora global database to another region without loss",
    parameters: &[
        field("global_cluster", Shape::Text).required().doc("identifier of the global cluster"),
        field("target", Shape::Text).required().doc("ARN of the cluster that becomes the writer"),
    ],
    facts: AURORA_FACTS,
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const ROUTE53_PIN: ActionSpec = ActionSpec {
    name: "route53.pin",
    about: "Point the PRIMARY failover record of a name at another load balancer with one UPSERT",
    parameters: &[
        field("zone", Shape::Text).required().doc("id of the hosted zone"),
        field("name", Shape::Text).required().doc("the record's name"),
        field("record_type", Shape::Text).doc("A (default) or AAAA"),
        field("set_identifier", Shape::Text).required().doc("SetIdentifier of the PRIMARY record"),
        field("target", Shape::Text)
            .required()
            .doc("DNS name of the load balancer that shall answer"),
        field("target_zone", Shape::Text)
            .required()
            .doc("hosted zone id of that load balancer, not of the record"),
    ],
    facts: &["primary_target", "secondary_target", "primary_records", "change_status"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const SECRET_REPLACE_HOST: ActionSpec = ActionSpec {
    name: "secretsmanager.replace_host",
    about: "Replace the host in a connection URL held in Secrets Manager; the rest stays, and is never shown",
    parameters: &[
        field("region", Shape::Text).required().doc("where the secret is changed"),
        field("secret", Shape::Text).required().doc("name or ARN of the secret"),
        field("host", Shape::Text).required().doc("the new host name"),
        field("key", Shape::Text).doc("the key of the URL when the secret is a JSON object"),
    ],
    facts: &["host", "version", "is_replica", "token_present"],
    danger: Danger::Grave,
    repeat: Repeat::Token,
    undo: Undo::Possible,
};

const K8S_SCALE: ActionSpec = ActionSpec {
    name: "k8s.scale",
    about: "Set the number of replicas of workloads in one namespace",
    parameters: &[
        field("context", Shape::Text).required().doc("kubeconfig context of the cluster"),
        field("namespace", Shape::Text).required(),
        field("workloads", Shape::Texts)
            .required()
            .doc("`deployment/name` or `rollout/name`; a bare name is a deployment"),
        field("replicas", Shape::Whole).required(),
    ],
    facts: &["reachable", "replicas", "ready", "at_target"],
    danger: Danger::Changes,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const K8S_RESTART: ActionSpec = ActionSpec {
    name: "k8s.restart",
    about: "Restart the pods of workloads, as `kubectl rollout restart` does",
    parameters: &[
        field("context", Shape::Text).required().doc("kubeconfig context of the cluster"),
        field("namespace", Shape::Text).required(),
        field("workloads", Shape::Texts)
            .required()
            .doc("`deployment/name` or `rollout/name`; a bare name is a deployment"),
    ],
    facts: &["reachable", "restarted", "ready", "desired", "settled"],
    danger: Danger::Changes,
    repeat: Repeat::NamesState,
    undo: Undo::None("undo.none.k8s_restart"),
};

const HTTP_CHECK: ActionSpec = ActionSpec {
    name: "http.check",
    about: "Ask an HTTP endpoint, at a chosen address if need be, and take facts from the answer",
    parameters: &[
        field("url", Shape::Text)
            .required()
            .doc("http or https; the host is also the SNI and Host"),
        field("method", Shape::Text).doc("GET (default) or HEAD"),
        field("put_first", Shape::Flag)
            .doc("write first: one PUT to the same URL before the GET, a canary write"),
        field("resolve_to", Shape::Text)
            .doc("host or address to connect to instead of the URL's, before DNS has moved"),
        field("timeout", Shape::Span).doc("10s unless told"),
        field("region_header", Shape::Text)
            .doc("header that names the answering region; x-region unless told"),
    ],
    facts: &["reachable", "status", "region", "latency_ms", "body"],
    danger: Danger::Reads,
    repeat: Repeat::ReadsOnly,
    undo: Undo::None("undo.none.reads"),
};

const HUMAN_TASK: ActionSpec = ActionSpec {
    name: "human.task",
    about: "Something a person does and says is done; the step's note tells how",
    parameters: &[],
    facts: &[],
    danger: Danger::Reads,
    repeat: Repeat::ReadsOnly,
    undo: Undo::None("undo.none.human"),
};

const HUMAN_DECIDE: ActionSpec = ActionSpec {
    name: "human.decide",
    about: "GO or NO GO: people decide on what was seen; frozen when decided",
    parameters: &[
        field("question", Shape::Localized).required(),
        field("go", Shape::Localized).doc("what follows from GO"),
        field("no_go", Shape::Localized).doc("what follows from NO GO"),
        field("hold", Shape::Localized)
            .doc("the former name of `no_go`, as runbooks of open runs have it"),
        field("seen", Shape::Texts).doc("steps whose facts are shown with their age"),
    ],
    facts: &[],
    danger: Danger::Grave,
    repeat: Repeat::ReadsOnly,
    undo: Undo::None("undo.none.human"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_grave_actions_say_how_a_repeat_ends() {
        for (index, spec) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != spec.name), "{}", spec.name);
            if spec.danger == Danger::Reads {
                assert_eq!(spec.repeat, Repeat::ReadsOnly, "{}", spec.name);
            }
        }
        assert!(find("aurora.failover").is_some());
        assert!(find("aurora.fail").is_none());
    }
}
