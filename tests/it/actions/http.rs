//! `http.check` and `http.canary`, judged by a TLS server that knows only its own name.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::any;
use dr_buddy::actions::{ActionSettings, Actions, Happened, HttpSettings, Outcome};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Step, is_accepted, is_failed};

/// What the server was asked: `PUT api.shop.test`.
type Asked = Arc<Mutex<Vec<String>>>;

struct Site {
    port: u16,
    asked: Asked,
    names: Asked,
    ca: tempfile::NamedTempFile,
}

/// An HTTPS server with a certificate for `api.shop.test`, on some port.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn site() -> Site {
    let made = rcgen::generate_simple_self_signed(vec!["api.shop.test".to_owned()]).unwrap();
    let mut ca = tempfile::NamedTempFile::new().unwrap();
    ca.write_all(made.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    crate::harness::http();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (asked, names) = (Asked::default(), Asked::default());
    let seen = Arc::clone(&asked);
    let router = axum::Router::new().fallback(any(
        move |method: Method, headers: HeaderMap, body: String| {
            let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("none");
            seen.lock().unwrap().push(format!("{method} {host} {body}"));
            let region = [("x-region", "us-east-1")];
            std::future::ready((region, axum::Json(json!({"writable": true}))).into_response())
        },
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sni = Arc::clone(&names);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
            sni.lock().unwrap().push(name);
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            let io = hyper_util::rt::TokioIo::new(stream);
            drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
        }
    });
    Site { port, asked, names, ca }
}

fn step(action: &str, ca: Option<&Site>, with: Value) -> Step {
    let http = HttpSettings {
        extra_ca: ca.map(|site| site.ca.path().to_owned()),
        ..HttpSettings::default()
    };
    let actions = Actions::new(ActionSettings { http, ..ActionSettings::default() });
    Step::new(&actions, action, with)
}

fn check(ca: Option<&Site>, with: Value) -> Step {
    step("http.check", ca, with)
}

fn canary(ca: Option<&Site>, with: Value) -> Step {
    step("http.canary", ca, with)
}

#[tokio::test]
async fn the_name_is_kept_when_the_address_is_chosen() {
    let site = site().await;
    for to in [format!("127.0.0.1:{}", site.port), format!("localhost:{}", site.port)] {
        let with = json!({"url": "https://api.shop.test/health", "resolve_to": to});
        let step = check(Some(&site), with);
        let preview = step.preview().await;
        assert_eq!(preview.facts["reachable"], true, "{:?}", preview.facts);
        assert_eq!(preview.facts["status"], 200);
        assert_eq!(preview.facts["region"], "us-east-1");
        assert_eq!(preview.facts["body"]["writable"], true);
        assert!(preview.facts.contains_key("latency_ms"));
    }
    assert_eq!(*site.names.lock().unwrap(), ["api.shop.test"; 2]);
    assert_eq!(*site.asked.lock().unwrap(), ["GET api.shop.test "; 2]);

    // A certificate that nobody vouches for is not reachable, and a name that is not its own neither.
    let to = format!("127.0.0.1:{}", site.port);
    for (ca, url) in [(None, "https://api.shop.test/"), (Some(&site), "https://other.test/")] {
        let step = check(ca, json!({"url": url, "resolve_to": to}));
        let probe = step.probe(&step.preview().await).await;
        assert_eq!((probe.happened, &probe.facts["reachable"]), (Happened::Done, &json!(false)));
        assert_eq!(probe.facts.len(), 1);
    }
}

#[tokio::test]
async fn a_canary_write_is_put_once_and_read_by_the_probe() {
    let site = site().await;
    let with = json!({
        "url": "https://api.shop.test/canary",
        "resolve_to": format!("127.0.0.1:{}", site.port),
    });
    // A check of the same only ever reads, whatever else it is told.
    let mut only = with.clone();
    only["put_first"] = true.into();
    let mut only = check(Some(&site), only);
    let preview = only.preview().await;
    assert!(is_accepted(&only.run(&preview).await));
    let mut step = canary(Some(&site), with);
    let preview = step.preview().await;
    assert!(site.asked.lock().unwrap().iter().all(|asked| asked.starts_with("GET")));
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
    site.asked.lock().unwrap().clear();
    assert!(is_accepted(&step.run(&preview).await));
    let asked = site.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "reading it back is for the probe");
    assert!(asked[0].starts_with("PUT api.shop.test {\"canary\":"), "{asked:?}");
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);
    // Of an answer that was lost nobody knows, unless what was written can be read.
    step.past.clear();
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the server ends with the test's runtime")]
async fn a_canary_that_can_be_read_was_written_and_a_doubtful_answer_is_no_failure() {
    let kept = Arc::new(Mutex::new(json!({})));
    let state = (Arc::clone(&kept), Asked::default());
    let asked = Arc::clone(&state.1);
    let router = axum::Router::new().fallback(any(move |method: Method, body: String| {
        let (kept, asked) = state.clone();
        asked.lock().unwrap().push(method.to_string());
        if method == Method::PUT {
            *kept.lock().unwrap() = serde_json::from_str(&body).unwrap();
            // It was written, and the gateway does not say so.
            return std::future::ready(StatusCode::BAD_GATEWAY.into_response());
        }
        let kept = kept.lock().unwrap().clone();
        std::future::ready(axum::Json(kept).into_response())
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/canary", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let mut step = canary(None, json!({"url": url}));
    let preview = step.preview().await;
    assert_eq!(preview.calls, [format!("PUT {url}"), format!("GET {url}")]);
    assert_eq!(preview.remarks.len(), 1, "it says that it writes");
    assert!(matches!(step.run(&preview).await, Outcome::Unknown { .. }));
    assert_eq!(asked.lock().unwrap().iter().filter(|asked| *asked == "PUT").count(), 1);
    assert_eq!(step.probe(&preview).await.happened, Happened::Done, "it is read back");
    *kept.lock().unwrap() = json!({"canary": "of another"});
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the server ends with the test's runtime")]
async fn redirects_are_reported_and_long_bodies_are_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .route("/moved", any(|| async { (StatusCode::FOUND, [("location", "/long")]) }))
        .route("/long", any(|| async { format!("\"{}\"", "x".repeat(70_000)) }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let facts = |path: &str| {
        let step = check(None, json!({"url": format!("{base}{path}")}));
        async move { step.preview().await.facts }
    };
    assert_eq!(facts("/moved").await["status"], 302);
    let long = facts("/long").await;
    assert_eq!(long["status"], 200);
    assert!(!long.contains_key("body"));
}

#[tokio::test]
async fn nothing_there_is_an_answer_and_for_a_write_a_failure() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{dead}/");
    let mut step = check(None, json!({"url": url}));
    let preview = step.preview().await;
    assert_eq!(preview.facts["reachable"], false);
    assert!(is_accepted(&step.run(&preview).await));
    let mut write = canary(None, json!({"url": url}));
    let preview = write.preview().await;
    assert!(is_failed(&write.run(&preview).await));
    for bad in ["ftp://x/", "https://u:p@x/", "not a url"] {
        check(None, json!({"url": bad})).refusal().await;
    }
    let both = json!({"url": "https://x.test:444/", "resolve_to": "127.0.0.1:1"});
    assert!(check(None, both).refusal().await.contains("port"));
}
