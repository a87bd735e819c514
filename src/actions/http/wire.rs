//! One request on the wire, and what came back: no pool, no redirect, no proxy, bounded in time and length.

use futures_util::FutureExt;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, Url};
use rustls::CertificateError;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::{HttpSettings, LONGEST_WAIT};
use crate::actions::params::{clip, crypto, put};
use crate::domain::text::told;

/// Longest body that is read.
pub(super) const LONGEST_BODY: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(3);

/// One request, as it goes out.
pub(in crate::actions) struct Sending<'a> {
    pub(in crate::actions) method: Method,
    pub(in crate::actions) url: &'a Url,
    pub(in crate::actions) resolve_to: Option<&'a str>,
    pub(in crate::actions) headers: HeaderMap,
    pub(in crate::actions) body: Option<&'a Value>,
    /// Sent as a form, where there is no body.
    pub(in crate::actions) form: Option<&'a str>,
    pub(in crate::actions) region_header: &'a str,
    /// The header that names the request.
    pub(in crate::actions) id_header: &'a str,
    pub(in crate::actions) timeout_ms: u64,
    /// Longest body that is read.
    pub(in crate::actions) longest: usize,
}

impl<'a> Sending<'a> {
    /// A request with nothing but these.
    pub(in crate::actions) fn new(method: Method, url: &'a Url, timeout_ms: u64) -> Self {
        Self {
            method,
            url,
            resolve_to: None,
            headers: HeaderMap::new(),
            body: None,
            form: None,
            region_header: "x-region",
            id_header: "x-request-id",
            timeout_ms,
            longest: LONGEST_BODY,
        }
    }
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::actions) struct Answer {
    pub(in crate::actions) status: Option<u16>,
    pub(super) region: Option<String>,
    pub(in crate::actions) latency_ms: Option<u64>,
    pub(in crate::actions) body: Option<Value>,
    /// Why there is no body, where something was sent back.
    pub(in crate::actions) flaw: Option<Flaw>,
    /// What was sent back, whatever it is: its length and its SHA-256.
    pub(in crate::actions) bytes: (usize, String),
    /// The header that names the request.
    pub(in crate::actions) id: Option<String>,
    /// Where a redirect would have led: its origin.
    pub(in crate::actions) elsewhere: Option<String>,
    /// How long to wait, as it says.
    pub(in crate::actions) retry_after: Option<String>,
    pub(in crate::actions) trouble: Option<String>,
}

/// Why what was sent back is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actions) enum Flaw {
    /// The connection ended before it did.
    Half,
    /// It is longer than is read.
    TooLong,
    /// It is a page, a picture …
    NotJson,
}

/// Why there was no answer.
#[derive(Debug)]
pub(in crate::actions) enum Trouble {
    /// Nothing was sent.
    NotConnected(String),
    /// It may have been received.
    Unclear(String),
}

/// A client that goes where it is told: no redirect, no proxy.
pub fn plain_client() -> reqwest::ClientBuilder {
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
        } else if let Some(form) = self.form {
            let kind = (CONTENT_TYPE, "application/x-www-form-urlencoded");
            request = request.header(kind.0, kind.1).body(form.to_owned());
        }
        let start = Instant::now();
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let latency_ms = u64::try_from(start.elapsed().as_millis()).ok();
        // Not cut: what is taken out of it first must be whole.
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
        };
        let region = header(self.region_header).map(|region| clip(&region));
        let id = header(self.id_header);
        let retry_after = header(RETRY_AFTER.as_str());
        let to = header(LOCATION.as_str()).filter(|_| answer.status().is_redirection());
        // The rest of where it leads may hold a ticket.
        let elsewhere = to.and_then(|to| self.url.join(&to).ok());
        let elsewhere = elsewhere.map(|url| url.origin().ascii_serialization());
        let status = Some(answer.status().as_u16());
        let (body, flaw, bytes) = body(answer, self.longest).await;
        let trouble = None;
        Ok(Answer {
            status,
            region,
            latency_ms,
            body,
            flaw,
            bytes,
            id,
            elsewhere,
            retry_after,
            trouble,
        })
    }

    /// The answer, or none in time.
    pub(in crate::actions) async fn within(&self, by: &HttpSettings) -> Result<Answer, Trouble> {
        let limit = Duration::from_millis(self.timeout_ms).min(LONGEST_WAIT);
        timeout(limit, self.send(by).boxed()).await.unwrap_or_else(|_| {
            Err(Trouble::Unclear(format!("no answer within {} ms", self.timeout_ms)))
        })
    }
}

impl Trouble {
    fn of(error: &reqwest::Error) -> Self {
        let chain =
            std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
        // reqwest's own text repeats the URL, query included.
        let chain = chain.skip(1);
        if let Some(bad) = chain.clone().find_map(bad_certificate) {
            return Self::NotConnected(bad);
        }
        let text = clip(&chain.map(ToString::to_string).collect::<Vec<_>>().join(": "));
        if error.is_connect() || error.is_builder() {
            Self::NotConnected(text)
        } else {
            Self::Unclear(text)
        }
    }
}

/// What is wrong with the certificate of whoever answered, where that is why nothing was sent.
fn bad_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let mut inner = error;
    // What an I/O error was made of is not its source, and may be one itself.
    while let Some(made) = inner.downcast_ref::<std::io::Error>() {
        inner = made.get_ref()?;
    }
    let rustls::Error::InvalidCertificate(bad) = inner.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    let is_old = matches!(bad, CertificateError::Expired | CertificateError::ExpiredContext { .. });
    let is_of_another = matches!(
        bad,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    );
    // Signed by nobody known, or by somebody who only bears the name of one.
    let is_of_nobody =
        matches!(bad, CertificateError::UnknownIssuer | CertificateError::BadSignature);
    let key = match (is_old, is_of_another, is_of_nobody) {
        (true, _, _) => "told.certificate_expired",
        (_, true, _) => "told.certificate_other",
        (_, _, true) => "told.certificate_stranger",
        (false, false, false) => "told.certificate_bad",
    };
    Some(told(key, &[&clip(&bad.to_string())]))
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

/// A body that is JSON, or why it is none, and what there was of it.
type Body = (Option<Value>, Option<Flaw>, (usize, String));

/// The body if it is JSON and not too long.
async fn body(mut answer: Response, longest: usize) -> Body {
    let mut bytes = Vec::new();
    let without = |flaw, length| (None, Some(flaw), (length, String::new()));
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len().saturating_add(chunk.len()) > longest => {
                return without(Flaw::TooLong, bytes.len());
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return without(Flaw::Half, bytes.len()),
        }
    }
    let seen = (bytes.len(), hex::encode(Sha256::digest(&bytes)));
    match serde_json::from_slice(&bytes) {
        Ok(body) => (Some(body), None, seen),
        Err(_) if bytes.is_empty() => (None, None, seen),
        Err(_) => (None, Some(Flaw::NotJson), seen),
    }
}

impl Answer {
    /// An answer, or that there was none.
    pub(in crate::actions) fn of(answer: Result<Self, Trouble>) -> Self {
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

    pub(in crate::actions) fn saw(&self) -> String {
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
