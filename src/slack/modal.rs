//! Forms. A trigger is good for three seconds, so what needs more than a moment opens empty at once, is filled after
//! the acknowledgement, and says what is wrong if it cannot be: nobody is left before a form that never comes.
//!
//! Views go out as the JSON they are: the library knows fewer elements than Slack.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use super::calls::{TIMEOUT, part, within, without_id};
use super::client::SlackClientHandle;
use super::handle::Inbound;
use super::render;
use super::said::Said;
use super::sender::Sender;
use crate::domain::text::Text;
use crate::engine::channel::ChannelError;

/// A form must open within the three seconds in which its trigger is valid, and in which Slack is to be answered.
const OPEN_TIMEOUT: Duration = Duration::from_millis(2000);

/// A form that somebody has before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    id: String,
}

impl SlackClientHandle {
    /// Opens a form.
    ///
    /// # Errors
    /// When Slack did not open it, or did not say so in time.
    pub(super) async fn open(&self, trigger: &str, view: &Value) -> Result<Opened, ChannelError> {
        let arguments = json!({ "trigger_id": trigger, "view": view });
        let answer = self.view("views.open", &arguments, OPEN_TIMEOUT).await?;
        let id = answer.get("view").and_then(|view| part(view, "id"));
        Ok(Opened { id: id.ok_or_else(without_id)? })
    }

    /// Shows something else in a form that is open.
    ///
    /// # Errors
    /// When Slack did not, or did not say so in time.
    pub(super) async fn refill(&self, opened: &Opened, view: &Value) -> Result<(), ChannelError> {
        let arguments = json!({ "view_id": opened.id, "view": view });
        self.view("views.update", &arguments, TIMEOUT).await.map(drop)
    }

    async fn view(
        &self,
        method: &str,
        arguments: &Value,
        limit: Duration,
    ) -> Result<Value, ChannelError> {
        let session = self.client.open_session(&self.token);
        within(limit, session.http_session_api.http_post(method, arguments, None)).await
    }
}

impl Inbound {
    /// Opens a form that says no more than its title, and fills it with what `view` makes once the acknowledgement is
    /// on its way: the whole view, or the text that stands there instead. Whether it opened; if not, the caller answers
    /// in another way.
    pub(super) async fn open_then(
        &self,
        sender: Sender,
        title: Text,
        view: impl Future<Output = Result<Value, Text>> + Send + 'static,
    ) -> bool {
        let Some(trigger) = &sender.trigger else { return false };
        let by = self.actor(&sender);
        let empty = render::note(&self.desk.voice_of(&by), &title, &Text::key("form.loading"));
        let opened = match self.slack.open(trigger, &empty).await {
            Ok(opened) => opened,
            Err(error) => {
                warn!(error = %error, "Could not open a form");
                return false;
            }
        };
        let (slack, desk) = (Arc::clone(&self.slack), self.desk.clone());
        self.supervisor.once(async move {
            let view = match view.await {
                Ok(view) => view,
                Err(text) => render::note(&desk.voice_of(&by), &title, &text),
            };
            let Err(error) = slack.refill(&opened, &view).await else { return };
            warn!(error = %error, "Could not fill a form");
            let Some(channel) = &sender.channel else { return };
            let said = Said::new(&desk, &by, &Text::key("command.ask_failed"));
            if let Err(error) = slack.whisper(channel, &sender.user, &said.text, &said.blocks).await
            {
                warn!(error = %error, "Could not answer the asker");
            }
        });
        true
    }
}
