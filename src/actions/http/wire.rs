//! One request on the wire, and what came back: no pool, no redirect, no proxy, bounded in time and length.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response, Url};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::{HttpSettings, LONGEST_WAIT};
use crate::actions::params::{clip, crypto, put};
use crate::domain::text::told;

/// Longest body that is read.
const LONGEST_BODY: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(3);

/// One request, as it goes out.
pub(super) struct Sending<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) resolve_to: Option<&'a str>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a Value>,
    pub(super) region_header: &'a str,
    pub(super) timeout_ms: u64,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) region: Option<String>,
    pub(super) latency_ms: Option<u64>,
    pub(super) body: Option<Value>,
    pub(super) trouble: Option<String>,
}

/// Why there was no answer.
pub(super) enum Trouble {
    /// Nothing was sent.
    NotConnected(String),
    /// It may have been received.
    Unclear(String),
}

/// A client that goes where it is told: no redirect, no proxy.
pub(in crate::actions) fn plain_client() -> reqwest::ClientBuilder {
    crypto();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("dr-buddy/", env!("CARGO_PKG_VERSION")))
}

impl Sending<'_> {
    /// A client for one request: no pool to reuse, and the chosen address.
    async fn client(&self, settings: &HttpSettings) -> Result<Client, Trouble> {
        let mut builder = plain_client().connect_timeout(CONNECT).pool_max_idle_per_host(0);
        let unusable = |what: &str| Trouble::NotConnected(what.to_owned());
        if let Some(path) = &settings.extra_ca {
            let pem =
                tokio::fs::read(path).await.map_err(|_| unusable("the extra CA cannot be read"))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|_| unusable("the extra CA is not PEM"))?;
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(to) = self.resolve_to {
            let host = self.url.host_str().unwrap_or("");
            builder = builder.resolve_to_addrs(host, &addresses(to).await?);
        }
        builder.build().map_err(|_| unusable("no TLS set-up"))
    }

    /// One request, with its body if it is small.
    async fn send(&self, by: &HttpSettings) -> Result<Answer, Trouble> {
        let client = self.client(by).await?;
        let mut request = client.request(self.method.clone(), self.url.clone());
        request = request.headers(self.headers.clone());
        if let Some(body) = self.body {
            request = request.json(body);
        }
        let start = Instant::now();
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let latency_ms = u64::try_from(start.elapsed().as_millis()).ok();
        let region = answer.headers().get(self.region_header).and_then(|v| v.to_str().ok());
        Ok(Answer {
            status: Some(answer.status().as_u16()),
            region: region.map(clip),
            latency_ms,
            body: body(answer).await,
            trouble: None,
        })
    }

    /// The answer, or none in time.
    pub(super) async fn within(&self, by: &HttpSettings) -> Result<Answer, Trouble> {
        let limit = Duration::from_millis(self.timeout_ms).min(LONGEST_WAIT);
        let sent = Box::pin(self.send(by));
        timeout(limit, sent).await.unwrap_or_else(|_| {
            Err(Trouble::Unclear(format!("no answer within {} ms", self.timeout_ms)))
        })
    }
}

impl Trouble {
    fn of(error: &reqwest::Error) -> Self {
        let chain =
            std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
        // reqwest's own text repeats the URL, query included.
        let text = clip(&chain.skip(1).map(ToString::to_string).collect::<Vec<_>>().join(": "));
        if error.is_connect() || error.is_builder() {
            Self::NotConnected(text)
        } else {
            Self::Unclear(text)
        }
    }
}

/// The addresses of `host`, `host:port`, `1.2.3.4:port`, `[::1]:port` …; port 0 means the URL's.
async fn addresses(to: &str) -> Result<Vec<SocketAddr>, Trouble> {
    if let Ok(address) = to.parse::<SocketAddr>() {
        return Ok(vec![address]);
    }
    if let Ok(address) = to.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        return Ok(vec![SocketAddr::new(address, 0)]);
    }
    let (host, port) = match to.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok()),
        None => (to, Some(0)),
    };
    let unknown = || Trouble::NotConnected(format!("`{}` has no address", clip(to)));
    let port = port.ok_or_else(unknown)?;
    let found = timeout(CONNECT, tokio::net::lookup_host((host, port))).await;
    let found: Vec<SocketAddr> =
        found.map_err(|_| unknown())?.map_err(|_| unknown())?.take(16).collect();
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

/// The body if it is JSON and not too long.
async fn body(mut answer: Response) -> Option<Value> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if bytes.len().saturating_add(chunk.len()) > LONGEST_BODY {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).ok()
}

impl Answer {
    /// An answer, or that there was none.
    pub(super) fn of(answer: Result<Self, Trouble>) -> Self {
        answer.unwrap_or_else(|trouble| Self {
            trouble: Some(match trouble {
                Trouble::NotConnected(text) | Trouble::Unclear(text) => text,
            }),
            ..Self::default()
        })
    }

    pub(super) fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "reachable", Some(self.status.is_some()));
        put(&mut facts, "status", self.status);
        put(&mut facts, "region", self.region.clone());
        put(&mut facts, "latency_ms", self.latency_ms);
        put(&mut facts, "body", self.body.clone());
        facts
    }

    pub(super) fn saw(&self) -> String {
        match (self.status, &self.trouble) {
            (Some(status), _) => {
                let region = self.region.as_deref().unwrap_or("told.no_region");
                let ms = self.latency_ms.unwrap_or(0).to_string();
                told("told.http", &[&status.to_string(), region, &ms])
            }
            (None, trouble) => told("told.no_answer", &[trouble.as_deref().unwrap_or("")]),
        }
    }
}
