//! The card of a run: what is happening, what is waited for, from whom, how much time is left.

use std::collections::BTreeSet;

use super::button::{Ask, Press};
use super::{Block, Button, Message, Style, agreed, banner, clock, groups, marked_line, place};
use crate::domain::actor::Role;
use crate::domain::report::forecast::{Forecast, forecast};
use crate::domain::run::declared::{Declared, Severity};
use crate::domain::run::refusal::roles;
use crate::domain::run::state::{Kind, Proof, Run, Seen, Skip, Status, StepRun, StepState};
use crate::domain::runbook::{Gate, Phase, Step};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// Most lines of open steps on the card; the rest are counted.
const MOST_LINES: usize = 12;
const BAR: u64 = 15;
/// Most buttons for roles that nobody has taken.
const MOST_ROLES: usize = 3;

pub(super) fn message(run: &Run, now: Timestamp) -> Message {
    let title = title(run);
    let mut blocks = vec![Block::Heading(title.clone())];
    if run.kind != Kind::Incident {
        blocks.push(Block::Banner(banner(run)));
    }
    let mut lines = vec![place_line(run)];
    lines.extend(declared(run));
    lines.extend([rto(run, now), phases(run)]);
    blocks.push(Block::Lines(lines));
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
        let mut people = vec![team(run)];
        people.extend(groups::lines(run, now));
        blocks.push(Block::Lines(people));
        blocks.push(Block::Buttons(buttons(run)));
        blocks.push(Block::Buttons(resume(run)));
        blocks.push(Block::Buttons(free_roles(run)));
    }
    blocks.push(Block::Views(run.id.clone()));
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
    let mut args = place(run);
    args.push(("title", (&run.runbook.title).into()));
    Text::Key(key, args)
}

fn place_line(run: &Run) -> Text {
    let mut args = place(run);
    args.extend([
        ("account", Text::raw(&run.environment.account)),
        ("primary", Text::raw(&run.environment.regions.primary)),
        ("dr", Text::raw(&run.environment.regions.dr)),
        ("impact", clock(run, run.impact_at)),
    ]);
    Text::Key("run.place", args)
}

/// How bad it is and what is hit, if anybody said so.
fn declared(run: &Run) -> Option<Text> {
    let Declared { severity, affected, roles: _, alerts: _ } = &run.declared;
    if severity.is_none() && affected.is_empty() {
        return None;
    }
    let severity = severity.map_or_else(|| Text::raw(""), Severity::text);
    let affected = Text::List(affected.iter().map(Text::raw).collect());
    Some(Text::Key("run.declared", vec![("severity", severity), ("affected", affected)]))
}

pub(super) fn rto(run: &Run, now: Timestamp) -> Text {
    let target = run.rto();
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
            ("target", Text::raw(target.spoken())),
            ("bar", Text::raw(bar)),
            ("elapsed", Text::raw(outage.clock())),
            ("left", Text::raw(left.clock())),
            ("forecast", expected(run, now)),
        ],
    )
}

/// The phases in their order, in one line: what is behind, what is under way, what is ahead.
fn phases(run: &Run) -> Text {
    let phases = run.runbook.phases.iter().map(|phase| {
        let title = ("phase", Text::from(&phase.title));
        match standing(run, phase) {
            Standing::Ahead => Text::Key("run.phase.ahead", vec![title]),
            Standing::Done { failures: false } => Text::Key("run.phase.done", vec![title]),
            Standing::Done { failures: true } => Text::Key("run.phase.at_risk", vec![title]),
            Standing::Open { trouble, settled, of } => Text::Key(
                if trouble { "run.phase.trouble" } else { "run.phase.open" },
                vec![title, ("settled", Text::raw(settled)), ("of", Text::raw(of))],
            ),
        }
    });
    Text::List(phases.collect())
}

/// When the service will be back, as far as that can be told; empty once it is.
pub(super) fn expected(run: &Run, now: Timestamp) -> Text {
    match forecast(run, now) {
        None => Text::raw(""),
        Some(Forecast::Held) => Text::key("run.forecast.held"),
        Some(Forecast::Stuck(step)) => {
            let (title, state) = run.step(&step).map_or_else(
                || (Text::raw(&step), Text::raw("")),
                |(step, at)| {
                    let state = Text::Named(format!("state.{}", at.state.name()), vec![]);
                    (Text::from(&step.title), state)
                },
            );
            Text::Key("run.forecast.stuck", vec![("step", title), ("state", state)])
        }
        Some(Forecast::Back(after)) => {
            let minutes = Text::raw(after.ms().div_ceil(60_000));
            Text::Key("run.forecast", vec![("minutes", minutes)])
        }
    }
}

/// How far a phase is.
enum Standing {
    Ahead,
    Open { trouble: bool, settled: usize, of: usize },
    Done { failures: bool },
}

fn standing(run: &Run, phase: &Phase) -> Standing {
    let steps: Vec<_> = run.each_step().filter(|(step, _)| step.phase == phase.id).collect();
    let settled = steps.iter().filter(|(step, _)| run.is_settled(&step.id)).count();
    let bad = steps
        .iter()
        .any(|(_, at)| matches!(at.state, StepState::Failed { .. } | StepState::InDoubt { .. }));
    // Left out by a person, done on somebody's word, or accepted and not looked at: behind us, but nothing a tick may
    // stand before.
    let unproven = steps.iter().any(|(step, at)| match &at.state {
        StepState::Skipped { why: Skip::Person { .. } }
        | StepState::Done { how: Proof::Word { .. } } => true,
        StepState::Done { how: Proof::Accepted } => !step.action.only_reads(),
        StepState::Done { how: Proof::Seen | Proof::People }
        | StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded }
        | StepState::Waiting
        | StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Failed { .. }
        | StepState::Undone => false,
    });
    if settled == steps.len() {
        Standing::Done { failures: bad || unproven }
    } else if steps.iter().all(|(_, at)| at.state == StepState::Waiting) {
        Standing::Ahead
    } else {
        Standing::Open { trouble: bad, settled, of: steps.len() }
    }
}

