//! What must hold at the end of a schedule, read off the record, the outbox, the wall and what reached the world; by
//! rules of its own, not by those of `decide`.

use std::collections::{BTreeMap, BTreeSet};

use dr_buddy::domain::actor::Actor;
use dr_buddy::domain::comms;
use dr_buddy::domain::ids::{Digest, PersonId, StepId};
use dr_buddy::domain::run::apply::replay;
use dr_buddy::domain::run::effects::tells_the_room;
use dr_buddy::domain::run::log::{Recorded, root, verify};
use dr_buddy::domain::run::preview::{Direction, Subject, digest};
use dr_buddy::domain::run::state::Shown;
use dr_buddy::domain::run::update::Told;
use dr_buddy::domain::run::{Event, MessageKey, Request, Run};
use dr_buddy::domain::runbook::Gate;
use dr_buddy::domain::time::Timestamp;
use dr_buddy::store::Posted;

use crate::channel::Wall;
use crate::fate::Fate;
use crate::memory::MemoryStore;
use crate::people::{Mail, What, may_answer};
use crate::scene::run_id;
use crate::world::World;

/// What became of what people asked.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Everything that was ever asked.
    pub(crate) asked: Vec<Mail>,
    /// Keys that were answered, so that nobody sends them again.
    pub(crate) told: BTreeSet<String>,
    /// Keys that were recorded or refused.
    pub(crate) decided: BTreeSet<String>,
    /// Keys of which somebody was told that it is done.
    pub(crate) done: BTreeSet<String>,
}

/// What a step asks, as the record tells.
#[derive(Debug, Default)]
struct Asking {
    number: u32,
    direction: Direction,
    shown: Option<Shown>,
    agreed: BTreeMap<PersonId, Timestamp>,
    has_glass: bool,
    attempt: u32,
    /// A person opened it again since the last attempt.
    is_reopened: bool,
}

/// Reads the record from its first event.
struct Reader<'a> {
    fate: &'a Fate,
    run: &'a Run,
    ledger: &'a Ledger,
    steps: BTreeMap<StepId, Asking>,
    approved: BTreeMap<(StepId, u32), Shown>,
    /// When each thing was recorded.
    times: Vec<Timestamp>,
}

/// Judges a schedule that has come to its end.
pub(crate) fn judge(fate: &Fate, store: &MemoryStore, world: &World, wall: &Wall, ledger: &Ledger) {
    let Some(run) = store.peek(&run_id()) else {
        return fate.broke("there is no run".to_owned());
    };
    world.end();
    let record = store.events(&run.id);
    chained(fate, &run, &record);
    if replay(record.iter().map(|one| &one.entry)).as_ref() != Some(&*run) {
        fate.broke("the state is not what the record leads to".to_owned());
    }
    let mut reader = Reader {
        fate,
        run: &run,
        ledger,
        steps: BTreeMap::new(),
        approved: BTreeMap::new(),
        times: Vec::new(),
    };
    for one in &record {
        reader.read(one);
    }
    for sent in world.sent() {
        let approved = reader.approved.get(&(sent.step.clone(), sent.attempt));
        let same =
            |shown: &Shown| shown.digest == sent.digest && shown.preview.request == sent.request;
        if !approved.is_some_and(same) {
            fate.broke(format!("{}: {} was not sent as approved", sent.step, sent.attempt));
        }
    }
    kept(fate, store, ledger, &record);
    told(fate, store, &run, wall, &record);
    let owed = store.owed();
    if !owed.is_empty() {
        fate.broke(format!("still owed: {owed:?}"));
    }
}

/// One event follows from the other. The hashes themselves are what takes longest: they are made again now and then.
fn chained(fate: &Fate, run: &Run, record: &[Recorded]) {
    let mut previous = &root(&run.id);
    for (seq, one) in (1..).zip(record) {
        if one.seq != seq || one.previous != *previous {
            fate.broke(format!("event {seq} does not follow from the one before"));
        }
        previous = &one.hash;
    }
    if fate.below(16) == 0
        && let Err(broken) = verify(&run.id, record)
    {
        fate.broke(broken.to_string());
    }
}

