//! Messages of the chat on the timeline: a reaction or a shortcut marks one, what its author changes is followed. What
//! people asked is on the record before Slack gets its acknowledgement; a reaction's message is read by the outbox.

use serde_json::Value;
use tracing::{info, warn};

use super::calls::part;
use super::client::SlackClientHandle;
use super::handle::{Inbound, Reply};
use super::heard::Heard;
use super::sender::{Sender, text};
use super::words::{plain, words};
use crate::desk::Answer;
use crate::domain::actor::Actor;
use crate::domain::environment::Environment;
use crate::domain::run::Request;
use crate::domain::run::chat::{ChatAsk, News, Source, Words};
use crate::domain::text::Text;
use crate::engine::channel::ChannelError;

impl Inbound {
    /// Does what follows from what was heard; mostly nothing.
    pub(super) async fn heard(&self, key: &str, heard: Heard) -> Reply {
        let follow = |news| ChatAsk::Follow(news);
        let (source, by, ask, sender) = match heard {
            Heard::Reaction { name, .. }
                if name != self.desk.environment.chat.timeline_reaction =>
            {
                return Reply::Taken;
            }
            Heard::Reaction { sender, is_there: true, source, .. } => {
                return self.mark(key, sender, source).await;
            }
            Heard::Reaction { sender, source, .. } => {
                (source, self.actor(&sender), ChatAsk::Unmark, Some(sender))
            }
            Heard::Changed { source, message } => {
                let text = plain(&self.desk.environment, &message);
                (source, Actor::Engine, follow(News::Edited(text)), None)
            }
            Heard::Deleted { source, message } => {
                let text = message.map(|message| plain(&self.desk.environment, &message));
                (source, Actor::Engine, follow(News::Deleted(text)), None)
            }
        };
        let run = match self.desk.run_with(&source).await {
            Ok(Some(run)) => run,
            Ok(None) => return Reply::Taken,
            Err(error) => return not_looked_up(&error),
        };
        if sender.as_ref().is_some_and(|sender| self.is_only_an_emoji(sender, &by)) {
            return Reply::Taken;
        }
        let request = Request::Chat { source, ask };
        let answer = self.desk.about_chat(key, &by, &run.id, &request).await;
        match (answer, sender) {
            (answer, Some(sender)) => self.after_click(sender, &by, answer),
            (Answer::Done { .. } | Answer::CodeAsked(_) | Answer::Refused(_), None) => Reply::Taken,
            (Answer::Failed(_), None) => Reply::NotRecorded,
        }
    }

    /// Somebody put the reaction on a message. While no run is open, it is a reaction like any other.
    async fn mark(&self, key: &str, sender: Sender, source: Source) -> Reply {
        let run = match self.desk.open_run().await {
            Ok(Some(run)) => run,
            Ok(None) => return Reply::Taken,
            Err(error) => return not_looked_up(&error),
        };
        let by = self.actor(&sender);
        if self.is_only_an_emoji(&sender, &by) {
            return Reply::Taken;
        }
        let request = Request::Chat { source, ask: ChatAsk::Mark(None) };
        let answer = self.desk.about_chat(key, &by, &run.id, &request).await;
        self.after_click(sender, &by, answer)
    }

    /// Whoever may mark nothing here has put an emoji on a message, or taken it off: no answer, however many do.
    fn is_only_an_emoji(&self, sender: &Sender, by: &Actor) -> bool {
        self.elsewhere(sender, by).is_some() || by.person().is_none()
    }

    /// Somebody used the shortcut, with which Slack tells the message.
    pub(super) async fn mark_told(
        &self,
        key: &str,
        sender: Sender,
        by: &Actor,
        message: &Value,
    ) -> Reply {
        let channel = sender.channel.as_deref().unwrap_or_default();
        let ts = text(message, "/ts").unwrap_or_default();
        let Some(source) = Source::parse(channel, &ts) else {
            info!(actor = ?by, "Refused a shortcut without a message");
            let refused = Answer::Refused(Text::key("refused.not_ours"));
            return self.after_click(sender, by, refused);
        };
        let words = words(&self.desk.environment, message, None);
        let request = Request::Chat { source, ask: ChatAsk::Mark(Some(words)) };
        match self.desk.ask_open_run(key, by, &request).await {
            Answer::Done { text, .. } => {
                self.tell_later(sender, by, text);
                Reply::Taken
            }
            other @ (Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_)) => {
                self.after_click(sender, by, other)
            }
        }
    }
}

fn not_looked_up(error: &crate::store::StoreError) -> Reply {
    warn!(error = %error, "Cannot look for the run of a message");
    Reply::NotRecorded
}

impl SlackClientHandle {
    /// What a message says, in a channel or in a thread of it; `None` if it is not there.
    pub(super) async fn words_of(
        &self,
        environment: &Environment,
        source: &Source,
    ) -> Result<Option<Words>, ChannelError> {
        let ts = Some(source.ts().to_owned());
        let arguments = |first: Option<(&'static str, Option<String>)>| {
            let one = [
                ("channel", Some(source.channel().to_owned())),
                ("oldest", ts.clone()),
                ("latest", ts.clone()),
                ("inclusive", Some("true".to_owned())),
                ("limit", Some("1".to_owned())),
            ];
            first.into_iter().chain(one).collect::<Vec<_>>()
        };
        let is_it = |message: &Value| message["ts"] == source.ts();
        let found = |answer: &Value| {
            let messages: Vec<Value> = part(answer, "messages").unwrap_or_default();
            messages.into_iter().find(is_it)
        };
        let mut message = found(&self.read("conversations.history", &arguments(None)).await?);
        if message.is_none() {
            // What was answered in a thread is not among the messages of the channel.
            let thread = arguments(Some(("ts", ts.clone())));
            message = match self.read("conversations.replies", &thread).await {
                Ok(answer) => found(&answer),
                Err(ChannelError::Failed { detail }) if detail == "thread_not_found" => None,
                Err(error) => return Err(error),
            };
        }
        let Some(message) = message else { return Ok(None) };
        let link = [
            ("channel", Some(source.channel().to_owned())),
            ("message_ts", Some(source.ts().to_owned())),
        ];
        let link = match self.read("chat.getPermalink", &link).await {
            Ok(answer) => part(&answer, "permalink"),
            Err(error) => {
                info!(error = %error, "A marked message stays without a link");
                None
            }
        };
        Ok(Some(words(environment, &message, link)))
    }
}
