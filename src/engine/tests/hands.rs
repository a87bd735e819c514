//! The clock, the system outside and the channel of the tests: each does as it is told, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::comms::Message;
use crate::domain::run::chat::{Source, Words};
use crate::domain::run::preview::{Approved, Change, Preview};
use crate::domain::run::{MessageKey, Run};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};
use crate::engine::channel::{Channel, ChannelError, Pending, Urgency};
use crate::engine::clock::Clock;
use crate::store::Posted;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(super) struct Hand {
    wall: AtomicI64,
    steady: AtomicU64,
}

impl Hand {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { wall: now.0.into(), steady: 0.into() }
    }

    pub(super) fn pass(&self, span: Span) {
        self.pass_apart(span, span);
    }

    /// Time passes, and somebody adjusts the clock meanwhile.
    pub(super) fn pass_apart(&self, wall: Span, steady: Span) {
        self.set(self.now().plus(wall));
        self.steady.fetch_add(steady.ms(), SeqCst);
    }

    /// Somebody adjusts it: no time passes.
    pub(super) fn set(&self, now: Timestamp) {
        self.wall.store(now.0, SeqCst);
    }
}

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(SeqCst))
    }

    async fn sleep(&self, span: Span) {
        let until = self.now().plus(span);
        while self.now() < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(SeqCst))
    }

    async fn wait(&self, real: Duration) {
        let until = self.steady() + real;
        while self.steady() < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn not_before(&self, latest: Timestamp) {
        self.wall.fetch_max(latest.0, SeqCst);
    }
}

/// What the action was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) what: &'static str,
    pub(super) with: Value,
    pub(super) token: Uuid,
    pub(super) attempt: u32,
    pub(super) past: usize,
}

/// How the system outside behaves.
#[derive(Debug)]
pub(super) struct Script {
    /// A look before a call fails so.
    pub(super) trouble: Option<LookError>,
    /// How a call ends.
    pub(super) outcome: Outcome,
    /// What a look says of a call.
    pub(super) happened: Happened,
    /// What `facts.target_is_writer` is.
    pub(super) is_there: bool,
    /// Neither calls nor looks ever return.
    pub(super) is_dark: bool,
    /// Calls never return, looks do.
    pub(super) swallows_calls: bool,
    /// So much time passes during a look before a call, on the wall and truly.
    pub(super) look_takes: (Span, Span),
    /// Changes what a preview is bound to.
    pub(super) version: u32,
}

/// The system outside.
#[derive(Debug)]
pub(super) struct Outside {
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
    clock: Mutex<Option<Arc<Hand>>>,
}

impl Default for Outside {
    fn default() -> Self {
        let script = Script {
            trouble: None,
            outcome: Outcome::Accepted { evidence: json!({"request_id": "q1"}) },
            happened: Happened::Unknown,
            is_there: false,
            is_dark: false,
            swallows_calls: false,
            look_takes: (Span(0), Span(0)),
            version: 1,
        };
        Self { script: Mutex::new(script), asked: Mutex::default(), clock: Mutex::default() }
    }
}

impl Outside {
    pub(super) fn now(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// From now on a look before a call takes so long on this clock.
    pub(super) fn slow(&self, clock: &Arc<Hand>, wall: Span, steady: Span) {
        *self.clock.lock().unwrap() = Some(Arc::clone(clock));
        self.now(|script| script.look_takes = (wall, steady));
    }

    pub(super) fn asked(&self, what: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.what == what).cloned().collect()
    }

    fn note(&self, what: &'static str, call: &Call<'_>) {
        let with = Value::Object(call.with.clone());
        let (token, attempt, past) = (call.token, call.attempt, call.past.len());
        self.asked.lock().unwrap().push(Asked { what, with, token, attempt, past });
    }

    async fn dark(&self) {
        let is_dark = self.script.lock().unwrap().is_dark;
        if is_dark {
            std::future::pending::<()>().await;
        }
    }

    fn facts(&self) -> Map<String, Value> {
        Map::from_iter([(
            "target_is_writer".to_owned(),
            json!(self.script.lock().unwrap().is_there),
        )])
    }
}

#[derive(Debug)]
pub(super) struct Scripted(pub(super) Arc<Outside>);

#[async_trait]
impl Action for Scripted {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        self.0.note("preview", call);
        self.0.dark().await;
        let takes = self.0.script.lock().unwrap().look_takes;
        if let Some(clock) = &*self.0.clock.lock().unwrap() {
            clock.pass_apart(takes.0, takes.1);
        }
        let script = self.0.script.lock().unwrap();
        if let Some(trouble) = &script.trouble {
            return Err(trouble.clone());
        }
        let (what, now, after) = ("writer".to_owned(), "eu".to_owned(), "us".to_owned());
        Ok(Preview {
            request: json!({"move": call.with}),
            binding: Map::from_iter([("version".to_owned(), json!(script.version))]),
            facts: Map::new(),
            changes: vec![Change { what, now, after }],
            calls: vec!["rds move".to_owned()],
            remarks: vec![],
        })
    }

    async fn probe(&self, call: &Call<'_>, _request: &Value) -> Probe {
        self.0.note("probe", call);
        self.0.dark().await;
        let happened = self.0.script.lock().unwrap().happened;
        Probe { happened, facts: self.0.facts(), saw: "as scripted".to_owned() }
    }

    async fn run(&self, call: &Call<'_>, _approved: &Approved) -> Outcome {
        let swallows_calls = self.0.script.lock().unwrap().swallows_calls;
        self.0.note("run", call);
        if swallows_calls {
            std::future::pending::<()>().await;
        }
        self.0.dark().await;
        self.0.script.lock().unwrap().outcome.clone()
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}

