//! The doctor sees of each system whether it answers and whether it knows us, and only reads.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use dr_buddy::actions::{ActionSettings, Doctor, HttpSecret, HttpSettings, find_secret};
use dr_buddy::domain::connector::Connector;
use dr_buddy::domain::readiness::{Finding, Light, Seen};
use dr_buddy::domain::runbook::Runbook;
use dr_buddy::domain::time::Timestamp;
use serde_json::{Value, json};

use super::{SECRET, Server, says, settings, shipped};
use crate::actions::permissions::runbook;
use crate::actions::{ACCOUNT, environment, settings_at};
use crate::harness::{ROOT, Shown, Tls, free_port};

/// What the doctor finds of this system, which is at `base`.
async fn found(
    connector: &Connector,
    base: &str,
    http: HttpSettings,
    runbooks: &[&Runbook],
) -> Finding {
    let aws = settings_at("http://127.0.0.1:1", ROOT).aws;
    let connectors = vec![connector.clone()];
    let doctor = Doctor::new(&ActionSettings { aws, http, connectors, ..Default::default() });
    let mut environment = environment(ACCOUNT);
    let place = json!({"api": base, "events": base, "user": "bot@example.com"});
    if !base.is_empty() {
        let section = if connector.id == "pagerduty_events" { "pagerduty" } else { &connector.id };
        environment.document = json!({section: place});
    }
    let findings = doctor.examine(&environment, runbooks, Timestamp(1_795_184_360_000)).await;
    let mut found = findings.into_iter().filter(|one| one.check == "connectors");
    let one = found.next().expect("it is a check");
    assert_eq!(found.next(), None);
    assert!(!format!("{one:?}").contains(SECRET), "{one:?}");
    one
}

async fn of(connector: &Connector, answer: fn() -> Response) -> (Finding, Server) {
    let server = Server::start(move |_| answer()).await;
    let http = settings(connector, &server.base, SECRET);
    (found(connector, &server.base, http, &[]).await, server)
}

fn told(one: &Finding) -> (Seen, &str, &str) {
    (one.seen, &one.saw.key, &one.remedy.key)
}

