//! What the room reads when the bot has fallen silent, and when it is back; and what stands on a message whose first
//! post may have been lost.

use super::{Block, Message, clock, marked};
use crate::domain::run::state::Run;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// The warning that is kept waiting while the run is open: it is posted when nobody has moved it on for a while. One
/// text, for it is written to be read without blocks.
pub fn silence(run: &Run, alive_at: Timestamp) -> Message {
    let args = vec![("at", clock(run, alive_at)), ("run", Text::raw(&run.id))];
    message(run, Text::Key("silence.warning", args))
}

/// Takes the warning back that was due at `warned_at`.
pub fn back(run: &Run, warned_at: Timestamp, now: Timestamp) -> Message {
    let args = vec![("at", clock(run, now)), ("warned", clock(run, warned_at))];
    message(run, Text::Key("silence.back", args))
}

fn message(run: &Run, line: Text) -> Message {
    let blocks = vec![Block::Lines(vec![line.clone()])];
    marked(run, line, blocks)
}

impl Message {
    /// The same, posted again after a post that may have been lost.
    #[must_use]
    pub fn again(mut self) -> Self {
        self.blocks.push(Block::Small(vec![Text::key("message.again")]));
        self
    }

    /// What is left of a message that turned out to stand twice: no buttons, and where to look.
    #[must_use]
    pub fn elsewhere(self) -> Self {
        Self { blocks: vec![Block::Small(vec![Text::key("message.elsewhere")])], ..self }
    }

    /// Whether it asks somebody to press something.
    pub fn asks(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Buttons(_)))
    }
}
