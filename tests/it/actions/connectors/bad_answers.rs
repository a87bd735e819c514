//! What is not the answer that was expected is a named outcome, whatever it is, and holds no secret.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use dr_buddy::actions::{Happened, LookError, Outcome};
use dr_buddy::domain::connector::Connector;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{SECRET, Server, says, step, step_with, written};
use crate::actions::{is_accepted, is_unknown};

const OWN: &str = r#"
id: tickets
url: "${tickets.api}"
auth: {bearer: {secret: tickets}}
timeout: 10s
operations:
  read:
    about: Read
    danger: reads
    method: GET
    path: /ticket
    facts: {state: {from: body.state, example: open}}
  close:
    about: Close
    danger: changes
    repeat: names_state
    method: POST
    path: /ticket
    probe: {operation: read, done: "body.state == 'closed'"}
"#;

fn connector() -> Connector {
    written(OWN)
}

fn with() -> Value {
    json!({})
}

/// What a write comes to that is answered so; the looks find a ticket that is open.
async fn comes_to(answer: fn() -> axum::response::Response) -> Outcome {
    let server = Server::start(move |asked| match asked.method.as_str() {
        "GET" => says(200, &json!({"state": "open", "you_sent": SECRET})),
        _ => answer(),
    })
    .await;
    let mut step = step(&connector(), "close", &server.base, with());
    let preview = step.preview().await;
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    let outcome = step.run(&preview).await;
    let writes = server.asked().iter().filter(|asked| asked.method == "POST").count();
    assert_eq!(writes, 1, "sent once, and never followed anywhere: {outcome:?}");
    assert!(!format!("{outcome:?}{:?}", step.probe(&preview).await).contains(SECRET));
    outcome
}

fn failed(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { error: LookError::Refused { detail, .. } } => detail,
        Outcome::Accepted { .. } | Outcome::Failed { .. } | Outcome::Unknown { .. } => {
            panic!("{outcome:?}")
        }
    }
}

fn unknown(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Unknown { error, .. } => error,
        Outcome::Accepted { .. } | Outcome::Failed { .. } => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn what_is_no_answer_is_in_doubt_and_a_plain_no_has_failed() {
    let ok = comes_to(|| says(201, &json!({"state": "closed", "token": SECRET}))).await;
    assert!(is_accepted(&ok), "{ok:?}");
    let empty = comes_to(|| StatusCode::NO_CONTENT.into_response()).await;
    assert!(is_accepted(&empty), "{empty:?}");
    let page = comes_to(|| axum::response::Html("<html>Sign in</html>").into_response()).await;
    assert_eq!(unknown(&page), "told.page 200");
    let huge = comes_to(|| says(200, &json!({"x": "y".repeat(2 << 20)}))).await;
    assert_eq!(unknown(&huge), "told.huge 1024");
    let login = comes_to(|| {
        let place = format!("https://login.example.com/?ticket={SECRET}");
        (StatusCode::FOUND, [("location", place)]).into_response()
    })
    .await;
    assert_eq!(unknown(&login), "told.redirected https://login.example.com");
    let limited = comes_to(|| {
        (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "30")], "slow").into_response()
    })
    .await;
    assert_eq!(failed(&limited), "told.too_many 30");
    let wrong = comes_to(|| says(422, &json!({"message": format!("bad {SECRET}")}))).await;
    assert_eq!(failed(&wrong), "told.status 422 | {\"message\":\"bad [hidden]\"}");
    for status in [409, 500, 503] {
        let response = match status {
            409 => comes_to(|| says(409, &json!({}))).await,
            500 => comes_to(|| says(500, &json!({}))).await,
            _ => comes_to(|| says(503, &json!({}))).await,
        };
        assert!(is_unknown(&response), "{status}: {response:?}");
    }
}

/// A server that takes a request, says this, and closes the connection.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn raw(says: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = [0_u8; 4096];
            let length = stream.read(&mut seen).await.unwrap_or_default();
            let is_write = seen.get(..length).is_some_and(|seen| seen.starts_with(b"POST"));
            let open = "HTTP/1.1 200 OK\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{\"state\":\"open\"}";
            stream.write_all(if is_write { says } else { open }.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    });
    base
}

#[tokio::test]
async fn half_an_answer_and_none_are_in_doubt_and_no_connection_has_failed() {
    let half = raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"state\":").await;
    let mut step_half = step(&connector(), "close", &half, with());
    let preview = step_half.preview().await;
    assert_eq!(unknown(&step_half.run(&preview).await), "told.half");
    let none = raw("").await;
    let mut step_none = step(&connector(), "close", &none, with());
    let preview = step_none.preview().await;
    assert!(is_unknown(&step_none.run(&preview).await));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let step = step(&connector(), "read", &gone, with());
    let error = step.action.preview(&step.call()).await.unwrap_err();
    assert!(matches!(error, LookError::Unreachable { .. }), "{error:?}");
    // The certificate of nobody: no request is sent, and the reason is named.
    let server = Server::start(|_| says(200, &json!({}))).await;
    let https = server.base.replace("http://", "https://");
    let step = super::step(&connector(), "read", &https, with());
    let error = step.action.preview(&step.call()).await.unwrap_err();
    assert!(matches!(error, LookError::Unreachable { .. }), "{error:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_question_is_asked_again_and_what_changes_something_is_not() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "GET" => (StatusCode::SERVICE_UNAVAILABLE, "later").into_response(),
        _ => says(503, &json!({})),
    })
    .await;
    let mut step = step(&connector(), "close", &server.base, with());
    let preview = step.preview().await;
    assert_eq!(server.asked().len(), 3);
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
    assert!(is_unknown(&step.run(&preview).await));
    let writes = server.asked().iter().filter(|asked| asked.method == "POST").count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn nothing_goes_where_the_settings_do_not_let_it() {
    let server = Server::start(|_| says(200, &json!({"state": "open"}))).await;
    let connector = connector();
    let allowed = super::settings(&connector, &server.base, SECRET);
    let mut nowhere = allowed.clone();
    nowhere.origins.clear();
    let step = step_with(&connector, "close", &server.base, with(), nowhere.clone());
    assert_eq!(step.refusal().await, format!("trouble.no_origin {}", server.base));
    // Reading is bound by the secret, which is for one place.
    let step = step_with(&connector, "read", &server.base, with(), nowhere);
    step.preview().await;
    let mut elsewhere = allowed;
    for secret in elsewhere.secrets.values_mut() {
        secret.origin = "https://other.example".to_owned();
    }
    let step = step_with(&connector, "read", &server.base, with(), elsewhere);
    let wanted = format!("trouble.other_origin tickets | https://other.example | {}", server.base);
    assert_eq!(step.refusal().await, wanted);
    assert_eq!(server.asked().len(), 1);
}
