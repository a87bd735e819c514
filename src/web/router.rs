//! The pages' addresses. Every POST carries the form token and is answered with a redirect.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_util::sync::CancellationToken;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::access::{self, Access, Visitor};
use super::asking::{input, show_form};
use super::blockkit::Surface;
use super::frame::{Bar, Choice, Frame, Message, Tone, Who};
use super::page::{self, RunLine, Scene, Start};
use super::room::{self, Clock, Room, Split, Timeline};
use super::session::{self, in_language, keep_language};
use super::{frame, scene};
use crate::catalog::Voice;
use crate::desk::{Answer, Desk};
use crate::domain::actor::{Actor, Surface as Via};
use crate::domain::code::Typed;
use crate::domain::comms::{self, Press, Written};
use crate::domain::ids::RunId;
use crate::domain::run::{Kind, Run, Status};
use crate::domain::text::Text;
use crate::domain::time::Span;
use crate::domain::value::Language;
use crate::engine::clock::FastClock;
use crate::slack::render;
use crate::store::StoreError;

/// Largest form.
const BODY: usize = 64 * 1024;
/// Speeds the demo offers.
pub(super) const SPEEDS: [u32; 4] = [1, 10, 30, 60];
/// How long before "now" the demo's impact began.
pub const DEMO_IMPACT: Span = Span::minutes(4);

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
        .route("/", get(first_page))
        .route("/start", post(start))
        .route("/runs/{run}", get(war_room))
        .route("/runs/{run}/live", get(live))
        .route("/runs/{run}/events", get(events))
        .route("/runs/{run}/act", post(act))
        .route("/runs/{run}/ask", get(ask))
        .route("/runs/{run}/submit", post(submit))
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

/// Somebody who may come in, and how they are spoken to.
pub(super) struct Guest {
    pub(super) visitor: Visitor,
    pub(super) language: Language,
}

/// A form that was sent.
pub(super) type Fields = Vec<(String, String)>;

pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

pub(super) fn see(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address.to_owned())]).into_response()
}

/// Only an address of our own.
pub(super) fn own(back: &str) -> &str {
    let is_own = back.starts_with('/') && !back.starts_with("//") && !back.contains('\\');
    if is_own && back.is_ascii() { back } else { "/" }
}

impl Web {
    fn guest(&self, headers: &HeaderMap) -> Result<Guest, Box<Response>> {
        let environment = &self.desk.environment;
        match self.access.visitor(headers, environment) {
            Some(visitor) => {
                let room = environment.chat.language;
                let language = access::language(headers, Some(&visitor), room);
                Ok(Guest { visitor, language })
            }
            None => Err(Box::new(see("/sign-in"))),
        }
    }

    /// The guest and the fields of a form that really is one of ours.
    pub(super) fn sent(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(Guest, Fields), Box<Response>> {
        let guest = self.guest(headers)?;
        let fields: Fields = url::form_urlencoded::parse(body).into_owned().collect();
        if access::same(field(&fields, "token"), &guest.visitor.form_token) {
            Ok((guest, fields))
        } else {
            Err(Box::new(self.refuse(&guest, "/", &Text::key("refused.unreadable"))))
        }
    }

    pub(super) fn voice(&self, guest: &Guest) -> Voice<'_> {
        self.desk.voice(guest.language)
    }

    pub(super) fn names(&self, slack: &str) -> Option<String> {
        let people = &self.desk.environment.people;
        let person = people.iter().find(|person| person.slack.as_deref() == Some(slack))?;
        Some(person.name.clone())
    }

