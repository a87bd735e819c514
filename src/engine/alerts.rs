//! Alerts: what came in is on the record in one transaction, and the message of an offer is what its board says.
//!
//! An offer's message is owed as long as the board has changed since what it shows; so nothing has to be remembered
//! beside the two, and a process that dies between them leaves no more to do than to look. The intent to post is kept
//! before the post, as with every message: found open, it is looked for.

use tracing::{info, warn};

use super::Engine;
use super::channel::ChannelError;
use super::effect::EffectError;
use crate::domain::actor::Actor;
use crate::domain::comms::{self, Message};
use crate::domain::environment::Environment;
use crate::domain::offer::{Board, Declined, Entry, Offer, Request, apply, decide};
use crate::domain::time::Span;
use crate::faults;
use crate::store::alerts::{BoardCommit, Shown, Turn};
use crate::store::{Fate, Posted, StoreError};

/// How often a race lost to another process is run again before giving up.
const RACES: u32 = 50;
/// For how long a message is one process's: longer than a turn and a call.
const LEASE: Span = Span::seconds(90);

/// Nothing followed from a request about alerts.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// Understood and declined.
    #[error("declined")]
    Declined(Declined),
    /// It could not be recorded, or nobody knows.
    #[error("alerts could not be recorded")]
    Store(#[from] StoreError),
    /// Others were always faster.
    #[error("the board is changing too fast")]
    Busy,
}

impl Engine {
    /// Hands in a request about alerts: load, decide, record.
    ///
    /// # Errors
    /// When it is declined or cannot be recorded; nothing changed then.
    pub async fn on_board(
        &self,
        environment: &Environment,
        by: &Actor,
        request: &Request,
    ) -> Result<Board, BoardError> {
        for _ in 0..RACES {
            let mut board = self.store.board(&environment.id).await?;
            let now = self.clock.now();
            let fresh = match request {
                Request::Hear { alerts, run } => {
                    let names: Vec<String> = alerts.iter().map(|alert| alert.name()).collect();
                    let known = self.store.known_news(&environment.id, &names).await?;
                    let fresh = alerts.iter().zip(names).filter(|(_, name)| !known.contains(name));
                    let alerts = fresh.map(|(alert, _)| alert.clone()).collect();
                    Some(Request::Hear { alerts, run: run.clone() })
                }
                Request::Dismiss { .. }
                | Request::RunOpen { .. }
                | Request::Taken { .. }
                | Request::NotTaken { .. } => None,
            };
            let asked = fresh.as_ref().unwrap_or(request);
            let events = decide(&board, environment, asked, by, now).map_err(|declined| {
                info!(actor = ?by, declined = ?declined, "Declined a request about alerts");
                BoardError::Declined(declined)
            })?;
            if events.is_empty() {
                return Ok(board);
            }
            let after = board.seq;
            let entry = |event| Entry { at: now, by: by.clone(), event };
            let entries: Vec<Entry> = events.into_iter().map(entry).collect();
            for entry in &entries {
                apply(&mut board, entry);
            }
            let environment = &environment.id;
            let commit = BoardCommit { environment, after, board: &board, entries: &entries };
            if self.store.commit_board(&commit).await? {
                self.rang.notify_one();
                return Ok(board);
            }
        }
        Err(BoardError::Busy)
    }

    /// Waits until something was recorded about alerts here. A hint: it may be false.
    pub async fn rung(&self) {
        self.rang.notified().await;
    }

    /// Brings the messages of all offers up to date. Each is tried, whatever becomes of the others.
    ///
    /// # Errors
    /// The first that was not, or perhaps not, shown.
    pub async fn show_offers(&self, environment: &Environment) -> Result<(), OfferNotShown> {
        let board = self.store.board(&environment.id).await?;
        let shown = self.store.offers_shown(&environment.id).await?;
        let is_old = |offer: &&Offer| {
            !shown.iter().any(|(id, seq)| *id == offer.id && *seq >= offer.changed)
        };
        let mut outcome = Ok(());
        for offer in board.offers.iter().filter(is_old) {
            outcome = outcome.and(self.show_offer(environment, &board, offer).await);
        }
        outcome.map_err(OfferNotShown)
    }

