//! Which workspaces and channels may drive runs: everybody else is told so, alone, and changes nothing.

use serde_json::{Value, json};

use super::people::{ANTOINE, Button, MIA, ROOM, STRANGER};
use super::raw::interaction;
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Door, eventually};

const OURS: &str = "T01TEST";
const THEIRS: &str = "T0OTHER";

/// A command as Slack says it, by HTTP and by a socket; what was answered, which is the same.
async fn command(stage: &Stage, user: &str, team: &str, channel: &str, text: &str) -> String {
    let trigger = format!("{user}.{team}.{channel}.{text}");
    let fields = [
        ("command", "/dr"),
        ("text", text),
        ("user_id", user),
        ("team_id", team),
        ("channel_id", channel),
        ("trigger_id", &trigger),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let (status, by_http) = stage.send("commands", body).await;
    assert_eq!(status, 200, "{by_http}");
    let by_http: Value = serde_json::from_str(&by_http).expect("it is JSON");
    let payload: Value =
        fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let sockets = stage.sockets.as_ref().expect("there are some");
    let ack = sockets.deliver("slash_commands", &payload).await.expect("it is acknowledged");
    assert_eq!(ack.answer, by_http);
    by_http["text"].as_str().expect("there is one").to_owned()
}

#[tokio::test]
async fn only_named_workspaces_and_channels_drive_runs() {
    let runbooks = vec![("pin.yaml", excerpt("pin", &["pin-dns"]))];
    let chat = "teams: [T01TEST], channels: [C0SIDEROOM], ";
    let stage = Stage::open(Script { runbooks, chat, door: Door::Both, ..Script::default() }).await;
    let cases = [
        (ANTOINE, THEIRS, ROOM, "Rien n’est fait depuis cet espace de travail Slack (T0OTHER)"),
        (STRANGER, THEIRS, ROOM, "Nothing is done from this Slack workspace (T0OTHER)"),
        (ANTOINE, OURS, "C0OTHER", "Les exécutions ne se pilotent pas depuis ce salon"),
        (MIA, OURS, "C0OTHER", "Runs are not driven from this channel. Next: go to C0WARROOM"),
    ];
    for (user, team, channel, told) in cases {
        for text in ["start pin", "status", "note let me in"] {
            let said = command(&stage, user, team, channel, text).await;
            // Who is at home elsewhere is nobody we know, and gets the war room's language.
            let told =
                if team == THEIRS { "Nothing is done from this Slack workspace" } else { told };
            assert!(said.contains(told), "{user} in {team} {channel}: {said}");
        }
    }
    assert!(stage.record().await.is_none(), "nothing was started");
    command(&stage, MIA, OURS, "C0SIDEROOM", "start pin").await;
    let button = stage.button("approve", "pin-dns").await;
    clicks(&stage, &button).await;
    assert!(stage.log().contains("Refused a place"));
}

/// A guest of a shared channel may have the id of one of ours; at home elsewhere, it is another person.
async fn clicks(stage: &Stage, button: &Button) {
    let click = |team: &str, home: Option<&str>, channel: &str| {
        json!({
            "type": "block_actions", "team": { "id": team }, "user": { "id": MIA, "team_id": home },
            "channel": { "id": channel, "name": "somewhere" }, "trigger_id": format!("{team}{home:?}{channel}"),
            "actions": [{ "action_id": button.action, "value": button.value, "type": "button" }],
        })
    };
    let before = stage.events().await;
    let elsewhere = [
        click(OURS, Some(THEIRS), ROOM),
        click(THEIRS, Some(OURS), ROOM),
        click(THEIRS, None, ROOM),
        click(OURS, Some(OURS), "C0OTHER"),
    ];
    for (number, payload) in (1..).zip(elsewhere) {
        assert_eq!(stage.send("interactions", interaction(&payload)).await.0, 200);
        eventually(&format!("whisper {number}"), 20, || async {
            (stage.slack.called("chat.postEphemeral").await == number).then_some(())
        })
        .await;
        assert_eq!(stage.events().await, before, "{payload}");
        if payload["channel"]["id"] == ROOM {
            let told = stage.slack.ephemeral_to(MIA, ROOM).await;
            let told = told.last().expect("it is there")["text"].as_str().unwrap_or_default();
            assert!(told.contains("Slack workspace (T0OTHER)"), "{payload}: {told}");
        }
    }
    let ours = click(OURS, Some(OURS), ROOM);
    assert_eq!(stage.send("interactions", interaction(&ours)).await.0, 200);
    assert_eq!(stage.events().await, before + 1);
}
