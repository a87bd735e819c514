//! An update of an audience: which it is, what is asked about it, and what became of it.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{AudienceId, PersonId};
use crate::domain::time::Timestamp;

/// Which update: the third for management is `management.3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UpdateId {
    /// For whom.
    pub audience: AudienceId,
    /// Which: due so many cadences after the start.
    pub number: u32,
}

impl std::fmt::Display for UpdateId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.audience, self.number)
    }
}

impl UpdateId {
    /// Reads what it is written as.
    pub fn parse(text: &str) -> Option<Self> {
        let (audience, number) = text.rsplit_once('.')?;
        Some(Self { audience: AudienceId::parse(audience).ok()?, number: number.parse().ok()? })
    }
}

/// What a person asks about an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateAsk {
    /// It says this, and goes out.
    Say(String),
    /// It waits a little.
    PutOff,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It is shown to those who drive the run.
    Drafted {
        /// When it is due.
        due_at: Timestamp,
    },
    /// It waits.
    PutOff {
        /// Until then.
        until: Timestamp,
    },
    /// It is out: in a person's words, or as the record has it.
    Out {
        /// The words, if they are a person's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
    },
    /// It is due, and nobody agreed to the words.
    Overdue,
}

/// How far an audience is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is shown and not out.
    pub draft: Option<Draft>,
    /// What is out, oldest first.
    pub out: Vec<Out>,
    /// The draft that the present one took the place of.
    pub replaced: Option<u32>,
    /// The number of the newest of all.
    pub(super) newest: u32,
}

/// An update that is not out yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Which.
    pub number: u32,
    /// When it is due.
    pub due_at: Timestamp,
    /// Whether that was said to be over.
    pub is_overdue: bool,
}

/// An update that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    /// Which.
    pub number: u32,
    /// When it went out.
    pub at: Timestamp,
    /// The number of the event; the record until then is what it tells.
    pub seq: u64,
    /// When the one before went out, or the run began.
    pub since: Timestamp,
    /// The words, if they are a person's, and whose.
    pub words: Option<(PersonId, String)>,
}

/// Where on the record something became of an update, and when the run began.
pub(super) struct Now {
    pub(super) at: Timestamp,
    pub(super) seq: u64,
    pub(super) begun: Timestamp,
}

impl Standing {
    /// The newest update that is out.
    pub fn newest_out(&self) -> Option<&Out> {
        self.out.last()
    }

    /// The update of this number, if it is out.
    pub fn out(&self, number: u32) -> Option<&Out> {
        self.out.iter().find(|out| out.number == number)
    }

    /// Something became of an update.
    pub(super) fn apply(&mut self, number: u32, told: &Told, by: Option<&PersonId>, now: Now) {
        let Now { at, seq, begun } = now;
        self.newest = self.newest.max(number);
        match told {
            Told::Drafted { due_at } => {
                self.replaced = self.draft.as_ref().map(|draft| draft.number);
                self.draft = Some(Draft { number, due_at: *due_at, is_overdue: false });
            }
            Told::PutOff { until } => {
                if let Some(draft) = &mut self.draft {
                    (draft.due_at, draft.is_overdue) = (*until, false);
                }
            }
            Told::Overdue => {
                if let Some(draft) = &mut self.draft {
                    draft.is_overdue = true;
                }
            }
            Told::Out { words } => {
                self.draft.take_if(|draft| draft.number <= number);
                let words = by.cloned().zip(words.clone());
                // Other words for what is out already stand in its place.
                if let Some(out) = self.out.iter_mut().find(|out| out.number == number) {
                    out.words = words;
                    return;
                }
                let since = self.out.last().map_or(begun, |out| out.at);
                self.out.push(Out { number, at, seq, since, words });
            }
        }
    }
}
