//! The war room as a place for messages: turns, cards posted and edited, cards looked for, warnings left.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use slack_morphism::prelude::*;
use tokio::time::Instant;

use super::calls::{TIMEOUT, part, within, without_id};
use super::client::{SlackClientHandle, content};
use super::lane::{Errand, Lanes, Next, Ticket};
use super::render;
use crate::domain::comms::{self, Message};
use crate::domain::environment::{Environment, Group};
use crate::domain::ids::Digest;
use crate::domain::run::chat::{Source, Words};
use crate::domain::run::{MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::engine::channel::{Channel, ChannelError, Pending, Urgency};
use crate::store::Posted;

/// By what a message of ours is told from others.
pub(super) const EVENT_TYPE: &str = "dr_buddy_message";
/// How many of the newest messages are looked through for one that may have been lost: pages, and messages of each.
const PAGES: usize = 3;
const PAGE: &str = "200";
/// Pages of a user group's members; Slack tells them all at once, and speaks of a cursor all the same.
const GROUP_PAGES: usize = 5;
/// More than the cards of some runs. When there are more, all are forgotten: an edit too many each.
const REMEMBERED: usize = 1000;

/// Longest wait for a turn of what belongs to no run.
const ANNOUNCED: Duration = Duration::from_secs(30);

/// So long it is taken for granted that a message says what it was last told to: another replica may edit it too.
const TRUSTED: Duration = Duration::from_secs(60);

/// A place in a queue that is given up when nobody waits any more.
struct Queued<'a> {
    slack: &'a SlackClientHandle,
    channel: &'a str,
    ticket: Ticket,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.slack.lanes(|lanes| lanes.leave(self.channel, self.ticket));
    }
}

