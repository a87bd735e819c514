//! What follows from alerts before a run is open: several of one environment become one offer, which people take up or
//! wave off; while a run is open they go on its timeline. In → decide → record → effect, as in a run, with a board for
//! each environment in place of it.
//!
//! 1. An alert is on the board once, however often and in whatever order its news arrives.
//! 2. At most one offer can be taken up: the newest. It takes in what rings within [`WINDOW`] of its last alert; what
//!    rings later is a new offer, because nobody is told of an edit.
//! 3. Nothing here starts a run or agrees to anything: an offer is a message with a button.
//! 4. What a run is owed stays owed until it is on its timeline, or the run does not take it any more: then it is
//!    offered.

mod apply;
mod decide;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::apply::apply;
pub use self::decide::decide;

use super::actor::Actor;
use super::alert::Alert;
use super::ids::{Digest, PersonId, RunId};
use super::run::Refusal;
use super::time::{Span, Timestamp};

/// How long after its last alert an offer takes in another.
pub const WINDOW: Span = Span::minutes(15);
/// Alerts that a board remembers, and offers; the record has all of them.
const ALERTS: usize = 300;
const OFFERS: usize = 8;
/// Alerts that a run may be owed.
const OWED: usize = 300;

/// What is known of the alerts of one environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// How many events it has.
    pub seq: u64,
    /// What rang, or was over, by what rings.
    pub alerts: BTreeMap<Digest, Known>,
    /// The newest offers, the newest last.
    pub offers: Vec<Offer>,
    /// What is to go on the timeline of a run, the oldest first.
    pub owed: Vec<Owed>,
}

/// What is known of something that rings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Its latest ring; that it is over, if it never rang here.
    pub alert: Alert,
    /// Since when it is over, by the latest word of that.
    pub over_at: Option<Timestamp>,
    /// Its first ring within its offer.
    pub first_at: Timestamp,
    /// When the latest news of it came in.
    pub heard_at: Timestamp,
    /// The offer it belongs to, if it belongs to one.
    pub offer: Option<u64>,
}

impl Known {
    /// Whether it rings still, as far as was heard.
    pub fn rings(&self) -> bool {
        !self.alert.is_over && self.over_at.is_none_or(|over| over < self.alert.at)
    }
}

/// Alerts that are offered together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The number of the event that made it: no other has it.
    pub id: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// When its last alert came in.
    pub heard_at: Timestamp,
    /// The number of the event that changed it last: what a message of it has shown, or not.
    pub changed: u64,
    /// How it ended, if it did.
    pub end: Option<End>,
}

/// How an offer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// A run is open.
    Run(RunId),
    /// Somebody says that it is no incident.
    NoIncident {
        /// Who.
        by: PersonId,
        /// When.
        at: Timestamp,
    },
    /// Nobody answered, and there is a newer one.
    Passed,
}

/// An alert for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Owed {
    /// Its number.
    pub seq: u64,
    /// Which run.
    pub run: RunId,
    /// What.
    pub alert: Alert,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// This came in, while that run was open, or none. Only what was not on the record before.
    Hear {
        /// What.
        alerts: Vec<Alert>,
        /// The run that takes alerts, if one is open.
        run: Option<RunId>,
    },
    /// It is no incident.
    Dismiss {
        /// Which offer.
        offer: u64,
    },
    /// A run is open that takes alerts, and knows of these.
    RunOpen {
        /// Which.
        run: RunId,
        /// What it was told at its start.
        knows: Vec<Digest>,
    },
    /// The run has this on its timeline.
    Taken {
        /// Which of [`Board::owed`].
        seq: u64,
    },
    /// The run does not take it any more.
    NotTaken {
        /// Which of [`Board::owed`].
        seq: u64,
    },
}

/// What happened; the only thing that changes a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// News came in.
    Heard {
        /// What.
        alert: Alert,
        /// Where it goes.
        goes: Goes,
    },
    /// An offer ended.
    Ended {
        /// Which.
        offer: u64,
        /// How.
        end: End,
    },
    /// A run is owed what was offered.
    Owes {
        /// Which run.
        run: RunId,
        /// What.
        alert: Alert,
    },
    /// It is owed no longer.
    Settled {
        /// Which of [`Board::owed`].
        seq: u64,
    },
}

/// Where news goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goes {
    /// It is offered anew; the event's number names the offer.
    NewOffer,
    /// It joins this offer.
    Offer(u64),
    /// It goes on this run's timeline.
    Run(RunId),
    /// It stays where its subject is; nowhere, if that is nowhere.
    Stays,
}

/// An event with who and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was recorded.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: Actor,
    /// What.
    pub event: Event,
}

/// Understood and declined.
#[derive(Debug, Clone, PartialEq)]
pub enum Declined {
    /// There is no such offer, or not any more.
    NoSuchOffer,
    /// It ended before.
    Ended(End),
    /// Nothing of it rings any more.
    Over,
    /// Whoever asks may not.
    NotAllowed(Box<Refusal>),
}

impl Board {
    /// The offer of this number.
    pub fn offer(&self, id: u64) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.id == id)
    }

    /// What belongs to an offer, the first ring first.
    pub fn members(&self, offer: &Offer) -> Vec<&Known> {
        let mut members: Vec<_> =
            self.alerts.values().filter(|known| known.offer == Some(offer.id)).collect();
        members.sort_by(|one, other| {
            (one.first_at, &one.alert.subject).cmp(&(other.first_at, &other.alert.subject))
        });
        members
    }

    /// When the first of an offer's alerts rang.
    pub fn first_at(&self, offer: &Offer) -> Timestamp {
        let first = self.members(offer).iter().map(|known| known.first_at).min();
        first.unwrap_or(offer.made_at)
    }

    /// Whether an offer can be taken up: it has not ended, and something of it rings.
    ///
    /// # Errors
    /// Why not.
    pub fn is_open(&self, id: u64) -> Result<&Offer, Declined> {
        let offer = self.offer(id).ok_or(Declined::NoSuchOffer)?;
        if let Some(end) = &offer.end {
            return Err(Declined::Ended(end.clone()));
        }
        if self.members(offer).iter().any(|known| known.rings()) {
            Ok(offer)
        } else {
            Err(Declined::Over)
        }
    }

    /// The offer that takes in what rings now, if one does.
    fn takes_in(&self, now: Timestamp) -> Option<&Offer> {
        let newest = self.offers.last().filter(|offer| offer.end.is_none())?;
        (now.since(newest.heard_at) <= WINDOW).then_some(newest)
    }
}
