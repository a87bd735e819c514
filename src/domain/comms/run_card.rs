//! The card of a run: what is happening, what is waited for, from whom, how much time is left.

use super::button::{Ask, Press};
use super::{Block, Button, Message, Style, banner, clock};
use crate::domain::environment::EnvironmentKind;
use crate::domain::run::refusal::roles;
use crate::domain::run::state::{Kind, Run, Status, StepRun, StepState};
use crate::domain::runbook::{Phase, Step};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// Most lines of open steps on the card; the rest are counted.
const MOST_LINES: usize = 12;
const BAR: u64 = 15;

pub(super) fn message(run: &Run, now: Timestamp) -> Message {
    let title = title(run);
    let mut blocks = vec![Block::Heading(title.clone())];
    if let Some(banner) = banner(run.kind) {
        blocks.push(Block::Small(vec![banner]));
    }
    blocks.push(Block::Lines(vec![place(run), rto(run, now), phases(run, now)]));
    match &run.status {
        Status::Held { by, reason, at } => blocks.push(Block::Lines(vec![Text::Key(
            "run.held",
            vec![("by", by.into()), ("reason", Text::raw(reason)), ("at", clock(run, *at))],
        )])),
        Status::Closed { by, at } => blocks.push(Block::Lines(vec![Text::Key(
            "run.closed",
            vec![("by", by.into()), ("at", clock(run, *at))],
        )])),
        Status::Open => {}
    }
    if !run.is_closed() {
        blocks.push(Block::Rule);
        blocks.push(Block::Lines(open_lines(run, now)));
        blocks.push(Block::Buttons(buttons(run)));
    }
    blocks.push(Block::Small(vec![
        Text::Key(
            "run.started_by",
            vec![("by", (&run.started_by).into()), ("run", Text::raw(&run.id))],
        ),
        Text::Key("run.updated", vec![("at", clock(run, now))]),
    ]));
    Message { summary: summary(run, title, now), blocks }
}

fn title(run: &Run) -> Text {
    let key = match run.kind {
        Kind::Incident => "run.title.incident",
        Kind::Exercise => "run.title.exercise",
        Kind::Tabletop => "run.title.tabletop",
    };
    Text::Key(key, vec![("title", (&run.runbook.title).into())])
}

fn place(run: &Run) -> Text {
    let kind = match run.environment.kind {
        EnvironmentKind::Production => "environment.production",
        EnvironmentKind::Staging => "environment.staging",
    };
    Text::Key(
        "run.place",
        vec![
            ("environment", Text::raw(&run.environment.id)),
            ("kind", Text::key(kind)),
            ("account", Text::raw(&run.environment.account)),
            ("primary", Text::raw(&run.environment.regions.primary)),
            ("dr", Text::raw(&run.environment.regions.dr)),
            ("impact", clock(run, run.impact_at)),
        ],
    )
}

fn rto(run: &Run, now: Timestamp) -> Text {
    let target = run.environment.objectives.rto;
    let outage = run.outage(now);
    let filled = (outage.ms().saturating_mul(BAR) / target.ms().max(1)).min(BAR);
    let bar: String = (0..BAR).map(|cell| if cell < filled { '▓' } else { '░' }).collect();
    let late = outage > target;
    let left = if late { Span(outage.ms() - target.ms()) } else { Span(target.ms() - outage.ms()) };
    let key = match (run.restored_at.is_some(), late) {
        (true, false) => "run.rto.restored",
        (true, true) => "run.rto.restored_late",
        (false, false) => "run.rto.running",
        (false, true) => "run.rto.late",
    };
    Text::Key(
        key,
        vec![
            ("target", Text::raw(target)),
            ("bar", Text::raw(bar)),
            ("elapsed", Text::raw(outage.clock())),
            ("left", Text::raw(left.clock())),
        ],
    )
}

fn phases(run: &Run, now: Timestamp) -> Text {
    let parts = run.runbook.phases.iter().map(|phase| self::phase(run, phase, now)).collect();
    Text::Key("run.phases", vec![("phases", Text::List(parts))])
}

fn phase(run: &Run, phase: &Phase, _now: Timestamp) -> Text {
    let steps: Vec<_> = run.each_step().filter(|(step, _)| step.phase == phase.id).collect();
    let settled = steps.iter().filter(|(step, _)| run.is_settled(&step.id)).count();
    let begun = steps.iter().any(|(_, at)| at.state != StepState::Waiting);
    let bad = steps
        .iter()
        .any(|(_, at)| matches!(at.state, StepState::Failed { .. } | StepState::InDoubt { .. }));
    let key = if settled == steps.len() && !bad {
        "run.phase.done"
    } else if settled == steps.len() {
        "run.phase.done_with_failures"
    } else if bad {
        "run.phase.trouble"
    } else if begun {
        "run.phase.open"
    } else {
        "run.phase.ahead"
    };
    Text::Key(
        key,
        vec![
            ("phase", (&phase.title).into()),
            ("settled", Text::raw(settled)),
            ("of", Text::raw(steps.len())),
        ],
    )
}

