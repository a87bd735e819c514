//! The desk: what every surface does with what people ask. It finds the person and the run, hands the request in, and
//! says what came of it, in one text. The rules are in the domain; nothing is allowed or refused here.

mod language;

use std::sync::Arc;

use tracing::{error, info};

use crate::catalog::{Catalog, Opening, Voice};
use crate::domain::actor::{Actor, Surface};
use crate::domain::comms::Press;
use crate::domain::environment::{Environment, Person};
use crate::domain::ids::RunId;
use crate::domain::run::chat::Source;
use crate::domain::run::{Kind, Request, Run};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::{Asked, Engine, SubmitError, Submitted};
use crate::store::StoreError;
pub use language::Languages;

/// In how many of the newest runs messages of the chat are followed, closed ones among them.
const FOLLOWED: u32 = 10;

/// What surfaces share.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Where requests go.
    pub engine: Arc<Engine>,
    /// What can be started, and every sentence.
    pub catalog: Arc<Catalog>,
    /// The one environment this process acts on.
    pub environment: Arc<Environment>,
    /// Who is answered in which language.
    pub languages: Languages,
}

/// What came of a request, for the asker.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is on the record.
    Done {
        /// In a few words.
        text: Text,
        /// The run.
        run: RunId,
    },
    /// Understood and declined; nothing changed.
    Refused(Text),
    /// It could not be recorded, or nobody knows whether it was; the text says which.
    Failed(Text),
}

impl Answer {
    /// The text for the asker.
    pub fn text(&self) -> &Text {
        match self {
            Self::Done { text, .. } | Self::Refused(text) | Self::Failed(text) => text,
        }
    }
}

impl Desk {
    /// A desk on these parts.
    pub fn new(engine: Arc<Engine>, catalog: Arc<Catalog>, environment: Arc<Environment>) -> Self {
        Self { engine, catalog, environment, languages: Languages::default() }
    }

    /// The voice in which cards are written.
    pub fn room_voice(&self) -> Voice<'_> {
        self.voice(self.environment.chat.language)
    }

    /// Who a Slack user is.
    pub fn slack_actor(&self, team: Option<&str>, user: &str) -> Actor {
        match self.environment.person_in_slack(team, user) {
            Some(person) => Self::actor(person, Surface::Slack),
            None => {
                let name = user.chars().take(40).collect();
                Actor::Stranger { name, via: Surface::Slack }
            }
        }
    }

    /// A known person.
    pub fn actor(person: &Person, via: Surface) -> Actor {
        Actor::Person { id: person.id.clone(), via }
    }

    /// The open run of this environment: the incident if there is one, else the newest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_run(&self) -> Result<Option<Run>, StoreError> {
        let runs = self.engine.store.runs(50).await?;
        let here = |run: &Run| run.environment.id == self.environment.id && !run.is_closed();
        let mut open: Vec<Run> = runs.into_iter().filter(here).collect();
        // A rehearsal that somebody opens meanwhile must not take an incident's notes.
        open.sort_by_key(|run| run.kind != Kind::Incident);
        Ok(open.into_iter().next())
    }

    /// Opens a run.
    pub async fn start(
        &self,
        key: &str,
        by: &Actor,
        runbook: Option<&str>,
        kind: Kind,
        impact_at: Timestamp,
    ) -> Answer {
        let environment = &self.environment.id;
        let opening = Opening { key, runbook, environment, kind, impact_at };
        let start = match self.catalog.start(opening) {
            Ok(start) => start,
            Err(text) => {
                info!(actor = ?by, refusal = ?text, "Refused to start a run");
                return Answer::Refused(text);
            }
        };
        let started = self.engine.start(key, &start, by).await;
        let channel = Text::raw(&self.environment.chat.war_room);
        answer(started, |run| {
            Text::Key("command.started", vec![("run", Text::raw(run)), ("channel", channel)])
        })
    }

    /// Does what a button asks, with the words that were written.
    pub async fn press(&self, key: &str, by: &Actor, press: &Press, words: &str) -> Answer {
        match press.request(words) {
            Ok(request) => self.submit(key, by, &press.run, &request).await,
            Err(_) => {
                info!(run.id = %press.run, actor = ?by, "Refused a button that is not ours");
                Answer::Refused(Text::key("refused.not_ours"))
            }
        }
    }

    /// Hands a request to the run that is open.
    pub async fn ask_open_run(&self, key: &str, by: &Actor, request: &Request) -> Answer {
        match self.open_run().await {
            Ok(Some(run)) => match self.submit(key, by, &run.id, request).await {
                Answer::Done { run, .. } => {
                    let text = Text::Key("command.recorded", vec![("run", Text::raw(&run))]);
                    Answer::Done { text, run }
                }
                other @ (Answer::Refused(_) | Answer::Failed(_)) => other,
            },
            Ok(None) => {
                info!(actor = ?by, "Refused a request without a run");
                Answer::Refused(Text::key("refused.no_run"))
            }
            Err(error) => failed(&error),
        }
    }

    /// The newest of the last runs on whose timeline this message is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_with(&self, source: &Source) -> Result<Option<Run>, StoreError> {
        let runs = self.engine.store.runs(FOLLOWED).await?;
        Ok(runs.into_iter().find(|run| run.chat_note(source).is_some()))
    }

    /// Hands a request to this run.
    pub async fn submit(&self, key: &str, by: &Actor, run: &RunId, request: &Request) -> Answer {
        let asked = Asked { key, request, by, settles: None };
        let submitted = self.engine.submit(run, asked).await;
        answer(submitted, |_| Text::key("command.done"))
    }
}

fn answer(submitted: Result<Submitted, SubmitError>, done: impl FnOnce(&RunId) -> Text) -> Answer {
    match submitted {
        Ok(Submitted::Recorded { run, .. }) => {
            Answer::Done { text: done(&run.id), run: run.id.clone() }
        }
        Ok(Submitted::Repeat(run)) => Answer::Done { text: done(&run), run },
        Err(SubmitError::Refused(refusal)) => Answer::Refused(refusal.text()),
        Err(SubmitError::NoSuchRun(run)) => {
            Answer::Refused(Text::Key("refused.no_such_run", vec![("run", Text::raw(run))]))
        }
        Err(SubmitError::Busy | SubmitError::LeaseLost) => {
            Answer::Failed(Text::key("refused.busy"))
        }
        Err(SubmitError::Store(error)) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Answer {
    error!(error = %crate::telemetry::Chain(error), "A request was not recorded, as far as is known");
    Answer::Failed(Text::key(match error {
        StoreError::InDoubt { .. } => "refused.perhaps_stored",
        StoreError::Unavailable { .. }
        | StoreError::InUse { .. }
        | StoreError::Unfit { .. }
        | StoreError::Unreadable { .. }
        | StoreError::UnreadableEvent { .. }
        | StoreError::Migration { .. } => "refused.not_stored",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: StoreError) -> Text {
        answer(Err(error.into()), |_| Text::key("command.done")).text().clone()
    }

    #[test]
    fn what_may_have_been_recorded_is_not_called_nothing() {
        let cut = || std::io::Error::other("cut").into();
        let lost = StoreError::InDoubt { source: cut() };
        assert_eq!(said(lost), Text::key("refused.perhaps_stored"));
        let failed = StoreError::Unavailable { what: "commit", source: cut() };
        assert_eq!(said(failed), Text::key("refused.not_stored"));
    }
}
