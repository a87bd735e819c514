//! What follows from a request. Changes nothing; may refuse.
//!
//! One file per kind of request: [`start`], what people `answers`, how they steer a step (`steering`), who is on duty
//! (`team`), what concerns the whole run (`run_wide`), messages of the `chat`, user `groups`, `updates`, what is asked besides a
//! press (`codes`) and what the engine `reports`. Whatever was asked, `follow` then opens the steps that may open now.
//! What every request of a person passes is in `rights`.

mod answers;
mod chat;
mod codes;
mod follow;
mod groups;
mod reports;
mod rights;
mod run_wide;
mod start;
mod steering;
mod team;
mod updates;

pub use codes::{agrees_to, may_enrol};
pub use reports::is_proven;
pub(super) use run_wide::due_at;
pub use start::{may_be, may_start, start, starters};

use super::protocol::{Event, Request};
use super::refusal::Refusal;
use super::state::{Choice, Run};
use crate::domain::actor::{Actor, Surface};
use crate::domain::time::Timestamp;

/// The events that follow from `request`, or why it is refused. [`start`] opens the run before.
///
/// # Errors
/// A [`Refusal`]: understood and declined; nothing follows.
pub fn decide(
    run: &Run,
    request: &Request,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let mut events = alone(run, request, by, now)?;
    follow::open_steps(run, &mut events, by, now);
    Ok(events)
}

/// Whether anybody of the environment could ask this now. A card shows no button of which this is not true.
pub fn somebody_may(run: &Run, request: &Request, now: Timestamp) -> bool {
    run.environment.people.iter().any(|person| {
        let by = Actor::Person { id: person.id.clone(), via: Surface::Web };
        match alone(run, request, &by, now) {
            // Whether they have a code is seen when they press.
            Ok(_) | Err(Refusal::CodeMissing { .. }) => true,
            Err(_) => false,
        }
    })
}

/// What follows from the request itself, without what opens because of it.
fn alone(run: &Run, request: &Request, by: &Actor, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    rights::not_full(run, request)?;
    let (mut answer, mut known) = (request, None);
    if let Request::SteppedUp { answer: inner, confirmation } = request {
        (answer, known) = (inner, Some(confirmation));
    }
    let events = asked(run, answer, by, now)?;
    codes::confirmed(run, answer, by, known, events)
}

/// The same, without the question for a code.
fn asked(run: &Run, request: &Request, by: &Actor, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    Ok(match request {
        Request::Approve { step, digest } => answers::approve(run, step, digest, by, now)?,
        Request::Reject { step, digest, reason } => {
            answers::reject(run, step, digest, reason, by, now)?
        }
        Request::Vote { step, digest, choice, words } => {
            answers::vote(run, step, digest, *choice, words, by, now)?
        }
        Request::Disagree { step, digest, words } => {
            answers::disagree(run, step, digest, words, by, now)?
        }
        Request::BreakGlass { step, digest, reason } => {
            answers::break_glass(run, step, digest, reason, by, now)?
        }
        Request::Skip { step, reason } => steering::skip(run, step, reason, by)?,
        Request::Retry { step } => steering::retry(run, step, by)?,
        Request::LookAgain { step } => steering::look_again(run, step, by)?,
        Request::MarkDone { step, reason } => steering::mark_done(run, step, reason, by)?,
        Request::StartAgain { step, reason } => steering::start_again(run, step, reason, by)?,
        Request::Undo { step, reason } => steering::undo(run, step, reason, by)?,
        Request::Hold { reason } => run_wide::hold(run, reason, by)?,
        Request::Resume => run_wide::resume(run, by)?,
        Request::TakeRole { role, person } => team::take(run, *role, person.as_ref(), by)?,
        Request::Attach { runbook } => run_wide::attach(run, runbook, by)?,
        Request::Note { text } => run_wide::note(run, text, by)?,
        Request::Chat { source, ask } => chat::decide(run, source, ask, by)?,
        Request::Alerted { alert } => run_wide::alerted(run, alert, by)?,
        Request::FollowGroup { group, reading } => groups::follow(run, group, reading, by)?,
        Request::Close { reason } => run_wide::close(run, reason, by)?,
        Request::Update { update, ask } => updates::update(run, update, ask, by, now)?,
        // One within another: nobody makes that.
        Request::SteppedUp { .. } => return Err(Refusal::EngineOnly),
        Request::CodesLocked { step, person, until } => {
            codes::locked(run, step, person, *until, by)?
        }
        Request::Report(report) => reports::report(run, report, by, now)?,
        Request::Tick => {
            rights::engine(by)?;
            run_wide::tick(run, now)
        }
    })
}

/// What a press on Run means at a decision.
const PRESSED: Choice = Choice::Go;
