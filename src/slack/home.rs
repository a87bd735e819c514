//! App Home: what waits for one person, with its buttons, the open runs, their roles and their language. Who is not of
//! the team sees the one button that declares a disaster, and nothing of any run.

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::handle::{Inbound, Reply};
use super::homes::{Next, Viewer};
use super::payload::{DECLARE, LANGUAGE};
use super::render;
use super::sender::Sender;
use crate::catalog::Voice;
use crate::desk::Answer;
use crate::domain::actor::{Actor, Surface};
use crate::domain::comms;
use crate::domain::ids::Digest;
use crate::domain::run::Run;
use crate::domain::run::decide::{may_start, starters};
use crate::domain::text::Text;
use crate::domain::value::Language;
use crate::engine::channel::ChannelError;
use crate::store::StoreError;

/// Blocks of a home; Slack's limit is 100. The readiness, the language and the button need four.
const BLOCKS: usize = 95;
/// Before a home that could not be published is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Another replica may have changed a run: how often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

impl Inbound {
    /// Publishes the homes that are due, until told to end.
    pub async fn keep_homes(self, token: CancellationToken) {
        let mut changes = self.desk.engine.changes();
        let mut look_at = Instant::now() + LOOK_EVERY;
        loop {
            let now = Instant::now();
            let next = self.homes(|homes| homes.next(now));
            let until = match next {
                Next::Publish(viewer) => {
                    tokio::select! {
                        () = token.cancelled() => return,
                        () = self.publish(&viewer) => continue,
                    }
                }
                Next::At(then) => then.min(look_at),
                Next::Nothing => look_at,
            };
            tokio::select! {
                () = token.cancelled() => return,
                // Those that were missed have changed something as well.
                _ = changes.recv() => self.homes(|homes| homes.changed(Instant::now())),
                () = self.homes.1.notified() => {}
                () = tokio::time::sleep_until(until) => {
                    if Instant::now() >= look_at {
                        look_at = Instant::now() + LOOK_EVERY;
                        self.homes(|homes| homes.changed(Instant::now()));
                    }
                }
            }
        }
    }

