//! The pages' addresses: one file per kind of visit. Every POST but the sign-in carries the form token, and is answered
//! with a redirect, a form, or a page that says why not. What is asked goes through the desk; nothing is decided here.

mod asking;
mod first_page;
mod guest;
mod press;
mod session;
mod war_room;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::access::Access;
use super::frame;
use crate::desk::Desk;
use crate::engine::clock::FastClock;

/// Largest form.
const BODY: usize = 64 * 1024;
/// Speeds the demo offers.
const SPEEDS: [u32; 4] = [1, 10, 30, 60];

/// What the pages share.
#[derive(Debug, Clone)]
pub struct Web {
    /// Where requests go.
    pub desk: Desk,
    /// Who may come in.
    pub access: Arc<Access>,
    /// Ends the open pages' streams with the process.
    pub stop: CancellationToken,
    /// The demo's clock; absent where time is real.
    pub clock: Option<Arc<FastClock>>,
}

/// The routes.
pub fn routes(web: Web) -> Router {
    let policy = HeaderValue::from_static(frame::CONTENT_SECURITY_POLICY);
    let policy = SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, policy);
    Router::new()
        .route("/", get(first_page::first_page))
        .route("/start", post(first_page::start))
        .route("/runs/{run}", get(war_room::war_room))
        .route("/runs/{run}/live", get(war_room::live))
        .route("/runs/{run}/events", get(war_room::events))
        .route("/runs/{run}/act", post(press::act))
        .route("/runs/{run}/ask", get(press::ask))
        .route("/runs/{run}/submit", post(press::submit))
        .route("/act-as", post(session::act_as))
        .route("/speed", post(session::speed))
        .route("/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route(
            "/assets/style.css",
            get(|| async { asset("text/css; charset=utf-8", frame::STYLE) }),
        )
        .route(
            "/assets/room.js",
            get(|| async { asset("text/javascript; charset=utf-8", frame::SCRIPT) }),
        )
        .route("/assets/icon.svg", get(|| async { asset("image/svg+xml", frame::ICON) }))
        .layer(policy)
        .layer(RequestBodyLimitLayer::new(BODY))
        .with_state(web)
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response()
}
