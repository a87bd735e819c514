//! What a tabletop pretends of the actions on clusters and of programs: the facts of their rows, and that a call shows
//! after a while.

use dr_buddy::actions::{ActionSettings, Actions, Happened};
use dr_buddy::domain::action::{self, Danger};
use dr_buddy::domain::run::Kind;
use dr_buddy::domain::runbook::ActionCall;
use serde_json::{Value, json};

use super::{Step, is_accepted};

fn steps() -> [(&'static str, Value); 9] {
    let manifest =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "overrides"}});
    [
        ("k8s.scale", json!({"workloads": ["api"], "replicas": 0})),
        ("k8s.restart", json!({"workloads": ["api"]})),
        ("k8s.apply", json!({"manifest": manifest})),
        ("k8s.patch", json!({"kind": "ConfigMap", "name": "overrides", "patch": {"data": {}}})),
        ("k8s.suspend_cronjobs", json!({})),
        ("k8s.wait_ready", json!({"workloads": ["api"]})),
        ("external_secrets.sync", json!({"names": ["db", "redis"]})),
        ("exec.check", json!({"program": "terraform", "args": ["plan"]})),
        ("exec", json!({"program": "e2e"})),
    ]
}

#[tokio::test]
async fn what_is_pretended_is_told_as_the_real_thing_is() {
    let actions = Actions::new(ActionSettings::default());
    for (name, mut with) in steps() {
        let row = action::find(name).unwrap();
        with["context"] = "eu".into();
        with["namespace"] = "shop".into();
        let mut step = Step::new(&actions, name, with);
        let call = ActionCall { name: name.to_owned(), with: step.with.clone(), operation: None };
        step.action = actions.find(Kind::Tabletop, &call).unwrap();
        let preview = step.preview().await;
        assert!(!preview.calls.is_empty(), "{name}");
        let before = step.probe(&preview).await;
        let reads = row.danger == Danger::Reads && !name.starts_with("exec");
        let wanted = if reads { Happened::Done } else { Happened::Never };
        assert_eq!(before.happened, wanted, "{name}");
        assert!(is_accepted(&step.run(&preview).await), "{name}");
        if !reads {
            assert_eq!(step.probe(&preview).await.happened, Happened::Running, "{name}");
            // As if it had been called an hour ago.
            let at = step.past[0]["at"].as_i64().unwrap();
            step.past[0]["at"] = json!(at - 3_600_000);
        }
        let after = step.probe(&preview).await;
        assert_eq!(after.happened, Happened::Done, "{name}");
        assert_eq!(reads, after.facts == before.facts, "{name}: {:?}", after.facts);
        for fact in preview.facts.keys().chain(after.facts.keys()) {
            assert!(row.facts.contains(fact), "{name}: {fact} is not in its row");
        }
    }
}