/// Where the draft of an update comes among them: after what waits for people, before what only runs.
pub const URGENCY_OF_DRAFTS: u8 = 2;

/// What people must do comes first, what only must be known last: on the card of the run as on the page.
pub fn urgency(run: &Run, step: &Step, at: &StepRun) -> u8 {
    match &at.state {
        StepState::InDoubt { .. } => 0,
        StepState::Failed { .. } if run.is_settled(&step.id) => 5,
        StepState::Failed { .. }
        | StepState::Blind { .. }
        | StepState::Declined { .. }
        | StepState::Undone => 1,
        StepState::Ready => 2,
        StepState::Calling { .. } | StepState::Proving { .. } => 3,
        StepState::Previewing | StepState::Approved { .. } => 4,
        StepState::Waiting | StepState::Done { .. } | StepState::Skipped { .. } => 5,
    }
}

pub(super) fn open_lines(run: &Run, now: Timestamp) -> Vec<Text> {
    let mut lines: Vec<(u8, Text)> = run
        .each_step()
        .filter_map(|(step, at)| Some((urgency(run, step, at), open_line(run, step, at, now)?)))
        .collect();
    lines.sort_by_key(|(urgency, _)| *urgency);
    let mut lines: Vec<Text> = lines.into_iter().map(|(_, line)| line).collect();
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
            let key = if step.action.is_decision() { "run.line.decide" } else { "run.line.ready" };
            let (given, needed) = agreed(step, at);
            let of = match step.gate {
                Gate::People { .. } => Text::raw(needed),
                Gate::None | Gate::Confirm => Text::raw(""),
            };
            let who = Text::people(run.still_asked(step, at));
            let roles = roles(&step.gate.roles(step.owner));
            let given = Text::raw(given);
            let asked = vec![("roles", roles), ("who", who), ("given", given), ("of", of)];
            Some(Text::Key(key, [title, since_text].into_iter().chain(asked).collect()))
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
        StepState::InDoubt { seen, .. } => {
            let looks =
                seen.as_ref().map_or("happened.looking", |Seen { happened, .. }| happened.key());
            let looks = ("looks", Text::key(looks));
            Some(Text::Key("run.line.in_doubt", vec![title, since_text, looks]))
        }
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

/// The roles this run needs: the commander's, and those its steps belong to.
fn needed_roles(run: &Run) -> Vec<Role> {
    let owners = run.runbook.steps.iter().map(|step| step.owner);
    let needed: BTreeSet<Role> = std::iter::once(Role::Ic).chain(owners).collect();
    needed.into_iter().collect()
}

/// Who is on duty, and what nobody is on duty for.
fn team(run: &Run) -> Text {
    let on_duty = |role: Role| {
        let name = ("role", roles(&[role]));
        match run.duty.get(&role) {
            Some(person) => Text::Key("run.duty", vec![name, ("who", person.into())]),
            None => Text::Key("run.duty.nobody", vec![name]),
        }
    };
    let taken = run.duty.keys().copied();
    let all: BTreeSet<Role> = needed_roles(run).into_iter().chain(taken).collect();
    Text::Key("run.team", vec![("roles", Text::List(all.into_iter().map(on_duty).collect()))])
}

/// Roles without anybody that open steps belong to come first: somebody is missing there now.
fn unmanned(run: &Run) -> Vec<Role> {
    let is_open = |role: &Role| {
        run.each_step().any(|(step, at)| {
            step.owner == *role && at.state != StepState::Waiting && !run.is_settled(&step.id)
        })
    };
    let mut free: Vec<Role> =
        needed_roles(run).into_iter().filter(|role| !run.duty.contains_key(role)).collect();
    free.sort_by_key(|role| !is_open(role));
    free
}

fn free_roles(run: &Run) -> Vec<Button> {
    let take = |role| Button::plain(Press::of_role(Ask::Take, &run.id, role));
    unmanned(run).into_iter().take(MOST_ROLES).map(take).collect()
}

fn buttons(run: &Run) -> Vec<Button> {
    let press = |ask| Button::plain(Press::of_run(ask, &run.id));
    let mut buttons = vec![press(Ask::Note)];
    match run.status {
        Status::Open => buttons.push(press(Ask::Hold)),
        Status::Held { .. } | Status::Closed { .. } => {}
    }
    let all_settled = run.runbook.steps.iter().all(|step| run.is_settled(&step.id));
    let style = if all_settled { Style::Primary } else { Style::Plain };
    buttons.push(press(Ask::Close).styled(style));
    buttons
}

/// In a row of its own, where "Hold" never was: what was approved and kept back starts at once.
fn resume(run: &Run) -> Vec<Button> {
    match run.status {
        Status::Held { .. } => {
            let resume = Button::plain(Press::of_run(Ask::Resume, &run.id));
            let confirm = marked_line(run, Text::key("confirm.resume"));
            vec![resume.confirmed(Some(confirm))]
        }
        Status::Open | Status::Closed { .. } => vec![],
    }
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
