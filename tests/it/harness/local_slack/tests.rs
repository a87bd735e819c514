use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use std::sync::{Arc, Mutex};

use super::*;
use crate::harness::signing::signed_at;

type Heard = Arc<Mutex<Vec<(String, bool)>>>;

#[derive(Clone)]
struct App {
    secret: String,
    heard: Heard,
}

/// A listener as the product is one: checks the signature, keeps the path, answers 200.
async fn hear(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let timestamp = headers["x-slack-request-timestamp"].to_str().unwrap().parse().unwrap();
    let wanted = &signed_at(&app.secret, timestamp, &body)[1].1;
    let valid = headers["x-slack-signature"] == wanted.as_str();
    app.heard.lock().unwrap().push((uri.path().to_owned(), valid));
    StatusCode::OK
}

#[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
async fn with_app() -> (LocalSlack, Heard) {
    let setup =
        SlackSetup::new(&[("U0ANNA", "anna"), ("U0BEN", "ben")], &[("C0INCIDENT", "incident")]);
    let slack = local_slack(setup).await;
    let heard = Heard::default();
    let app = App { secret: slack.setup.signing_secret.clone(), heard: Arc::clone(&heard) };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    slack.connect(&format!("http://{}", listener.local_addr().unwrap()), AppPaths::default());
    let router = Router::new().fallback(hear).with_state(app);
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    (slack, heard)
}

/// Calls the Web API as the product does.
async fn api(slack: &LocalSlack, method: &str, arguments: Value) -> Value {
    let request = http().post(format!("{}/{method}", slack.api_url()));
    let sent = request.bearer_auth(&slack.setup.bot_token).json(&arguments).send().await.unwrap();
    let answer: Value = sent.json().await.unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}

#[tokio::test]
async fn a_slash_command_through_local_slack_arrives_with_a_valid_signature() {
    let (slack, heard) = with_app().await;
    slack.command("U0ANNA", "C0INCIDENT", "/dr", "start region-failover").await;
    assert_eq!(*heard.lock().unwrap(), [("/slack/commands".to_owned(), true)]);
    let delivery = slack.deliveries().remove(0);
    let payload = delivery.payload();
    assert_eq!(payload["command"], "/dr");
    assert_eq!(payload["text"], "start region-failover");
    assert_eq!(payload["user_id"], "U0ANNA");
    assert_eq!(payload["channel_id"], "C0INCIDENT");
    assert_eq!(payload["team_id"], "T01TEST");
    assert_eq!(delivery.answers[0].status, 200);
    assert_eq!(delivery.headers.len(), 3);
    assert!(delivery.answers[0].took_ms < 3000 && delivery.answers[0].body.is_empty());
}

#[tokio::test]
async fn a_click_by_a_second_person_carries_the_button_and_the_message() {
    let (slack, heard) = with_app().await;
    let button = json!({
        "type": "button", "action_id": "approve", "value": "r1.s1.d1",
        "text": { "type": "plain_text", "text": "Approve" },
    });
    let blocks = json!([{ "type": "actions", "block_id": "step", "elements": [button] }]);
    let message = json!({ "channel": "C0INCIDENT", "text": "Approve?", "blocks": blocks });
    let posted = api(&slack, "chat.postMessage", message).await;
    let ts = posted["ts"].as_str().unwrap();
    let click = Click {
        user: "U0BEN",
        channel: "C0INCIDENT",
        ts,
        action_id: "approve",
        value: Some("r1.s1.d1"),
    };
    slack.click(click).await;
    slack.click_stale(Click { value: Some("r1.s1.d0"), ..click }, "step").await;
    assert_eq!(*heard.lock().unwrap(), vec![("/slack/interactions".to_owned(), true); 2]);
    let deliveries = slack.deliveries();
    let payload = deliveries[0].payload();
    assert_eq!(payload["type"], "block_actions");
    assert_eq!(payload["user"]["id"], "U0BEN");
    assert_eq!(payload["message"]["ts"], ts);
    assert_eq!(payload["actions"][0]["value"], "r1.s1.d1");
    assert_eq!(payload["actions"][0]["block_id"], "step");
    assert_eq!(deliveries[1].payload()["actions"][0]["value"], "r1.s1.d0");

    let whisper = json!({ "channel": "C0INCIDENT", "user": "U0BEN", "text": "not you" });
    api(&slack, "chat.postEphemeral", whisper).await;
    assert_eq!(slack.ephemeral_to("U0BEN", "C0INCIDENT").await[0]["text"], "not you");
    assert_eq!(slack.ephemeral_to("U0ANNA", "C0INCIDENT").await, Vec::<Value>::new());
    assert_eq!(slack.messages("C0INCIDENT").await[0]["blocks"][0]["block_id"], "step");
    assert_eq!(slack.called("chat.postMessage").await, 1);
}

#[tokio::test]
async fn a_mention_arrives_as_two_events_and_doubled_deliveries_as_four() {
    let (slack, heard) = with_app().await;
    slack.mention("U0ANNA", "C0INCIDENT", "status").await;
    let kinds = |slack: &LocalSlack| -> Vec<Value> {
        slack.deliveries().iter().map(|one| one.payload()["event"]["type"].clone()).collect()
    };
    assert_eq!(kinds(&slack), ["message", "app_mention"]);
    let mention = slack.deliveries()[1].payload();
    assert_eq!(mention["event"]["text"], "<@U0BOT> status");
    assert!(mention["event_id"].is_string());

    slack.deliver(Deliveries::Doubled);
    slack.mention("U0ANNA", "C0INCIDENT", "status").await;
    let answers: Vec<usize> = slack.deliveries().iter().map(|one| one.answers.len()).collect();
    assert_eq!(answers, [1, 1, 2, 2]);
    assert_eq!(*heard.lock().unwrap(), vec![("/slack/events".to_owned(), true); 6]);
}

#[tokio::test]
async fn a_modal_is_opened_by_a_trigger_and_submitted_by_a_person() {
    let (slack, _) = with_app().await;
    slack.command("U0ANNA", "C0INCIDENT", "/dr", "note").await;
    let trigger = slack.deliveries()[0].payload()["trigger_id"].clone();
    let input = json!({
        "type": "input", "block_id": "why", "label": { "type": "plain_text", "text": "Why" },
        "element": { "type": "plain_text_input", "action_id": "reason" },
    });
    let view = json!({
        "type": "modal", "callback_id": "skip", "private_metadata": "r1.s1",
        "title": { "type": "plain_text", "text": "Skip" }, "blocks": [input],
    });
    api(&slack, "views.open", json!({ "trigger_id": trigger, "view": view })).await;
    assert_eq!(slack.modal().await.unwrap()["callback_id"], "skip");
    let value = json!({ "type": "plain_text_input", "value": "already done by hand" });
    slack.submit_modal("U0BEN", &[("why", "reason", value)]).await;
    let payload = slack.deliveries().last().unwrap().payload();
    assert_eq!(payload["type"], "view_submission");
    assert_eq!(payload["user"]["id"], "U0BEN");
    assert_eq!(payload["view"]["private_metadata"], "r1.s1");
    assert_eq!(
        payload["view"]["state"]["values"]["why"]["reason"]["value"],
        "already done by hand"
    );
    eventually("the modal is closed", 5, || async { slack.modal().await.is_none().then_some(()) })
        .await;
}
