//! HTTP endpoints: one action asks and one writes a canary, at a chosen address if need be, before DNS has moved; one sends
//! what changes something to an API that the settings allow.
//!
//! With `resolve_to` only the address changes: SNI, certificate check and `Host` stay the URL's, so what is proven is what
//! users will meet. Redirects are an answer, not followed. That nothing answers is an answer too.

mod canary;
mod check;
mod draft;
mod request;
mod settings;
mod wire;

pub use wire::plain_client;

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::params::{optional_text, text, unsafe_because};
use super::{Call, LookError};
use crate::domain::time::Span;
pub(super) use canary::Canary;
pub(super) use check::Check;
pub(super) use request::Change;
pub use settings::{HttpSecret, HttpSettings};
pub(super) use wire::{Answer, Flaw, Sending, Trouble};

/// Longest wait a step may ask for: well inside the lease.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Answers that say a write was not done. Others leave it open: a 303 may follow a write, a 408 or 499 comes from a
/// proxy that gave up.
pub(super) const NOT_DONE: [u16; 10] = [400, 401, 403, 404, 405, 410, 413, 415, 422, 429];

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

impl Request {
    fn of(call: &Call<'_>) -> Result<Self, LookError> {
        let url = http_url(text(call, "url")?)?;
        let method = optional_text(call, "method").unwrap_or("GET");
        if !matches!(method, "GET" | "HEAD") {
            return Err(unsafe_because(format!("`method` is GET or HEAD, not `{method}`")));
        }
        Ok(Self {
            service: "http".into(),
            method: method.to_owned(),
            url,
            resolve_to: optional_text(call, "resolve_to").map(Into::into),
            timeout_ms: timeout_ms(optional_text(call, "timeout"))?,
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

    fn sending<'a>(&'a self, put: Option<&'a Value>) -> Sending<'a> {
        let method = match (put, self.method.as_str()) {
            (Some(_), _) => Method::PUT,
            (None, "HEAD") => Method::HEAD,
            (None, _) => Method::GET,
        };
        Sending {
            resolve_to: self.resolve_to.as_deref(),
            body: put,
            region_header: &self.region_header,
            ..Sending::new(method, &self.url, self.timeout_ms)
        }
    }

    /// The answer, or none in time.
    async fn within(&self, by: &HttpSettings, put: Option<&Value>) -> Result<Answer, Trouble> {
        self.sending(put).within(by).await
    }

    /// Only reads.
    async fn read(&self, by: &HttpSettings) -> Answer {
        Answer::of(self.within(by, None).await)
    }
}

/// An http or https URL without a password.
pub(super) fn http_url(text: &str) -> Result<Url, LookError> {
    let url: Url = text.parse().map_err(|_| unsafe_because("parameter `url` is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(unsafe_because("parameter `url` is not an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unsafe_because("parameter `url` holds a password, which would be shown"));
    }
    Ok(url)
}

/// 10 s unless told, and never more than is well inside the lease.
fn timeout_ms(text: Option<&str>) -> Result<u64, LookError> {
    let timeout = match text {
        None => Duration::from_secs(10),
        Some(text) => Span::parse(text)
            .map(|span| Duration::from_millis(span.ms()))
            .map_err(|error| unsafe_because(error.to_string()))?,
    };
    Ok(u64::try_from(timeout.min(LONGEST_WAIT).as_millis()).unwrap_or(10_000))
}
