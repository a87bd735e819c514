//! The operations of connectors: one implementation for all of them. What a file says becomes a request
//! ([`sent`]), which is shown without its secrets, approved, and sent once; the answer is read within limits, and what
//! it says is kept without any secret ([`answer`]). Whatever is not the answer that was expected is a named outcome.

mod answer;
mod keys;
mod mask;
mod rate;
mod sent;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::aws::Aws;
use super::http::{HttpSettings, Trouble};
use super::params::{clip, failed, json_of, put, request, unsafe_because};
use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::action::{Danger, Repeat};
use crate::domain::connector::render::{self, Scope};
use crate::domain::connector::{Connector, Operation, Sight};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;
use answer::System;
use sent::Sent;

/// One operation of a connector.
#[derive(Debug)]
pub(super) struct Operations {
    connector: Arc<Connector>,
    name: String,
    system: Arc<System>,
}

/// The operations of a connector, by the names of its actions.
pub(super) fn all(
    connector: &Arc<Connector>,
    settings: &HttpSettings,
    aws: &Arc<Aws>,
) -> Vec<(String, Operations)> {
    let system = Arc::new(System::new(connector, settings.clone(), Arc::clone(aws)));
    let one = |name: &String| {
        let (connector, system) = (Arc::clone(connector), Arc::clone(&system));
        (format!("{}.{name}", connector.id), Operations { connector, name: name.clone(), system })
    };
    connector.operations.keys().map(one).collect()
}

/// What was looked at, and what it tells of the effect.
struct Seen {
    happened: Happened,
    facts: Map<String, Value>,
    saw: String,
}

impl Operations {
    /// The operation a request is of: the step's own, or the one that takes it back.
    fn operation(&self, name: &str) -> Result<&Operation, LookError> {
        let none = || unsafe_because(told("trouble.no_action", &[name]));
        self.connector.operation(name).ok_or_else(none)
    }

    /// The request of this step, or of its way back.
    fn sent(&self, call: &Call<'_>) -> Result<Sent, LookError> {
        let scope = sent::scope(call);
        if call.direction == Direction::Do {
            return Sent::of(&self.connector, &self.name, call.with, (call, &scope));
        }
        let none = || unsafe_because(told("trouble.no_undo", &[]));
        let operation = self.operation(&self.name)?;
        let undo = operation.undo.as_ref().ok_or_else(none)?;
        let (before, done) = call.before.zip(call.done).ok_or_else(none)?;
        // What was so before would be made what it never was.
        let was_so = before.facts.get("shows") == Some(&json!(true));
        if operation.repeat == Repeat::NamesState && was_so {
            return Err(unsafe_because(told("trouble.was_so", &[])));
        }
        let done: Sent = request(&done.request)?;
        let with = self.handed_on(&undo.operation, &done.with)?;
        let scope = scope.given(done.with.clone()).taken(answer::taken(call, &done.key));
        let own = render::other(undo, &scope).map_err(|missing| sent::unfilled(&missing))?;
        let with = with.into_iter().chain(own).collect();
        Sent::of(&self.connector, &undo.operation, &with, (call, &scope))
    }

