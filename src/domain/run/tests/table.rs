//! The table: every state of a step × every request, for each kind of step, as `table.txt` says and no other way.

use serde_json::{Map, Value};

use super::attach::failback;
use super::sample::{World, after, id, preview, who};
use super::words::{accepted, column, refused, row};
use crate::domain::actor::Role;
use crate::domain::alert::{Alert, Vendor};
use crate::domain::code::Confirmation;
use crate::domain::ids::{Digest, GroupId, PersonId, StepId};
use crate::domain::run::chat::{ChatAsk, Source};
use crate::domain::run::decide::decide;
use crate::domain::run::groups::Reading;
use crate::domain::run::preview::Direction;
use crate::domain::run::protocol::{Event, Report, Request, Returned};
use crate::domain::run::state::{Choice, Doubt, Happened, Proof, Seen, Skip, Status, StepState};
use crate::domain::run::update::{UpdateAsk, UpdateId};
use crate::domain::time::Span;

fn requests(step: &StepId, digest: &Digest, number: u32, attempt: u32) -> Vec<Request> {
    let (step, digest) = (|| step.clone(), || digest.clone());
    let why = || "why".to_owned();
    let vote =
        |choice| Request::Vote { step: step(), digest: digest(), choice, words: String::new() };
    let mut all = vec![
        Request::Approve { step: step(), digest: digest() },
        Request::Reject { step: step(), digest: digest(), reason: why() },
        vote(Choice::Go),
        vote(Choice::NoGo),
        Request::Disagree { step: step(), digest: digest(), words: why() },
        Request::BreakGlass { step: step(), digest: digest(), reason: why() },
        Request::Skip { step: step(), reason: why() },
        Request::Retry { step: step() },
        Request::LookAgain { step: step() },
        Request::MarkDone { step: step(), reason: why() },
        Request::StartAgain { step: step(), reason: why() },
        Request::Undo { step: step(), reason: why() },
        Request::Hold { reason: why() },
        Request::Resume,
        Request::TakeRole { role: Role::Platform, person: None },
        Request::Attach { runbook: Box::new(failback()) },
        Request::Note { text: why() },
        Request::Close { reason: why() },
    ];
    let update = || UpdateId::parse("room.1").unwrap();
    let asks = [UpdateAsk::Say(why()), UpdateAsk::PutOff];
    all.extend(asks.map(|ask| Request::Update { update: update(), ask }));
    let source = || Source::parse("C1", "1795184300.000100").unwrap();
    let asks = [ChatAsk::Mark(None), ChatAsk::Unmark];
    all.extend(asks.map(|ask| Request::Chat { source: source(), ask }));
    let look = || preview(step().as_str(), "eu-west-1");
    let (error, saw, unreachable) = (why, why, false);
    let mut reports = vec![
        Report::Previewed { step: step(), number, preview: look() },
        Report::NotPreviewed { step: step(), number, error: error(), unreachable },
        Report::Begin { step: step(), attempt, preview: look() },
        Report::CannotBegin { step: step(), attempt, error: error(), unreachable },
    ];
    let returned = [
        Returned::Accepted { evidence: Value::Null },
        Returned::Failed { error: error(), unreachable },
        Returned::Unknown { error: error(), evidence: Value::Null },
        Returned::Interrupted,
    ];
    let returned = returned.map(|returned| Report::Returned { step: step(), attempt, returned });
    reports.extend(returned);
    for happened in [Happened::Never, Happened::Running, Happened::Done, Happened::Unknown] {
        let seen = Seen { happened, saw: saw(), at: super::sample::START };
        reports.push(Report::Probed { step: step(), attempt, seen, facts: after() });
    }
    reports.push(Report::Proved { step: step(), attempt, facts: after() });
    reports.push(Report::NotProved { step: step(), attempt, facts: Map::new(), saw: saw() });
    all.extend(reports.into_iter().map(Request::Report));
    let alert = Alert::new(Vendor::Sns, "lag", super::sample::START, false).titled("lag");
    all.push(Request::Alerted { alert: Box::new(alert) });
    let group = || GroupId::parse("S0SUPPORT").unwrap();
    let readings =
        [Reading::Members(vec!["U-leo".to_owned()]), Reading::Unread { why: why(), read_at: None }];
    all.extend(readings.map(|reading| Request::FollowGroup { group: group(), reading }));
    let (person, until) = (PersonId::parse("mia").unwrap(), super::sample::START);
    all.push(Request::CodesLocked { step: step(), person, until });
    let answer = Box::new(Request::Approve { step: step(), digest: digest() });
    let confirmation = Confirmation::by_code(&PersonId::parse("antoine").unwrap());
    all.push(Request::SteppedUp { answer, confirmation });
    all.push(Request::Tick);
    all
}

