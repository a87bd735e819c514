//! Sockets are replaced without a moment in which none is open, and what is in hand is finished.

use std::time::Duration;

use serde_json::json;

use super::App;
use crate::harness::{Say, eventually};

#[tokio::test]
async fn a_new_socket_is_open_before_the_old_one_ends_and_what_is_in_hand_is_acknowledged() {
    let app = App::open(1, []).await;
    for reason in ["warning", "refresh_requested", "link_disabled"] {
        let old = app.slack.opened(1).await[0];
        let slow = app.send(old, &json!({ "do": "take time", "ms": 1500 }));
        app.slack.disconnect(old, reason);
        let late = app.send(old, &json!({ "do": "nothing" }));
        let both = app.slack.opened(2).await;
        assert_eq!(both[0], old, "{reason}: the old one is open still");
        app.assert_serves(both[1]).await;
        assert_eq!(app.slack.acked(&late).await.socket, old, "{reason}");
        assert_eq!(app.slack.acked(&slow).await.socket, old, "{reason}");
        app.slack.ended(old).await;
        assert_eq!(app.slack.open(), [both[1]], "{reason}");
    }
    assert_eq!(app.slack.gap(), Duration::ZERO);
    assert_eq!(app.slack.asked(), 4);
}

#[tokio::test]
async fn all_sockets_refreshed_at_once_leave_no_gap_either() {
    let app = App::open(2, []).await;
    let old = app.slack.opened(2).await;
    for socket in &old {
        app.slack.disconnect(*socket, "refresh_requested");
    }
    for socket in &old {
        app.slack.ended(*socket).await;
    }
    for socket in app.slack.opened(2).await {
        assert!(!old.contains(&socket));
        app.assert_serves(socket).await;
    }
    assert_eq!(app.slack.gap(), Duration::ZERO);
}

#[tokio::test]
async fn too_many_sockets_are_not_answered_with_more_of_them() {
    let app = App::open(1, []).await;
    let old = app.slack.opened(1).await[0];
    app.slack.disconnect(old, "too_many_websockets");
    // Half of the longest wait is the least.
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(app.slack.asked(), 1, "another was asked for at once");
    app.assert_serves(old).await;
    app.slack.say(old, Say::Close);
    app.slack.ended(old).await;
    let new = app.slack.opened(1).await;
    assert_ne!(new, [old]);
}

#[tokio::test]
async fn what_is_in_hand_at_the_end_is_finished_and_nothing_more_is_taken() {
    let app = App::open(2, []).await;
    let open = app.slack.opened(2).await;
    let slow = app.send(open[0], &json!({ "do": "take time", "ms": 1200 }));
    // Another after it on the same socket: when it is acknowledged, the first is in hand.
    app.assert_serves(open[0]).await;
    let draining = {
        let supervisor = app.supervisor.clone();
        async move { supervisor.drain(Duration::from_secs(20)).await }
    };
    let meanwhile = async {
        app.slack.ended(open[1]).await;
        app.send(open[0], &json!({ "do": "too late" }))
    };
    let (drained, late) = tokio::join!(draining, meanwhile);
    assert!(drained, "it ends in time");
    assert!(app.slack.ack(&slow).is_some(), "what was in hand is acknowledged");
    assert!(app.slack.ack(&late).is_none());
    assert!(!app.handled().contains(&json!({ "do": "too late" })), "it was taken all the same");
    eventually("both are closed", 5, || async { app.slack.open().is_empty().then_some(()) }).await;
    assert_eq!(app.slack.asked(), 2, "no socket was opened at the end");
}
