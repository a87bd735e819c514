//! Messages of the chat on the timeline: somebody marks one, the engine reads it, and what its author changes later is
//! written down as well. The record keeps everything; a mark taken back and a message deleted are entries of their own.

use serde::{Deserialize, Serialize};

use super::limits;
use crate::domain::actor::Actor;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::text::cut;
use crate::domain::time::Timestamp;

/// Characters of a message that later entries repeat, so that one knows which.
const EXCERPT: usize = 60;

/// Where a message stands: the channel's id, and the message's in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    channel: String,
    ts: String,
}

impl Source {
    /// `C012ABCDEF` and `1795184300.000100`; `None` if they are not such.
    pub fn parse(channel: &str, ts: &str) -> Option<Self> {
        let is_id = (1..=32).contains(&channel.len())
            && channel.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (seconds, rest) = ts.split_once('.')?;
        let are_digits =
            [seconds, rest].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        let is_ts = are_digits && (1..=12).contains(&seconds.len()) && rest.len() == 6;
        (is_id && is_ts).then(|| Self { channel: channel.to_owned(), ts: ts.to_owned() })
    }

    /// The channel's id.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The message's id in its channel.
    pub fn ts(&self) -> &str {
        &self.ts
    }

    /// When it was written.
    pub fn at(&self) -> Timestamp {
        let ms = self.ts.split_once('.').and_then(|(seconds, micros)| {
            Some(seconds.parse::<i64>().ok()? * 1000 + micros.parse::<i64>().ok()? / 1000)
        });
        Timestamp(ms.unwrap_or_default())
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// Who wrote it; known or not.
    pub author: Actor,
    /// In plain text.
    pub text: String,
    /// Where it can be read.
    pub link: Option<String>,
}

/// What is asked about a message.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatAsk {
    /// Put it on the timeline; its words, if whoever asks was told them.
    Mark(Option<Words>),
    /// Take one's mark back.
    Unmark,
    /// The chat says this of a message that may be marked.
    Follow(News),
}

/// What the chat says of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It was read.
    Read(Words),
    /// It cannot be read: why, unless it simply is not there.
    Unread(Option<String>),
    /// It says this now.
    Edited(String),
    /// It is gone; what it said last, if the chat told.
    Deleted(Option<String>),
}

/// What is on the record about a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chat {
    /// Somebody wants it on the timeline.
    Marked(Option<Words>),
    /// They took their mark back.
    Unmarked,
    /// The chat said this of it.
    Followed(News),
}

/// A message that was marked, as far as later requests need to know it. Its words are on the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatNote {
    /// Which.
    pub source: Source,
    /// By whom; nobody any more, if the mark was taken back.
    pub marked_by: Option<PersonId>,
    /// Who wrote it, once it was read.
    pub author: Option<Actor>,
    /// How it begins.
    pub excerpt: String,
    pub(super) text: Option<Digest>,
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) edits: u32,
}

/// Changes what is known of a message as the record says.
pub(super) fn apply(
    notes: &mut Vec<ChatNote>,
    source: &Source,
    what: &Chat,
    by: Option<&PersonId>,
) {
    let known = notes.iter().position(|note| note.source == *source);
    let index = known.unwrap_or(notes.len());
    if known.is_none() {
        notes.push(ChatNote {
            source: source.clone(),
            marked_by: None,
            author: None,
            excerpt: String::new(),
            text: None,
            deleted: false,
            edits: 0,
        });
    }
    let Some(note) = notes.get_mut(index) else { return };
    match what {
        Chat::Marked(words) => {
            note.marked_by = by.cloned();
            // Marked anew, it is read anew: it was not followed meanwhile.
            (note.author, note.text, note.deleted) = (None, None, false);
            if let Some(words) = words {
                note.author = Some(words.author.clone());
                note.says(&words.text);
            }
        }
        Chat::Unmarked => note.marked_by = None,
        Chat::Followed(News::Read(words)) => {
            note.author = Some(words.author.clone());
            // An edit that came first is newer than what was read.
            if note.text.is_none() {
                note.says(&words.text);
            }
        }
        Chat::Followed(News::Unread(_)) => {}
        Chat::Followed(News::Edited(text)) => {
            note.edits += 1;
            note.says(text);
        }
        Chat::Followed(News::Deleted(text)) => {
            note.deleted = true;
            if let Some(text) = text {
                note.says(text);
            }
        }
    }
}

impl ChatNote {
    fn says(&mut self, text: &str) {
        self.text = Some(digest(text));
        self.excerpt = cut(text, EXCERPT);
    }
}

impl Words {
    /// No longer than what people may write themselves.
    pub(super) fn bounded(self) -> Self {
        Self { text: bounded(&self.text), link: self.link.filter(|link| link.len() <= 500), ..self }
    }
}

pub(super) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// A message is not refused for its length: nobody could shorten it.
pub(super) fn bounded(text: &str) -> String {
    cut(text.trim(), limits::TEXT)
}