fn states() -> Vec<StepState> {
    let (error, reason) = (|| "why".to_owned(), || "why".to_owned());
    let by = || crate::domain::ids::PersonId::parse("mia").unwrap();
    let attempt = 1;
    let doubt = |happened: Option<Happened>| StepState::InDoubt {
        attempt,
        why: Doubt::Interrupted,
        seen: happened.map(|happened| {
            let at = super::sample::START;
            Seen { happened, saw: error(), at }
        }),
    };
    vec![
        StepState::Waiting,
        StepState::Previewing,
        StepState::Blind { error: error(), unreachable: false },
        StepState::Ready,
        StepState::Declined { by: vec![by()], reason: reason() },
        StepState::Approved { attempt },
        StepState::Calling { attempt },
        StepState::Proving { attempt },
        doubt(None),
        doubt(Some(Happened::Never)),
        doubt(Some(Happened::Running)),
        doubt(Some(Happened::Done)),
        doubt(Some(Happened::Unknown)),
        StepState::Done { how: Proof::Seen },
        StepState::Done { how: Proof::Accepted },
        StepState::Done { how: Proof::People },
        StepState::Done { how: Proof::Word { by: by(), reason: reason() } },
        StepState::Failed { error: error(), unreachable: false },
        StepState::Failed { error: error(), unreachable: true },
        StepState::Skipped { why: Skip::When { condition: "false".into() } },
        StepState::Skipped { why: Skip::NotNeeded },
        StepState::Skipped { why: Skip::Person { by: by(), reason: reason() } },
        StepState::Undone,
    ]
}

/// A step that is being put back is on its way, or somebody has taken it out of the way.
fn is_reached(state: &StepState, direction: Direction) -> bool {
    let is_settled = matches!(
        state,
        StepState::Waiting
            | StepState::Done { .. }
            | StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded }
            | StepState::Undone
    );
    direction == Direction::Do || !is_settled
}

/// A world in which `step` has been agreed to as far as its state says, whatever led there.
fn force(step: &str, state: &StepState, direction: Direction) -> World {
    let mut world = World::ready(step);
    if direction == Direction::Undo {
        world.do_step(step);
        world.undo("antoine", step).unwrap();
        world.previewed(step);
    }
    if matches!(state, StepState::Approved { .. }) && *world.state(step) == StepState::Ready {
        world.agreed(step);
    }
    let attempt = world.at(step).attempts + 1;
    let mut state = state.clone();
    match &mut state {
        StepState::Approved { attempt: n }
        | StepState::Calling { attempt: n }
        | StepState::Proving { attempt: n }
        | StepState::InDoubt { attempt: n, .. } => *n = attempt,
        StepState::Waiting
        | StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => {}
    }
    let at = world.run.steps.get_mut(&id(step)).unwrap();
    let called = matches!(
        state,
        StepState::Calling { .. } | StepState::Proving { .. } | StepState::InDoubt { .. }
    );
    (at.attempts, at.begun) = (at.attempts + u32::from(called), at.begun + u32::from(called));
    if matches!(state, StepState::Done { .. }) && at.done_as.is_none() {
        let preview = at.shown.as_ref().unwrap().preview.clone();
        at.done_as = Some(crate::domain::run::done::DoneAs {
            preview,
            first: None,
            how: Proof::Seen,
            begun: at.begun,
        });
    }
    at.state = state;
    at.since = world.now;
    world.now = world.now.plus(Span::minutes(1));
    world
}

fn cell(world: &World, request: &Request, name: &str) -> String {
    match decide(&world.run, request, &who(name), world.now) {
        Ok(events) => {
            // What opens besides is for the tests of the order.
            let own = events.iter().filter(|event| !matches!(event, Event::StepOpened { .. }));
            let words: Vec<_> = own.map(accepted).collect();
            if words.is_empty() { "(nothing)".to_owned() } else { words.join("+") }
        }
        Err(refusal) => refused(&refusal).to_owned(),
    }
}

/// Lines of equal width.
fn grid(out: &mut String, title: &str, rows: &[Vec<String>]) {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap())
        .collect();
    out.push_str(&format!("== {title}\n"));
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join(" ").trim_end());
        out.push('\n');
    }
    out.push('\n');
}

