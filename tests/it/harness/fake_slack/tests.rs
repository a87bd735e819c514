//! The fake is as strict as Slack, and fails as it is told.

use super::*;

async fn call(slack: &FakeSlack, method: &str, arguments: Value) -> Value {
    let request = crate::harness::http().post(format!("{}/{method}", slack.api_url));
    let sent = request.bearer_auth("xoxb-1").json(&arguments).send().await.unwrap();
    sent.json().await.unwrap()
}

fn button(action_id: &str) -> Value {
    let text = json!({ "type": "plain_text", "text": "Run" });
    json!({ "type": "button", "text": text, "action_id": action_id, "value": "r1.s1" })
}

#[tokio::test]
async fn it_keeps_messages_and_every_call_in_order() {
    let slack = fake_slack("xoxb-1", &[("U1", "anna")]).await;
    let posted = call(&slack, "chat.postMessage", json!({ "channel": "C1", "text": "a" })).await;
    let ts = posted["ts"].as_str().unwrap();
    let updated =
        call(&slack, "chat.update", json!({ "channel": "C1", "ts": ts, "text": "b" })).await;
    assert_eq!(updated["ok"], true);
    assert_eq!(slack.messages()[&("C1".into(), ts.into())]["text"], "b");
    let gone = json!({ "channel": "C1", "ts": "1.2", "text": "b" });
    assert_eq!(call(&slack, "chat.update", gone).await["error"], "message_not_found");
    let whisper = json!({ "channel": "C1", "user": "U1", "text": "b" });
    assert_eq!(call(&slack, "chat.postEphemeral", whisper).await["ok"], true);
    assert_eq!(call(&slack, "users.info", json!({ "user": "U1" })).await["user"]["name"], "anna");
    let methods: Vec<_> = slack.calls().into_iter().map(|call| call.method).collect();
    let expected =
        ["chat.postMessage", "chat.update", "chat.update", "chat.postEphemeral", "users.info"];
    assert_eq!(methods, expected);
}

#[tokio::test]
async fn it_refuses_what_slack_refuses() {
    let slack = fake_slack("xoxb-1", &[]).await;
    let section =
        |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
    let named = |id: &str| json!({ "type": "divider", "block_id": id });
    let mut long_value = button("a");
    long_value["value"] = json!("v".repeat(2001));
    let mut long_label = button("a");
    long_label["text"]["text"] = json!("x".repeat(76));
    let bad = [
        json!(vec![json!({ "type": "divider" }); 51]),
        json!([section(&"x".repeat(3001))]),
        json!([section("")]),
        json!([named("b"), named("b")]),
        json!([{ "type": "actions", "elements": [button("a"), button("a")] }]),
        json!([{ "type": "actions", "elements": [long_value] }]),
        json!([{ "type": "actions", "elements": [long_label] }]),
        json!([{ "type": "actions", "elements": vec![button("a"); 26] }]),
        json!([{ "type": "header", "text": { "type": "mrkdwn", "text": "x" } }]),
        json!([{ "type": "banner" }]),
    ];
    for blocks in bad {
        let arguments = json!({ "channel": "C1", "text": "a", "blocks": blocks });
        let answer = call(&slack, "chat.postMessage", arguments).await;
        assert_eq!(answer["error"], "invalid_blocks", "{blocks}");
    }
    let good = json!([section("x"), { "type": "actions", "elements": [button("a"), button("b")] }]);
    let mute = json!({ "channel": "C1", "blocks": good });
    assert_eq!(call(&slack, "chat.postMessage", mute).await["error"], "no_text");
    let spoken = json!({ "channel": "C1", "text": "a", "blocks": good });
    assert_eq!(call(&slack, "chat.postMessage", spoken).await["ok"], true);
    let stranger = crate::harness::http().post(format!("{}/auth.test", slack.api_url));
    let answer: Value = stranger.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"], "not_authed");
}

#[tokio::test]
async fn it_opens_a_modal_only_with_a_fresh_trigger() {
    let slack = fake_slack("xoxb-1", &[]).await;
    let view =
        json!({ "type": "modal", "title": { "type": "plain_text", "text": "Why" }, "blocks": [] });
    let open = |trigger: String| json!({ "trigger_id": trigger, "view": view });
    let fresh = slack.trigger();
    assert_eq!(call(&slack, "views.open", open(fresh.clone())).await["ok"], true);
    assert_eq!(call(&slack, "views.open", open(fresh)).await["error"], "invalid_trigger_id");
    let old = open(slack.expired_trigger());
    assert_eq!(call(&slack, "views.open", old).await["error"], "expired_trigger_id");
}

#[tokio::test]
async fn it_fails_as_told_and_only_then() {
    let slack = fake_slack("xoxb-1", &[]).await;
    let client = crate::harness::http();
    let post = || {
        let request = client.post(format!("{}/chat.postMessage", slack.api_url));
        let form = "application/x-www-form-urlencoded";
        request.bearer_auth("xoxb-1").header("content-type", form).body("channel=C1&text=a")
    };
    slack.spoil_next("chat.postMessage", Fault::RateLimited { retry_after: 7 });
    let limited = post().send().await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    slack.spoil_next("*", Fault::Unavailable);
    assert_eq!(post().send().await.unwrap().status(), 503);
    slack.spoil_next("*", Fault::Error("fatal_error".into()));
    let failed: Value = post().send().await.unwrap().json().await.unwrap();
    assert_eq!(failed["error"], "fatal_error");
    assert!(slack.messages().is_empty());
    slack.spoil_next("*", Fault::AnswerLost);
    assert!(post().timeout(Duration::from_millis(200)).send().await.is_err());
    assert_eq!(slack.messages().len(), 1, "it was posted all the same");
    slack.spoil_next("*", Fault::Delay(Duration::from_millis(10)));
    assert_eq!(post().send().await.unwrap().status(), 200);
}
