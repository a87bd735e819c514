//! The Web API, through slack-morphism: cards posted and edited, whispers, forms opened.
//!
//! Every call is bounded in time, for the library has no timeouts. Posts to one channel keep a second apart; the
//! library's own rate control counts per process, and is off.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::*;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::render;
use crate::catalog::Catalog;
use crate::domain::comms::Message;
use crate::domain::run::{MessageKey, Run};
use crate::domain::time::Span;
use crate::engine::channel::{Channel, ChannelError};
use crate::faults;
use crate::store::Posted;

/// Longest we wait for Slack.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A form must open within the three seconds in which its trigger is valid.
const OPEN_TIMEOUT: Duration = Duration::from_millis(2500);
/// Slack takes about one message a second per channel.
const BETWEEN_POSTS: Duration = Duration::from_secs(1);

pub(super) type Connector =
    SlackClientHyperConnector<HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>>;

/// How to reach Slack.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// The bot token.
    pub token: SecretString,
    /// What Slack signs its requests with; without it nothing comes in over HTTP.
    pub signing_secret: Option<SecretString>,
    /// The app-level token; without it there is no Socket Mode.
    pub app_token: Option<SecretString>,
    /// The base of the Web API, without a slash at the end.
    pub api_url: String,
}

/// The client.
pub struct SlackClientHandle {
    client: Arc<SlackClient<Connector>>,
    token: SlackApiToken,
    catalog: Arc<Catalog>,
    last_post: Mutex<HashMap<String, Instant>>,
}

impl std::fmt::Debug for SlackClientHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SlackClientHandle")
    }
}

impl SlackClientHandle {
    /// A client; nothing is called yet.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn new(settings: &SlackSettings, catalog: Arc<Catalog>) -> std::io::Result<Self> {
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        let connector = SlackClientHyperConnector::with_connector(https)
            .with_slack_api_url(settings.api_url.trim_end_matches('/'));
        let token = SlackApiToken::new(settings.token.expose_secret().into());
        let client = Arc::new(SlackClient::new(connector));
        Ok(Self { client, token, catalog, last_post: Mutex::default() })
    }

    pub(super) fn client(&self) -> Arc<SlackClient<Connector>> {
        Arc::clone(&self.client)
    }

    /// Tells one person something nobody else sees.
    ///
    /// # Errors
    /// When Slack did not take it.
    pub async fn whisper(
        &self,
        channel: &str,
        user: &str,
        text: &str,
        blocks: &[Value],
    ) -> Result<(), ChannelError> {
        let content = content(text, blocks)?;
        let request = SlackApiChatPostEphemeralRequest::new(channel.into(), user.into(), content);
        let session = self.client.open_session(&self.token);
        within(TIMEOUT, session.chat_post_ephemeral(&request)).await.map(drop)
    }

    /// Opens a form.
    ///
    /// # Errors
    /// When Slack did not open it.
    pub async fn open(&self, trigger: &str, view: Value) -> Result<(), ChannelError> {
        let view: SlackView = serde_json::from_value(view).map_err(|error| unsent(&error))?;
        let request = SlackApiViewsOpenRequest::new(trigger.into(), view);
        let session = self.client.open_session(&self.token);
        within(OPEN_TIMEOUT, session.views_open(&request)).await.map(drop)
    }

    async fn post(
        &self,
        channel: &str,
        content: SlackMessageContent,
    ) -> Result<Posted, ChannelError> {
        self.keep_apart(channel).await;
        let request = SlackApiChatPostMessageRequest::new(channel.into(), content);
        let session = self.client.open_session(&self.token);
        let posted = within(TIMEOUT, session.chat_post_message(&request)).await?;
        Ok(Posted { channel: posted.channel.to_string(), ts: posted.ts.to_string() })
    }

    async fn edit(&self, at: &Posted, content: SlackMessageContent) -> Result<(), ChannelError> {
        self.keep_apart(&at.channel).await;
        let channel = at.channel.as_str().into();
        let request = SlackApiChatUpdateRequest::new(channel, content, at.ts.as_str().into());
        let session = self.client.open_session(&self.token);
        within(TIMEOUT, session.chat_update(&request)).await.map(drop)
    }

    /// Waits for the next free second of a channel.
    async fn keep_apart(&self, channel: &str) {
        let wait_until = {
            let mut last = self.last_post.lock().await;
            let now = Instant::now();
            let next = last
                .get(channel)
                .map_or(now, |last| (*last + BETWEEN_POSTS / faults::speed()).max(now));
            last.insert(channel.to_owned(), next);
            next
        };
        tokio::time::sleep_until(wait_until).await;
    }
}

#[async_trait]
impl Channel for SlackClientHandle {
    async fn show(
        &self,
        run: &Run,
        _key: &MessageKey,
        message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        let chat = &run.environment.chat;
        let voice = self.catalog.texts.voice(chat.language, Some(&run.environment));
        let blocks = render::blocks(&voice, message);
        let content = content(&render::summary(&voice, message), &blocks)?;
        match posted {
            Some(posted) => match self.edit(posted, content.clone()).await {
                Ok(()) => Ok(Some(posted.clone())),
                // Somebody deleted the card, or it is too old to edit: the room gets a new one.
                Err(ChannelError::Failed { detail }) if is_gone(&detail) => {
                    self.post(&chat.war_room, content).await.map(Some)
                }
                Err(error) => Err(error),
            },
            None => self.post(&chat.war_room, content).await.map(Some),
        }
    }
}

fn content(text: &str, blocks: &[Value]) -> Result<SlackMessageContent, ChannelError> {
    let blocks: Vec<SlackBlock> =
        serde_json::from_value(Value::Array(blocks.to_vec())).map_err(|error| unsent(&error))?;
    let content = SlackMessageContent::new().with_text(text.to_owned());
    Ok(if blocks.is_empty() { content } else { content.with_blocks(blocks) })
}

/// Slack's codes for a message that cannot be edited any more.
fn is_gone(code: &str) -> bool {
    matches!(code, "message_not_found" | "cant_update_message" | "edit_window_closed")
}

fn unsent(error: &serde_json::Error) -> ChannelError {
    ChannelError::Failed { detail: format!("not Block Kit: {error}") }
}

/// A call, bounded in time. A timeout leaves open whether Slack did it: the caller shows the message again.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, SlackClientError>>,
) -> Result<T, ChannelError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(SlackClientError::RateLimitError(limited))) => {
            let wait = limited.retry_after.map_or(1, |wait| wait.as_secs().max(1));
            Err(ChannelError::Wait { wait: Span::seconds(wait) })
        }
        Ok(Err(SlackClientError::ApiError(error))) => {
            Err(ChannelError::Failed { detail: error.code })
        }
        Ok(Err(error)) => Err(ChannelError::Failed { detail: error.to_string() }),
        Err(_) => Err(ChannelError::Failed {
            detail: format!("no answer within {} ms", limit.as_millis()),
        }),
    }
}
