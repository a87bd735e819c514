//! The channel: remembers what everybody sees. A message may not be taken, or be taken and nobody told so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dr_buddy::domain::comms::Message;
use dr_buddy::domain::run::{MessageKey, Run};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::engine::channel::{Channel, ChannelError};
use dr_buddy::engine::clock::Clock;
use dr_buddy::store::Posted;

use crate::fate::{Fate, SimClock};

/// What is seen of a message: its content, and the time it was made at.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) message: Message,
    pub(crate) at: Timestamp,
    pub(crate) seq: u64,
}

/// What everybody sees.
#[derive(Debug, Default)]
pub(crate) struct Wall {
    seen: Mutex<BTreeMap<MessageKey, Seen>>,
    /// Messages that somebody who had been stopped wrote over with something older.
    late: Mutex<BTreeSet<MessageKey>>,
    posts: Mutex<u64>,
}

impl Wall {
    pub(crate) fn seen(&self, key: &MessageKey) -> Option<Seen> {
        self.seen.lock().unwrap().get(key).cloned()
    }

    /// Whether something older was written over something newer, and not put right since.
    pub(crate) fn is_late(&self, key: &MessageKey) -> bool {
        self.late.lock().unwrap().contains(key)
    }

    fn write(&self, key: &MessageKey, seen: Seen) {
        let (mut all, mut late) = (self.seen.lock().unwrap(), self.late.lock().unwrap());
        let seq = seen.seq;
        let is_late = all.insert(key.clone(), seen).is_some_and(|before| before.seq > seq);
        if is_late {
            late.insert(key.clone())
        } else {
            late.remove(key)
        };
    }
}

/// One replica's way to the wall.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) wall: Arc<Wall>,
    pub(crate) fate: Arc<Fate>,
    pub(crate) clock: Arc<SimClock>,
}

impl Writer {
    fn trouble(&self) -> Result<(), ChannelError> {
        if !self.fate.strikes(self.fate.weather.channel) {
            return Ok(());
        }
        Err(if self.fate.below(2) == 0 {
            ChannelError::Wait { wait: Span::seconds(3) }
        } else {
            ChannelError::Failed { detail: "a bad day".to_owned() }
        })
    }
}

#[async_trait]
impl Channel for Writer {
    async fn show(
        &self,
        run: &Run,
        key: &MessageKey,
        message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        let at = self.clock.now();
        self.fate.step().await;
        self.trouble()?;
        let seen = Seen { message: message.clone(), at, seq: run.seq };
        self.fate.say(|| format!("       shown: {key} as of event {}", run.seq));
        self.wall.write(key, seen);
        self.fate.step().await;
        self.trouble()?;
        if let Some(posted) = posted {
            return Ok(Some(posted.clone()));
        }
        let mut posts = self.wall.posts.lock().unwrap();
        *posts += 1;
        Ok(Some(Posted { channel: "C1".to_owned(), ts: posts.to_string() }))
    }
}
