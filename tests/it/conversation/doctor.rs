//! Whether the runbooks would work today: asked on the terminal, told in Slack, and made to change behind the product's
//! back.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::people::{ANTOINE, MIA, ROOM, STRANGER};
use super::stage::{Script, Stage};
use crate::harness::eventually;

impl Stage {
    /// `dr-buddy doctor`: its exit code and what it printed.
    async fn doctor(&self, args: &[&str], more: &[(&str, String)]) -> (i32, String) {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_dr-buddy")));
        command.arg("doctor").args(args).envs(self.settings()).env_remove("SLACK_BOT_TOKEN");
        command.envs(more.iter().map(|(name, value)| (*name, value)));
        // The shop answers from this thread.
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.expect("it does not panic").expect("it runs");
        let text = String::from_utf8(output.stdout).expect("it is text");
        let error = String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or_else(|| panic!("it was killed: {error}")), text)
    }

    /// Waits until somebody was told so often what the doctor saw last.
    async fn answers(&self, user: &str, times: usize) {
        eventually(&format!("{user} has {times} answers"), 60, || async {
            let told = self.slack.ephemeral_to(user, ROOM).await;
            let told = told.iter().filter(|one| one.to_string().contains("last doctor"));
            (told.count() >= times).then_some(())
        })
        .await;
    }

    /// What it found, as JSON.
    async fn found(&self, args: &[&str], more: &[(&str, String)]) -> (i32, Findings) {
        let (code, text) = self.doctor(&[&["--json"], args].concat(), more).await;
        let whole = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (code, Findings(whole))
    }
}

struct Findings(Value);

impl Findings {
    /// How a step is shown, and what was seen.
    #[track_caller]
    fn step(&self, subject: &str) -> (&str, &str, &str) {
        let all = self.0["findings"].as_array().expect("findings");
        let found = all.iter().find(|one| one["check"] == "step" && one["subject"] == subject);
        let found = found.unwrap_or_else(|| panic!("no {subject}: {all:#?}"));
        let text = |name: &str| found[name].as_str().expect("a text");
        (text("light"), text("says"), text("mend"))
    }

    /// The steps of the failover that would not work.
    fn lost(&self) -> Vec<&str> {
        let all = self.0["findings"].as_array().expect("findings").iter();
        let lost = all.filter(|one| one["check"] == "step" && one["light"] == "red");
        let names = lost.filter_map(|one| one["subject"].as_str());
        names.filter(|name| name.starts_with("region-failover/")).collect()
    }

    #[track_caller]
    fn is(&self, subject: &str, light: &str, says: &str) {
        let found = self.step(subject);
        assert!(found.0 == light && found.1.contains(says), "{subject} is {found:?}");
    }
}