/// What was done in the channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Done {
    Posted(MessageKey, Message),
    Edited(MessageKey, Message, String),
    Replied(MessageKey, String),
    Pinned(String),
    TakenBack(String),
}

/// The channel.
#[derive(Debug, Default)]
pub(super) struct Wall {
    /// What becomes of the next messages; all is well once it is empty.
    pub(super) troubles: Mutex<VecDeque<Option<ChannelError>>>,
    /// What a search finds.
    pub(super) found: Mutex<Vec<Posted>>,
    /// Warnings that wait; `None` if the channel has no such thing.
    pub(super) waiting: Mutex<Option<Vec<Pending>>>,
    /// It is too late to take a warning back.
    pub(super) is_too_late: Mutex<bool>,
    /// It does not say which warnings wait.
    pub(super) cannot_list: Mutex<bool>,
    /// How often it was asked which warnings wait.
    pub(super) asked_what_waits: AtomicU64,
    /// What a marked message says.
    pub(super) words: Mutex<Option<Words>>,
    /// The chat is away.
    pub(super) is_down: Mutex<bool>,
    /// Nobody gets a turn.
    pub(super) is_busy: Mutex<bool>,
    pub(super) done: Mutex<Vec<Done>>,
    /// Whose turn was asked for: the first key of the message, how urgent, and whether it stands.
    pub(super) turns: Mutex<Vec<(String, Urgency, bool)>>,
}

impl Wall {
    pub(super) fn done(&self) -> Vec<Done> {
        std::mem::take(&mut *self.done.lock().unwrap())
    }

    fn did(&self, done: Done) -> usize {
        let mut all = self.done.lock().unwrap();
        all.push(done);
        all.len()
    }

    fn trouble(&self) -> Result<(), ChannelError> {
        if *self.is_down.lock().unwrap() {
            return Err(ChannelError::Failed { detail: "away".into() });
        }
        match self.troubles.lock().unwrap().pop_front().flatten() {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    }
}

/// Where a message of this name stands.
pub(super) fn place(key: &MessageKey) -> Posted {
    Posted::at("C1", format!("ts {key}"))
}

#[async_trait]
impl Channel for Wall {
    async fn turn(
        &self,
        _run: &Run,
        _key: &MessageKey,
        urgency: Urgency,
        message: &Message,
        posted: Option<&Posted>,
        _within: Duration,
    ) -> Result<bool, ChannelError> {
        let mut summary = &message.summary;
        if let Text::In(_, inner) = summary {
            summary = inner;
        }
        let Text::Key(key, _) = summary else { panic!("{message:?}") };
        self.turns.lock().unwrap().push(((*key).to_owned(), urgency, posted.is_some()));
        Ok(!*self.is_busy.lock().unwrap())
    }

    async fn show(
        &self,
        _run: &Run,
        key: &MessageKey,
        message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        self.trouble()?;
        let (key, message) = (key.clone(), message.clone());
        let at = posted.cloned().unwrap_or_else(|| place(&key));
        self.did(match posted {
            Some(posted) => Done::Edited(key, message, posted.ts.clone()),
            None => Done::Posted(key, message),
        });
        Ok(Some(at))
    }

    async fn reply(
        &self,
        _run: &Run,
        key: &MessageKey,
        _message: &Message,
        under: &Posted,
    ) -> Result<Option<Posted>, ChannelError> {
        self.trouble()?;
        self.did(Done::Replied(key.clone(), under.ts.clone()));
        Ok(Some(place(key)))
    }

    async fn pin(&self, _run: &Run, posted: &Posted) -> Result<(), ChannelError> {
        self.did(Done::Pinned(posted.ts.clone()));
        Ok(())
    }

    async fn find(
        &self,
        _run: &Run,
        _key: &MessageKey,
        _under: Option<&Posted>,
    ) -> Result<Vec<Posted>, ChannelError> {
        Ok(self.found.lock().unwrap().clone())
    }

    async fn said(&self, _run: &Run, _source: &Source) -> Result<Option<Words>, ChannelError> {
        self.trouble()?;
        Ok(self.words.lock().unwrap().clone())
    }

    async fn leave(
        &self,
        _run: &Run,
        _message: &Message,
        due_at: Timestamp,
    ) -> Result<Option<Pending>, ChannelError> {
        let mut waiting = self.waiting.lock().unwrap();
        let Some(waiting) = waiting.as_mut() else { return Ok(None) };
        let pending =
            Pending { id: format!("w{}", due_at.since(super::START).ms() / 1000), due_at };
        waiting.push(pending.clone());
        Ok(Some(pending))
    }

    async fn left(&self, _run: &Run) -> Result<Vec<Pending>, ChannelError> {
        self.asked_what_waits.fetch_add(1, SeqCst);
        if *self.cannot_list.lock().unwrap() {
            return Err(ChannelError::Failed { detail: "not in the channel".into() });
        }
        Ok(self.waiting.lock().unwrap().clone().unwrap_or_default())
    }

    async fn take_back(&self, _run: &Run, id: &str) -> Result<(), ChannelError> {
        let mut waiting = self.waiting.lock().unwrap();
        let waiting = waiting.get_or_insert_default();
        if *self.is_too_late.lock().unwrap() {
            return Err(ChannelError::Gone);
        }
        let before = waiting.len();
        waiting.retain(|pending| pending.id != id);
        if waiting.len() == before {
            return Err(ChannelError::Gone);
        }
        self.did(Done::TakenBack(id.to_owned()));
        Ok(())
    }
}
