//! The values of the war room's page, made from a run and its record.

use serde_json::Value;

use super::room::{Card, Entry, Standing};
use crate::catalog::Voice;
use crate::domain::comms;
use crate::domain::report::{critical_path, loss, measures, timeline};
use crate::domain::run::log::Recorded;
use crate::domain::run::state::Proof;
use crate::domain::run::{Run, StepState};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::slack::render;

/// Entries of the timeline on one page.
pub const ENTRIES: usize = 200;

/// A card with what it owns.
#[derive(Debug)]
pub struct OwnedCard {
    key: String,
    standing: Standing,
    line: String,
    when: String,
    since_ms: Option<i64>,
    blocks: Vec<Value>,
    is_open: bool,
    urgency: u8,
    since: Timestamp,
}

impl OwnedCard {
    fn lend(&self) -> Card<'_> {
        Card {
            key: &self.key,
            standing: self.standing,
            line: &self.line,
            when: &self.when,
            since_ms: self.since_ms,
            blocks: &self.blocks,
        }
    }
}

/// The cards of every step that has opened, and of every update that is not out.
pub fn cards(run: &Run, voice: &Voice<'_>, now: Timestamp) -> Vec<OwnedCard> {
    let card = |step: &crate::domain::runbook::Step, at: &crate::domain::run::StepRun| {
        let message = comms::step_card(run, &step.id, now)?.unmarked();
        let standing = standing(&at.state);
        let is_open = !run.is_settled(&step.id) && !run.is_closed();
        Some(OwnedCard {
            key: step.id.to_string(),
            standing,
            line: render::summary(voice, &message),
            when: format!("{} UTC", at.since.time_of_day()),
            since_ms: is_open.then_some(at.since.0),
            blocks: render::blocks(voice, &message),
            is_open,
            urgency: comms::urgency(run, step, at),
            since: at.since,
        })
    };
    let steps = run.each_step().filter_map(|(step, at)| card(step, at));
    let drafts = run.drafts().filter_map(|update| {
        let message = comms::draft(run, &update, now)?.unmarked();
        let due_at = run.draft(&update.audience)?.due_at;
        Some(OwnedCard {
            key: format!("update-{}", update.audience),
            standing: Standing::Waiting,
            line: render::summary(voice, &message),
            when: format!("{} UTC", due_at.time_of_day()),
            since_ms: None,
            blocks: render::blocks(voice, &message),
            is_open: true,
            urgency: comms::URGENCY_OF_DRAFTS,
            since: due_at,
        })
    });
    steps.chain(drafts).collect()
}

/// Open cards, the most urgent first, and settled ones, the newest first.
pub fn sort(cards: &[OwnedCard]) -> (Vec<Card<'_>>, Vec<Card<'_>>) {
    let mut open: Vec<&OwnedCard> = cards.iter().filter(|card| card.is_open).collect();
    open.sort_by_key(|card| card.urgency);
    let mut settled: Vec<&OwnedCard> = cards.iter().filter(|card| !card.is_open).collect();
    settled.sort_by_key(|card| std::cmp::Reverse(card.since));
    (
        open.into_iter().map(OwnedCard::lend).collect(),
        settled.into_iter().map(OwnedCard::lend).collect(),
    )
}

/// Only what was seen is green.
fn standing(state: &StepState) -> Standing {
    match state {
        StepState::Waiting | StepState::Ready => Standing::Waiting,
        StepState::Previewing
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. } => Standing::Running,
        StepState::InDoubt { .. } => Standing::InDoubt,
        StepState::Blind { .. } => Standing::Blind,
        StepState::Declined { .. } => Standing::Declined,
        StepState::Failed { unreachable: true, .. } => Standing::Unreachable,
        StepState::Failed { unreachable: false, .. } => Standing::Failed,
        StepState::Done { how: Proof::Seen } => Standing::Proven,
        StepState::Done { how: Proof::Accepted | Proof::People | Proof::Word { .. } } => {
            Standing::Done
        }
        StepState::Skipped { .. } => Standing::Skipped,
        StepState::Undone => Standing::Undone,
    }
}

/// The timeline, newest first, as far as it has these words.
pub fn entries(run: &Run, record: &[Recorded], voice: &Voice<'_>, filter: &str) -> Vec<Entry> {
    let wanted = filter.trim().to_lowercase();
    let lines = record.iter().rev().map(|recorded| (recorded, timeline::line(run, recorded)));
    lines
        .filter(|(_, line)| voice.plain(line).to_lowercase().contains(&wanted))
        .take(ENTRIES)
        .map(|(recorded, line)| Entry {
            seq: recorded.seq,
            time: recorded.entry.at.time_of_day(),
            what: voice.mrkdwn(&line),
        })
        .collect()
}

