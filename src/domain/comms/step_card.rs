//! The card of a step: what would change, who agreed, what was seen. It collapses to a line when it is settled, as
//! [`outcome`](super::outcome) tells.

use super::button::{Ask, Press};
use super::{
    Block, Button, Message, Style, agreed, agreed_as, banner, change_line, clock, first_change,
    marked, marked_line, question,
};
use crate::domain::action::Undo;
use crate::domain::ids::StepId;
use crate::domain::run::preview::Direction;
use crate::domain::run::refusal::{roles, verdict_text};
use crate::domain::run::state::{Run, Shown, StepRun, StepState};
use crate::domain::runbook::condition::Verdict;
use crate::domain::runbook::{CodeOf, Gate, Step};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

pub(super) fn message(run: &Run, step: &StepId, now: Timestamp) -> Option<Message> {
    let (step, at) = run.step(step)?;
    let card = Card { run, step, at };
    let (summary, mut blocks) = match &at.state {
        StepState::Waiting => return None,
        StepState::Previewing => card.small("step.previewing", vec![]),
        StepState::Ready => card.ready(now),
        StepState::Blind { error, .. } => card.blind(error),
        StepState::Declined { by, reason } => card.declined(by, reason),
        StepState::Approved { .. } => card.small("step.approved", card.agreed()),
        StepState::Calling { .. } => card.running("step.calling"),
        StepState::Proving { .. } => card.running("step.proving"),
        StepState::InDoubt { why, seen, .. } => card.in_doubt(why, seen.as_ref()),
        StepState::Done { how } => card.done(how),
        StepState::Failed { error, unreachable } => {
            let key = if *unreachable { "step.unreachable" } else { "step.failed" };
            card.failed(key, error)
        }
        StepState::Skipped { why } => card.skipped(why),
        StepState::Undone => card.stopped("step.undone", vec![], &[Ask::Retry, Ask::Skip]),
    };
    if !run.is_settled(&step.id) {
        blocks.insert(0, Block::Banner(banner(run)));
    }
    Some(marked(run, summary, blocks))
}

/// A step while its card is written.
pub(super) struct Card<'a> {
    pub(super) run: &'a Run,
    pub(super) step: &'a Step,
    pub(super) at: &'a StepRun,
}

