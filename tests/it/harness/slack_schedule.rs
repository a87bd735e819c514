//! Messages that Slack posts by itself, with Slack's rules (docs.slack.dev/reference/methods/chat.scheduleMessage).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Seconds ahead at most: 120 days.
const FARTHEST: i64 = 120 * 24 * 3600;
/// No more than this many are due within five minutes of each other in one channel.
const WITHIN_FIVE_MINUTES: usize = 30;

/// One that waits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scheduled {
    pub(crate) channel: String,
    /// Seconds.
    pub(crate) post_at: i64,
    pub(crate) text: String,
    pub(crate) blocks: Value,
    created_at: i64,
    has_metadata: bool,
}

/// Those that wait, by their id.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) pending: BTreeMap<String, Scheduled>,
    next: u64,
}

fn refuse(error: &str) -> Value {
    json!({ "ok": false, "error": error })
}

impl Schedule {
    pub(crate) fn schedule(&mut self, arguments: &Value, now: i64) -> Value {
        let Some(channel) = arguments["channel"].as_str() else {
            return refuse("channel_not_found");
        };
        let Some(post_at) = arguments["post_at"].as_i64() else { return refuse("invalid_time") };
        if post_at <= now {
            return refuse("time_in_past");
        }
        if post_at > now + FARTHEST {
            return refuse("time_too_far");
        }
        let near = |one: &&Scheduled| one.channel == channel && (one.post_at - post_at).abs() < 300;
        if self.pending.values().filter(near).count() >= WITHIN_FIVE_MINUTES {
            return refuse("restricted_too_many");
        }
        self.next += 1;
        let id = format!("Q{:04}", self.next);
        let scheduled = Scheduled {
            channel: channel.to_owned(),
            post_at,
            text: arguments["text"].as_str().unwrap_or_default().to_owned(),
            blocks: arguments["blocks"].clone(),
            created_at: now,
            has_metadata: !arguments["metadata"].is_null(),
        };
        self.pending.insert(id.clone(), scheduled);
        json!({ "ok": true, "channel": channel, "scheduled_message_id": id, "post_at": post_at })
    }

    pub(crate) fn delete(&mut self, arguments: &Value, now: i64) -> Value {
        let id = arguments["scheduled_message_id"].as_str().unwrap_or_default();
        let may_go = self.pending.get(id).is_some_and(|one| {
            arguments["channel"] == one.channel.as_str() && one.post_at - now > 60
        });
        if !may_go {
            return refuse("invalid_scheduled_message_id");
        }
        self.pending.remove(id);
        json!({ "ok": true })
    }

    pub(crate) fn list(&self, arguments: &Value) -> Value {
        let wanted = arguments["channel"].as_str();
        let here = |one: &Scheduled| wanted.is_none_or(|channel| channel == one.channel);
        let all: Vec<Value> = self
            .pending
            .iter()
            .filter(|(_, one)| here(one))
            .map(|(id, one)| {
                json!({ "id": id, "channel_id": one.channel, "post_at": one.post_at,
                    "date_created": one.created_at, "text": one.text })
            })
            .collect();
        json!({ "ok": true, "scheduled_messages": all, "response_metadata": { "next_cursor": "" } })
    }

    /// Takes out what is due. What has metadata is never posted: a bug of Slack's, by its own reference.
    pub(crate) fn due(&mut self, now: i64) -> Vec<Scheduled> {
        let due: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, one)| one.post_at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        let due = due.iter().filter_map(|id| self.pending.remove(id));
        due.filter(|one| !one.has_metadata).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_slacks_rules() {
        let mut schedule = Schedule::default();
        let at = |post_at: i64| json!({ "channel": "C1", "post_at": post_at, "text": "a" });
        assert_eq!(schedule.schedule(&at(100), 100)["error"], "time_in_past");
        assert_eq!(schedule.schedule(&at(101 + FARTHEST), 100)["error"], "time_too_far");
        let first = schedule.schedule(&at(300), 100);
        assert_eq!(first["ok"], true);
        for _ in 1..30 {
            assert_eq!(schedule.schedule(&at(301), 100)["ok"], true);
        }
        assert_eq!(schedule.schedule(&at(302), 100)["error"], "restricted_too_many");
        assert_eq!(schedule.schedule(&at(900), 100)["ok"], true);
        let id = |id: &Value| json!({ "channel": "C1", "scheduled_message_id": id });
        let first = id(&first["scheduled_message_id"]);
        let error = "invalid_scheduled_message_id";
        assert_eq!(schedule.delete(&first, 240)["error"], error);
        assert_eq!(schedule.delete(&first, 239)["ok"], true);
        assert_eq!(schedule.delete(&first, 239)["error"], error);
        let mut mute = at(303);
        mute["metadata"] = json!({ "event_type": "a" });
        assert_eq!(schedule.schedule(&mute, 299)["ok"], true);
        assert_eq!(schedule.list(&json!({}))["scheduled_messages"].as_array().unwrap().len(), 31);
        assert_eq!(schedule.due(303).len(), 29);
        assert_eq!(schedule.pending.len(), 1);
    }
}
