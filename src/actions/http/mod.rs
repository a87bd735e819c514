//! HTTP endpoints, at a chosen address if need be, before DNS has moved: one action asks, the other writes once.
//!
//! With `resolve_to` only the address changes: SNI, certificate check and `Host` stay the URL's, so what is proven is what
//! users will meet. Redirects are an answer, not followed. That nothing answers is an answer too.

mod canary;
mod check;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method, Response, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::params::{clip, optional_text, put, text, unsafe_because};
use super::{Call, LookError};
use crate::domain::text::told;
use crate::domain::time::Span;
pub(super) use canary::Canary;
pub(super) use check::Check;

/// Longest body that is read.
const LONGEST_BODY: usize = 64 * 1024;
/// Longest wait a step may ask for: well inside the lease.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(3);

/// How to reach endpoints. `config.rs` fills it.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    /// Certificates to trust besides the system's, as a PEM file.
    pub extra_ca: Option<PathBuf>,
}

/// Exactly what is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    service: String,
    method: String,
    url: Url,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolve_to: Option<String>,
    timeout_ms: u64,
    region_header: String,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq)]
struct Answer {
    status: Option<u16>,
    region: Option<String>,
    latency_ms: Option<u64>,
    body: Option<Value>,
    trouble: Option<String>,
}

/// Why there was no answer.
enum Trouble {
    /// Nothing was sent.
    NotConnected(String),
    /// It may have been received.
    Unclear(String),
}

impl Request {
    fn of(call: &Call<'_>) -> Result<Self, LookError> {
        let url = text(call, "url")?;
        let url: Url = url.parse().map_err(|_| unsafe_because("parameter `url` is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(unsafe_because("parameter `url` is not an http or https URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unsafe_because("parameter `url` holds a password, which would be shown"));
        }
        let method = optional_text(call, "method").unwrap_or("GET");
        if !matches!(method, "GET" | "HEAD") {
            return Err(unsafe_because(format!("`method` is GET or HEAD, not `{method}`")));
        }
        let timeout = match optional_text(call, "timeout") {
            None => Duration::from_secs(10),
            Some(text) => Span::parse(text)
                .map(|span| Duration::from_millis(span.ms()))
                .map_err(|error| unsafe_because(error.to_string()))?,
        };
        let timeout = timeout.min(LONGEST_WAIT);
        Ok(Self {
            service: "http".into(),
            method: method.to_owned(),
            url,
            resolve_to: optional_text(call, "resolve_to").map(Into::into),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(10_000),
            region_header: optional_text(call, "region_header").unwrap_or("x-region").to_owned(),
        })
    }

    /// Refuses an address that cannot be used, or that contradicts the URL.
    fn may_resolve(&self) -> Result<(), LookError> {
        let Some(to) = &self.resolve_to else { return Ok(()) };
        if !matches!(self.url.host(), Some(url::Host::Domain(_))) {
            return Err(unsafe_because("`resolve_to` needs a host name in the URL"));
        }
        let names_port = to.parse::<SocketAddr>().is_ok()
            || to.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':'));
        if names_port && self.url.port().is_some() {
            return Err(unsafe_because("both the URL and `resolve_to` name a port: leave one out"));
        }
        Ok(())
    }

    /// The request line as people read it.
    fn line(&self, method: &str) -> String {
        let at = self.resolve_to.as_ref().map(|to| format!(" at {to}")).unwrap_or_default();
        format!("{method} {}{at}", self.url)
    }

    /// A client for one check: no pool to reuse, and the chosen address.
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
        if let Some(to) = &self.resolve_to {
            let host = self.url.host_str().unwrap_or("");
            builder = builder.resolve_to_addrs(host, &addresses(to).await?);
        }
        builder.build().map_err(|_| unusable("no TLS set-up"))
    }

    /// One request, with its body if it is small.
    async fn send(&self, by: &HttpSettings, put: Option<&Value>) -> Result<Answer, Trouble> {
        let client = self.client(by).await?;
        let method = match (put, self.method.as_str()) {
            (Some(_), _) => Method::PUT,
            (None, "HEAD") => Method::HEAD,
            (None, _) => Method::GET,
        };
        let mut request = client.request(method, self.url.clone());
        if let Some(body) = put {
            request = request.json(body);
        }
        let start = Instant::now();
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let latency_ms = u64::try_from(start.elapsed().as_millis()).ok();
        let region = answer.headers().get(&self.region_header).and_then(|v| v.to_str().ok());
        Ok(Answer {
            status: Some(answer.status().as_u16()),
            region: region.map(clip),
            latency_ms,
            body: body(answer).await,
            trouble: None,
        })
    }

    /// The answer, or none in time.
    async fn within(&self, by: &HttpSettings, put: Option<&Value>) -> Result<Answer, Trouble> {
        let limit = Duration::from_millis(self.timeout_ms).min(LONGEST_WAIT);
        let sent = Box::pin(self.send(by, put));
        timeout(limit, sent).await.unwrap_or_else(|_| {
            Err(Trouble::Unclear(format!("no answer within {} ms", self.timeout_ms)))
        })
    }

    /// Only reads.
    async fn read(&self, by: &HttpSettings) -> Answer {
        self.within(by, None).await.unwrap_or_else(|trouble| Answer {
            trouble: Some(match trouble {
                Trouble::NotConnected(text) | Trouble::Unclear(text) => text,
            }),
            ..Answer::default()
        })
    }
}

/// A client that goes where it is told: no redirect, no proxy.
pub(super) fn plain_client() -> reqwest::ClientBuilder {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else being faster is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("dr-buddy/", env!("CARGO_PKG_VERSION")))
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
    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "reachable", Some(self.status.is_some()));
        put(&mut facts, "status", self.status);
        put(&mut facts, "region", self.region.clone());
        put(&mut facts, "latency_ms", self.latency_ms);
        put(&mut facts, "body", self.body.clone());
        facts
    }

    fn saw(&self) -> String {
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
