//! What monitoring systems said: a board for each environment with the events it follows from, and where the message of
//! each offer stands.

use async_trait::async_trait;

use super::change::number;
use super::{Posted, StoreError, codec};
use crate::domain::ids::EnvironmentId;
use crate::domain::offer::{Board, Entry, Event};
use crate::domain::time::Timestamp;

/// Version of a board's text, and of an event's.
pub(super) const VERSION: i64 = 1;
/// Offers whose messages are looked up: those a board has, and some.
pub(super) const LOOKED_UP: i64 = 20;

/// One request's worth of change to a board.
#[derive(Debug)]
pub struct BoardCommit<'a> {
    /// Whose board.
    pub environment: &'a EnvironmentId,
    /// How many events it had when this was decided.
    pub after: u64,
    /// The board after the events.
    pub board: &'a Board,
    /// The events, numbered from `after + 1`.
    pub entries: &'a [Entry],
}

/// What is known of the message of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The number of the event that it shows; 0 before there is one.
    pub seq: u64,
    /// Where it stands, or may stand.
    pub at: Posted,
}

/// Whose turn it is at the message of an offer: until when, by the clock it was taken by.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Whose board.
    pub environment: &'a EnvironmentId,
    /// Which offer.
    pub offer: u64,
    /// Names this taking and no other.
    pub holder: &'a str,
}

/// The part of the store that keeps alerts. Every method is one transaction, as in [`Store`](super::Store).
#[async_trait]
pub trait Alerts: Send + Sync {
    /// The board of an environment; an empty one before anything came in.
    async fn board(&self, environment: &EnvironmentId) -> Result<Board, StoreError>;

    /// Which of these pieces of news are on the record.
    async fn known_news(
        &self,
        environment: &EnvironmentId,
        names: &[String],
    ) -> Result<Vec<String>, StoreError>;

    /// Writes all of a commit, or nothing: false if somebody else's events came first.
    async fn commit_board(&self, commit: &BoardCommit<'_>) -> Result<bool, StoreError>;

    /// What the messages of the newest offers show: the offer, and the number of the event.
    async fn offers_shown(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Vec<(u64, u64)>, StoreError>;

    /// Takes the message of an offer, if it is nobody's at `now`, until then.
    async fn take_offer(
        &self,
        turn: Turn<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Shown>, StoreError>;

    /// Remembers what is known of a message that was taken, which stays so until then. False if it is somebody else's
    /// by now; nothing was changed then.
    async fn keep_offer(
        &self,
        turn: Turn<'_>,
        shown: &Shown,
        until: Timestamp,
    ) -> Result<bool, StoreError>;
}

pub(super) const BOARD: &str = "select body from boards where environment = $1";
pub(super) const KNOWN: &str = "select name from board_events where environment = $1 and name = $2";
pub(super) const PUT: &str = "insert into boards (environment, seq, version, body) \
     values ($1, $2, $3, $4) on conflict (environment) do update \
     set seq = excluded.seq, version = excluded.version, body = excluded.body \
     where boards.seq = $5 returning environment";
pub(super) const ADD: &str = "insert into board_events (environment, seq, name, version, body) \
     values ($1, $2, $3, $4, $5)";
pub(super) const SHOWN: &str = "select offer, shown from offer_messages \
     where environment = $1 order by offer desc limit $2";
pub(super) const TAKE: &str = "insert into offer_messages \
     (environment, offer, shown, channel, ts, fate, lease, lease_until) \
     values ($1, $2, 0, '', '', 'unposted', $3, $5) on conflict (environment, offer) do update \
     set lease = excluded.lease, lease_until = excluded.lease_until \
     where offer_messages.lease_until <= $4 returning shown, channel, ts, fate";
pub(super) const KEEP: &str = "update offer_messages \
     set shown = $4, channel = $5, ts = $6, fate = $7, lease_until = $8 \
     where environment = $1 and offer = $2 and lease = $3 returning environment";

/// shown, channel, ts, fate
pub(super) type ShownRow = (i64, String, String, String);

/// A commit as rows.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) environment: String,
    pub(super) after: i64,
    pub(super) seq: i64,
    pub(super) body: String,
    /// Number, name, body.
    pub(super) events: Vec<(i64, Option<String>, String)>,
}

impl Rows {
    pub(super) fn of(commit: &BoardCommit<'_>) -> Result<Self, StoreError> {
        let events = (commit.after + 1..).zip(commit.entries).map(|(seq, entry)| {
            let name = match &entry.event {
                Event::Heard { alert, .. } => Some(alert.name()),
                Event::Ended { .. } | Event::Owes { .. } | Event::Settled { .. } => None,
            };
            Ok((number(seq), name, codec::write("event of a board", entry)?))
        });
        Ok(Self {
            environment: commit.environment.to_string(),
            after: number(commit.after),
            seq: number(commit.board.seq),
            body: codec::write("board", commit.board)?,
            events: events.collect::<Result<_, StoreError>>()?,
        })
    }
}

pub(super) fn board(bodies: Vec<(String,)>) -> Result<Board, StoreError> {
    let body = bodies.into_iter().next();
    body.map_or_else(|| Ok(Board::default()), |(body,)| codec::read("board", &body))
}

pub(super) fn shown((seq, channel, ts, fate): ShownRow) -> Result<Shown, StoreError> {
    let seq = u64::try_from(seq).unwrap_or(0);
    Ok(Shown { seq, at: Posted { channel, ts, fate: codec::fate(&fate)? } })
}

pub(super) fn pairs(rows: Vec<(i64, i64)>) -> Vec<(u64, u64)> {
    let whole = |number| u64::try_from(number).unwrap_or(0);
    rows.into_iter().map(|(offer, seq)| (whole(offer), whole(seq))).collect()
}
