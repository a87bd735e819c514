//! Every card in every state, every line for the room and every form, as Slack would get them: runs are led through
//! everything a run can go through by people who press whatever is offered and a world that answers as it likes. Two
//! judges of other people's making look at what is sent, and the limits Slack states are held by all of it.

mod check;
mod walk;

use dr_buddy::catalog::{Catalog, CatalogSources, Opening};
use dr_buddy::domain::comms::Ask;
use dr_buddy::domain::environment::Audience;
use dr_buddy::domain::ids::{EnvironmentId, StepId};
use dr_buddy::domain::run::{Kind, Start};
use dr_buddy::domain::runbook::{OnFailure, Runbook, Step};
use dr_buddy::domain::time::Timestamp;
use dr_buddy::domain::value::Localized;
use serde_json::{Value, json};

use self::walk::{Album, Walk};
use crate::harness::judge;

const START: Timestamp = Timestamp(1_795_184_300_000);
/// What somebody hostile, or a talkative cloud, could write.
const HOSTILE: &str =
    "<!channel> <@U0ANTOINE> <https://evil.example|here> *b* _i_ ~s~ `c` & \"q\" \u{202e}";

fn catalog() -> &'static Catalog {
    static CATALOG: std::sync::OnceLock<Catalog> = std::sync::OnceLock::new();
    CATALOG.get_or_init(|| Catalog::load(&CatalogSources::default()).unwrap())
}

/// One of each kind beside the room; exercises are heard of by two.
fn audiences() -> Vec<Audience> {
    let one = |text: &str, language: &str, minutes: u32, exercise_to: Option<&str>| {
        json!({
            "id": text, "text": text, "to": "C0OUTSIDE", "exercise_to": exercise_to,
            "every": format!("{minutes}m"), "language": language, "approve": false,
        })
    };
    let all = [
        one("management", "fr", 30, Some("C0DRILL")),
        one("support", "en", 20, None),
        one("customers", "fr", 15, Some("C0DRILL")),
        one("partners", "en", 40, None),
    ];
    serde_json::from_value(all.into_iter().collect()).unwrap()
}

fn opening(kind: Kind, seed: u64) -> Start {
    let environment = EnvironmentId::parse("demo").unwrap();
    let key = format!("test/{seed}");
    let impact_at = Timestamp(START.0 - 300_000);
    let opening = Opening { key: &key, runbook: None, environment: &environment, kind, impact_at };
    let mut start = catalog().start(opening).unwrap();
    start.environment.audiences = audiences();
    shorten(&mut start.runbook);
    start
}

/// Leaves out what only some environments have: a walk of a few hundred steps shall come to the end and back.
fn shorten(runbook: &mut Runbook) {
    let is_everywhere =
        |step: &Step| step.when.as_ref().is_none_or(|when| !when.contains("has(env."));
    runbook.steps.retain(is_everywhere);
    let ids: Vec<StepId> = runbook.steps.iter().map(|step| step.id.clone()).collect();
    for step in &mut runbook.steps {
        step.needs.retain(|need| ids.contains(need));
        if matches!(&step.on_failure, OnFailure::Fallback(other) if !ids.contains(other)) {
            step.on_failure = OnFailure::Hold;
        }
    }
}

/// The same with everything that people or documents say hostile or as long as it may be, and as many steps as may be.
fn hostile(mut opening: Start) -> Start {
    let said = |long: usize| {
        let text = format!("{HOSTILE}{}", "é<".repeat(long / 2));
        Localized { en: text.clone(), fr: text }
    };
    for person in &mut opening.environment.people {
        person.name = HOSTILE.to_owned();
        if person.id.as_str() == "leo" {
            person.slack = None;
        }
    }
    opening.runbook.title = said(200);
    for phase in &mut opening.runbook.phases {
        phase.title = said(120);
    }
    for (at, step) in opening.runbook.steps.iter_mut().enumerate() {
        step.title = said([0, 100, 3000][at % 3]);
        step.note = Some(said(3000));
    }
    let template = opening.runbook.steps[0].clone();
    while opening.runbook.steps.len() < 200 {
        let id = StepId::parse(&format!("more-{}", opening.runbook.steps.len())).unwrap();
        opening.runbook.steps.push(Step { id, ..template.clone() });
    }
    opening
}

#[test]
fn every_card_in_every_state_is_good_block_kit() {
    let mut album = Album::default();
    for seed in 0..48 {
        let kind = Kind::ALL[usize::try_from(seed).unwrap() % 3];
        let mut walk = Walk::new(opening(kind, seed), seed, false, &mut album);
        (0..260).for_each(|_| walk.step_on());
    }
    for seed in 0..3 {
        let mut walk = Walk::new(hostile(opening(Kind::Incident, seed)), seed, true, &mut album);
        (0..220).for_each(|_| walk.step_on());
    }
    let states = [
        "Previewing",
        "Ready",
        "Blind",
        "Declined",
        "Approved",
        "Calling",
        "Proving",
        "InDoubt",
        "Done",
        "Failed",
        "Skipped",
        "Undone",
        "Ready, guard True",
        "Ready, guard False",
        "Ready, guard Unknown",
        "InDoubt, Never",
        "InDoubt, Running",
        "InDoubt, Unknown",
        "more blocks than go",
    ];
    let missing: Vec<_> = states.iter().filter(|state| !album.states.contains(**state)).collect();
    assert!(missing.is_empty(), "never shown: {missing:?}");
    let asks: Vec<_> =
        Ask::ALL.iter().map(|ask| ask.name()).filter(|n| !album.asks.contains(n)).collect();
    assert!(asks.is_empty(), "never offered: {asks:?}");
    assert!(album.notices.len() >= 8, "{:?}", album.notices);
    let payloads: Vec<Value> = album.payloads.into_values().collect();
    println!("{} messages shown, {} kinds of them judged", album.shown, payloads.len());
    judge("every card", &payloads);
}