impl SlackClientHandle {
    fn lanes<T>(&self, what: impl FnOnce(&mut Lanes) -> T) -> T {
        let done = what(&mut self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_waiters();
        done
    }

    /// What a message looks like there: the line for notifications, and the blocks.
    fn written(&self, environment: &Environment, message: &Message) -> (String, Vec<Value>) {
        let voice = self.catalog.texts.voice(environment.chat.language, Some(environment));
        let blocks = render::in_channel(&voice, message, self.page.as_deref());
        (render::summary(&voice, message), blocks)
    }

    async fn wait(
        &self,
        channel: &str,
        errand: Errand,
        within: Duration,
    ) -> Result<(), ChannelError> {
        let give_up_at = Instant::now() + within;
        let ticket = self.lanes(|lanes| lanes.enter(channel, errand));
        let _queued = Queued { slack: self, channel, ticket };
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            let now = Instant::now();
            let next = {
                let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
                lanes.next(channel, ticket, now)
            };
            let until = match next {
                Next::Go => return Ok(()),
                Next::At(then) => then,
                Next::Behind => give_up_at,
            };
            if until > give_up_at || now >= give_up_at {
                let wait = until.saturating_duration_since(now).as_secs().max(1);
                return Err(ChannelError::Wait { wait: Span::seconds(wait) });
            }
            tokio::select! {
                () = moved => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    async fn post(
        &self,
        run: &Run,
        key: &MessageKey,
        message: &Message,
        under: Option<&Posted>,
    ) -> Result<Posted, ChannelError> {
        let channel = under.map_or_else(|| comms::channel(run, key), |under| under.channel.clone());
        self.put(&run.environment, &channel, of_run(run, key), message, under).await
    }

    /// Posts a message; by `payload` it is known again.
    async fn put(
        &self,
        environment: &Environment,
        channel: &str,
        payload: HashMap<String, String>,
        message: &Message,
        under: Option<&Posted>,
    ) -> Result<Posted, ChannelError> {
        let (text, blocks) = self.written(environment, message);
        let metadata = SlackMessageMetadata::new(EVENT_TYPE.to_owned()).with_event_payload(payload);
        let content = content(&text, &blocks)?.with_metadata(metadata);
        let mut request = SlackApiChatPostMessageRequest::new(channel.into(), content);
        request.thread_ts = under.map(|under| under.ts.as_str().into());
        let session = self.client.open_session(&self.token);
        let posted = within(TIMEOUT, session.chat_post_message(&request)).await;
        if let Err(ChannelError::Wait { wait }) = &posted {
            self.lanes(|lanes| lanes.stop(channel, after(*wait)));
        }
        let posted = posted?;
        let at = Posted::at(posted.channel.to_string(), posted.ts.to_string());
        self.remember(&at, digest(&text, &blocks));
        Ok(at)
    }

    /// Edits a message; its metadata stay.
    async fn edit(
        &self,
        environment: &Environment,
        at: &Posted,
        message: &Message,
    ) -> Result<(), ChannelError> {
        let (text, blocks) = self.written(environment, message);
        let shown = digest(&text, &blocks);
        if self.shown_at(at).is_some_and(|(before, _)| before == shown) {
            return Ok(());
        }
        let content = content(&text, &blocks)?;
        let request = SlackApiChatUpdateRequest::new(
            at.channel.as_str().into(),
            content,
            at.ts.as_str().into(),
        );
        if let Some(left) = self.lanes(|lanes| lanes.no_edit_for(Instant::now())) {
            let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
            return Err(ChannelError::Wait { wait: Span(ms) });
        }
        let session = self.client.open_session(&self.token);
        // While it is on its way, nobody knows what the message says.
        self.forget(at);
        let edited = within(TIMEOUT, session.chat_update(&request)).await;
        match &edited {
            Ok(_) => self.remember(at, shown),
            Err(ChannelError::Wait { wait }) => self.lanes(|lanes| lanes.stop_edits(after(*wait))),
            Err(_) => {}
        }
        edited.map(drop)
    }

    /// The messages there of which this is true, the newest first; `under`: in whose thread.
    async fn search(
        &self,
        channel: &str,
        under: Option<&Posted>,
        is_it: impl Fn(&Value) -> bool + Send + Sync,
    ) -> Result<Vec<Posted>, ChannelError> {
        // What stands in a thread is not among the messages of the channel.
        let method =
            if under.is_some() { "conversations.replies" } else { "conversations.history" };
        let mut found = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let arguments = [
                ("channel", Some(channel.to_owned())),
                ("ts", under.map(|under| under.ts.clone())),
                ("include_all_metadata", Some("true".to_owned())),
                ("limit", Some(PAGE.to_owned())),
                ("cursor", cursor),
            ];
            let answer = self.read(method, &arguments).await?;
            let messages: Vec<Value> = part(&answer, "messages").unwrap_or_default();
            found.extend(messages.iter().filter(|message| is_it(message)).filter_map(|message| {
                part::<String>(message, "ts").map(|ts| Posted::at(channel, ts))
            }));
            let next = answer.pointer("/response_metadata/next_cursor").and_then(Value::as_str);
            let next = next.unwrap_or_default();
            if !found.is_empty() || next.is_empty() {
                break;
            }
            cursor = Some(next.to_owned());
        }
        // A thread is told from its beginning.
        found.sort_by(|one, other| other.ts.cmp(&one.ts));
        Ok(found)
    }

    fn shown_at(&self, at: &Posted) -> Option<(Digest, Instant)> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shown.get(&(at.channel.clone(), at.ts.clone())).cloned();
        known.filter(|(_, since)| since.elapsed() < TRUSTED)
    }

    fn remember(&self, at: &Posted, digest: Digest) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.len() >= REMEMBERED {
            shown.clear();
        }
        shown.insert((at.channel.clone(), at.ts.clone()), (digest, Instant::now()));
    }

    fn forget(&self, at: &Posted) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.remove(&(at.channel.clone(), at.ts.clone()));
    }

    /// Calls what the library does not know, or knows wrongly: its history fails on the metadata of other apps, and
    /// what it calls the id of a scheduled message Slack calls otherwise.
    pub(super) async fn read(
        &self,
        method: &str,
        arguments: &[(&str, Option<String>)],
    ) -> Result<Value, ChannelError> {
        let session = self.client.open_session(&self.token);
        let arguments = arguments.to_vec();
        within(TIMEOUT, session.http_session_api.http_get(method, &arguments, None)).await
    }

    pub(super) async fn write(
        &self,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, ChannelError> {
        let session = self.client.open_session(&self.token);
        within(TIMEOUT, session.http_session_api.http_post(method, arguments, None)).await
    }
}

