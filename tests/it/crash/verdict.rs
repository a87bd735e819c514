//! What became of a run: the servers are asked, then the record, then the room.

use std::collections::{BTreeMap, BTreeSet};

use dr_buddy::domain::run::apply::replay;
use dr_buddy::domain::run::log::{Recorded, verify};
use dr_buddy::domain::run::state::{Happened, Seen};
use dr_buddy::domain::run::update::Told;
use dr_buddy::domain::run::{Event, MessageKey, Run};

use super::outside::CALLS;
use super::world::World;
use crate::conversation::shop::{DR_LB, primary_target};
use crate::conversation::stage::WRITERS;

/// What the whole comes to.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Messages in the room that nobody remembers: posted by a process that died before it could remember.
    pub(super) orphans: usize,
    /// Attempts begun, of the steps that change something; a check that a busy machine failed is only asked again.
    pub(super) attempts: usize,
    /// Doubts that were raised.
    pub(super) doubts: usize,
}

/// Everything happened once, and everything is told.
pub(super) async fn assert_whole(world: &World, noted: &BTreeSet<String>) -> Verdict {
    assert_world_once(world).await;
    let run = world.run().await.expect("there is one");
    let events = world.record(&run).await;
    assert_record(&run, &events);
    assert_nothing_blind(&run, &events);
    assert_notes(&events, noted);
    let orphans = assert_room(world, &run, &events).await;
    let count = |is_it: fn(&Event) -> bool| {
        events.iter().filter(|recorded| is_it(&recorded.entry.event)).count()
    };
    Verdict {
        orphans,
        attempts: count(
            |event| matches!(event, Event::AttemptStarted { step, .. } if CALLS.iter().any(|call| call.0 == step.as_str())),
        ),
        doubts: count(|event| matches!(event, Event::OutcomeUnknown { .. })),
    }
}

/// How often each call that changes something reached its server.
pub(super) fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    let kube = world.taps.iter().flat_map(|tap| tap.calls());
    for call in world.aws.tap.calls().into_iter().chain(kube) {
        let reads = ["Get", "Describe", "List", "GET"];
        if !reads.iter().any(|read| call.starts_with(read)) {
            *calls.entry(call).or_default() += 1;
        }
    }
    calls
}

async fn assert_world_once(world: &World) {
    let World { aws, shop, kube, namespace, .. } = world;
    assert_eq!(shop.writer_arn().await, shop.dr_arn);
    assert_eq!(aws.tap.count("SwitchoverGlobalCluster"), 0);
    let secret = shop.secret_value(&shop.dr).await;
    let before = shop.secret_value(&shop.primary).await;
    let url = before["DATABASE_URL"].as_str().expect("it has one");
    assert!(url.contains(&format!("@{}:", shop.primary_host)), "the old region's is left alone");
    let mut expected = before.clone();
    expected["DATABASE_URL"] = url.replace(&shop.primary_host, &shop.dr_host).into();
    assert_eq!(secret, expected);
    assert_eq!(shop.secret_versions(&shop.dr).await.len(), 2, "one new version");
    assert_eq!(shop.secret_versions(&shop.primary).await.len(), 1);
    assert!(primary_target(shop).await.starts_with(DR_LB));
    assert_eq!(shop.record_set().await.len(), 2);
    for (name, _) in WRITERS {
        assert_eq!(kube.replicas("eu", namespace, name).await, 0, "{name}");
        let generation = kube.get("eu", namespace, name).await.metadata.generation;
        assert_eq!(generation, Some(2), "{name} was changed once");
    }
    let api = kube.get("us", namespace, "shop-api").await;
    assert_eq!(api.metadata.generation, Some(2), "restarted once: {api:?}");
    assert_eq!(kube.replicas("us", namespace, "shop-api").await, 2);
}

/// Where a process died in the middle of sending, what it sent may have been lost on the way; people then begin again.
/// The effect is there once all the same; the calls are no more than what was approved.
pub(super) async fn assert_called_once_per_attempt(world: &World) {
    let run = world.run().await.expect("there is one");
    for (call, times) in calls(world) {
        let (step, ..) = CALLS
            .into_iter()
            .find(|(step, name, _)| {
                let is_scale = call.ends_with("/scale");
                call.starts_with(name)
                    && (*name != "PATCH" || is_scale == (*step == "fence-primary"))
            })
            .unwrap_or_else(|| panic!("{call} belongs to no step"));
        let step = run.steps.iter().find(|(id, _)| id.as_str() == step);
        let attempts = step.map_or(0, |(_, at)| at.attempts as usize);
        assert!(times <= attempts, "{call}: {times} times in {attempts} attempts");
    }
}

