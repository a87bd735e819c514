//! What a system said, and what that comes to. What it said is kept within limits and without secrets; nothing that is
//! not the answer that was expected counts as one.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::keys::Keys;
use super::mask;
use super::rate::Gauge;
use super::sent::Sent;
use crate::actions::aws::Aws;
use crate::actions::http::{Answer, Flaw, HttpSettings, NOT_DONE, Sending, Trouble};
use crate::actions::params::{clip, failed, put};
use crate::actions::{Call, Happened, LookError, Outcome};
use crate::domain::action::Danger;
use crate::domain::connector::render::Scope;
use crate::domain::connector::{Connector, Operation, Sight, ask};
use crate::domain::text::{cut, told};
use crate::domain::time::Timestamp;

/// Longest answer that is read.
const LONGEST: usize = 1 << 20;
/// Longest fact, as JSON.
const LONGEST_FACT: usize = 4096;
/// A question is asked at most so often, and within so long in all: well inside a look.
const TRIES: u32 = 3;
const WITHIN: Duration = Duration::from_secs(15);
/// Longest that is waited because a system asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A system that is asked.
#[derive(Debug)]
pub(super) struct System {
    id: String,
    pub(super) keys: Keys,
    gauge: Gauge,
    request_id: String,
}

/// An answer without secrets.
#[derive(Debug)]
pub(super) struct Said {
    answer: Answer,
}

impl System {
    pub(super) fn new(connector: &Connector, settings: HttpSettings, aws: Arc<Aws>) -> Self {
        Self {
            id: connector.id.clone(),
            keys: Keys::new(settings, aws),
            gauge: Gauge::new(connector.base.rate),
            request_id: connector.base.request_id.clone().unwrap_or("x-request-id".to_owned()),
        }
    }

    /// Refuses a request that the settings do not allow: whatever may change something, and what is signed with our own
    /// credentials. Other secrets have a place of their own.
    pub(super) fn may(&self, sent: &Sent, operation: &Operation) -> Result<(), LookError> {
        let only_asks = operation.danger == Danger::Reads && operation.method != "POST";
        let signed = sent.auth.as_ref().is_some_and(|auth| auth.secret().is_none());
        if only_asks && !signed {
            return Ok(());
        }
        self.keys.settings.allows(&sent.url)
    }

    /// Sends once.
    pub(super) async fn send(
        &self,
        sent: &Sent,
        now: Timestamp,
    ) -> Result<Result<Said, Trouble>, LookError> {
        let proof = self.keys.prove(sent, now).await?;
        if !self.gauge.turn().await {
            let detail = told("told.too_often", &[&self.id]);
            return Err(LookError::Refused { system: self.id.clone(), detail });
        }
        let sending = Sending {
            headers: proof.headers,
            body: proof.body.as_ref(),
            id_header: &self.request_id,
            longest: LONGEST,
            ..Sending::new(sent.verb(), &sent.url, sent.timeout_ms)
        };
        let answered = sending.within(&self.keys.settings).await;
        if answered.as_ref().is_ok_and(|answer| answer.status == Some(401)) {
            self.keys.forget(sent).await;
        }
        Ok(match answered {
            Ok(answer) => Ok(Said::of(answer, &proof.hidden)),
            Err(Trouble::NotConnected(text)) => {
                Err(Trouble::NotConnected(mask::text(&text, &proof.hidden)))
            }
            Err(Trouble::Unclear(text)) => Err(Trouble::Unclear(mask::text(&text, &proof.hidden))),
        })
    }

    /// Asks what only reads: again where nobody answered, or where it is asked to wait.
    pub(super) async fn ask(
        &self,
        sent: &Sent,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Said, LookError> {
        self.may(sent, operation)?;
        let begin = Instant::now();
        let mut pause = Duration::from_millis(250);
        for tried in 1..=TRIES {
            let answered = self.send(sent, now).await?;
            let wait = match &answered {
                Ok(said) => said.asks_again().map(|wait| wait.max(pause)),
                Err(_) => Some(pause),
            };
            let room = begin.elapsed() + wait.unwrap_or_default() + Duration::from_secs(1) < WITHIN;
            match (wait.filter(|_| tried < TRIES && room), answered) {
                (Some(wait), _) => sleep(wait).await,
                (None, Ok(said)) => return Ok(said),
                (None, Err(Trouble::NotConnected(detail) | Trouble::Unclear(detail))) => {
                    return Err(LookError::Unreachable { system: self.id.clone(), detail });
                }
            }
            pause *= 2;
        }
        let detail = told("told.no_answer", &[]);
        Err(LookError::Unreachable { system: self.id.clone(), detail })
    }
}

impl Said {
    fn of(mut answer: Answer, hidden: &[SecretString]) -> Self {
        answer.body = answer.body.map(|body| mask::value(&body, hidden));
        for text in [&mut answer.id, &mut answer.retry_after, &mut answer.elsewhere] {
            *text = text.as_ref().map(|text| clip(&mask::text(text, hidden)));
        }
        Self { answer }
    }

    /// How long to wait before it is asked again, if that may help.
    fn asks_again(&self) -> Option<Duration> {
        let after = self.answer.retry_after.as_ref().and_then(|text| text.parse().ok());
        let after = after.map_or(Duration::ZERO, Duration::from_secs);
        let passing = matches!(self.answer.status, Some(429 | 500 | 502 | 503 | 504));
        (passing && after <= LONGEST_PAUSE).then_some(after)
    }

