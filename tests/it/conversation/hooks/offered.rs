//! From an alert to a run: one offer for what rings together, the form that it fills, and what rings afterwards.

use dr_buddy::domain::run::Event;
use serde_json::{Value, json};

use super::super::people::{ANTOINE, MIA, STRANGER, buttons};
use super::super::stage::Stage;
use super::{ALERTMANAGER, GRAFANA, PAGERDUTY, ago, answer, grafana, incident, script, sign};
use crate::harness::{Child, debian, eventually, free_port, http};

/// The real Alertmanager, which sends to the stage at once.
async fn alertmanager(stage: &Stage, folder: &tempfile::TempDir) -> (Child, String) {
    let config = folder.path().join("am.yaml");
    let text = format!(
        "route: {{receiver: dr-buddy, group_wait: 1s, group_interval: 1s, repeat_interval: 1s}}\n\
         receivers: [{{name: dr-buddy, webhook_configs: [{{url: '{}/hooks/alertmanager', send_resolved: true, \
         http_config: {{authorization: {{credentials: '{ALERTMANAGER}'}}}}}}]}}]\n",
        stage.base
    );
    std::fs::write(&config, text).expect("it can be written");
    let address = format!("127.0.0.1:{}", free_port());
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", folder.path().join("am").display()),
        format!("--web.listen-address={address}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let program = debian("prometheus-alertmanager");
    let child = Child::start("alertmanager", folder.path(), &program, arguments, &[]);
    let url = format!("http://{address}/api/v2/alerts");
    eventually("Alertmanager answers", 30, || async { http().get(&url).send().await.ok() }).await;
    (child, url)
}

/// Tells Alertmanager of an alert, as Prometheus does.
async fn ring(url: &str, since: jiff::Timestamp, until: Option<jiff::Timestamp>) {
    let mut alert = json!({
        "labels": { "alertname": "ApiDown", "env": "shop" }, "annotations": { "summary": "no answer for 1m" },
        "startsAt": since.to_string(), "generatorURL": "http://prometheus.example/graph",
    });
    if let Some(until) = until {
        alert["endsAt"] = json!(until.to_string());
    }
    let sent = http().post(url).json(&json!([alert])).send().await.expect("it answers");
    assert!(sent.status().is_success(), "{sent:?}");
}

async fn whole_form(stage: &Stage) -> Value {
    eventually("the form is filled", 20, || async {
        stage.slack.modal().await.filter(|view| view["callback_id"] == "start-run")
    })
    .await
}

fn of(block: &'static str, kind: &str, chosen: Value) -> (&'static str, &'static str, Value) {
    let mut value = chosen;
    value["type"] = kind.into();
    (block, block, value)
}

#[tokio::test]
async fn what_rings_together_is_one_offer_that_people_take_up_and_the_run_knows_it() {
    let stage = Stage::open(script()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let first = ago(300);
    let body = incident("incident.triggered", "PGR0VU2", ago(200));
    assert_eq!(stage.pages(&body).await, (200, "recorded: 1\n".to_owned()));
    let offer = stage.offer_reads("Checkout is down").await;
    assert!(offer.to_string().contains("1 alert, first"), "{offer:#}");
    let (_alertmanager, url) = alertmanager(&stage, &folder).await;
    ring(&url, first, None).await;
    stage.offer_reads("2 alerts, first").await;
    assert_eq!(stage.grafana(&grafana("firing", "c6eadffa33fcdf37", ago(100))).await.0, 200);
    let offer = stage.offer_reads("3 alerts, first").await;
    let said = offer.to_string();
    for words in ["ApiDown: no answer for 1m", "High latency: p99 above 2 s", "API Service"] {
        assert!(said.contains(words), "{words}: {offer:#}");
    }
    // Alertmanager repeats it every second or so, and PagerDuty a whole delivery.
    assert_eq!(stage.pages(&body).await.0, 200);
    assert_eq!(stage.board().await.seq, 3, "a redelivery is nothing new");
    assert_eq!(stage.offers().await.len(), 1, "one message, edited");
    assert!(stage.record().await.is_none(), "nothing starts by itself");

    // Who is not on the team opens nothing, and says nothing of it.
    for action in ["offer-declare", "offer-dismiss"] {
        stage.press(STRANGER, &answer(&offer, action)).await;
        stage.whispered(STRANGER, "I do not know you").await;
    }
    assert_eq!(stage.board().await.seq, 3);
    let declare = answer(&offer, "offer-declare");
    stage.press(ANTOINE, &declare).await;
    let form = whole_form(&stage).await;
    assert!(form.to_string().contains("ApiDown"), "{form:#}");
    let blocks = form["blocks"].as_array().expect("blocks");
    let impact = blocks.iter().find(|block| block["block_id"] == "impact").expect("it is asked");
    let minute = first.as_second().div_euclid(60) * 60;
    assert_eq!(impact["element"]["initial_date_time"], minute, "when the first rang");
    let inputs = [
        of(
            "runbook",
            "static_select",
            json!({ "selected_option": { "value": "region-failover" } }),
        ),
        of("kind", "radio_buttons", json!({ "selected_option": { "value": "incident" } })),
        of("impact", "datetimepicker", json!({ "selected_date_time": minute })),
    ];
    stage.slack.submit_modal(ANTOINE, &inputs).await;
    let run = stage.run().await;
    let read = stage.offer_reads(&format!("Run `{run}` is open")).await;
    assert_eq!(buttons(&read), []);
    let record = stage.record().await.expect("there is one");
    let Event::RunStarted(start) = &record.events[0].entry.event else { panic!("no start") };
    let told: Vec<&str> = start.declared.alerts.iter().map(|alert| alert.vendor.title()).collect();
    assert_eq!(told, ["Alertmanager", "PagerDuty", "Grafana"], "the first first");
    assert_eq!(start.declared.alerts[0].at.0, first.as_millisecond());
    // An old button leads to what became of it.
    stage.press(MIA, &declare).await;
    eventually("the form says so", 20, || async {
        let view = stage.slack.modal().await?.to_string();
        view.contains(&format!("`{run}` is open already")).then_some(())
    })
    .await;

    // What rings now, and what is over, goes on its timeline.
    assert_eq!(stage.pages(&incident("incident.triggered", "PNEW123", ago(5))).await.0, 200);
    ring(&url, first, Some(ago(1))).await;
    let alerted = |event: &Event| matches!(event, Event::Alerted { .. });
    let record = eventually("both are on the timeline", 30, || async {
        stage.record().await.filter(|record| record.count(alerted) == 2)
    })
    .await;
    let over = record.count(|event| matches!(event, Event::Alerted { alert } if alert.is_over));
    assert_eq!(over, 1);
    assert_eq!(stage.offers().await.len(), 1, "nothing is offered while a run is open");
    stage.told(MIA, "timeline", "ApiDown").await;
    no_secret(&stage);
    stage.judged("hooks").await;
}

#[track_caller]
fn no_secret(stage: &Stage) {
    let log = stage.log();
    for secret in [PAGERDUTY, ALERTMANAGER, GRAFANA] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn what_nobody_should_send_is_named_and_leaves_nothing() {
    let stage = Stage::open(script()).await;
    let page = incident("incident.triggered", "P1", ago(5));
    let alert = grafana("firing", "f1", ago(5));
    let v1 = |signature: String| vec![("x-pagerduty-signature", format!("v1={signature}"))];
    let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    let forged = [
        ("pagerduty", v1(sign("another-secret-0123", page.as_bytes())), &page),
        ("pagerduty", v1(sign(PAGERDUTY, alert.as_bytes())), &page),
        ("pagerduty", vec![], &page),
        ("alertmanager", bearer(GRAFANA), &alert),
        ("alertmanager", vec![], &alert),
        (
            "grafana",
            vec![("x-grafana-alerting-signature", sign(PAGERDUTY, alert.as_bytes()))],
            &alert,
        ),
        ("grafana", bearer("nothing"), &alert),
    ];
    for (hook, headers, body) in forged {
        let (status, said) = stage.hook(hook, headers.clone(), body.as_bytes()).await;
        assert!(
            status == 401 && said.contains("not proven"),
            "{hook} {headers:?}: {status} {said}"
        );
    }
    let huge = format!("{{\"alerts\": \"{}\"}}", "x".repeat(600 * 1024));
    let bad: [(&str, u16, &str); 8] = [
        ("<html><body>502 Bad Gateway</body></html>", 400, "not JSON"),
        ("", 400, "not JSON"),
        (&alert[..alert.len() / 2], 400, "not JSON"),
        ("{\"alerts\": {}}", 400, "no group of alerts"),
        ("[]", 400, "no group of alerts"),
        ("{\"alerts\": [{\"status\": \"firing\"}]}", 400, "alerts[].fingerprint"),
        ("{\"alerts\": [{\"status\": \"off\"}]}", 400, "alerts[].status"),
        (&huge, 413, ""),
    ];
    for (body, status, words) in bad {
        let answer = stage.hook("alertmanager", bearer(ALERTMANAGER), body.as_bytes()).await;
        assert!(answer.0 == status && answer.1.contains(words), "{status} {words}: {answer:?}");
    }
    for (hook, words) in [("sns", "/hooks/sns"), ("datadog", "no alerts are taken")] {
        let answer = stage.hook(hook, vec![], alert.as_bytes()).await;
        assert!(answer.0 == 404 && answer.1.contains(words), "{answer:?}");
    }
    let acknowledged = incident("incident.acknowledged", "P1", ago(5));
    assert_eq!(stage.pages(&acknowledged).await, (200, "nothing to record\n".to_owned()));
    assert_eq!(stage.board().await.seq, 0, "nothing is on the record");
    assert_eq!(stage.offers().await.len(), 0);
    // It goes on as if nothing had been.
    assert_eq!(stage.hook("alertmanager", bearer(ALERTMANAGER), alert.as_bytes()).await.0, 200);
    stage.offer_reads("1 alert, first").await;
    no_secret(&stage);
    let log = stage.log();
    assert!(!log.contains("panicked") && !log.contains("502 Bad Gateway"), "{log}");
}

#[tokio::test]
async fn somebody_says_that_it_is_no_incident_and_what_rings_later_is_offered_anew() {
    let stage = Stage::open(script()).await;
    assert_eq!(stage.grafana(&grafana("firing", "f1", ago(9))).await.0, 200);
    let offer = stage.offer_reads("1 alert, first").await;
    let (declare, dismiss) = (answer(&offer, "offer-declare"), answer(&offer, "offer-dismiss"));
    // Twice at once, and once more by somebody who is late.
    stage.press_both([MIA, MIA], &dismiss).await;
    let read = stage.offer_reads("No incident, says").await;
    assert_eq!(buttons(&read), []);
    stage.press(ANTOINE, &dismiss).await;
    stage.whispered(ANTOINE, "ce n’est pas un incident").await;
    stage.press(ANTOINE, &declare).await;
    eventually("the form says so", 20, || async {
        let view = stage.slack.modal().await?.to_string();
        view.contains("ce n’est pas un incident").then_some(())
    })
    .await;
    assert_eq!(stage.board().await.seq, 2, "heard, dismissed");
    assert_eq!(stage.grafana(&grafana("firing", "f2", ago(3))).await.0, 200);
    eventually("there is another offer", 30, || async {
        (stage.offers().await.len() == 2).then_some(())
    })
    .await;
    // What is over leads nowhere.
    let offer = stage.offer_reads("1 alert, first").await;
    assert_eq!(stage.grafana(&grafana("resolved", "f2", ago(1))).await.0, 200);
    let read = stage.offer_reads("All of it is over").await;
    assert_eq!((buttons(&read).len(), buttons(&offer).len()), (0, 2));
    assert!(stage.record().await.is_none(), "nothing has started");
}