#[tokio::test]
async fn the_terminal_says_of_every_step_whether_it_would_work_today() {
    let stage = Stage::open(Script::default()).await;
    let (code, today) = stage.found(&["--env", "shop"], &[]).await;
    // The primary load balancer of the shop never answers: nobody can say what is behind it.
    today.is("region-failover/assess-primary", "unknown", "");
    today.is("region-failover/assess-public", "green", "would work: GET");
    today.is("region-failover/promote-database", "green", "rds:FailoverGlobalCluster in us-east-1");
    today.is("region-failover/fence-primary", "green", "k8s:patch");
    today.is("region-failover/decide-go", "green", "people");
    today.is("region-failover/pin-dns", "green", "route53:ChangeResourceRecordSets");
    // What leads back has nothing to do before anybody left.
    today.is("region-failback/return-database", "green", "nothing to do today");
    today.is("region-failback/unpin-dns", "green", "nothing to do today");
    today.is("region-failback/pause-queues", "green", "not in this environment");
    assert_ne!(code, 0, "{:#}", today.0);

    let (_, text) = stage.doctor(&["--env", "shop", "--lang", "fr"], &[]).await;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("Inconnu") && text.contains("→"), "{text}");
    let order = ["Inconnu", "Vert"].map(|word| text.find(word).expect("it is there"));
    assert!(order[0] < order[1], "the worst stands first: {text}");

    let (_, dark) = stage.found(&["--env", "shop", "--dark", "eu-west-1"], &[]).await;
    dark.is("region-failover/fence-primary", "green", "best effort");
    dark.is("region-failover/promote-database", "green", "us-east-1");
    dark.is("region-failback/return-database", "green", "leads there");
    assert_eq!(dark.lost(), today.lost(), "nothing on the way needs eu-west-1");
    let (code, dark) = stage.found(&["--env", "shop", "--dark", "us-east-1"], &[]).await;
    dark.is("region-failover/promote-database", "green", "leads there");
    dark.is("region-failback/return-database", "red", "dark");
    let (light, _, mend) = dark.step("region-failback/unpin-dns");
    assert!(light == "red" && mend.contains("latch"), "{mend}");
    assert_eq!(code, 2);

    // With the rights to look and not to act, it says which are missing before anybody needs them.
    let look = stage.kube.kubeconfig_of(&stage.namespace, &["dr-buddy-look"]).await;
    let kubeconfig = [("KUBECONFIG", look.display().to_string())];
    let (code, blind) = stage.found(&["--env", "shop"], &kubeconfig).await;
    blind.is("region-failover/fence-primary", "amber", "patch deployments.apps/scale");
    blind.is("region-failover/restart-api", "red", "patch deployments.apps");
    assert!(!blind.step("region-failover/restart-api").1.contains("rollouts"));
    assert_eq!(code, 2);
    let both = ["dr-buddy-look", "dr-buddy-act"];
    let both = stage.kube.kubeconfig_of(&stage.namespace, &both).await;
    let kubeconfig = [("KUBECONFIG", both.display().to_string())];
    let (_, able) = stage.found(&["--env", "shop"], &kubeconfig).await;
    able.is("region-failover/restart-api", "green", "k8s:patch");

    stage.world.fail_over().await;
    let (_, after) = stage.found(&["--env", "shop"], &[]).await;
    after.is("region-failover/promote-database", "green", "nothing to do today");
    after.is("region-failback/return-database", "green", "rds:SwitchoverGlobalCluster");
    for args in [&["--env", "nowhere"][..], &["--env", "shop", "--dark", "us-west-9"]] {
        let (code, said) = stage.doctor(args, &[]).await;
        assert!(code == 64 && said.contains("there are:"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn the_room_hears_once_what_has_turned_and_people_can_ask() {
    let more = vec![("DR_BUDDY_DOCTOR", "06:00".to_owned())];
    let stage = Stage::open(Script { more, ..Script::default() }).await;
    // The first round is made at the start.
    stage.in_the_room("Readiness:").await;
    let rounds = || async { stage.slack.log().await.iter().filter(|one| tells(one)).count() };
    assert_eq!(rounds().await, 1);
    stage.told(STRANGER, "doctor", "I do not know you").await;
    stage.told(MIA, "doctor", "last doctor").await;
    stage.slack.open_home(ANTOINE).await;
    eventually("his home says so", 30, || async {
        let log = stage.slack.log().await;
        let mut homes = log.iter().filter(|one| one["summary"] == "views.publish");
        homes.any(|home| home.to_string().contains("Préparation")).then_some(())
    })
    .await;

    // Another process that starts at once finds the round made.
    stage.kill();
    stage.start().await;
    stage.told(MIA, "doctor now", "Looking now").await;
    stage.answers(MIA, 2).await;
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/shop-api", stage.namespace);
    stage.kube.delete("us", &path).await;
    stage.told(MIA, "doctor now", "Looking now").await;
    let told = stage.in_the_room("restart-api").await.to_string();
    assert!(told.contains("✖") && told.contains("404"), "{told}");
    stage.answers(MIA, 3).await;
    assert_eq!(rounds().await, 2);
    stage.judged("doctor").await;
}

/// Whether the room is told something by the doctor.
fn tells(entry: &Value) -> bool {
    entry["summary"] == "chat.postMessage" && entry.to_string().contains("Readiness:")
}
