//! `http.request`: one request that changes something, to an API the settings allow. Sent once; an answer that does not
//! say what happened leaves it open, and a question to another URL may tell.

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::draft::{Draft, Sent, Sight};
use super::wire::{Answer, Sending, Trouble};
use super::{HttpSettings, NOT_DONE};
use crate::actions::params::{clip, failed, json_of, put, request, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change as Line, Direction, Preview, Remark};
use crate::domain::text::told;

/// Sends once.
#[derive(Debug)]
pub(in crate::actions) struct Change {
    settings: HttpSettings,
}

/// What the question told.
struct Seen {
    answer: Answer,
    /// Whether the effect shows; nothing if that cannot be told.
    shows: Option<bool>,
}

impl Change {
    pub(in crate::actions) fn new(settings: HttpSettings) -> Self {
        Self { settings }
    }

    fn sent(&self, call: &Call<'_>) -> Result<Sent, LookError> {
        let draft: Draft = match (call.direction, call.done) {
            (Direction::Do, _) => request(&Value::Object(call.with.clone()))?,
            (Direction::Undo, done) => {
                let none = || unsafe_because(told("trouble.no_undo", &[]));
                let done: Sent = request(&done.ok_or_else(none)?.request)?;
                *done.undo.ok_or_else(none)?
            }
        };
        draft.checked(call.token.to_string(), &self.settings)
    }

    /// Asks whether the effect shows. Only reads.
    async fn look(&self, sent: &Sent, sight: &Sight) -> Result<Seen, LookError> {
        let secrets = sent.secrets(&self.settings).await?;
        let asking = Sending {
            headers: sent.headers(&secrets, false)?,
            ..Sending::new(Method::GET, &sight.url, sent.timeout_ms)
        };
        let mut answer = Answer::of(asking.within(&self.settings).await);
        let shows = shows(sight, &answer);
        // Some endpoints give back what they were sent.
        let text = answer.body.as_ref().map(ToString::to_string).unwrap_or_default();
        if secrets.iter().any(|(_, secret)| text.contains(secret.expose_secret())) {
            answer.body = None;
        }
        Ok(Seen { answer, shows })
    }

    async fn send(&self, sent: &Sent, headers: HeaderMap) -> Result<Answer, Trouble> {
        let sending = Sending {
            headers,
            body: sent.body.as_ref(),
            ..Sending::new(sent.verb(), &sent.url, sent.timeout_ms)
        };
        sending.within(&self.settings).await
    }
}

/// Whether the effect shows in this answer. A thing that is not there, or has another value, is not there yet; any other
/// answer tells nothing.
fn shows(sight: &Sight, answer: &Answer) -> Option<bool> {
    match (answer.status?, &sight.pointer) {
        (404, _) => Some(false),
        (200..=299, None) => Some(true),
        (200..=299, Some(pointer)) => {
            let found = answer.body.as_ref()?.pointer(pointer).filter(|found| !found.is_null());
            Some(match (&sight.value, found) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(wanted), Some(found)) => wanted == found,
            })
        }
        _ => None,
    }
}

impl Seen {
    fn facts(&self) -> Map<String, Value> {
        let mut facts = self.answer.facts();
        put(&mut facts, "shows", self.shows);
        facts
    }

    /// What stands where the effect would show.
    fn now(&self, sight: &Sight) -> String {
        let pointer = sight.pointer.as_deref().unwrap_or_default();
        match (self.shows, self.answer.body.as_ref().and_then(|body| body.pointer(pointer))) {
            (None, _) => "told.unknown".to_owned(),
            (Some(_), Some(found)) if sight.pointer.is_some() => clip(&found.to_string()),
            (Some(true), _) => self.answer.saw(),
            (Some(false), _) => "told.nothing".to_owned(),
        }
    }
}

