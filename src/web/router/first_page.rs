//! The first page: the runs, and in the demo the button that starts one.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use tracing::warn;

use super::Web;
use super::guest::{Fields, by, key, see};
use super::session::{in_language, keep_language};
use crate::catalog::Voice;
use crate::desk::Answer;
use crate::domain::run::{Kind, Run, Status};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};
use crate::telemetry::Chain;
use crate::web::page::{self, RunLine, Scene, Start};

/// How long before "now" the demo's impact began.
const DEMO_IMPACT: Span = Span::minutes(4);

pub(super) async fn first_page(
    State(web): State<Web>,
    headers: HeaderMap,
    Query(query): Query<Fields>,
) -> Response {
    let guest = match web.guest(&headers).await {
        Ok(guest) => in_language(guest, &query),
        Err(response) => return *response,
    };
    let runs = match web.desk.engine.store.runs(50).await {
        Ok(runs) => runs,
        Err(error) => return web.failed(&guest, &error),
    };
    let readiness = web.desk.readiness().await.unwrap_or_else(|error| {
        warn!(error = %Chain(&error), "The first page does not say how ready everything is");
        None
    });
    let voice = web.voice(&guest);
    let readiness = readiness.map(|text| voice.mrkdwn(&text));
    let line = |run: &Run| RunLine {
        href: format!("/runs/{}", run.id),
        kind: run.kind,
        title: format!("{} · {}", voice.plain(&Text::from(&run.runbook.title)), run.id),
        standing: match run.status {
            Status::Closed { .. } => String::new(),
            Status::Open | Status::Held { .. } => run.outage(web.desk.engine.clock.now()).clock(),
        },
        when: run.started_at.rfc3339(),
    };
    let (closed, open): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.is_closed());
    let (open, closed): (Vec<_>, Vec<_>) =
        (open.into_iter().map(line).collect(), closed.into_iter().map(line).collect());
    let headline = voice.mrkdwn(&Text::key("demo.headline"));
    let button = voice.plain(&Text::key("demo.button"));
    let facts = demo_facts(&web, &voice);
    let page = web.framed(&guest, "dr-buddy", "/", |frame| {
        let scene =
            Scene { kind: Kind::Tabletop, headline: &headline, facts: &facts, button: &button };
        let scene = web.access.is_demo().then_some(scene);
        page::start(Start {
            frame,
            scene,
            readiness: readiness.as_deref(),
            open: &open,
            closed: &closed,
        })
    });
    keep_language(&web, &query, Html(page.into_string()).into_response())
}

fn demo_facts(web: &Web, voice: &Voice<'_>) -> Vec<(String, String)> {
    let since = web.desk.engine.clock.now().0 - i64::try_from(DEMO_IMPACT.ms()).unwrap_or(0);
    let at = Timestamp(since).time_of_day();
    let objectives = &web.desk.environment.objectives;
    let say = |key, args| voice.mrkdwn(&Text::Key(key, args));
    let label = |key| voice.plain(&Text::key(key));
    vec![
        (
            label("demo.fact.outside"),
            say("demo.fact.outside_text", vec![("at", Text::raw(format!("{at} UTC")))]),
        ),
        (label("demo.fact.region"), say("demo.fact.region_text", vec![])),
        (label("demo.fact.data"), say("demo.fact.data_text", vec![])),
        (
            label("demo.fact.promise"),
            say(
                "demo.fact.promise_text",
                vec![
                    ("rto", Text::raw(objectives.rto.spoken())),
                    ("rpo", Text::raw(objectives.rpo.spoken())),
                ],
            ),
        ),
        (label("demo.fact.you"), say("demo.fact.you_text", vec![])),
    ]
}

/// Only the demo starts runs from the page, and only tabletops.
pub(super) async fn start(State(web): State<Web>, headers: HeaderMap, body: Bytes) -> Response {
    let (guest, _) = match web.sent(&headers, &body).await {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    if !web.access.is_demo() {
        return web.refuse(&guest, "/", &Text::key("refused.no_run"));
    }
    let now = web.desk.engine.clock.now();
    let impact = Timestamp(now.0.saturating_sub(i64::try_from(DEMO_IMPACT.ms()).unwrap_or(0)));
    let answer = web.desk.start(&key(), &by(&guest), None, Kind::Tabletop, impact).await;
    match &answer {
        Answer::Done { run, .. } => see(&format!("/runs/{run}")),
        Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_) => {
            web.answered(&guest, "/", &answer)
        }
    }
}
