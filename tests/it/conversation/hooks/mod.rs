//! Alerts come in at the running server: each vendor with what it is documented to send, the real Alertmanager, an SNS
//! whose signatures `openssl` makes, and what nobody should send.

mod dies;
mod offered;
mod sns;

use dr_buddy::domain::offer::Board;
use dr_buddy::store::Alerts;
use ring::hmac;
use serde_json::{Value, json};

use super::people::{Button, ROOM, buttons};
use super::stage::{Script, Stage};
use crate::harness::{eventually, http, now_s};

/// What the vendors know.
fn ago(seconds: u64) -> jiff::Timestamp {
    let then = i64::try_from(now_s() - seconds).expect("a time");
    jiff::Timestamp::from_second(then).expect("a time")
}

/// A message that a process died over is another's when its lease ends, after 90 s.
const LEASED: u64 = 150;
pub(super) const PAGERDUTY: &str = "pagerduty-secret-0123";
pub(super) const ALERTMANAGER: &str = "alertmanager-secret-0123";
pub(super) const GRAFANA: &str = "grafana-secret-0123";

pub(super) type Headers = Vec<(&'static str, String)>;

/// A stage with all three of them.
pub(super) fn script() -> Script {
    let more = vec![
        ("DR_BUDDY_HOOKS", "pagerduty=PD,alertmanager=AM,grafana=GF".to_owned()),
        ("PD", PAGERDUTY.to_owned()),
        ("AM", ALERTMANAGER.to_owned()),
        ("GF", GRAFANA.to_owned()),
        ("DR_BUDDY_DOCTOR", "off".to_owned()),
    ];
    Script { more, ..Script::default() }
}

pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body))
}

/// As `PagerDuty` documents its webhook v3.
pub(super) fn incident(kind: &str, id: &str, at: jiff::Timestamp) -> String {
    json!({ "event": {
        "id": "5ac64822-4adc-4fda-ade0-410becf0de4f", "event_type": kind,
        "resource_type": "incident", "occurred_at": at.to_string(),
        "agent": { "html_url": "https://acme.pagerduty.com/users/PLH1HKV", "id": "PLH1HKV", "type": "user_reference" },
        "client": null,
        "data": {
            "id": id, "type": "incident", "self": format!("https://api.pagerduty.com/incidents/{id}"),
            "html_url": format!("https://acme.pagerduty.com/incidents/{id}"), "number": 2, "status": "triggered",
            "incident_key": "d3640fbd41094207a1c11e58e46b1662", "created_at": at.to_string(), "title": "Checkout is down",
            "service": { "id": "PF9KMXH", "summary": "API Service", "type": "service_reference" },
            "assignees": [], "escalation_policy": null, "teams": [], "priority": { "id": "PSO75BM", "summary": "P1" },
            "urgency": "high", "conference_bridge": null, "resolve_reason": null,
        },
    }})
    .to_string()
}

/// As Grafana documents its webhook.
pub(super) fn grafana(status: &str, fingerprint: &str, at: jiff::Timestamp) -> String {
    let (starts, ends) = match status {
        "firing" => (at.to_string(), "0001-01-01T00:00:00Z".to_owned()),
        _ => ("2026-01-01T00:00:00Z".to_owned(), at.to_string()),
    };
    json!({
        "receiver": "dr-buddy", "status": status, "orgId": 1, "externalURL": "https://play.grafana.org/", "version": "1",
        "groupKey": "{}:{alertname=\"High latency\"}", "truncatedAlerts": 0, "title": "[FIRING:1]", "state": "alerting",
        "alerts": [{
            "status": status, "labels": { "alertname": "High latency", "team": "blue" },
            "annotations": { "summary": "p99 above 2 s" }, "startsAt": starts, "endsAt": ends,
            "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit", "fingerprint": fingerprint,
            "silenceURL": "https://play.grafana.org/alerting/silence/new", "dashboardURL": "", "panelURL": "",
            "values": { "B": 44.23 }, "valueString": "[ var='B' labels={} value=44.23 ]",
        }],
    })
    .to_string()
}

impl Stage {
    /// Sends bytes to a hook.
    pub(super) async fn hook(&self, name: &str, headers: Headers, body: &[u8]) -> (u16, String) {
        let url = format!("{}/hooks/{name}", self.base);
        let mut request = http().post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body.to_vec()).send().await.expect("it answers");
        (answer.status().as_u16(), answer.text().await.unwrap_or_default())
    }

    /// `PagerDuty` sends this.
    pub(super) async fn pages(&self, body: &str) -> (u16, String) {
        let signature = format!("v1={},v1={}", "0".repeat(64), sign(PAGERDUTY, body.as_bytes()));
        self.hook("pagerduty", vec![("x-pagerduty-signature", signature)], body.as_bytes()).await
    }

    /// Grafana sends this, signed.
    pub(super) async fn grafana(&self, body: &str) -> (u16, String) {
        let signature = sign(GRAFANA, body.as_bytes());
        let headers = vec![("x-grafana-alerting-signature", signature)];
        self.hook("grafana", headers, body.as_bytes()).await
    }

    /// What the product knows of alerts, from its database file.
    pub(super) async fn board(&self) -> Board {
        let store = self.store().await;
        store.board(&"shop".to_owned().try_into().expect("an id")).await.expect("it can be read")
    }

    /// The messages of offers, the oldest first.
    pub(super) async fn offers(&self) -> Vec<Value> {
        let mut messages = self.slack.messages(ROOM).await;
        messages.retain(|message| message["subtype"] != "ephemeral");
        messages.retain(is_offer);
        messages
    }

    /// Waits until the newest offer reads so.
    pub(super) async fn offer_reads(&self, words: &str) -> Value {
        eventually(&format!("the newest offer reads `{words}`"), LEASED, || async {
            self.must_live();
            self.offers().await.pop().filter(|offer| offer.to_string().contains(words))
        })
        .await
    }
}

/// Whether this is the message of an offer.
pub(super) fn is_offer(message: &Value) -> bool {
    message["blocks"][0]["text"]["text"].as_str().is_some_and(|text| text.starts_with('🔔'))
}

/// A button of an offer.
pub(super) fn answer(offer: &Value, action: &str) -> Button {
    let found = buttons(offer).into_iter().find(|button| button.action == action);
    found.unwrap_or_else(|| panic!("no {action}: {offer:#}"))
}
