//! `http.request`, judged by a server that keeps what it was told and counts how often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::any;
use dr_buddy::actions::{ActionSettings, Actions, Happened, HttpSecret, HttpSettings, Kept};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Step, is_accepted, is_failed, is_unknown};

const TOKEN: &str = "OAuth s3cr3t-token";

/// What one changing request was: its method, key, authorization and body.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    method: String,
    key: String,
    authorization: String,
    body: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Does,
    /// It does it, and says that something is broken.
    DoesAndFails,
    /// It does not do it, and never answers.
    Hangs,
    Refuses,
    Redirects,
}

#[derive(Debug)]
struct Site {
    kept: Mutex<Value>,
    asked: Mutex<Vec<Asked>>,
    mood: Mutex<Mood>,
}

struct Server {
    site: Arc<Site>,
    base: String,
}

#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn server() -> Server {
    let site = Arc::new(Site {
        kept: Mutex::new(json!({"incident": {"status": "none"}})),
        asked: Mutex::default(),
        mood: Mutex::new(Mood::Does),
    });
    let state = Arc::clone(&site);
    let router = axum::Router::new().fallback(any(
        move |method: Method, headers: HeaderMap, body: String| {
            let site = Arc::clone(&state);
            async move { answer(&site, &method, &headers, body).await }
        },
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Server { site, base }
}

async fn answer(
    site: &Site,
    method: &Method,
    headers: &HeaderMap,
    body: String,
) -> axum::response::Response {
    let header = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    if *method == Method::GET {
        let mut kept = site.kept.lock().unwrap().clone();
        kept["you_sent"] = header("x-echo").into();
        return axum::Json(kept).into_response();
    }
    let (key, authorization) = (header("idempotency-key"), header("authorization"));
    let asked = Asked { method: method.to_string(), key, authorization, body: body.clone() };
    site.asked.lock().unwrap().push(asked);
    let mood = *site.mood.lock().unwrap();
    if matches!(mood, Mood::Does | Mood::DoesAndFails) {
        *site.kept.lock().unwrap() = serde_json::from_str(&body).unwrap();
    }
    match mood {
        Mood::Does => StatusCode::CREATED.into_response(),
        Mood::DoesAndFails => StatusCode::BAD_GATEWAY.into_response(),
        Mood::Refuses => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Mood::Redirects => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "/other")]).into_response()
        }
        Mood::Hangs => std::future::pending().await,
    }
}

impl Server {
    fn with(&self) -> Value {
        json!({
            "method": "POST", "url": format!("{}/incident", self.base),
            "headers": {"x-team": "dr"}, "secret_headers": {"Authorization": "status"},
            "body": {"incident": {"status": "investigating"}},
            "probe_url": format!("{}/incident", self.base), "probe_pointer": "/incident/status",
            "probe_value": "investigating", "timeout": "1s",
            "undo": {
                "method": "PUT", "url": format!("{}/incident", self.base),
                "secret_headers": {"Authorization": "status"}, "body": {"incident": {"status": "none"}},
                "probe_url": format!("{}/incident", self.base), "probe_pointer": "/incident/status",
                "probe_value": "none",
            },
        })
    }

    fn step(&self, with: Value) -> Step {
        let kept = Kept::Text(TOKEN.to_owned().into());
        let secret = HttpSecret { kept: kept.clone(), origin: self.base.clone() };
        let other = HttpSecret { kept, origin: "https://other.example".to_owned() };
        let secrets = BTreeMap::from([("status".to_owned(), secret), ("other".to_owned(), other)]);
        let origins = BTreeSet::from([self.base.clone()]);
        let http = HttpSettings { extra_ca: None, origins, secrets };
        let actions = Actions::new(ActionSettings { http, ..ActionSettings::default() });
        Step::new(&actions, "http.request", with)
    }

    fn asked(&self) -> Vec<Asked> {
        self.site.asked.lock().unwrap().clone()
    }

    fn is(&self, mood: Mood) {
        *self.site.mood.lock().unwrap() = mood;
    }

    fn status(&self) -> Value {
        self.site.kept.lock().unwrap()["incident"]["status"].clone()
    }
}

