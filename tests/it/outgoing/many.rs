//! A bad hour: twenty steps open at once, two hundred entries in the timeline. What Slack is sent stays within its
//! limits, and how often it is called within its tiers.

use dr_buddy::domain::run::{Kind, MessageKey, Request};
use serde_json::{Value, json};

use super::{Bed, RUNBOOK, has_buttons, human};
use crate::harness::{eventually, judge};

const OPEN: usize = 20;
const NOTES: usize = 200;

/// Tasks with long notes, decisions that look at the tasks, looks that fail and wait for people; and one after them.
fn runbook() -> String {
    let mut steps = String::new();
    let mut ids = Vec::new();
    for n in 0..OPEN {
        let id = format!("step-{n:02}");
        steps.push_str(&match n % 5 {
            3 => decision(&id),
            4 => look(&id),
            _ => {
                human(&id, &format!("    note: {{en: \"{0}\", fr: \"{0}\"}}\n", "why ".repeat(150)))
            }
        });
        ids.push(id);
    }
    let last = human("last", &format!("    needs: [{}]\n", ids.join(", ")));
    format!("{RUNBOOK}{steps}{last}")
}

fn head(id: &str) -> String {
    let title = format!("A step called {id} whose title is as long as titles become at night");
    format!(
        "  - id: {id}\n    title: {{en: {title}, fr: {title}}}\n    phase: all\n    owner: ic\n    \
         typical: 1m\n    worst: 5m\n"
    )
}

fn decision(id: &str) -> String {
    format!(
        "{}    gate: {{people: 2, roles: [ic, db, platform], expires: 10m}}\n    action:\n      \
         human.decide:\n        question: {{en: Go on?, fr: On continue}}\n        \
         go: {{en: On., fr: Oui.}}\n        no_go: {{en: Not., fr: Non.}}\n        seen: [step-04]\n",
        head(id)
    )
}

fn look(id: &str) -> String {
    format!(
        "{}    action:\n      http.check: {{url: \"http://127.0.0.1:9/{id}\", timeout: 1s}}\n",
        head(id)
    )
}

fn payload(message: &Value) -> Value {
    json!({ "text": message["text"], "blocks": message["blocks"] })
}

#[tokio::test]
async fn twenty_open_steps_and_two_hundred_entries_stay_within_slacks_limits_and_tiers() {
    let bed = Bed::with(&runbook()).await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    for n in 0..NOTES {
        process.note(&run, &format!("{n}: {}", "what we see ".repeat(20))).await;
    }
    let of_steps = |messages: Vec<Value>| -> Vec<Value> {
        let key = |one: &Value| one["metadata"]["event_payload"]["key"].as_str().map(str::to_owned);
        let is_step = |one: &Value| key(one).is_some_and(|key| key.starts_with("step/"));
        messages.into_iter().filter(is_step).collect()
    };
    let cards = eventually("twenty cards ask", 180, || async {
        let cards = of_steps(bed.slack.messages().into_values().collect());
        (cards.iter().filter(|card| has_buttons(card)).count() == OPEN).then_some(cards)
    })
    .await;
    // Everybody presses at once what one person may press.
    let stored = bed.store.run(&run).await.expect("the database is there").expect("there is one");
    let ready = stored.run.each_step().filter_map(|(step, at)| {
        let is_task = step.action.is_human() && !step.action.is_decision();
        let digest = at.shown.as_ref().filter(|_| is_task)?.digest.clone();
        Some(Request::Approve { step: step.id.clone(), digest })
    });
    for (n, approve) in ready.enumerate() {
        process.ask(&run, &format!("approve {n}"), approve).await;
    }
    eventually("what was done asks nobody any more", 180, || async {
        let cards = of_steps(bed.slack.messages().into_values().collect());
        (cards.iter().filter(|card| has_buttons(card)).count() == OPEN * 2 / 5).then_some(())
    })
    .await;
    let card = bed.stands(&run, &MessageKey::Run).await;
    let stored = bed.store.run(&run).await.expect("the database is there").expect("there is one");
    assert!(stored.run.seq > NOTES as u64 + OPEN as u64);

    let calls = bed.slack.calls();
    let refused: Vec<_> = calls.iter().filter(|call| call.answer["ok"] != true).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(card["blocks"].as_array().is_some_and(|blocks| blocks.len() <= 20), "{card:#}");
    bed.slack.no_violation();
    let busiest = bed.slack.busiest();
    println!(
        "{} calls for {} events; in the busiest minute {busiest:?}",
        calls.len(),
        stored.run.seq
    );
    assert!(busiest.get("chat.update").is_some_and(|most| *most <= 45), "{busiest:?}");
    let mut payloads: Vec<Value> = cards.iter().chain([&card]).map(payload).collect();
    payloads.extend(bed.slack.messages().values().map(payload));
    judge("twenty open steps", &payloads);
}
