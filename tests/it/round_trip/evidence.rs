//! What the servers saw, against what is on the record.

use std::collections::{BTreeMap, BTreeSet};

use dr_buddy::domain::run::Event;
use dr_buddy::domain::run::log::Recorded;
use dr_buddy::domain::time::{Span, Timestamp};
use serde_json::Value;

use super::gate::Change;

/// The ids in one piece of evidence: what AWS gave, what a cluster was given, what an endpoint was given.
fn ids(evidence: &Value, found: &mut BTreeSet<String>) {
    let many = evidence["request_ids"].as_array().into_iter().flatten();
    // Where the server gives an id of its own, our key is not what it is known by.
    let key = Some(&evidence["key"]).filter(|_| !evidence["request_id"].is_string());
    let one = [&evidence["request_id"], key.unwrap_or(&Value::Null), &evidence["put"]["canary"]];
    found.extend(one.into_iter().chain(many).filter_map(Value::as_str).map(ToOwned::to_owned));
}

/// Each change that a server made is in the evidence of one attempt of one step by its request id, and each id there is
/// that of a request a server has seen. What only reads has no place there.
pub(super) fn assert_complete(name: &str, changes: &[Change], record: &[Recorded]) {
    let mut known = BTreeSet::new();
    for recorded in record {
        if let Event::CallAccepted { evidence, step, .. } = &recorded.entry.event {
            let mut own = BTreeSet::new();
            ids(evidence, &mut own);
            for id in own {
                assert!(
                    known.insert(id.clone()),
                    "{name}: {id} of `{step}` is another call's, too"
                );
            }
        }
    }
    let mut made = BTreeSet::new();
    let twice = changes.iter().filter(|change| change.done && !made.insert(&change.id));
    let twice: Vec<&Change> = twice.collect();
    assert!(twice.is_empty(), "{name}: done twice under one id: {twice:#?}");
    // What people did by hand is theirs.
    let ours = changes.iter().filter(|change| change.done);
    let missing: Vec<&Change> = ours.filter(|change| !known.contains(&change.id)).collect();
    assert!(missing.is_empty(), "{name}: not in the evidence: {missing:#?}");
    let seen: BTreeSet<&str> = changes.iter().map(|change| change.id.as_str()).collect();
    let invented: Vec<&String> = known.iter().filter(|id| !seen.contains(id.as_str())).collect();
    assert!(invented.is_empty(), "{name}: no server has seen {invented:#?}");
    assert!(known.len() > 20, "{name}: {} ids", known.len());
}

/// When each step was settled, by what ended it.
fn ends(record: &[Recorded]) -> BTreeMap<String, Timestamp> {
    let mut ended = BTreeMap::new();
    for recorded in record {
        if let Event::StepDone { step, .. }
        | Event::StepFailed { step, .. }
        | Event::StepSkipped { step, .. } = &recorded.entry.event
        {
            ended.insert(step.to_string(), recorded.entry.at);
        }
    }
    ended
}

/// From the start and from the GO until the public saw the other region, by the product's own record; and where the time
/// since the GO went.
pub(super) fn critical_path(record: &[Recorded]) -> ([Span; 2], String) {
    let ends = ends(record);
    let start = record.first().expect("it was started").entry.at;
    let go = ends["decide-go"];
    let told = [
        "fence-primary",
        "fence-verdict",
        "promote-database",
        "replace-database-url",
        "restart-api",
        "prove-write",
        "decide-traffic",
        "pin-dns",
        "verify-public",
    ];
    let told = told.map(|step| format!("{step} {:.1}", seconds(ends[step].since(go))));
    let asked = ["assess-public", "assess-primary", "assess-dr", "assess-targets", "decide-go"];
    let asked = asked.map(|step| format!("{step} {:.1}", seconds(ends[step].since(start))));
    let told = format!("from the start: {}; from GO: {}", asked.join(", "), told.join(", "));
    ([start, go].map(|from| ends["verify-public"].since(from)), told)
}

/// In seconds.
pub(super) fn seconds(span: Span) -> f64 {
    span.ms() as f64 / 1000.0
}

/// The steps that failed, and those of which nobody knew for a while.
pub(super) fn troubles(record: &[Recorded]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut failed, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for recorded in record {
        if let Event::StepFailed { step, unreachable, .. } = &recorded.entry.event {
            assert!(unreachable, "{:#?}", recorded.entry);
            failed.insert(step.to_string());
        }
        if let Event::OutcomeUnknown { step, .. } = &recorded.entry.event {
            unknown.insert(step.to_string());
        }
    }
    (failed, unknown)
}
