//! What people are shown, its digest, and the proof that they agreed to exactly that.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::ids::{Digest, EnvironmentId, RunId, StepId};
use crate::domain::value::canonical;

/// What an action would do, and what it saw. Made by `Action::preview`, which only reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The complete request, rendered; nothing is filled in after approval. Never holds a secret.
    pub request: Value,
    /// The facts the request was made for (the writer now, the record now …). Another value at the moment of the call
    /// voids the approval.
    pub binding: Map<String, Value>,
    /// All facts as seen, for conditions and for people; may move without voiding anything.
    pub facts: Map<String, Value>,
    /// Now → after, in the cloud's own names.
    pub changes: Vec<Change>,
    /// The calls it makes: `rds:FailoverGlobalCluster in us-east-1, account 111111111111`.
    pub calls: Vec<String>,
    /// What people should know first: loss, what is rebuilt, what may put it back.
    pub remarks: Vec<Remark>,
}

/// One line of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What changes: `writer`, `replicas of ai-worker`.
    pub what: String,
    /// As it is.
    pub now: String,
    /// As it would be.
    pub after: String,
}

/// A sentence from the message catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Key in `prompts/messages`, under `remark.`.
    pub key: String,
    /// Its arguments.
    #[serde(default)]
    pub args: std::collections::BTreeMap<String, String>,
}

impl Remark {
    /// A remark with arguments.
    pub fn new(key: &str, args: &[(&str, &str)]) -> Self {
        let args = args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { key: key.to_owned(), args }
    }
}

/// Which way a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What the runbook says.
    #[default]
    Do,
    /// Back to what the preview of the done attempt saw.
    Undo,
}

/// What an approval is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The step.
    pub step: &'a StepId,
    /// The preview's number within the step: an older button has another digest even if nothing else changed.
    pub number: u32,
    /// Which way.
    pub direction: Direction,
    /// The environment.
    pub environment: &'a EnvironmentId,
    /// The account.
    pub account: &'a str,
}

/// The digest of exactly this preview, of this step, in this environment.
pub fn digest(subject: Subject<'_>, preview: &Preview) -> Digest {
    let shown = json!({
        "run": subject.run, "step": subject.step, "number": subject.number, "direction": subject.direction,
        "environment": subject.environment, "account": subject.account,
        "request": preview.request, "binding": preview.binding,
    });
    Digest::of(canonical(&shown).as_bytes())
}

/// A preview that was made again right before the call and still is what people agreed to. Only [`Approved::check`]
/// makes one, and `Action::run` takes nothing else.
#[derive(Debug)]
pub struct Approved {
    preview: Preview,
    digest: Digest,
}

/// What is different from what was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The fact or part of the request.
    pub what: String,
    /// As people saw it.
    pub was: String,
    /// As it is.
    pub is: String,
}

impl Approved {
    /// Compares the preview of now with the digest people agreed to; `shown` is only used to say what differs.
    pub fn check(
        subject: Subject<'_>,
        agreed: &Digest,
        shown: &Preview,
        now: Preview,
    ) -> Result<Self, Vec<Difference>> {
        let digest = digest(subject, &now);
        if digest == *agreed {
            Ok(Self { preview: now, digest })
        } else {
            Err(differences(shown, &now))
        }
    }

    /// What was agreed to.
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// The request to send, exactly.
    pub fn request(&self) -> &Value {
        &self.preview.request
    }

    /// Its digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// What differs between two previews, binding facts first.
pub fn differences(was: &Preview, is: &Preview) -> Vec<Difference> {
    let text = |value: Option<&Value>| match value {
        None => "unknown".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => canonical(other),
    };
    let mut found = Vec::new();
    let mut compare = |before: &Map<String, Value>, now: &Map<String, Value>| {
        let keys: std::collections::BTreeSet<_> = before.keys().chain(now.keys()).collect();
        for key in keys {
            if before.get(key) != now.get(key) {
                let (was, is) = (text(before.get(key)), text(now.get(key)));
                found.push(Difference { what: key.clone(), was, is });
            }
        }
    };
    compare(&was.binding, &is.binding);
    if let (Value::Object(before), Value::Object(now)) = (&was.request, &is.request) {
        compare(before, now);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(writer: &str, lag: u64) -> Preview {
        let map = |value: Value| value.as_object().cloned().unwrap();
        Preview {
            request: json!({"op": "failover"}),
            binding: map(json!({"writer": writer})),
            facts: map(json!({"writer": writer, "lag_ms": lag})),
            changes: vec![],
            calls: vec![],
            remarks: vec![],
        }
    }

    fn subject<'a>(ids: &'a (RunId, StepId, EnvironmentId), number: u32) -> Subject<'a> {
        let (run, step, environment) = (&ids.0, &ids.1, &ids.2);
        Subject { run, step, number, direction: Direction::Do, environment, account: "1" }
    }

    #[test]
    fn only_what_the_request_depends_on_voids_an_approval() {
        let ids = (
            RunId::parse("r").unwrap(),
            StepId::parse("s").unwrap(),
            EnvironmentId::parse("e").unwrap(),
        );
        let shown = preview("eu", 900);
        let agreed = digest(subject(&ids, 1), &shown);
        assert!(Approved::check(subject(&ids, 1), &agreed, &shown, preview("eu", 5)).is_ok());
        let changed = Approved::check(subject(&ids, 1), &agreed, &shown, preview("us", 900));
        let expected = Difference { what: "writer".into(), was: "eu".into(), is: "us".into() };
        assert_eq!(changed.unwrap_err(), vec![expected]);
        assert!(Approved::check(subject(&ids, 2), &agreed, &shown, shown.clone()).is_err());
    }
}
