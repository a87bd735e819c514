//! Prometheus and Alertmanager as Debian ships them.

use dr_buddy::actions::Happened;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{shipped, step};
use crate::actions::is_accepted;
use crate::harness::{Child, debian, eventually, free_port};

struct Watch {
    alertmanager: String,
    prometheus: String,
    _children: [Child; 2],
    _folder: TempDir,
}

/// Both, with one rule that always rings.
async fn watch() -> Watch {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (one, other) = (free_port(), free_port());
    let (alertmanager, prometheus) = (format!("127.0.0.1:{one}"), format!("127.0.0.1:{other}"));
    std::fs::write(path("am.yaml"), "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        .unwrap();
    let rule = "groups: [{name: a, rules: [{alert: Always, expr: 'vector(1)', labels: {env: staging}}]}]\n";
    std::fs::write(path("rules.yaml"), rule).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yaml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n\
         scrape_configs: [{{job_name: self, static_configs: [{{targets: ['{prometheus}', '127.0.0.1:1']}}]}}]\n"
    );
    std::fs::write(path("prometheus.yaml"), config).unwrap();
    let arguments = [
        format!("--config.file={}", path("am.yaml").display()),
        format!("--storage.path={}", path("am").display()),
        format!("--web.listen-address={alertmanager}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let program = debian("prometheus-alertmanager");
    let first = Child::start("alertmanager", folder.path(), &program, arguments, &[]);
    let arguments = [
        format!("--config.file={}", path("prometheus.yaml").display()),
        format!("--storage.tsdb.path={}", path("data").display()),
        format!("--web.listen-address={prometheus}"),
        // The first time it rings, Alertmanager is not known yet.
        "--rules.alert.resend-delay=1s".to_owned(),
    ];
    let second = Child::start("prometheus", folder.path(), &debian("prometheus"), arguments, &[]);
    let (alertmanager, prometheus) =
        (format!("http://{alertmanager}"), format!("http://{prometheus}"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually("an alert rings at Alertmanager", 60, || async {
        let url = format!("{alertmanager}/api/v2/alerts");
        let alerts: Value = client.get(url).send().await.ok()?.json().await.ok()?;
        (!alerts.as_array()?.is_empty()).then_some(())
    })
    .await;
    Watch { alertmanager, prometheus, _children: [first, second], _folder: folder }
}

#[tokio::test]
async fn prometheus_is_asked_and_alertmanager_is_silenced_and_rings_again() {
    dr_buddy_crypto();
    let watch = watch().await;
    let ask = |name: &'static str, with: Value| {
        let step = step(&shipped("prometheus"), name, &watch.prometheus, with);
        async move { step.preview().await.facts }
    };
    eventually("both targets were looked at", 30, || async {
        let facts = ask("targets_down", json!({})).await;
        (facts["down"] == json!(1) && facts["up"] == json!(1)).then_some(())
    })
    .await;
    let facts = ask("query", json!({"query": "sum(up{job=\"self\"})"})).await;
    assert_eq!((&facts["value"], &facts["series"]), (&json!(1), &json!(1)), "{facts:?}");
    assert_eq!(ask("query", json!({"query": "scalar(vector(7))"})).await["value"], json!(7));
    let nothing = ask("query", json!({"query": "up{job=\"none\"}"})).await;
    assert_eq!(
        (nothing.get("value"), &nothing["series"]),
        (None, &json!(0)),
        "absent, not guessed"
    );
    let wrong = ask("query", json!({"query": "sum("})).await;
    assert_eq!((&wrong["status"], wrong.get("series")), (&json!(400), None));
    assert_eq!(ask("alerts", json!({})).await["firing"], json!(["Always"]));

    let alertmanager = shipped("alertmanager");
    let ringing = || async {
        let step = step(&alertmanager, "alerts", &watch.alertmanager, json!({}));
        step.preview().await.facts["total"].clone()
    };
    assert_eq!(ringing().await, json!(1));
    let matchers = json!([{"name": "env", "value": "staging", "isRegex": false, "isEqual": true}]);
    let with =
        json!({"matchers": matchers, "until": "2099-01-01T00:00:00Z", "comment": "exercise"});
    let mut silence = step(&alertmanager, "create_silence", &watch.alertmanager, with);
    let preview = silence.preview().await;
    assert_eq!(ringing().await, json!(1), "looking silences nothing");
    assert!(is_accepted(&silence.run(&preview).await));
    assert_eq!(silence.probe(&preview).await.happened, Happened::Done);
    eventually("it is silent", 10, || async { (ringing().await == json!(0)).then_some(()) }).await;
    let mut back = silence.back(preview);
    let undo = back.preview().await;
    assert!(is_accepted(&back.run(&undo).await));
    assert_eq!(back.probe(&undo).await.happened, Happened::Done);
    eventually("it rings again", 10, || async { (ringing().await == json!(1)).then_some(()) })
        .await;
}

/// The test's own client needs a TLS provider as well.
fn dr_buddy_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