    async fn show_offer(
        &self,
        environment: &Environment,
        board: &Board,
        offer: &Offer,
    ) -> Result<(), EffectError> {
        let (holder, now) = (self.holder(), self.clock.now());
        let turn = Turn { environment: &environment.id, offer: offer.id, holder: &holder };
        let until = now.plus(self.clock.stretched(LEASE));
        let Some(mut shown) = self.store.take_offer(turn, now, until).await? else {
            return Ok(());
        };
        let message = comms::offer(board, offer, &environment.chat.time_zone);
        let told = async {
            if shown.at.fate == Fate::Posting {
                self.look_for_offer(environment, offer, &message, &mut shown).await?;
            }
            self.put_offer(environment, (turn, until), offer, message, &mut shown).await
        };
        let told = told.await;
        if told.is_ok() {
            shown.seq = offer.changed;
        }
        // Whatever became of it, the next one need not wait for the end of the lease.
        self.store.keep_offer(turn, &shown, self.clock.now().minus(Span(1))).await?;
        told
    }

    /// Looks for a message whose post was begun and never answered. What cannot be looked for is posted again.
    async fn look_for_offer(
        &self,
        environment: &Environment,
        offer: &Offer,
        message: &Message,
        shown: &mut Shown,
    ) -> Result<(), ChannelError> {
        let found = match self.channel.find_offer(environment, offer.id).await {
            Ok(found) => found,
            Err(wait @ ChannelError::Wait { .. }) => return Err(wait),
            Err(error) => {
                warn!(offer = offer.id, error = %error, "Cannot look for a message of alerts");
                return Ok(());
            }
        };
        let mut found = found.into_iter();
        let Some(newest) = found.next() else { return Ok(()) };
        shown.at = newest;
        for other in found {
            shown.at.fate = Fate::Again;
            let rest = message.clone().elsewhere();
            let marked = self.channel.offer(environment, offer.id, &rest, Some(&other)).await;
            if let Err(error) = marked {
                warn!(offer = offer.id, error = %error, "Could not mark a double");
            }
        }
        Ok(())
    }

    async fn put_offer(
        &self,
        environment: &Environment,
        (turn, until): (Turn<'_>, crate::domain::time::Timestamp),
        offer: &Offer,
        message: Message,
        shown: &mut Shown,
    ) -> Result<(), EffectError> {
        let again = matches!(shown.at.fate, Fate::Posting | Fate::Again);
        let message = if again { message.again() } else { message };
        if shown.at.stands() {
            match self.channel.offer(environment, offer.id, &message, Some(&shown.at)).await {
                // Somebody deleted it: the room gets a new one.
                Err(ChannelError::Gone) => {}
                edited => return edited.map(drop).map_err(Into::into),
            }
        }
        let not_yet = |fate| Posted::not_yet(&environment.chat.war_room, fate);
        let is_in_doubt = shown.at.fate == Fate::Posting;
        shown.at = not_yet(Fate::Posting);
        if !self.store.keep_offer(turn, shown, until).await? {
            return Ok(());
        }
        faults::place("before post of an offer");
        let posted = self.channel.offer(environment, offer.id, &message, None).await;
        faults::place("after post of an offer");
        match posted {
            Ok(Some(at)) => {
                shown.at = Posted { fate: if again { Fate::Again } else { at.fate }, ..at };
                Ok(())
            }
            Ok(None) => {
                shown.at = not_yet(Fate::Unposted);
                Ok(())
            }
            Err(error) => {
                if matches!(error, ChannelError::Wait { .. } | ChannelError::Failed { .. })
                    && !is_in_doubt
                {
                    shown.at = not_yet(Fate::Unposted);
                }
                Err(error.into())
            }
        }
    }
}

/// The message of an offer is not, or perhaps not, shown; it is tried again.
#[derive(Debug, thiserror::Error)]
#[error("an offer was not shown")]
pub struct OfferNotShown(#[source] EffectError);

impl From<StoreError> for OfferNotShown {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}
