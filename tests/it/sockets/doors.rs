//! What keeps the sockets shut, and how that is said: what only people can mend apart from what passes.

use std::time::Duration;

use super::{App, TOKEN};
use crate::harness::{Meeting, eventually};

#[tokio::test]
async fn what_only_people_can_mend_is_said_with_the_next_step_and_not_tried_in_haste() {
    let cases = [
        ("invalid_auth", "make a new app-level token"),
        ("not_allowed_token_type", "not the bot's"),
        ("missing_scope", "connections:write"),
        ("link_disabled", "Socket Mode is switched on in its settings"),
    ];
    let check = |code: &'static str, next: &'static str| async move {
        let app = App::open(1, [Meeting::Refused(code)]).await;
        let said = eventually(code, 10, || async {
            let said = app.status.to_string();
            said.contains(code).then_some(said)
        })
        .await;
        assert!(said.contains("0 of 1") && said.contains(next), "{said}");
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert_eq!(app.slack.asked(), 1, "{code}: tried in haste");
        app.slack.opened(1).await;
        eventually("it is mended", 5, || async {
            (app.status.to_string() == "socket mode: 1 of 1 open").then_some(())
        })
        .await;
    };
    tokio::join!(
        check(cases[0].0, cases[0].1),
        check(cases[1].0, cases[1].1),
        check(cases[2].0, cases[2].1),
        check(cases[3].0, cases[3].1),
    );
}

#[tokio::test]
async fn the_bots_token_is_told_apart_from_the_apps() {
    let app = App::open_with("xoxb-1", 1, []).await;
    eventually("it says which token", 10, || async {
        app.status.to_string().contains("not the bot's").then_some(())
    })
    .await;
    assert_eq!(app.status.open(), 0);
    assert!(!app.status.to_string().contains(TOKEN));
}

#[tokio::test]
async fn what_passes_is_tried_again_soon_and_as_slack_asks() {
    let meetings = [
        Meeting::Refused("internal_error"),
        Meeting::Refused("fatal_error"),
        Meeting::RateLimited(1),
        Meeting::TurnedAway("warning"),
    ];
    let app = App::open(1, meetings).await;
    let socket = app.slack.opened(1).await[0];
    app.assert_serves(socket).await;
    assert_eq!(app.slack.asked(), 5);
}

#[tokio::test]
async fn a_socket_too_many_at_the_door_is_not_followed_by_a_storm() {
    let app = App::open(1, [Meeting::TurnedAway("too_many_websockets")]).await;
    eventually("it says so", 10, || async {
        app.status.to_string().contains("fewer replicas").then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(app.slack.asked(), 1);
    app.slack.opened(1).await;
}
