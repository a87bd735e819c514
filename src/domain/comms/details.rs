//! What a step saw, called and got back, for those who check: one message in the thread of its card. From the state
//! alone, and of bounded length however much a system tells.

use super::{Block, Message, clock, marked, question};
use crate::domain::ids::StepId;
use crate::domain::run::state::{Run, StepRun, StepState};
use crate::domain::text::Text;

/// Most lines of facts, and of what a call left.
const MOST_LINES: usize = 20;

/// `None` as long as nothing was called or measured beyond what the card shows, and for what people do themselves.
pub(super) fn message(run: &Run, step: &StepId) -> Option<Message> {
    let (step, at) = run.step(step)?;
    if step.action.is_human() || at.attempts == 0 {
        return None;
    }
    let title = Text::Key("details.title", vec![("step", (&step.title).into())]);
    let mut blocks = vec![Block::Lines(vec![title.clone()])];
    blocks.extend(looked(run, at));
    blocks.extend(called(at));
    blocks.extend(seen(run, at));
    Some(marked(run, title, blocks))
}

/// What the last look after a doubt saw, or why it failed.
fn looked(run: &Run, at: &StepRun) -> Option<Block> {
    match &at.state {
        StepState::InDoubt { seen: Some(seen), .. } => {
            let args = vec![("saw", Text::seen(&seen.saw)), ("at", clock(run, seen.at))];
            Some(Block::Lines(vec![Text::Key("step.doubt.seen", args)]))
        }
        StepState::Failed { error, .. } | StepState::Blind { error, .. } => {
            Some(Block::Lines(vec![Text::seen(error)]))
        }
        StepState::InDoubt { seen: None, .. }
        | StepState::Waiting
        | StepState::Previewing
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::Done { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => None,
    }
}

/// The calls, and what the last of them left: the ids by which the other side knows it.
fn called(at: &StepRun) -> Option<Block> {
    let calls = at.shown.iter().flat_map(|shown| &shown.preview.calls);
    let mut lines: Vec<Text> =
        calls.map(|call| Text::Key("step.runs", vec![("call", Text::raw(call))])).collect();
    if let Some(left) = at.evidence.as_ref().and_then(serde_json::Value::as_object) {
        lines.extend(bounded(question::facts(left)));
    }
    (!lines.is_empty()).then_some(Block::Lines(lines))
}

/// All facts as seen last.
fn seen(run: &Run, at: &StepRun) -> Option<Block> {
    let facts = bounded(question::facts(&at.facts));
    let title = Text::Key("details.seen", vec![("at", clock(run, at.facts_at))]);
    let lines: Vec<Text> = std::iter::once(title).chain(facts).collect();
    (lines.len() > 1).then_some(Block::Lines(lines))
}

/// A line each; what is too much is counted.
fn bounded(facts: Vec<Text>) -> Vec<Text> {
    let more = facts.len().saturating_sub(MOST_LINES);
    let line = |fact| Text::Key("details.line", vec![("fact", fact)]);
    let mut lines: Vec<Text> = facts.into_iter().take(MOST_LINES).map(line).collect();
    if more > 0 {
        lines.push(Text::Key("run.more", vec![("count", Text::raw(more))]));
    }
    lines
}