/// Where nothing was cut or refused on the way, each call was made once, too.
pub(super) fn assert_called_once(world: &World) {
    for (call, times) in calls(world) {
        assert_eq!(times, 1, "{call}: {:#?}", calls(world));
    }
    assert_eq!(calls(world).len(), 3 + WRITERS.len() + 1, "{:#?}", calls(world));
}

fn assert_record(run: &Run, events: &[Recorded]) {
    verify(&run.id, events).expect("the chain is whole");
    let holes = (1..).zip(events).find(|(seq, recorded)| recorded.seq != *seq);
    assert!(holes.is_none() && run.seq == events.len() as u64, "{holes:?}");
    let replayed = replay(events.iter().map(|recorded| &recorded.entry));
    assert_eq!(replayed.as_ref(), Some(run), "the row is what the record leads to");
    for (step, at) in &run.steps {
        let awaited =
            if step.as_str() == "fence-verdict" { &["skipped", "done"][..] } else { &["done"] };
        assert!(awaited.contains(&at.state.name()), "`{step}` is {:?}", at.state);
    }
}

/// After each beginning something is known before the next: a probe's word, or that it certainly did nothing.
pub(super) fn assert_nothing_blind(run: &Run, events: &[Recorded]) {
    for step in run.steps.keys() {
        let mut open = None;
        for recorded in events {
            let event = &recorded.entry.event;
            if event.step() != Some(step) {
                continue;
            }
            if let Event::AttemptStarted { attempt, .. } = event {
                assert!(open.is_none(), "attempt {attempt} of `{step}` began blindly");
                open = Some(*attempt);
            }
            let probed = |seen: &Seen| seen.happened != Happened::Done;
            let has_not_happened = matches!(event, Event::StepFailed { .. })
                || matches!(event, Event::OutcomeProbed { seen, .. } if probed(seen));
            if has_not_happened {
                open = None;
            }
        }
    }
}

/// What was acknowledged is there, and nothing is there twice.
fn assert_notes(events: &[Recorded], noted: &BTreeSet<String>) {
    let mut found = BTreeMap::<&str, u32>::new();
    for recorded in events {
        if let Event::NoteAdded { text } = &recorded.entry.event {
            *found.entry(text).or_default() += 1;
        }
    }
    assert!(found.values().all(|times| *times == 1), "{found:?}");
    let lost: Vec<_> = noted.iter().filter(|note| !found.contains_key(note.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Every card and notice is in the room, each where the product remembers it; how many messages nobody remembers.
async fn assert_room(world: &World, run: &Run, events: &[Recorded]) -> usize {
    let mut keys = vec![MessageKey::Run];
    keys.extend(run.steps.keys().cloned().map(MessageKey::Step));
    let notices =
        events.iter().filter(|recorded| dr_buddy::domain::comms::notice(run, recorded).is_some());
    keys.extend(notices.map(|recorded| MessageKey::Notice(recorded.seq)));
    for recorded in events {
        if let Event::Update { update, what: Told::Out { .. } } = &recorded.entry.event {
            keys.push(MessageKey::Update(update.clone()));
        }
    }
    let shown = world.slack.messages();
    let mut known = BTreeSet::new();
    for key in &keys {
        let posted = world.store.posted(&run.id, key).await.expect("it can be read");
        // A step that was skipped before anybody saw it has a card nonetheless.
        let posted = posted.unwrap_or_else(|| panic!("{key:?} was never posted"));
        let at = (posted.channel, posted.ts);
        let message = shown.get(&at).unwrap_or_else(|| panic!("{key:?} is not in the room"));
        let asks = crate::conversation::people::buttons(message).into_iter().find(|button| {
            ["run", "approve", "go", "done", "retry"].contains(&button.action.as_str())
        });
        assert!(asks.is_none(), "{key:?} still asks: {asks:?}");
        assert!(known.insert(at), "{key:?} stands where another does");
    }
    for step in run.steps.keys().cloned() {
        let details = world.store.posted(&run.id, &MessageKey::Details(step)).await;
        known.extend(details.expect("it can be read").map(|posted| (posted.channel, posted.ts)));
    }
    // A double that says so and asks nothing is what was promised.
    let says_so = |message: &serde_json::Value| {
        message["blocks"].to_string().contains("c’est l’autre qui compte")
    };
    shown.iter().filter(|(at, message)| !known.contains(*at) && !says_so(message)).count()
}