    fn homes<T>(&self, what: impl FnOnce(&mut super::homes::Homes) -> T) -> T {
        what(&mut self.homes.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody opens their home.
    pub(super) fn home_opened(&self, sender: Sender) -> Reply {
        let team = sender.home.or(sender.team);
        self.homes(|homes| homes.opened((team, sender.user), Instant::now()));
        self.homes.1.notify_one();
        Reply::Taken
    }

    async fn publish(&self, viewer: &Viewer) {
        let (team, user) = viewer;
        let sender = Sender { team: team.clone(), user: user.clone(), ..Sender::default() };
        let by = match self.elsewhere(&sender, &self.actor(&sender)) {
            None => self.actor(&sender),
            Some(_) => Actor::Stranger { name: user.clone(), via: Surface::Slack },
        };
        self.meet(&by).await;
        let runs = match self.runs_for(&by).await {
            Ok(runs) => runs,
            Err(error) => {
                warn!(error = %error, "Could not make a home");
                return self.homes(|homes| homes.failed(viewer, Instant::now() + AGAIN));
            }
        };
        let language = self.desk.language_of(&by).code();
        let of: Vec<_> = runs.iter().map(|run| (run.id.as_str(), run.seq)).collect();
        // Its clocks move on with the minutes, while there are any.
        let minute = if runs.is_empty() { 0 } else { self.desk.engine.clock.now().0 / 60_000 };
        let readiness = self.readiness_for(&by).await;
        let of = json!([language, of, minute, by.person().is_some(), readiness]);
        let of = Digest::of(of.to_string().as_bytes());
        if !self.homes(|homes| homes.shows(viewer, of, Instant::now())) {
            return;
        }
        let arguments = json!({ "user_id": user, "view": self.view(&runs, &by, readiness) });
        if let Err(error) = self.slack.write("views.publish", &arguments).await {
            warn!(error = %error, "Could not publish a home");
            let wait = match &error {
                ChannelError::Wait { wait } => Duration::from_millis(wait.ms()),
                ChannelError::Unknown { .. } => AGAIN,
                ChannelError::Failed { .. } | ChannelError::Gone => {
                    return self.homes(|homes| homes.refused(viewer));
                }
            };
            self.homes(|homes| homes.failed(viewer, Instant::now() + wait));
        }
    }

    /// The open runs; for who is not of the team, none.
    async fn runs_for(&self, by: &Actor) -> Result<Vec<Run>, StoreError> {
        if by.person().is_none() {
            return Ok(Vec::new());
        }
        let mut runs = self.desk.engine.store.open_runs().await?;
        runs.retain(|run| run.environment.id == self.desk.environment.id);
        Ok(runs)
    }

    /// How ready everything was when it was looked at last; for who is not of the team, nothing.
    async fn readiness_for(&self, by: &Actor) -> Option<String> {
        by.person()?;
        match self.desk.readiness().await {
            Ok(text) => text.map(|text| self.desk.voice_of(by).mrkdwn(&text)),
            Err(error) => {
                warn!(error = %error, "Could not read the doctor's report for a home");
                None
            }
        }
    }

    fn view(&self, runs: &[Run], by: &Actor, readiness: Option<String>) -> Value {
        let voice = self.desk.voice_of(by);
        let person = by.person().and_then(|id| self.desk.environment.person(id));
        let now = self.desk.engine.clock.now();
        let mut blocks = match person {
            Some(person) => fitted(&voice, &comms::home(runs, person, now)),
            None => {
                let lines = ["home.stranger", "home.stranger.how"].map(Text::key);
                vec![section(&voice, &lines[0]), section(&voice, &lines[1])]
            }
        };
        let readiness = readiness.map(
            |text| json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text }] }),
        );
        blocks.extend(readiness);
        if person.is_some() {
            blocks.push(language(&voice, self.desk.language_of(by)));
        }
        blocks.push(json!({ "type": "actions", "elements": [{
            "type": "button", "action_id": DECLARE,
            "text": { "type": "plain_text", "text": voice.plain(&Text::key("button.declare")) },
        }]}));
        json!({ "type": "home", "blocks": blocks })
    }

    /// Somebody chose a language in their home.
    pub(super) async fn language_chosen(&self, sender: Sender, language: Language) -> Reply {
        let by = self.actor(&sender);
        // What it says is in the home itself, in that language.
        let text = self.desk.speak(&by, language).await;
        if self.desk.language_of(&by) != language {
            self.tell_later(sender.clone(), &by, text);
        }
        self.home_opened(sender)
    }

    /// Somebody presses the one button: the form that opens a run, or who has it.
    pub(super) async fn declare(&self, sender: Sender) -> Reply {
        let by = self.actor(&sender);
        let environment = &self.desk.environment;
        if self.opens_start(&sender, None).await {
            return Reply::Taken;
        }
        if may_start(environment, &by).is_ok() {
            let failed = Answer::Refused(Text::key("command.ask_failed"));
            return self.after_click(sender, &by, failed);
        }
        let room = ("channel", Text::Channel(environment.chat.war_room.clone()));
        let who = Text::people(starters(environment));
        let text = Text::Key("home.declare.who", vec![room, ("who", who)]);
        self.after_click(sender, &by, Answer::Refused(text))
    }
}

/// As many parts as there is room for; of the rest it is said that there is more.
fn fitted(voice: &Voice<'_>, parts: &[comms::Message]) -> Vec<Value> {
    let mut blocks = Vec::new();
    for part in parts {
        let part = render::blocks(voice, part);
        if blocks.len() + part.len() > BLOCKS {
            blocks.push(section(voice, &Text::key("home.more")));
            break;
        }
        blocks.extend(part);
    }
    blocks
}

fn section(voice: &Voice<'_>, text: &Text) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": voice.mrkdwn(text) } })
}

fn language(voice: &Voice<'_>, now: Language) -> Value {
    let option = |language: Language| {
        let name = voice.plain(&Text::Named(format!("language.{}", language.code()), vec![]));
        json!({ "text": { "type": "plain_text", "text": name }, "value": language.code() })
    };
    json!({
        "type": "section",
        "text": { "type": "mrkdwn", "text": voice.mrkdwn(&Text::key("home.language")) },
        "accessory": {
            "type": "static_select", "action_id": LANGUAGE,
            "options": Language::ALL.map(option), "initial_option": option(now),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, CatalogSources};
    use crate::domain::comms::{Block, Message};

    #[test]
    fn a_home_with_too_much_on_it_says_so_and_fits() {
        let catalog = Catalog::load(&CatalogSources::default()).unwrap();
        let voice = catalog.texts.voice(Language::En, None);
        let part = Message { summary: Text::raw("x"), blocks: vec![Block::Rule; 10] };
        assert_eq!(fitted(&voice, &vec![part.clone(); 9]).len(), 90);
        let cut = fitted(&voice, &vec![part; 10]);
        assert_eq!(cut.len(), 91);
        assert!(cut[90].to_string().contains("more than fits"), "{}", cut[90]);
        // With the readiness, the language and the button, below Slack's hundred.
        const { assert!(BLOCKS + 4 < 100) };
    }
}
