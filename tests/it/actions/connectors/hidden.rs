//! No secret shows: not in a preview, an event, evidence, an error, a log or what is said in chat, whatever the
//! operation is, whatever the secret is, and though the system gives back all it was sent.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dr_buddy::actions::{Happened, HttpSettings, Outcome};
use dr_buddy::domain::connector::Connector;
use dr_buddy::domain::text::Text;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{Asked, Server, says, settings, step_with, written};
use crate::actions::Step;
use crate::harness::debian;

/// The key file of a service account whose tokens this server sells.
fn account(base: &str) -> String {
    json!({
        "type": "service_account", "client_email": "bot@luneo.iam.gserviceaccount.com",
        "private_key": key(&[]), "token_uri": format!("{base}/token-endpoint"),
    })
    .to_string()
}

/// A key that opens nothing.
fn key(form: &[&str]) -> String {
    let made = Command::new(debian("openssl")).arg("genrsa").args(form).arg("2048").output();
    String::from_utf8(made.unwrap().stdout).unwrap()
}

/// A step of Google Docs, with its service account.
pub(super) fn google(connector: &Connector, name: &str, base: &str, with: Value) -> Step {
    step_with(connector, name, base, with, settings(connector, base, &account(base)))
}

/// Gives back everything it was sent, in every way a system may.
pub(super) fn echo(asked: &Asked, status: u16) -> Response {
    let headers: Vec<String> =
        asked.headers.values().map(|value| value.to_str().unwrap_or_default().to_owned()).collect();
    let all =
        json!({"state": headers, "sent": asked.body, "path": asked.path, "id": headers.join(" ")});
    let first = headers.iter().find(|value| !value.is_empty()).cloned().unwrap_or_default();
    let mut response = match status {
        302 => (StatusCode::FOUND, [("location", format!("/{first}"))]).into_response(),
        200 | 422 | 503 => says(status, &all),
        _ => (StatusCode::OK, format!("<html>{all}</html>")).into_response(),
    };
    for value in asked.headers.values() {
        response.headers_mut().append("x-request-id", value.clone());
    }
    response
}

/// What a random connector says.
pub(super) fn document(auth: usize, in_body: bool, danger: bool) -> String {
    let auth = [
        "{bearer: {secret: own}}",
        "{basic: {user: bot, secret: own}}",
        "{header: {name: X-Api-Key, prefix: \"Token token=\", secret: own}}",
        "{aws_sigv4: {service: aps, region: us-east-1}}",
    ][auth % 4];
    let (method, more) = if danger { ("PUT", "repeat: names_state") } else { ("POST", "") };
    let danger = if danger { "changes" } else { "reads" };
    let (body, secrets) = if in_body {
        ("{key: secret, text: \"${with.text}\"}", "{/key: own}")
    } else {
        ("{text: \"${with.text}\"}", "{}")
    };
    let secrets = if in_body { format!("body_secrets: {secrets}") } else { String::new() };
    format!(
        "id: own\nurl: \"${{own.api}}\"\nauth: {auth}\ntimeout: 1s\noperations:\n  act:\n    about: Act\n    danger: {danger}\n    \
         {more}\n    method: {method}\n    path: \"/a/${{with.text}}\"\n    query: {{q: \"${{with.text}}\"}}\n    body: {body}\n    {secrets}\n    \
         parameters: {{text: {{required: true, about: a text}}}}\n    facts:\n      state: {{from: body.state, example: [x]}}\n      \
         sent: {{from: body.sent, example: {{}}}}\n      id: {{from: body.id, example: x}}\n"
    )
}

/// Everything that is kept or said of a step.
async fn all_of(step: &mut Step) -> String {
    let mut all = String::new();
    let mut keep = |text: String| {
        // As it is written down, and as it is said in chat.
        all.push_str(&text);
        all.push('\n');
    };
    match step.action.preview(&step.call()).await {
        Err(error) => {
            keep(format!("{error:?} {error} {} {:?}", error.said(), Text::seen(&error.said())));
        }
        Ok(preview) => {
            keep(serde_json::to_string(&preview).unwrap());
            keep(format!("{preview:?}"));
            let outcome = step.run(&preview).await;
            keep(format!("{outcome:?}"));
            if let Outcome::Unknown { error, .. } = &outcome {
                keep(format!("{:?}", Text::seen(error)));
            }
            let probe = step.probe(&preview).await;
            assert!(probe.happened != Happened::Running);
            keep(format!("{probe:?} {:?}", Text::seen(&probe.saw)));
            keep(serde_json::to_string(&step.past).unwrap());
        }
    }
    keep(format!("{:?}", step.action));
    all
}

