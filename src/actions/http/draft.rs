//! What `http.request` sends: as a step writes it, and checked, as people approve it.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HttpSettings, http_url, timeout_ms};
use crate::actions::LookError;
use crate::actions::params::unsafe_because;
use crate::domain::connector::check::{OURS, SECRET};
use crate::domain::text::told;

const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// As the step writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    secret_headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_pointer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<Box<Self>>,
}

/// Exactly what is sent, and how its effect is found. No secret: headers that hold one only name it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    pub(super) method: String,
    pub(super) url: Url,
    headers: BTreeMap<String, String>,
    secret_headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_status: Option<u16>,
    idempotency_header: String,
    /// The same for one preview.
    pub(super) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probe: Option<Sight>,
    pub(super) timeout_ms: u64,
    /// The way back, approved on its own when it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) undo: Option<Box<Draft>>,
}

/// Where the effect shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sight {
    pub(super) url: Url,
    /// JSON pointer into the answer; without it, that there is an answer is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pointer: Option<String>,
    /// What stands there then; without it anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
}

impl Draft {
    /// As people approve it, if the settings allow it.
    pub(super) fn checked(self, key: String, settings: &HttpSettings) -> Result<Sent, LookError> {
        if !METHODS.contains(&self.method.as_str()) {
            return Err(unsafe_because(told("trouble.no_method", &[&self.method])));
        }
        let allowed = |text: &str| -> Result<Url, LookError> {
            let url = http_url(text)?;
            settings.allows(&url)?;
            Ok(url)
        };
        let url = allowed(&self.url)?;
        let idempotency_header = self.idempotency_header.unwrap_or("Idempotency-Key".to_owned());
        for name in self.headers.keys().chain([&idempotency_header]) {
            plain_header(name, name == &idempotency_header)?;
        }
        let probe = match self.probe_url {
            None if self.probe_pointer.is_none() && self.probe_value.is_none() => None,
            None => return Err(unsafe_because(told("trouble.no_parameter", &["probe_url"]))),
            Some(text) => {
                let pointer = self.probe_pointer;
                if pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/'))
                    || (pointer.is_none() && self.probe_value.is_some())
                {
                    return Err(unsafe_because(told("trouble.no_pointer", &[])));
                }
                Some(Sight { url: allowed(&text)?, pointer, value: self.probe_value })
            }
        };
        for (header, name) in &self.secret_headers {
            header_name(header)?;
            for url in [Some(&url), probe.as_ref().map(|probe| &probe.url)].into_iter().flatten() {
                settings.secret(name, url)?;
            }
        }
        // The way back must hold as well, before anything is done.
        if let Some(undo) = &self.undo {
            drop(undo.clone().checked(key.clone(), settings)?);
        }
        Ok(Sent {
            method: self.method,
            url,
            headers: self.headers,
            secret_headers: self.secret_headers,
            body: self.body,
            expected_status: self.expected_status,
            idempotency_header,
            key,
            probe,
            timeout_ms: timeout_ms(self.timeout.as_deref())?,
            undo: self.undo,
        })
    }
}

fn header_name(name: &str) -> Result<HeaderName, LookError> {
    let found = HeaderName::from_bytes(name.as_bytes()).ok();
    let found = found.filter(|found| !OURS.contains(&found.as_str()));
    found.ok_or_else(|| unsafe_because(told("trouble.no_header", &[name])))
}

/// A header whose value is shown.
fn plain_header(name: &str, is_key: bool) -> Result<(), LookError> {
    let found = header_name(name)?;
    if !is_key && SECRET.iter().any(|word| found.as_str().contains(word)) {
        return Err(unsafe_because(told("trouble.secret_header", &[name])));
    }
    Ok(())
}

impl Sent {
    pub(super) fn verb(&self) -> Method {
        Method::from_bytes(self.method.as_bytes()).unwrap_or(Method::POST)
    }

    /// `POST https://…` with the names of its headers.
    pub(super) fn line(&self) -> String {
        let names: Vec<&str> =
            self.headers.keys().chain(self.secret_headers.keys()).map(String::as_str).collect();
        let named =
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        format!("{} {}{named}", self.method, self.url)
    }

    /// Whether this status says that it was done.
    pub(super) fn expects(&self, status: u16) -> bool {
        self.expected_status.map_or((200..300).contains(&status), |wanted| status == wanted)
    }

    /// Its secrets, read anew.
    pub(super) async fn secrets(
        &self,
        settings: &HttpSettings,
    ) -> Result<Vec<(HeaderName, SecretString)>, LookError> {
        let mut found = vec![];
        for (header, name) in &self.secret_headers {
            let secret = settings.secret(name, &self.url)?;
            found.push((header_name(header)?, secret.kept.read(name).await?));
        }
        Ok(found)
    }

    /// All headers; the key only with what changes something.
    pub(super) fn headers(
        &self,
        secrets: &[(HeaderName, SecretString)],
        changes: bool,
    ) -> Result<HeaderMap, LookError> {
        let mut all = HeaderMap::new();
        let key = changes.then_some((&self.idempotency_header, &self.key));
        for (name, value) in self.headers.iter().chain(key) {
            let value = HeaderValue::from_str(value).ok();
            let value = value.ok_or_else(|| unsafe_because(told("trouble.no_header", &[name])))?;
            all.insert(header_name(name)?, value);
        }
        for (name, secret) in secrets {
            let bad = || unsafe_because(told("trouble.no_header", &[name.as_str()]));
            let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| bad())?;
            value.set_sensitive(true);
            all.insert(name.clone(), value);
        }
        Ok(all)
    }
}
