//! What one person of the team has before them, whatever channel they are in: what waits for them, with its buttons;
//! the open runs; their roles. A part each, the most important first, so that a surface with little room shows those.

use super::{Block, Message, run_card, step_card};
use crate::domain::environment::Person;
use crate::domain::run::refusal::roles;
use crate::domain::run::state::Run;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// The parts, for these open runs.
pub fn home(runs: &[Run], person: &Person, now: Timestamp) -> Vec<Message> {
    let mine = runs
        .iter()
        .flat_map(|run| run.waits_for(&person.id).filter_map(|step| step_card(run, &step.id, now)));
    let mine: Vec<Message> = mine.collect();
    let mut parts = vec![heading(mine.len())];
    parts.extend(mine.into_iter().map(|mut card| {
        card.blocks.push(Block::Rule);
        card
    }));
    parts.push(duties(runs, person));
    let title = if runs.is_empty() { "home.runs.none" } else { "home.runs" };
    parts.push(lines(vec![Text::key(title)]));
    parts.extend(runs.iter().map(|run| run_card(run, now)));
    parts
}

fn heading(waiting: usize) -> Message {
    let title = Text::key("home.waiting");
    let said = match waiting {
        0 => Text::key("home.waiting.none"),
        count => Text::Key("home.waiting.count", vec![("count", Text::raw(count))]),
    };
    Message {
        summary: title.clone(),
        blocks: vec![Block::Heading(title), Block::Lines(vec![said])],
    }
}

fn duties(runs: &[Run], person: &Person) -> Message {
    let mut said = vec![Text::Key("home.roles", vec![("roles", roles(&person.roles))])];
    said.extend(runs.iter().filter_map(|run| {
        let on_duty = run.duty.iter().filter(|(_, on_duty)| **on_duty == person.id);
        let on_duty: Vec<_> = on_duty.map(|(role, _)| *role).collect();
        let args = vec![("roles", roles(&on_duty)), ("run", Text::raw(&run.id))];
        (!on_duty.is_empty()).then_some(Text::Key("home.duty", args))
    }));
    lines(said)
}

fn lines(lines: Vec<Text>) -> Message {
    let summary = lines.first().cloned().unwrap_or_else(|| Text::raw(""));
    Message { summary, blocks: vec![Block::Lines(lines)] }
}
