//! What a press means. A button carries ids and a digest, never state: the state is looked up when it is pressed.

use crate::domain::actor::Role;
use crate::domain::ids::{Digest, RunId, StepId};
use crate::domain::run::protocol::Request;
use crate::domain::run::state::Choice;
use crate::domain::run::update::{UpdateAsk, UpdateId};
use crate::domain::text::Text;

/// What a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The first approval.
    Run,
    /// A further approval.
    Approve,
    /// A person did it.
    Done,
    /// GO.
    Go,
    /// NO GO, with words.
    NoGo,
    /// Against a decision, with words; blocks nothing.
    Disagree,
    /// No, with a reason.
    Reject,
    /// Alone, with a reason.
    BreakGlass,
    /// Out of the way, with a reason.
    Skip,
    /// Again.
    Retry,
    /// Look again.
    LookAgain,
    /// It is done, with a reason.
    MarkDone,
    /// Start again, with a reason.
    StartAgain,
    /// Put back, with a reason.
    Undo,
    /// Hold the run, with a reason.
    Hold,
    /// Resume the run.
    Resume,
    /// Go on duty for a role.
    Take,
    /// A note, with its text.
    Note,
    /// What an update says, read and sent.
    Say,
    /// An update waits a little.
    PutOff,
    /// Close the run, with a reason if steps are open.
    Close,
}

/// A press on a button of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// What it asks for.
    pub ask: Ask,
    /// Of which run.
    pub run: RunId,
    /// Of which step, if it is about one.
    pub step: Option<StepId>,
    /// What was shown beside it, if it agrees to something.
    pub digest: Option<Digest>,
    /// Which role, if it is about one.
    pub role: Option<Role>,
    /// Which update, if it is about one.
    pub update: Option<UpdateId>,
}

/// The button is not one of ours, or of an older version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a button of this version")]
pub struct NotOurs;

impl Ask {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Run,
        Self::Approve,
        Self::Done,
        Self::Go,
        Self::NoGo,
        Self::Disagree,
        Self::Reject,
        Self::BreakGlass,
        Self::Skip,
        Self::Retry,
        Self::LookAgain,
        Self::MarkDone,
        Self::StartAgain,
        Self::Undo,
        Self::Hold,
        Self::Resume,
        Self::Take,
        Self::Note,
        Self::Say,
        Self::PutOff,
        Self::Close,
    ];

    /// Its name; also the message key of its label under `button.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Approve => "approve",
            Self::Done => "done",
            Self::Go => "go",
            Self::NoGo => "no-go",
            Self::Disagree => "disagree",
            Self::Reject => "reject",
            Self::BreakGlass => "break-glass",
            Self::Skip => "skip",
            Self::Retry => "retry",
            Self::LookAgain => "look-again",
            Self::MarkDone => "mark-done",
            Self::StartAgain => "start-again",
            Self::Undo => "undo",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Take => "take",
            Self::Note => "note",
            Self::Say => "say",
            Self::PutOff => "put-off",
            Self::Close => "close",
        }
    }

    /// Whether words are asked for before anything is requested.
    pub fn wants_words(self) -> bool {
        match self {
            Self::NoGo
            | Self::Disagree
            | Self::Reject
            | Self::BreakGlass
            | Self::Skip
            | Self::MarkDone
            | Self::StartAgain
            | Self::Undo
            | Self::Hold
            | Self::Note
            | Self::Say
            | Self::Close => true,
            Self::Run
            | Self::Approve
            | Self::Done
            | Self::Go
            | Self::Retry
            | Self::LookAgain
            | Self::Take
            | Self::PutOff
            | Self::Resume => false,
        }
    }

    /// Whether an empty answer is one.
    pub fn words_may_be_empty(self) -> bool {
        matches!(self, Self::Close | Self::NoGo)
    }
}

impl Press {
    /// A press that is about the whole run.
    pub fn of_run(ask: Ask, run: &RunId) -> Self {
        Self { ask, run: run.clone(), step: None, digest: None, role: None, update: None }
    }

    /// A press that is about an update.
    pub fn of_update(ask: Ask, run: &RunId, update: &UpdateId) -> Self {
        Self { update: Some(update.clone()), ..Self::of_run(ask, run) }
    }

    /// A press that is about a role in the run.
    pub fn of_role(ask: Ask, run: &RunId, role: Role) -> Self {
        Self { role: Some(role), ..Self::of_run(ask, run) }
    }

    /// A press that is about a step and what it shows.
    pub fn of_step(ask: Ask, run: &RunId, step: &StepId, digest: Option<&Digest>) -> Self {
        let (run, step, digest) = (run.clone(), Some(step.clone()), digest.cloned());
        Self { ask, run, step, digest, role: None, update: None }
    }

    /// `run`, `ask-skip` for one that opens a form, `take-comms` for one of several on the same card.
    pub fn action_id(&self) -> String {
        if let Some(role) = self.role {
            format!("{}-{}", self.ask.name(), role.name())
        } else if self.ask.wants_words() {
            format!("ask-{}", self.ask.name())
        } else {
            self.ask.name().to_owned()
        }
    }

    /// What is on the button.
    pub fn label(&self) -> Text {
        let role = self.role.map(|role| Text::Named(format!("role.{}", role.name()), vec![]));
        let args = role.into_iter().map(|role| ("role".to_owned(), role)).collect();
        Text::Named(format!("button.{}", self.ask.name()), args)
    }

