//! What a post-mortem holds: figures and sentences, to be printed or read by a program.

use serde::Serialize;

use super::deviations::Deviation;
use super::durations::{Duration, Proposal};
use crate::domain::ids::{Digest, EnvironmentId, RunId, RunbookId, StepId};
use crate::domain::run::state::{Choice, Kind};
use crate::domain::time::Timestamp;

/// What is known of a run, for the people who write its post-mortem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PostMortem {
    /// Which run.
    pub run: RunId,
    /// What for.
    pub kind: Kind,
    /// The runbook it was started with.
    pub runbook: RunbookId,
    /// What people call that.
    pub title: String,
    /// Where.
    pub environment: EnvironmentId,
    /// The zone of the local times beside UTC.
    pub time_zone: String,
    /// How bad it was said to be.
    pub severity: Option<String>,
    /// What was said to be hit.
    pub affected: Vec<String>,
    /// Who was on duty at the end.
    pub on_duty: Vec<OnDuty>,
    /// Everybody who did something that is on the record, in their order.
    pub participants: Vec<String>,
    /// What rang, and what was over.
    pub alerts: Vec<Ring>,
    /// The lengths of time.
    pub times: Times,
    /// How much was lost.
    pub lost: Lost,
    /// The chain of steps that decided when the service was back; `None` while it is not.
    pub critical_path: Option<Vec<Leg>>,
    /// Every event.
    pub timeline: Vec<Line>,
    /// What was put to the vote.
    pub decisions: Vec<Decision>,
    /// Where the run left its runbook.
    pub deviations: Vec<Deviation>,
    /// Steps that were neither done nor out of the way at the end of the record.
    pub left_open: Vec<Left>,
    /// What the runbook gave people to do by hand.
    pub by_hand: Vec<Line>,
    /// What people wrote down: perhaps what they did outside the runbook.
    pub written: Vec<Line>,
    /// Every step that began, with the time it took.
    pub durations: Vec<Duration>,
    /// Times of the runbook that were off.
    pub proposals: Vec<Proposal>,
    /// The same, as a change to the runbooks' lines; empty without any.
    pub patch: String,
    /// What all of this was drafted from.
    pub record: Drafted,
}

/// A moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Milliseconds since 1970, UTC.
    pub at: Timestamp,
    /// The same to the second, UTC.
    pub utc: String,
    /// The day in UTC.
    pub date: String,
    /// The time of day in UTC, and in the team's zone.
    pub clock: String,
    /// The event that says so.
    pub event: u64,
}

/// A length of time between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// How long; `None`: unknown.
    pub ms: Option<u64>,
    /// Its unit.
    pub unit: &'static str,
    /// Where it begins, if that is known.
    pub from: Option<Moment>,
    /// Where it ends, if that is known.
    pub until: Option<Moment>,
}

impl Figure {
    pub(super) fn between(from: Option<Moment>, until: Option<Moment>) -> Self {
        let length = from.as_ref().zip(until.as_ref());
        let ms = length.map(|(from, until)| until.at.since(from.at).ms());
        Self { ms, unit: "ms", from, until }
    }
}

/// Something that rang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ring {
    /// Who says so.
    pub vendor: &'static str,
    /// What.
    pub title: String,
    /// Since when, by the vendor's clock.
    pub when: Moment,
    /// Whether it was over then.
    pub is_over: bool,
}

/// Somebody on duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnDuty {
    /// As what.
    pub role: String,
    /// Who.
    pub person: String,
}

/// The lengths of time of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Times {
    /// Since when the service was hit.
    pub impact: Moment,
    /// When the run was started.
    pub started: Moment,
    /// When the service was back.
    pub restored: Option<Moment>,
    /// When the run was closed.
    pub closed: Option<Moment>,
    /// From the impact until the service was back.
    pub rto: Figure,
    /// What was promised.
    pub rto_target_ms: u64,
    /// Whether that was kept; `None` while it is not back.
    pub rto_met: Option<bool>,
    /// From the first GO until the service was back.
    pub execution: Figure,
    /// From the impact until something rang.
    pub detection: Figure,
    /// From then until the run was started.
    pub declaration: Figure,
    /// From the impact until the run was started.
    pub impact_to_start: Figure,
    /// Each phase in turn.
    pub phases: Vec<Phase>,
    /// Waiting for people, added up over steps.
    pub waited_ms: u64,
    /// Calls and looks, added up over steps.
    pub worked_ms: u64,
}

/// A phase's share of the RTO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Its name.
    pub title: String,
    /// How much later the service came back because of it.
    pub share_ms: u64,
    /// Waiting for people, added up over its steps.
    pub waited_ms: u64,
    /// Calls and looks, added up over its steps.
    pub worked_ms: u64,
}

/// How much was lost: of each store the worst that was measured, `None` if nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// What was promised.
    pub rpo_target_ms: u64,
    /// In the database.
    pub database_ms: Option<u64>,
    /// In the queues and sessions.
    pub redis_ms: Option<u64>,
    /// In the objects.
    pub objects_ms: Option<u64>,
    /// Whether the promise was kept; `None` while something that the runbook measures is unknown, and what is known keeps it.
    pub rpo_met: Option<bool>,
    /// Each figure with its source and time, and each method that found none.
    pub figures: Vec<String>,
}

/// A step of the critical path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// Which.
    pub step: StepId,
    /// What people call it.
    pub title: String,
    /// From the end of the one before to its own.
    pub took_ms: u64,
    /// Of that, waiting for people.
    pub waited_ms: u64,
    /// And calls and looks.
    pub worked_ms: u64,
}

/// An event, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When, and which event.
    pub when: Moment,
    /// Who.
    pub by: String,
    /// What.
    pub what: String,
    /// About which step.
    pub step: Option<StepId>,
    /// Nothing that anybody decided or that changed anything.
    pub is_routine: bool,
}

/// A step that was not brought to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Which.
    pub step: StepId,
    /// What people call it.
    pub title: String,
    /// How it stood.
    pub state: String,
}

/// What was put to the vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Which step.
    pub step: StepId,
    /// What people call it.
    pub title: String,
    /// How it stood at the end.
    pub state: String,
    /// From when people were first shown what they decide on, until it was decided.
    pub took: Figure,
    /// Who said what.
    pub votes: Vec<Vote>,
}

/// What somebody said at a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vote {
    /// Who.
    pub by: String,
    /// What; `None`: they disagree with what is decided, which blocks nothing.
    pub choice: Option<Choice>,
    /// In their words.
    pub words: String,
    /// When.
    pub when: Moment,
    /// How old what they were shown was then.
    pub data_age_ms: Option<u64>,
}

/// The record a post-mortem was drafted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drafted {
    /// How many events.
    pub events: u64,
    /// The hash of the last.
    pub head: Digest,
    /// Whether each is chained to the one before.
    pub is_whole: bool,
}