    /// Calls `draw` with what stands around every page.
    pub(super) fn framed<T>(
        &self,
        guest: &Guest,
        title: &str,
        here: &str,
        draw: impl FnOnce(Frame<'_>) -> T,
    ) -> T {
        let say = |key: &str| self.desk.catalog.texts.word(guest.language, key);
        let names = |slack: &str| self.names(slack);
        let me = &guest.visitor.person;
        let people: Vec<Choice> = self
            .desk
            .environment
            .people
            .iter()
            .map(|person| {
                let roles: Vec<_> = person.roles.iter().map(|role| role.name()).collect();
                Choice {
                    value: person.id.to_string(),
                    label: format!("{} ({})", person.name, roles.join(", ")),
                    chosen: person.id == me.id,
                }
            })
            .collect();
        let now = self.clock.as_ref().map(|clock| clock.speed());
        let speeds: Vec<Choice> = now
            .map(|now| {
                let choice = |speed: u32| Choice {
                    value: speed.to_string(),
                    label: format!("× {speed}"),
                    chosen: speed == now,
                };
                SPEEDS.map(choice).into()
            })
            .unwrap_or_default();
        let languages: Vec<Choice> = Language::ALL
            .iter()
            .map(|language| Choice {
                value: language.code().to_owned(),
                label: language.code().to_uppercase(),
                chosen: *language == guest.language,
            })
            .collect();
        let who =
            if self.access.is_demo() { Who::ActsAs(&people) } else { Who::SignedIn(&me.name) };
        draw(Frame {
            lang: guest.language.code(),
            title,
            say: &say,
            names: &names,
            token: &guest.visitor.form_token,
            bar: Some(Bar { who, speeds: &speeds, languages: &languages, here }),
        })
    }

    pub(super) fn refuse(&self, guest: &Guest, back: &str, text: &Text) -> Response {
        let said = self.voice(guest).mrkdwn(text);
        let page = self.framed(guest, "dr-buddy", back, |frame| {
            let message = Message { tone: Tone::Refusal, what: &said, why: "", next: "" };
            page::message(frame, message, back)
        });
        (StatusCode::OK, Html(page.into_string())).into_response()
    }

    pub(super) fn failed(&self, guest: &Guest, error: &StoreError) -> Response {
        tracing::error!(error = %crate::telemetry::Chain(error), "A page could not be read");
        let said = self.voice(guest).mrkdwn(&Text::key("refused.not_stored"));
        let page = self.framed(guest, "dr-buddy", "/", |frame| {
            page::message(frame, Message { tone: Tone::Fault, what: &said, why: "", next: "" }, "/")
        });
        (StatusCode::SERVICE_UNAVAILABLE, Html(page.into_string())).into_response()
    }

    async fn run(&self, guest: &Guest, run: &str) -> Result<Run, Box<Response>> {
        let missing = || {
            let run = run.chars().take(60).collect::<String>();
            let text = Text::Key("refused.no_such_run", vec![("run", Text::raw(run))]);
            Box::new(self.refuse(guest, "/", &text))
        };
        let id = RunId::parse(run).map_err(|_| missing())?;
        match self.desk.engine.store.run(&id).await {
            Ok(Some(stored)) => Ok(stored.run),
            Ok(None) => Err(missing()),
            Err(error) => Err(Box::new(self.failed(guest, &error))),
        }
    }

    fn answered(&self, guest: &Guest, back: &str, answer: &Answer) -> Response {
        match answer {
            Answer::Done { .. } => see(back),
            Answer::CodeAsked(text) | Answer::Refused(text) => self.refuse(guest, back, text),
            Answer::Failed(text) => {
                let mut response = self.refuse(guest, back, text);
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
        }
    }
}

/// Names a form that was sent. A browser sends it once; a second press is a request of its own.
fn key() -> String {
    format!("web/{}", uuid::Uuid::new_v4())
}

pub(super) fn by(guest: &Guest) -> Actor {
    Desk::actor(&guest.visitor.person, Via::Web)
}

async fn first_page(
    State(web): State<Web>,
    headers: HeaderMap,
    Query(query): Query<Fields>,
) -> Response {
    let guest = match web.guest(&headers) {
        Ok(guest) => in_language(guest, &query),
        Err(response) => return *response,
    };
    let runs = match web.desk.engine.store.runs(50).await {
        Ok(runs) => runs,
        Err(error) => return web.failed(&guest, &error),
    };
    let voice = web.voice(&guest);
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
        let scene = Scene {
            kind: Kind::Tabletop,
            headline: &headline,
            facts: &facts,
            button: &button,
            fields: &[],
        };
        let scene = web.access.is_demo().then_some(scene);
        page::start(Start { frame, scene, notice: None, open: &open, closed: &closed })
    });
    keep_language(&web, &query, Html(page.into_string()).into_response())
}

fn demo_facts(web: &Web, voice: &Voice<'_>) -> Vec<(String, String)> {
    let since = web.desk.engine.clock.now().0 - i64::try_from(DEMO_IMPACT.ms()).unwrap_or(0);
    let at = crate::domain::time::Timestamp(since).time_of_day();
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
                vec![("rto", Text::raw(objectives.rto)), ("rpo", Text::raw(objectives.rpo))],
            ),
        ),
        (label("demo.fact.you"), say("demo.fact.you_text", vec![])),
    ]
}

