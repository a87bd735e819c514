//! What the checks share: how they ask, how they read an answer, how they compare.

use std::pin::Pin;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Look, Place};
use crate::actions::aws::{Ask, Aws, Failure, Purpose};
use crate::actions::params::unsafe_because;
use crate::actions::registry::ActionSettings;
use crate::actions::{Action, Call, LookError, Permission};
use crate::domain::ids::{RunId, StepId};
use crate::domain::readiness::Seen;
use crate::domain::run::preview::Direction;
use crate::domain::time::{Span, Timestamp};

/// Looks, one for each thing there is; none where the environment names nothing of the kind.
pub(super) type Looks = Result<Vec<Look>, LookError>;
/// Looking.
pub(super) type Looking<'a> = Pin<Box<dyn Future<Output = Looks> + Send + 'a>>;

/// A check as a row: its name in the table of checks, how it looks, what it needs to.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) look: for<'a> fn(&'a Tools, Place<'a>) -> Looking<'a>,
    pub(super) needs: &'static [Permission],
}

/// How the outside systems are reached.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) aws: Arc<Aws>,
    pub(super) settings: ActionSettings,
}

impl Tools {
    /// Asks; that there is no such thing is bad, not unknown.
    async fn ask(&self, system: String, ask: &Ask) -> Result<(String, Option<String>), LookError> {
        match self.aws.ask(Purpose::Look, ask).await {
            Ok(answer) => Ok((answer.body, answer.date)),
            Err(Failure::Refused { code, message }) if is_absent(&code) => {
                Err(unsafe_because(format!("{system}: {code}: {message}")))
            }
            Err(failure) => Err(failure.look(system)),
        }
    }

