//! What must hold of every message and form, whatever it says.

use std::collections::BTreeSet;

use dr_buddy::catalog::Voice;
use dr_buddy::domain::comms::{self, Block, Message, Press};
use dr_buddy::domain::run::Run;
use dr_buddy::domain::time::Timestamp;
use dr_buddy::slack::render;
use serde_json::Value;

use crate::harness::{Surface, violations};

pub(super) fn presses(message: Option<&Message>) -> Vec<Press> {
    let rows =
        message.into_iter().flat_map(|message| &message.blocks).filter_map(|block| match block {
            Block::Buttons(row) => Some(row),
            Block::Banner(_)
            | Block::Heading(_)
            | Block::Lines(_)
            | Block::Small(_)
            | Block::Rule
            | Block::Views(_)
            | Block::Offer(_) => None,
        });
    rows.flatten().map(|button| button.press.clone()).collect()
}

/// The buttons of a payload, read back from what they carry.
pub(super) fn buttons(payload: &Value) -> Vec<Press> {
    let rows = payload["blocks"].as_array().unwrap().iter().filter(|b| b["type"] == "actions");
    let all = rows.flat_map(|row| row["elements"].as_array().unwrap());
    let read = |b: &Value| Press::parse(b["action_id"].as_str()?, b["value"].as_str()?).ok();
    // Ways to other places; what they lead to is no press.
    let is_press =
        |b: &&Value| b["action_id"] != render::TIMELINE && b["action_id"] != render::PAGE;
    all.filter(is_press).map(|button| read(button).expect("our own button reads back")).collect()
}

pub(super) fn form(voice: &Voice<'_>, run: &Run, press: &Press, now: Timestamp) -> Option<Value> {
    let asks_code = comms::form::agrees(press);
    let form = comms::form::form(run, press, asks_code, now);
    assert_eq!(form.is_some(), press.ask.wants_words() || asks_code);
    let view = render::view(voice, &form?);
    let read = Press::parse(view["callback_id"].as_str()?, view["private_metadata"].as_str()?);
    assert_eq!(read.as_ref(), Ok(press));
    Some(view)
}

/// Slack's limits; ids once; and nothing from outside is a mention, a link or half an escape.
pub(super) fn check(kind: &str, payload: &Value, run: &Run, surface: Surface) {
    let blocks = payload["blocks"].as_array().unwrap();
    assert_eq!(violations(blocks, surface), [""; 0], "{kind}");
    if surface == Surface::Message {
        assert!(!payload["text"].as_str().unwrap().trim().is_empty(), "{kind} can be read aloud");
    }
    let mut ids = BTreeSet::new();
    let mut texts = vec![payload["text"].as_str().unwrap_or_default().to_owned()];
    walk(payload, &mut |value| {
        if let Some(id) = value["action_id"].as_str() {
            assert!(ids.insert(id.to_owned()), "{kind}: `{id}` twice");
        }
        if value["type"] == "mrkdwn" {
            texts.push(value["text"].as_str().unwrap().to_owned());
        }
        if value["type"] == "plain_text" {
            assert!(!value["text"].as_str().unwrap().trim().is_empty(), "{kind}: an empty text");
        }
    });
    let known = run.environment.people.iter().filter_map(|person| person.slack.as_ref());
    let mut mentions: Vec<String> = known.map(|slack| format!("<@{slack}>")).collect();
    let told = run.audiences().map(|one| format!("<#{}>", run.channel_of(&one)));
    mentions.extend(told);
    for text in texts {
        let mut rest = text.clone();
        for mention in &mentions {
            rest = rest.replace(mention.as_str(), "");
        }
        assert!(!rest.contains(['<', '>']), "{kind}: {rest}");
        let escapes = rest.matches('&').count();
        let good = ["&amp;", "&lt;", "&gt;"].map(|good| rest.matches(good).count());
        assert_eq!(escapes, good.iter().sum::<usize>(), "{kind}: half an escape in {rest}");
    }
}

fn walk(value: &Value, look: &mut impl FnMut(&Value)) {
    look(value);
    match value {
        Value::Object(map) => map.values().for_each(|value| walk(value, look)),
        Value::Array(list) => list.iter().for_each(|value| walk(value, look)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
