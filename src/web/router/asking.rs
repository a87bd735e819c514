//! The page that asks for what a press lacks: words, a one-time code, or both.

use axum::response::{Html, IntoResponse, Response};

use super::Web;
use super::guest::{Guest, by};
use crate::desk::Answer;
use crate::domain::comms::{self, Press, Written};
use crate::domain::run::Run;
use crate::domain::text::Text;
use crate::slack::render;
use crate::web::blockkit::Surface;
use crate::web::form::Form;
use crate::web::page;

/// The name of an input, as the form writes it.
pub(super) fn input(id: &str) -> String {
    format!("{id}.{id}")
}

/// The form behind a button; after a refusal with what was written and why it was refused.
pub(super) async fn show_form(
    web: &Web,
    guest: &Guest,
    run: &Run,
    press: Option<&Press>,
    refused: Option<(&Written, &Answer)>,
) -> Response {
    let base = format!("/runs/{}", run.id);
    let now = web.desk.engine.clock.now();
    let mut form = None;
    if let Some(press) = press.filter(|press| press.run == run.id) {
        form = match web.desk.asks_code(run, &by(guest), press).await {
            Ok(asks_code) => comms::form::form(run, press, asks_code, now),
            Err(error) => return web.failed(guest, &error),
        };
    }
    let Some(form) = form else {
        return web.refuse(guest, &base, &Text::key("refused.not_ours"));
    };
    let voice = web.voice(guest);
    let view = render::view(&voice, &form);
    let (mut sent, mut errors) = (Vec::new(), Vec::new());
    if let Some((written, answer)) = refused {
        // A code is typed anew: it would not count again.
        sent.push((input(render::WORDS), written.words.clone()));
        let at = render::at_fault(&form.press, written, answer);
        errors.push((at.to_owned(), voice.plain(answer.text())));
    }
    let say = |key: &str| web.desk.catalog.texts.word(guest.language, key);
    let names = |slack: &str| web.names(slack);
    let page = web.framed(guest, &voice.plain(&form.title), &base, |frame| {
        let token = &guest.visitor.form_token;
        let surface = Surface { base: &base, token, names: &names, say: &say, read_only: false };
        let form = Form { view: &view, people: &[], sent: &sent, errors: &errors, back: &base };
        page::form(frame, surface, form)
    });
    Html(page.into_string()).into_response()
}