#[async_trait]
impl Action for Change {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let sent = self.sent(call)?;
        // A header that cannot be sent is found now, not when it is sent.
        sent.headers(&sent.secrets(&self.settings).await?, true)?;
        let mut calls = vec![sent.line()];
        let after = || {
            format!("{} {}", sent.method, clip(&sent.body.clone().unwrap_or_default().to_string()))
        };
        let (facts, change) = match &sent.probe {
            None => {
                let now = "told.unknown".to_owned();
                (Map::new(), Line { what: sent.url.to_string(), now, after: after() })
            }
            Some(sight) => {
                calls.push(format!("GET {}", sight.url));
                let seen = self.look(&sent, sight).await?;
                let what = format!("{}{}", sight.url, sight.pointer.as_deref().unwrap_or_default());
                let wanted = sight.value.as_ref().map(|value| clip(&value.to_string()));
                let after = wanted.unwrap_or_else(after);
                (seen.facts(), Line { what, now: seen.now(sight), after })
            }
        };
        let mut remarks = vec![Remark::new("remark.http.canary", &[("url", sent.url.as_str())])];
        if sent.probe.is_none() {
            remarks.push(Remark::new("remark.http.no_probe", &[]));
        }
        if sent.undo.is_none() && call.direction == Direction::Do {
            remarks.push(Remark::new("remark.http.no_undo", &[]));
        }
        Ok(Preview {
            request: json_of(&sent),
            binding: Map::new(),
            facts,
            changes: vec![change],
            calls,
            remarks,
        })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let looked = async {
            let sent: Sent = request(value)?;
            match &sent.probe {
                None => Ok((sent, None)),
                Some(sight) => {
                    let seen = self.look(&sent, sight).await?;
                    Ok((sent, Some(seen)))
                }
            }
        };
        let (sent, seen) = match looked.await {
            Ok(both) => both,
            Err(error) => return Probe::blind(&error),
        };
        let was_taken = call.past.iter().any(|past| {
            past.get("key").and_then(Value::as_str) == Some(&sent.key)
                && past.get("status").is_some_and(Value::is_u64)
        });
        match seen {
            Some(seen) => Probe {
                happened: match seen.shows {
                    Some(true) => Happened::Done,
                    Some(false) => Happened::Never,
                    None => Happened::Unknown,
                },
                facts: seen.facts(),
                saw: seen.answer.saw(),
            },
            // Only the answer to the request itself tells, and nothing can be looked at.
            None => Probe {
                happened: if was_taken { Happened::Done } else { Happened::Unknown },
                facts: Map::new(),
                saw: told("told.nothing_outside", &[]),
            },
        }
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let made = async {
            let sent: Sent = request(approved.request())?;
            let headers = sent.headers(&sent.secrets(&self.settings).await?, true)?;
            Ok((sent, headers))
        };
        let (sent, headers) = match made.await {
            Ok(both) => both,
            Err(error) => return failed(error),
        };
        let system = sent.url.host_str().unwrap_or("endpoint").to_owned();
        let mut evidence = Map::new();
        put(&mut evidence, "service", Some("http"));
        put(&mut evidence, "method", Some(sent.method.clone()));
        put(&mut evidence, "url", Some(sent.url.to_string()));
        put(&mut evidence, "key", Some(sent.key.clone()));
        match self.send(&sent, headers).await {
            Ok(Answer { status: Some(status), .. }) if sent.expects(status) => {
                put(&mut evidence, "status", Some(status));
                Outcome::Accepted { evidence: Value::Object(evidence) }
            }
            Ok(Answer { status: Some(status), .. }) if NOT_DONE.contains(&status) => {
                let detail = format!("{} was answered with {status}", sent.method);
                failed(LookError::Refused { system, detail })
            }
            Ok(answer) => {
                let error =
                    format!("{system}: {} was answered with {:?}", sent.method, answer.status);
                Outcome::Unknown { error, evidence: Value::Object(evidence) }
            }
            Err(Trouble::NotConnected(detail)) => failed(LookError::Unreachable { system, detail }),
            Err(Trouble::Unclear(error)) => {
                let error = format!("{system}: {error}");
                Outcome::Unknown { error, evidence: Value::Object(evidence) }
            }
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
