//! Where messages go.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::comms::Message;
use crate::domain::environment::{Environment, Group};
use crate::domain::run::chat::{Source, Words};
use crate::domain::run::{MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::store::Posted;

/// A message could not be shown; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The channel asks to wait. Nothing was done.
    #[error("the channel asks to wait {wait}")]
    Wait {
        /// How long.
        wait: Span,
    },
    /// Nothing was done.
    #[error("the channel did not take the message: {detail}")]
    Failed {
        /// Why, without secrets.
        detail: String,
    },
    /// It may have been done.
    #[error("the channel did not say whether it took the message: {detail}")]
    Unknown {
        /// Why, without secrets.
        detail: String,
    },
    /// The message to be edited is not there any more.
    #[error("the message is gone")]
    Gone,
}

/// What goes first where a channel takes one message at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody is asked for something, or everybody is told.
    Asks,
    /// A card says how its step goes.
    Tells,
    /// A card is kept up to date; the next edit says the same and more.
    Upkeep,
}

/// A message that the channel posts by itself at its time, unless it is taken back before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The channel's name for it.
    pub id: String,
    /// When it is posted.
    pub due_at: Timestamp,
}

/// A place where the team sees messages: a Slack channel. The war room in the browser is none: it reads the state.
#[async_trait]
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// Waits, at most `within`, until it is this message's turn. False if there is nothing to do: exactly that is
    /// shown at `posted`.
    ///
    /// # Errors
    /// When it will not be its turn in time.
    async fn turn(
        &self,
        _run: &Run,
        _key: &MessageKey,
        _urgency: Urgency,
        _message: &Message,
        _posted: Option<&Posted>,
        _within: Duration,
    ) -> Result<bool, ChannelError> {
        Ok(true)
    }

    /// Shows the message: posts it, or edits the one at `posted`; to be called when it is its turn. An edit may be
    /// repeated; a post of unknown fate is looked for with [`Channel::find`].
    ///
    /// # Errors
    /// When it was not, or perhaps not, shown.
    async fn show(
        &self,
        run: &Run,
        key: &MessageKey,
        message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError>;

    /// The same for a message that belongs under another, in its thread. Where there are no threads, it is one like
    /// any other.
    ///
    /// # Errors
    /// When it was not, or perhaps not, shown.
    async fn reply(
        &self,
        run: &Run,
        key: &MessageKey,
        message: &Message,
        _under: &Posted,
    ) -> Result<Option<Posted>, ChannelError> {
        self.show(run, key, message, None).await
    }

    /// Tells the war room of an environment something that belongs to no run. Should it be told twice, that is harmless.
    ///
    /// # Errors
    /// When it was not, or perhaps not, told.
    async fn announce(
        &self,
        _environment: &Environment,
        _message: &Message,
    ) -> Result<(), ChannelError> {
        Ok(())
    }

    /// Shows what is offered because of alerts: posts it, or edits the message at `posted`. `None`: nobody is written to.
    ///
    /// # Errors
    /// When it was not, or perhaps not, shown.
    async fn offer(
        &self,
        _environment: &Environment,
        _offer: u64,
        _message: &Message,
        _posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        Ok(None)
    }

    /// Where an offer stands that was perhaps posted, the newest first.
    ///
    /// # Errors
    /// When it cannot be seen.
    async fn find_offer(
        &self,
        _environment: &Environment,
        _offer: u64,
    ) -> Result<Vec<Posted>, ChannelError> {
        Ok(Vec::new())
    }

    /// Keeps a message within reach of everybody, as far as the channel can.
    ///
    /// # Errors
    /// When it was not, or perhaps not, done; nothing hangs on it.
    async fn pin(&self, _run: &Run, _posted: &Posted) -> Result<(), ChannelError> {
        Ok(())
    }

    /// Where a message stands that was perhaps posted, the newest first; `under`: the message in whose thread it
    /// belongs. The channel's own record is asked.
    ///
    /// # Errors
    /// When it cannot be seen.
    async fn find(
        &self,
        _run: &Run,
        _key: &MessageKey,
        _under: Option<&Posted>,
    ) -> Result<Vec<Posted>, ChannelError> {
        Ok(Vec::new())
    }

    /// What somebody's message says; `None` if it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn said(&self, _run: &Run, _source: &Source) -> Result<Option<Words>, ChannelError> {
        Ok(None)
    }

    /// Who is in a user group: the channel's own ids of people. `None`: this channel has no groups.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn members(
        &self,
        _run: &Run,
        _group: &Group,
    ) -> Result<Option<Vec<String>>, ChannelError> {
        Ok(None)
    }

    /// Leaves a message to be posted by the channel itself at `due_at`. `None`: this channel cannot.
    ///
    /// # Errors
    /// When it was not, or perhaps not, left.
    async fn leave(
        &self,
        _run: &Run,
        _message: &Message,
        _due_at: Timestamp,
    ) -> Result<Option<Pending>, ChannelError> {
        Ok(None)
    }

    /// What was left of this run and is neither posted nor taken back.
    ///
    /// # Errors
    /// When it cannot be seen.
    async fn left(&self, _run: &Run) -> Result<Vec<Pending>, ChannelError> {
        Ok(Vec::new())
    }

    /// Takes back what was left.
    ///
    /// # Errors
    /// [`ChannelError::Gone`] when it was taken back before, is posted, or is about to be.
    async fn take_back(&self, _run: &Run, _id: &str) -> Result<(), ChannelError> {
        Err(ChannelError::Gone)
    }
}

/// Nobody is written to; the page shows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

#[async_trait]
impl Channel for Silent {
    async fn turn(
        &self,
        _run: &Run,
        _key: &MessageKey,
        _urgency: Urgency,
        _message: &Message,
        _posted: Option<&Posted>,
        _within: Duration,
    ) -> Result<bool, ChannelError> {
        Ok(false)
    }

    async fn show(
        &self,
        _run: &Run,
        _key: &MessageKey,
        _message: &Message,
        _posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        Ok(None)
    }
}