    /// A call of the query protocol, its answer as JSON; what was answered is in the first element of that name.
    pub(super) async fn form(
        &self,
        (service, version): (&'static str, &str),
        region: &str,
        action: &str,
        with: &[(&str, &str)],
    ) -> Result<Value, LookError> {
        let with: Vec<_> =
            with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let system = format!("{service} in {region}");
        let ask = Ask::form(service, version, region, action, &with);
        let (body, _) = self.ask(system.clone(), &ask).await?;
        let answer = tree(&body).ok_or_else(|| unclear(&system))?;
        answer.get(format!("{action}Result")).cloned().ok_or_else(|| unclear(&system))
    }

    /// A call of the JSON protocol.
    pub(super) async fn json(
        &self,
        service: &'static str,
        version: &str,
        region: &str,
        target: &str,
        with: &Value,
    ) -> Result<Value, LookError> {
        let system = format!("{service} in {region}");
        let mut ask = Ask::json(service, version, region, target, with);
        if service == "ecr" {
            ask = ask.at(format!("api.ecr.{region}"));
        }
        let (body, _) = self.ask(system.clone(), &ask).await?;
        serde_json::from_str(&body).map_err(|_| unclear(&system))
    }

    /// A `GET` of a service that answers in JSON.
    pub(super) async fn get(
        &self,
        service: &'static str,
        region: &str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, LookError> {
        let system = format!("{service} in {region}");
        let mut ask = Ask::rest(service, region, Method::GET, path);
        for (name, value) in query {
            ask = ask.query(name, value);
        }
        let (body, _) = self.ask(system.clone(), &ask).await?;
        serde_json::from_str(&body).map_err(|_| unclear(&system))
    }

    /// A `GET` of Route 53 or S3, which answer in XML; nothing where the code says that there is none.
    pub(super) async fn document(
        &self,
        system: String,
        ask: &Ask,
        none: &[&str],
    ) -> Result<Option<Value>, LookError> {
        match self.aws.ask(Purpose::Look, ask).await {
            Ok(answer) => tree(&answer.body).map(Some).ok_or_else(|| unclear(&system)),
            Err(Failure::Refused { code, .. }) if none.contains(&code.as_str()) => Ok(None),
            Err(Failure::Refused { code, message }) if is_absent(&code) => {
                Err(unsafe_because(format!("{system}: {code}: {message}")))
            }
            Err(failure) => Err(failure.look(system)),
        }
    }

    /// What AWS's clock says.
    pub(super) async fn date(&self, region: &str) -> Result<Option<String>, LookError> {
        let ask = Ask::form("sts", "2011-06-15", region, "GetCallerIdentity", &[]);
        Ok(self.ask(format!("sts in {region}"), &ask).await?.1)
    }

    /// The facts that an action which only reads finds.
    pub(super) async fn facts(
        &self,
        place: Place<'_>,
        action: &impl Action,
        with: Value,
    ) -> Result<Map<String, Value>, LookError> {
        let bad = |error: &dyn std::fmt::Display| unsafe_because(error.to_string());
        let run = RunId::parse("doctor").map_err(|error| bad(&error))?;
        let step = StepId::parse("doctor").map_err(|error| bad(&error))?;
        let with = with.as_object().cloned().unwrap_or_default();
        let call = Call {
            run: &run,
            step: &step,
            environment: place.environment,
            with: &with,
            direction: Direction::Do,
            before: None,
            done: None,
            opened_at: place.now,
            takes: Span(0),
            started_at: place.now,
            impact_at: place.now,
            token: Uuid::nil(),
            attempt: 0,
            now: place.now,
            past: &[],
        };
        Ok(action.preview(&call).await?.facts)
    }
}

fn is_absent(code: &str) -> bool {
    code.contains("NotFound") || code.starts_with("NoSuch")
}

fn unclear(system: &str) -> LookError {
    Failure::Unclear("an answer that cannot be read".into()).look(system.to_owned())
}

/// XML as JSON: elements by their names, those that come again in a list.
fn tree(xml: &str) -> Option<Value> {
    let document = roxmltree::Document::parse(xml).ok()?;
    Some(branch(document.root_element()))
}

fn branch(node: roxmltree::Node<'_, '_>) -> Value {
    let mut parts = Map::new();
    for child in node.children().filter(roxmltree::Node::is_element) {
        let value = branch(child);
        match parts.get_mut(child.tag_name().name()) {
            None => drop(parts.insert(child.tag_name().name().to_owned(), value)),
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    if parts.is_empty() {
        return Value::String(node.text().unwrap_or_default().trim().to_owned());
    }
    Value::Object(parts)
}

/// Everything at `pointer`: a list, or the only one that is there.
pub(super) fn each<'a>(of: &'a Value, pointer: &str) -> Vec<&'a Value> {
    match of.pointer(pointer) {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(Value::Null) | None => vec![],
        Some(Value::String(text)) if text.is_empty() => vec![],
        Some(one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => {
            vec![one]
        }
    }
}

/// What is said at `pointer`, as text; nothing where nothing is.
pub(super) fn said(of: &Value, pointer: &str) -> Option<String> {
    match of.pointer(pointer)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        value @ (Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The number at `pointer`.
pub(super) fn number(of: &Value, pointer: &str) -> Option<f64> {
    said(of, pointer)?.parse().ok()
}

/// The instant at `pointer`: as text, or in seconds since 1970.
pub(super) fn instant(of: &Value, pointer: &str) -> Option<Timestamp> {
    match of.pointer(pointer)? {
        Value::String(text) => {
            let at: jiff::Timestamp = text.parse().ok()?;
            Some(Timestamp(at.as_millisecond()))
        }
        Value::Number(seconds) => {
            let at = jiff::Timestamp::UNIX_EPOCH
                .checked_add(jiff::SignedDuration::try_from_secs_f64(seconds.as_f64()?).ok()?);
            Some(Timestamp(at.ok()?.as_millisecond()))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Where it is the finding that there is none; else what is not known is not known.
pub(super) fn or_absent(is: Option<String>) -> Option<String> {
    is.or_else(|| Some("told.absent".to_owned()))
}

/// What must be so of one thing. The first that is not is told; what is not known, where all else is as it must be.
#[derive(Debug)]
pub(super) struct Must {
    subject: String,
    good: Vec<String>,
    worst: Option<Look>,
}

impl Must {
    pub(super) fn of(subject: &str) -> Self {
        Self { subject: subject.to_owned(), good: vec![], worst: None }
    }

    /// `what` must be `wanted`.
    pub(super) fn be(self, what: &str, is: Option<String>, wanted: &str) -> Self {
        let holds = is.as_deref() == Some(wanted);
        self.hold(what, is, wanted, holds)
    }

    /// `what` must be as `wanted` says, and whether it is, is known.
    pub(super) fn hold(
        mut self,
        what: &str,
        is: Option<String>,
        wanted: &str,
        holds: bool,
    ) -> Self {
        let (seen, is) = match is {
            Some(is) if holds => {
                self.good.push(format!("{what} {is}"));
                return self;
            }
            Some(is) => (Seen::Bad, is),
            None => (Seen::Unknown, "told.unknown".to_owned()),
        };
        let args = [("what", what), ("is", &is), ("wanted", wanted)];
        let look = Look::new(&self.subject, seen, "doctor.saw.other", &args);
        self.but(look)
    }

    /// Must be there.
    pub(super) fn there(mut self, what: &str, is_there: bool) -> Self {
        if is_there {
            self.good.push(what.to_owned());
            return self;
        }
        let look = Look::bad(&self.subject, "doctor.saw.missing", &[("what", what)]);
        self.but(look)
    }

    fn but(mut self, look: Look) -> Self {
        if self.worst.as_ref().is_none_or(|worst| worst.seen < look.seen) {
            self.worst = Some(look);
        }
        self
    }

    pub(super) fn look(self) -> Look {
        let good = self.good.join(", ");
        self.worst
            .unwrap_or_else(|| Look::good(&self.subject, "doctor.saw.fine", &[("what", &good)]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn xml_is_read_by_its_names_and_one_is_a_list_of_one() {
        let one = tree("<a><all><m><id>1</id></m></all><none/></a>").unwrap();
        let two = tree("<a><all><m><id>1</id></m><m><id>2</id></m></all></a>").unwrap();
        assert_eq!((each(&one, "/all/m").len(), each(&two, "/all/m").len()), (1, 2));
        assert_eq!(said(each(&two, "/all/m")[1], "/id").as_deref(), Some("2"));
        assert_eq!((each(&one, "/none").len(), said(&one, "/none")), (0, None));
        assert_eq!(tree("no xml"), None);
    }

    #[test]
    fn instants_are_text_or_seconds() {
        let of = json!({"text": "2026-11-20T14:18:20.5Z", "seconds": 1_795_184_300.5});
        let half = Timestamp(1_795_184_300_500);
        assert_eq!((instant(&of, "/text"), instant(&of, "/seconds")), (Some(half), Some(half)));
        assert_eq!(instant(&of, "/none"), None);
    }

    #[test]
    fn the_first_that_is_not_so_is_told_and_what_is_not_known_is_neither_good_nor_bad() {
        let good = Must::of("x").be("status", Some("available".into()), "available").look();
        assert_eq!(good.seen, Seen::Good);
        let unknown = Must::of("x").be("status", None, "available").there("y", true).look();
        assert_eq!(
            (unknown.seen, unknown.saw.args["is"].as_str()),
            (Seen::Unknown, "told.unknown")
        );
        let bad = Must::of("x").be("status", None, "available").there("y", false).there("z", false);
        let bad = bad.look();
        assert_eq!((bad.seen, bad.saw.args["what"].as_str()), (Seen::Bad, "y"));
        let absent = Must::of("x").be("writer", or_absent(None), "eu").look();
        assert_eq!((absent.seen, absent.saw.args["is"].as_str()), (Seen::Bad, "told.absent"));
    }
}
