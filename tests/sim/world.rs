//! The world outside: one thing per step, which is here or there. It counts what reaches it, takes a token where the
//! action has one, and says at once when something reaches it that must not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use dr_buddy::actions::Call;
use dr_buddy::domain::ids::{Digest, StepId};
use dr_buddy::domain::run::Event;
use dr_buddy::domain::run::log::Recorded;
use dr_buddy::domain::run::preview::{Approved, Direction};
use dr_buddy::domain::run::state::{Doubt, Happened};
use dr_buddy::store::Committed;
use serde_json::Value;

use crate::fate::Fate;

/// Longest a call takes to be applied after it was sent: shorter than `never_after`, as the other side promises.
const LATE: u64 = 8_000;
/// A call whose answer nobody waits for any more is not out: longest a call may take.
const CALL: u64 = 60_000;

/// A call that reached the world, for the judge.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) step: StepId,
    pub(crate) attempt: u32,
    pub(crate) digest: Digest,
    pub(crate) request: Value,
}

/// A call on the wire.
#[derive(Debug, Clone)]
struct Wire {
    attempt: u32,
    token: Option<String>,
    to_there: bool,
    at: u64,
}

/// What a step acts on.
#[derive(Debug, Default)]
struct Thing {
    is_there: bool,
    version: u64,
    is_sick: bool,
    wire: Vec<Wire>,
    tokens: BTreeSet<String>,
    /// How often each attempt had its effect.
    applied: BTreeMap<u32, u32>,
    /// Attempts the record says have begun, and what was approved.
    begun: BTreeMap<u32, Digest>,
    /// Attempts of which it is on record that nothing was started.
    never: BTreeSet<u32>,
    /// Attempts whose call somebody waits for, since when.
    out: BTreeMap<u32, u64>,
    /// How it was when the last of the people agreed.
    agreed: u64,
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    fate: Arc<Fate>,
    things: Mutex<BTreeMap<StepId, Thing>>,
    sent: Mutex<Vec<Sent>>,
}

/// What a look at a thing shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    pub(crate) is_there: bool,
    pub(crate) is_sick: bool,
    pub(crate) version: u64,
    pub(crate) is_coming: bool,
}

/// Somebody waits for the answer to a call, until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    world: Arc<World>,
    step: StepId,
    attempt: u32,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.world.with(&self.step, |thing| thing.out.remove(&self.attempt));
    }
}