    fn status(&self) -> u16 {
        self.answer.status.unwrap_or_default()
    }

    /// Whether it is an answer that was expected, whole and readable.
    fn is_good(&self, operation: &Operation) -> bool {
        Sent::expects(operation, self.status()) && self.wrong(operation).is_none()
    }

    /// What is wrong with what was sent back, in our words.
    fn wrong(&self, operation: &Operation) -> Option<String> {
        if let Some(place) = &self.answer.elsewhere {
            return Some(told("told.redirected", &[place]));
        }
        match self.answer.flaw? {
            Flaw::Half => Some(told("told.half", &[])),
            Flaw::TooLong => Some(told("told.huge", &[&(LONGEST / 1024).to_string()])),
            Flaw::NotJson if operation.any_answer => None,
            Flaw::NotJson => Some(told("told.page", &[&self.status().to_string()])),
        }
    }

    /// What it says, for people.
    fn detail(&self, operation: &Operation) -> String {
        if self.status() == 429 {
            let after = self.answer.retry_after.as_deref().unwrap_or_default();
            return told("told.too_many", &[after]);
        }
        if let Some(wrong) = self.wrong(operation) {
            return wrong;
        }
        let body = self.answer.body.as_ref();
        // ` | ` would be read as the next argument.
        let said =
            body.map(|body| clip(&body.to_string()).replace(" | ", " / ")).unwrap_or_default();
        told("told.status", &[&self.status().to_string(), &said])
    }

    pub(super) fn saw(&self) -> String {
        self.answer.saw()
    }

    /// What an expression may look at.
    fn about(&self, scope: &Scope) -> Value {
        let mut about = scope.about(self.answer.status, self.answer.body.clone());
        if let Value::Object(map) = &mut about {
            let (length, hash) = &self.answer.bytes;
            map.insert("bytes".to_owned(), (*length).into());
            map.insert("sha256".to_owned(), hash.clone().into());
        }
        about
    }

    /// The operation's own facts.
    fn taken(&self, operation: &Operation, scope: &Scope) -> Map<String, Value> {
        if !self.is_good(operation) {
            return Map::new();
        }
        let mut facts = ask::facts(&operation.facts, &self.about(scope));
        for value in facts.values_mut() {
            let length = value.to_string().len();
            if length > LONGEST_FACT {
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                *value = cut(&text, LONGEST_FACT / 4).into();
            }
        }
        facts
    }

    /// All facts.
    pub(super) fn facts(&self, operation: &Operation, scope: &Scope) -> Map<String, Value> {
        let mut facts = self.taken(operation, scope);
        put(&mut facts, "reachable", Some(self.answer.status.is_some()));
        put(&mut facts, "status", self.answer.status);
        put(&mut facts, "latency_ms", self.answer.latency_ms);
        facts
    }

    /// Whether the effect shows in this answer.
    pub(super) fn tells(&self, sight: &Sight, asked: &Operation, scope: &Scope) -> Happened {
        if sight.absent.contains(&self.status()) {
            return Happened::Never;
        }
        if !self.is_good(asked) {
            return Happened::Unknown;
        }
        let about = self.about(scope);
        let runs = sight.running.as_ref().and_then(|running| ask::holds(running, &about));
        match (ask::holds(&sight.done, &about), runs) {
            (Some(true), _) => Happened::Done,
            (_, Some(true)) => Happened::Running,
            (Some(false), _) => Happened::Never,
            (None, _) => Happened::Unknown,
        }
    }

    /// Writes down what an auditor asks for.
    pub(super) fn note(&self, evidence: &mut Value, operation: &Operation, scope: &Scope) {
        let Value::Object(evidence) = evidence else { return };
        put(evidence, "status", self.answer.status);
        put(evidence, "request_id", self.answer.id.clone());
        let taken = self.taken(operation, scope);
        put(evidence, "taken", (!taken.is_empty()).then_some(taken));
        put(evidence, "accepted", self.is_good(operation).then_some(true));
    }

    /// What a request that changes something comes to.
    pub(super) fn outcome(
        &self,
        operation: &Operation,
        system: String,
        evidence: Value,
    ) -> Outcome {
        if self.is_good(operation) {
            return Outcome::Accepted { evidence };
        }
        let detail = self.detail(operation);
        if NOT_DONE.contains(&self.status()) {
            return failed(LookError::Refused { system, detail });
        }
        Outcome::Unknown { error: detail, evidence }
    }

    /// What a request that only reads comes to.
    pub(super) fn read(&self, operation: &Operation, evidence: Value) -> Outcome {
        if self.is_good(operation) {
            return Outcome::Accepted { evidence };
        }
        let system = evidence.get("service").and_then(Value::as_str).unwrap_or_default().to_owned();
        failed(LookError::Refused { system, detail: self.detail(operation) })
    }
}

fn past<'a>(call: &Call<'a>, key: &str) -> Option<&'a Value> {
    let is_it = |past: &&Value| past.get("key").and_then(Value::as_str) == Some(key);
    call.past.iter().rfind(is_it)
}

/// What was taken out of the answer to the request with this key.
pub(super) fn taken(call: &Call<'_>, key: &str) -> Map<String, Value> {
    let taken = past(call, key).and_then(|past| past.get("taken")?.as_object());
    taken.cloned().unwrap_or_default()
}

/// Whether the request with this key was taken, as its answer says.
pub(super) fn was_taken(call: &Call<'_>, key: &str) -> bool {
    past(call, key).is_some_and(|past| past.get("accepted") == Some(&Value::Bool(true)))
}
