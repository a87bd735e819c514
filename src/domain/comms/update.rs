//! What an audience is told of a run: the update itself, made from the record until it went out, and before that its
//! draft, for those who drive the run. Facts only; what leaves the house names neither a cause nor a person.

use super::button::{Ask, Press};
use super::run_card::{expected, open_lines, rto};
use super::{Block, Button, Message, Style, clock, marked, pressable};
use crate::domain::environment::{Audience, Wording};
use crate::domain::run::state::{Run, Status, StepRun, StepState};
use crate::domain::run::update::{Draft, Out, UpdateId};
use crate::domain::runbook::Step;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Most steps that are named; the rest are counted.
const MOST: usize = 8;

/// An update that is out; `then`: the run as it was when it went out. `None` if it is not out.
pub fn update(run: &Run, then: &Run, update: &UpdateId) -> Option<Message> {
    let audience = run.audience(&update.audience)?;
    // Whatever a record says: what leaves the house has a person's words.
    let out = run.out(update).filter(|out| out.words.is_some() || !audience.needs_a_yes())?;
    let title = title(then, &audience, out);
    let mut blocks = vec![Block::Heading(title.clone())];
    match &out.words {
        Some((_, words)) => blocks.push(Block::Lines(vec![Text::raw(words)])),
        None => blocks.push(Block::Lines(body(then, &audience, out.since, out.at))),
    }
    blocks.extend(small(&audience, out));
    if audience.is_room() {
        let again = Press::of_update(Ask::Say, &run.id, update);
        blocks.push(Block::Buttons(vec![Button::plain(again)]));
    }
    let message = pressable(run, marked(run, title, blocks), then.seen_at);
    let is_newest = run.updates.get(&update.audience)?.newest_out() == Some(out);
    let message = if is_newest { message } else { message.unpressable() };
    Some(in_language(message, &audience))
}

/// What is known of an update before it is out, and what became of it. `None` for the war room, whose updates are not
/// drafted, and for one that nobody began.
pub fn draft(run: &Run, update: &UpdateId, now: Timestamp) -> Option<Message> {
    let audience = run.audience(&update.audience).filter(|audience| !audience.is_room())?;
    let standing = run.updates.get(&update.audience)?;
    let mut args = vec![
        ("audience", Text::raw(&audience.id)),
        ("number", Text::raw(update.number)),
        ("channel", Text::Channel(run.channel_of(&audience).to_owned())),
    ];
    if let Some(out) = standing.out(update.number) {
        args.push(("at", clock(run, out.at)));
        let (key, words) = match &out.words {
            Some((by, words)) => {
                args.push(("by", by.into()));
                ("update.draft.said", Some(Block::Lines(vec![Text::raw(words)])))
            }
            None => ("update.draft.out", None),
        };
        let line = Text::Key(key, args);
        let blocks = std::iter::once(Block::Lines(vec![line.clone()])).chain(words);
        return Some(marked(run, line, blocks.collect()));
    }
    let Some(draft) = standing.draft.as_ref().filter(|draft| draft.number == update.number) else {
        let line = Text::Key("update.draft.replaced", args);
        return Some(marked(run, line.clone(), vec![Block::Lines(vec![line])]));
    };
    if run.is_closed() {
        let line = Text::Key("update.draft.closed", args);
        return Some(marked(run, line.clone(), vec![Block::Lines(vec![line])]));
    }
    args.push(("at", clock(run, draft.due_at)));
    let line = Text::Key(headline(&audience, draft), args);
    let words = suggested(run, &audience, now);
    let say = Button::plain(Press::of_update(Ask::Say, &run.id, update)).styled(Style::Primary);
    let put_off = Button::plain(Press::of_update(Ask::PutOff, &run.id, update));
    let blocks = vec![
        Block::Lines(vec![line.clone()]),
        Block::Lines(vec![words]),
        Block::Buttons(vec![say, put_off]),
    ];
    Some(pressable(run, marked(run, line, blocks), now))
}

/// The words an update would have now, in its audience's language.
pub(super) fn words(run: &Run, update: &UpdateId, now: Timestamp) -> Option<Text> {
    let audience = run.audience(&update.audience)?;
    if let Some(Out { words: Some((_, words)), .. }) = run.out(update) {
        return Some(Text::raw(words));
    }
    Some(suggested(run, &audience, now))
}

fn suggested(run: &Run, audience: &Audience, now: Timestamp) -> Text {
    let newest = run.updates.get(&audience.id).and_then(|standing| standing.newest_out());
    let since = newest.map_or(run.started_at, |out| out.at);
    let lines = body(run, audience, since, now);
    let lines = Text::Lines(lines);
    Text::In(audience.language, Box::new(lines))
}

fn headline(audience: &Audience, draft: &Draft) -> &'static str {
    match (audience.needs_a_yes(), draft.is_overdue) {
        (true, false) => "update.draft.asks",
        (true, true) => "update.draft.overdue",
        (false, _) => "update.draft.goes",
    }
}

fn title(run: &Run, audience: &Audience, out: &Out) -> Text {
    let minute = out.at.since(run.impact_at).ms() / 60_000;
    let args = vec![
        ("run", Text::raw(&run.id)),
        ("at", clock(run, out.at)),
        ("minute", Text::raw(minute)),
        ("number", Text::raw(out.number)),
    ];
    Text::Key(
        match audience.text {
            Wording::Room => "update.room.title",
            Wording::Management => "update.management.title",
            Wording::Customers => "update.customers.title",
            Wording::Partners => "update.partners.title",
            Wording::Support => "update.support.title",
        },
        args,
    )
}

