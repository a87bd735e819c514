//! What must not cost an envelope: the four conditions under which another listener loses some, and more of that kind.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::App;
use crate::harness::{Meeting, Say, eventually};

#[tokio::test]
async fn a_slow_handler_holds_nobody_up_and_its_own_socket_stays_open() {
    let app = App::open(1, []).await;
    let socket = app.slack.opened(1).await[0];
    // Longer than a socket may be silent.
    let slow = app.send(socket, &json!({ "do": "take time", "ms": 3500 }));
    for _ in 0..3 {
        app.assert_serves(socket).await;
    }
    assert!(app.slack.ack(&slow).is_none(), "it is acknowledged when it is done, not before");
    assert_eq!(app.slack.acked(&slow).await.socket, socket);
    assert_eq!(app.slack.open(), [socket]);
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_acknowledgement_and_nothing_else() {
    let app = App::open(1, []).await;
    let socket = app.slack.opened(1).await[0];
    let panicked = app.send(socket, &json!({ "do": "panic" }));
    app.assert_serves(socket).await;
    app.assert_serves(socket).await;
    assert!(app.slack.ack(&panicked).is_none());
    assert_eq!(app.slack.open(), [socket]);
}

#[tokio::test]
async fn a_peer_that_never_answers_costs_one_try() {
    let meetings = [Meeting::NoHandshake, Meeting::NoHello, Meeting::NoHandshake];
    let app = App::open(2, meetings).await;
    let begun = Instant::now();
    for socket in app.slack.opened(2).await {
        app.assert_serves(socket).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_socket_that_is_cut_is_replaced_and_what_was_not_acknowledged_comes_again() {
    let app = App::open(2, []).await;
    let open = app.slack.opened(2).await;
    let how = json!({ "do": "take time", "ms": 700, "name": "cut" });
    let cut = app.send(open[0], &how);
    app.assert_serves(open[0]).await;
    app.slack.say(open[0], Say::Vanish);
    app.slack.ended(open[0]).await;
    let again = app.send(open[1], &how);
    assert_eq!(app.slack.acked(&again).await.socket, open[1]);
    let handled = || app.handled().into_iter().filter(|one| *one == how).count();
    eventually("both are handled to their end", 10, || async { (handled() == 2).then_some(()) })
        .await;
    assert!(app.slack.ack(&cut).is_none());
    let now = app.slack.opened(2).await;
    assert!(!now.contains(&open[0]));
    assert_eq!(app.slack.gap(), Duration::ZERO);
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_replaced() {
    let app = App::open(2, []).await;
    let open = app.slack.opened(2).await;
    app.slack.say(open[0], Say::Deaf(Duration::from_secs(8)));
    let begun = Instant::now();
    eventually("a third is open", 7, || async {
        app.slack.open().iter().any(|socket| !open.contains(socket)).then_some(())
    })
    .await;
    assert!(begun.elapsed() > Duration::from_secs(1), "it was given time");
    app.assert_serves(open[1]).await;
}

#[tokio::test]
async fn nonsense_is_passed_over_and_what_follows_is_served() {
    let app = App::open(1, []).await;
    let socket = app.slack.opened(1).await[0];
    let nonsense = [
        "",
        "{",
        "null",
        "[]",
        "7",
        "{\"type\":7}",
        "{\"type\":\"interactive\"}",
        "\u{0}\u{1F4A5}",
    ];
    for text in nonsense {
        app.slack.say(socket, Say::Text(text.to_owned()));
    }
    app.slack.say(socket, Say::Binary(vec![0xff; 100]));
    let (_, bytes) = app.slack.envelope("interactive", &json!({ "do": "nothing" }));
    app.slack.say(socket, Say::Binary(bytes.into_bytes()));
    let (long, text) = app.slack.envelope("interactive", &json!({ "x": "x".repeat(600 * 1024) }));
    app.slack.say(socket, Say::Text(text));
    let surprise = app.slack.send(socket, "surprise", &json!({}));
    let (id, text) =
        app.slack.envelope("interactive", &json!({ "do": "nothing", "é": "é".repeat(5000) }));
    app.slack.say(socket, Say::Split(text, 7));
    assert_eq!(app.slack.acked(&id).await.socket, socket, "in seven frames");
    assert_eq!(app.slack.acked(&surprise).await.answer, Value::Null);
    app.assert_serves(socket).await;
    assert!(app.slack.ack(&long).is_none(), "longer than anything Slack sends");
    assert_eq!(app.handled().len(), 2);
    // More than is read at all: that socket is lost, the next one serves.
    app.slack.say(socket, Say::Text("x".repeat(17 * 1024 * 1024)));
    app.slack.ended(socket).await;
    let new = app.slack.opened(1).await[0];
    app.assert_serves(new).await;
}

#[tokio::test]
async fn two_hundred_at_the_same_moment_are_all_served() {
    let app = App::open(2, []).await;
    let open = app.slack.opened(2).await;
    let how = json!({ "do": "take time", "ms": 300 });
    let sent: Vec<String> = (0..200).map(|n| app.send(open[n % 2], &how)).collect();
    for envelope in &sent {
        app.slack.acked(envelope).await;
    }
    assert_eq!(app.slack.open(), open);
}

#[tokio::test]
async fn only_what_is_on_the_record_is_acknowledged_and_with_its_answer() {
    let app = App::open(1, []).await;
    let socket = app.slack.opened(1).await[0];
    let failed = app.send(socket, &json!({ "do": "fail" }));
    let answer = json!({ "do": "answer" });
    for (kind, text) in [("slash_commands", "Command"), ("interactive", "Interaction")] {
        let envelope = app.slack.send(socket, kind, &answer);
        assert_eq!(app.slack.acked(&envelope).await.answer, json!({ "text": text }));
    }
    let event = app.slack.send(socket, "events_api", &answer);
    assert_eq!(app.slack.acked(&event).await.answer, Value::Null, "Slack takes none there");
    assert!(app.slack.ack(&failed).is_none());
}
