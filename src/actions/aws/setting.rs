//! Levers that set one value of one thing: what it is now, what it shall be, and back to what it was.
//!
//! A [`Setting`] reads and writes the value; what follows from having a value (the way back, whether it has happened, the
//! approval that is void when somebody else changes it) is here.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lever::{Lever, Pulled, Request, Wanted, saved};
use super::{Aws, Failure};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, Happened, LookError, Permissions};
use crate::domain::run::preview::{Change, Direction, Remark};
use crate::domain::text::told;

/// One value of one thing at one service.
#[async_trait]
pub(in crate::actions) trait Setting:
    Debug + Default + Send + Sync + 'static
{
    /// As the SDK and IAM call it: `rds`.
    const SERVICE: &'static str;
    /// The call that sets it.
    const OPERATION: &'static str;
    /// The parameters that say which thing.
    const OF: &'static [&'static str];
    /// The fact that tells the value.
    const FACT: &'static str;
    /// Why there is no way back, where there is none.
    const ONE_WAY: Option<&'static str> = None;

    /// As an action.
    fn action(aws: Arc<Aws>) -> Pulled<Dial<Self>> {
        Pulled::new(aws, Dial(Self::default()))
    }

    /// Which thing, as it is sent.
    fn thing(&self, call: &Call<'_>) -> Result<Map<String, Value>, LookError> {
        let part = |name: &&str| Ok(((*name).to_owned(), text(call, name)?.into()));
        Self::OF.iter().map(part).collect()
    }

    /// The region whose endpoint is called.
    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        Ok(text(call, "region")?.to_owned())
    }

    /// The value as it is.
    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError>;

    /// The value the step asks for, or why it must not be touched.
    fn to(&self, call: &Call<'_>, seen: &Seen) -> Result<Value, LookError>;

    /// The call for this value, where taking it away is another call.
    fn operation(&self, _to: &Value) -> &'static str {
        Self::OPERATION
    }

    /// Sends exactly this, once.
    async fn write(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure>;

    /// Whether two values are one, where the service may write it in another way than it was given.
    fn is_same(&self, one: &Value, other: &Value) -> bool {
        one == other
    }

    /// What changes, in people's words.
    fn changes(&self, what: &str, from: &Value, to: &Value) -> Vec<Change> {
        vec![Change { what: what.to_owned(), now: self.shown(from), after: self.shown(to) }]
    }

    /// A value in people's words.
    fn shown(&self, value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
    }

    /// What people should know first.
    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![]
    }

    /// What it needs, apart for looking and for doing.
    fn permissions(&self) -> Permissions;
}

/// A thing as it was seen.
#[derive(Debug, Default)]
pub(in crate::actions) struct Seen {
    /// The value.
    pub(super) now: Value,
    /// Nothing is under way (true), or something is; not known, where it does not say.
    pub(super) is_settled: Option<bool>,
    /// The other facts.
    pub(super) facts: Map<String, Value>,
    /// The state in one line, if the value alone does not say it.
    pub(super) line: Option<String>,
}

/// What is sent: the thing and its new value; `from` is the way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Set {
    pub(super) of: Map<String, Value>,
    pub(super) from: Value,
    pub(super) to: Value,
}

impl Set {
    /// A part of which thing it is.
    pub(super) fn part(&self, name: &str) -> &str {
        self.of.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The thing as a name: its parts.
fn name(of: &Map<String, Value>) -> String {
    let texts = of.values().flat_map(|part| {
        let list = part.as_array().into_iter().flatten();
        list.chain([part]).filter_map(Value::as_str).collect::<Vec<_>>()
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// A setting as a lever.
#[derive(Debug)]
pub(in crate::actions) struct Dial<S>(S);

#[async_trait]
impl<S: Setting> Lever for Dial<S> {
    type State = Seen;
    type Parameters = Set;

    const SERVICE: &'static str = S::SERVICE;
    const OPERATION: &'static str = S::OPERATION;

    fn operation(&self, parameters: &Set) -> &'static str {
        self.0.operation(&parameters.to)
    }

    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        self.0.region(call)
    }

    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        _asked: Option<&Set>,
    ) -> Result<Seen, LookError> {
        self.0.read(aws, call).await
    }

    fn wanted(&self, call: &Call<'_>, seen: &Seen) -> Result<Wanted<Set>, LookError> {
        let of = self.0.thing(call)?;
        let what = name(&of);
        let to = match (call.direction, S::ONE_WAY) {
            (Direction::Do, _) => self.0.to(call, seen)?,
            (Direction::Undo, None) => saved::<Set>(call)?.from,
            (Direction::Undo, Some(why)) => return Err(unsafe_because(why)),
        };
        let from = seen.now.clone();
        match seen.is_settled {
            Some(true) => {}
            Some(false) => return Err(unsafe_because(told("trouble.busy", &[&what]))),
            None => return Err(unsafe_because(told("trouble.unknown_state", &[&what]))),
        }
        if self.0.is_same(&from, &to) {
            return Err(unsafe_because(told("trouble.already_so", &[&what])));
        }
        if call.direction == Direction::Undo && !self.0.is_same(&from, &saved::<Set>(call)?.to) {
            let why =
                "was changed by somebody since: putting back the old value would undo that too";
            return Err(unsafe_because(format!("{what} {why}; put it back by hand")));
        }
        Ok(Wanted {
            on: format!("of {what}"),
            binding: Map::from_iter([(S::FACT.to_owned(), from.clone())]),
            changes: self.0.changes(&what, &from, &to),
            remarks: self.0.remarks(call, seen),
            parameters: Set { of, from, to },
        })
    }

    fn facts(&self, seen: &Seen) -> Map<String, Value> {
        let mut facts = seen.facts.clone();
        facts.insert(S::FACT.to_owned(), seen.now.clone());
        facts
    }

    fn saw(&self, seen: &Seen) -> String {
        seen.line.clone().unwrap_or_else(|| format!("{}: {}", S::FACT, self.0.shown(&seen.now)))
    }

    fn happened(&self, seen: &Seen, asked: &Set) -> Happened {
        match (seen.is_settled, &seen.now) {
            (Some(false), _) => Happened::Running,
            (Some(true), now) if self.0.is_same(now, &asked.to) => Happened::Done,
            (Some(true), now) if self.0.is_same(now, &asked.from) => Happened::Never,
            (Some(true) | None, _) => Happened::Unknown,
        }
    }

    async fn send(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        self.0.write(aws, call, request).await
    }

    fn permissions(&self) -> Permissions {
        self.0.permissions()
    }
}
