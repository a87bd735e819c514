//! The channel: remembers what everybody sees. A message may not be taken, or be taken and nobody told so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dr_buddy::domain::comms::Message;
use dr_buddy::domain::run::{MessageKey, Run};
use dr_buddy::domain::time::Span;
use dr_buddy::engine::channel::{Channel, ChannelError};
use dr_buddy::store::Posted;

use crate::fate::Fate;

/// What everybody sees: of each message, its posts, and the run as each of them shows it.
#[derive(Debug, Default)]
pub(crate) struct Wall {
    posts: Mutex<BTreeMap<MessageKey, Vec<Run>>>,
    /// Messages that somebody who had been stopped wrote over with something older.
    late: Mutex<BTreeSet<MessageKey>>,
}

impl Wall {
    /// The run as this post of a message shows it.
    pub(crate) fn seen(&self, key: &MessageKey, posted: &Posted) -> Option<Run> {
        let place: usize = posted.ts.parse().ok()?;
        self.posts.lock().unwrap().get(key)?.get(place).cloned()
    }

    /// The run as the newest post of a message shows it.
    pub(crate) fn newest(&self, key: &MessageKey) -> Option<Run> {
        self.posts.lock().unwrap().get(key)?.last().cloned()
    }

    /// Whether something older was written over something newer, and not put right since.
    pub(crate) fn is_late(&self, key: &MessageKey) -> bool {
        self.late.lock().unwrap().contains(key)
    }

    /// Posts the message, or edits a post of it; which one it is.
    fn write(&self, key: &MessageKey, run: &Run, place: Option<usize>) -> usize {
        let (mut posts, mut late) = (self.posts.lock().unwrap(), self.late.lock().unwrap());
        let posts = posts.entry(key.clone()).or_default();
        let newest = posts.iter().map(|run| run.seq).max();
        if newest > Some(run.seq) {
            late.insert(key.clone());
        } else {
            late.remove(key);
        }
        match place.and_then(|place| posts.get_mut(place)) {
            Some(post) => *post = run.clone(),
            None => posts.push(run.clone()),
        }
        place.unwrap_or(posts.len() - 1)
    }
}

/// One replica's way to the wall.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) wall: Arc<Wall>,
    pub(crate) fate: Arc<Fate>,
}

fn at(place: usize) -> Posted {
    Posted::at("C1", place.to_string())
}

#[async_trait]
impl Channel for Writer {
    async fn show(
        &self,
        run: &Run,
        key: &MessageKey,
        _message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        self.fate.step().await;
        let trouble = self.fate.weather.channel;
        if self.fate.strikes(trouble) {
            return Err(match self.fate.below(2) {
                0 => ChannelError::Wait { wait: Span::seconds(3) },
                _ => ChannelError::Failed { detail: "a bad day".to_owned() },
            });
        }
        let place = posted.and_then(|posted| posted.ts.parse().ok());
        let place = self.wall.write(key, run, place);
        self.fate.say(|| format!("       shown: {key} as of event {}", run.seq));
        self.fate.step().await;
        if self.fate.strikes(trouble) {
            return Err(ChannelError::Unknown { detail: "a bad day".to_owned() });
        }
        Ok(Some(at(place)))
    }

    async fn find(
        &self,
        _run: &Run,
        key: &MessageKey,
        _under: Option<&Posted>,
    ) -> Result<Vec<Posted>, ChannelError> {
        self.fate.step().await;
        if self.fate.strikes(self.fate.weather.channel) {
            return Err(ChannelError::Failed { detail: "a bad day".to_owned() });
        }
        let posts = self.wall.posts.lock().unwrap();
        let posts = posts.get(key).map_or(0, Vec::len);
        Ok((0..posts).rev().map(at).collect())
    }
}
