//! The front door: open from the first moment, so that `/healthz` and `/readyz` answer whatever else is not there yet.
//! Everything behind it is shut (503; Slack shows its warning, nothing is lost) until what was under way has been
//! looked at.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::engine::clock::Clock;
use crate::slack::socket::Status;

/// How long it counts that the database took a write: whoever asks in between makes none.
const FRESH: Duration = Duration::from_secs(1);
/// Longest wait for the database's answer to that.
const LOOK: Duration = Duration::from_secs(2);

/// How far the process has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The database is being opened.
    Opening,
    /// It cannot be reached; it is tried again and again.
    Unreachable,
    /// What was under way is being looked at.
    Recovering {
        /// How many attempts are still to be looked at.
        left: usize,
    },
    /// Work is taken.
    Working,
    /// The process ends: what it began, it finishes; nothing new is begun.
    Draining,
}

impl Phase {
    fn is_same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// What keeps it from being ready; nothing if it works.
    fn keeps(self) -> Option<String> {
        Some(match self {
            Self::Opening => "opening the database".to_owned(),
            Self::Unreachable => {
                "the database cannot be reached, or takes no writes; trying again".to_owned()
            }
            Self::Recovering { left: 1 } => "looking at 1 open attempt".to_owned(),
            Self::Recovering { left } => format!("looking at {left} open attempts"),
            Self::Working => return None,
            Self::Draining => "draining; nothing new is begun".to_owned(),
        })
    }
}

/// What stands behind it.
#[derive(Debug)]
struct House {
    rooms: Router,
    engine: Arc<Engine>,
    /// The connections to Slack, where there are any.
    sockets: Option<Arc<Status>>,
}

/// Whether the database took a write.
#[derive(Debug, Clone, Copy)]
struct Checked {
    at: Instant,
    /// Since when it takes none, if so.
    fails_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    /// What people read while it is shut.
    shut: String,
    phase: Mutex<(Phase, Timestamp)>,
    house: OnceLock<House>,
    checked: tokio::sync::Mutex<Option<Checked>>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Door(Arc<Inner>);

impl Door {
    /// A door that is shut; `shut` is what people read on it.
    pub fn new(clock: Arc<dyn Clock>, shut: String) -> Self {
        let phase = Mutex::new((Phase::Opening, clock.now()));
        let (house, checked) = (OnceLock::new(), tokio::sync::Mutex::new(None));
        Self(Arc::new(Inner { clock, shut, phase, house, checked }))
    }

    /// The addresses, all of them.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { StatusCode::OK }))
            .route("/readyz", get(ready))
            .fallback(enter)
            .layer(CatchPanicLayer::new())
            .with_state(self.clone())
    }

    /// How far the process has come by now.
    pub fn come_to(&self, phase: Phase) {
        let mut now = self.0.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let since = if now.0.is_same_kind(phase) { now.1 } else { self.0.clock.now() };
        *now = (phase, since);
    }

    /// Opens it for good. The first house counts.
    pub fn open(&self, rooms: Router, engine: Arc<Engine>, sockets: Option<Arc<Status>>) {
        if self.0.house.set(House { rooms, engine, sockets }).is_ok() {
            self.come_to(Phase::Working);
        }
    }

    /// Why it is not ready and since when; nothing if it is.
    async fn keeps(&self) -> Option<(String, Timestamp)> {
        let (phase, since) = *self.0.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = phase.keeps() {
            return Some((why, since));
        }
        let since = self.takes_no_writes().await?;
        Some(("the database does not take writes".to_owned(), since))
    }

    /// Since when the database takes no writes, if so: looked up at most once in [`FRESH`], by one asker for all.
    async fn takes_no_writes(&self) -> Option<Timestamp> {
        let engine = &self.0.house.get()?.engine;
        let mut checked = self.0.checked.lock().await;
        if let Some(known) = checked.filter(|known| known.at.elapsed() < FRESH) {
            return known.fails_since;
        }
        let taken = tokio::time::timeout(LOOK, engine.store.check()).await;
        let fails_since = if matches!(taken, Ok(Ok(()))) {
            None
        } else {
            Some(checked.and_then(|known| known.fails_since).unwrap_or(self.0.clock.now()))
        };
        *checked = Some(Checked { at: Instant::now(), fails_since });
        fails_since
    }
}

/// Slack is no condition: without it the war room in the browser is needed all the more.
async fn ready(State(door): State<Door>) -> (StatusCode, String) {
    let sockets = door.0.house.get().and_then(|house| house.sockets.as_ref());
    let sockets = sockets.map(|status| format!("{status}\n")).unwrap_or_default();
    match door.keeps().await {
        None => (StatusCode::OK, format!("ready\n{sockets}")),
        Some((why, since)) => {
            let (date, time) = (since.date(), since.time_of_day());
            let said = format!("not ready since {date} {time} UTC: {why}\n{sockets}");
            (StatusCode::SERVICE_UNAVAILABLE, said)
        }
    }
}

async fn enter(State(door): State<Door>, request: Request) -> Response {
    match door.0.house.get() {
        Some(house) => match house.rooms.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        None => {
            let shut = door.0.shut.clone();
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], shut).into_response()
        }
    }
}
