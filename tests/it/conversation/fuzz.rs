//! Whatever is well signed and badly meant: never a panic, never our fault (5xx), never an event.
//!
//! In-process, so that thousands of bodies are tried. Known people press, write and type here; what they send is a
//! good payload that was mutilated. Nothing of it may count, because the one button in it shows an older preview.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use dr_buddy::actions::{ActionSettings, Actions};
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::desk::{Answer, Desk};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{Digest, EnvironmentId, RunId};
use dr_buddy::domain::run::Kind;
use dr_buddy::engine::Engine;
use dr_buddy::engine::channel::Silent;
use dr_buddy::engine::clock::{Clock, SystemClock};
use dr_buddy::engine::supervise::Supervisor;
use dr_buddy::slack::client::{SlackClientHandle, SlackSettings};
use dr_buddy::slack::handle::Inbound;
use dr_buddy::slack::inbound;
use dr_buddy::store::sqlite::SqliteStore;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::raw::interaction;
use crate::harness::{http, signed};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const DOORS: [&str; 3] = ["commands", "interactions", "events"];
const CASES: u32 = 600;

struct Doors {
    router: Router,
    desk: Desk,
    run: RunId,
    _folder: tempfile::TempDir,
}

impl Doors {
    /// The routes under `/slack` with one tabletop open, and nobody to work on it.
    async fn open() -> Self {
        // Makes the TLS provider known.
        drop(http());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(&folder.path().join("dr.db")).await.expect("a database");
        let catalog = Catalog::load(&CatalogSources::default()).expect("what is shipped is good");
        let catalog = Arc::new(catalog);
        let id = EnvironmentId::parse("staging").expect("it is an id");
        let mut environment = catalog.environment(&id).expect("it is shipped").clone();
        environment.chat.teams.clear();
        let settings = SlackSettings {
            token: "xoxb-test".to_owned().into(),
            signing_secret: None,
            app_token: None,
            // Nobody listens there: whispers and forms fail, as they may.
            api_url: "http://127.0.0.1:9/api".to_owned(),
        };
        let slack = SlackClientHandle::new(&settings, Arc::clone(&catalog)).expect("a client");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let actions = Arc::new(Actions::new(ActionSettings::default()));
        let engine = Engine::new(Arc::new(store), actions, Arc::new(Silent), clock);
        let desk = Desk::new(Arc::new(engine), catalog, Arc::new(environment));
        let by = Actor::Person { id: desk.environment.people[0].id.clone(), via: Surface::Slack };
        let now = desk.engine.clock.now();
        let started = desk.start("first", &by, None, Kind::Tabletop, now).await;
        let Answer::Done { run, .. } = started else { panic!("{started:?}") };
        let slack = Arc::new(slack);
        let doors = Inbound::new(desk.clone(), Arc::clone(&slack), Supervisor::default());
        let router = inbound::routes(doors, &slack, &SECRET.to_owned().into());
        Self { router, desk, run, _folder: folder }
    }

    async fn events(&self) -> usize {
        let store = &self.desk.engine.store;
        let mut count = 0;
        for run in store.runs(50).await.expect("it can be read") {
            count += store.record(&run.id, 0, u32::MAX).await.expect("it can be read").len();
        }
        count
    }

    /// The status of well-signed bytes.
    async fn send(&self, door: &str, body: Vec<u8>) -> u16 {
        let mut request = Request::post(format!("/slack/{door}"));
        for (name, value) in signed(SECRET, &body) {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body)).expect("it is well formed");
        self.router.clone().oneshot(request).await.expect("it answers").status().as_u16()
    }

    /// Good payloads that must be refused: their digest is not what is shown.
    fn payloads(&self) -> Vec<Value> {
        let digest = Digest::of(b"something older");
        let value = format!("{}|decide-go|{digest}", self.run);
        let person = |index: usize| self.desk.environment.people[index].slack.clone();
        let click = |action: &str| {
            json!({
                "type": "block_actions", "team": { "id": "T1", "domain": "shop" }, "api_app_id": "A1",
                "user": { "id": person(0), "username": "a", "team_id": "T1" }, "trigger_id": "1.2.a",
                "container": { "type": "message", "message_ts": "1.2", "channel_id": "C1" },
                "channel": { "id": "C1", "name": "war-room" }, "state": { "values": {} },
                "actions": [{ "type": "button", "action_id": action, "block_id": "b", "value": value,
                    "text": { "type": "plain_text", "text": "Go" }, "action_ts": "1.3" }],
            })
        };
        let words =
            json!({ "words": { "words": { "type": "plain_text_input", "value": "because" } } });
        let sent = json!({
            "type": "view_submission", "team": null, "user": { "id": person(1) },
            "view": { "id": "V1", "callback_id": "ask-break-glass", "private_metadata": value,
                "state": { "values": words }, "blocks": [] },
        });
        let mention = json!({
            "type": "event_callback", "event_id": "E1", "team_id": "T1",
            "event": { "type": "app_mention", "user": person(0), "channel": "C1", "text": "<@B> status" },
        });
        vec![click("go"), click("approve"), click("ask-reject"), click("ask-hold"), sent, mention]
    }
}

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        "[a-z|:/#<@>&{}%-]{0,40}".prop_map(Value::from),
        Just(Value::from("x".repeat(5000))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,8}", inner, 0..4)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Replaces (or, with `None`, removes) what the walk leads to.
