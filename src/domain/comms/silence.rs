//! What the room reads when the bot has fallen silent, and when it is back.

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
