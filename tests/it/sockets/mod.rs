//! The sockets of Socket Mode against a Slack on a bad day, with handlers that are slow, fail and panic.

mod bad_days;
mod doors;
mod refresh;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::time::Span;
use dr_buddy::engine::supervise::Supervisor;
use dr_buddy::slack::client::{SlackClientHandle, SlackSettings};
use dr_buddy::slack::handle::Reply;
use dr_buddy::slack::payload::Kind;
use dr_buddy::slack::socket::{Handle, Patience, Sockets, Status};
use serde_json::{Value, json};

use crate::harness::{FakeSockets, Meeting, fake_sockets, http};

const TOKEN: &str = "xapp-1-test";

/// As the product, with less patience.
const PATIENCE: Patience = Patience {
    dial: Duration::from_millis(700),
    ping_every: Duration::from_millis(200),
    unanswered: 10,
    send: Duration::from_millis(500),
    linger: Duration::from_millis(600),
    settled: Duration::ZERO,
    back_off: Span(50),
    most: Span::seconds(3),
};

/// The loop under test between the fake and handlers that do what the payload says.
struct App {
    slack: FakeSockets,
    supervisor: Supervisor,
    status: Arc<Status>,
    /// What was handled to its end.
    handled: Arc<Mutex<Vec<Value>>>,
}

impl App {
    async fn open(wanted: usize, meetings: impl IntoIterator<Item = Meeting>) -> Self {
        Self::open_with(TOKEN, wanted, meetings).await
    }

    async fn open_with(
        token: &str,
        wanted: usize,
        meetings: impl IntoIterator<Item = Meeting>,
    ) -> Self {
        // Makes the TLS provider known.
        drop(http());
        let slack = fake_sockets(TOKEN, None).await;
        slack.meet(meetings);
        let settings = SlackSettings {
            token: "xoxb-test".to_owned().into(),
            signing_secret: None,
            app_token: None,
            api_url: slack.api_url.clone(),
        };
        let catalog = Catalog::load(&CatalogSources::default()).expect("what is shipped is good");
        let client = SlackClientHandle::new(&settings, Arc::new(catalog)).expect("a client");
        let token = token.to_owned().into();
        let sockets = Sockets { slack: Arc::new(client), token, wanted, patience: PATIENCE };
        let handled = Arc::new(Mutex::new(Vec::new()));
        let supervisor = Supervisor::default();
        let status = sockets.keep(&handler(Arc::clone(&handled)), &supervisor);
        Self { slack, supervisor, status, handled }
    }

    fn handled(&self) -> Vec<Value> {
        self.handled.lock().expect("nobody panics while holding it").clone()
    }

    /// Sends an interaction that is handled like that.
    fn send(&self, socket: usize, how: &Value) -> String {
        self.slack.send(socket, "interactive", how)
    }

    /// An interaction on this socket is handled and acknowledged there.
    async fn assert_serves(&self, socket: usize) {
        let envelope = self.send(socket, &json!({ "do": "nothing" }));
        assert_eq!(self.slack.acked(&envelope).await.socket, socket);
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.supervisor.token().cancel();
    }
}

fn handler(handled: Arc<Mutex<Vec<Value>>>) -> Handle {
    Arc::new(move |kind, payload| {
        let handled = Arc::clone(&handled);
        Box::pin(async move {
            let reply = match payload["do"].as_str() {
                Some("panic") => panic!("a handler may panic"),
                Some("fail") => Reply::NotRecorded,
                Some("take time") => {
                    let ms = payload["ms"].as_u64().expect("it says how long");
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    Reply::Taken
                }
                Some("answer") => Reply::With(json!({ "text": format!("{kind:?}") })),
                Some(_) | None => Reply::Taken,
            };
            assert!(matches!(kind, Kind::Command | Kind::Interaction | Kind::Event));
            handled.lock().expect("nobody panics while holding it").push(payload);
            reply
        })
    })
}
