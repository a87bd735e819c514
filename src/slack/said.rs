//! What only the asker sees.

use serde_json::{Value, json};

use super::render;
use crate::catalog::Voice;
use crate::desk::Desk;
use crate::domain::actor::Actor;
use crate::domain::comms::Message;
use crate::domain::text::Text;

/// Characters of a line in a list.
const LINE: usize = 300;

/// An answer to one person, to be said once.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) blocks: Vec<Value>,
}

impl Said {
    /// In the voice of whoever asked.
    pub(super) fn new(desk: &Desk, by: &Actor, text: &Text) -> Self {
        Self { text: desk.voice_of(by).mrkdwn(text), blocks: vec![] }
    }

    pub(super) fn message(voice: &Voice<'_>, message: &Message) -> Self {
        Self { text: render::summary(voice, message), blocks: render::blocks(voice, message) }
    }

    /// With the ways to the rest of the run, as they stand in a channel.
    pub(super) fn in_channel(voice: &Voice<'_>, message: &Message, page: Option<&str>) -> Self {
        let blocks = render::in_channel(voice, message, page);
        Self { text: render::summary(voice, message), blocks }
    }

    pub(super) fn lines(voice: &Voice<'_>, lines: &[Text]) -> Self {
        let lines: Vec<_> = lines.iter().map(|line| voice.mrkdwn(line)).collect();
        Self { text: lines.join("\n"), blocks: vec![] }
    }

    /// Lines of any length, each cut to one that can be overlooked at a glance.
    pub(super) fn list(voice: &Voice<'_>, lines: &[Text]) -> Self {
        let cut = |line: String| match line.char_indices().nth(LINE) {
            Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
            None => line,
        };
        let lines: Vec<_> = lines.iter().map(|line| cut(voice.mrkdwn(line))).collect();
        Self { text: lines.join("\n"), blocks: vec![] }
    }

    /// As the answer to a slash command.
    pub(super) fn ephemeral(&self) -> Value {
        if self.blocks.is_empty() {
            json!({"response_type": "ephemeral", "text": self.text})
        } else {
            json!({"response_type": "ephemeral", "text": self.text, "blocks": self.blocks})
        }
    }
}
