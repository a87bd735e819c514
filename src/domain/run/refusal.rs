//! Requests that were understood and declined: what, why, and the next step, as keys of the message catalog.

use super::groups;
use super::update::UpdateId;
use crate::domain::actor::Role;
use crate::domain::ids::{GroupId, PersonId, RunId, StepId};
use crate::domain::runbook::condition::Verdict;
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Localized;

/// A request declined. Only the asker sees it; nothing changed.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the arguments of the sentence")]
pub enum Refusal {
    /// The environment does not know this person.
    Stranger { name: String },
    /// Not with these roles.
    NotAllowed { needs: Vec<Role>, who: Vec<PersonId> },
    /// Not any more: they left the user group that gave the role.
    LeftGroup { group: GroupId, person: PersonId, at: Timestamp, who: Vec<PersonId> },
    /// Perhaps, but the user group that may give the role was never read.
    GroupUnread { group: GroupId, why: Option<String>, needs: Vec<Role>, who: Vec<PersonId> },
    /// The environment file does not give this person a role that gates ask for.
    NotQualified { role: Role, person: PersonId, who: Vec<PersonId> },
    /// That person is on duty already.
    OnDuty { role: Role, person: PersonId },
    /// The environment does not know the person who was named.
    NoSuchPerson { name: String },
    /// The step is not in a state for that.
    NotNow { step: Localized, state: &'static str },
    /// No such step in this run.
    NoSuchStep { step: StepId },
    /// The button shows something older than what is there now.
    Stale { step: Localized },
    /// The same person again.
    AlreadyApproved { at: Timestamp, who: Vec<PersonId> },
    /// The same person said the same already.
    AlreadyVoted { at: Timestamp, who: Vec<PersonId> },
    /// The approvals given before are too old; people are asked again.
    Expired { step: Localized },
    /// The guard is false or cannot be told.
    Guard { step: Localized, condition: String, verdict: Verdict },
    /// The run is held.
    Held { by: PersonId, reason: String },
    /// The run is not held.
    NotHeld,
    /// The run is over.
    Closed { at: Timestamp },
    /// An update that is out, or was replaced by a newer one.
    UpdateOver { update: UpdateId },
    /// A reason is asked for.
    ReasonMissing,
    /// The text is too long.
    TooLong { most: usize },
    /// The step asks for no second person: there is no glass to break.
    NoGlass { step: Localized },
    /// There is no way back from this action.
    NoUndo { step: Localized, because: &'static str },
    /// Past the point of no return nothing is put back one by one.
    PastNoReturn { step: Localized },
    /// Something is under way or in doubt.
    InFlight { steps: Vec<Localized> },
    /// Steps are still open and no reason was given for leaving them.
    StepsOpen { count: usize },
    /// It was tried too often.
    TooOften { step: Localized, most: u32 },
    /// The run has too many entries.
    Full { most: u64 },
    /// So many messages of the chat are on the timeline.
    TooManyMarks { most: usize },
    /// A probe sees it under way.
    StillRunning { step: Localized },
    /// A run of that kind is open in that environment.
    AlreadyOpen { run: RunId },
    /// An exercise in production.
    NoExerciseInProduction { environment: String },
    /// The run has a step or phase of that name already.
    AlreadyHas { runbook: Localized, has: Localized },
    /// The run would have too many steps.
    TooManySteps { most: usize },
    /// The impact lies in the future, or too far back.
    ImpactOutOfRange { most: Span },
    /// The environment has no such system.
    NoSuchSystem { name: String, all: Vec<String> },
    /// Decisions are decided, not skipped.
    NotSkippable { step: Localized },
    /// Nobody has looked yet what happened.
    LookFirst { step: Localized },
    /// Only the engine reports what was done or seen, and that time has passed.
    EngineOnly,
    /// What the step needs is no longer settled: it was put back, or opened again.
    NeedsOpen { step: Localized, needs: Vec<Localized> },
    /// A one-time code is asked for, and none was given.
    CodeMissing { step: Localized },
    /// The code does not count. So many more wrong ones, and none does for a while.
    CodeWrong { left: u32 },
    /// The code, or a later one, has counted already.
    CodeUsed { left: u32 },
    /// Too many wrong codes.
    CodesLocked { until: Timestamp },
    /// The runbook asks everybody for a code, and this person is not enrolled.
    NotEnrolled { step: Localized, person: PersonId },
    /// This process cannot read the secrets of codes: it has no key, or another one.
    CodesSealed,
    /// An engine report that does not belong to the present state; a repeat, or late.
    OutOfDate,
}

impl Refusal {
    /// The sentence for the asker.
    #[expect(clippy::too_many_lines, reason = "one table, an arm for each refusal")]
    pub fn text(&self) -> Text {
        let step = |title: &Localized| vec![("step", Text::from(title))];
        match self {
            Self::Stranger { name } => {
                Text::Key("refused.stranger", vec![("name", Text::raw(name))])
            }
            Self::NotAllowed { needs, who } => Text::Key(
                "refused.not_allowed",
                vec![("needs", roles(needs)), ("who", Text::people(who))],
            ),
            Self::LeftGroup { group, person, at, who } => Text::Key(
                "refused.left_group",
                vec![
                    ("person", person.into()),
                    ("group", Text::raw(group)),
                    ("at", Text::raw(at.time_of_day())),
                    ("who", Text::people(who)),
                ],
            ),
            Self::GroupUnread { group, why, needs, who } => Text::Key(
                "refused.group_unread",
                vec![
                    ("needs", roles(needs)),
                    ("group", Text::raw(group)),
                    ("why", groups::why(why.as_deref())),
                    ("who", Text::people(who)),
                ],
            ),
            Self::NotQualified { role, person, who } => Text::Key(
                "refused.not_qualified",
                vec![
                    ("role", roles(&[*role])),
                    ("person", person.into()),
                    ("who", Text::people(who)),
                ],
            ),
            Self::UpdateOver { update } => {
                Text::Key("refused.update_over", vec![("update", Text::raw(update))])
            }
            Self::OnDuty { role, person } => Text::Key(
                "refused.on_duty",
                vec![("role", roles(&[*role])), ("person", person.into())],
            ),
            Self::NoSuchPerson { name } => {
                Text::Key("refused.no_such_person", vec![("name", Text::raw(name))])
            }
            Self::NotNow { step, state } => Text::Key(
                "refused.not_now",
                vec![
                    ("step", step.into()),
                    ("state", Text::Named(format!("state.{state}"), vec![])),
                ],
            ),
            Self::NoSuchStep { step } => {
                Text::Key("refused.no_such_step", vec![("step", Text::raw(step))])
            }
            Self::Stale { step: title } => Text::Key("refused.stale", step(title)),
            Self::AlreadyApproved { at, who } => {
                Text::Key("refused.already_approved", seen(*at, who))
            }
            Self::AlreadyVoted { at, who } => Text::Key("refused.already_voted", seen(*at, who)),
            Self::Expired { step: title } => Text::Key("refused.expired", step(title)),
            Self::Guard { step, condition, verdict } => Text::Key(
                "refused.guard",
                vec![
                    ("step", step.into()),
                    ("condition", Text::raw(condition)),
                    ("verdict", verdict_text(verdict)),
                ],
            ),
            Self::Held { by, reason } => {
                Text::Key("refused.held", vec![("by", by.into()), ("reason", Text::raw(reason))])
            }
            Self::NotHeld => Text::key("refused.not_held"),
            Self::Closed { at } => {
                Text::Key("refused.closed", vec![("at", Text::raw(at.time_of_day()))])
            }
            Self::ReasonMissing => Text::key("refused.reason_missing"),
            Self::TooLong { most } => {
                Text::Key("refused.too_long", vec![("most", Text::raw(most))])
            }
            Self::NoGlass { step: title } => Text::Key("refused.no_glass", step(title)),
            Self::NoUndo { step, because } => Text::Key(
                "refused.no_undo",
                vec![("step", step.into()), ("because", Text::key(because))],
            ),
            Self::PastNoReturn { step: title } => Text::Key("refused.past_no_return", step(title)),
            Self::InFlight { steps } => {
                let steps = steps.iter().map(Text::from).collect();
                Text::Key("refused.in_flight", vec![("steps", Text::List(steps))])
            }
            Self::StepsOpen { count } => {
                Text::Key("refused.steps_open", vec![("count", Text::raw(count))])
            }
            Self::TooOften { step, most } => Text::Key(
                "refused.too_often",
                vec![("step", step.into()), ("most", Text::raw(most))],
            ),
            Self::TooManyMarks { most } => {
                Text::Key("refused.too_many_marks", vec![("most", Text::raw(most))])
            }
            Self::Full { most } => Text::Key("refused.full", vec![("most", Text::raw(most))]),
            Self::StillRunning { step: title } => Text::Key("refused.still_running", step(title)),
            Self::AlreadyOpen { run } => {
                Text::Key("refused.already_open", vec![("run", Text::raw(run))])
            }
            Self::NoExerciseInProduction { environment } => Text::Key(
                "refused.no_exercise_in_production",
                vec![("environment", Text::raw(environment))],
            ),
            Self::AlreadyHas { runbook, has } => Text::Key(
                "refused.already_has",
                vec![("runbook", runbook.into()), ("has", has.into())],
            ),
            Self::TooManySteps { most } => {
                Text::Key("refused.too_many_steps", vec![("most", Text::raw(most))])
            }
            Self::ImpactOutOfRange { most } => {
                let days = Text::raw(most.ms() / 86_400_000);
                Text::Key("refused.impact_out_of_range", vec![("most", days)])
            }
            Self::NoSuchSystem { name, all } => {
                let all = all.iter().map(Text::raw).collect();
                Text::Key(
                    "refused.no_such_system",
                    vec![("name", Text::raw(name)), ("all", Text::List(all))],
                )
            }
            Self::NotSkippable { step: title } => Text::Key("refused.not_skippable", step(title)),
            Self::LookFirst { step: title } => Text::Key("refused.look_first", step(title)),
            Self::EngineOnly => Text::key("refused.engine_only"),
            Self::NeedsOpen { step, needs } => {
                let needs = needs.iter().map(Text::from).collect();
                Text::Key(
                    "refused.needs_open",
                    vec![("step", step.into()), ("needs", Text::List(needs))],
                )
            }
            Self::CodeMissing { step: title } => Text::Key("refused.code_missing", step(title)),
            Self::CodeWrong { left } => {
                Text::Key("refused.code_wrong", vec![("left", Text::raw(left))])
            }
            Self::CodeUsed { left } => {
                Text::Key("refused.code_used", vec![("left", Text::raw(left))])
            }
            Self::CodesLocked { until } => {
                let at = Text::raw(until.time_of_day());
                Text::Key("refused.codes_locked", vec![("at", at)])
            }
            Self::NotEnrolled { step: title, person } => Text::Key(
                "refused.not_enrolled",
                vec![("step", title.into()), ("id", Text::raw(person))],
            ),
            Self::CodesSealed => Text::key("refused.codes_sealed"),
            Self::OutOfDate => Text::key("refused.out_of_date"),
        }
    }
}

/// Role names, in the reader's language.
pub fn roles(roles: &[Role]) -> Text {
    Text::List(
        roles.iter().map(|role| Text::Named(format!("role.{}", role.name()), vec![])).collect(),
    )
}

/// What a condition says, in the reader's language.
pub fn verdict_text(verdict: &Verdict) -> Text {
    match verdict {
        Verdict::True => Text::key("verdict.true"),
        Verdict::False => Text::key("verdict.false"),
        Verdict::Unknown(what) => Text::Key("verdict.unknown", vec![("what", Text::raw(what))]),
    }
}

fn seen(at: Timestamp, who: &[PersonId]) -> Vec<(&'static str, Text)> {
    vec![("at", Text::raw(at.time_of_day())), ("who", Text::people(who))]
}
