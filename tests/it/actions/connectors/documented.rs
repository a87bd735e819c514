//! What no description of the vendor's can be had for: a stand-in compares method, path, headers and body with the
//! example of the vendor's documentation, which `documented.json` holds with where it stands (`see`) and what it was
//! compared with in November 2026 (`compared`); what could not be read then is from memory.

use dr_buddy::domain::connector::Connector;
use serde_json::{Value, json};

use super::{Asked, SECRET, Server, says, shipped, step};
use crate::actions::is_accepted;

const EXAMPLES: &str = include_str!("documented.json");

/// The vendors, and whether every operation is here.
const VENDORS: [(&str, bool); 12] = [
    ("pagerduty", true),
    ("pagerduty_events", true),
    ("statuspage", true),
    ("confluence", true),
    ("google_docs", true),
    ("grafana", true),
    ("cloudflare", true),
    ("aiven", true),
    ("loki", true),
    ("tempo", true),
    // RustyVault has neither.
    ("vault", false),
    // The rest of it Prism judges.
    ("jira", false),
];

/// Whether what is sent is what is documented. A text of the example that ends with `…` is the beginning of one.
fn is_like(sent: &Value, example: &Value) -> bool {
    match (sent, example) {
        (Value::String(sent), Value::String(example)) => match example.strip_suffix('…') {
            Some(begin) => sent.starts_with(begin),
            None => sent == example,
        },
        (Value::Object(sent), Value::Object(example)) => {
            sent.len() == example.len()
                && example
                    .iter()
                    .all(|(key, value)| sent.get(key).is_some_and(|one| is_like(one, value)))
        }
        (Value::Array(sent), Value::Array(example)) => {
            sent.len() == example.len()
                && sent.iter().zip(example).all(|(one, other)| is_like(one, other))
        }
        (sent, example) => sent == example,
    }
}

fn judged(asked: &Asked, example: &Value, what: &str) {
    assert_eq!(asked.method, example["method"].as_str().unwrap(), "{what}");
    let path = percent_encoding::percent_decode_str(&asked.path).decode_utf8().unwrap();
    assert_eq!(path.replace('+', " "), example["path"].as_str().unwrap(), "{what}");
    for (name, value) in example["headers"].as_object().into_iter().flatten() {
        let sent = asked.headers.get(name).and_then(|value| value.to_str().ok());
        let wanted = value.as_str().unwrap().replace("SECRET", SECRET);
        assert_eq!(sent, Some(wanted.as_str()), "{what}: {name}");
    }
    let body = example.get("body").cloned().unwrap_or_else(|| json!(""));
    let body: Value = serde_json::from_str(&body.to_string().replace("SECRET", SECRET)).unwrap();
    assert!(is_like(&asked.body, &body), "{what}: {:#} is not {body:#}", asked.body);
}

async fn operation(connector: &Connector, name: &str, example: &Value) {
    let vendor = connector.id.as_str();
    let what = format!("{vendor}.{name}, see {}", example["see"]);
    let status = u16::try_from(example["answers"].as_u64().unwrap()).unwrap();
    let said = example["says"].clone();
    let server = Server::start(move |asked| {
        if asked.path.contains("token-endpoint") {
            return says(200, &json!({"access_token": SECRET, "expires_in": 3599}));
        }
        says(status, &said)
    })
    .await;
    let mut step = step(connector, name, &server.base, example["with"].clone());
    if vendor == "google_docs" {
        step = super::hidden::google(connector, name, &server.base, example["with"].clone());
    }
    let preview = step.preview().await;
    let before = server.asked().len();
    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{what}: {outcome:?}");
    let asked = server.asked();
    assert_eq!(asked.len(), before + 1, "{what}: sent once");
    judged(asked.last().unwrap(), example, &what);
    for (fact, value) in example["facts"].as_object().into_iter().flatten() {
        let facts = step.probe(&preview).await.facts;
        assert_eq!(facts.get(fact), Some(value), "{what}: {fact} of {facts:?}");
    }
}

#[tokio::test]
async fn a_stand_in_finds_every_request_as_its_vendor_documents_it() {
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap();
    for (vendor, whole) in VENDORS {
        let of_vendor = examples[vendor].as_object().unwrap_or_else(|| panic!("{vendor}"));
        let connector = shipped(vendor);
        for name in connector.operations.keys().filter(|_| whole) {
            assert!(of_vendor.contains_key(name), "{vendor}.{name} is compared with nothing");
        }
        for (name, example) in of_vendor {
            operation(&connector, name, example).await;
        }
    }
}

#[test]
fn the_stand_in_sees_what_is_not_as_documented() {
    let example = json!({"a": [1, {"b": "begin…"}]});
    assert!(is_like(&json!({"a": [1, {"b": "begins"}]}), &example));
    for wrong in [
        json!({"a": [1, {"b": "x"}]}),
        json!({"a": [1]}),
        json!({"a": [1, {"b": "begin"}], "c": 1}),
    ] {
        assert!(!is_like(&wrong, &example), "{wrong}");
    }
}
