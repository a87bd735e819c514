//! The Web API, through slack-morphism: whispers here, forms in `modal`, the war room's cards in [`super::room`].
//!
//! Every call is bounded in time, for the library has no timeouts. The library's own rate control counts per process and
//! method, and is off: who goes next in a channel is decided in [`super::lane`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use slack_morphism::prelude::*;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::calls::{TIMEOUT, unsent, within};
use super::lane::Lanes;
use crate::catalog::Catalog;
use crate::domain::ids::Digest;
use crate::engine::channel::ChannelError;

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
    pub(super) client: Arc<SlackClient<Connector>>,
    pub(super) token: SlackApiToken,
    pub(super) catalog: Arc<Catalog>,
    /// Where people reach the war room in the browser.
    pub(super) page: Option<String>,
    /// Who waits to speak.
    pub(super) lanes: Mutex<Lanes>,
    /// Somebody has gone or come in a lane.
    pub(super) moved: Notify,
    /// What stands where, by channel and message, and since when: an edit that changes nothing is not made.
    pub(super) shown: Mutex<HashMap<(String, String), (Digest, Instant)>>,
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
        Ok(Self {
            client,
            token,
            catalog,
            page: None,
            lanes: Mutex::default(),
            moved: Notify::new(),
            shown: Mutex::default(),
        })
    }

    /// The same, with an address at which people reach the war room in the browser.
    #[must_use]
    pub fn with_page(self, page: Option<String>) -> Self {
        Self { page, ..self }
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

    /// The language that somebody has set in Slack (`fr-FR`).
    ///
    /// # Errors
    /// When Slack did not say.
    pub async fn locale(&self, user: &str) -> Result<Option<String>, ChannelError> {
        let arguments =
            [("user", Some(user.to_owned())), ("include_locale", Some("true".to_owned()))];
        let answer = self.read("users.info", &arguments).await?;
        Ok(answer.pointer("/user/locale").and_then(Value::as_str).map(str::to_owned))
    }
}

/// A message as the library wants it.
pub(super) fn content(text: &str, blocks: &[Value]) -> Result<SlackMessageContent, ChannelError> {
    let blocks: Vec<SlackBlock> =
        serde_json::from_value(Value::Array(blocks.to_vec())).map_err(|error| unsent(&error))?;
    let content = SlackMessageContent::new().with_text(text.to_owned());
    Ok(if blocks.is_empty() { content } else { content.with_blocks(blocks) })
}
