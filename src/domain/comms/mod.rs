//! What is said about a run, without a channel and without a language: [`run_card`], [`step_card`] and [`notice`] give
//! the content of every message from the state alone, so that one shown late, twice or after a restart is the same.
//!
//! [`button`] is what a press means, [`form`] what is asked when words are needed. Sentences are keys here, filled in the
//! reader's language by the catalog; no Slack, no HTML.

pub mod button;
pub mod declare;
mod details;
pub mod form;
mod groups;
mod home;
mod notice;
mod offer;
mod outcome;
mod question;
mod readiness;
mod run_card;
mod silence;
mod stats;
mod step_card;
mod update;

pub use button::{Ask, Press};
pub use form::{Form, Written};
pub use home::home;
pub use offer::{declined, offer, offered};
pub use readiness::{looked_at, readiness, readiness_lines, remark, sign, tallies, turned};
pub use run_card::{URGENCY_OF_DRAFTS, urgency};
pub use silence::{back, silence};
pub use stats::{figures, stats, steps};
pub use update::{draft, update};

use crate::domain::actor::{Right, roles_for};
use crate::domain::environment::{EnvironmentKind, Person};
use crate::domain::ids::{PersonId, RunId, StepId};
use crate::domain::run::MessageKey;
use crate::domain::run::decide::somebody_may;
use crate::domain::run::log::Recorded;
use crate::domain::run::preview::{Change, Preview};
use crate::domain::run::state::{Approval, Choice, Kind, Run, StepRun};
use crate::domain::runbook::Step;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
pub use crate::domain::time::city;

/// One message: blocks for those who see them, one line for notifications and screen readers.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The one line.
    pub summary: Text,
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// A part of a message. Every channel can show these.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// What kind of run it is of, and where; nothing for a surface that says so above everything.
    Banner(Text),
    /// A heading.
    Heading(Text),
    /// A paragraph.
    Lines(Vec<Text>),
    /// Small print.
    Small(Vec<Text>),
    /// A rule.
    Rule,
    /// Buttons in a row; the harmless and the dangerous never in the same.
    Buttons(Vec<Button>),
    /// Where more of the run can be seen; a surface shows what it does not have beside the card anyway.
    Views(RunId),
    /// The answers to an offer of this number: an incident, or none.
    Offer(u64),
}

/// A button.
#[derive(Debug, Clone, PartialEq)]
pub struct Button {
    /// What a press means.
    pub press: Press,
    /// How it looks.
    pub style: Style,
    /// What the press must be confirmed with, for the dangerous ones.
    pub confirm: Option<Text>,
}

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One among others.
    Plain,
    /// The expected one.
    Primary,
    /// Dangerous, or a no.
    Danger,
}

impl Button {
    /// A plain button.
    pub(crate) fn plain(press: Press) -> Self {
        Self { press, style: Style::Plain, confirm: None }
    }

    /// The same in another style.
    #[must_use]
    pub(crate) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// The same with a confirmation.
    #[must_use]
    pub(crate) fn confirmed(self, text: Option<Text>) -> Self {
        Self { confirm: text, ..self }
    }
}

/// The card of the run.
pub fn run_card(run: &Run, now: Timestamp) -> Message {
    pressable(run, run_card::message(run, now), now)
}

/// The card of a step; `None` while it has not opened, and for a step the run does not have.
pub fn step_card(run: &Run, step: &StepId, now: Timestamp) -> Option<Message> {
    step_card::message(run, step, now).map(|message| pressable(run, message, now))
}

/// What a step saw, called and got back, for the thread of its card; `None` while there is nothing to tell.
pub fn details(run: &Run, step: &StepId) -> Option<Message> {
    details::message(run, step)
}

/// The line that tells the room of an event; `None` for events the room is not told of.
pub fn notice(run: &Run, event: &Recorded) -> Option<Message> {
    notice::message(run, event)
}

/// The channel in which a message stands.
pub fn channel(run: &Run, key: &MessageKey) -> String {
    let audience = match key {
        MessageKey::Update(update) => run.audience(&update.audience),
        MessageKey::Run
        | MessageKey::Step(_)
        | MessageKey::Details(_)
        | MessageKey::Notice(_)
        | MessageKey::Draft(_)
        | MessageKey::Back(_) => None,
    };
    let room = || run.environment.chat.war_room.clone();
    audience.map_or_else(room, |audience| run.channel_of(&audience).to_owned())
}

/// Leaves out the buttons that nobody could press now: the rules are asked, so no card repeats them.
fn pressable(run: &Run, mut message: Message, now: Timestamp) -> Message {
    for block in &mut message.blocks {
        if let Block::Buttons(buttons) = block {
            buttons.retain(|button| {
                let request = button.press.request(WORDS);
                request.is_ok_and(|request| somebody_may(run, &request, now))
            });
        }
    }
    message.blocks.retain(|block| !matches!(block, Block::Buttons(buttons) if buttons.is_empty()));
    message
}

/// Stands for what a person would write.
const WORDS: &str = "…";

/// The word for whether its environment serves customers.
pub fn serves(run: &Run) -> &'static str {
    match run.environment.kind {
        EnvironmentKind::Production => "environment.production",
        EnvironmentKind::Staging => "environment.staging",
    }
}

/// Which environment, and whether it serves customers.
fn place(run: &Run) -> Vec<(&'static str, Text)> {
    vec![("environment", Text::raw(&run.environment.id)), ("kind", Text::key(serves(run)))]
}

