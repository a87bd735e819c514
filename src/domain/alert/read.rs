//! What vendors write, read leniently: only what is needed is looked at. Whatever else it holds is nobody's business.

use serde_json::Value;

use super::{Alert, Vendor};
use crate::domain::time::Timestamp;

/// Why nothing can be made of it. Repeats nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Another shape.
    #[error("the body is JSON, but no {0} of {1}")]
    Shape(&'static str, &'static str),
    /// Something is missing, or not what it should be.
    #[error("`{0}` is missing, or not what it should be")]
    Part(&'static str),
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    let text = text(value, pointer)?;
    // CloudWatch writes `+0000`, which is no RFC 3339.
    let zone = text.strip_suffix("+0000").map(|text| format!("{text}Z"));
    Timestamp::parse(zone.as_deref().unwrap_or(text)).filter(|at| at.0 > 0)
}

/// The alarm in the `Message` of a notification of SNS. Nothing for what is no alarm (another message on the topic, an
/// alarm that lacks data).
///
/// # Errors
/// When it calls itself an alarm and is none.
pub fn cloudwatch(message: &str) -> Result<Vec<Alert>, Unread> {
    let Ok(alarm) = serde_json::from_str::<Value>(message) else { return Ok(vec![]) };
    let Some(state) = text(&alarm, "/NewStateValue") else { return Ok(vec![]) };
    let is_over = match state {
        "ALARM" => false,
        "OK" => true,
        _ => return Ok(vec![]),
    };
    let name = text(&alarm, "/AlarmName").ok_or(Unread::Part("AlarmName"))?;
    let subject = text(&alarm, "/AlarmArn").unwrap_or(name);
    let at = time(&alarm, "/StateChangeTime").ok_or(Unread::Part("StateChangeTime"))?;
    let part = |pointer: &str| text(&alarm, pointer).unwrap_or_default();
    let alert = Alert::new(Vendor::Sns, subject, at, is_over)
        .titled(name)
        .fact("region", part("/Region"))
        .fact("account", part("/AWSAccountId"))
        .fact("metric", part("/Trigger/MetricName"))
        .fact("reason", part("/NewStateReason"))
        .fact("description", part("/AlarmDescription"));
    Ok(vec![alert])
}

/// The incident of a webhook v3. Nothing for what neither rings nor ends it (acknowledged, annotated …).
///
/// # Errors
/// When it is no event.
pub fn pagerduty(body: &Value) -> Result<Vec<Alert>, Unread> {
    let event = body.get("event").ok_or(Unread::Shape("webhook v3", "PagerDuty"))?;
    let kind = text(event, "/event_type").ok_or(Unread::Part("event.event_type"))?;
    let is_over = match kind {
        "incident.triggered" | "incident.reopened" => false,
        "incident.resolved" => true,
        _ => return Ok(vec![]),
    };
    let id = text(event, "/data/id").ok_or(Unread::Part("event.data.id"))?;
    let occurred = time(event, "/occurred_at").ok_or(Unread::Part("event.occurred_at"))?;
    // An incident opens when somebody's first event came in; that it is opened again is later.
    let created = time(event, "/data/created_at").filter(|_| kind == "incident.triggered");
    let part = |pointer: &str| text(event, pointer).unwrap_or_default();
    let alert = Alert::new(Vendor::PagerDuty, id, created.unwrap_or(occurred), is_over)
        .titled(part("/data/title"))
        .fact("service", part("/data/service/summary"))
        .fact("urgency", part("/data/urgency"))
        .fact("priority", part("/data/priority/summary"))
        .linked(part("/data/html_url"));
    Ok(vec![alert])
}

/// The alerts of a webhook of Alertmanager, or of Grafana, which writes the same and more.
///
/// # Errors
/// When it has no alerts, or one of them is none.
pub fn prometheus(vendor: Vendor, body: &Value) -> Result<Vec<Alert>, Unread> {
    let alerts = body.get("alerts").and_then(Value::as_array);
    let alerts = alerts.ok_or(Unread::Shape("group of alerts", vendor.title()))?;
    alerts.iter().map(|alert| one(vendor, alert)).collect()
}