/// Where the time went: rows and the last row. `None` until the service is back.
pub fn split(
    run: &Run,
    record: &[Recorded],
    voice: &Voice<'_>,
    now: Timestamp,
) -> Option<(Vec<[String; 4]>, [String; 4])> {
    run.restored_at?;
    let measures = measures::measure(record, now)?;
    let rto = measures.rto?;
    let say = |key| voice.plain(&Text::key(key));
    let evidence = |at: Timestamp| {
        let at = Text::raw(format!("{} UTC", at.time_of_day()));
        voice.plain(&Text::Key("demo.split.evidence", vec![("at", at)]))
    };
    let none = || "—".to_owned();
    let mut rows = match measures.declare {
        None => {
            let key = "demo.split.detect";
            vec![[say(key), measures.detect.clock(), none(), evidence(run.started_at)]]
        }
        Some(declare) => {
            let rang_at = run.started_at.minus(declare);
            vec![
                [say("demo.split.alarm"), measures.detect.clock(), none(), evidence(rang_at)],
                [say("demo.split.declare"), declare.clock(), none(), evidence(run.started_at)],
            ]
        }
    };
    // What came after the service was back has no share in it.
    for phase in measures.phases.iter().filter(|phase| phase.share.ms() > 0) {
        let typical: u64 = run
            .runbook
            .steps
            .iter()
            .filter(|step| {
                run.runbook.phases.iter().any(|p| p.id == step.phase && p.title == phase.title)
            })
            .map(|step| step.typical.ms())
            .sum();
        let together = phase.waited.ms() + phase.worked.ms() > phase.share.ms() + 1000;
        let people = Text::Key(
            "demo.split.people",
            vec![
                ("waited", phase.waited.clock().into()),
                ("worked", phase.worked.clock().into()),
                ("together", if together { "yes" } else { "" }.into()),
            ],
        );
        rows.push([
            voice.plain(&Text::from(&phase.title)),
            phase.share.clock(),
            crate::domain::time::Span(typical).clock(),
            voice.plain(&people),
        ]);
    }
    let total = [
        say("demo.split.total"),
        rto.clock(),
        measures.target.clock(),
        evidence(run.ended_at().unwrap_or(now)),
    ];
    Some((rows, total))
}

/// The chain of steps that decided when the service was back.
pub fn path(run: &Run, record: &[Recorded], voice: &Voice<'_>) -> Vec<String> {
    let legs = critical_path::critical_path(record).unwrap_or_default();
    critical_path::lines(run, &legs).iter().map(|line| voice.plain(line)).collect()
}

/// What is known of the loss.
pub fn losses(record: &[Recorded], voice: &Voice<'_>) -> Vec<String> {
    loss::lines(&loss::losses(record)).iter().map(|line| voice.plain(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::state::{Doubt, Happened, Seen, Skip};

    #[test]
    fn nothing_that_was_not_tried_is_shown_as_failed_and_what_was_put_back_is_not_left_out() {
        let blind = StepState::Blind { error: String::new(), unreachable: true };
        let declined = StepState::Declined { by: vec![], reason: String::new() };
        assert_eq!(standing(&blind), Standing::Blind);
        assert_eq!(standing(&declined), Standing::Declined);
        assert_eq!(standing(&StepState::Undone), Standing::Undone);
    }

    #[test]
    fn only_what_was_seen_is_green_and_a_doubt_is_nothing_else() {
        let doubt = |happened: Option<Happened>| {
            let seen = |happened| Seen { happened, saw: "x".into(), at: Timestamp(0) };
            StepState::InDoubt { attempt: 1, why: Doubt::Interrupted, seen: happened.map(seen) }
        };
        for happened in [None, Some(Happened::Never), Some(Happened::Running), Some(Happened::Done)]
        {
            assert_eq!(standing(&doubt(happened)), Standing::InDoubt, "{happened:?}");
        }
        let failed = |unreachable| StepState::Failed { error: "no".into(), unreachable };
        assert_eq!(standing(&failed(true)), Standing::Unreachable);
        assert_eq!(standing(&failed(false)), Standing::Failed);
        assert_eq!(standing(&StepState::Done { how: Proof::Seen }), Standing::Proven);
        for how in [Proof::Accepted, Proof::People] {
            assert_eq!(standing(&StepState::Done { how }), Standing::Done);
        }
        let left_out = StepState::Skipped { why: Skip::NotNeeded };
        assert_eq!(standing(&left_out), Standing::Skipped);
        for state in [StepState::Calling { attempt: 1 }, StepState::Proving { attempt: 1 }] {
            assert_eq!(standing(&state), Standing::Running);
        }
    }
}