/// The first line of everything that asks somebody to act: what it is, and where.
fn banner(run: &Run) -> Text {
    let key = match run.kind {
        Kind::Incident => "banner.incident",
        Kind::Exercise => "banner.exercise",
        Kind::Tabletop => "banner.tabletop",
    };
    Text::Key(key, place(run))
}

/// Exercise and tabletop are marked in every message, for those too who only get its one line.
fn marked(run: &Run, line: Text, mut blocks: Vec<Block>) -> Message {
    let word = match run.kind {
        Kind::Incident => None,
        Kind::Exercise => Some("banner.word.exercise"),
        Kind::Tabletop => Some("banner.word.tabletop"),
    };
    if !blocks.iter().any(|block| matches!(block, Block::Banner(_))) {
        blocks.extend(word.map(|word| Block::Banner(Text::key(word))));
    }
    Message { summary: marked_line(run, line), blocks }
}

/// The same for a line that stands alone.
fn marked_line(run: &Run, line: Text) -> Text {
    match run.kind {
        Kind::Incident => line,
        Kind::Exercise => Text::Key("summary.exercise", vec![("line", line)]),
        Kind::Tabletop => Text::Key("summary.tabletop", vec![("line", line)]),
    }
}

/// The first change of a preview, and how many more there are; for places that cannot show all.
fn first_change(preview: &Preview) -> Vec<(&'static str, Text)> {
    let change = preview.changes.first();
    let change = change.map_or_else(|| Text::raw(""), |one| change_line("step.change.plain", one));
    let more = match preview.changes.len().saturating_sub(1) {
        0 => Text::raw(""),
        more => Text::raw(more),
    };
    vec![("change", change), ("more", more)]
}

fn change_line(key: &'static str, change: &Change) -> Text {
    let parts = [("what", &change.what), ("now", &change.now), ("after", &change.after)];
    Text::Key(key, parts.map(|(name, text)| (name, Text::seen(text))).to_vec())
}

impl Message {
    /// The one line without the mark of a rehearsal.
    pub fn line(&self) -> &Text {
        if let Text::Key("summary.exercise" | "summary.tabletop", args) = &self.summary
            && let Some((_, line)) = args.first()
        {
            return line;
        }
        &self.summary
    }

    /// The same for a surface that says above everything what kind of run it is of.
    #[must_use]
    pub fn unmarked(mut self) -> Self {
        self.summary = self.line().clone();
        self.blocks.retain(|block| !matches!(block, Block::Banner(_)));
        self
    }

    /// The same, posted again after a post that may have been lost.
    #[must_use]
    pub fn again(mut self) -> Self {
        self.blocks.push(Block::Small(vec![Text::key("message.again")]));
        self
    }

    /// What is left of a message that turned out to stand twice: no buttons, and where to look.
    #[must_use]
    pub fn elsewhere(self) -> Self {
        Self { blocks: vec![Block::Small(vec![Text::key("message.elsewhere")])], ..self }
    }

    /// The same without buttons.
    #[must_use]
    pub fn unpressable(mut self) -> Self {
        self.blocks.retain(|block| !matches!(block, Block::Buttons(_)));
        self
    }

    /// Whether it asks somebody to press something.
    pub fn asks(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Buttons(_)))
    }
}

/// How many agreed, and how many must.
fn agreed(step: &Step, at: &StepRun) -> (usize, usize) {
    let go = at.votes.iter().filter(|vote| vote.choice == Choice::Go).count();
    let needed = usize::try_from(step.gate.people()).unwrap_or(usize::MAX);
    (if step.action.is_decision() { go } else { at.approvals.len() }, needed)
}

/// How somebody agreed: alone, with a code, or by a press.
fn agreed_as(at: &StepRun, approval: &Approval) -> &'static str {
    match (&approval.glass, at.coded.contains(&approval.by)) {
        (Some(_), _) => "step.agreed_alone",
        (None, true) => "step.agreed_code",
        (None, false) => "step.agreed",
    }
}

/// Who can get a step out of trouble.
fn steerers<'a>(run: &'a Run, step: &Step) -> Vec<&'a PersonId> {
    let roles = roles_for(Right::Steer, &[], step.owner).unwrap_or_default();
    let may = |person: &&Person| run.holds(person, &roles) || run.is_on_duty(&person.id, &roles);
    run.environment.people.iter().filter(may).map(|person| &person.id).collect()
}

/// What is offered when nothing is left to do: the end. `None` while something is, and after the end.
pub fn ending(run: &Run, now: Timestamp) -> Option<Message> {
    if run.is_closed() || run.each_step().any(|(step, _)| !run.is_settled(&step.id)) {
        return None;
    }
    let line = Text::key("run.nothing_open");
    let close = Button::plain(Press::of_run(Ask::Close, &run.id)).styled(Style::Primary);
    let blocks = vec![Block::Lines(vec![line.clone()]), Block::Buttons(vec![close])];
    Some(pressable(run, marked(run, line, blocks), now))
}

/// What waits for whom, a line each: the run card's, without the card.
pub fn waiting(run: &Run, now: Timestamp) -> Vec<Text> {
    run_card::open_lines(run, now)
}

/// `14:18:20 UTC (15:18 Paris)`.
pub fn clock(run: &Run, at: Timestamp) -> Text {
    at.clock_in(&run.environment.chat.time_zone).into()
}
