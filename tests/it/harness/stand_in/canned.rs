//! Answers by heart: for services that no emulator knows well enough to be read from, as a test has laid them out.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use serde_json::Value;

use super::{Asked, Reply, Service, done, said};

/// What is asked (service, region, operation), and a word in the request that tells it from others.
pub(crate) type At = [&'static str; 4];

#[derive(Debug, Clone)]
struct Entry {
    at: At,
    /// botocore's names of the service and the operation.
    model: (&'static str, &'static str),
    /// JSON (an error where it has a `__type`), a whole document of XML, or the result of a call of the query protocol.
    body: String,
}

/// The answers. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canned(Arc<Mutex<Vec<Entry>>>);

impl Canned {
    /// Lays an answer out.
    pub(crate) fn lay(&self, at: At, model: (&'static str, &'static str), body: impl ToString) {
        let entry = Entry { at, model, body: body.to_string() };
        self.0.lock().expect("nobody panics while holding it").push(entry);
    }

    /// Changes a word of an answer, which must be there.
    pub(crate) fn edit(&self, at: At, from: &str, to: &str) {
        let mut all = self.0.lock().expect("nobody panics while holding it");
        let entry = all.iter_mut().find(|entry| entry.at == at).expect("it was laid out");
        assert!(entry.body.contains(from), "{at:?}: {from} is not in {}", entry.body);
        entry.body = entry.body.replace(from, to);
    }

    /// Another answer than the one that was laid out.
    pub(crate) fn say(&self, at: At, body: impl ToString) {
        let mut all = self.0.lock().expect("nobody panics while holding it");
        let entry = all.iter_mut().find(|entry| entry.at == at).expect("it was laid out");
        entry.body = body.to_string();
    }

    /// All of them, to be put back.
    pub(crate) fn copy(&self) -> Self {
        let all = self.0.lock().expect("nobody panics while holding it").clone();
        Self(Arc::new(Mutex::new(all)))
    }

    /// Puts a copy back.
    pub(crate) fn restore(&self, copy: &Self) {
        let all = copy.0.lock().expect("nobody panics while holding it").clone();
        *self.0.lock().expect("nobody panics while holding it") = all;
    }
}

impl Service for Canned {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        let all = self.0.lock().expect("nobody panics while holding it");
        let is_it = |entry: &&Entry| {
            let [service, region, operation, word] = entry.at;
            asked.service == service
                && asked.region == region
                && asked.operation == operation
                && asked.text.contains(word)
        };
        let Entry { model: (model, operation), body, .. } = all.iter().find(is_it)?;
        match serde_json::from_str::<Value>(body) {
            Ok(body) if body.get("__type").is_some() => {
                let status = StatusCode::BAD_REQUEST;
                Some(Reply { status, ..said(model, operation, &body) })
            }
            Ok(body) => Some(said(model, operation, &body)),
            Err(_) if body.starts_with("<?xml") => {
                let (operation, status, body) =
                    ((*operation).to_owned(), StatusCode::OK, body.clone());
                Some(Reply { model, operation, status, body })
            }
            Err(_) => Some(done(model, "http://stand-in.test/", operation, body)),
        }
    }
}
