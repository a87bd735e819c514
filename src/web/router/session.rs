//! Who is looking and how: signing in and out, and the settings in the bar, each kept in a cookie.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::guest::{Fields, Guest, field, own, see};
use super::{SPEEDS, Web};
use crate::domain::ids::PersonId;
use crate::domain::value::Language;
use crate::web::frame::{Frame, Message, Tone};
use crate::web::{access, page};

/// `?lang=fr` is kept in a cookie.
pub(super) fn keep_language(web: &Web, query: &Fields, mut response: Response) -> Response {
    if let Some(language) = Language::parse(field(query, "lang")) {
        let cookie = web.access.cookie(access::LANGUAGE, language.code());
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

/// The guest, in the language of `?lang=fr`.
pub(super) fn in_language(guest: Guest, query: &Fields) -> Guest {
    let language = Language::parse(field(query, "lang")).unwrap_or(guest.language);
    Guest { language, ..guest }
}

pub(super) async fn act_as(State(web): State<Web>, headers: HeaderMap, body: Bytes) -> Response {
    let (_, fields) = match web.sent(&headers, &body).await {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let mut response = see(own(field(&fields, "back")));
    let person = PersonId::parse(field(&fields, "person")).ok();
    let known = person.filter(|person| web.desk.environment.person(person).is_some());
    if let (true, Some(person)) = (web.access.is_demo(), known)
        && let Ok(cookie) =
            HeaderValue::from_str(&web.access.cookie(access::SESSION, person.as_str()))
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn speed(State(web): State<Web>, headers: HeaderMap, body: Bytes) -> Response {
    let (_, fields) = match web.sent(&headers, &body).await {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let wanted = field(&fields, "speed").parse().ok().filter(|speed| SPEEDS.contains(speed));
    if let (Some(clock), Some(speed)) = (&web.clock, wanted) {
        clock.set_speed(speed);
        web.desk.engine.wake();
    }
    see(own(field(&fields, "back")))
}

pub(super) async fn sign_in_page(State(web): State<Web>, headers: HeaderMap) -> Response {
    signing_in(&web, &headers, false)
}

fn signing_in(web: &Web, headers: &HeaderMap, refused: bool) -> Response {
    let language = access::language(headers);
    let language = language.unwrap_or(web.desk.environment.chat.language);
    let say = |key: &str| web.desk.catalog.texts.word(language, key);
    let said = say("page.token_refused");
    let frame = Frame {
        lang: language.code(),
        title: "dr-buddy",
        say: &say,
        names: &|_| None,
        token: "",
        bar: None,
    };
    let refusal = Message { tone: Tone::Refusal, what: &said };
    let page = page::sign_in(frame, "/", refused.then_some(refusal));
    let status = if refused { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, Html(page.into_string())).into_response()
}

pub(super) async fn sign_in(State(web): State<Web>, headers: HeaderMap, body: Bytes) -> Response {
    let fields: Fields = url::form_urlencoded::parse(&body).into_owned().collect();
    match web.access.session(field(&fields, "secret")) {
        Some(session) => {
            let mut response = see("/");
            if let Ok(cookie) = HeaderValue::from_str(&web.access.cookie(access::SESSION, &session))
            {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        None => {
            tracing::warn!("Refused a sign-in with an unknown token");
            signing_in(&web, &headers, true)
        }
    }
}

pub(super) async fn sign_out(State(web): State<Web>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(response) = web.sent(&headers, &body).await {
        return *response;
    }
    let mut response = see("/sign-in");
    let gone = format!("{}; Max-Age=0", web.access.cookie(access::SESSION, "gone"));
    if let Ok(cookie) = HeaderValue::from_str(&gone) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
