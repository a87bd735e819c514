//! The user groups of a workspace: answers `usergroups.users.list`, which local-slack does not know, and has the Web API
//! behind answer everything else.
#![expect(clippy::disallowed_methods, reason = "it ends with the value that holds it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fake_sockets::pass_on;

/// Who is in which group, or the error that every question gets.
type Groups = Arc<Mutex<Result<BTreeMap<String, Vec<String>>, &'static str>>>;

/// A running one.
#[derive(Debug)]
pub(crate) struct FakeGroups {
    /// What the product's `SLACK_API_URL` is.
    pub(crate) api_url: String,
    groups: Groups,
    task: JoinHandle<()>,
}

impl Drop for FakeGroups {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeGroups {
    /// Before another Web API.
    pub(crate) async fn before(behind: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let api_url = format!("http://{}/api", listener.local_addr().expect("it is bound"));
        let groups: Groups = Arc::new(Mutex::new(Ok(BTreeMap::new())));
        let router = Router::new()
            .route("/api/{method}", axum::routing::any(handle))
            .with_state((Arc::clone(&groups), behind.to_owned()));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until aborted");
        });
        Self { api_url, groups, task }
    }

    /// Says who is in the one group from now on.
    pub(crate) fn are(&self, id: &str, users: &[&str]) {
        let users = users.iter().map(|&user| user.to_owned()).collect();
        *self.groups.lock().expect("nobody panics while holding it") =
            Ok(BTreeMap::from([(id.to_owned(), users)]));
    }

    /// Refuses to say from now on.
    pub(crate) fn refuse(&self, error: &'static str) {
        *self.groups.lock().expect("nobody panics while holding it") = Err(error);
    }
}

async fn handle(
    State((groups, behind)): State<(Groups, String)>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != "usergroups.users.list" {
        return pass_on(&behind, &method, query, headers, body).await;
    }
    let query = query.unwrap_or_default();
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    let group = fields.find(|(name, _)| name == "usergroup").map(|(_, id)| id.into_owned());
    let groups = groups.lock().expect("nobody panics while holding it").clone();
    let refuse = |error: &str| json!({ "ok": false, "error": error });
    let answer: Value = match groups {
        Err(error) => refuse(error),
        Ok(groups) => match groups.get(&group.unwrap_or_default()) {
            Some(users) => json!({ "ok": true, "users": users }),
            None => refuse("no_such_subteam"),
        },
    };
    axum::Json(answer).into_response()
}
