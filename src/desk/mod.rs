//! The desk: what every surface does with what people ask. It finds the person and the run, hands the request in, and
//! says what came of it, in one text. The rules are the domain's; refused here is only what never comes to one: no run is
//! open, no runbook has that name, a button is not ours, nobody knows the person.

mod alerts;
mod language;
mod rounds;
mod stats;

use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::{error, info};

use crate::catalog::{Catalog, Opening, Voice};
use crate::domain::actor::{Actor, Surface};
use crate::domain::code::Typed;
use crate::domain::comms::{Press, Written, form};
use crate::domain::environment::{Environment, Person};
use crate::domain::ids::RunId;
use crate::domain::run::chat::Source;
use crate::domain::run::declared::{Declared, Field};
use crate::domain::run::{Kind, Refusal, Request, Run, Start};
use crate::domain::runbook::CodeOf;
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
    /// Held while the doctor looks: one look at a time.
    looking: Arc<Mutex<()>>,
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
    /// A one-time code is asked for, or the one that was typed does not count; nothing changed.
    CodeAsked(Text),
    /// Understood and declined; nothing changed.
    Refused(Text),
    /// It could not be recorded, or nobody knows whether it was; the text says which.
    Failed(Text),
}

/// What somebody wants to open.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// Of which runbook, or the default one.
    pub runbook: Option<&'a str>,
    /// What for.
    pub kind: Kind,
    /// Since when the service is hit.
    pub impact_at: Timestamp,
    /// What else is said of the trouble.
    pub declared: Declared,
}

impl Answer {
    /// The text for the asker.
    pub fn text(&self) -> &Text {
        match self {
            Self::Done { text, .. }
            | Self::CodeAsked(text)
            | Self::Refused(text)
            | Self::Failed(text) => text,
        }
    }
}

impl Desk {
    /// A desk on these parts.
    pub fn new(engine: Arc<Engine>, catalog: Arc<Catalog>, environment: Arc<Environment>) -> Self {
        Self {
            engine,
            catalog,
            environment,
            languages: Languages::default(),
            looking: Arc::default(),
        }
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
        let runs = self.engine.store.open_runs().await?;
        let here = |run: &Run| run.environment.id == self.environment.id;
        let mut open: Vec<Run> = runs.into_iter().rev().filter(here).collect();
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
        let wish = Wish { runbook, kind, impact_at, declared: Declared::default() };
        self.declare(key, by, wish).await.0
    }

    /// Opens a run of which more is said. Beside a refusal: which of it was wrong.
    pub async fn declare(&self, key: &str, by: &Actor, wish: Wish<'_>) -> (Answer, Option<Field>) {
        let environment = &self.environment.id;
        let Wish { runbook, kind, impact_at, declared } = wish;
        let opening = Opening { key, runbook, environment, kind, impact_at };
        let start = match self.catalog.start(opening) {
            Ok(start) => Start { declared, ..start },
            Err(text) => {
                info!(actor = ?by, refusal = ?text, "Refused to start a run");
                return (Answer::Refused(text), Some(Field::Runbook));
            }
        };
        let started = self.engine.start(key, &start, by).await;
        let field = match &started {
            Err(SubmitError::Refused(refusal)) => refusal.field(),
            Ok(_) | Err(_) => None,
        };
        let channel = Text::Channel(self.environment.chat.war_room.clone());
        let answer = answer(started, |run| {
            Text::Key("command.started", vec![("run", Text::raw(run)), ("channel", channel)])
        });
        (answer, field)
    }

    /// Does what a button asks, with what was written.
    pub async fn press(&self, key: &str, by: &Actor, press: &Press, written: &Written) -> Answer {
        match press.request(&written.words) {
            Ok(request) => {
                let code = written.code.as_ref();
                self.submit(key, by, &press.run, &request, code).await
            }
            Err(_) => {
                info!(run.id = %press.run, actor = ?by, "Refused a button that is not ours");
                Answer::Refused(Text::key("refused.not_ours"))
            }
        }
    }

    /// Hands a request to the run that is open.
    pub async fn ask_open_run(&self, key: &str, by: &Actor, request: &Request) -> Answer {
        match self.open_run().await {
            Ok(Some(run)) => match self.submit(key, by, &run.id, request, None).await {
                Answer::Done { run, .. } => {
                    let text = Text::Key("command.recorded", vec![("run", Text::raw(&run))]);
                    Answer::Done { text, run }
                }
                other @ (Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_)) => other,
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

    /// Hands a request about a message of the chat to this run.
    pub async fn about_chat(
        &self,
        key: &str,
        by: &Actor,
        run: &RunId,
        request: &Request,
    ) -> Answer {
        self.submit(key, by, run, request, None).await
    }

    /// Whether a press of this person is asked for a one-time code. For drawing forms; the rules ask again.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn asks_code(
        &self,
        run: &Run,
        by: &Actor,
        press: &Press,
    ) -> Result<bool, StoreError> {
        let step = press.step.as_ref().and_then(|step| run.runbook.step(step));
        let asks = step.is_some_and(|step| step.code_of() != CodeOf::Nobody) && form::agrees(press);
        match by.person() {
            Some(person) if asks => {
                self.engine.store.is_enrolled(&run.environment.id, person).await
            }
            Some(_) | None => Ok(false),
        }
    }

    async fn submit(
        &self,
        key: &str,
        by: &Actor,
        run: &RunId,
        request: &Request,
        code: Option<&Typed>,
    ) -> Answer {
        let asked = Asked { key, request, by, settles: None };
        let submitted = self.engine.submit_with(run, asked, code).await;
        answer(submitted, |_| Text::key("command.done"))
    }
}

fn answer(submitted: Result<Submitted, SubmitError>, done: impl FnOnce(&RunId) -> Text) -> Answer {
    match submitted {
        Ok(Submitted::Recorded { run, .. }) => {
            Answer::Done { text: done(&run.id), run: run.id.clone() }
        }
        Ok(Submitted::Repeat(run)) => Answer::Done { text: done(&run), run },
        Err(SubmitError::Refused(refusal)) if is_about_code(&refusal) => {
            Answer::CodeAsked(refusal.text())
        }
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

/// Whether another code may do.
fn is_about_code(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::CodeMissing { .. } | Refusal::CodeWrong { .. } | Refusal::CodeUsed { .. }
    )
}

/// What is told when the database could not be read; nothing changed then. The cause goes to the logs.
pub fn unread(error: &StoreError) -> Text {
    error!(error = %crate::telemetry::Chain(error), "The database could not be read");
    Text::key("refused.not_read")
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
