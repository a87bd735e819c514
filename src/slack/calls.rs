//! Calls of the Web API, each bounded in time, and what their errors say about whether they were done.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use slack_morphism::errors::SlackClientError;

use crate::domain::time::Span;
use crate::engine::channel::ChannelError;

/// Longest we wait for Slack: the library has no timeouts.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// A call, bounded in time.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, SlackClientError>>,
) -> Result<T, ChannelError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(fate),
        Err(_) => {
            let detail = format!("no answer within {} ms", limit.as_millis());
            Err(ChannelError::Unknown { detail })
        }
    }
}

/// What an error says about whether the call was done.
fn fate(error: SlackClientError) -> ChannelError {
    match error {
        SlackClientError::RateLimitError(limited) => {
            let wait = limited.retry_after.map_or(1, |wait| wait.as_secs().max(1));
            ChannelError::Wait { wait: Span::seconds(wait) }
        }
        SlackClientError::ApiError(error) if is_gone(&error.code) => ChannelError::Gone,
        // By Slack's reference, some of it may have been done.
        SlackClientError::ApiError(error)
            if matches!(&*error.code, "internal_error" | "fatal_error") =>
        {
            ChannelError::Unknown { detail: error.code }
        }
        SlackClientError::ApiError(error) => ChannelError::Failed { detail: error.code },
        SlackClientError::HttpError(error) if !error.status_code.is_server_error() => {
            ChannelError::Failed { detail: error.to_string() }
        }
        SlackClientError::HttpProtocolError(error) => {
            let cause = error
                .cause
                .as_ref()
                .and_then(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>());
            let detail = error.to_string();
            if cause.is_some_and(hyper_util::client::legacy::Error::is_connect) {
                ChannelError::Failed { detail }
            } else {
                ChannelError::Unknown { detail }
            }
        }
        other @ (SlackClientError::HttpError(_)
        | SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::ProtocolError(_)
        | SlackClientError::SocketModeProtocolError(_)) => {
            ChannelError::Unknown { detail: other.to_string() }
        }
    }
}

/// Slack's codes for a message that cannot be edited any more, or not be taken back.
fn is_gone(code: &str) -> bool {
    matches!(
        code,
        "message_not_found"
            | "cant_update_message"
            | "edit_window_closed"
            | "invalid_scheduled_message_id"
    )
}

/// It may have been done, but Slack does not say where.
pub(super) fn without_id() -> ChannelError {
    ChannelError::Unknown { detail: "no id in the answer".to_owned() }
}

/// What we made does not have the form of Slack's.
pub(super) fn unsent(error: &serde_json::Error) -> ChannelError {
    ChannelError::Failed { detail: format!("not Block Kit: {error}") }
}

/// A part of an answer; what else is in it, and in which form, is Slack's business.
pub(super) fn part<T: DeserializeOwned>(answer: &Value, name: &str) -> Option<T> {
    answer.get(name).and_then(|part| serde_json::from_value(part.clone()).ok())
}