fn open_lines(run: &Run, now: Timestamp) -> Vec<Text> {
    let mut lines: Vec<Text> =
        run.each_step().filter_map(|(step, at)| open_line(run, step, at, now)).collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(Text::Key("run.more", vec![("count", Text::raw(more))]));
    }
    let open: Vec<_> = run
        .each_step()
        .filter(|(step, at)| at.state != StepState::Waiting && !run.is_settled(&step.id))
        .map(|(step, _)| &step.id)
        .collect();
    let next: Vec<Text> = run
        .each_step()
        .filter(|(_, at)| at.state == StepState::Waiting)
        .filter(|(step, _)| {
            step.needs.iter().all(|need| run.is_settled(need) || open.contains(&need))
        })
        .map(|(step, _)| Text::from(&step.title))
        .take(3)
        .collect();
    if !next.is_empty() {
        lines.push(Text::Key("run.next", vec![("steps", Text::List(next))]));
    }
    if lines.is_empty() {
        lines.push(Text::key("run.nothing_open"));
    }
    lines
}

fn open_line(run: &Run, step: &Step, at: &StepRun, now: Timestamp) -> Option<Text> {
    let since = now.since(at.since);
    let title = ("step", Text::from(&step.title));
    let since_text = ("since", Text::raw(since.clock()));
    match &at.state {
        StepState::Ready => {
            let awaited = step.gate.roles(step.owner);
            let said: Vec<_> = at
                .approvals
                .iter()
                .map(|approval| &approval.by)
                .chain(at.votes.iter().map(|vote| &vote.by))
                .collect();
            let who = run
                .environment
                .holders(&awaited)
                .filter(|person| !said.contains(&&person.id))
                .map(|person| &person.id);
            let key = if step.action.is_decision() { "run.line.decide" } else { "run.line.ready" };
            let who = ("who", Text::people(who));
            Some(Text::Key(key, vec![title, since_text, ("roles", roles(&awaited)), who]))
        }
        StepState::Previewing | StepState::Approved { .. } => {
            Some(Text::Key("run.line.preparing", vec![title, since_text]))
        }
        StepState::Calling { .. } | StepState::Proving { .. } => {
            let key = if since > step.worst { "run.line.late" } else { "run.line.running" };
            let late = Span(since.ms().saturating_sub(step.worst.ms()));
            Some(Text::Key(
                key,
                vec![
                    title,
                    since_text,
                    ("typical", Text::raw(step.typical.clock())),
                    ("worst", Text::raw(step.worst.clock())),
                    ("late", Text::raw(late.clock())),
                ],
            ))
        }
        StepState::InDoubt { .. } => Some(Text::Key("run.line.in_doubt", vec![title, since_text])),
        StepState::Blind { .. } => Some(Text::Key("run.line.blind", vec![title, since_text])),
        StepState::Declined { .. } => Some(Text::Key("run.line.declined", vec![title, since_text])),
        StepState::Failed { unreachable, .. } => {
            let key = match (unreachable, run.is_settled(&step.id)) {
                (true, true) => "run.line.unreachable",
                (false, true) => "run.line.failed_settled",
                (_, false) => "run.line.failed",
            };
            Some(Text::Key(key, vec![title, since_text]))
        }
        StepState::Undone => Some(Text::Key("run.line.undone", vec![title, since_text])),
        StepState::Waiting | StepState::Done { .. } | StepState::Skipped { .. } => None,
    }
}

fn buttons(run: &Run) -> Vec<Button> {
    let press = |ask| Button::plain(Press::of_run(ask, &run.id));
    let mut buttons = vec![press(Ask::Note)];
    match run.status {
        Status::Held { .. } => buttons.push(press(Ask::Resume)),
        Status::Open => buttons.push(press(Ask::Hold)),
        Status::Closed { .. } => {}
    }
    let all_settled = run.runbook.steps.iter().all(|step| run.is_settled(&step.id));
    let style = if all_settled { Style::Primary } else { Style::Plain };
    buttons.push(press(Ask::Close).styled(style));
    buttons
}

fn summary(run: &Run, title: Text, now: Timestamp) -> Text {
    let waiting = run.each_step().filter(|(_, at)| at.state == StepState::Ready).count();
    Text::Key(
        "run.summary",
        vec![
            ("title", title),
            ("elapsed", Text::raw(run.outage(now).clock())),
            ("waiting", Text::raw(waiting)),
            ("run", Text::raw(&run.id)),
        ],
    )
}
