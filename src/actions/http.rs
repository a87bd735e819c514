//! `http.check`: asks an HTTP endpoint, at a chosen address if need be, before DNS has moved.
//!
//! With `resolve_to` only the address changes: SNI, certificate check and `Host` stay the URL's, so what is proven is what
//! users will meet. Redirects are an answer, not followed. That nothing answers is an answer too. With `put_first`, `run`
//! writes once before it reads: the proof that the other side takes writes.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Method, Response, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::params::{
    clip, failed, flag, json_of, optional_text, put, request, text, unsafe_because,
};
use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview, Remark};
use crate::domain::text::told;
use crate::domain::time::Span;

/// Longest body that is read.
const LONGEST_BODY: usize = 64 * 1024;
/// Longest wait a step may ask for: well inside the lease.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(3);

/// How to check endpoints. `config.rs` fills it.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    /// Certificates to trust besides the system's, as a PEM file.
    pub extra_ca: Option<PathBuf>,
}

/// Checks an endpoint.
#[derive(Debug)]
pub(super) struct Check {
    settings: HttpSettings,
}

/// Exactly what is sent.
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
    /// The body of the PUT that comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put_first: Option<Value>,
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

impl Check {
    pub(super) fn new(settings: HttpSettings) -> Self {
        Self { settings }
    }

    fn asked(call: &Call<'_>) -> Result<Request, LookError> {
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
        Ok(Request {
            service: "http".into(),
            method: method.to_owned(),
            url,
            resolve_to: optional_text(call, "resolve_to").map(Into::into),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(10_000),
            region_header: optional_text(call, "region_header").unwrap_or("x-region").to_owned(),
            put_first: flag(call, "put_first").then(|| json!({"canary": call.token.to_string()})),
        })
    }