/// Who wrote it: inside the house by name, outside not at all.
fn small(audience: &Audience, out: &Out) -> Option<Block> {
    let line = match (&out.words, audience.text.is_outside()) {
        (_, true) => return None,
        (None, false) => Text::key("update.automatic"),
        (Some((by, _)), false) => Text::Key("update.said", vec![("by", by.into())]),
    };
    Some(Block::Small(vec![line]))
}

fn body(run: &Run, audience: &Audience, since: Timestamp, now: Timestamp) -> Vec<Text> {
    let next = ("next", clock(run, run.next_update_at(audience)));
    match audience.text {
        Wording::Room => {
            let mut lines = vec![done(run, since)];
            lines.extend(open_lines(run, now));
            lines.push(rto(run, now));
            if !run.is_closed() {
                lines.push(Text::Key("update.next", vec![next]));
            }
            lines
        }
        Wording::Management => vec![Text::Key("update.management", facts(run, now, next))],
        Wording::Customers => vec![Text::Key(
            match stage(run) {
                Stage::Looking => "update.customers.investigating",
                Stage::Moving => "update.customers.moving",
                Stage::Back => "update.customers.monitoring",
                Stage::Over => "update.customers.resolved",
            },
            facts(run, now, next),
        )],
        Wording::Partners => vec![Text::Key("update.partners", facts(run, now, next))],
        Wording::Support => vec![Text::Key("update.support", facts(run, now, next))],
    }
}

/// How far the trouble is, for those outside.
enum Stage {
    Looking,
    Moving,
    Back,
    Over,
}

impl Stage {
    fn text(&self) -> Text {
        Text::key(match self {
            Self::Looking => "update.stage.investigating",
            Self::Moving => "update.stage.moving",
            Self::Back => "update.stage.monitoring",
            Self::Over => "update.stage.resolved",
        })
    }
}

fn stage(run: &Run) -> Stage {
    let changes = |(step, at): (&Step, &StepRun)| at.begun > 0 && !step.action.only_reads();
    match (&run.status, run.restored_at) {
        (Status::Closed { .. }, _) => Stage::Over,
        (Status::Open | Status::Held { .. }, Some(_)) => Stage::Back,
        (Status::Open | Status::Held { .. }, None) if run.each_step().any(changes) => Stage::Moving,
        (Status::Open | Status::Held { .. }, None) => Stage::Looking,
    }
}

fn facts(run: &Run, now: Timestamp, next: (&'static str, Text)) -> Vec<(&'static str, Text)> {
    let (settled, of) = progress(run);
    let restored = run.restored_at.map_or_else(|| Text::raw(""), |at| clock(run, at));
    let affected = run.declared.affected.iter().map(Text::raw).collect();
    let asked = run
        .each_step()
        .filter(|(step, at)| step.action.is_decision() && matches!(at.state, StepState::Ready));
    let asked = asked.map(|(step, _)| Text::from(&step.title)).collect();
    vec![
        ("run", Text::raw(&run.id)),
        ("stage", stage(run).text()),
        ("impact", clock(run, run.impact_at)),
        ("affected", Text::List(affected)),
        ("elapsed", Text::raw(run.outage(now).spoken())),
        ("target", clock(run, run.impact_at.plus(run.rto()))),
        ("late", Text::raw(if run.outage(now) > run.rto() { "1" } else { "" })),
        ("forecast", expected(run, now)),
        ("restored", restored),
        ("settled", Text::raw(settled)),
        ("of", Text::raw(of)),
        ("decisions", Text::List(asked)),
        ("closed", Text::raw(if run.is_closed() { "1" } else { "" })),
        next,
    ]
}

/// Steps that are behind, and all that count: what falls away counts as neither.
fn progress(run: &Run) -> (usize, usize) {
    let counts = |at: &StepRun| !matches!(at.state, StepState::Skipped { .. });
    let steps: Vec<_> = run.each_step().filter(|(_, at)| counts(at)).collect();
    let settled = steps.iter().filter(|(step, _)| run.is_settled(&step.id)).count();
    (settled, steps.len())
}

/// What was done since then.
fn done(run: &Run, since: Timestamp) -> Text {
    let is_new = |at: &StepRun| matches!(at.state, StepState::Done { .. }) && at.since > since;
    let done: Vec<_> = run.each_step().filter(|(_, at)| is_new(at)).collect();
    let more = done.len().saturating_sub(MOST);
    let named = done.iter().take(MOST).map(|(step, _)| Text::from(&step.title)).collect();
    let since = ("since", Text::raw(since.time_of_day()));
    if done.is_empty() {
        return Text::Key("update.done.none", vec![since]);
    }
    let more = if more == 0 { Text::raw("") } else { Text::raw(more) };
    Text::Key("update.done", vec![since, ("steps", Text::List(named)), ("more", more)])
}

/// The whole message in the language of its audience.
fn in_language(message: Message, audience: &Audience) -> Message {
    let said = |text: Text| Text::In(audience.language, Box::new(text));
    let all = |texts: Vec<Text>| texts.into_iter().map(said).collect();
    let blocks = message.blocks.into_iter().map(|block| match block {
        Block::Banner(text) => Block::Banner(said(text)),
        Block::Heading(text) => Block::Heading(said(text)),
        Block::Lines(texts) => Block::Lines(all(texts)),
        Block::Small(texts) => Block::Small(all(texts)),
        block @ (Block::Rule | Block::Buttons(_) | Block::Views(_) | Block::Offer(_)) => block,
    });
    Message { blocks: blocks.collect(), summary: said(message.summary) }
}