fn mutilate(value: &mut Value, walk: &[usize], with: &Option<Value>) {
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    };
    let (Some(&step), true) = (walk.first(), count > 0) else {
        *value = with.clone().unwrap_or_default();
        return;
    };
    let index = step % count;
    let ends = walk.len() == 1 && with.is_none();
    match value {
        Value::Array(items) if ends => drop(items.remove(index)),
        Value::Array(items) => mutilate(&mut items[index], &walk[1..], with),
        Value::Object(fields) => {
            let key = fields.keys().nth(index).expect("it was counted").clone();
            if ends {
                fields.remove(&key);
            } else {
                mutilate(&mut fields[&key], &walk[1..], with);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[derive(Debug, Clone)]
struct Attempt {
    door: usize,
    which: usize,
    cuts: Vec<(Vec<usize>, Option<Value>)>,
    bytes: Vec<(usize, u8)>,
    noise: Option<Vec<u8>>,
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let cut = (prop::collection::vec(0..12_usize, 1..5), prop::option::of(any_json()));
    let noise = prop::option::weighted(0.15, prop::collection::vec(any::<u8>(), 0..600));
    let bytes = prop_oneof![
        2 => Just(vec![]),
        1 => prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ];
    (0..3_usize, 0..7_usize, prop::collection::vec(cut, 0..4), bytes, noise)
        .prop_map(|(door, which, cuts, bytes, noise)| Attempt { door, which, cuts, bytes, noise })
}

impl Doors {
    fn body(&self, attempt: &Attempt) -> Vec<u8> {
        if let Some(noise) = &attempt.noise {
            return noise.clone();
        }
        let payloads = self.payloads();
        let mut body = match payloads.get(attempt.which) {
            Some(payload) => {
                let mut payload = payload.clone();
                attempt.cuts.iter().for_each(|(walk, with)| mutilate(&mut payload, walk, with));
                let is_event = attempt.which + 1 == payloads.len();
                if is_event { payload.to_string() } else { interaction(&payload) }
            }
            None => {
                let user = self.desk.environment.people[0].slack.clone().expect("she has one");
                format!("command=%2Fdr&text=status&user_id={user}&team_id=T1&channel_id=C1")
            }
        }
        .into_bytes();
        for (place, byte) in &attempt.bytes {
            if !body.is_empty() {
                let place = place % body.len();
                body[place] = *byte;
            }
        }
        body
    }
}

#[test]
fn nothing_well_signed_makes_it_panic_fail_or_record() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let doors = runtime.block_on(Doors::open());
    let before = runtime.block_on(doors.events());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config).run(&attempts(), |attempt| {
        let body = doors.body(&attempt);
        let status = runtime.block_on(doors.send(DOORS[attempt.door], body));
        prop_assert!(matches!(status, 200 | 400 | 401), "{status}");
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(runtime.block_on(doors.events()), before);

    // As they are, each is understood: 200, and still nothing counts.
    for (index, payload) in doors.payloads().into_iter().enumerate() {
        let (door, body) = match index {
            5 => ("events", payload.to_string()),
            _ => ("interactions", interaction(&payload)),
        };
        assert_eq!(runtime.block_on(doors.send(door, body.into_bytes())), 200, "{payload}");
    }
    assert_eq!(runtime.block_on(doors.events()), before);
}
