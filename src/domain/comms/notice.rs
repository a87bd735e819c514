//! One line for the whole room, beyond the edit of a card.

use super::{Block, Message, marked};
use crate::domain::report::timeline;
use crate::domain::run::effects::tells_the_room;
use crate::domain::run::log::Recorded;
use crate::domain::run::state::Run;

pub(super) fn message(run: &Run, event: &Recorded) -> Option<Message> {
    if !tells_the_room(&event.entry.event) {
        return None;
    }
    let line = timeline::line(run, event);
    let blocks = vec![Block::Lines(vec![line.clone()])];
    Some(marked(run, line, blocks))
}