    /// `run|step|digest`, the last two possibly empty; a fourth part names a role, a fifth an update.
    pub fn value(&self) -> String {
        let step = self.step.as_ref().map_or("", StepId::as_str);
        let digest = self.digest.as_ref().map_or("", Digest::as_str);
        let rest = match (self.role, &self.update) {
            (role, Some(update)) => format!("|{}|{update}", role.map_or("", Role::name)),
            (Some(role), None) => format!("|{}", role.name()),
            (None, None) => String::new(),
        };
        format!("{}|{step}|{digest}{rest}", self.run)
    }

    /// Reads what [`Self::action_id`] and [`Self::value`] wrote.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(action_id: &str, value: &str) -> Result<Self, NotOurs> {
        let parts: Vec<_> = value.split('|').collect();
        let (run, step, digest, role, update) = match *parts.as_slice() {
            [run, step, digest] => (run, step, digest, "", None),
            [run, step, digest, role] if !role.is_empty() => (run, step, digest, role, None),
            [run, step, digest, role, update] => {
                (run, step, digest, role, Some(UpdateId::parse(update).ok_or(NotOurs)?))
            }
            _ => return Err(NotOurs),
        };
        let role = match role {
            "" => None,
            role => Some(Role::parse(role).ok_or(NotOurs)?),
        };
        let name = action_id.strip_prefix("ask-").unwrap_or(action_id);
        let name = match role {
            Some(role) => name.strip_suffix(role.name()).and_then(|name| name.strip_suffix('-')),
            None => Some(name),
        };
        let ask = Ask::ALL.into_iter().find(|ask| Some(ask.name()) == name).ok_or(NotOurs)?;
        let run = RunId::parse(run).map_err(|_| NotOurs)?;
        let step = match step {
            "" => None,
            step => Some(StepId::parse(step).map_err(|_| NotOurs)?),
        };
        let digest = match digest {
            "" => None,
            digest => Some(Digest::parse(digest).map_err(|_| NotOurs)?),
        };
        Ok(Self { ask, run, step, digest, role, update })
    }

    /// The request it makes, with the words that were asked for.
    ///
    /// # Errors
    /// When the button lacks the step or the digest its request needs.
    pub fn request(&self, words: &str) -> Result<Request, NotOurs> {
        let step = || self.step.clone().ok_or(NotOurs);
        let digest = || self.digest.clone().ok_or(NotOurs);
        let update = || self.update.clone().ok_or(NotOurs);
        let reason = words.to_owned();
        Ok(match self.ask {
            Ask::Run | Ask::Approve | Ask::Done => {
                Request::Approve { step: step()?, digest: digest()? }
            }
            Ask::Go | Ask::NoGo => Request::Vote {
                step: step()?,
                digest: digest()?,
                choice: if self.ask == Ask::Go { Choice::Go } else { Choice::NoGo },
                words: reason,
            },
            Ask::Disagree => Request::Disagree { step: step()?, digest: digest()?, words: reason },
            Ask::Reject => Request::Reject { step: step()?, digest: digest()?, reason },
            Ask::BreakGlass => Request::BreakGlass { step: step()?, digest: digest()?, reason },
            Ask::Skip => Request::Skip { step: step()?, reason },
            Ask::Retry => Request::Retry { step: step()? },
            Ask::LookAgain => Request::LookAgain { step: step()? },
            Ask::MarkDone => Request::MarkDone { step: step()?, reason },
            Ask::StartAgain => Request::StartAgain { step: step()?, reason },
            Ask::Undo => Request::Undo { step: step()?, reason },
            Ask::Hold => Request::Hold { reason },
            Ask::Resume => Request::Resume,
            Ask::Take => Request::TakeRole { role: self.role.ok_or(NotOurs)?, person: None },
            Ask::Note => Request::Note { text: reason },
            Ask::Say => Request::Update { update: update()?, ask: UpdateAsk::Say(reason) },
            Ask::PutOff => Request::Update { update: update()?, ask: UpdateAsk::PutOff },
            Ask::Close => Request::Close { reason },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_button_reads_back_what_it_wrote() {
        let run = RunId::parse("OPS-DR-2026-11-20-7f3a2c").unwrap();
        let step = StepId::parse("promote-database").unwrap();
        let digest = Digest::of(b"this");
        for ask in Ask::ALL {
            let role = (ask == Ask::Take).then_some(Role::Comms);
            let update = matches!(ask, Ask::Say | Ask::PutOff)
                .then(|| UpdateId::parse("management.3").unwrap());
            let press = Press { role, update, ..Press::of_step(ask, &run, &step, Some(&digest)) };
            assert_eq!(Press::parse(&press.action_id(), &press.value()), Ok(press.clone()));
            assert!(press.request("why").is_ok());
            assert_eq!(press.action_id().starts_with("ask-"), ask.wants_words());
        }
    }

    #[test]
    fn anything_else_is_not_ours() {
        for (action, value) in [
            ("launch", "a||"),
            ("run", ""),
            ("run", "a|b"),
            ("run", "a|b|c|d"),
            ("run", "a b||"),
            ("take", "a|||king"),
            ("put-off", "a||||management"),
            ("put-off", "a||||management.x"),
            ("put-off", "a||||management.1|b"),
            ("take", "a|||"),
        ] {
            assert_eq!(Press::parse(action, value), Err(NotOurs), "{action} {value}");
        }
        let no_step = Press::parse("run", "a||").unwrap();
        assert_eq!(no_step.request(""), Err(NotOurs));
    }
}
