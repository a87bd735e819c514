//! The card of a step once it has run, or will not: how that ended, how it is known, and what can be done about it.

use super::button::Ask;
use super::step_card::{Card, Content};
use super::{Block, Style, clock, question, steerers};
use crate::domain::action::Undo;
use crate::domain::ids::PersonId;
use crate::domain::run::limits::LATE_EFFECT;
use crate::domain::run::state::{Choice, Doubt, Happened, Kind, Proof, Seen, Skip};
use crate::domain::text::Text;

impl Card<'_> {
    /// A NO GO keeps what it was said to; any other no needs only its reason.
    pub(super) fn declined(&self, by: &[PersonId], reason: &str) -> Content {
        let by = ("by", Text::people(by));
        if self.step.action.is_decision() {
            let (line, mut blocks) = self.stopped("step.declined.decided", vec![by], &[Ask::Retry]);
            blocks.insert(1, Block::Lines(question::frozen(self.run, self.at)));
            return (line, blocks);
        }
        let reason = ("reason", Text::raw(reason));
        self.stopped("step.declined", vec![by, reason], &[Ask::Retry, Ask::Skip])
    }

    pub(super) fn blind(&self, error: &str) -> Content {
        let error = ("error", Text::seen(error));
        self.stopped("step.blind", vec![error], &[Ask::LookAgain, Ask::Skip])
    }

    pub(super) fn failed(&self, key: &'static str, error: &str) -> Content {
        let error = ("error", Text::seen(error));
        let (line, mut blocks) = self.stopped(key, vec![error], &[Ask::Retry, Ask::Skip]);
        if !self.run.is_settled(&self.step.id) {
            let who = ("who", Text::people(steerers(self.run, self.step)));
            blocks.insert(1, Block::Lines(vec![Text::Key("step.failed.next", vec![who])]));
        }
        (line, blocks)
    }

    pub(super) fn in_doubt(&self, why: &Doubt, seen: Option<&Seen>) -> Content {
        let title = self.said("step.in_doubt", vec![]);
        let mut lines = vec![title.clone()];
        if let Some(seen) = seen {
            let looks = Text::key(seen.happened.key());
            lines.push(Text::Key("step.doubt.looks", vec![("looks", looks)]));
        }
        let asked = self.at.asked_at.map_or_else(|| Text::raw(""), |at| clock(self.run, at));
        let asked = ("asked", asked);
        lines.push(match why {
            Doubt::NoAnswer { error } => {
                Text::Key("step.doubt.no_answer", vec![asked, ("error", Text::seen(error))])
            }
            Doubt::Interrupted => Text::Key("step.doubt.interrupted", vec![asked]),
            Doubt::NotProven { saw } => {
                Text::Key("step.doubt.not_proven", vec![asked, ("saw", Text::seen(saw))])
            }
        });
        // Nothing lands late in a tabletop, whose time may run faster than that of the looks.
        let until = self.at.since.plus(LATE_EFFECT);
        let is_open = seen.is_none_or(|seen| seen.at < until) && self.run.kind != Kind::Tabletop;
        if is_open && !matches!(why, Doubt::NotProven { .. }) {
            lines.push(Text::Key("step.doubt.until", vec![("until", clock(self.run, until))]));
        }
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

    pub(super) fn done(&self, how: &Proof) -> Content {
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
            // That it was measured is no answer: a tick before a question would read as a yes.
            Proof::Accepted if self.step.action.only_reads() => {
                args.push(("saw", Text::List(question::told(&self.at.facts))));
                "step.done.read"
            }
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

    pub(super) fn skipped(&self, why: &Skip) -> Content {
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
