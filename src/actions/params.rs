//! Small parts every action needs: parameters by name, requests read back, facts that are only put in when known.
//!
//! Parameters were checked against the table of actions when the document was read, but a template can still turn out
//! empty: that is an unsafe preview, never a panic.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Call, LookError, Outcome};
use crate::domain::text::{cut, told};

/// Longest text of somebody else's error that we keep.
const LONGEST: usize = 300;

/// `text` on one line, cut at a length that fits a message.
pub(super) fn clip(text: &str) -> String {
    cut(&text.replace(char::is_control, " "), LONGEST)
}

pub(super) fn unsafe_because(detail: impl Into<String>) -> LookError {
    LookError::Unsafe { detail: detail.into() }
}

pub(super) fn text<'a>(call: &Call<'a>, name: &str) -> Result<&'a str, LookError> {
    optional_text(call, name).ok_or_else(|| unsafe_because(told("trouble.no_parameter", &[name])))
}

pub(super) fn optional_text<'a>(call: &Call<'a>, name: &str) -> Option<&'a str> {
    call.with.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

pub(super) fn texts<'a>(call: &Call<'a>, name: &str) -> Result<Vec<&'a str>, LookError> {
    let list: Option<Vec<&str>> = call
        .with
        .get(name)
        .and_then(Value::as_array)
        .and_then(|list| list.iter().map(Value::as_str).collect());
    list.filter(|list| !list.is_empty())
        .ok_or_else(|| unsafe_because(told("trouble.no_list", &[name])))
}

pub(super) fn flag(call: &Call<'_>, name: &str) -> bool {
    match call.with.get(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// A flag that was given; a template yields it as text.
pub(super) fn optional_flag(call: &Call<'_>, name: &str) -> Option<bool> {
    call.with.contains_key(name).then(|| flag(call, name))
}

/// A whole number; a template yields it as text.
pub(super) fn whole(call: &Call<'_>, name: &str) -> Result<u32, LookError> {
    let value = call.with.get(name);
    let number = match value {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| unsafe_because(told("trouble.no_number", &[name])))
}

/// The request as the preview wrote it; what `run` sends comes from here and nowhere else.
pub(super) fn request<T: DeserializeOwned>(value: &Value) -> Result<T, LookError> {
    serde_json::from_value(value.clone())
        .map_err(|error| unsafe_because(told("trouble.no_request", &[&error.to_string()])))
}

pub(super) fn json_of(request: &impl Serialize) -> Value {
    serde_json::to_value(request).expect("requests are plain data with text keys")
}

/// Puts a fact in if it is known.
pub(super) fn put(facts: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        facts.insert(name.to_owned(), value.into());
    }
}

/// A JSON object with one more part.
pub(super) fn also(mut object: Value, name: &str, part: impl Into<Value>) -> Value {
    if let Value::Object(parts) = &mut object {
        parts.insert(name.to_owned(), part.into());
    }
    object
}

/// Nothing was sent.
pub(super) fn failed(error: LookError) -> Outcome {
    Outcome::Failed { error }
}

/// Makes ring the process's TLS provider, unless there is one.
pub(super) fn crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else being faster is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}