    /// What another operation is given by itself: the parameters that both have.
    fn handed_on(
        &self,
        other: &str,
        with: &Map<String, Value>,
    ) -> Result<Map<String, Value>, LookError> {
        let other = self.operation(other)?;
        let has = |name: &String| other.parameters.iter().any(|one| one.parameter.name == *name);
        let both = with.iter().filter(|(name, _)| has(name));
        Ok(both.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The question whether the effect of `sent` is there.
    fn question(&self, call: &Call<'_>, sent: &Sent, sight: &Sight) -> Result<Sent, LookError> {
        let scope = Self::scope_of(call, sent);
        let own = render::other(&sight.ask, &scope).map_err(|missing| sent::unfilled(&missing))?;
        let with = self.handed_on(&sight.ask.operation, &sent.with)?.into_iter().chain(own);
        let name = &sight.ask.operation;
        Sent::of(&self.connector, name, &with.collect(), (call, &sent::scope(call)))
    }

    fn scope_of(call: &Call<'_>, sent: &Sent) -> Scope {
        let taken = answer::taken(call, &sent.key);
        sent::scope(call).given(sent.with.clone()).taken(taken)
    }

    /// Asks whether the effect of `sent` is there; of what only reads, asks it.
    async fn look(&self, call: &Call<'_>, sent: &Sent) -> Result<Seen, LookError> {
        let operation = self.operation(&sent.operation)?;
        let scope = Self::scope_of(call, sent);
        let Some(sight) = &operation.probe else {
            if operation.danger == Danger::Reads {
                let seen = self.system.ask(sent, operation, call.now).await?;
                let (facts, saw) = (seen.facts(operation, &scope), seen.saw());
                return Ok(Seen { happened: Happened::Done, facts, saw });
            }
            return Ok(self.only_answer(call, sent));
        };
        let question = self.question(call, sent, sight)?;
        let asked = self.operation(&question.operation)?;
        let seen = self.system.ask(&question, asked, call.now).await?;
        let mut facts = answer::taken(call, &sent.key);
        let given = sent::scope(call).given(question.with.clone());
        facts.extend(seen.facts(asked, &given));
        let happened = seen.tells(sight, asked, &scope);
        put(&mut facts, "shows", shows(happened));
        Ok(Seen { happened, facts, saw: seen.saw() })
    }

    /// Nothing can be looked at: only the answer to the request itself tells.
    fn only_answer(&self, call: &Call<'_>, sent: &Sent) -> Seen {
        let was_taken = answer::was_taken(call, &sent.key);
        let mut facts = answer::taken(call, &sent.key);
        put(&mut facts, "shows", was_taken.then_some(true));
        let happened = if was_taken { Happened::Done } else { Happened::Unknown };
        Seen { happened, facts, saw: told("told.nothing_outside", &[]) }
    }

    fn remarks(operation: &Operation, sent: &Sent, direction: Direction) -> Vec<Remark> {
        if operation.danger == Danger::Reads {
            return vec![];
        }
        let mut remarks = vec![Remark::new("remark.http.canary", &[("url", sent.url.as_str())])];
        if operation.probe.is_none() {
            remarks.push(Remark::new("remark.http.no_probe", &[]));
        }
        if operation.undo.is_none() && direction == Direction::Do {
            remarks.push(Remark::new("remark.http.no_undo", &[]));
        }
        remarks
    }
}

fn shows(happened: Happened) -> Option<bool> {
    match happened {
        Happened::Done => Some(true),
        Happened::Never | Happened::Running => Some(false),
        Happened::Unknown => None,
    }
}

#[async_trait]
impl Action for Operations {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let sent = self.sent(call)?;
        let operation = self.operation(&sent.operation)?;
        let reads = operation.danger == Danger::Reads;
        self.system.may(&sent, operation)?;
        // A secret that cannot be read is found now.
        drop(self.system.keys.prove(&sent, call.now).await?);
        let mut calls = vec![sent.line()];
        let question = operation.probe.as_ref().map(|sight| self.question(call, &sent, sight));
        if let Some(Ok(question)) = &question {
            calls.push(question.line());
        }
        // What is found by what will be answered cannot be looked for yet.
        let seen = match (reads, &question) {
            (true, _) | (false, Some(Ok(_))) => Some(self.look(call, &sent).await?),
            (false, Some(Err(_)) | None) => None,
        };
        let now = match seen.as_ref().map(|seen| seen.happened) {
            Some(Happened::Done) => "told.there".to_owned(),
            Some(Happened::Never) => "told.nothing".to_owned(),
            Some(Happened::Running | Happened::Unknown) | None => "told.unknown".to_owned(),
        };
        let body = sent.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let after = clip(format!("{} {body}", sent.method).trim_end());
        let changes =
            if reads { vec![] } else { vec![Change { what: sent.url.to_string(), now, after }] };
        Ok(Preview {
            request: json_of(&sent),
            binding: Map::new(),
            facts: seen.map(|seen| seen.facts).unwrap_or_default(),
            changes,
            calls,
            remarks: Self::remarks(operation, &sent, call.direction),
        })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let looked = async {
            let sent: Sent = request(value)?;
            self.look(call, &sent).await
        };
        match looked.await {
            Ok(Seen { happened, facts, saw }) => Probe { happened, facts, saw },
            Err(error) => Probe {
                facts: Map::from_iter([("reachable".to_owned(), json!(false))]),
                ..Probe::blind(&error)
            },
        }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let made = async {
            let sent: Sent = request(approved.request())?;
            let operation = self.operation(&sent.operation)?;
            self.system.may(&sent, operation)?;
            Ok((sent, operation))
        };
        let (sent, operation) = match made.await {
            Ok(both) => both,
            Err(error) => return failed(error),
        };
        let full = format!("{}.{}", self.connector.id, sent.operation);
        let mut evidence = json!({
            "service": full, "method": sent.method, "url": sent.url.as_str(), "key": sent.key,
        });
        if operation.danger == Danger::Reads {
            return match self.system.ask(&sent, operation, call.now).await {
                Ok(seen) => {
                    let scope = Self::scope_of(call, &sent);
                    seen.note(&mut evidence, operation, &scope);
                    seen.read(operation, evidence)
                }
                Err(error) => failed(error),
            };
        }
        let system = sent.url.host_str().unwrap_or("endpoint").to_owned();
        match self.system.send(&sent, call.now).await {
            Err(error) => failed(error),
            Ok(Err(Trouble::NotConnected(detail))) => {
                failed(LookError::Unreachable { system, detail })
            }
            Ok(Err(Trouble::Unclear(error))) => {
                Outcome::Unknown { error: format!("{system}: {error}"), evidence }
            }
            Ok(Ok(seen)) => {
                let scope = Self::scope_of(call, &sent);
                seen.note(&mut evidence, operation, &scope);
                seen.outcome(operation, system, evidence)
            }
        }
    }

    fn permissions(&self) -> Permissions {
        // What it may do, the token of its own system says.
        Permissions { look: &[], act: &[] }
    }
}
