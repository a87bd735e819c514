//! In which language one person is answered: the one they chose; else the one of the environment file; else the one
//! that Slack says; else the war room's. The cards of a room are in the room's language, whoever looks at them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::{Answer, Desk, failed};
use crate::catalog::Voice;
use crate::domain::actor::Actor;
use crate::domain::ids::PersonId;
use crate::domain::text::Text;
use crate::domain::value::Language;

/// More than a large team. When there are more, all are forgotten, and asked for again.
const REMEMBERED: usize = 1000;
/// How long what Slack said of somebody is taken for true; and how long it is left alone when it said nothing.
const TRUSTED: Duration = Duration::from_secs(3600);
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// What is known of the people who asked lately.
#[derive(Debug, Clone, Default)]
pub struct Languages(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    chosen: BTreeMap<PersonId, Language>,
    /// By Slack user id: what Slack said, and until when that counts, by the steady clock. `None`: a language that we do
    /// not speak, or Slack did not say.
    locales: BTreeMap<String, (Option<Language>, Duration)>,
}

impl Languages {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// A voice in this language.
    pub fn voice(&self, language: Language) -> Voice<'_> {
        self.catalog.texts.voice(language, Some(&self.environment))
    }

    /// The voice in which one person is answered, as far as is known: see [`Desk::recall`].
    pub fn voice_of(&self, actor: &Actor) -> Voice<'_> {
        self.voice(self.language_of(actor))
    }

    /// The language in which one person is answered.
    pub fn language_of(&self, actor: &Actor) -> Language {
        let known = self.languages.known();
        let person = actor.person().and_then(|id| self.environment.person(id));
        let chosen = person.and_then(|person| known.chosen.get(&person.id).copied());
        let chosen = chosen.or_else(|| person.and_then(|person| person.language));
        let locale = || known.locales.get(self.slack_name(actor)?).and_then(|(heard, _)| *heard);
        chosen.or_else(locale).unwrap_or(self.environment.chat.language)
    }

    /// Looks up what this person chose. Returns the Slack user whose language is to be asked for, if nobody said.
    pub async fn recall<'a>(&'a self, actor: &'a Actor) -> Option<&'a str> {
        let person = actor.person().and_then(|id| self.environment.person(id));
        if let Some(person) = person {
            match self.engine.store.language(&person.id).await {
                Ok(Some(language)) => {
                    self.languages.known().chosen.insert(person.id.clone(), language);
                    return None;
                }
                Ok(None) => {}
                Err(error) => warn!(error = %error, "Cannot see which language was chosen"),
            }
            if person.language.is_some() {
                return None;
            }
        }
        let name = self.slack_name(actor)?;
        let known = self.languages.known();
        let now = self.engine.clock.steady();
        let is_fresh = known.locales.get(name).is_some_and(|(_, until)| now < *until);
        (!is_fresh).then_some(name)
    }

    /// Slack was asked for the language of this user, and said this (`fr-FR`) or nothing.
    pub fn heard(&self, user: &str, locale: Option<&str>) {
        let trusted = if locale.is_some() { TRUSTED } else { LEFT_ALONE };
        let until = self.engine.clock.steady() + trusted;
        let mut known = self.languages.known();
        if known.locales.len() >= REMEMBERED {
            known.locales.clear();
        }
        known.locales.insert(user.to_owned(), (locale.and_then(Language::parse), until));
    }

    /// From now on, this person is answered in this language.
    pub async fn speak(&self, by: &Actor, language: Language) -> Text {
        let Some(person) = by.person() else {
            info!(actor = ?by, "Refused to remember a stranger's language");
            let name = Text::raw(self.slack_name(by).unwrap_or_default());
            return Text::Key("refused.stranger", vec![("name", name)]);
        };
        if let Err(error) = self.engine.store.choose_language(person, language).await {
            let (Answer::Done { text, .. }
            | Answer::CodeAsked(text)
            | Answer::Refused(text)
            | Answer::Failed(text)) = failed(&error);
            return text;
        }
        self.languages.known().chosen.insert(person.clone(), language);
        let name =
            |language: Language| Text::Named(format!("language.{}", language.code()), vec![]);
        let room = name(self.environment.chat.language);
        Text::Key("command.lang.done", vec![("language", name(language)), ("room", room)])
    }

    fn slack_name<'a>(&'a self, actor: &'a Actor) -> Option<&'a str> {
        match actor {
            Actor::Person { id, .. } => self.environment.person(id)?.slack.as_deref(),
            Actor::Stranger { name, .. } => Some(name),
            Actor::Engine => None,
        }
    }
}
