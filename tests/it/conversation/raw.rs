//! What is not from Slack, or not as Slack sends it, at the doors of the running server.

use serde_json::{Value, json};

use super::people::{ANTOINE, LEO, MIA, ROOM};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{http, now_s, signed, signed_at};

const DOORS: [&str; 3] = ["commands", "interactions", "events"];

type Headers = Vec<(&'static str, String)>;

impl Stage {
    async fn knock(&self, door: &str, headers: Headers, body: impl Into<Vec<u8>>) -> (u16, String) {
        let kind = match door {
            "events" => "application/json",
            _ => "application/x-www-form-urlencoded",
        };
        let url = format!("{}/slack/{door}", self.base);
        let mut request = http().post(url).header("content-type", kind).body(body.into());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap_or_default())
    }

    fn sign(&self, body: &[u8]) -> Headers {
        signed(&self.slack.setup.signing_secret, body).into()
    }

    /// Sends well-signed bytes.
    pub(super) async fn send(&self, door: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let body = body.into();
        let headers = self.sign(&body);
        self.knock(door, headers, body).await
    }
}

/// The body of an interaction.
pub(crate) fn interaction(payload: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string()).finish()
}

fn good(door: &str) -> String {
    match door {
        "commands" => format!("command=%2Fdr&text=start+incident&user_id={ANTOINE}&team_id=T01TEST&channel_id={ROOM}"),
        "interactions" => interaction(&json!({
            "type": "block_actions", "user": { "id": ANTOINE }, "team": { "id": "T01TEST" },
            "actions": [{ "action_id": "resume", "value": "a||" }],
        })),
        _ => json!({
            "type": "event_callback", "event_id": "E1", "team_id": "T01TEST",
            "event": { "type": "app_mention", "user": ANTOINE, "channel": ROOM, "text": "<@B> start incident" },
        })
        .to_string(),
    }
}

async fn unsigned(stage: &Stage) {
    for door in DOORS {
        let body = good(door);
        let forged = signed("not the secret, which is not known", body.as_bytes()).into();
        assert_eq!(stage.knock(door, forged, body.clone()).await.0, 401, "{door}, forged");
        let other = stage.sign(b"other bytes");
        assert_eq!(stage.knock(door, other, body.clone()).await.0, 401, "{door}, of other bytes");
        for at in [now_s() - 301, now_s() + 400, 0] {
            let secret = &stage.slack.setup.signing_secret;
            let stale = signed_at(secret, at, body.as_bytes()).into();
            assert_eq!(stage.knock(door, stale, body.clone()).await.0, 401, "{door}, at {at}");
        }
        assert_eq!(stage.knock(door, vec![], body.clone()).await.0, 401, "{door}, unsigned");
        for missing in 0..2 {
            let mut headers = stage.sign(body.as_bytes());
            headers.remove(missing);
            assert_eq!(
                stage.knock(door, headers, body.clone()).await.0,
                401,
                "{door}, half signed"
            );
        }
        let mut odd = stage.sign(body.as_bytes());
        odd[0].1 = "yesterday".to_owned();
        let status = stage.knock(door, odd, body).await.0;
        assert!(matches!(status, 400 | 401), "{door}, odd time: {status}");
    }
}

async fn unreadable(stage: &Stage) {
    for door in DOORS {
        assert_eq!(stage.send(door, vec![b'x'; 600 * 1024]).await.0, 413, "{door}");
    }
    let no_user = json!({ "type": "block_actions", "actions": [] });
    let no_type = json!({ "user": { "id": ANTOINE } });
    let cases: [(&str, String); 9] = [
        ("commands", String::new()),
        ("commands", "text=start".into()),
        ("interactions", String::new()),
        ("interactions", "payload=%7Bnot".into()),
        ("interactions", "payload=".into()),
        ("interactions", interaction(&no_user)),
        ("interactions", interaction(&no_type)),
        ("events", "{".into()),
        ("events", "payload=%7B%7D".into()),
    ];
    for (door, body) in cases {
        assert_eq!(stage.send(door, body.clone()).await.0, 400, "{door}: {body}");
    }
    let strange = [vec![0xff, 0xfe, 0x00], b"user_id=%ff%fe&text=%00".to_vec()];
    for body in strange {
        for door in DOORS {
            let status = stage.send(door, body.clone()).await.0;
            assert!(matches!(status, 200 | 400), "{door}: {status}");
        }
    }
    assert_eq!(stage.send("nowhere", "x").await.0, 404);
    let challenge = json!({ "type": "url_verification", "challenge": "c-1" }).to_string();
    let (status, said) = stage.send("events", challenge).await;
    assert!(status == 200 && said.contains("c-1"), "{said}");
}

#[tokio::test]
async fn what_slack_did_not_send_changes_nothing_and_what_it_sent_oddly_counts() {
    let runbooks = vec![("pin.yaml", excerpt("pin", &["pin-dns"]))];
    let stage = Stage::open(Script { runbooks, ..Script::default() }).await;
    unsigned(&stage).await;
    unreadable(&stage).await;
    assert!(stage.record().await.is_none(), "nothing was started");
    assert_eq!(stage.slack.called("chat.postMessage").await, 0);
    let log = stage.log();
    assert!(log.contains("Refused an unsigned request") && log.contains("Refused a payload"));
    assert!(!log.contains("panicked"), "{log}");

    stage.type_dr(ANTOINE, "start pin").await;
    let button = stage.button("approve", "pin-dns").await;
    let click = |user: Value, team: Value| {
        json!({
            "type": "block_actions", "user": user, "team": team, "enterprise": { "id": "E1" },
            "is_enterprise_install": true, "container": { "channel_id": ROOM }, "channel": null,
            "actions": [{ "action_id": button.action, "value": button.value, "type": "button",
                "new": ["field"] }],
            "message": null, "state": 7, "trigger_id": "1.2.abc",
        })
    };
    // Leo's entry names no team's id in the click, nor anything else of the team.
    let odd = click(json!({ "id": LEO, "name": 5 }), Value::Null);
    let other_team = click(json!({ "id": LEO, "team_id": "T0OTHER" }), Value::Null);
    let before = stage.events().await;
    assert_eq!(stage.send("interactions", interaction(&other_team)).await.0, 200);
    assert_eq!(stage.send("interactions", interaction(&odd)).await.0, 200);
    assert_eq!(stage.events().await, before, "Leo may be another team's Leo");
    let mia = click(json!({ "id": MIA }), Value::Null);
    assert_eq!(stage.send("interactions", interaction(&mia)).await.0, 200);
    assert_eq!(stage.events().await, before + 1, "a click with `team: null` is a click");
    let leo = click(json!({ "id": LEO, "team_id": "T01TEST" }), Value::Null);
    assert_eq!(stage.send("interactions", interaction(&leo)).await.0, 200);
    assert!(stage.events().await > before + 2, "and so is one that names the team elsewhere");
}
