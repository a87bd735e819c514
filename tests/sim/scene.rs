//! The small runs that are simulated: a team of three, and runbooks that have one step of each kind between them.

use std::sync::LazyLock;

use dr_buddy::domain::action::Known;
use dr_buddy::domain::actor::Role::{self, App, Db, Ic, Platform};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::environment::{
    Chat, Environment, EnvironmentKind, Objectives, Person, Regions,
};
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunId};
use dr_buddy::domain::run::declared::Declared;
use dr_buddy::domain::run::{Kind, Start};
use dr_buddy::domain::runbook::Runbook;
use dr_buddy::domain::runbook::check::check;
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::domain::value::Language;
use serde_json::json;

pub(crate) const PEOPLE: [&str; 3] = ["ana", "mia", "leo"];

const HEAD: &str = "
id: small
title: {en: Small, fr: Petit}
phases:
  - {id: data, title: {en: Data, fr: Données}}
";
const LOOK: &str = r#"
  - {id: look, title: {en: Look, fr: Regarder}, phase: data, owner: platform, typical: 5s, worst: 30s,
     action: {http.check: {url: "https://a.example/"}}, verify: {expect: "facts.status == 200", timeout: 20s}}
"#;
const FENCE: &str = "
  - {id: fence, title: {en: Fence, fr: Isoler}, phase: data, owner: platform, typical: 5s, worst: 30s,
     action: {k8s.scale: {context: eu, namespace: app, workloads: [worker], replicas: 0}},
     gate: confirm, best_effort: true, verify: {expect: facts.at_target, timeout: 20s}}
";
const DECIDE: &str = "
  - {id: decide, title: {en: Decide, fr: Décider}, phase: data, owner: ic, typical: 1m, worst: 5m,
     action: {human.decide: {question: {en: Go?, fr: On y va ?}}},
     gate: {people: 2, roles: [ic, db], expires: 5m}}
";
/// The one that must never happen twice: two people, a guard, a way back.
const MOVE: &str = "
  - {id: move, title: {en: Move, fr: Bouger}, phase: data, owner: db, needs: [NEEDS], typical: 1m, worst: 5m,
     action: {aurora.switchover: {global_cluster: g, target: t}},
     gate: {people: 2, roles: [ic, db], expires: 5m}, guard: facts.writer_region == regions.primary,
     verify: {expect: facts.writer_region == regions.dr, timeout: 30s, hold_for: 3s}}
";
/// The one that has a token.
const SECRET: &str = r#"
  - {id: secret, title: {en: Secret, fr: Secret}, phase: data, owner: db, needs: [NEEDS], typical: 1m, worst: 5m,
     action: {secretsmanager.replace_host: {region: us-east-1, secret: s, host: h}},
     gate: {people: 2, roles: [ic, db], expires: 5m}, verify: {expect: "facts.host == 'h'", timeout: 30s}}
"#;

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(environment);
/// The scenes. Short ones, so that there can be many: what a step needs, and steps beside each other, are in some.
static RUNBOOKS: LazyLock<Vec<Runbook>> = LazyLock::new(|| {
    [
        ("move", "", MOVE.to_owned()),
        ("secret", "", SECRET.to_owned()),
        ("move", "", MOVE.to_owned()),
        ("look", "", format!("{LOOK}{FENCE}")),
        ("decide", "decide", format!("{DECIDE}{SECRET}")),
        ("secret", "", SECRET.to_owned()),
        ("look", "look", format!("{LOOK}{MOVE}")),
        ("decide", "decide", format!("{DECIDE}{LOOK}{MOVE}{SECRET}")),
    ]
    .iter()
    .map(|(restored_by, needs, steps)| {
        let steps = steps.replace("NEEDS", needs);
        let text = format!("{HEAD}restored_by: {restored_by}\nsteps:{steps}");
        check("small.yaml", &text, &Known::default(), &[environment()])
            .expect("the runbook is right")
    })
    .collect()
});

fn environment() -> Environment {
    let person = |id: &str, roles: &[Role]| Person {
        id: PersonId::parse(id).expect("an id"),
        name: id.to_owned(),
        slack: None,
        slack_team: None,
        roles: roles.to_vec(),
        language: None,
    };
    Environment {
        alerts: dr_buddy::domain::environment::Alerts::default(),
        audiences: vec![],
        id: EnvironmentId::parse("prod").expect("an id"),
        kind: EnvironmentKind::Production,
        account: "111111111111".to_owned(),
        regions: Regions { primary: "eu".to_owned(), dr: "us".to_owned() },
        objectives: Objectives {
            rto: Span::minutes(60),
            rpo: Span::minutes(5),
            exercise_rto: None,
        },
        chat: Chat {
            war_room: "C1".to_owned(),
            language: Language::En,
            time_zone: "UTC".to_owned(),
            updates: Span::minutes(10),
            timeline_reaction: "stopwatch".to_owned(),
            run_prefix: "R".to_owned(),
            channels: vec![],
            teams: vec![],
        },
        people: vec![
            person(PEOPLE[0], &[Ic]),
            person(PEOPLE[1], &[Db]),
            person(PEOPLE[2], &[Platform, App]),
        ],
        groups: vec![],
        document: json!({}),
    }
}

pub(crate) fn run_id() -> RunId {
    RunId::parse("r").expect("an id")
}

pub(crate) fn person(name: &str) -> Actor {
    Actor::Person { id: PersonId::parse(name).expect("an id"), via: Surface::Slack }
}

/// How many scenes there are.
pub(crate) fn scenes() -> usize {
    RUNBOOKS.len()
}

pub(crate) fn start(scene: usize, now: Timestamp) -> Start {
    Start {
        id: run_id(),
        kind: Kind::Incident,
        runbook: RUNBOOKS[scene].clone(),
        environment: ENVIRONMENT.clone(),
        impact_at: Timestamp(now.0 - 3_600_000 * 2),
        declared: Declared::default(),
    }
}
