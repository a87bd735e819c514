//! What only reads is not asked twice in the same breath; what changes something, or hangs on how things stand, always is.

use serde_json::json;

use super::{RUNBOOK, Rig, environment};
use crate::actions::Outcome;
use crate::domain::action::Known;
use crate::domain::run::state::{Proof, StepState};
use crate::domain::runbook::check::check;
use crate::domain::time::Span;

/// How often an action was looked at before its call, called, and looked at after it.
type Looks = (usize, usize, usize);

/// A step of this action and no gate, from its opening to its end; so long after each of its effects comes the next.
async fn looks(action: &str, rest: &str, pause: Span) -> Looks {
    let (head, _) = RUNBOOK.split_once("owner: db").unwrap();
    let text =
        format!("{head}owner: db, typical: 1m, worst: 5m, {rest}\n     action: {action}}}\n");
    let place = environment();
    let runbook = check("rig.yaml", &text, &Known::default(), std::slice::from_ref(&place))
        .unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let rig = Rig::with(place, runbook).await;
    let evidence = json!({"facts": {"target_is_writer": true, "status": 200}});
    rig.outside.now(|script| {
        script.outcome = Outcome::Accepted { evidence };
        script.is_there = true;
    });
    for _ in 0..20 {
        if matches!(rig.step().await, StepState::Done { .. }) {
            break;
        }
        rig.pass().await;
        rig.clock.pass(pause);
    }
    assert!(
        matches!(rig.step().await, StepState::Done { how: Proof::Seen | Proof::Accepted }),
        "{action}"
    );
    let asked = |what| rig.outside.asked(what).len();
    let facts = &rig.state().await.steps[&super::the_step()].facts;
    assert_eq!(facts.contains_key("status"), asked("probe") == 0, "what the last look saw");
    (asked("preview"), asked("run"), asked("probe"))
}

#[tokio::test]
async fn what_only_reads_is_not_asked_again_in_the_same_breath() {
    let reads = "{http.check: {url: 'https://a.test/'}}";
    assert_eq!(looks(reads, "", Span::seconds(0)).await, (1, 1, 0));
    assert_eq!(looks(reads, "", Span::seconds(10)).await, (1, 1, 0));
    assert_eq!(looks(reads, "", Span::seconds(11)).await, (2, 1, 1), "that was another breath");
    let guard = "guard: \"run.kind == 'incident'\",";
    assert_eq!(
        looks(reads, guard, Span::seconds(0)).await,
        (2, 1, 1),
        "a guard is asked at the call"
    );
    let verify = "verify: {expect: \"!has(facts.status)\", timeout: 1m},";
    assert_eq!(
        looks(reads, verify, Span::seconds(0)).await,
        (1, 1, 1),
        "a proof is a look of its own"
    );
}
