//! What every audience is owed while a run is open: which update, when, and what became of it.
//!
//! An update has a number: the n-th is due n times the audience's cadence after the start. The war room's goes out when
//! it is due. What others are told is shown as a draft a few minutes before; it goes out by itself when it is due, or,
//! where somebody must agree to the words, only with the words of a person. An update that nobody could send while the
//! process was away is not sent late twice: the newest that is due goes out, and the numbers tell the gap.

use super::limits;
use super::protocol::Event;
use super::state::{Kind, Run};
use super::update::{Draft, Now, Out, Told, UpdateId};
use crate::domain::environment::Audience;
use crate::domain::ids::{AudienceId, PersonId};
use crate::domain::time::{Span, Timestamp};

/// How long before it is due a draft is shown.
const AHEAD: Span = Span::minutes(2);
/// The same where somebody must agree to the words.
const AHEAD_OF_A_YES: Span = Span::minutes(5);
/// How long it is put off at a time.
pub const PUT_OFF: Span = Span::minutes(5);

impl Run {
    /// Everybody who is told of such a run. Nobody but those who drive it hears of a tabletop.
    pub fn audiences(&self) -> impl Iterator<Item = Audience> {
        let hears = |audience: &Audience| match self.kind {
            Kind::Incident => true,
            Kind::Exercise => audience.exercise_to.is_some(),
            Kind::Tabletop => audience.is_room(),
        };
        self.environment.told().filter(hears)
    }

    /// The audience of this id, if it is told of such a run.
    pub fn audience(&self, id: &AudienceId) -> Option<Audience> {
        self.audiences().find(|audience| audience.id == *id)
    }

    /// The channel in which an audience is told.
    pub fn channel_of<'a>(&self, audience: &'a Audience) -> &'a str {
        match (self.kind, &audience.exercise_to) {
            (Kind::Exercise | Kind::Tabletop, Some(exercise)) => exercise,
            (Kind::Incident | Kind::Exercise | Kind::Tabletop, _) => &audience.to,
        }
    }

    /// What is shown of an audience's next update and not out.
    pub fn draft(&self, id: &AudienceId) -> Option<&Draft> {
        self.updates.get(id)?.draft.as_ref()
    }

    /// What is shown and not out, of every audience.
    pub fn drafts(&self) -> impl Iterator<Item = UpdateId> {
        self.unsent().filter(|_| !self.is_closed())
    }

    /// The same, also of those that nobody will send any more because the run is closed.
    pub(super) fn unsent(&self) -> impl Iterator<Item = UpdateId> {
        self.updates.iter().filter_map(|(audience, standing)| {
            let number = standing.draft.as_ref()?.number;
            Some(UpdateId { audience: audience.clone(), number })
        })
    }

    /// An update that is out.
    pub fn out(&self, update: &UpdateId) -> Option<&Out> {
        self.updates.get(&update.audience)?.out(update.number)
    }

    /// When the update after the newest is due.
    pub fn next_update_at(&self, audience: &Audience) -> Timestamp {
        let newest = self.updates.get(&audience.id).map_or(0, |told| told.newest);
        self.update_due_at(audience, newest.saturating_add(1))
    }

    fn update_due_at(&self, audience: &Audience, number: u32) -> Timestamp {
        self.started_at.plus(Span(audience.every.ms().saturating_mul(number.into())))
    }

    pub(super) fn became(
        &mut self,
        update: &UpdateId,
        told: &Told,
        by: Option<&PersonId>,
        at: Timestamp,
    ) {
        let now = Now { at, seq: self.seq, begun: self.started_at };
        let standing = self.updates.entry(update.audience.clone()).or_default();
        standing.apply(update.number, told, by, now);
    }
}

/// So long before it is due an update is shown as a draft.
fn ahead(audience: &Audience) -> Span {
    match (audience.is_room(), audience.needs_a_yes()) {
        (true, _) => Span(0),
        (false, true) => AHEAD_OF_A_YES,
        (false, false) => AHEAD,
    }
}

/// When time alone brings something for an audience.
fn due_at(run: &Run, audience: &Audience) -> Timestamp {
    let next = run.next_update_at(audience);
    let next = next.minus(ahead(audience));
    match run.draft(&audience.id) {
        Some(draft) if !draft.is_overdue => next.min(draft.due_at),
        Some(_) | None => next,
    }
}

/// When time alone brings something for anybody; nothing once the record is full.
pub(super) fn next_at(run: &Run) -> Option<Timestamp> {
    if run.seq >= limits::EVENTS {
        return None;
    }
    run.audiences().map(|audience| due_at(run, &audience)).min()
}

/// What is owed now, to each audience at most one thing.
pub(super) fn owed(run: &Run, now: Timestamp) -> Vec<Event> {
    if run.seq >= limits::EVENTS {
        return Vec::new();
    }
    run.audiences().filter_map(|audience| owed_to(run, &audience, now)).collect()
}

/// What is told at the end, to those who were told before and whose updates need nobody's yes. The room sees it end.
pub(super) fn last(run: &Run) -> Vec<Event> {
    let told = run.audiences().filter(|audience| !audience.is_room() && !audience.needs_a_yes());
    let last = told.filter_map(|audience| {
        let standing = run.updates.get(&audience.id)?;
        standing.newest_out()?;
        let update = UpdateId { audience: audience.id, number: standing.newest.saturating_add(1) };
        Some(Event::Update { update, what: Told::Out { words: None } })
    });
    last.collect()
}

fn owed_to(run: &Run, audience: &Audience, now: Timestamp) -> Option<Event> {
    if due_at(run, audience) > now {
        return None;
    }
    let event = |number, what| {
        let update = UpdateId { audience: audience.id.clone(), number };
        Some(Event::Update { update, what })
    };
    let draft = run.draft(&audience.id);
    if let Some(draft) = draft.filter(|draft| !draft.is_overdue && draft.due_at <= now) {
        let told = if audience.needs_a_yes() { Told::Overdue } else { Told::Out { words: None } };
        return event(draft.number, told);
    }
    // The newest that may be shown: those before it are over.
    let passed = now.plus(ahead(audience)).since(run.started_at);
    let number = u32::try_from(passed.ms() / audience.every.ms().max(1)).unwrap_or(u32::MAX);
    let due_at = run.update_due_at(audience, number);
    let told = if due_at <= now && !audience.needs_a_yes() {
        Told::Out { words: None }
    } else {
        Told::Drafted { due_at }
    };
    event(number, told)
}
