//! Where messages go.

use async_trait::async_trait;

use crate::domain::comms::Message;
use crate::domain::run::{MessageKey, Run};
use crate::domain::time::Span;
use crate::store::Posted;

/// A message could not be shown; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The channel asks to wait.
    #[error("the channel asks to wait {wait}")]
    Wait {
        /// How long.
        wait: Span,
    },
    /// Anything else.
    #[error("the channel did not take the message: {detail}")]
    Failed {
        /// Why, without secrets.
        detail: String,
    },
}

/// A place where the team sees messages: a Slack channel. The war room in the browser is none: it reads the state.
#[async_trait]
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// Shows the message: posts it, or edits the one at `posted`. Repeats are harmless.
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
}

/// Nobody is written to; the page shows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

#[async_trait]
impl Channel for Silent {
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
