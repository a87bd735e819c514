//! What survives: one trait, its contract here, its implementations beside.
//!
//! One transaction per request writes the inbox key, the events, the run's row, the new effects and the settling of
//! the effect that caused it: all or nothing. Nothing in here decides.
//!
//! [`sqlite`] is the embedded default, for one process; [`postgres`] is for several replicas on one outbox. Both write
//! the same rows with the same statements (`sql`), read them by the same code (`rows`, `thaw`) and pass the same tests; each
//! has a file for what differs. SQL is written in this room and nowhere else.

pub mod alerts;
mod change;
pub mod codec;
pub mod codes;
mod frozen;
mod migrations;
pub mod postgres;
pub mod reports;
mod rows;
mod sql;
pub mod sqlite;
mod thaw;
#[cfg(feature = "faults")]
mod watched;

use std::path::PathBuf;
#[cfg(not(feature = "faults"))]
use std::sync::Arc;

use async_trait::async_trait;

pub use alerts::Alerts;
pub use codes::Codes;
pub use reports::Reports;
#[cfg(feature = "faults")]
pub use watched::watch;

use crate::domain::ids::{Digest, PersonId, RunId};
use crate::domain::run::log::{NotRead, Recorded};
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Language;

/// One request's worth of change.
#[derive(Debug)]
pub struct Commit<'a> {
    /// Names the request: the same key is never committed twice.
    pub key: &'a str,
    /// The state after the events.
    pub run: &'a Run,
    /// How many events the run had when this was decided; 0 for a new run.
    pub after: u64,
    /// The events, numbered from `after + 1`.
    pub events: &'a [Recorded],
    /// What is owed to the outside because of them.
    pub effects: &'a [Effect],
    /// The effect that is settled by this, if one caused it.
    pub settles: Option<&'a Claimed>,
    /// Now.
    pub at: Timestamp,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is durable.
    Done,
    /// This key was committed before, for this run; nothing was changed.
    Duplicate(RunId),
    /// Somebody else's events came first; nothing was changed. Load, decide again.
    LostRace,
    /// A run of that kind is open in that environment; nothing was changed.
    SlotTaken(RunId),
    /// The lease of the effect to be settled is somebody else's by now; nothing was changed.
    LeaseLost,
}

/// How many effects can be performed besides those that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Those that do not talk with the chat.
    pub work: u32,
    /// Those that do: [`Effect::is_talk`].
    pub talk: u32,
}

impl Room {
    /// As many of the one as of the other.
    pub fn each(number: u32) -> Self {
        Self { work: number, talk: number }
    }
}

/// An effect this worker may perform until its lease ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// Of which run.
    pub run: RunId,
    /// Its key within the run.
    pub key: String,
    /// What to do.
    pub effect: Effect,
    /// How often it was wanted when it was claimed.
    pub version: i64,
    /// How often it was tried before.
    pub tries: u32,
    /// What the last try left for this one.
    pub note: Option<String>,
    /// Whose lease.
    pub lease: String,
    /// When it ends, by the clock it was taken by.
    pub until: Timestamp,
}

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its state.
    pub run: Run,
    /// The hash of its last event: what the next one chains to.
    pub head: Digest,
}

/// Where a message stands, or may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The channel's id.
    pub channel: String,
    /// The message's id in it; empty before it is posted.
    pub ts: String,
    /// What is known of it.
    pub fate: Fate,
}

/// What is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stands there.
    Posted,
    /// It stands there, after one that may have been lost, and says so.
    Again,
    /// Written before the post: until more is known, the message may stand there or not.
    Posting,
    /// The post certainly failed.
    Unposted,
}

impl Posted {
    /// A message that stands there.
    pub fn at(channel: impl Into<String>, ts: impl Into<String>) -> Self {
        Self { channel: channel.into(), ts: ts.into(), fate: Fate::Posted }
    }

    /// A message that is not there yet, or not known to be.
    pub fn not_yet(channel: impl Into<String>, fate: Fate) -> Self {
        Self { channel: channel.into(), ts: String::new(), fate }
    }

    /// Whether it is there to be edited.
    pub fn stands(&self) -> bool {
        matches!(self.fate, Fate::Posted | Fate::Again)
    }
}

