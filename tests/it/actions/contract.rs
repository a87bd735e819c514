//! The contract of every action on AWS, written once: looking writes nothing, an approval runs once, a cut connection is
//! told from nothing by the probe, the way back restores exactly what was, and another account is refused. A new action
//! is a rig (`rigs`): what to seed, which call writes, and what the server is asked afterwards.

use std::cell::RefCell;

use dr_buddy::actions::{Happened, LookError};
use dr_buddy::domain::action::{self, Repeat};
use dr_buddy::domain::run::preview::Preview;
use serde_json::{Map, Value};

use super::bed::{Bed, for_every_rig, for_every_rig_at_rest};
use super::rigs::{Judge, RIGS, Rig};
use super::{Step, is_accepted, is_failed, is_unknown, permissions};
use crate::harness::{Tampering, eventually, judge_aws};

/// Facts that say nothing of the state: an id, what became of a call, what is asked of the direction.
fn state(facts: &Map<String, Value>) -> Map<String, Value> {
    let passing = ["version", "token_present", "change_status", "target_is_writer"];
    let lasting = facts.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
    lasting.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(super) async fn is_done(step: &Step, preview: &Preview) -> Map<String, Value> {
    eventually("the probe says done", 10, || async {
        let probe = step.probe(preview).await;
        (probe.happened == Happened::Done).then_some(probe.facts)
    })
    .await
}

/// What is seen once it has been done: of what goes on until it is stopped, that it runs.
async fn has_begun(rig: &Rig, step: &Step, preview: &Preview) -> Map<String, Value> {
    if !rig.goes_on() {
        return is_done(step, preview).await;
    }
    let probe = step.probe(preview).await;
    assert_eq!(probe.happened, Happened::Running, "{}: {probe:?}", rig.name);
    probe.facts
}

/// What is tried elsewhere: the action, the source of its test, and the test.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    (
        "external_secrets.sync",
        include_str!("external_secrets.rs"),
        "a_refresh_is_asked_for_once_and_done_when_the_operator_says_so",
    ),
    ("http.canary", include_str!("http.rs"), "a_canary_write_is_put_once_and_read_by_the_probe"),
    (
        "http.request",
        include_str!("request.rs"),
        "looking_sends_nothing_one_approval_sends_once_and_the_way_back_restores",
    ),
    ("sql.canary", include_str!("sql.rs"), "a_canary_is_one_row_in_postgresql"),
    ("exec", include_str!("exec.rs"), "a_program_gets_exactly_its_arguments_and_nothing_of_ours"),
];

#[test]
fn every_action_that_changes_something_has_a_rig_or_a_test_of_its_own() {
    let clusters: Vec<&str> = super::kube_contract::RIGS.iter().map(|rig| rig.name).collect();
    // Whatever people decide on changes nothing by itself.
    for spec in action::all().filter(|spec| spec.repeat != Repeat::ReadsOnly) {
        let name = spec.name.as_str();
        let own = ELSEWHERE.iter().find(|(action, _, _)| *action == name);
        let has_rig = RIGS.iter().any(|rig| rig.name == name) || clusters.contains(&name);
        assert_ne!(has_rig, own.is_some(), "{name}: one of both");
        if let Some((_, source, test)) = own {
            assert!(source.contains(&format!("async fn {test}(")), "{name}: there is no {test}");
        }
    }
    for (name, _, _) in ELSEWHERE {
        assert!(action::find(name).is_some(), "{name} is no action");
    }
}

#[tokio::test]
async fn looking_writes_nothing_and_one_approval_runs_once_and_has_its_way_back() {
    let replies = RefCell::new(vec![]);
    for_every_rig(async |rig, bed| {
        Box::pin(there_and_back(rig, bed)).await;
        if let Bed::StandIn(all) = bed {
            replies.borrow_mut().extend(all.1.replies());
        }
    })
    .await;
    judge_aws(&replies.into_inner());
}