fn of_kind(out: &mut String, title: &str, step: &str, direction: Direction) {
    for people in [true, false] {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for state in states().iter().filter(|state| is_reached(state, direction)) {
            let world = force(step, state, direction);
            let at = world.at(step);
            let attempt = at.attempts + u32::from(matches!(at.state, StepState::Approved { .. }));
            let digest = world.digest(step);
            let mut all = requests(&id(step), &digest, at.previews, attempt);
            all.retain(|request| column(request).1 == people);
            if rows.is_empty() {
                let names = all.iter().map(|request| column(request).0.to_owned());
                rows.push(std::iter::once(String::new()).chain(names).collect());
            }
            let asker = if people { "antoine" } else { "engine" };
            let cells = all.iter().map(|request| cell(&world, request, asker));
            rows.push(std::iter::once(row(state, direction)).chain(cells).collect());
        }
        grid(
            out,
            &format!("{title}: what {} asks", if people { "a person" } else { "the engine" }),
            &rows,
        );
    }
}

/// Each request in a state that accepts it of the right person: by whom, and while the run is how.
fn askers_and_statuses(out: &mut String) {
    let doubt = |happened| StepState::InDoubt {
        attempt: 1,
        why: Doubt::Interrupted,
        seen: Some(Seen { happened, saw: String::new(), at: super::sample::START }),
    };
    let mut rows = vec![
        ["", "antoine", "mia", "leo", "clara", "a stranger", "the engine", "held", "closed"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for number in 0..requests(&id("promote"), &Digest::of(b""), 0, 0).len() {
        let request_of = |world: &World, step: &str| {
            let at = world.at(step);
            let attempt = at.attempts + u32::from(matches!(at.state, StepState::Approved { .. }));
            requests(&id(step), &world.digest(step), at.previews, attempt).swap_remove(number)
        };
        let (name, by_people) = column(&request_of(&World::ready("promote"), "promote"));
        let (step, state) = match name {
            "go" | "no-go" | "disagree" => ("decide", StepState::Ready),
            "retry" => ("promote", StepState::Failed { error: String::new(), unreachable: false }),
            "mark" | "again" | "never" | "running" | "there" | "no-idea" => {
                ("promote", doubt(Happened::Never))
            }
            "undo" => ("promote", StepState::Done { how: Proof::Seen }),
            "previewed" | "dark" => ("promote", StepState::Previewing),
            "begin" | "cannot" => ("promote", StepState::Approved { attempt: 1 }),
            "accepted" | "failed" | "unknown" | "cut" => {
                ("promote", StepState::Calling { attempt: 1 })
            }
            "proved" | "not-proved" => ("promote", StepState::Proving { attempt: 1 }),
            _ => ("promote", StepState::Ready),
        };
        let mut world = force(step, &state, Direction::Do);
        let (by, at) = (who("antoine").person().unwrap().clone(), world.now);
        if name == "resume" {
            world.run.status = Status::Held { by: by.clone(), reason: "why".into(), at };
        }
        let request = request_of(&world, step);
        let mut cells = vec![name.to_owned()];
        for asker in ["antoine", "mia", "leo", "clara", "U0", "engine"] {
            cells.push(cell(&world, &request, asker));
        }
        let asker = if by_people { "antoine" } else { "engine" };
        world.run.status = Status::Held { by: by.clone(), reason: "why".into(), at };
        cells.push(cell(&world, &request, asker));
        world.run.status = Status::Closed { by, at };
        cells.push(cell(&world, &request, asker));
        rows.push(cells);
    }
    grid(out, "who may ask, and while the run is held or closed", &rows);
}

#[test]
fn every_state_and_request_is_accepted_or_refused_as_the_table_says() {
    let mut found = String::new();
    of_kind(&mut found, "a step two people agree to", "promote", Direction::Do);
    of_kind(&mut found, "the same, being put back", "promote", Direction::Undo);
    of_kind(&mut found, "a step one person confirms", "fence", Direction::Do);
    of_kind(&mut found, "a step nobody is asked about", "live", Direction::Do);
    of_kind(&mut found, "a decision", "decide", Direction::Do);
    of_kind(&mut found, "a task of a person", "tell", Direction::Do);
    askers_and_statuses(&mut found);
    let expected = include_str!("table.txt");
    assert!(found == expected, "the table is now:\n{found}");
}
