//! The war room of one run: the page, its parts again as they change, and the stream that says when.

use std::convert::Infallible;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures_util::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::Web;
use super::guest::{Fields, Guest, field};
use super::session::{in_language, keep_language};
use crate::domain::comms;
use crate::domain::run::Run;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::slack::render;
use crate::web::blockkit::Surface;
use crate::web::room::{self, Clock, Room, Split, Timeline};
use crate::web::scene;

pub(super) async fn war_room(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    let guest = match web.guest(&headers).await {
        Ok(guest) => in_language(guest, &query),
        Err(response) => return *response,
    };
    let response = draw(&web, &guest, &run, field(&query, "q"), room::room).await;
    keep_language(&web, &query, response)
}

pub(super) async fn live(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    match web.guest(&headers).await {
        Ok(guest) => draw(&web, &guest, &run, field(&query, "q"), room::live).await,
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn draw(
    web: &Web,
    guest: &Guest,
    run: &str,
    filter: &str,
    with: fn(Room<'_>) -> maud::Markup,
) -> Response {
    let run = match web.run(guest, run).await {
        Ok(run) => run,
        Err(response) => return *response,
    };
    let record = match web.desk.engine.store.record(&run.id, 0, u32::MAX).await {
        Ok(record) => record,
        Err(error) => return web.failed(guest, &error),
    };
    let now = web.desk.engine.clock.now();
    let voice = web.voice(guest);
    let base = format!("/runs/{}", run.id);
    let run_card = comms::run_card(&run, now).unmarked();
    let run_card = render::blocks(&voice, &run_card);
    let cards = scene::cards(&run, &voice, now);
    let (open, stream) = scene::sort(&cards);
    let entries = scene::entries(&run, &record, &voice, filter);
    let split = scene::split(&run, &record, &voice, now);
    let (path, losses) = match split {
        Some(_) => (scene::path(&run, &record, &voice), scene::losses(&record, &voice)),
        None => (vec![], vec![]),
    };
    let split =
        split.as_ref().map(|(rows, total)| Split { rows, total, path: &path, losses: &losses });
    let kind = voice.plain(&Text::key(comms::serves(&run)));
    let place = format!(
        "{} ({kind}) · {} · {} → {}",
        run.environment.id,
        run.environment.account,
        run.environment.regions.primary,
        run.environment.regions.dr
    );
    let title = format!("{} · {}", voice.plain(&Text::from(&run.runbook.title)), run.id);
    let say = |key: &str| web.desk.catalog.texts.word(guest.language, key);
    let names = |slack: &str| web.names(slack);
    let page = web.framed(guest, &title, &base, |frame| {
        let surface = Surface {
            base: &base,
            token: &guest.visitor.form_token,
            names: &names,
            say: &say,
            read_only: run.is_closed(),
        };
        with(Room {
            frame,
            surface,
            kind: run.kind,
            title: &title,
            place: &place,
            clock: Some(clock(web, &run, now)),
            run_card: &run_card,
            open: &open,
            stream: &stream,
            timeline: Timeline { entries: &entries, filter, older: None },
            split,
        })
    });
    Html(page.into_string()).into_response()
}

fn clock(web: &Web, run: &Run, now: Timestamp) -> Clock {
    let speed = web.clock.as_ref().map_or(1, |clock| clock.speed());
    let ended = run.ended_at();
    Clock {
        since_ms: run.impact_at.0,
        now_ms: ended.unwrap_or(now).0,
        speed: if ended.is_some() { 0.0 } else { f64::from(speed) },
        rto_ms: i64::try_from(run.rto().ms()).ok(),
        is_back: run.restored_at.is_some(),
    }
}

pub(super) async fn events(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Response {
    if web.guest(&headers).await.is_err() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // A receiver that lagged has missed something: then the page looks at everything again.
    let changes = BroadcastStream::new(web.desk.engine.changes()).filter_map(move |changed| {
        let mine = match changed {
            Ok(id) => id.as_str() == run,
            Err(BroadcastStreamRecvError::Lagged(_)) => true,
        };
        std::future::ready(mine.then(|| Ok::<_, Infallible>(Event::default().data("changed"))))
    });
    let changes = changes.take_until(web.stop.clone().cancelled_owned());
    Sse::new(changes).keep_alive(KeepAlive::default()).into_response()
}