async fn there_and_back(rig: &Rig, bed: &Bed) {
    let (name, spec) = (rig.name, rig.spec());
    let was = bed.raw(rig).await;
    let mut step = bed.step(rig);
    let preview = step.preview().await;
    let before = step.probe(&preview).await;
    assert_eq!(before.happened, Happened::Never, "{name}: {before:?}");
    let calls = bed.tap().calls();
    assert!(calls.iter().all(|call| looks(call)), "{name}: looking writes nothing: {calls:?}");
    assert_eq!(bed.raw(rig).await, was, "{name}: looking changes nothing");
    assert!(!preview.changes.is_empty() && !preview.calls.is_empty(), "{name}");
    assert!(!before.saw.is_empty(), "{name}");
    for fact in preview.facts.keys().chain(before.facts.keys()) {
        assert!(spec.facts.contains(fact), "{name}: fact {fact} is not in its row");
    }

    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{name}: {outcome:?}");
    let evidence = step.past.last().unwrap();
    assert!(evidence["request_id"].is_string(), "{name}: {evidence}");
    assert!(evidence["caller"].as_str().unwrap().contains(bed.account()), "{name}");
    let after = has_begun(rig, &step, &preview).await;
    assert_eq!(bed.tap().count(rig.writes), 1, "{name}");
    assert_ne!(state(&after), state(&before.facts), "{name}: nothing changed");
    assert_ne!(bed.raw(rig).await, was, "{name}: nothing changed");
    again(rig, bed, &mut step, &preview).await;

    let sent = bed.tap().count(rig.writes);
    if rig.has_way_back() {
        let done = bed.raw(rig).await;
        let mut back = step.back(preview);
        let preview = back.preview().await;
        assert_eq!(bed.raw(rig).await, done, "{name}: looking back changes nothing");
        assert!(is_accepted(&back.run(&preview).await), "{name}");
        let restored = is_done(&back, &preview).await;
        if !rig.goes_on() {
            assert_eq!(state(&restored), state(&before.facts), "{name}");
            assert_eq!(bed.raw(rig).await, was, "{name}: exactly what was");
        }
        match rig.undo {
            Some(undo) => assert_eq!(bed.tap().count(undo), 1, "{name}: {undo}"),
            None => assert_eq!(bed.tap().count(rig.writes), sent + 1, "{name}"),
        }
    } else {
        let back = step.back(preview);
        assert!(!back.refusal().await.is_empty(), "{name}");
        assert_eq!(bed.tap().count(rig.writes), sent, "{name}");
    }
    nothing_else(rig, bed);
}

/// Refused a second time with a code that may speak of our own earlier call (Aurora's), or by moto with a bare 500: the
/// outcome is unknown, and the probe tells.
const ASKS_THE_PROBE: [&str; 3] =
    ["aurora.failover", "aurora.switchover", "rds.promote_read_replica"];

/// Again with the same token, as a worker would that was paused before its call: refused, or taken for the same.
async fn again(rig: &Rig, bed: &Bed, step: &mut Step, preview: &Preview) {
    let done = bed.raw(rig).await;
    let facts = state(&has_begun(rig, step, preview).await);
    let outcome = step.run(preview).await;
    let is_told = is_accepted(&outcome) || is_failed(&outcome);
    assert_ne!(is_told, ASKS_THE_PROBE.contains(&rig.name), "{}: {outcome:?}", rig.name);
    // A call goes out at most once for each time it runs.
    assert!(bed.tap().count(rig.writes) <= 2, "{}", rig.name);
    let found = state(&has_begun(rig, step, preview).await);
    assert_eq!(found, facts, "{}: once", rig.name);
    assert_eq!(bed.raw(rig).await, done, "{}: once", rig.name);
}

/// Whether this call only looks.
fn looks(call: &str) -> bool {
    ["Describe", "List", "Get", "GET "].iter().any(|verb| call.starts_with(verb))
}

/// All that was called from the first look on: looks, and the calls that the rig names.
fn nothing_else(rig: &Rig, bed: &Bed) {
    let calls = bed.tap().calls();
    let named = |call: &str| {
        call.starts_with(rig.writes) || rig.undo.is_some_and(|undo| call.starts_with(undo))
    };
    let others: Vec<_> = calls.iter().filter(|call| !looks(call) && !named(call)).collect();
    assert!(others.is_empty(), "{}: {others:?}", rig.name);
    if rig.judge != Judge::Ministack {
        // These do not know IAM: every call has the name of a permission.
        permissions::all_named(rig.name, &calls);
    }
}

#[tokio::test]
async fn a_cut_connection_is_unknown_and_the_probe_finds_out() {
    for_every_rig(cut).await;
}

async fn cut(rig: &Rig, bed: &Bed) {
    let mut step = bed.step(rig);
    let preview = step.preview().await;
    for (how, sent) in [(Tampering::CutBefore, 1), (Tampering::CutAfter, 2)] {
        bed.tap().spoil_next(rig.writes, how);
        assert!(is_unknown(&step.run(&preview).await), "{}: {how:?}", rig.name);
        assert_eq!(bed.tap().count(rig.writes), sent, "{}: it is not sent again", rig.name);
        // Who died before writing the outcome down remembers nothing of the call.
        step.past.clear();
        if how == Tampering::CutBefore {
            let probe = step.probe(&preview).await;
            assert_eq!(probe.happened, Happened::Never, "{}: {probe:?}", rig.name);
        } else {
            has_begun(rig, &step, &preview).await;
        }
    }
}

#[tokio::test]
async fn the_credentials_of_another_account_send_nothing() {
    for_every_rig_at_rest(of_another_account).await;
}

async fn of_another_account(rig: &Rig, bed: &Bed) {
    let mut step = bed.step(rig);
    let mut preview = step.preview().await;
    // All agree on the account, but for STS.
    step.environment.account = "999999999999".into();
    preview.request["account"] = "999999999999".into();
    let outcome = step.run(&preview).await;
    assert!(is_failed(&outcome), "{}: {outcome:?}", rig.name);
    match step.action.preview(&step.call()).await {
        Err(LookError::Unsafe { .. }) => {}
        other => panic!("{}: {other:?}", rig.name),
    }
    let others: Vec<_> = bed.tap().calls().into_iter().filter(|call| !looks(call)).collect();
    assert!(others.is_empty(), "{}: {others:?}", rig.name);
}