/// What was acknowledged is on the record, once.
fn kept(fate: &Fate, store: &MemoryStore, ledger: &Ledger, record: &[Recorded]) {
    for mail in &ledger.asked {
        let is_told = ledger.done.contains(&mail.key);
        if is_told && !store.knows(&mail.key) {
            fate.broke(format!("{} was acknowledged and is not on record", mail.key));
        }
        if ledger.told.contains(&mail.key) && !ledger.decided.contains(&mail.key) {
            fate.broke(format!("{} was answered, and nobody ever decided it", mail.key));
        }
        let What::Ask(Request::Note { text }) = &mail.what else { continue };
        let is_it = |one: &&Recorded| matches!(&one.entry.event, Event::NoteAdded { text: noted } if noted == text);
        let times = record.iter().filter(is_it).count();
        if times > 1 || (is_told && times == 0) {
            fate.broke(format!("the {text} is {times} times on record"));
        }
    }
}

/// Everything that must be told was, and what is seen last is how it is.
fn told(fate: &Fate, store: &MemoryStore, run: &Run, wall: &Wall, record: &[Recorded]) {
    let at = run.seen_at;
    let check = |key: MessageKey, says: &dyn Fn(&Run) -> Option<comms::Message>| {
        // Who was stopped in the middle of showing, shows something old when it goes on, and then is killed or finds no
        // database, leaves it: the old buttons are refused, and the next change puts it right.
        if wall.is_late(&key) && fate.weather.kills + fate.weather.store > 0 {
            return;
        }
        // The post that is remembered: two who post at once leave a second one, which nobody moves on.
        let place = store.place(&run.id, &key);
        // Whoever was stopped before a post, and writes down late that one begins, forgets where another has put it: the
        // next edit finds it in the channel, so that is what counts.
        let seen = match place.filter(Posted::stands) {
            Some(place) => wall.seen(&key, &place),
            None => wall.newest(&key),
        };
        if seen.as_ref().and_then(says) != says(run) {
            let (as_of, is) = (seen.map(|seen| seen.seq), run.seq);
            fate.broke(format!("{key} is seen as of event {as_of:?}, and it is {is}"));
        }
    };
    check(MessageKey::Run, &|run| Some(comms::run_card(run, at)));
    for step in run.steps.keys() {
        check(MessageKey::Step(step.clone()), &|run| comms::step_card(run, step, at));
    }
    for one in record.iter().filter(|one| tells_the_room(&one.entry.event)) {
        check(MessageKey::Notice(one.seq), &|run| comms::notice(run, one));
    }
    for one in record {
        let Event::Update { update, what: Told::Out { .. } } = &one.entry.event else { continue };
        let before = record.iter().take_while(|other| other.seq <= one.seq);
        let Some(then) = replay(before.map(|other| &other.entry)) else { continue };
        // The buttons of an older one stay, and are refused.
        check(MessageKey::Update(update.clone()), &|run| {
            comms::update(run, &then, update).map(comms::Message::unpressable)
        });
    }
}