/// The database did not do it; nothing was changed, but for [`StoreError::InDoubt`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is full, is read-only.
    #[error("the database did not {what}")]
    Unavailable {
        /// What was asked of it.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The connection was lost in the very moment of the commit, and nobody could be asked since. Hand the request in
    /// again under the same key: it is done once, or answered as a duplicate.
    #[error("the database did not say whether it committed")]
    InDoubt {
        /// How the connection was lost.
        #[source]
        source: sqlx::Error,
    },
    /// Another process has the file.
    #[error(
        "the database `{}` is in use by another dr-buddy{}: a SQLite file serves one process; \
         stop the other one, or set DATABASE_URL to a PostgreSQL database for several replicas",
        .database.display(), .holder.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    InUse {
        /// The file.
        database: PathBuf,
        /// Its process id, if it could be told.
        holder: Option<u32>,
    },
    /// No database keeps that as it is.
    #[error("the {what} cannot be stored: {why}")]
    Unfit {
        /// What.
        what: &'static str,
        /// Why.
        why: &'static str,
    },
    /// What is stored cannot be read by this version.
    #[error("stored {what} cannot be read by this version")]
    Unreadable {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An event cannot be read by this version.
    #[error("event {seq} cannot be read")]
    UnreadableEvent {
        /// Which.
        seq: i64,
        /// Why.
        #[source]
        source: NotRead,
    },
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date")]
    Migration {
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
}

/// The store as it is: only in tests of the binary every write is watched.
#[cfg(not(feature = "faults"))]
pub fn watch(store: Arc<dyn Store>) -> Arc<dyn Store> {
    store
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Unavailable { what, source }
}

impl StoreError {
    /// Whether the database may well do it a little later: it cannot be reached, starts, ends or is full. Not so with a
    /// wrong password, a database that is not there, or what this version cannot read.
    pub fn is_passing(&self) -> bool {
        let source = match self {
            Self::Unavailable { source, .. } | Self::InDoubt { source } => source,
            Self::Migration { source: sqlx::migrate::MigrateError::Execute(source) } => source,
            Self::Migration { .. }
            | Self::InUse { .. }
            | Self::Unfit { .. }
            | Self::Unreadable { .. }
            | Self::UnreadableEvent { .. } => return false,
        };
        let sqlx::Error::Database(error) = source else {
            use sqlx::Error::{Io, PoolTimedOut, Protocol};
            return matches!(source, Io(_) | PoolTimedOut | Protocol(_));
        };
        let code = error.code().unwrap_or_default();
        // PostgreSQL: connection, resources, operator intervention, system error, a standby. SQLite: busy, locked,
        // input or output, full.
        let classes = ["08", "53", "57", "58", "25006"];
        let is_passing = |class: &&str| code.len() == 5 && code.starts_with(class);
        classes.iter().any(is_passing) || matches!(&*code, "5" | "6" | "10" | "13" | "778")
    }
}

/// Durable state. Every method is one transaction: after an error, nothing has changed. A caller that goes away while
/// it waits leaves the whole of it or nothing.
#[async_trait]
pub trait Store: Alerts + Codes + Reports + Send + Sync + std::fmt::Debug {
    /// Writes all of a commit, or nothing.
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError>;

    /// Whether a request of this key was committed.
    async fn is_known(&self, key: &str) -> Result<bool, StoreError>;

    /// The run's present state and the hash of its last event.
    async fn run(&self, id: &RunId) -> Result<Option<Stored>, StoreError>;

    /// The newest runs, newest first.
    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError>;

    /// All runs that are not closed, oldest first.
    async fn open_runs(&self) -> Result<Vec<Run>, StoreError>;

    /// Events of a run after the one numbered `after`, oldest first.
    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Wants an effect performed, without an event: refreshes of what is shown.
    async fn want(&self, run: &RunId, effect: &Effect, at: Timestamp) -> Result<(), StoreError>;

    /// Takes as many effects as there is room for that are due and nobody's, for `lease` from `now`; the important ones
    /// first. `holder` names this taking and no other.
    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        room: Room,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Takes this one effect, due or not, if it is owed and nobody's: as [`Store::claim`] does.
    async fn claim_one(
        &self,
        run: &RunId,
        effect: &Effect,
        holder: &str,
        now: Timestamp,
        lease: Span,
    ) -> Result<Option<Claimed>, StoreError>;

    /// The effect is done, unless it was wanted again meanwhile: then it is due again. False if it is somebody else's
    /// by now; nothing was changed then.
    async fn settle(&self, claimed: &Claimed) -> Result<bool, StoreError>;

    /// The effect is to be tried (again) at `due_at`, with a note for that try. `failed` counts as a try.
    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<(), StoreError>;

    /// When the next effect is due or its lease ends, whichever is later for it; `None` if nothing is owed.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Ends the leases of processes that are gone, where this process knows that it is the only one. With several
    /// replicas it does nothing: leases end by themselves.
    async fn release_leases(&self) -> Result<(), StoreError>;

    /// Waits until another process has left work here. A hint that may be late, lost or false: look for work at times
    /// all the same. Where this process is the only one, it waits for ever.
    async fn woken(&self) {
        std::future::pending::<()>().await;
    }

    /// Where a message stands, if a post of it was begun.
    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError>;

    /// Remembers where a message stands, or what is known of its post.
    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError>;

    /// The language this person chose to be answered in, if they did.
    async fn language(&self, person: &PersonId) -> Result<Option<Language>, StoreError>;

    /// This person is answered in this language from now on.
    async fn choose_language(
        &self,
        person: &PersonId,
        language: Language,
    ) -> Result<(), StoreError>;

    /// Whether it can write now.
    async fn check(&self) -> Result<(), StoreError>;
}