fn after(wait: Span) -> Instant {
    Instant::now() + Duration::from_millis(wait.ms())
}

fn digest(text: &str, blocks: &[Value]) -> Digest {
    Digest::of(json!([text, blocks]).to_string().as_bytes())
}

#[async_trait]
impl Channel for SlackClientHandle {
    async fn turn(
        &self,
        run: &Run,
        key: &MessageKey,
        urgency: Urgency,
        message: &Message,
        posted: Option<&Posted>,
        within: Duration,
    ) -> Result<bool, ChannelError> {
        let shown = posted.map(|posted| self.shown_at(posted));
        if let Some(Some((before, _))) = &shown {
            let (text, blocks) = self.written(&run.environment, message);
            if *before == digest(&text, &blocks) {
                return Ok(false);
            }
        }
        let edit = shown.map(|shown| shown.map(|(_, at)| at));
        let channel =
            posted.map_or_else(|| comms::channel(run, key), |posted| posted.channel.clone());
        self.wait(&channel, Errand { urgency, edit }, within).await?;
        Ok(true)
    }

    async fn show(
        &self,
        run: &Run,
        key: &MessageKey,
        message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        match posted {
            Some(posted) => {
                self.edit(&run.environment, posted, message).await.map(|()| Some(posted.clone()))
            }
            None => self.post(run, key, message, None).await.map(Some),
        }
    }

    async fn reply(
        &self,
        run: &Run,
        key: &MessageKey,
        message: &Message,
        under: &Posted,
    ) -> Result<Option<Posted>, ChannelError> {
        self.post(run, key, message, Some(under)).await.map(Some)
    }

    async fn announce(
        &self,
        environment: &Environment,
        message: &Message,
    ) -> Result<(), ChannelError> {
        let errand = Errand { urgency: Urgency::Tells, edit: None };
        self.wait(&environment.chat.war_room, errand, ANNOUNCED).await?;
        let payload = HashMap::from([("environment".to_owned(), environment.id.to_string())]);
        let room = &environment.chat.war_room;
        self.put(environment, room, payload, message, None).await.map(drop)
    }

    async fn pin(&self, _run: &Run, posted: &Posted) -> Result<(), ChannelError> {
        let arguments = json!({ "channel": posted.channel, "timestamp": posted.ts });
        match self.write("pins.add", &arguments).await {
            Err(ChannelError::Failed { detail }) if detail == "already_pinned" => Ok(()),
            pinned => pinned.map(drop),
        }
    }

    async fn offer(
        &self,
        environment: &Environment,
        offer: u64,
        message: &Message,
        posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        let edit = posted.map(|posted| self.shown_at(posted).map(|(_, at)| at));
        let errand = Errand { urgency: Urgency::Asks, edit };
        self.wait(&environment.chat.war_room, errand, ANNOUNCED).await?;
        match posted {
            Some(posted) => self.edit(environment, posted, message).await.map(|()| None),
            None => {
                let payload = offered(environment, offer);
                let room = &environment.chat.war_room;
                self.put(environment, room, payload, message, None).await.map(Some)
            }
        }
    }

    async fn find_offer(
        &self,
        environment: &Environment,
        offer: u64,
    ) -> Result<Vec<Posted>, ChannelError> {
        let payload = offered(environment, offer);
        self.search(&environment.chat.war_room, None, |message| is_ours(message, &payload)).await
    }

    async fn find(
        &self,
        run: &Run,
        key: &MessageKey,
        under: Option<&Posted>,
    ) -> Result<Vec<Posted>, ChannelError> {
        let payload = of_run(run, key);
        let channel = under.map_or_else(|| comms::channel(run, key), |under| under.channel.clone());
        self.search(&channel, under, |message| is_ours(message, &payload)).await
    }

