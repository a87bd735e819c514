//! The app manifest asks Slack for what the product uses, and for nothing else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::repository;

fn manifest() -> Value {
    read("manifest.yaml")
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(repository().join("deploy/slack").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn slack_sources() -> String {
    let mut text = String::new();
    for folder in ["src/slack", "src/slack/socket"] {
        let folder = fs::read_dir(repository().join(folder)).unwrap();
        let files = folder.map(|file| file.unwrap().path()).filter(|path| path.is_file());
        text.extend(files.map(|path| fs::read_to_string(path).unwrap()));
    }
    text
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What a method of the Web API needs, by Slack's reference.
const NEEDS: [(&str, &[&str]); 17] = [
    ("chat_post_message", &["chat:write"]),
    ("chat_post_ephemeral", &["chat:write"]),
    ("chat_update", &["chat:write"]),
    ("views.open", &[]),
    ("views.publish", &[]),
    ("views.update", &[]),
    ("auth_test", &[]),
    ("users.info", &["users:read"]),
    ("usergroups.users.list", &["usergroups:read"]),
    ("conversations.replies", &["channels:history", "groups:history"]),
    ("chat.getPermalink", &[]),
    ("chat.scheduleMessage", &["chat:write"]),
    ("chat.scheduledMessages.list", &[]),
    ("chat.deleteScheduledMessage", &["chat:write"]),
    // The war room is a public or a private channel.
    ("conversations.history", &["channels:history", "groups:history"]),
    ("pins.add", &["pins:write"]),
    // Of the app-level token, `connections:write`; of the bot's, nothing.
    ("apps_connections_open", &[]),
];

/// What the code listens for, by its word there, the events that bring it, and what these need.
const HEARD: [(&str, &[&str], &[&str]); 5] = [
    ("app_home_opened", &["app_home_opened"], &[]),
    ("app_mention", &["app_mention"], &["app_mentions:read"]),
    (
        "message_changed",
        &["message.channels", "message.groups"],
        &["channels:history", "groups:history"],
    ),
    ("reaction_added", &["reaction_added"], &["reactions:read"]),
    ("reaction_removed", &["reaction_removed"], &["reactions:read"]),
];

#[test]
fn every_scope_is_used_and_every_use_has_its_scope() {
    let code = slack_sources();
    let calls: BTreeSet<String> = code
        .split("session.")
        .skip(1)
        .chain(
            code.split("session\n").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('.')),
        )
        .map(|rest| rest.split('(').next().unwrap().trim().to_owned())
        .collect();
    // What the library does not know is called by its name.
    let named = code.split('"').filter(|text| {
        let is_name = text.chars().all(|c| c.is_ascii_alphabetic() || c == '.');
        is_name
            && ["chat.", "conversations.", "pins.", "usergroups.", "users.", "views."]
                .iter()
                .any(|of| text.starts_with(of))
    });
    let calls: BTreeSet<String> = calls.into_iter().chain(named.map(str::to_owned)).collect();
    assert!(calls.len() >= 8, "{calls:?}");
    let mut wanted = BTreeSet::from(["commands".to_owned()]);
    wanted
        .extend(HEARD.iter().flat_map(|(.., scopes)| scopes.iter()).map(|&scope| scope.to_owned()));
    for call in calls.iter().filter(|call| {
        *call != "http_session_api.http_get" && *call != "http_session_api.http_post"
    }) {
        let known = NEEDS.iter().find(|(name, _)| name == call);
        let (_, scopes) = known.unwrap_or_else(|| panic!("`{call}`: say which scope it needs"));
        wanted.extend(scopes.iter().map(|&scope| scope.to_owned()));
    }
    assert_eq!(texts(&manifest()["oauth_config"]["scopes"]["bot"]), wanted);
}

#[test]
fn every_address_in_the_manifest_is_served() {
    let manifest = manifest();
    let command = &manifest["features"]["slash_commands"][0];
    let settings = &manifest["settings"];
    let asked = [
        &command["url"],
        &settings["event_subscriptions"]["request_url"],
        &settings["interactivity"]["request_url"],
    ];
    let asked: BTreeSet<String> = asked
        .iter()
        .map(|url| url::Url::parse(url.as_str().unwrap()).unwrap().path().to_owned())
        .collect();
    let code = slack_sources();
    let routes = code.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    assert_eq!(asked, routes.map(str::to_owned).collect::<BTreeSet<_>>());
    assert_eq!(command["command"], "/dr");
    assert_eq!(settings["interactivity"]["is_enabled"], true);
    assert_eq!(settings["socket_mode_enabled"], false);
    let heard = HEARD.iter().flat_map(|(_, events, _)| events.iter());
    let heard = heard.map(|&event| event.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(texts(&settings["event_subscriptions"]["bot_events"]), heard);
    for (word, ..) in HEARD {
        assert!(code.contains(&format!("\"{word}\"")), "nobody listens for `{word}`");
    }
    assert_eq!(manifest["features"]["app_home"]["home_tab_enabled"], true);
    let shortcut = &manifest["features"]["shortcuts"];
    assert_eq!(shortcut.as_array().unwrap().len(), 1);
    assert_eq!(shortcut[0]["callback_id"], dr_buddy::slack::SHORTCUT);
    assert_eq!(shortcut[0]["type"], "message");
    assert!(shortcut[0]["name"].as_str().unwrap().len() <= 24);
    let hint = command["usage_hint"].as_str().unwrap();
    for word in dr_buddy::slack::command::Word::ALL.map(|word| word.name()) {
        assert!(hint.contains(word), "the hint names `{word}`");
    }
}

/// What is left of a manifest without its addresses, the switch set like this.
fn without_addresses(mut manifest: Value, socket_mode: bool) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| name != "url" && name != "request_url");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut manifest);
    manifest["settings"]["socket_mode_enabled"] = socket_mode.into();
    manifest
}

#[test]
fn by_socket_mode_it_is_the_same_app() {
    let socket = read("manifest-socket.yaml");
    assert_eq!(socket["settings"]["socket_mode_enabled"], true);
    assert_eq!(socket, without_addresses(manifest(), true));
    assert_ne!(socket, without_addresses(manifest(), false));
}
