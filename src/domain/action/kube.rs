//! Kubernetes, whichever cluster.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

const CONTEXT: Field<'_> =
    field("context", Shape::Text).required().doc("kubeconfig context of the cluster");
const NAMESPACE: Field<'_> = field("namespace", Shape::Text).required();
const OBJECT_FACTS: &[&str] = &["reachable", "exists", "applied", "differences"];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "k8s.scale",
        about: "Set the number of replicas of workloads in one namespace",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("workloads", Shape::Texts)
                .required()
                .doc("`deployment/name` or `rollout/name`; a bare name is a deployment"),
            field("replicas", Shape::Whole).required(),
        ],
        facts: &["reachable", "replicas", "ready", "at_target"],
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::Possible,
    },
    Row {
        name: "k8s.restart",
        about: "Restart the pods of workloads, as `kubectl rollout restart` does",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("workloads", Shape::Texts)
                .required()
                .doc("`deployment/name` or `rollout/name`; a bare name is a deployment"),
        ],
        facts: &["reachable", "restarted", "ready", "desired", "settled"],
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::None("undo.none.k8s_restart"),
    },
    Row {
        name: "k8s.apply",
        about: "Apply one manifest to one namespace, as `kubectl apply --server-side` does",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("manifest", Shape::Mapping)
                .required()
                .doc("apiVersion, kind, metadata.name and the fields that are wanted; write `$${` for `${`"),
            field("force", Shape::Flag).doc("take fields over that another manager owns"),
        ],
        facts: OBJECT_FACTS,
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::Possible,
    },
    Row {
        name: "k8s.patch",
        about: "Set fields of one object by a JSON merge patch",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("api_version", Shape::Text).required().doc("`apps/v1`, or `v1`"),
            field("kind", Shape::Text).required().doc("`Deployment`"),
            field("name", Shape::Text).required(),
            field("patch", Shape::Mapping)
                .required()
                .doc("the fields as they should be; null takes one away"),
        ],
        facts: OBJECT_FACTS,
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::Possible,
    },
    Row {
        name: "k8s.suspend_cronjobs",
        about: "Suspend CronJobs of one namespace: no new jobs; the way back resumes those it suspended",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("names", Shape::Texts).doc("these; all of the namespace unless told"),
            field("selector", Shape::Text).doc("those with these labels: `app=shop`"),
        ],
        facts: &["reachable", "suspended", "active", "total", "running"],
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::Possible,
    },
    Row {
        name: "k8s.wait_ready",
        about: "Look whether workloads have as many ready pods as they should, of their newest specification",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("workloads", Shape::Texts)
                .doc("`deployment/name`, `statefulset/…`, `daemonset/…` or `rollout/…`; a bare name is a deployment"),
            field("selector", Shape::Text).doc("instead: every workload with these labels"),
        ],
        facts: &["reachable", "ready", "wanted", "unready", "all_ready", "restarts"],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
    Row {
        name: "external_secrets.sync",
        about: "Have the External Secrets Operator read ExternalSecrets again, now",
        parameters: &[
            CONTEXT,
            NAMESPACE,
            field("names", Shape::Texts).required().doc("names of ExternalSecrets"),
        ],
        facts: &["reachable", "requested", "synced", "fresh", "ready", "total"],
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::None("undo.none.external_secrets"),
    },
];