#[tokio::test]
async fn looking_sends_nothing_one_approval_sends_once_and_the_way_back_restores() {
    let server = server().await;
    let mut step = server.step(server.with());
    let preview = step.preview().await;
    assert_eq!(preview.changes[0].now, "\"none\"");
    assert_eq!(preview.changes[0].after, "\"investigating\"");
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert_eq!(server.asked(), [], "looking changes nothing");

    assert!(is_accepted(&step.run(&preview).await));
    let done = step.probe(&preview).await;
    assert_eq!((done.happened, &done.facts["shows"]), (Happened::Done, &json!(true)));
    assert!(is_accepted(&step.run(&preview).await));
    let asked = server.asked();
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].authorization, TOKEN);
    assert_eq!(asked[0].body, "{\"incident\":{\"status\":\"investigating\"}}");
    assert!(!asked[0].key.is_empty() && asked[0] == asked[1], "the same key: {asked:?}");
    assert!(!format!("{preview:?}{:?}{:?}", step.past, step.action).contains("s3cr3t"));

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert_eq!(back.probe(&preview).await.happened, Happened::Never);
    assert!(is_accepted(&back.run(&preview).await));
    assert_eq!(back.probe(&preview).await.happened, Happened::Done);
    assert_eq!(server.status(), "none");
    let asked = server.asked();
    assert_eq!((asked.len(), asked[2].method.as_str()), (3, "PUT"));
    assert_ne!(asked[2].key, asked[0].key);
}

#[tokio::test]
async fn an_answer_that_does_not_say_is_unknown_and_the_probe_finds_out() {
    let server = server().await;
    let mut step = server.step(server.with());
    let preview = step.preview().await;
    server.is(Mood::Hangs);
    assert!(is_unknown(&step.run(&preview).await));
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    server.is(Mood::Redirects);
    assert!(is_unknown(&step.run(&preview).await));
    server.is(Mood::Refuses);
    assert!(is_failed(&step.run(&preview).await));
    assert_eq!(server.asked().len(), 3, "sent once each, and not followed");
    server.is(Mood::DoesAndFails);
    assert!(is_unknown(&step.run(&preview).await));
    // Who died before writing it down finds it all the same.
    step.past.clear();
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);

    // Where nothing can be looked at, only the answer tells.
    let blind =
        json!({"method": "POST", "url": format!("{}/x", server.base), "body": {}, "timeout": "1s"});
    let mut blind = server.step(blind);
    let preview = blind.preview().await;
    let keys: Vec<&str> = preview.remarks.iter().map(|remark| remark.key.as_str()).collect();
    assert_eq!(keys, ["remark.http.canary", "remark.http.no_probe", "remark.http.no_undo"]);
    assert!(is_unknown(&blind.run(&preview).await));
    assert_eq!(blind.probe(&preview).await.happened, Happened::Unknown);
    server.is(Mood::Does);
    assert!(is_accepted(&blind.run(&preview).await));
    assert_eq!(blind.probe(&preview).await.happened, Happened::Done);
    blind.past.clear();
    let probe = blind.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Unknown, "it was taken, and nobody wrote it down");
    let back = blind.back(preview).refusal().await;
    assert!(back.starts_with("trouble.no_undo"), "{back}");
}

#[tokio::test]
async fn a_secret_goes_to_its_own_host_and_comes_back_nowhere() {
    let server = server().await;
    let mut with = server.with();
    with["secret_headers"] = json!({"X-Echo": "status"});
    let preview = server.step(with).preview().await;
    assert!(!format!("{preview:?}").contains("s3cr3t"), "the server gives it back: {preview:?}");
    assert!(!preview.facts.contains_key("body"));

    let refused = async |change: &dyn Fn(&mut Value)| {
        let mut with = server.with();
        change(&mut with);
        server.step(with).refusal().await
    };
    for (key, said) in [
        (
            "trouble.no_origin",
            refused(&|with| with["url"] = "https://elsewhere.example/".into()).await,
        ),
        (
            "trouble.no_origin",
            refused(&|with| with["probe_url"] = "http://127.0.0.1:1/".into()).await,
        ),
        (
            "trouble.no_origin",
            refused(&|with| with["undo"]["url"] = "http://127.0.0.1:1/".into()).await,
        ),
        (
            "trouble.other_origin",
            refused(&|with| with["secret_headers"]["a"] = "other".into()).await,
        ),
        ("trouble.no_secret", refused(&|with| with["secret_headers"]["a"] = "none".into()).await),
        ("trouble.secret_header", refused(&|with| with["headers"]["X-Api-Key"] = "1".into()).await),
        ("trouble.no_header", refused(&|with| with["headers"]["Host"] = "x".into()).await),
        ("trouble.no_header", refused(&|with| with["headers"]["x-a"] = "1\n2".into()).await),
        ("trouble.no_method", refused(&|with| with["method"] = "GET".into()).await),
        ("trouble.no_pointer", refused(&|with| with["probe_pointer"] = "status".into()).await),
        ("trouble.no_request", refused(&|with| with["undo"] = json!({"url": "x"})).await),
    ] {
        assert!(said.starts_with(key), "{key}: {said}");
    }
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn nobody_there_is_a_failure_and_nothing_was_sent() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Server { site: server().await.site, base: format!("http://{dead}") };
    let mut step = gone.step(gone.with());
    let preview = step.preview().await;
    assert_eq!(preview.facts["reachable"], false);
    assert_eq!(preview.changes[0].now, "told.unknown");
    assert!(is_failed(&step.run(&preview).await));
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
}