/// The one line of a card, and its blocks.
pub(super) type Content = (Text, Vec<Block>);
type Args = Vec<(&'static str, Text)>;

impl Card<'_> {
    pub(super) fn said(&self, key: &'static str, mut args: Args) -> Text {
        args.push(("step", (&self.step.title).into()));
        args.push(("since", clock(self.run, self.at.since)));
        Text::Key(key, args)
    }

    /// What a press must be confirmed with.
    fn confirm(&self, key: &'static str, args: Args) -> Option<Text> {
        Some(marked_line(self.run, self.said(key, args)))
    }

    pub(super) fn button(&self, ask: Ask) -> Button {
        let digest = self.at.shown.as_ref().map(|shown| &shown.digest);
        Button::plain(Press::of_step(ask, &self.run.id, &self.step.id, digest))
    }

    pub(super) fn small(&self, key: &'static str, args: Args) -> Content {
        let line = self.said(key, args);
        (line.clone(), vec![Block::Lines(vec![line])])
    }

    pub(super) fn stopped(&self, key: &'static str, args: Args, asks: &[Ask]) -> Content {
        let (line, mut blocks) = self.small(key, args);
        let asks = asks.iter().filter(|ask| **ask != Ask::Skip || !self.step.action.is_decision());
        blocks.push(Block::Buttons(asks.map(|ask| self.button(*ask)).collect()));
        (line, blocks)
    }

    fn title(&self) -> Vec<Text> {
        let mut lines = vec![self.said("step.title", vec![])];
        match self.at.direction {
            Direction::Undo => lines.push(Text::key("step.undo_of")),
            Direction::Do if self.step.point_of_no_return => lines.push(match self.no_undo() {
                Some(because) => {
                    Text::Key("step.no_return_because", vec![("because", Text::key(because))])
                }
                None => Text::key("step.no_return"),
            }),
            Direction::Do => {}
        }
        lines
    }

    /// Why there is no undo, if there is none.
    fn no_undo(&self) -> Option<&'static str> {
        match self.step.action.spec()?.undo {
            Undo::None(because) => Some(because),
            Undo::Possible => None,
        }
    }

    fn ready(&self, now: Timestamp) -> Content {
        let Some(shown) = &self.at.shown else {
            return self.small("step.previewing", vec![]);
        };
        let mut blocks = vec![Block::Lines(self.title())];
        if self.step.action.is_decision() {
            blocks.push(Block::Lines(question::open(self.run, self.at, shown, now)));
        } else if !self.step.action.is_human() {
            blocks.push(Block::Lines(self.what(shown)));
        }
        if let Some(note) = &self.step.note {
            blocks.push(Block::Small(vec![Text::Key("step.note", vec![("note", note.into())])]));
        }
        blocks.push(Block::Lines(self.needs()));
        blocks.extend(self.answers(shown));
        if !self.step.action.is_human() && !self.step.action.is_decision() {
            blocks.push(Block::Small(self.exactly(shown)));
        }
        let key =
            if self.step.action.is_decision() { "step.summary.decide" } else { "step.summary" };
        let who = roles(&self.step.gate.roles(self.step.owner));
        (self.said(key, vec![("roles", who)]), blocks)
    }

    /// Now → after, what to know, whether the guard holds.
    fn what(&self, shown: &Shown) -> Vec<Text> {
        let mut lines = Vec::new();
        for change in &shown.preview.changes {
            lines.push(change_line("step.change", change));
        }
        for remark in &shown.preview.remarks {
            let args = remark.args.iter().map(|(key, value)| (key.clone(), Text::raw(value)));
            lines.push(Text::Named(remark.key.clone(), args.collect()));
        }
        if self.at.direction == Direction::Do
            && let Some(because) = self.no_undo()
            && !self.step.point_of_no_return
            && !shown.preview.changes.is_empty()
        {
            lines.push(Text::Key("step.no_undo", vec![("because", Text::key(because))]));
        }
        if let (Some(verdict), Some(guard)) = (&shown.guard, &self.step.guard) {
            let key = match verdict {
                Verdict::True => "step.guard.true",
                Verdict::False => "step.guard.false",
                Verdict::Unknown(_) => "step.guard.unknown",
            };
            lines.push(Text::Key(
                key,
                vec![("guard", Text::raw(guard)), ("verdict", verdict_text(verdict))],
            ));
        }
        lines
    }

    /// What the approval is bound to and which calls it lets go, for those who check: small print below the buttons.
    fn exactly(&self, shown: &Shown) -> Vec<Text> {
        let digest = Text::raw(shown.digest.short());
        let at = clock(self.run, shown.at);
        let calls = shown.preview.calls.iter();
        let mut lines: Vec<Text> =
            calls.map(|call| Text::Key("step.runs", vec![("call", Text::raw(call))])).collect();
        lines.push(Text::Key("step.digest", vec![("digest", digest), ("at", at)]));
        if let (Some(Verdict::True), Some(guard)) = (&shown.guard, &self.step.guard) {
            lines.push(Text::Key("step.guard.text", vec![("guard", Text::raw(guard))]));
        }
        lines
    }

    pub(super) fn agreed(&self) -> Args {
        let agreed = self.at.approvals.iter().map(|approval| {
            let key = agreed_as(self.at, approval);
            let at = Text::raw(approval.at.time_of_day());
            Text::Key(key, vec![("by", (&approval.by).into()), ("at", at)])
        });
        vec![("agreed", Text::List(agreed.collect()))]
    }

    /// Who must agree, who did, who is awaited, until when.
    fn needs(&self) -> Vec<Text> {
        let (given, needed) = agreed(self.step, self.at);
        let args = |mut more: Args| {
            more.push(("roles", roles(&self.step.gate.roles(self.step.owner))));
            more.push(("who", Text::people(self.run.still_asked(self.step, self.at))));
            more
        };
        let mut lines = Vec::new();
        if !self.at.approvals.is_empty() {
            lines.push(Text::Key("step.agreed_so_far", self.agreed()));
        }
        lines.push(match (&self.step.gate, self.at.expires_at(self.step)) {
            (Gate::People { .. }, Some(expires)) => Text::Key(
                "step.needs_more",
                args(vec![
                    ("left", Text::raw(needed.saturating_sub(given))),
                    ("at", clock(self.run, expires)),
                ]),
            ),
            (Gate::People { people, expires, .. }, None) => Text::Key(
                "step.needs_people",
                args(vec![("people", Text::raw(people)), ("expires", Text::raw(expires.spoken()))]),
            ),
            (Gate::None | Gate::Confirm, _) => Text::Key("step.needs_one", args(vec![])),
        });
        if self.step.code_of() == CodeOf::Everybody {
            lines.push(Text::key("step.code_required"));
        }
        lines
    }

    /// The dangerous button in a row of its own, where no harmless one ever sits.
    fn answers(&self, shown: &Shown) -> Vec<Block> {
        let mut first = Vec::new();
        let mut second = vec![self.button(Ask::LookAgain)];
        if self.step.action.is_decision() {
            let said = |key| question::said(shown, key).unwrap_or_else(|| Text::raw(""));
            let args = vec![("question", said("question")), ("go", said("go"))];
            let go = self.button(Ask::Go).styled(Style::Primary);
            first.push(go.confirmed(self.confirm("confirm.go", args)));
            first.push(self.button(Ask::NoGo));
            second.push(self.button(Ask::Disagree));
        } else if self.step.action.is_human() {
            let done = self.button(Ask::Done).styled(Style::Primary);
            first.push(done.confirmed(self.confirm("confirm.done", vec![])));
            second = vec![self.button(Ask::Skip)];
        } else {
            // Where two people must agree, no press alone runs anything.
            let is_first = self.at.approvals.is_empty();
            let ask = match self.step.gate {
                Gate::None | Gate::Confirm if is_first => Ask::Run,
                Gate::None | Gate::Confirm | Gate::People { .. } => Ask::Approve,
            };
            let style = if self.step.point_of_no_return { Style::Danger } else { Style::Primary };
            first.push(self.button(ask).styled(style).confirmed(self.confirmation(shown)));
            first.push(self.button(Ask::Reject));
            second.push(self.button(Ask::Skip));
        }
        if matches!(self.step.gate, Gate::People { .. }) {
            second.push(self.button(Ask::BreakGlass));
        }
        vec![Block::Buttons(first), Block::Buttons(second)]
    }

    fn confirmation(&self, shown: &Shown) -> Option<Text> {
        let key = match (self.at.direction, self.step.point_of_no_return) {
            (Direction::Do, true) => "confirm.no_return",
            (Direction::Do, false) => "confirm.run",
            (Direction::Undo, _) => "confirm.undo",
        };
        let mut args = first_change(&shown.preview);
        args.push(("digest", Text::raw(shown.digest.short())));
        self.confirm(key, args)
    }

    fn running(&self, key: &'static str) -> Content {
        let mut args = self.agreed();
        args.push(("typical", Text::raw(self.step.typical.clock())));
        args.push(("worst", Text::raw(self.step.worst.clock())));
        self.small(key, args)
    }
}
