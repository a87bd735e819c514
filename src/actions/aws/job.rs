//! Levers that start something which then runs by itself: a batch copy, an automation, an experiment.
//!
//! Each start carries the token of its approval, by which it is found again when nobody answered; starting twice with the
//! same token is one start. Done means that it has ended: how it ended is a fact.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::lever::{Lever, Pulled, Request, Wanted, saved};
use super::{Aws, Failure};
use crate::actions::params::{also, clip, text, unsafe_because};
use crate::actions::{Call, Happened, LookError, Permissions};
use crate::domain::run::preview::{Change, Direction, Remark};
use crate::domain::text::told;

/// Something that is started.
#[async_trait]
pub(in crate::actions) trait Job:
    Debug + Default + Send + Sync + 'static
{
    /// As IAM calls it: `fis`.
    const SERVICE: &'static str;
    /// The call that starts it.
    const OPERATION: &'static str;
    /// The call that stops it, where that is a way back.
    const STOP: Option<&'static str> = None;

    /// As an action.
    fn action(aws: Arc<Aws>) -> Pulled<Start<Self>> {
        Pulled::new(aws, Start(Self::default()))
    }

    /// The region whose endpoint is called.
    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        Ok(text(call, "region")?.to_owned())
    }

    /// What is started, and with what: the first part is its name.
    fn input(&self, call: &Call<'_>) -> Result<(String, Value), LookError>;

    /// Refuses what would not run, and tells what is known of it beforehand.
    async fn ready(&self, aws: &Aws, call: &Call<'_>) -> Result<Ready, LookError>;

    /// What was started with this token.
    async fn find(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        token: &str,
    ) -> Result<Option<Running>, LookError>;

    /// Starts it, or stops `asked.stop`, once.
    async fn send(&self, aws: &Aws, request: &Request<Asked>) -> Result<Value, Failure>;

    /// How it is afterwards, in people's words.
    fn after(&self, _call: &Call<'_>) -> String {
        "running".into()
    }

    /// Whether it is being stopped, where it can be.
    fn is_stopping(&self, _status: &str) -> bool {
        false
    }

    /// Whether it was stopped before its end, where it can be.
    fn is_stopped(&self, _status: &str) -> bool {
        false
    }

    /// Whether this status is an end; `None` of words we do not know.
    fn is_over(&self, status: &str) -> Option<bool>;

    /// What it needs, apart for looking and for doing.
    fn permissions(&self) -> Permissions;
}

/// What is known before a start.
#[derive(Debug, Default)]
pub(in crate::actions) struct Ready {
    pub(super) remarks: Vec<Remark>,
    /// Sent as well, so that it is what was shown: the version that is the default one now.
    pub(super) also: Map<String, Value>,
    /// Not sent, but another value voids the approval: what a template does.
    pub(super) bound: Map<String, Value>,
}

/// Something that was started.
#[derive(Debug, Clone)]
pub(in crate::actions) struct Running {
    pub(super) id: String,
    pub(super) status: String,
    /// The other facts.
    pub(super) facts: Map<String, Value>,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    pub(super) input: Value,
    pub(super) token: String,
    /// What is stopped, for a way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stop: Option<String>,
}

/// What was seen.
#[derive(Debug)]
pub(in crate::actions) struct Sight {
    running: Option<Running>,
    ready: Ready,
}

/// A job as a lever.
#[derive(Debug)]
pub(in crate::actions) struct Start<J>(J);

impl<J: Job> Start<J> {
    /// Under which token to look.
    fn token(call: &Call<'_>, asked: Option<&Asked>) -> Result<String, LookError> {
        match (asked, call.direction) {
            (Some(asked), _) => Ok(asked.token.clone()),
            (None, Direction::Do) => Ok(call.token.to_string()),
            (None, Direction::Undo) => Ok(saved::<Asked>(call)?.token),
        }
    }
}

#[async_trait]
impl<J: Job> Lever for Start<J> {
    type State = Sight;
    type Parameters = Asked;

    const SERVICE: &'static str = J::SERVICE;
    const OPERATION: &'static str = J::OPERATION;

    fn operation(&self, asked: &Asked) -> &'static str {
        match (&asked.stop, J::STOP) {
            (Some(_), Some(stop)) => stop,
            (Some(_) | None, _) => J::OPERATION,
        }
    }

    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        self.0.region(call)
    }

    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        asked: Option<&Asked>,
    ) -> Result<Sight, LookError> {
        let token = Self::token(call, asked)?;
        let running = self.0.find(aws, call, &token).await?;
        let ready = match asked {
            None if call.direction == Direction::Do => self.0.ready(aws, call).await?,
            None | Some(_) => Ready::default(),
        };
        Ok(Sight { running, ready })
    }

    fn wanted(&self, call: &Call<'_>, sight: &Sight) -> Result<Wanted<Asked>, LookError> {
        let (name, input) = self.0.input(call)?;
        let sent = sight.ready.also.iter();
        let input = sent.fold(input, |input, (name, part)| also(input, name, part.clone()));
        let status = sight.running.as_ref().map(|running| running.status.clone());
        let now = status.clone().unwrap_or_else(|| "-".to_owned());
        let (parameters, after) = match (call.direction, J::STOP, &sight.running) {
            (Direction::Do, _, _) => {
                let token = call.token.to_string();
                (Asked { input, token, stop: None }, self.0.after(call))
            }
            (Direction::Undo, None, _) => {
                return Err(unsafe_because("what was started goes on to its end"));
            }
            (Direction::Undo, Some(_), None) => {
                return Err(unsafe_because(told("trouble.already_so", &[&name])));
            }
            (Direction::Undo, Some(_), Some(running)) => {
                if self.0.is_over(&running.status) == Some(true) {
                    return Err(unsafe_because(told("trouble.already_so", &[&name])));
                }
                let token = saved::<Asked>(call)?.token;
                (Asked { input, token, stop: Some(running.id.clone()) }, "stopped".to_owned())
            }
        };
        let change = Change { what: name.clone(), now, after };
        // What it is started with, and what that will do: an approval is of these too.
        let told = parameters.input.as_object().into_iter().flatten().chain(&sight.ready.bound);
        let told = told.map(|(what, value)| Change {
            what: what.clone(),
            now: "-".to_owned(),
            after: clip(&value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)),
        });
        let mut binding = sight.ready.bound.clone();
        binding.insert("input".to_owned(), parameters.input.clone());
        Ok(Wanted {
            on: format!("of {name}"),
            binding,
            changes: std::iter::once(change).chain(told).collect(),
            remarks: sight.ready.remarks.clone(),
            parameters,
        })
    }

    fn facts(&self, sight: &Sight) -> Map<String, Value> {
        let Some(running) = &sight.running else {
            return Map::from_iter([("status".to_owned(), json!("not started"))]);
        };
        let mut facts = running.facts.clone();
        facts.insert("id".to_owned(), json!(running.id));
        facts.insert("status".to_owned(), json!(running.status));
        facts
    }

    fn saw(&self, sight: &Sight) -> String {
        let line = |running: &Running| format!("{}: {}", running.id, running.status);
        sight.running.as_ref().map_or_else(|| "not started".to_owned(), line)
    }

    fn happened(&self, sight: &Sight, asked: &Asked) -> Happened {
        let status = sight.running.as_ref().map(|running| running.status.as_str());
        let over = status.map(|status| self.0.is_over(status));
        match (status, over, &asked.stop) {
            (None, _, None) => Happened::Never,
            (Some(_), Some(Some(true)), None) => Happened::Done,
            (Some(_), Some(Some(false)), None) => Happened::Running,
            (Some(status), _, Some(_)) if self.0.is_stopped(status) => Happened::Done,
            (Some(status), _, Some(_)) if self.0.is_stopping(status) => Happened::Running,
            (Some(_), Some(Some(false)), Some(_)) => Happened::Never,
            // Also what ended by itself before it was stopped.
            (None | Some(_), _, _) => Happened::Unknown,
        }
    }

    async fn send(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Asked>,
    ) -> Result<Value, Failure> {
        self.0.send(aws, request).await
    }

    fn permissions(&self) -> Permissions {
        self.0.permissions()
    }
}