fn one(vendor: Vendor, alert: &Value) -> Result<Alert, Unread> {
    let is_over = match text(alert, "/status") {
        Some("firing") => false,
        Some("resolved") => true,
        Some(_) | None => return Err(Unread::Part("alerts[].status")),
    };
    let fingerprint = text(alert, "/fingerprint").ok_or(Unread::Part("alerts[].fingerprint"))?;
    let (since, part) = if is_over {
        (time(alert, "/endsAt"), "alerts[].endsAt")
    } else {
        (time(alert, "/startsAt"), "alerts[].startsAt")
    };
    let at = since.ok_or(Unread::Part(part))?;
    let part = |pointer: &str| text(alert, pointer).unwrap_or_default();
    let name = part("/labels/alertname");
    let summary = text(alert, "/annotations/summary").or(text(alert, "/annotations/description"));
    let title = match summary {
        Some(summary) if !name.is_empty() => format!("{name}: {summary}"),
        Some(summary) => summary.to_owned(),
        None => name.to_owned(),
    };
    let mut found = Alert::new(vendor, fingerprint, at, is_over)
        .titled(&title)
        .linked(text(alert, "/panelURL").unwrap_or(part("/generatorURL")));
    if vendor == Vendor::Grafana {
        found = found.fact("value", part("/valueString"));
    }
    let labels = alert.get("labels").and_then(Value::as_object);
    for (label, value) in labels.into_iter().flatten().filter(|(label, _)| *label != "alertname") {
        found = found.fact(label, value.as_str().unwrap_or_default());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alarm_rings_is_over_and_otherwise_is_nothing() {
        let alarm = |state: &str| {
            json!({
                "AlarmName": "aurora-lag", "AlarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:aurora-lag",
                "NewStateValue": state, "StateChangeTime": "2026-11-20T14:02:11.123+0000",
                "NewStateReason": "Threshold Crossed", "Region": "US East (N. Virginia)",
                "Trigger": {"MetricName": "AuroraGlobalDBReplicationLag"},
            })
            .to_string()
        };
        let read = cloudwatch(&alarm("ALARM")).unwrap();
        assert_eq!(read[0].at, Timestamp::parse("2026-11-20T14:02:11.123Z").unwrap());
        assert!(!read[0].is_over && read[0].subject.ends_with(":aurora-lag"));
        assert!(cloudwatch(&alarm("OK")).unwrap()[0].is_over);
        assert_eq!(cloudwatch(&alarm("INSUFFICIENT_DATA")), Ok(vec![]));
        assert_eq!(cloudwatch("budget exceeded"), Ok(vec![]));
        assert_eq!(cloudwatch("{\"NewStateValue\": \"ALARM\"}"), Err(Unread::Part("AlarmName")));
    }

    #[test]
    fn an_incident_rings_when_it_was_opened_and_again_when_it_was_opened_again() {
        let event = |kind: &str| {
            json!({"event": {
                "id": "e1", "event_type": kind, "occurred_at": "2026-11-20T14:02:30Z",
                "data": {
                    "id": "PGR0VU2", "title": "A little bump", "urgency": "high",
                    "created_at": "2026-11-20T14:02:11Z", "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
                    "service": {"summary": "API"}, "priority": {"summary": "P1"},
                },
            }})
        };
        let at = |kind| pagerduty(&event(kind)).unwrap()[0].at.time_of_day();
        assert_eq!(at("incident.triggered"), "14:02:11");
        assert_eq!(at("incident.reopened"), "14:02:30");
        assert!(pagerduty(&event("incident.resolved")).unwrap()[0].is_over);
        assert_eq!(pagerduty(&event("incident.acknowledged")), Ok(vec![]));
        assert_eq!(pagerduty(&json!({})), Err(Unread::Shape("webhook v3", "PagerDuty")));
    }

    #[test]
    fn one_alert_that_is_none_spoils_the_group_by_name() {
        let one = json!({
            "status": "firing", "fingerprint": "c3f", "startsAt": "2026-11-20T14:02:11.5Z",
            "endsAt": "0001-01-01T00:00:00Z", "labels": {"alertname": "ApiDown", "env": "prod"},
            "annotations": {"summary": "no answer"}, "generatorURL": "http://p.example/graph?g0.expr=up",
        });
        let read = prometheus(Vendor::Alertmanager, &json!({"alerts": [one]})).unwrap();
        assert_eq!(read[0].title, "ApiDown: no answer");
        assert_eq!(read[0].facts, [("env".to_owned(), "prod".to_owned())]);
        for part in ["status", "fingerprint", "startsAt"] {
            let mut broken = one.clone();
            broken[part] = json!(7);
            let read = prometheus(Vendor::Grafana, &json!({"alerts": [one, broken]}));
            assert!(matches!(read, Err(Unread::Part(named)) if named.ends_with(part)), "{read:?}");
        }
        let never = json!({"alerts": [{"status": "resolved", "fingerprint": "c3f", "endsAt": "0001-01-01T00:00:00Z"}]});
        assert_eq!(prometheus(Vendor::Grafana, &never), Err(Unread::Part("alerts[].endsAt")));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            text in ".*", kind in "incident.triggered|incident.resolved|firing|resolved|ALARM|OK",
            when in "[0-9T:.Z+-]{0,30}|0001-01-01T00:00:00Z", number in any::<i64>(),
        ) {
            let bodies = [
                json!({"alerts": [{"status": kind, "fingerprint": text, "startsAt": when, "endsAt": when, "labels": {"a": number, "b": text}}]}),
                json!({"event": {"event_type": kind, "occurred_at": when, "data": {"id": text, "html_url": text, "service": number}}}),
                json!({"NewStateValue": kind, "AlarmName": text, "StateChangeTime": when}),
                json!(text), json!([number]), json!({"alerts": text, "event": number}),
            ];
            for body in bodies {
                drop((pagerduty(&body), cloudwatch(&body.to_string())));
                drop((prometheus(Vendor::Grafana, &body), cloudwatch(&text)));
            }
        }
    }
}
