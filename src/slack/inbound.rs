//! Slack over HTTP: signature checked on the raw body by the library's layer, behind a body limit; committed first,
//! acknowledged then.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use slack_morphism::axum_support::SlackEventsAxumListener;
use slack_morphism::prelude::*;
use slack_morphism::signature_verifier::{
    SlackEventAbsentSignatureError, SlackEventSignatureVerifierError,
};
use tower_http::limit::RequestBodyLimitLayer;
use tracing::{info, warn};

use super::client::{Connector, SlackClientHandle, SlackSettings};
use super::command::{self, Command, NotACommand};
use super::payload::{self, Happening, Interaction, Sender};
use super::render;
use crate::catalog::Voice;
use crate::desk::{Answer, Desk};
use crate::domain::actor::Actor;
use crate::domain::comms::{self, Press};
use crate::domain::ids::Digest;
use crate::domain::text::Text;
use crate::engine::supervise::Supervisor;

/// Largest body; Slack's are some ten kilobytes.
const BODY: usize = 512 * 1024;

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct Inbound {
    desk: Desk,
    slack: Arc<SlackClientHandle>,
    supervisor: Supervisor,
}

/// The routes under `/slack`.
pub fn routes(
    desk: Desk,
    slack: Arc<SlackClientHandle>,
    settings: &SlackSettings,
    supervisor: Supervisor,
) -> Router {
    let environment =
        SlackClientEventsListenerEnvironment::new(slack.client()).with_error_handler(unsigned);
    let listener = SlackEventsAxumListener::new(Arc::new(environment));
    let secret = SlackSigningSecret::new(settings.signing_secret.expose_secret().to_owned());
    Router::new()
        .route("/slack/commands", post(commands))
        .route("/slack/interactions", post(interactions))
        .route("/slack/events", post(events))
        .layer(listener.events_layer(&secret))
        .layer(RequestBodyLimitLayer::new(BODY))
        .with_state(Inbound { desk, slack, supervisor })
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

/// Names a request by its bytes: a repeat of Slack's is the same bytes, a second click is not.
fn key(body: &[u8]) -> String {
    format!("slack/{}", Digest::of(body))
}

async fn commands(State(inbound): State<Inbound>, body: Bytes) -> Response {
    let slash = match payload::slash(&body) {
        Ok(slash) => slash,
        Err(error) => return unreadable(&error),
    };
    let by = inbound.actor(&slash.sender);
    let said = inbound.obey(&key(&body), &by, &slash.text).await;
    Json(said.ephemeral()).into_response()
}

async fn events(State(inbound): State<Inbound>, body: Bytes) -> Response {
    match payload::event(&body) {
        Ok(Happening::Challenge(challenge)) => {
            Json(json!({"challenge": challenge})).into_response()
        }
        Ok(Happening::Mention { sender, text, id }) => {
            let by = inbound.actor(&sender);
            let said = inbound.obey(&format!("slack/event/{id}"), &by, &text).await;
            inbound.whisper(sender, said);
            StatusCode::OK.into_response()
        }
        Ok(Happening::Ignored) => StatusCode::OK.into_response(),
        Err(error) => unreadable(&error),
    }
}

async fn interactions(State(inbound): State<Inbound>, body: Bytes) -> Response {
    match payload::interaction(&body) {
        Ok(Interaction::Click(sender, press)) if press.ask.wants_words() => {
            inbound.open_form(sender, &press).await
        }
        Ok(Interaction::Click(sender, press)) => {
            let by = inbound.actor(&sender);
            let answer = inbound.desk.press(&key(&body), &by, &press, "").await;
            inbound.after_click(sender, &by, answer)
        }
        Ok(Interaction::Sent(sender, press, words)) => {
            let by = inbound.actor(&sender);
            let answer = inbound.desk.press(&key(&body), &by, &press, &words).await;
            after_form(&inbound.desk.voice_of(&by), &answer)
        }
        Ok(Interaction::NotOurs(sender)) => {
            let by = inbound.actor(&sender);
            info!(actor = ?by, "Refused a button that is not ours");
            let said = inbound.say(&by, &Text::key("refused.not_ours"));
            inbound.whisper(sender, said);
            StatusCode::OK.into_response()
        }
        Ok(Interaction::Ignored) => StatusCode::OK.into_response(),
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &payload::Unreadable) -> Response {
    warn!(error = %error, "Refused a payload");
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

/// What only the asker sees.
struct Said {
    text: String,
    blocks: Vec<Value>,
}

impl Said {
    fn ephemeral(&self) -> Value {
        if self.blocks.is_empty() {
            json!({"response_type": "ephemeral", "text": self.text})
        } else {
            json!({"response_type": "ephemeral", "text": self.text, "blocks": self.blocks})
        }
    }
}

/// In a form, a refusal stands beside what was written, which so is not lost.
fn after_form(voice: &Voice<'_>, answer: &Answer) -> Response {
    match answer {
        Answer::Done { .. } => StatusCode::OK.into_response(),
        Answer::Refused(text) | Answer::Failed(text) => {
            let errors = json!({render::WORDS: voice.plain(text)});
            Json(json!({"response_action": "errors", "errors": errors})).into_response()
        }
    }
}

impl Inbound {
    fn actor(&self, sender: &Sender) -> Actor {
        self.desk.slack_actor(sender.team.as_deref(), &sender.user)
    }

    fn say(&self, by: &Actor, text: &Text) -> Said {
        Said { text: self.desk.voice_of(by).mrkdwn(text), blocks: vec![] }
    }

    /// Tells the asker, after the acknowledgement. Should it fail, the record is not touched by it.
    fn whisper(&self, to: Sender, said: Said) {
        let Some(channel) = to.channel else { return };
        let slack = Arc::clone(&self.slack);
        self.supervisor.once(async move {
            if let Err(error) = slack.whisper(&channel, &to.user, &said.text, &said.blocks).await {
                warn!(error = %error, "Could not answer the asker");
            }
        });
    }

    fn after_click(&self, sender: Sender, by: &Actor, answer: Answer) -> Response {
        match answer {
            Answer::Done { .. } => StatusCode::OK.into_response(),
            Answer::Refused(text) => {
                self.whisper(sender, self.say(by, &text));
                StatusCode::OK.into_response()
            }
            // Nothing was recorded, or nobody knows: Slack shows its warning beside the button as well.
            Answer::Failed(text) => {
                self.whisper(sender, self.say(by, &text));
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    async fn open_form(&self, sender: Sender, press: &Press) -> Response {
        let by = self.actor(&sender);
        let voice = self.desk.voice_of(&by);
        let run = self.desk.engine.store.run(&press.run).await;
        let now = self.desk.engine.clock.now();
        let form = match run {
            Ok(Some(stored)) => comms::form::form(&stored.run, press, now),
            Ok(None) => {
                info!(run.id = %press.run, actor = ?by, "Refused a form of an unknown run");
                let run = vec![("run", Text::raw(&press.run))];
                let answer = Answer::Refused(Text::Key("refused.no_such_run", run));
                return self.after_click(sender, &by, answer);
            }
            Err(_) => {
                let answer = Answer::Failed(Text::key("refused.not_stored"));
                return self.after_click(sender, &by, answer);
            }
        };
        let (Some(form), Some(trigger)) = (form, &sender.trigger) else {
            let answer = Answer::Refused(Text::key("refused.not_ours"));
            return self.after_click(sender, &by, answer);
        };
        if let Err(error) = self.slack.open(trigger, render::view(&voice, &form)).await {
            warn!(error = %error, "Could not open a form");
            let answer = Answer::Refused(Text::key("command.ask_failed"));
            return self.after_click(sender, &by, answer);
        }
        StatusCode::OK.into_response()
    }

    /// Does what somebody typed.
    async fn obey(&self, key: &str, by: &Actor, text: &str) -> Said {
        match command::parse(text) {
            Ok(Command::Start { runbook, kind }) => {
                let now = self.desk.engine.clock.now();
                let answer = self.desk.start(key, by, runbook.as_deref(), kind, now).await;
                self.say(by, answer.text())
            }
            Ok(Command::Status) => self.status(by).await,
            Ok(Command::Note(text)) => {
                let answer = self.desk.note(key, by, &text).await;
                self.say(by, answer.text())
            }
            Ok(Command::Help) => self.help(by),
            Err(NotACommand::EmptyNote) => self.say(by, &Text::key("command.empty_note")),
            Err(NotACommand::Unknown { word, near }) => {
                let near = Text::raw(near.unwrap_or_default());
                let args = vec![("word", Text::raw(word)), ("near", near)];
                self.say(by, &Text::Key("command.unknown", args))
            }
        }
    }

    async fn status(&self, by: &Actor) -> Said {
        // A stranger is told so, and nothing about the run.
        if by.person().is_none() {
            let name = match by {
                Actor::Stranger { name, .. } => name.clone(),
                Actor::Person { .. } | Actor::Engine => String::new(),
            };
            return self.say(by, &Text::Key("refused.stranger", vec![("name", Text::raw(name))]));
        }
        match self.desk.open_run().await {
            Ok(Some(run)) => {
                let voice = self.desk.voice_of(by);
                let card = comms::run_card(&run, self.desk.engine.clock.now());
                let blocks = render::blocks(&voice, &card);
                Said { text: render::summary(&voice, &card), blocks }
            }
            Ok(None) => self.say(by, &Text::key("command.status.none")),
            Err(_) => self.say(by, &Text::key("refused.not_stored")),
        }
    }

    fn help(&self, by: &Actor) -> Said {
        let voice = self.desk.voice_of(by);
        let mut lines = vec![voice.mrkdwn(&Text::key("command.help.title"))];
        for (_, usage, what) in command::ALL {
            let args = vec![("usage", Text::raw(usage)), ("what", Text::key(what))];
            lines.push(voice.mrkdwn(&Text::Key("command.help.line", args)));
        }
        lines.push(voice.mrkdwn(&Text::key("command.help.mention")));
        Said { text: lines.join("\n"), blocks: vec![] }
    }
}
