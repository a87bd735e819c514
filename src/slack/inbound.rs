//! The HTTP door: signature checked on the raw body by the library's layer, behind a body limit; committed first,
//! acknowledged then.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use slack_morphism::axum_support::SlackEventsAxumListener;
use slack_morphism::prelude::*;
use slack_morphism::signature_verifier::{
    SlackEventAbsentSignatureError, SlackEventSignatureVerifierError,
};
use tower_http::limit::RequestBodyLimitLayer;
use tracing::warn;

use super::client::{Connector, SlackClientHandle};
use super::handle::{Inbound, Reply};
use super::payload::{self, Kind};

/// Largest body; Slack's are some ten kilobytes.
pub(super) const BODY: usize = 512 * 1024;

/// The routes under `/slack`.
pub fn routes(inbound: Inbound, slack: &SlackClientHandle, secret: &SecretString) -> Router {
    let environment =
        SlackClientEventsListenerEnvironment::new(slack.client()).with_error_handler(unsigned);
    let listener = SlackEventsAxumListener::new(Arc::new(environment));
    let secret = SlackSigningSecret::new(secret.expose_secret().to_owned());
    Router::new()
        .route("/slack/commands", post(commands))
        .route("/slack/interactions", post(interactions))
        .route("/slack/events", post(events))
        .layer(listener.events_layer(&secret))
        .layer(RequestBodyLimitLayer::new(BODY))
        .with_state(inbound)
}

/// A request that Slack did not sign, or not now, or that could not be read: nothing is stored.
fn unsigned(
    error: Box<dyn std::error::Error + Send + Sync>,
    _client: Arc<SlackClient<Connector>>,
    _state: SlackClientEventsUserState,
) -> StatusCode {
    let forged = error.is::<SlackEventSignatureVerifierError>()
        || error.is::<SlackEventAbsentSignatureError>();
    warn!(error = %error, forged, "Refused an unsigned request");
    if forged { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }
}

async fn commands(State(inbound): State<Inbound>, body: Bytes) -> Response {
    take(&inbound, Kind::Command, &body).await
}

async fn interactions(State(inbound): State<Inbound>, body: Bytes) -> Response {
    take(&inbound, Kind::Interaction, &body).await
}

async fn events(State(inbound): State<Inbound>, body: Bytes) -> Response {
    take(&inbound, Kind::Event, &body).await
}

async fn take(inbound: &Inbound, kind: Kind, body: &[u8]) -> Response {
    let reply = match payload::of_body(kind, body) {
        Ok(payload) => inbound.take(kind, &payload).await,
        Err(error) => {
            warn!(error = %error, "Refused a payload");
            Reply::Unreadable(error)
        }
    };
    match reply {
        Reply::Taken => StatusCode::OK.into_response(),
        Reply::With(body) => Json(body).into_response(),
        Reply::NotRecorded => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Reply::Unreadable(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
