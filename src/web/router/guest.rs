//! Somebody who may come in: who it is, what they sent, and what stands around every page they get.

use axum::body::Bytes;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::{SPEEDS, Web};
use crate::catalog::Voice;
use crate::desk::{Answer, Desk};
use crate::domain::actor::{Actor, Surface};
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::domain::text::{Text, cut};
use crate::domain::value::Language;
use crate::store::StoreError;
use crate::web::access::{self, Visitor};
use crate::web::frame::{Bar, Choice, Frame, Message, Tone, Who};
use crate::web::page;

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
    /// Spoken to in the language chosen on this page; else in theirs, as on every other surface.
    pub(super) async fn guest(&self, headers: &HeaderMap) -> Result<Guest, Box<Response>> {
        let Some(visitor) = self.access.visitor(headers, &self.desk.environment) else {
            return Err(Box::new(see("/sign-in")));
        };
        let language = match access::language(headers) {
            Some(language) => language,
            None => {
                let by = Desk::actor(&visitor.person, Surface::Web);
                self.desk.recall(&by).await;
                self.desk.language_of(&by)
            }
        };
        Ok(Guest { visitor, language })
    }

    /// The guest and the fields of a form that really is one of ours.
    pub(super) async fn sent(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(Guest, Fields), Box<Response>> {
        let guest = self.guest(headers).await?;
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
            let message = Message { tone: Tone::Refusal, what: &said };
            page::message(frame, message, back)
        });
        (StatusCode::OK, Html(page.into_string())).into_response()
    }

    pub(super) fn failed(&self, guest: &Guest, error: &StoreError) -> Response {
        tracing::error!(error = %crate::telemetry::Chain(error), "A page could not be read");
        let said = self.voice(guest).mrkdwn(&Text::key("refused.not_stored"));
        let page = self.framed(guest, "dr-buddy", "/", |frame| {
            page::message(frame, Message { tone: Tone::Fault, what: &said }, "/")
        });
        (StatusCode::SERVICE_UNAVAILABLE, Html(page.into_string())).into_response()
    }

    pub(super) async fn run(&self, guest: &Guest, run: &str) -> Result<Run, Box<Response>> {
        let missing = || {
            let run = Text::raw(cut(run, 60));
            let text = Text::Key("refused.no_such_run", vec![("run", run)]);
            Box::new(self.refuse(guest, "/", &text))
        };
        let id = RunId::parse(run).map_err(|_| missing())?;
        match self.desk.engine.store.run(&id).await {
            Ok(Some(stored)) => Ok(stored.run),
            Ok(None) => Err(missing()),
            Err(error) => Err(Box::new(self.failed(guest, &error))),
        }
    }

    pub(super) fn answered(&self, guest: &Guest, back: &str, answer: &Answer) -> Response {
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
pub(super) fn key() -> String {
    format!("web/{}", uuid::Uuid::new_v4())
}

pub(super) fn by(guest: &Guest) -> Actor {
    Desk::actor(&guest.visitor.person, Surface::Web)
}