/// Only the demo starts runs from the page, and only tabletops.
async fn start(State(web): State<Web>, headers: HeaderMap, body: Bytes) -> Response {
    let (guest, _) = match web.sent(&headers, &body) {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    if !web.access.is_demo() {
        return web.refuse(&guest, "/", &Text::key("refused.no_run"));
    }
    let now = web.desk.engine.clock.now();
    let impact = crate::domain::time::Timestamp(
        now.0.saturating_sub(i64::try_from(DEMO_IMPACT.ms()).unwrap_or(0)),
    );
    let answer = web.desk.start(&key(), &by(&guest), None, Kind::Tabletop, impact).await;
    match &answer {
        Answer::Done { run, .. } => see(&format!("/runs/{run}")),
        Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_) => {
            web.answered(&guest, "/", &answer)
        }
    }
}

async fn war_room(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    let guest = match web.guest(&headers) {
        Ok(guest) => in_language(guest, &query),
        Err(response) => return *response,
    };
    let response = draw(&web, &guest, &run, field(&query, "q"), room::room).await;
    keep_language(&web, &query, response)
}

async fn live(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    match web.guest(&headers) {
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
    let run_card = comms::run_card(&run, now);
    let run_card = render::blocks(&voice, &run_card);
    let cards = scene::cards(&run, &voice, now);
    let (open, stream) = scene::sort(&cards);
    let entries = scene::entries(&run, &record, &voice, filter);
    let split = scene::split(&run, &record, &voice, now);
    let split = split.as_ref().map(|(rows, total)| Split { rows, total });
    let place = format!(
        "{} · {} · {} → {}",
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
            notice: None,
            run_card: &run_card,
            open: &open,
            stream: &stream,
            timeline: Timeline { entries: &entries, filter, older: None },
            split,
        })
    });
    Html(page.into_string()).into_response()
}

fn clock(web: &Web, run: &Run, now: crate::domain::time::Timestamp) -> Clock {
    let speed = web.clock.as_ref().map_or(1, |clock| clock.speed());
    let ended = run.restored_at.or(match &run.status {
        Status::Closed { at, .. } => Some(*at),
        Status::Open | Status::Held { .. } => None,
    });
    Clock {
        since_ms: run.impact_at.0,
        now_ms: ended.unwrap_or(now).0,
        speed: if ended.is_some() { 0.0 } else { f64::from(speed) },
        rto_ms: i64::try_from(run.environment.objectives.rto.ms()).ok(),
        is_back: run.restored_at.is_some(),
    }
}

async fn events(State(web): State<Web>, headers: HeaderMap, Path(run): Path<String>) -> Response {
    if web.guest(&headers).is_err() {
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

async fn act(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    body: Bytes,
) -> Response {
    let (guest, fields) = match web.sent(&headers, &body) {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let press = Press::parse(field(&fields, "action"), field(&fields, "value"));
    match press {
        Ok(press) if press.run.as_str() == run && !press.ask.wants_words() => {
            let answer = web.desk.press(&key(), &by(&guest), &press, &Written::default()).await;
            if matches!(answer, Answer::CodeAsked(_)) {
                return match web.run(&guest, &run).await {
                    Ok(run) => show_form(&web, &guest, &run, Some(&press), None).await,
                    Err(response) => *response,
                };
            }
            web.answered(&guest, &format!("/runs/{run}"), &answer)
        }
        Ok(_) | Err(_) => {
            web.refuse(&guest, own(&format!("/runs/{run}")), &Text::key("refused.not_ours"))
        }
    }
}

async fn ask(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    let guest = match web.guest(&headers) {
        Ok(guest) => guest,
        Err(response) => return *response,
    };
    let run = match web.run(&guest, &run).await {
        Ok(run) => run,
        Err(response) => return *response,
    };
    let press = Press::parse(field(&query, "action"), field(&query, "value"));
    show_form(&web, &guest, &run, press.ok().as_ref(), None).await
}

async fn submit(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    body: Bytes,
) -> Response {
    let (guest, fields) = match web.sent(&headers, &body) {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let run = match web.run(&guest, &run).await {
        Ok(run) => run,
        Err(response) => return *response,
    };
    let code = fields.iter().find(|(name, _)| *name == input(render::CODE));
    let written = Written {
        words: field(&fields, &input(render::WORDS)).to_owned(),
        code: code.map(|(_, code)| Typed::new(code)),
    };
    let press = Press::parse(field(&fields, "callback_id"), field(&fields, "private_metadata"));
    match press {
        Ok(press) if press.run == run.id => {
            let answer = web.desk.press(&key(), &by(&guest), &press, &written).await;
            match &answer {
                Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_) => {
                    let refused = Some((&written, &answer));
                    show_form(&web, &guest, &run, Some(&press), refused).await
                }
                Answer::Done { .. } => see(&format!("/runs/{}", run.id)),
            }
        }
        Ok(_) | Err(_) => show_form(&web, &guest, &run, None, None).await,
    }
}