impl World {
    pub(crate) fn new(fate: &Arc<Fate>) -> Self {
        Self { fate: Arc::clone(fate), things: Mutex::default(), sent: Mutex::default() }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The thing, after everything has arrived that has by now.
    fn with<T>(&self, step: &StepId, then: impl FnOnce(&mut Thing) -> T) -> T {
        let mut things = self.things.lock().unwrap();
        if !things.contains_key(step) {
            things.insert(step.clone(), Thing::default());
        }
        let thing = things.get_mut(step).expect("it was just put there");
        self.arrive(step, thing);
        then(thing)
    }

    fn arrive(&self, step: &StepId, thing: &mut Thing) {
        let now = self.fate.steady();
        while let Some(place) = thing.wire.iter().position(|wire| wire.at <= now) {
            let wire = thing.wire.remove(place);
            self.apply(step, thing, &wire);
        }
    }

    fn apply(&self, step: &StepId, thing: &mut Thing, wire: &Wire) {
        let attempt = wire.attempt;
        if let Some(token) = &wire.token
            && !thing.tokens.insert(token.clone())
        {
            self.fate.say(|| format!("       {step}: attempt {attempt} is a repeat by its token"));
            return;
        }
        self.fate.say(|| format!("       {step}: attempt {attempt} has its effect"));
        let times = thing.applied.entry(attempt).or_default();
        *times += 1;
        if *times > 1 {
            self.fate.broke(format!("{step}: attempt {attempt} had its effect {times} times"));
        }
        if thing.never.contains(&attempt) && !self.clocks_jump() {
            self.fate.broke(format!("{step}: attempt {attempt} was said never to have happened"));
        }
        thing.is_there = wire.to_there;
        thing.version += 1;
    }

    /// With clocks that jump by more than the margins of the leases, only what holds per attempt can be promised.
    fn clocks_jump(&self) -> bool {
        self.fate.weather.jumps > 0
    }

    /// The world goes its own way.
    pub(crate) fn change(&self, step: &StepId) {
        let sick = self.fate.below(2) == 0;
        self.with(step, |thing| {
            thing.version += 1;
            thing.is_sick = sick && self.fate.is_storm();
        });
        self.fate.say(|| format!("       {step}: the world changes"));
    }

    pub(crate) fn look(&self, step: &StepId) -> Sight {
        self.with(step, |thing| Sight {
            is_there: thing.is_there,
            is_sick: thing.is_sick && self.fate.is_storm(),
            version: thing.version,
            is_coming: !thing.wire.is_empty(),
        })
    }

    /// Everything that is still on its way arrives.
    pub(crate) fn end(&self) {
        self.fate.pass(LATE);
        let steps: Vec<_> = self.things.lock().unwrap().keys().cloned().collect();
        for step in steps {
            self.with(&step, |_| ());
        }
    }

    /// A call goes out. It arrives now, late, or never.
    pub(crate) fn send(
        self: &Arc<Self>,
        call: &Call<'_>,
        approved: &Approved,
        token: Option<String>,
        is_lost: bool,
    ) -> Waiting {
        let (step, attempt) = (call.step, call.attempt);
        self.fate.say(|| format!("       {step}: the call of attempt {attempt} goes out"));
        let sent = Sent {
            step: step.clone(),
            attempt,
            digest: approved.digest().clone(),
            request: approved.request().clone(),
        };
        let mut all = self.sent.lock().unwrap();
        if all.iter().any(|other| other.step == *step && other.attempt == attempt) {
            self.fate.broke(format!("{step}: the call of attempt {attempt} went out twice"));
        }
        all.push(sent);
        drop(all);
        let now = self.fate.steady();
        let is_late = self.fate.strikes(self.fate.weather.calls);
        let at = if is_late { now + 1 + self.fate.below(LATE) } else { now };
        let binding = approved.preview().binding.get("version").and_then(Value::as_u64);
        self.with(step, |thing| {
            if thing.begun.get(&attempt) != Some(approved.digest()) {
                self.fate.broke(format!("{step}: attempt {attempt} was not begun as it was sent"));
            }
            if binding.is_none_or(|seen| seen < thing.agreed) {
                let what = "was measured before people agreed, and is no longer so";
                self.fate.broke(format!("{step}: what attempt {attempt} is for {what}"));
            }
            if self.is_out(thing) {
                self.fate.broke(format!("{step}: attempt {attempt} went out beside another"));
            }
            thing.out.insert(attempt, now);
            if !is_lost {
                let to_there = call.direction == Direction::Do;
                thing.wire.push(Wire { attempt, token, to_there, at });
                self.arrive(step, thing);
            }
        });
        Waiting { world: Arc::clone(self), step: step.clone(), attempt }
    }

    fn is_out(&self, thing: &Thing) -> bool {
        let now = self.fate.steady();
        let waits = thing.out.values().any(|since| now < since + CALL);
        (waits || !thing.wire.is_empty()) && !self.clocks_jump()
    }

    /// What has just been recorded.
    pub(crate) fn recorded(&self, done: &Committed, events: &[Recorded]) {
        if *done != Committed::Done {
            return;
        }
        for recorded in events {
            let (seq, by) = (recorded.seq, &recorded.entry.by);
            self.fate.say(|| format!("{seq:>4}   {by:?}: {:?}", short(&recorded.entry.event)));
            match &recorded.entry.event {
                Event::AttemptStarted { step, attempt, digest } => self.with(step, |thing| {
                    if thing.begun.insert(*attempt, digest.clone()).is_some() {
                        self.fate.broke(format!("{step}: attempt {attempt} began twice"));
                    }
                    if self.is_out(thing) {
                        self.fate.broke(format!("{step}: {attempt} began beside another call"));
                    }
                }),
                Event::StepApproved { step, .. } => {
                    self.with(step, |thing| thing.agreed = thing.version);
                }
                Event::OutcomeUnknown { step, attempt, why: Doubt::Interrupted, .. } => {
                    let now = self.fate.steady();
                    self.with(step, |thing| {
                        let since = thing.out.get(attempt);
                        if since.is_some_and(|since| now < since + CALL) && !self.clocks_jump() {
                            let what = "found open while its call was out";
                            self.fate.broke(format!("{step}: attempt {attempt} was {what}"));
                        }
                    });
                }
                Event::OutcomeProbed { step, attempt, seen, .. }
                    if seen.happened == Happened::Never =>
                {
                    self.with(step, |thing| thing.never.insert(*attempt));
                }
                _ => {}
            }
        }
    }
}

/// An event in a trace: without the preview and the documents.
fn short(event: &Event) -> String {
    match event {
        Event::RunStarted(_) => "RunStarted".to_owned(),
        Event::PreviewShown { step, number, shown } => {
            let (digest, guard) = (&shown.digest.as_str()[..8], &shown.guard);
            format!("PreviewShown {step} {number} {digest} guard {guard:?}")
        }
        event => format!("{event:?}"),
    }
}
