//! What is to be done outside, and which message is which.

use serde::{Deserialize, Serialize};

use super::chat::Source;
use super::update::UpdateId;
use crate::domain::ids::{GroupId, StepId};
use crate::domain::time::Timestamp;

/// The first [`Effect::priority`] of what talks with the chat.
pub const TALK: u8 = 2;

/// Work for the outside, recorded together with the events it follows from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Bring the message up to date wherever it is shown. At least once; repeats harmless.
    Show(MessageKey),
    /// Make a preview. Reads only.
    Preview {
        /// Which step.
        step: StepId,
        /// Which preview.
        number: u32,
    },
    /// Measure again and make the call. At most once per attempt.
    Act {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
    },
    /// Look until the effect is there. Reads only.
    Prove {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
    },
    /// Look whether it has happened. Reads only.
    Probe {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
    },
    /// Read a message of the chat that was marked. Reads only.
    Read(Source),
    /// See who is in a user group, and again now and then while the run is open. Reads only.
    ReadGroup(GroupId),
    /// Ask `Tick` not before then.
    WakeAt(Timestamp),
    /// Keep a message waiting that tells the room when the bot falls silent; put it off while the run is open.
    Watch,
}

impl Effect {
    /// When it asks to be woken, if that is what it asks.
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::WakeAt(at) => Some(*at),
            Self::Show(_)
            | Self::Preview { .. }
            | Self::Act { .. }
            | Self::Prove { .. }
            | Self::Probe { .. }
            | Self::Read(_)
            | Self::ReadGroup(_)
            | Self::Watch => None,
        }
    }

    /// Its name within its run: the same name is the same effect, performed once however often it is wanted.
    pub fn key(&self) -> String {
        match self {
            Self::Show(message) => format!("show/{message}"),
            Self::Preview { step, number } => format!("preview/{step}/{number}"),
            Self::Act { step, attempt } => format!("act/{step}/{attempt}"),
            Self::Prove { step, attempt } => format!("prove/{step}/{attempt}"),
            Self::Probe { step, attempt } => format!("probe/{step}/{attempt}"),
            Self::Read(source) => format!("read/{}/{}", source.channel(), source.ts()),
            Self::ReadGroup(group) => format!("group/{group}"),
            Self::WakeAt(_) => "wake".to_owned(),
            Self::Watch => "watch".to_owned(),
        }
    }

    /// What goes first, 0 before all: work, then questions and news, then the upkeep of cards.
    pub fn priority(&self) -> u8 {
        match self {
            Self::Act { .. } | Self::Probe { .. } | Self::Prove { .. } => 0,
            Self::Preview { .. } | Self::WakeAt(_) => 1,
            Self::Show(
                MessageKey::Notice(_)
                | MessageKey::Back(_)
                | MessageKey::Update(_)
                | MessageKey::Draft(_),
            )
            | Self::Read(_)
            | Self::ReadGroup(_) => TALK,
            Self::Show(MessageKey::Step(_)) => 3,
            Self::Show(MessageKey::Run | MessageKey::Details(_)) | Self::Watch => 4,
        }
    }

    /// Whether it talks with the chat, which may be slow: work does not wait for it, nor it for work.
    pub fn is_talk(&self) -> bool {
        self.priority() >= TALK
    }
}

/// Which message of a run. The same key is the same message: shown again, it is edited in place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKey {
    /// The card of the run.
    Run,
    /// The card of a step.
    Step(StepId),
    /// What a step saw, called and got back, in the thread of its card.
    Details(StepId),
    /// One line that tells the room of the event with this number.
    Notice(u64),
    /// What an audience is told.
    Update(UpdateId),
    /// The same before it goes out, for those who drive the run.
    Draft(UpdateId),
    /// One line that takes back the warning of silence that was due then: the bot is there again.
    Back(Timestamp),
}

impl std::fmt::Display for MessageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Step(step) => write!(f, "step/{step}"),
            Self::Details(step) => write!(f, "details/{step}"),
            Self::Notice(seq) => write!(f, "notice/{seq}"),
            Self::Update(update) => write!(f, "update/{update}"),
            Self::Draft(update) => write!(f, "draft/{update}"),
            Self::Back(warned) => write!(f, "back/{}", warned.0),
        }
    }
}