#[tokio::test]
async fn the_doctor_tells_who_knows_us_from_who_does_not_and_from_who_is_silent() {
    let jira = shipped("jira");
    let (good, server) = of(&jira, || says(200, &json!({"accountId": "bot", "you": SECRET}))).await;
    assert_eq!((good.light(), good.subject.as_str()), (Light::Green, "jira"));
    let asked = server.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/rest/api/3/myself"));
    assert!(asked.len() == 1 && asked[0].headers.contains_key("authorization"));

    let (system, secret) = ("doctor.connectors.remedy", "doctor.connectors.secret");
    let denied = (Seen::Bad, "doctor.saw.not_known", secret);
    let other = (Seen::Bad, "doctor.saw.not_expected", system);
    for (answer, expected) in [
        ((|| says(401, &json!({}))) as fn() -> Response, denied),
        (|| says(403, &json!({"message": SECRET})), denied),
        (|| says(404, &json!({})), other),
        (|| (StatusCode::FOUND, [("location", "/login")]).into_response(), other),
        (|| Html("<html>Sign in</html>").into_response(), other),
        (|| says(503, &json!({})), (Seen::Unknown, "doctor.saw.status", system)),
    ] {
        let (one, _server) = of(&jira, answer).await;
        assert_eq!(told(&one), expected, "{one:?}");
    }
    // A plain yes may hold a no.
    let (no, _) = of(&shipped("argocd"), || says(200, &json!({"value": "no"}))).await;
    assert_eq!(told(&no), denied, "{no:?}");
    let expired = || says(200, &json!({"result": {"status": "expired"}}));
    assert_eq!(told(&of(&shipped("cloudflare"), expired).await.0), denied);

    let gone = format!("http://127.0.0.1:{}", free_port());
    let silent = found(&jira, &gone, settings(&jira, &gone, SECRET), &[]).await;
    assert_eq!(told(&silent), (Seen::Unknown, "doctor.saw.blind", system));
    let nowhere = found(&jira, "", HttpSettings::default(), &[]).await;
    assert_eq!(nowhere.seen, Seen::Absent, "this environment has no ticket system");
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_told_and_the_system_is_not_asked() {
    let jira = shipped("jira");
    let server = Server::start(|_| says(200, &json!({"accountId": "bot"}))).await;
    let missing = found(&jira, &server.base, HttpSettings::default(), &[]).await;
    let expected = (Seen::Bad, "doctor.saw.blind", "doctor.connectors.secret");
    assert_eq!(told(&missing), expected);
    assert_eq!(missing.saw.args["why"], "trouble.no_secret jira");
    // Its keeper does not give it.
    let vault = Server::start(|_| says(403, &json!({"errors": ["permission denied"]}))).await;
    let read = |name: &str| {
        let text = if name == "DR_BUDDY_VAULT" { vault.base.clone() } else { SECRET.to_owned() };
        (name != "DR_BUDDY_VAULT_TOKEN_FILE").then_some(text)
    };
    let place = "vault1:secret/luneo/jira#token";
    let kept = find_secret(place, &read, &Default::default(), &HttpSettings::default()).unwrap();
    let secret = HttpSecret { kept, origin: server.base.clone() };
    let http = HttpSettings { secrets: [("jira".to_owned(), secret)].into(), ..Default::default() };
    let denied = found(&jira, &server.base, http, &[]).await;
    assert_eq!(told(&denied), expected, "{denied:?}");
    assert!(server.asked().is_empty());

    let tls = Tls::start(r#"{"accountId":"bot"}"#).await;
    tls.show(Shown::Stranger);
    let one = found(&jira, &tls.base, settings(&jira, &tls.base, SECRET), &[]).await;
    assert_eq!(one.seen, Seen::Unknown);
    assert!(one.saw.args["why"].contains("told.certificate_stranger"), "{one:?}");
    assert_eq!(tls.arrived(), "");
}

#[tokio::test]
async fn what_cannot_be_asked_gets_no_secret_and_what_a_step_cannot_do_without_is_red() {
    let events = shipped("pagerduty_events");
    let (one, server) = of(&events, || says(404, &json!({}))).await;
    assert_eq!((one.seen, one.saw.key.as_str()), (Seen::Good, "doctor.saw.answers"));
    let asked = server.asked();
    assert_eq!(asked.iter().map(|one| one.method.as_str()).collect::<Vec<_>>(), ["HEAD"]);
    assert!(!format!("{asked:?}").contains(SECRET), "{asked:?}");

    let jira = shipped("jira");
    let server = Server::start(|_| says(401, &json!({}))).await;
    let mut step = runbook("jira.issue", &json!({"issue": "OPS-1"}));
    let idle = runbook("human.task", &json!({}));
    let light = async |runbooks: &[&Runbook]| {
        found(&jira, &server.base, settings(&jira, &server.base, SECRET), runbooks).await.light()
    };
    assert_eq!(light(&[]).await, Light::Amber);
    assert_eq!(light(&[&idle]).await, Light::Amber, "nothing needs it");
    assert_eq!(light(&[&idle, &step]).await, Light::Red);
    step.steps[0].best_effort = true;
    assert_eq!(light(&[&step]).await, Light::Amber);
    step.steps[0].best_effort = false;
    step.steps[0].when = Some("has(env.nowhere)".to_owned());
    assert_eq!(light(&[&step]).await, Light::Amber, "that step never opens there");
}

/// What cannot be asked at all: it has no question that only reads, or none that needs no more than a token.
const UNASKED: [&str; 2] = ["google_docs", "pagerduty_events"];

#[test]
fn each_shipped_system_has_its_question() {
    let all = dr_buddy::catalog::documents::connectors(None).unwrap();
    let unasked: BTreeSet<&str> =
        all.values().filter(|one| one.doctor.is_none()).map(|one| one.id.as_str()).collect();
    assert_eq!(unasked, UNASKED.into());
    let is_text = |value: &Value| value.is_string();
    for one in all.values().filter_map(|one| one.doctor.as_ref()) {
        assert!(one.with.values().all(is_text), "{one:?}");
    }
}
