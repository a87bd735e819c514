//! `http.canary`: one PUT, and what reads it back: the proof that the other side takes writes.
//!
//! The PUT carries `{"canary": …}`, the same for one preview: a second one writes the same again. An endpoint that gives
//! it back proves this very write; where it does not, only the answer to the PUT tells that it happened.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Answer, HttpSettings, NOT_DONE, Request, Trouble};
use crate::actions::params::{failed, json_of, request};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview, Remark};

/// Writes once, and reads it back.
#[derive(Debug)]
pub(in crate::actions) struct Canary {
    settings: HttpSettings,
}

/// Exactly what is sent: this body, there, and then the question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    put: Value,
    read: Request,
}

impl Write {
    fn of(call: &Call<'_>) -> Result<Self, LookError> {
        Ok(Self { put: json!({"canary": call.token.to_string()}), read: Request::of(call)? })
    }

    /// Whether this answer gives back what was put.
    fn is_in(&self, answer: &Answer) -> bool {
        answer.body.as_ref().is_some_and(|body| body.get("canary") == self.put.get("canary"))
    }
}

impl Canary {
    pub(in crate::actions) fn new(settings: HttpSettings) -> Self {
        Self { settings }
    }

    /// The PUT. `Ok` holds its status.
    async fn put(&self, write: &Write) -> Result<u16, Outcome> {
        let system = write.read.url.host_str().unwrap_or("endpoint").to_owned();
        let refuse = |detail| Err(failed(LookError::Refused { system: system.clone(), detail }));
        let unknown = |error: String| {
            let evidence = json!({"service": "http", "put": "unknown"});
            Err(Outcome::Unknown { error: format!("{system}: {error}"), evidence })
        };
        match write.read.within(&self.settings, Some(&write.put)).await {
            Ok(Answer { status: Some(status @ 200..=299), .. }) => Ok(status),
            Ok(Answer { status: Some(status), .. }) if NOT_DONE.contains(&status) => {
                refuse(format!("the PUT was answered with {status}"))
            }
            Ok(answer) => unknown(format!("the PUT was answered with {:?}", answer.status)),
            Err(Trouble::NotConnected(detail)) => {
                Err(failed(LookError::Unreachable { system, detail }))
            }
            Err(Trouble::Unclear(detail)) => unknown(detail),
        }
    }
}

#[async_trait]
impl Action for Canary {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let write = Write::of(call)?;
        write.read.may_resolve()?;
        Ok(Preview {
            request: json_of(&write),
            binding: Map::new(),
            facts: write.read.read(&self.settings).await.facts(),
            changes: vec![],
            calls: vec![write.read.line("PUT"), write.read.line("GET")],
            remarks: vec![Remark::new("remark.http.canary", &[("url", write.read.url.as_str())])],
        })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let write = match request::<Write>(value) {
            Ok(write) => write,
            Err(error) => return Probe::blind(&error),
        };
        let answer = write.read.read(&self.settings).await;
        let was_taken = call.past.iter().any(|past| past.get("put") == Some(&write.put));
        let happened = match was_taken || write.is_in(&answer) {
            true => Happened::Done,
            // That nothing is read proves nothing: a write may be on its way.
            false => Happened::Unknown,
        };
        Probe { happened, facts: answer.facts(), saw: answer.saw() }
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let write: Write = match request(approved.request()) {
            Ok(write) => write,
            Err(error) => return failed(error),
        };
        let status = match self.put(&write).await {
            Ok(status) => status,
            Err(outcome) => return outcome,
        };
        // What it reads back is for the probe: the call must be over well before its lease is.
        Outcome::Accepted {
            evidence: json!({
                "service": "http",
                "url": write.read.url.as_str(),
                "put": write.put,
                "put_status": status,
            }),
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
