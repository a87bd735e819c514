//! Opens one socket: asks Slack where, connects, waits for its hello. Each of the three is bounded in time: a peer that
//! takes the connection and never answers costs one try, not the door.

use std::time::Duration;

use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::*;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::frame::{self, Ending, Frame};
use crate::slack::client::SlackClientHandle;

/// A WebSocket, encrypted or (in tests) not.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Largest message that is read at all.
const MESSAGE: usize = 16 * 1024 * 1024;

/// No socket was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DialError {
    /// Only people can mend it.
    #[error("`{code}`: {next}")]
    Refused {
        /// Slack's code.
        code: String,
        /// What to do.
        next: &'static str,
    },
    /// The app has all the sockets that Slack allows.
    #[error("the app has all the sockets Slack allows (10): run fewer replicas")]
    TooMany,
    /// Slack asks to wait.
    #[error("Slack asks to wait {} s", .0.as_secs())]
    Wait(Duration),
    /// It may pass by itself.
    #[error("Slack cannot be reached: {0}")]
    Passing(String),
}

/// Slack's codes that stay until somebody does something, with what that is.
const REFUSALS: [(&[&str], &str); 4] = [
    (
        &["not_allowed_token_type"],
        "set SLACK_APP_TOKEN to an app-level token (xapp-…), not the bot's",
    ),
    (
        &["missing_scope", "no_permission", "access_denied"],
        "give the app-level token the scope `connections:write` (Basic Information, App-Level Tokens)",
    ),
    (
        &[
            "invalid_auth",
            "not_authed",
            "token_revoked",
            "token_expired",
            "account_inactive",
            "missing_args",
        ],
        "make a new app-level token with `connections:write`, set SLACK_APP_TOKEN to it, and start again",
    ),
    (
        &[
            "link_disabled",
            "forbidden_team",
            "team_disabled",
            "user_removed_from_team",
            "app_not_found",
        ],
        "see that the app is installed and Socket Mode is switched on in its settings, or unset SLACK_APP_TOKEN",
    ),
];

/// Opens a socket; each part may take so long.
pub(super) async fn dial(
    slack: &SlackClientHandle,
    token: &SecretString,
    part: Duration,
) -> Result<Socket, DialError> {
    let token = SlackApiToken::new(token.expose_secret().into());
    let (client, request) = (slack.client(), SlackApiAppsConnectionOpenRequest::new());
    let session = client.open_session(&token);
    let opened = timeout(part, session.apps_connections_open(&request)).await;
    let url = opened.map_err(|_| late("where to connect"))?.map_err(|error| api(&error))?.url;
    // The address carries a ticket: it is never written anywhere.
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let connect = tokio_tungstenite::connect_async_with_config(url.0.as_str(), Some(config), true);
    let connected = timeout(part, connect).await.map_err(|_| late("the handshake"))?;
    let (mut socket, _) = connected.map_err(|error| DialError::Passing(error.to_string()))?;
    timeout(part, hello(&mut socket)).await.map_err(|_| late("hello"))??;
    Ok(socket)
}

async fn hello(socket: &mut Socket) -> Result<(), DialError> {
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(text)) => match frame::read(&text) {
                Frame::Hello => return Ok(()),
                Frame::Disconnect(Ending::TooMany) => return Err(DialError::TooMany),
                Frame::Disconnect(Ending::Disabled) => return Err(refused("link_disabled")),
                Frame::Disconnect(Ending::Refresh) | Frame::Envelope(_) | Frame::Useless(_) => {}
            },
            Ok(_) => {}
            Err(error) => return Err(DialError::Passing(error.to_string())),
        }
    }
    Err(DialError::Passing("it was closed without hello".to_owned()))
}

fn late(what: &str) -> DialError {
    DialError::Passing(format!("nothing came: {what}"))
}

fn api(error: &SlackClientError) -> DialError {
    let code = match error {
        SlackClientError::RateLimitError(limited) => {
            return DialError::Wait(limited.retry_after.unwrap_or(Duration::from_secs(30)));
        }
        SlackClientError::ApiError(error) => &error.code,
        SlackClientError::HttpError(_)
        | SlackClientError::HttpProtocolError(_)
        | SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::ProtocolError(_)
        | SlackClientError::SocketModeProtocolError(_) => {
            return DialError::Passing(error.to_string());
        }
    };
    refused(code)
}

/// What a code of Slack's means. One that is not known may pass by itself.
fn refused(code: &str) -> DialError {
    match REFUSALS.iter().find(|(codes, _)| codes.contains(&code)) {
        Some((_, next)) => DialError::Refused { code: code.to_owned(), next },
        None => DialError::Passing(format!("`{code}`")),
    }
}