    /// A client for one check: no pool to reuse, no redirect, no proxy, and the chosen address.
    async fn client(&self, asked: &Request) -> Result<Client, Trouble> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else being faster is as good.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("dr-buddy/", env!("CARGO_PKG_VERSION")));
        let unusable = |what: &str| Trouble::NotConnected(what.to_owned());
        if let Some(path) = &self.settings.extra_ca {
            let pem =
                tokio::fs::read(path).await.map_err(|_| unusable("the extra CA cannot be read"))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|_| unusable("the extra CA is not PEM"))?;
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(to) = &asked.resolve_to {
            let host = asked.url.host_str().unwrap_or("");
            builder = builder.resolve_to_addrs(host, &addresses(to).await?);
        }
        builder.build().map_err(|_| unusable("no TLS set-up"))
    }

    /// One request, with its body if it is small.
    async fn send(&self, asked: &Request, put: Option<&Value>) -> Result<Answer, Trouble> {
        let client = self.client(asked).await?;
        let method = match (put, asked.method.as_str()) {
            (Some(_), _) => Method::PUT,
            (None, "HEAD") => Method::HEAD,
            (None, _) => Method::GET,
        };
        let mut request = client.request(method, asked.url.clone());
        if let Some(body) = put {
            request = request.json(body);
        }
        let start = Instant::now();
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let latency_ms = u64::try_from(start.elapsed().as_millis()).ok();
        let region = answer.headers().get(&asked.region_header).and_then(|v| v.to_str().ok());
        Ok(Answer {
            status: Some(answer.status().as_u16()),
            region: region.map(clip),
            latency_ms,
            body: body(answer).await,
            trouble: None,
        })
    }

    async fn within(&self, asked: &Request, put: Option<&Value>) -> Result<Answer, Trouble> {
        let limit = Duration::from_millis(asked.timeout_ms).min(LONGEST_WAIT);
        let sent = Box::pin(self.send(asked, put));
        timeout(limit, sent).await.unwrap_or_else(|_| {
            Err(Trouble::Unclear(format!("no answer within {} ms", asked.timeout_ms)))
        })
    }

    async fn read(&self, asked: &Request) -> Answer {
        self.within(asked, None).await.unwrap_or_else(|trouble| Answer {
            trouble: Some(match trouble {
                Trouble::NotConnected(text) | Trouble::Unclear(text) => text,
            }),
            ..Answer::default()
        })
    }

    /// The canary write. `Ok` holds its status.
    async fn write(&self, asked: &Request, body: &Value) -> Result<u16, Outcome> {
        let system = asked.url.host_str().unwrap_or("endpoint").to_owned();
        let refuse = |detail| Err(failed(LookError::Refused { system: system.clone(), detail }));
        let unknown = |error: String| {
            let evidence = json!({"service": "http", "put": "unknown"});
            Err(Outcome::Unknown { error: format!("{system}: {error}"), evidence })
        };
        match self.within(asked, Some(body)).await {
            Ok(Answer { status: Some(status @ 200..=299), .. }) => Ok(status),
            Ok(Answer { status: Some(status @ 300..=499), .. }) => {
                refuse(format!("the PUT was answered with {status}"))
            }
            Ok(answer) => unknown(format!("the PUT was answered with {:?}", answer.status)),
            Err(Trouble::NotConnected(detail)) => {
                Err(failed(LookError::Unreachable { system, detail }))
            }
            Err(Trouble::Unclear(detail)) => unknown(detail),
        }
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

#[async_trait]
impl Action for Check {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let asked = Self::asked(call)?;
        if let Some(to) = &asked.resolve_to {
            let is_name = matches!(asked.url.host(), Some(url::Host::Domain(_)));
            if !is_name {
                return Err(unsafe_because("`resolve_to` needs a host name in the URL"));
            }
            let names_port = to.parse::<SocketAddr>().is_ok()
                || to.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':'));
            if names_port && asked.url.port().is_some() {
                return Err(unsafe_because(
                    "both the URL and `resolve_to` name a port: leave one out",
                ));
            }
        }
        let answer = self.read(&asked).await;
        let at = asked.resolve_to.as_ref().map(|to| format!(" at {to}")).unwrap_or_default();
        let mut calls = vec![format!("{} {}{at}", asked.method, asked.url)];
        let mut remarks = Vec::new();
        if asked.put_first.is_some() {
            calls.insert(0, format!("PUT {}{at}", asked.url));
            remarks.push(Remark::new("remark.http.canary", &[("url", asked.url.as_str())]));
        }
        Ok(Preview {
            request: json_of(&asked),
            binding: Map::new(),
            facts: answer.facts(),
            changes: vec![],
            calls,
            remarks,
        })
    }

    /// A check has no effect to look for, so every answer is "done"; only a canary write may be in doubt.
    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let asked = request::<Request>(value).or_else(|_| Self::asked(call));
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                let saw = error.to_string();
                return Probe { happened: Happened::Unknown, facts: Map::new(), saw };
            }
        };
        let answer = self.read(&asked).await;
        let happened = match &asked.put_first {
            None => Happened::Done,
            Some(canary) => {
                let recorded = call.past.iter().any(|past| past.get("put") == Some(canary));
                let came_back = answer.body.as_ref().and_then(|body| body.get("canary"))
                    == canary.get("canary");
                if recorded || came_back { Happened::Done } else { Happened::Unknown }
            }
        };
        Probe { happened, facts: answer.facts(), saw: answer.saw() }
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let asked: Request = match request(approved.request()) {
            Ok(asked) => asked,
            Err(error) => return failed(error),
        };
        let mut evidence = Map::new();
        put(&mut evidence, "service", Some("http"));
        put(&mut evidence, "url", Some(asked.url.as_str()));
        if let Some(body) = &asked.put_first {
            match self.write(&asked, body).await {
                Ok(status) => {
                    put(&mut evidence, "put", Some(body.clone()));
                    put(&mut evidence, "put_status", Some(status));
                }
                Err(outcome) => return outcome,
            }
        }
        put(&mut evidence, "saw", Some(self.read(&asked).await.saw()));
        Outcome::Accepted { evidence: evidence.into() }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