impl Reader<'_> {
    fn read(&mut self, one: &Recorded) {
        let entry = &one.entry;
        self.times.push(entry.at);
        match &entry.event {
            Event::ApprovalGiven { step, digest } => {
                self.pressed(step, digest, &entry.by, entry.at);
            }
            Event::VoteCast { step, digest, .. } => self.pressed(step, digest, &entry.by, entry.at),
            Event::GlassBroken { step, digest, .. } => {
                self.pressed(step, digest, &entry.by, entry.at);
                self.step(step).has_glass = true;
            }
            Event::StepOpened { step, .. } => self.ask_again(step),
            Event::StepReopened { step, .. } | Event::UndoAsked { step, .. } => {
                let by_person = entry.by.person().is_some();
                self.ask_again(step);
                let asking = self.step(step);
                asking.direction = match entry.event {
                    Event::UndoAsked { .. } => Direction::Undo,
                    _ => Direction::Do,
                };
                asking.is_reopened = by_person;
            }
            Event::PreviewAsked { step } | Event::ApprovalsVoided { step, .. } => {
                self.ask_again(step);
            }
            Event::PreviewShown { step, number, shown } => {
                let asking = self.step(step);
                asking.shown = Some(shown.clone());
                let fits = asking.number == *number;
                self.must(fits, || format!("{step}: preview {number} is not the one asked for"));
            }
            Event::AttemptStarted { step, attempt, digest } => {
                self.begins(step, *attempt, digest, entry.at);
            }
            Event::StepDone { step, how: dr_buddy::domain::run::state::Proof::People, .. } => {
                self.enough(step, entry.at);
            }
            Event::StepUndone { step, .. } => self.step(step).direction = Direction::Do,
            _ => {}
        }
    }

    fn step(&mut self, step: &StepId) -> &mut Asking {
        self.steps.entry(step.clone()).or_default()
    }

    fn must(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fate.broke(what());
        }
    }

    fn ask_again(&mut self, step: &StepId) {
        let asking = self.step(step);
        asking.number += 1;
        asking.shown = None;
        asking.agreed.clear();
        asking.has_glass = false;
    }

    /// Somebody agreed: to what they pressed, and nothing else.
    fn pressed(&mut self, step: &StepId, digest: &Digest, by: &Actor, at: Timestamp) {
        let pressed = self.ledger.asked.iter().any(|mail| {
            let What::Ask(request) = &mail.what else { return false };
            let (Request::Approve { step: on, digest: to }
            | Request::Reject { step: on, digest: to, .. }
            | Request::Vote { step: on, digest: to, .. }
            | Request::BreakGlass { step: on, digest: to, .. }) = request
            else {
                return false;
            };
            mail.by == *by && on == step && to == digest
        });
        self.must(pressed, || format!("{step}: {by:?} never agreed to {digest}"));
        let asking = self.step(step);
        let is_shown = asking.shown.as_ref().is_some_and(|shown| shown.digest == *digest);
        if let Some(who) = by.person() {
            asking.agreed.insert(who.clone(), at);
        }
        self.must(is_shown, || format!("{step}: {by:?} agreed to what is not shown"));
    }

    /// Enough of the right people agreed, all of it still in time, whatever the clock did meanwhile.
    fn enough(&mut self, step: &StepId, now: Timestamp) {
        let found = self.run.runbook.step(step).expect("the runbook has it");
        let asking = &self.steps[step];
        let right = asking.agreed.keys().filter(|who| may_answer(self.run, found, who)).count();
        let needed = match &found.gate {
            Gate::None => 0,
            Gate::Confirm => 1,
            Gate::People { .. } if asking.has_glass => 1,
            Gate::People { people, .. } => usize::try_from(*people).expect("few"),
        };
        self.must(right >= needed, || format!("{step}: {right} agreed of {needed}"));
        let lasts = found.gate.expires();
        for at in asking.agreed.values() {
            let given = self.times.iter().rposition(|time| time == at).unwrap_or(0);
            let latest = self.times[given..].iter().max().copied().unwrap_or(now);
            let is_in_time = latest < at.plus(lasts) && *at <= now.plus(lasts);
            self.must(is_in_time, || format!("{step}: an approval came alive again"));
        }
    }

    fn begins(&mut self, step: &StepId, attempt: u32, agreed: &Digest, now: Timestamp) {
        self.enough(step, now);
        let asking = &self.steps[step];
        let Some(shown) = asking.shown.clone() else {
            return self.fate.broke(format!("{step}: attempt {attempt} began, nothing was shown"));
        };
        let environment = &self.run.environment;
        let subject = Subject {
            run: &self.run.id,
            step,
            number: asking.number,
            direction: asking.direction,
            environment: &environment.id,
            account: &environment.account,
        };
        let is_same = shown.digest == *agreed && digest(subject, &shown.preview) == *agreed;
        self.must(is_same, || format!("{step}: attempt {attempt} is not what was approved"));
        let is_next = attempt == asking.attempt + 1 && (attempt == 1 || asking.is_reopened);
        self.must(is_next, || format!("{step}: attempt {attempt}, and nobody said so"));
        self.approved.insert((step.clone(), attempt), shown);
        let asking = self.step(step);
        (asking.attempt, asking.is_reopened) = (attempt, false);
    }
}
