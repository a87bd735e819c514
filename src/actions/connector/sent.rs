//! Exactly what is sent, as people approve it. No secret: headers and bodies only name theirs.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::actions::http::http_url;
use crate::actions::params::unsafe_because;
use crate::actions::{Call, LookError};
use crate::domain::connector::render::{self, Scope};
use crate::domain::connector::{Auth, Connector, Operation};
use crate::domain::ids::Digest;
use crate::domain::runbook::template::Missing;
use crate::domain::text::told;

/// A request of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    /// The operation.
    pub(super) operation: String,
    /// What it was made from: another connector is another request.
    source: Digest,
    /// What it was given.
    pub(super) with: Map<String, Value>,
    pub(super) method: String,
    pub(super) url: Url,
    headers: BTreeMap<String, String>,
    pub(super) auth: Option<Auth>,
    pub(super) body: Option<Value>,
    /// Names of the secrets that stand in the body, by JSON pointer.
    pub(super) body_secrets: BTreeMap<String, String>,
    token_header: Option<String>,
    /// The same for one preview.
    pub(super) key: String,
    pub(super) timeout_ms: u64,
}

/// What templates are filled from: nothing is given yet.
pub(super) fn scope(call: &Call<'_>) -> Scope {
    let of_call = json!({
        "token": call.token.to_string(), "step": call.step,
        "opened_at": call.opened_at.to_string(), "opened_at_ms": call.opened_at.0,
    });
    Scope::new(&call.environment.document, call.run.as_str(), of_call, Map::new())
}

/// Why something could not be filled.
pub(super) fn unfilled(missing: &[Missing]) -> LookError {
    let all: Vec<String> = missing.iter().map(ToString::to_string).collect();
    unsafe_because(all.join("; "))
}

impl Sent {
    /// The request of an operation that is given this.
    pub(super) fn of(
        connector: &Connector,
        name: &str,
        given: &Map<String, Value>,
        (call, scope): (&Call<'_>, &Scope),
    ) -> Result<Self, LookError> {
        let operation = connector.operation(name).ok_or_else(|| {
            unsafe_because(told("trouble.no_action", &[&format!("{}.{name}", connector.id)]))
        })?;
        let with = render::with(operation, given);
        let scope = scope.clone().given(with.clone());
        let parts = render::parts(&connector.base, operation, &scope)
            .map_err(|missing| unfilled(&missing))?;
        let base = http_url(parts.base.trim_end_matches('/'))?;
        let text = format!("{}{}", parts.base.trim_end_matches('/'), parts.path);
        let mut url = http_url(&text)?;
        if url.origin() != base.origin() || base.query().is_some() || base.fragment().is_some() {
            return Err(unsafe_because(told("trouble.no_request", &[&parts.base])));
        }
        if !parts.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&parts.query);
        }
        let mut body = parts.body;
        for (pointer, secret) in &operation.body_secrets {
            if let Some(place) = body.as_mut().and_then(|body| body.pointer_mut(pointer)) {
                *place = Value::String(format!("[{secret}]"));
            }
        }
        let sent = Self {
            operation: name.to_owned(),
            source: connector.source(name),
            with,
            method: operation.method.clone(),
            url,
            headers: parts.headers,
            auth: parts.auth,
            body,
            body_secrets: operation.body_secrets.clone(),
            token_header: operation.token_header.clone(),
            key: call.token.to_string(),
            timeout_ms: operation.timeout.unwrap_or(connector.base.timeout).ms(),
        };
        // A header that cannot be sent is found now, not when it is sent.
        sent.headers()?;
        Ok(sent)
    }

    pub(super) fn verb(&self) -> Method {
        Method::from_bytes(self.method.as_bytes()).unwrap_or(Method::POST)
    }

    /// `PUT https://…`.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// Whether this status says that it was taken.
    pub(super) fn expects(operation: &Operation, status: u16) -> bool {
        let expected = &operation.expect;
        if expected.is_empty() { (200..300).contains(&status) } else { expected.contains(&status) }
    }

    /// Its headers, without those that prove who asks.
    pub(super) fn headers(&self) -> Result<HeaderMap, LookError> {
        let mut all = HeaderMap::new();
        let key = self.token_header.as_ref().map(|name| (name, &self.key));
        for (name, value) in self.headers.iter().chain(key) {
            let bad = || unsafe_because(told("trouble.no_header", &[name]));
            let value = HeaderValue::from_str(value).map_err(|_| bad())?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            all.insert(name, value);
        }
        Ok(all)
    }
}
