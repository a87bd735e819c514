//! The same of a whole run, driven by the engine: whatever it left in the store's file, in chat, in the log and in the
//! evidence bundle is searched for the secret, byte by byte.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dr_buddy::actions::{ActionSettings, Actions, AwsCredentials, AwsSettings, HttpSettings};
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::cli::evidence;
use dr_buddy::domain::action::Known;
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::comms::Message;
use dr_buddy::domain::ids::{PersonId, RunId, StepId};
use dr_buddy::domain::run::{Event, Kind, MessageKey, Request, Run, Start};
use dr_buddy::domain::runbook::check::check;
use dr_buddy::domain::value::Language;
use dr_buddy::engine::channel::{Channel, ChannelError};
use dr_buddy::engine::clock::FastClock;
use dr_buddy::engine::{Asked, Engine, outbox};
use dr_buddy::store::Posted;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::hidden::{Logs, document, echo};
use super::{Server, settings, written};
use crate::store::{Bed, draft};

/// Hears all that is said in chat.
#[derive(Debug, Default)]
struct Ear(Mutex<String>);

#[async_trait]
impl Channel for Ear {
    async fn show(
        &self,
        _run: &Run,
        key: &MessageKey,
        message: &Message,
        _posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        self.0.lock().unwrap().push_str(&format!("{key} {message:?}\n"));
        Ok(Some(Posted::at("C1", key.to_string())))
    }
}

/// A connector: how it proves who it is, whether a secret is in its body, whether it changes something.
#[derive(Debug, Clone, Copy)]
struct Kinds {
    auth: usize,
    in_body: bool,
    changes: bool,
}

/// What a run left.
struct Left {
    /// Of each place where something is kept or said: its name, and what is there.
    places: Vec<(&'static str, Vec<u8>)>,
    /// The events that the step came to.
    came_to: Vec<&'static str>,
    /// What arrived at the system.
    arrived: String,
}

const STEP: &str = "act";

/// What a step came to by this, in a word.
fn came_to(event: &Event) -> Option<&'static str> {
    let words = [
        ("shown", matches!(event, Event::PreviewShown { .. })),
        ("not shown", matches!(event, Event::PreviewFailed { .. })),
        ("accepted", matches!(event, Event::CallAccepted { .. })),
        ("failed", matches!(event, Event::StepFailed { .. })),
        ("in doubt", matches!(event, Event::OutcomeUnknown { .. })),
    ];
    words.into_iter().find(|(_, is)| *is).map(|(word, _)| word)
}

fn runbook(changes: bool, text: &str) -> String {
    let more = if changes {
        "gate: confirm, verify: {expect: \"facts.shows\", timeout: 1m}, best_effort: true, on_failure: continue, "
    } else {
        ""
    };
    let with = json!({"own.act": {"text": text.replace("${", "$${")}});
    format!(
        "id: rig\ntitle: {{en: Rig, fr: Banc}}\nrestored_by: {STEP}\nphases: [{{id: all, title: {{en: All, fr: Tout}}}}]\nsteps:\n  \
         - {{id: {STEP}, title: {{en: Act, fr: Agir}}, phase: all, owner: platform, typical: 5s, worst: 30s, {more}action: {with}}}\n"
    )
}

fn antoine() -> Actor {
    Actor::Person { id: PersonId::parse("antoine").unwrap(), via: Surface::Slack }
}

