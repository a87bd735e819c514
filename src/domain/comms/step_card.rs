//! The card of a step: what would change, who agreed, what was seen. It collapses to a line when it is settled.

use super::button::{Ask, Press};
use super::{Block, Button, Message, Style, agreed, agreed_as, banner, clock, question, steerers};
use crate::domain::action::{Danger, Undo};
use crate::domain::ids::{PersonId, StepId};
use crate::domain::run::preview::Direction;
use crate::domain::run::refusal::{roles, verdict_text};
use crate::domain::run::state::{
    Choice, Doubt, Happened, Proof, Run, Seen, Shown, Skip, StepRun, StepState,
};
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
    if let Some(banner) = banner(run.kind) {
        blocks.push(Block::Small(vec![banner]));
    }
    Some(Message { summary, blocks })
}

struct Card<'a> {
    run: &'a Run,
    step: &'a Step,
    at: &'a StepRun,
}

type Content = (Text, Vec<Block>);
type Args = Vec<(&'static str, Text)>;

impl Card<'_> {
    fn said(&self, key: &'static str, mut args: Args) -> Text {
        args.push(("step", (&self.step.title).into()));
        args.push(("since", clock(self.run, self.at.since)));
        Text::Key(key, args)
    }

    fn button(&self, ask: Ask) -> Button {
        let digest = self.at.shown.as_ref().map(|shown| &shown.digest);
        Button::plain(Press::of_step(ask, &self.run.id, &self.step.id, digest))
    }

    fn small(&self, key: &'static str, args: Args) -> Content {
        let line = self.said(key, args);
        (line.clone(), vec![Block::Lines(vec![line])])
    }

    fn stopped(&self, key: &'static str, args: Args, asks: &[Ask]) -> Content {
        let (line, mut blocks) = self.small(key, args);
        let asks = asks.iter().filter(|ask| **ask != Ask::Skip || !self.step.action.is_decision());
        blocks.push(Block::Buttons(asks.map(|ask| self.button(*ask)).collect()));
        (line, blocks)
    }

    /// A NO GO keeps what it was said to; any other no needs only its reason.
    fn declined(&self, by: &[PersonId], reason: &str) -> Content {
        let by = ("by", Text::people(by));
        if self.step.action.is_decision() {
            let (line, mut blocks) = self.stopped("step.declined.decided", vec![by], &[Ask::Retry]);
            blocks.insert(1, Block::Lines(question::frozen(self.run, self.at)));
            return (line, blocks);
        }
        let reason = ("reason", Text::raw(reason));
        self.stopped("step.declined", vec![by, reason], &[Ask::Retry, Ask::Skip])
    }

    fn blind(&self, error: &str) -> Content {
        let error = ("error", Text::seen(error));
        self.stopped("step.blind", vec![error], &[Ask::LookAgain, Ask::Skip])
    }

    fn failed(&self, key: &'static str, error: &str) -> Content {
        let error = ("error", Text::seen(error));
        let (line, mut blocks) = self.stopped(key, vec![error], &[Ask::Retry, Ask::Skip]);
        if !self.run.is_settled(&self.step.id) {
            let who = ("who", Text::people(steerers(self.run, self.step)));
            blocks.insert(1, Block::Lines(vec![Text::Key("step.failed.next", vec![who])]));
        }
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
            lines.push(Text::Key(
                "step.change",
                vec![
                    ("what", Text::raw(&change.what)),
                    ("now", Text::raw(&change.now)),
                    ("after", Text::raw(&change.after)),
                ],
            ));
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

    fn agreed(&self) -> Args {
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
                args(vec![("people", Text::raw(people)), ("expires", Text::raw(expires))]),
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
            let confirm = self.said("confirm.go", vec![]);
            first.push(self.button(Ask::Go).styled(Style::Primary).confirmed(Some(confirm)));
            first.push(self.button(Ask::NoGo));
            second.push(self.button(Ask::Disagree));
        } else if self.step.action.is_human() {
            first.push(self.button(Ask::Done).styled(Style::Primary));
            second = vec![self.button(Ask::Skip)];
        } else {
            let ask = if self.at.approvals.is_empty() { Ask::Run } else { Ask::Approve };
            let style = if self.step.point_of_no_return { Style::Danger } else { Style::Primary };
            let confirm = self.confirmation(shown);
            first.push(self.button(ask).styled(style).confirmed(Some(confirm)));
            first.push(self.button(Ask::Reject));
            second.push(self.button(Ask::Skip));
        }
        if matches!(self.step.gate, Gate::People { .. }) {
            second.push(self.button(Ask::BreakGlass));
        }
        vec![Block::Buttons(first), Block::Buttons(second)]
    }

    fn confirmation(&self, shown: &Shown) -> Text {
        let change = shown.preview.changes.first().map_or_else(String::new, |change| {
            format!("{}: {} → {}", change.what, change.now, change.after)
        });
        let key = match (self.at.direction, self.step.point_of_no_return) {
            (Direction::Do, true) => "confirm.no_return",
            (Direction::Do, false) => "confirm.run",
            (Direction::Undo, _) => "confirm.undo",
        };
        let digest = Text::raw(shown.digest.short());
        self.said(key, vec![("change", Text::raw(change)), ("digest", digest)])
    }

    fn running(&self, key: &'static str) -> Content {
        let mut args = self.agreed();
        args.push(("typical", Text::raw(self.step.typical.clock())));
        args.push(("worst", Text::raw(self.step.worst.clock())));
        self.small(key, args)
    }

    fn in_doubt(&self, why: &Doubt, seen: Option<&Seen>) -> Content {
        let title = self.said("step.in_doubt", vec![]);
        let mut lines = vec![title.clone()];
        if let Some(seen) = seen {
            let looks = Text::key(seen.happened.key());
            lines.push(Text::Key("step.doubt.looks", vec![("looks", looks)]));
        }
        lines.push(match why {
            Doubt::NoAnswer { error } => {
                Text::Key("step.doubt.no_answer", vec![("error", Text::seen(error))])
            }
            Doubt::Interrupted => Text::key("step.doubt.interrupted"),
            Doubt::NotProven { saw } => {
                Text::Key("step.doubt.not_proven", vec![("saw", Text::seen(saw))])
            }
        });
        lines.push(match seen {
            None => Text::key("step.doubt.looking"),
            Some(Seen { saw, at, .. }) => Text::Key(
                "step.doubt.seen",
                vec![("saw", Text::seen(saw)), ("at", clock(self.run, *at))],
            ),
        });
        let key = match seen.map(|seen| seen.happened) {
            None | Some(Happened::Running) => "step.doubt.wait",
            Some(Happened::Never | Happened::Unknown) => "step.doubt.choose",
            Some(Happened::Done) => "step.doubt.confirm",
        };
        let who = Text::people(steerers(self.run, self.step));
        let next = Text::Key(key, vec![("who", who)]);
        let again = self.button(Ask::StartAgain).styled(Style::Danger);
        let second = vec![self.button(Ask::MarkDone), again];
        let first = vec![self.button(Ask::LookAgain)];
        let lines = [Block::Lines(lines), Block::Lines(vec![next])];
        (title, lines.into_iter().chain([first, second].map(Block::Buttons)).collect())
    }

    fn done(&self, how: &Proof) -> Content {
        if *how == Proof::People && self.step.action.is_decision() {
            return self.decided();
        }
        let mut args = self.agreed();
        let took = self.at.since.since(self.at.opened_at);
        args.push(("took", Text::raw(took.clock())));
        let key = match how {
            Proof::Seen => {
                args.push(("saw", question::proof(self.step, self.at)));
                "step.done.seen"
            }
            Proof::Accepted if self.reads() => "step.done.read",
            Proof::Accepted => "step.done.accepted",
            Proof::People => "step.done.people",
            Proof::Word { by, reason } => {
                args.push(("by", by.into()));
                args.push(("reason", Text::raw(reason)));
                "step.done.word"
            }
        };
        let (line, mut blocks) = self.small(key, args);
        let can_undo = matches!(how, Proof::Seen | Proof::Accepted)
            && self.step.action.spec().is_some_and(|spec| spec.undo == Undo::Possible);
        if can_undo {
            blocks.push(Block::Buttons(vec![self.button(Ask::Undo)]));
        }
        (line, blocks)
    }

    /// GO, by those who said so, and whoever broke the glass.
    fn decided(&self) -> Content {
        let go = self.at.votes.iter().filter(|vote| vote.choice == Choice::Go);
        let go = go.map(|vote| &vote.by);
        let alone = self.at.approvals.iter().map(|given| &given.by);
        let alone = alone.filter(|by| go.clone().all(|voter| voter != *by));
        let by = Text::people(go.clone().chain(alone));
        let took = Text::raw(self.at.since.since(self.at.opened_at).clock());
        let (line, mut blocks) = self.small("step.done.decided", vec![("by", by), ("took", took)]);
        blocks.push(Block::Lines(question::frozen(self.run, self.at)));
        (line, blocks)
    }

    fn reads(&self) -> bool {
        self.step.action.spec().is_some_and(|spec| spec.danger == Danger::Reads)
    }

    fn skipped(&self, why: &Skip) -> Content {
        match why {
            Skip::When { condition } => {
                self.small("step.skipped.when", vec![("condition", Text::raw(condition))])
            }
            Skip::NotNeeded => self.small("step.skipped.not_needed", vec![]),
            Skip::Person { by, reason } => self.stopped(
                "step.skipped.person",
                vec![("by", by.into()), ("reason", Text::raw(reason))],
                &[Ask::Retry],
            ),
        }
    }
}