    async fn said(&self, run: &Run, source: &Source) -> Result<Option<Words>, ChannelError> {
        self.words_of(&run.environment, source).await
    }

    async fn members(
        &self,
        _run: &Run,
        group: &Group,
    ) -> Result<Option<Vec<String>>, ChannelError> {
        let unknown = |detail: &str| ChannelError::Unknown { detail: detail.to_owned() };
        let mut found: Vec<String> = Vec::new();
        let mut cursor = None;
        for _ in 0..GROUP_PAGES {
            // Without `include_disabled`: a group that was switched off has nobody.
            let arguments = [
                ("usergroup", Some(group.id.to_string())),
                ("team_id", group.team.clone()),
                ("cursor", cursor),
            ];
            let answer = self.read("usergroups.users.list", &arguments).await?;
            let users = part::<Vec<String>>(&answer, "users");
            found.extend(users.ok_or_else(|| unknown("no users"))?);
            let next = answer.pointer("/response_metadata/next_cursor").and_then(Value::as_str);
            match next.unwrap_or_default() {
                "" => return Ok(Some(found)),
                next => cursor = Some(next.to_owned()),
            }
        }
        // A part of them would take the role from the others.
        Err(unknown("cut short"))
    }

    async fn leave(
        &self,
        run: &Run,
        message: &Message,
        due_at: Timestamp,
    ) -> Result<Option<Pending>, ChannelError> {
        let (text, blocks) = self.written(&run.environment, message);
        // Without metadata: Slack takes a scheduled message that has some, and then never posts it.
        let arguments = json!({
            "channel": run.environment.chat.war_room,
            "post_at": due_at.0 / 1000,
            "text": text,
            "blocks": blocks,
        });
        let answer = match self.write("chat.scheduleMessage", &arguments).await {
            Err(ChannelError::Failed { detail }) if detail == "unknown_method" => return Ok(None),
            left => left?,
        };
        let Some(id) = part(&answer, "scheduled_message_id") else {
            return Err(without_id());
        };
        Ok(Some(Pending { id, due_at }))
    }

    async fn left(&self, run: &Run) -> Result<Vec<Pending>, ChannelError> {
        let channel = run.environment.chat.war_room.clone();
        let arguments = [("channel", Some(channel)), ("limit", Some("100".to_owned()))];
        let answer = self.read("chat.scheduledMessages.list", &arguments).await?;
        let all: Vec<Value> = part(&answer, "scheduled_messages").unwrap_or_default();
        let ours = all
            .iter()
            .filter(|one| one["text"].as_str().is_some_and(|text| text.contains(run.id.as_str())));
        let pending = ours.filter_map(|one| {
            let due_at = Timestamp(part::<i64>(one, "post_at")?.checked_mul(1000)?);
            Some(Pending { id: part(one, "id")?, due_at })
        });
        Ok(pending.collect())
    }

    async fn take_back(&self, run: &Run, id: &str) -> Result<(), ChannelError> {
        let channel = &run.environment.chat.war_room;
        let arguments = json!({ "channel": channel, "scheduled_message_id": id });
        self.write("chat.deleteScheduledMessage", &arguments).await.map(drop)
    }
}

/// By what a message of a run is known again.
fn of_run(run: &Run, key: &MessageKey) -> HashMap<String, String> {
    let payload = [("run", run.id.to_string()), ("key", key.to_string())];
    payload.map(|(name, value)| (name.to_owned(), value)).into()
}

/// By what an offer is known again.
fn offered(environment: &Environment, offer: u64) -> HashMap<String, String> {
    let payload = [("environment", environment.id.to_string()), ("offer", offer.to_string())];
    payload.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Whether a message of the channel's history is the one of ours that is known by this.
fn is_ours(message: &Value, payload: &HashMap<String, String>) -> bool {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let says = |(name, value): (&String, &String)| {
        text(&format!("/metadata/event_payload/{name}")) == Some(value)
    };
    text("/metadata/event_type") == Some(EVENT_TYPE) && payload.iter().all(says)
}
