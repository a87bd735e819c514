//! What the room reads of alerts that are offered: what rings, since when, and the two buttons while they lead somewhere.

use super::{Block, Message};
use crate::domain::alert::Alert;
use crate::domain::offer::{Board, Declined, End, Known, Offer};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Alerts in one message: it is read to its end.
const SHOWN: usize = 10;
/// Facts of each.
const FACTS: usize = 4;

/// The message of an offer, as the board has it; `zone`: whose time stands beside UTC.
pub fn offer(board: &Board, offer: &Offer, zone: &str) -> Message {
    let members = board.members(offer);
    let summary = Text::Key("alert.offer", counted(board, offer, zone));
    let mut lines: Vec<Text> = members.iter().take(SHOWN).map(|known| line(known)).collect();
    if let Some(more) = members.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(Text::Key("alert.more", vec![("count", Text::raw(more))]));
    }
    let mut blocks = vec![Block::Heading(summary.clone()), Block::Lines(lines)];
    match board.is_open(offer.id) {
        Ok(_) => {
            blocks.push(Block::Small(vec![Text::key("alert.ask")]));
            blocks.push(Block::Offer(offer.id));
        }
        Err(declined) => blocks.push(Block::Small(vec![said(&declined, zone)])),
    }
    Message { summary, blocks }
}

/// How many there are, and when the first rang.
fn counted(board: &Board, offer: &Offer, zone: &str) -> Vec<(&'static str, Text)> {
    let count = Text::raw(board.members(offer).len());
    vec![("count", count), ("first", at(board.first_at(offer), zone))]
}

/// What stands above the form that an offer opens.
pub fn offered(board: &Board, offer: &Offer, zone: &str) -> Text {
    let titles = board.members(offer).into_iter().take(3);
    let titles = titles.map(|known| Text::raw(&known.alert.title)).collect();
    let mut args = counted(board, offer, zone);
    args.push(("titles", Text::List(titles)));
    Text::Key("start.alerts", args)
}

fn at(at: Timestamp, zone: &str) -> Text {
    at.clock_in(zone).into()
}

fn line(known: &Known) -> Text {
    let Known { alert, first_at, over_at, .. } = known;
    let Alert { vendor, title, facts, link, .. } = alert;
    let mut args = vec![
        ("at", Text::raw(first_at.time_of_day())),
        ("vendor", Text::raw(vendor.title())),
        ("title", Text::raw(title)),
    ];
    if !known.rings() {
        let over = over_at.unwrap_or(alert.at);
        args.push(("over", Text::raw(over.time_of_day())));
        return Text::Key("alert.was_over", args);
    }
    let facts = facts.iter().take(FACTS).map(|(name, value)| {
        Text::Key("alert.fact", vec![("name", Text::raw(name)), ("value", Text::raw(value))])
    });
    args.push(("facts", Text::List(facts.collect())));
    args.push(("link", Text::raw(link.as_deref().unwrap_or_default())));
    Text::Key("alert.rings", args)
}

/// Why there are no buttons.
fn said(declined: &Declined, zone: &str) -> Text {
    match declined {
        Declined::Over | Declined::NoSuchOffer | Declined::NotAllowed(_) => {
            Text::key("alert.all_over")
        }
        Declined::Ended(End::Passed) => Text::key("alert.passed"),
        Declined::Ended(End::Run(run)) => {
            Text::Key("alert.declared", vec![("run", Text::raw(run))])
        }
        Declined::Ended(End::NoIncident { by, at: when }) => {
            Text::Key("alert.dismissed", vec![("by", by.into()), ("at", at(*when, zone))])
        }
    }
}

/// What whoever pressed too late is told.
pub fn declined(declined: &Declined, zone: &str) -> Text {
    match declined {
        Declined::NoSuchOffer => Text::key("refused.offer_gone"),
        Declined::Over => Text::key("refused.offer_over"),
        Declined::NotAllowed(refusal) => refusal.text(),
        Declined::Ended(End::Passed) => Text::key("refused.offer_passed"),
        Declined::Ended(End::Run(run)) => {
            Text::Key("refused.offer_run", vec![("run", Text::raw(run))])
        }
        Declined::Ended(End::NoIncident { by, at: when }) => {
            Text::Key("refused.offer_dismissed", vec![("by", by.into()), ("at", at(*when, zone))])
        }
    }
}