/// A run of one step, to its end.
async fn run(kinds: Kinds, secret: &str, text: &str, status: u16) -> Left {
    let server = Server::start(move |asked| echo(asked, status)).await;
    let connector = written(&document(kinds.auth, kinds.in_body, kinds.changes));
    let mut http: HttpSettings = settings(&connector, &server.base, secret);
    if let Some(one) = http.secrets.values().next().cloned() {
        http.secrets.insert("own".to_owned(), one);
    }
    let Start { mut environment, .. } = draft::start("whole", Kind::Incident);
    environment.document["own"] = json!({"api": server.base});
    let known = Known::with(connector.specs());
    let all = std::slice::from_ref(&environment);
    let runbook = check("rig.yaml", &runbook(kinds.changes, text), &known, all)
        .unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let credentials = AwsCredentials::Static {
        access_key_id: "ANOTREAL".into(),
        secret_access_key: secret.to_owned().into(),
    };
    let aws = AwsSettings { credentials, ..AwsSettings::default() };
    let connectors = vec![connector];
    let actions = Actions::new(ActionSettings { aws, http, connectors, ..Default::default() });
    let (bed, ear) = (Bed::sqlite(), Arc::new(Ear::default()));
    let clock = Arc::new(FastClock::new(60));
    let channel = Arc::clone(&ear) as Arc<dyn Channel>;
    let engine = Arc::new(Engine::new(bed.open().await, Arc::new(actions), channel, clock));
    let impact_at = engine.clock.now();
    let start = Start { runbook, environment, impact_at, ..draft::start("whole", Kind::Incident) };
    let id = start.id.clone();
    engine.start("open", &start, &antoine()).await.unwrap();
    let step = StepId::parse(STEP).unwrap();
    let mut is_agreed = false;
    for _ in 0..200 {
        for claimed in outbox::take(&engine, 99, 99).await {
            outbox::perform(&engine, claimed).await;
        }
        let stored = engine.store.run(&id).await.unwrap().unwrap().run;
        let at = &stored.steps[&step];
        if stored.is_settled(&step) {
            break;
        }
        if let Some(shown) = at.shown.as_ref().filter(|_| kinds.changes && !is_agreed) {
            let request = Request::Approve { step: step.clone(), digest: shown.digest.clone() };
            let asked = Asked { key: "yes", request: &request, by: &antoine(), settles: None };
            is_agreed = engine.submit(&id, asked).await.is_ok();
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    left(&engine, &id, &bed, &ear, format!("{:?}", server.asked())).await
}

/// Everything that is kept or was said of the run.
async fn left(engine: &Engine, id: &RunId, bed: &Bed, ear: &Ear, arrived: String) -> Left {
    let stored = engine.store.run(id).await.unwrap().unwrap().run;
    let record = engine.store.record(id, 0, u32::MAX).await.unwrap();
    let came_to = record.iter().filter_map(|one| came_to(&one.entry.event)).collect();
    let bundle = tempfile::tempdir().unwrap();
    let catalog = Catalog::load(&CatalogSources::default()).unwrap();
    let voice = catalog.texts.voice(Language::Fr, Some(&stored.environment));
    evidence::export(&stored, &record, &voice, &bundle.path().join("run")).unwrap();
    let Bed::Sqlite(folder) = bed else { panic!("it is SQLite") };
    let chat = ear.0.lock().unwrap().clone().into_bytes();
    let places = vec![
        ("the store", bytes(folder.path())),
        ("the evidence", bytes(bundle.path())),
        ("chat", chat),
    ];
    Left { places, came_to, arrived }
}

/// All files below a folder, one after the other.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes(&path) } else { std::fs::read(&path).unwrap() });
    }
    all
}

fn holds(all: &[u8], part: &str) -> bool {
    all.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn no_secret_is_left_anywhere_by_a_whole_run() {
    let logs = Logs::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let secret = "[a-zA-Z0-9!#$%&*+./:;<=>?@^_|~\\\\\"'-]{12,40}";
    let status = prop::sample::select(vec![200_u16, 201, 302, 422, 503]);
    let input =
        (secret, "[a-z0-9 /?#&{}.-]{1,12}", 0_usize..4, any::<bool>(), any::<bool>(), status);
    let (given, came_to) = (Mutex::new(0), Mutex::new(std::collections::BTreeSet::new()));
    runner
        .run(&input, |(secret, text, auth, in_body, changes, status)| {
            let kinds = Kinds { auth, in_body, changes };
            let left = runtime.block_on(run(kinds, &secret, &format!("x{text}"), status));
            let escaped = serde_json::to_string(&secret).unwrap();
            let escaped = escaped.trim_matches('"').to_owned();
            let twice = serde_json::to_string(&escaped).unwrap().trim_matches('"').to_owned();
            let basic = aws_smithy_types::base64::encode(format!("bot:{secret}"));
            let hidden = [secret, escaped, twice, basic];
            if hidden.iter().any(|hidden| left.arrived.contains(hidden.as_str())) {
                *given.lock().unwrap() += 1;
            }
            came_to.lock().unwrap().extend(left.came_to);
            let log = ("the log", logs.0.lock().unwrap().clone());
            for (place, all) in left.places.iter().chain([&log]) {
                prop_assert!(!all.is_empty(), "{place} holds something");
                for hidden in &hidden {
                    prop_assert!(!holds(all, hidden), "{hidden} in {place}");
                }
            }
            Ok(())
        })
        .unwrap();
    drop(guard);
    // Else this would prove nothing.
    let given = *given.lock().unwrap();
    assert!(given > 5, "the systems were given the secrets: {given}");
    let came_to = came_to.into_inner().unwrap();
    assert!(came_to.len() >= 4, "runs came to all sorts of ends: {came_to:?}");
}
