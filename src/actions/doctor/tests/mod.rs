//! What concerns several files here.

use std::sync::Arc;

use serde_json::json;

use super::rights::{ASK, Blind, Known, Rights, Verdict, Verdicts};
use super::steps::limit;
use super::uses::{Lack, StepKey, uses};
use super::{Doctor, Place};
use crate::actions::aws::Aws;
use crate::actions::{ActionSettings, Actions, LookError};
use crate::domain::action;
use crate::domain::environment::Environment;
use crate::domain::ids::{RunbookId, StepId};
use crate::domain::readiness::{self, Finding, Seen, Severity};
use crate::domain::run::preview::Remark;
use crate::domain::runbook::Runbook;
use crate::domain::runbook::check::check;
use crate::domain::time::{Span, Timestamp};

/// Two regions, and little else.
pub(super) fn environment() -> Environment {
    serde_json::from_value(json!({
        "id": "staging", "kind": "staging", "account": "111111111111",
        "regions": {"primary": "eu-west-1", "dr": "us-east-1"},
        "objectives": {"rto": "1h", "rpo": "5m"},
        "chat": {"war_room": "C0ROOM", "language": "en", "time_zone": "UTC", "run_prefix": "OPS-DR"},
        "people": [], "document": {"zone": "Z1", "may": false},
    }))
    .unwrap()
}

#[test]
fn every_row_of_the_table_has_a_check_and_nothing_else_does() {
    let doctor = Doctor::new(&ActionSettings::default());
    let mut names: Vec<_> = doctor.checks.iter().map(|check| check.name()).collect();
    let mut rows: Vec<_> = readiness::ALL.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    rows.sort_unstable();
    assert_eq!(names, rows);
}

#[test]
fn only_steps_that_may_open_here_are_asked_about() {
    let step = |id: &str, more: &str, with: &str| {
        format!(
            "  - {{id: {id}, title: {{en: A, fr: A}}, phase: all, owner: ic, typical: 1m, worst: 2m, \
             gate: confirm, verify: {{expect: \"facts.ttl == 30\", timeout: 1m}}, {more} action: {{{with}}}}}\n"
        )
    };
    let ttl =
        |zone: &str| format!("route53.set_ttl: {{zone: \"{zone}\", name: a.test, seconds: 30}}");
    let text = [
        "id: test\ntitle: {en: T, fr: T}\nphases: [{id: all, title: {en: A, fr: A}}]\nrestored_by: one\nsteps:\n",
        &step("one", "", &ttl("${zone}")),
        &step("two", "when: \"env.may\",", &ttl("Z2")),
        &step("three", "", &ttl("${zones.none}")),
    ]
    .concat();
    let runbook: Runbook = check("test.yaml", &text, &action::Known::default(), &[]).unwrap();
    let (environment, known) = (environment(), Known::default());
    let runbooks = [&runbook];
    let place =
        Place { environment: &environment, runbooks: &runbooks, now: Timestamp(0), known: &known };
    let found = uses(place);
    let found: Vec<_> = found.iter().map(|one| (one.step.1.as_str(), &one.with["zone"])).collect();
    assert_eq!(found, [("one", &json!("Z1"))]);
}

fn verdict(name: &str, steps: &[&StepKey], denied: Option<&'static str>) -> Verdict {
    Verdict {
        name: name.into(),
        on: "it".into(),
        steps: steps.iter().map(|step| (*step).clone()).collect(),
        holder: "look-policy.json",
        denied: Ok(denied),
    }
}

fn unseen() -> LookError {
    LookError::Unreachable { system: "iam".into(), detail: "Throttling".into() }
}

fn rights() -> Rights {
    let settings = ActionSettings::default();
    Rights {
        aws: Arc::new(Aws::new(settings.aws.clone())),
        kube: settings.kube.clone(),
        actions: Actions::new(settings),
    }
}

#[tokio::test]
async fn each_step_is_told_what_it_lacks() {
    let step = |id| (RunbookId::parse("failover").unwrap(), StepId::parse(id).unwrap());
    let (one, two) = (step("one"), step("two"));
    let known = Known::default();
    let no = Some("doctor.saw.not_allowed");
    let aws = vec![
        verdict("rds:A", &[&one, &two], no),
        verdict("rds:B", &[&one], None),
        Verdict { denied: Err(unseen()), ..verdict("rds:C", &[&two], None) },
    ];
    known.aws.set(Verdicts { all: aws, blind: None }).unwrap();
    let kube = vec![verdict("patch deployments.apps", &[&two], no)];
    known.kube.set(Verdicts { all: kube, blind: None }).unwrap();
    let rights = rights();
    let environment = environment();
    let place =
        Place { environment: &environment, runbooks: &[], now: Timestamp(0), known: &known };
    let missing = rights.missing(place).await;
    assert_eq!(missing[&one], Lack { denied: vec!["rds:A it".into()], unasked: None });
    assert_eq!(missing[&two].denied, ["rds:A it", "patch deployments.apps it"]);
    assert_eq!(missing[&two].unasked, Some((unseen().said(), ASK)));
    assert_eq!(missing.len(), 2);
}

fn found(subject: &str, seen: Seen) -> Finding {
    let (saw, remedy) = (Remark::new("doctor.saw.x", &[]), Remark::new("doctor.x", &[]));
    let (check, subject) = (readiness::STEP.to_owned(), subject.to_owned());
    let (at, took) = (Timestamp(0), Span(0));
    Finding { check, subject, severity: Severity::Block, seen, saw, remedy, at, took }
}

#[tokio::test]
async fn a_step_that_nobody_could_ask_about_is_not_green() {
    let step = |id| (RunbookId::parse("failover").unwrap(), StepId::parse(id).unwrap());
    let ids = ["good", "bad", "absent", "denied", "free"];
    let mut steps = ids.map(|id| {
        let seen = match id {
            "bad" => Seen::Bad,
            "absent" => Seen::Absent,
            _ => Seen::Good,
        };
        found(&format!("failover/{id}"), seen)
    });
    let known = Known::default();
    let blind = ["good", "bad", "absent", "denied"].map(step).into_iter().collect();
    let blind = Some(Blind { error: unseen(), remedy: ASK, steps: blind });
    known.aws.set(Verdicts { all: vec![], blind }).unwrap();
    let kube = vec![verdict("get pods", &[&step("denied")], Some("doctor.saw.not_allowed"))];
    known.kube.set(Verdicts { all: kube, blind: None }).unwrap();
    let environment = environment();
    let place =
        Place { environment: &environment, runbooks: &[], now: Timestamp(0), known: &known };
    limit(&mut steps, &rights().missing(place).await);
    use Seen::{Absent, Bad, Good, Unknown};
    assert_eq!(steps.each_ref().map(|one| one.seen), [Unknown, Bad, Absent, Bad, Good]);
    let [good, bad, _, denied, _] = &steps;
    assert_eq!(good.saw, Remark::new("doctor.saw.step.unasked", &[("why", &unseen().said())]));
    assert_eq!((good.remedy.key.as_str(), bad.saw.key.as_str()), (ASK, "doctor.saw.x"));
    assert_eq!(denied.saw.args["what"], "get pods it");
}
