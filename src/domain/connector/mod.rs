//! Connectors: outside systems as data. A file says where a system is, how we prove who we are, and which requests make
//! its operations; each operation becomes an action that a runbook may name, `github.disable_workflow`.
//!
//! Here is what such a file says and whether it may say that ([`check`]), what of it becomes a request ([`render`]) and
//! what is taken out of an answer ([`ask`]). Nothing here sends anything or holds a secret: a secret is a name.

pub mod ask;
pub mod check;
mod fields;
pub mod render;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::action::{ActionSpec, Danger, Parameter, Repeat, Undo};
use crate::domain::ids::Digest;
use crate::domain::time::Span;
use crate::domain::value::canonical;

/// Facts that every operation reports beside its own.
pub const COMMON_FACTS: [&str; 4] = ["reachable", "status", "latency_ms", "shows"];

/// A checked connector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connector {
    /// Its id: the first half of the names of its actions.
    pub id: String,
    /// How it is reached.
    pub base: Base,
    /// What the doctor asks it, to see that it answers and knows us.
    #[serde(skip)]
    pub doctor: Option<Other>,
    /// Its operations, by name.
    pub operations: BTreeMap<String, Operation>,
}

/// What all operations of a connector share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Base {
    /// Where it is; a template over the environment.
    pub url: String,
    /// How we prove who we are.
    pub auth: Option<Auth>,
    /// Sent with every request; templates over the environment.
    pub headers: BTreeMap<String, String>,
    /// The header of an answer that names the request.
    pub request_id: Option<String>,
    /// How often it may be asked.
    pub rate: Option<Rate>,
    /// How long an answer may take.
    pub timeout: Span,
}

/// At most so many requests in so long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// How many.
    pub calls: u32,
    /// In how long.
    pub per: Span,
}

/// How we prove who we are. Secrets are names in the settings; other texts are templates over the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        secret: String,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user's name.
        user: String,
        /// The password or token.
        secret: String,
    },
    /// A header of its own.
    Header {
        /// Its name.
        name: String,
        /// What stands before the secret: `OAuth `.
        prefix: String,
        /// The secret.
        secret: String,
    },
    /// An installation of a GitHub App: its key buys a token for an hour.
    GithubApp {
        /// The App's id or client id.
        app: String,
        /// The installation's id.
        installation: String,
        /// The App's private key, PEM.
        secret: String,
    },
    /// A Google service account: its key buys a token for an hour.
    GoogleServiceAccount {
        /// What the token is for.
        scope: String,
        /// The key file of the account, JSON.
        secret: String,
    },
    /// AWS Signature Version 4, with the credentials dr-buddy has.
    AwsSigv4 {
        /// `aps`, `grafana`.
        service: String,
        /// Where.
        region: String,
    },
}

impl Auth {
    /// The secret it needs, by name.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Bearer { secret }
            | Self::Basic { secret, .. }
            | Self::Header { secret, .. }
            | Self::GithubApp { secret, .. }
            | Self::GoogleServiceAccount { secret, .. } => Some(secret),
            Self::AwsSigv4 { .. } => None,
        }
    }
}

/// One request of a connector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    /// One line, for the schema and the preview.
    #[serde(skip)]
    pub about: String,
    /// How bad a mistake is.
    pub danger: Danger,
    /// Why a repeat is harmless, or not.
    pub repeat: Repeat,
    /// `PUT`.
    pub method: String,
    /// Below the connector's URL; a template.
    pub path: String,
    /// Parameters in the URL; templates. A list repeats the name.
    pub query: Map<String, Value>,
    /// Headers; templates.
    pub headers: BTreeMap<String, String>,
    /// Carries a key that is the same for one preview.
    pub token_header: Option<String>,
    /// Sent as JSON; templates.
    pub body: Option<Value>,
    /// Secrets that stand in the body: their names, by JSON pointer.
    pub body_secrets: BTreeMap<String, String>,
    /// Answers that say it was taken; any of 200 to 299 if none is named.
    pub expect: Vec<u16>,
    /// Whether the answer may be something else than JSON: a picture.
    pub any_answer: bool,
    /// How long an answer may take.
    pub timeout: Option<Span>,
    /// Its parameters.
    pub parameters: Vec<Given>,
    /// What is taken out of its answer.
    pub facts: BTreeMap<String, Fact>,
    /// How its effect is found.
    pub probe: Option<Sight>,
    /// What takes it back.
    pub undo: Option<Other>,
    /// What a tabletop pretends where the facts' examples would not fit.
    #[serde(skip)]
    pub pretend: Map<String, Value>,
}

/// A parameter of an operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Given {
    /// As runbooks know it.
    pub parameter: Parameter,
    /// What it is unless told.
    pub default: Option<Value>,
    /// Whether it may hold `/` where it stands in the path.
    pub is_path: bool,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// JMESPath over `{status, body, with, …}`.
    pub from: String,
    /// What it may look like: what a tabletop pretends.
    #[serde(skip)]
    pub example: Value,
}

/// Another operation and what it is given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Other {
    /// Its name.
    pub operation: String,
    /// Its parameters; templates.
    pub with: Map<String, Value>,
}

/// Where the effect shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sight {
    /// What is asked.
    pub ask: Other,
    /// JMESPath: true when the effect is there, false when it is not; anything else tells nothing.
    pub done: String,
    /// JMESPath: true while it is under way.
    pub running: Option<String>,
    /// Answers that say that there is nothing yet.
    pub absent: Vec<u16>,
}

impl Connector {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// All that decides what an operation does: itself, what it looks with and what takes it back, and how the system
    /// is reached. What is said about it does not count.
    pub fn source(&self, name: &str) -> Digest {
        let one = |name: &str| serde_json::json!({name: self.operations.get(name)});
        let own = self.operations.get(name);
        let probe = own.and_then(|own| own.probe.as_ref()).map(|probe| &probe.ask.operation);
        let undo = own.and_then(|own| own.undo.as_ref()).map(|undo| &undo.operation);
        let back = undo.and_then(|undo| self.operations.get(undo)?.probe.as_ref());
        let others = [probe, undo, back.map(|probe| &probe.ask.operation)];
        let others: Vec<Value> = others.into_iter().flatten().map(|name| one(name)).collect();
        let all = serde_json::json!({
            "id": self.id, "base": self.base, "operation": one(name), "others": others,
        });
        Digest::of(canonical(&all).as_bytes())
    }

    /// What runbooks know of its operations.
    pub fn specs(&self) -> Vec<ActionSpec> {
        self.operations.iter().map(|(name, operation)| self.spec(name, operation)).collect()
    }

    fn spec(&self, name: &str, operation: &Operation) -> ActionSpec {
        let looked =
            operation.probe.as_ref().and_then(|sight| self.operation(&sight.ask.operation));
        let mut facts: Vec<String> = COMMON_FACTS.map(ToOwned::to_owned).into();
        for one in [Some(operation), looked].into_iter().flatten() {
            facts.extend(one.facts.keys().cloned());
        }
        facts.sort();
        facts.dedup();
        ActionSpec {
            name: format!("{}.{name}", self.id),
            about: operation.about.clone(),
            parameters: operation.parameters.iter().map(|one| one.parameter.clone()).collect(),
            facts,
            danger: operation.danger,
            repeat: operation.repeat,
            undo: Undo::of_connector(operation.undo.is_some()),
            environment: check::environment(self, name),
            source: Some(self.source(name)),
        }
    }
}