/// The logs of this thread.
#[derive(Clone, Default)]
pub(super) struct Logs(pub(super) Arc<Mutex<Vec<u8>>>);

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_shows_whatever_the_operation_and_whatever_is_answered() {
    let logs = Logs::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 48, ..ProptestConfig::default() });
    let secret = "[a-zA-Z0-9!#$%&*+./:;<=>?@^_|~\\\\\"'-]{12,40}";
    let status = prop::sample::select(vec![200_u16, 201, 302, 422, 503]);
    let texts = "[a-z0-9 /?#&${}.-]{1,12}";
    let input = (secret, texts, 0_usize..4, any::<bool>(), any::<bool>(), status);
    runner
        .run(&input, |(secret, text, auth, in_body, danger, status)| {
            let (all, arrived) = runtime.block_on(async {
                let server = Server::start(move |asked| echo(asked, status)).await;
                let connector = written(&document(auth, in_body, danger));
                let mut http: HttpSettings = settings(&connector, &server.base, &secret);
                if let Some(one) = http.secrets.values().next().cloned() {
                    http.secrets.insert("own".to_owned(), one);
                }
                let mut step =
                    step_with(&connector, "act", &server.base, json!({"text": text}), http);
                let all = all_of(&mut step).await;
                (all, server.asked())
            });
            let sent = format!("{arrived:?}");
            let escaped = serde_json::to_string(&secret).unwrap();
            let escaped = escaped.trim_matches('"').to_owned();
            // The system itself was given it: else this would prove nothing.
            if sent.contains(&secret) || sent.contains(&escaped) {
                seen_one(&arrived);
            }
            let basic = aws_smithy_types::base64::encode(format!("bot:{secret}"));
            let said = String::from_utf8_lossy(&logs.0.lock().unwrap()).into_owned();
            for hidden in [&secret, &escaped, &basic] {
                prop_assert!(!all.contains(hidden.as_str()), "{hidden} in {all}");
                prop_assert!(!said.contains(hidden.as_str()), "{hidden} in the log");
            }
            Ok(())
        })
        .unwrap();
    let seen = SEEN.load(Ordering::Relaxed);
    assert!(seen > 5, "the systems were given the secrets: {seen}");
    drop(guard);
}

/// How many systems were given the secret.
static SEEN: AtomicUsize = AtomicUsize::new(0);

fn seen_one(arrived: &[Asked]) {
    if !arrived.is_empty() {
        SEEN.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_key_buys_a_token_once_and_neither_shows() {
    let github = written(&include_str!("../../../../prompts/connectors/github.yaml").replace(
        "auth: {bearer: {secret: github}}",
        "auth: {github_app: {app: \"7\", installation: \"42\", secret: github}}",
    ));
    let sold = "ghs_sold-for-an-hour";
    let server = Server::start(move |asked| {
        let proof = asked.headers.get("authorization").and_then(|one| one.to_str().ok()).unwrap();
        if asked.path == "/app/installations/42/access_tokens" {
            let parts: Vec<&str> = proof.strip_prefix("Bearer ").unwrap().split('.').collect();
            assert_eq!((asked.method.as_str(), parts.len()), ("POST", 3));
            return says(201, &json!({"token": sold, "expires_at": "2026-11-20T11:00:00Z"}));
        }
        assert_eq!(proof, format!("Bearer {sold}"));
        says(200, &json!({"state": sold, "name": "Deploy"}))
    })
    .await;
    let http = settings(&github, &server.base, &key(&["-traditional"]));
    let with = json!({"repository": "a/b", "workflow": "c.yml"});
    let mut step = step_with(&github, "workflow", &server.base, with, http);
    let all = all_of(&mut step).await;
    assert!(!all.contains(sold) && !all.contains("PRIVATE KEY"), "{all}");
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|one| one.path.contains("access_tokens")).count(), 1);
    assert_eq!(asked.len(), 4);

    let docs = super::shipped("google_docs");
    let sold = "ya29.sold-for-an-hour";
    let server = Server::start(move |asked| {
        if asked.path == "/token-endpoint" {
            let form = asked.body.as_str().unwrap();
            assert!(form.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth"), "{form}");
            return says(200, &json!({"access_token": sold, "expires_in": 3599}));
        }
        says(200, &json!({"title": format!("of {sold}"), "revisionId": "r"}))
    })
    .await;
    let mut step = google(&docs, "document", &server.base, json!({"document": "d"}));
    let all = all_of(&mut step).await;
    assert!(
        !all.contains(sold) && !all.contains("PRIVATE KEY") && all.contains("of [hidden]"),
        "{all}"
    );
}
