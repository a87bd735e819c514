//! What answers in the DR region: the application over TLS, and the kinds that the API server of the tests cannot hold.

#![expect(clippy::disallowed_methods, reason = "they end with the test's runtime")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dr_buddy::actions::{HttpSecret, Kept};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::harness::{crypto, http};

/// An HTTPS server for `api.shop.test`.
pub(super) struct Site {
    pub(super) port: u16,
    /// Trusts both certificates.
    pub(super) ca: tempfile::NamedTempFile,
    /// What its deep health says.
    pub(super) says: Arc<Mutex<Value>>,
    /// The certificate it shows: good for 90 days, or for 10.
    pub(super) ends_soon: Arc<Mutex<bool>>,
}

/// A certificate that ends in so many days, as PEM, and a server with it.
fn certificate(days: i64) -> (String, TlsAcceptor) {
    let end = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let end = end.checked_add(jiff::Span::new().days(days)).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["api.shop.test".to_owned()]).unwrap();
    let (month, day) = (end.month().try_into().unwrap(), end.day().try_into().unwrap());
    params.not_after = rcgen::date_time_ymd(end.year().into(), month, day);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key)
        .unwrap();
    (made.pem(), TlsAcceptor::from(Arc::new(config)))
}

impl Site {
    pub(super) async fn start(says: Value) -> Self {
        crypto();
        let ((long, good), (short, ending)) = (certificate(90), certificate(10));
        let mut ca = tempfile::NamedTempFile::new().unwrap();
        ca.write_all((long + &short).as_bytes()).unwrap();
        let says = Arc::new(Mutex::new(says));
        let body = Arc::clone(&says);
        let router = axum::Router::new().fallback(move || {
            std::future::ready(axum::Json(body.lock().unwrap().clone()).into_response())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ends_soon = Arc::<Mutex<bool>>::default();
        let which = Arc::clone(&ends_soon);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let acceptor = if *which.lock().unwrap() { ending.clone() } else { good.clone() };
                let router = router.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    let service = hyper_util::service::TowerToHyperService::new(router);
                    let io = hyper_util::rt::TokioIo::new(stream);
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(io, service)
                            .await,
                    );
                });
            }
        });
        Self { port, ca, says, ends_soon }
    }
}

/// The ticket system, and who calls the people on duty.
pub(super) struct Desk {
    pub(super) base: String,
    /// What it answers.
    pub(super) status: Arc<Mutex<StatusCode>>,
    /// Holds the token.
    token: tempfile::NamedTempFile,
}

impl Desk {
    pub(super) async fn start() -> Self {
        let status = Arc::new(Mutex::new(StatusCode::OK));
        let now = Arc::clone(&status);
        let router = axum::Router::new().fallback(move || {
            let account = axum::Json(serde_json::json!({"accountId": "bot"}));
            std::future::ready((*now.lock().unwrap(), account).into_response())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let desk = Self { base, status, token: tempfile::NamedTempFile::new().unwrap() };
        desk.keep(true);
        desk
    }

    /// The token is where the settings say, or it is a page of something else.
    pub(super) fn keep(&self, is_there: bool) {
        let longest = "x".repeat(70 << 10);
        std::fs::write(self.token.path(), if is_there { "a-token" } else { &longest }).unwrap();
    }

    pub(super) fn secrets(&self) -> BTreeMap<String, HttpSecret> {
        let file = Kept::File(self.token.path().to_owned());
        let kept = [("jira", file), ("pagerduty_events", Kept::Text("a-key".to_owned().into()))];
        let origin = || self.base.clone();
        kept.map(|(name, kept)| (name.to_owned(), HttpSecret { kept, origin: origin() })).into()
    }
}

/// Stands before an API server and holds custom resources, by their paths.
pub(super) struct Front {
    pub(super) endpoint: String,
    pub(super) objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Calls are taken, and nobody ever answers.
    pub(super) is_dead: Arc<Mutex<bool>>,
}

impl Front {
    pub(super) async fn before(to: &str, objects: BTreeMap<String, Value>) -> Self {
        let objects = Arc::new(Mutex::new(objects));
        let is_dead = Arc::<Mutex<bool>>::default();
        let (held, dead, to) = (Arc::clone(&objects), Arc::clone(&is_dead), to.to_owned());
        let client = http();
        let router = axum::Router::new().fallback(move |request: Request| {
            let path = request.uri().path().to_owned();
            let found = held.lock().unwrap().get(&path).cloned();
            let asked = client.request(request.method().clone(), format!("{to}{path}"));
            let is_dead = *dead.lock().unwrap();
            async move {
                match found {
                    _ if is_dead => std::future::pending().await,
                    Some(found) => axum::Json(found).into_response(),
                    None => forward(asked).await,
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, objects, is_dead }
    }
}

async fn forward(asked: reqwest::RequestBuilder) -> Response {
    let answer = asked.send().await.unwrap();
    let status = answer.status();
    (status, answer.bytes().await.unwrap()).into_response()
}
