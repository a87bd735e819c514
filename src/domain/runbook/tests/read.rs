//! What is read of the shipped documents, and of the least that may stand in an environment.

use crate::domain::action::Known;
use crate::domain::actor::Role;
use crate::domain::connector;
use crate::domain::environment::{self, Environment};
use crate::domain::runbook::check::check;
use crate::domain::runbook::{Gate, Runbook};

/// The actions of this build and of the connectors that the shipped runbooks name.
pub(super) fn known() -> Known {
    let specs = CONNECTORS
        .iter()
        .flat_map(|(name, text)| connector::check::check(name, text).unwrap().specs());
    Known::with(specs)
}

const CONNECTORS: [(&str, &str); 5] = [
    ("confluence.yaml", include_str!("../../../../prompts/connectors/confluence.yaml")),
    ("github.yaml", include_str!("../../../../prompts/connectors/github.yaml")),
    ("jira.yaml", include_str!("../../../../prompts/connectors/jira.yaml")),
    ("pagerduty_events.yaml", include_str!("../../../../prompts/connectors/pagerduty_events.yaml")),
    ("statuspage.yaml", include_str!("../../../../prompts/connectors/statuspage.yaml")),
];

/// The shipped runbooks.
pub(super) const SHIPPED: &str = include_str!("../../../../prompts/runbooks/region-failover.yaml");
/// The way back.
pub(super) const FAILBACK: &str = include_str!("../../../../prompts/runbooks/region-failback.yaml");
const DEMO: &str = include_str!("../../../../deploy/environments/demo.yaml");
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("demo.yaml", DEMO),
    ("prod.yaml", include_str!("../../../../deploy/environments/prod.yaml")),
    ("staging.yaml", include_str!("../../../../deploy/environments/staging.yaml")),
];

/// The shipped environments.
pub(super) fn environments() -> Vec<Environment> {
    ENVIRONMENTS.iter().map(|(name, text)| environment::check(name, text).unwrap()).collect()
}

#[test]
fn a_template_that_only_one_environment_defines_names_the_others() {
    let one = environment::check("demo.yaml", &format!("{DEMO}\nextra: {{name: x}}\n")).unwrap();
    let mut all = environments();
    all.retain(|environment| environment.id != one.id);
    all.push(one);
    let text = SHIPPED.replacen("\"${dns.zone}\"", "\"${extra.name}\"", 1);
    let found = check("a.yaml", &text, &known(), &all).unwrap_err();
    let messages: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["`extra.name` is not defined in environment `prod`, `staging`"]);
}

#[test]
fn what_a_step_names_is_asked_only_of_environments_in_which_it_may_open() {
    let one = environment::check("demo.yaml", &format!("{DEMO}\nextra: {{host: x, on: true}}\n"));
    let mut all = environments();
    all.retain(|environment| environment.id != one.as_ref().unwrap().id);
    all.push(one.unwrap());
    let with = |when: &str| {
        let step = format!(
            "  - id: more\n    title: {{en: More, fr: Encore}}\n    phase: assess\n    owner: platform\n    \
             when: \"{when}\"\n    action: {{http.check: {{url: \"https://${{extra.host}}/\"}}}}\n    \
             verify: {{expect: \"facts.region == env.extra.host\"}}\n    typical: 1s\n    worst: 1s\n"
        );
        check("a.yaml", &format!("{SHIPPED}\n{step}"), &known(), &all)
            .err()
            .unwrap_or_default()
            .len()
    };
    assert_eq!(with("has(env.extra)"), 0);
    assert_eq!(with("has(env.extra) && env.extra.on"), 0);
    assert_eq!(with("run.kind != 'tabletop'"), 2, "the action and the condition, in two of them");
    assert_eq!(with("env.extra.on"), 3, "what cannot be said is no reason to leave it out");
}

#[test]
fn a_checked_runbook_reads_back_from_storage() {
    for text in [SHIPPED, FAILBACK] {
        let runbook = check("a.yaml", text, &known(), &environments()).unwrap();
        let stored = serde_json::to_string(&runbook).unwrap();
        let back: Runbook = serde_json::from_str(&stored).unwrap();
        assert_eq!(back, runbook);
    }
}

/// The least that may stand in an environment; `{chat}` and `{person}` are for more.
const LEAST: &str = r#"
id: small
kind: staging
account: "111111111111"
regions: {primary: eu-west-1, dr: us-east-1}
objectives: {rto: 1h, rpo: 5m}
chat: {war_room: C0ROOM{chat}}
people:
  - {id: mia, name: Mia, slack: U0MIA, roles: [ic, db]{person}}
"#;

fn least(chat: &str, person: &str) -> String {
    LEAST.replace("{chat}", chat).replace("{person}", person)
}

fn read(chat: &str, person: &str) -> Environment {
    environment::check("small.yaml", &least(chat, person)).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let found = environment::check("small.yaml", text).err().unwrap_or_default();
    found.into_iter().map(|one| one.message).collect()
}

#[test]
fn what_an_environment_does_not_say_has_a_default_when_it_is_written_and_when_it_is_stored() {
    let chat = read("", "").chat;
    assert_eq!((chat.time_zone.as_str(), chat.run_prefix.as_str()), ("UTC", "OPS-DR"));
    assert_eq!(chat.timeline_reaction, "stopwatch");
    assert!(chat.teams.is_empty() && chat.channels.is_empty());
    assert_eq!(
        serde_json::from_str::<environment::Chat>(r#"{"war_room": "C0ROOM"}"#).unwrap(),
        chat
    );
}

#[test]
fn what_an_environment_says_is_what_is_read() {
    let chat = ", language: fr, time_zone: Europe/Paris, run_prefix: DR-1, timeline_reaction: pushpin, \
                teams: [T01, E02], channels: [C01, G02, D03]";
    let environment = read(chat, ", slack_team: E02, language: fr");
    let expected = serde_json::json!({
        "war_room": "C0ROOM", "language": "fr", "time_zone": "Europe/Paris", "run_prefix": "DR-1",
        "timeline_reaction": "pushpin", "updates": "10m", "teams": ["T01", "E02"], "channels": ["C01", "G02", "D03"],
    });
    assert_eq!(serde_json::to_value(&environment.chat).unwrap(), expected);
    let expected = serde_json::json!([{
        "id": "mia", "name": "Mia", "slack": "U0MIA", "slack_team": "E02", "roles": ["ic", "db"],
        "language": "fr",
    }]);
    assert_eq!(serde_json::to_value(&environment.people).unwrap(), expected);
    assert_eq!(environment.account, "111111111111");
    // Where any team may, a person may say which one theirs is.
    assert_eq!(read("", ", slack_team: T09").people[0].slack_team.as_deref(), Some("T09"));
}

#[test]
fn the_same_slack_id_in_another_workspace_is_somebody_else() {
    let two = "\n  - {id: ana, name: Ana, slack: U0MIA, slack_team: E02, roles: [db]}\n";
    let text = least(", teams: [T01, E02]", ", slack_team: T01") + two.trim_start_matches('\n');
    let environment = environment::check("small.yaml", &text).unwrap();
    let who = |team, user| environment.person_in_slack(team, user).map(|one| one.id.as_str());
    assert_eq!((who(Some("T01"), "U0MIA"), who(Some("E02"), "U0MIA")), (Some("mia"), Some("ana")));
    assert_eq!((who(Some("T03"), "U0MIA"), who(None, "U0MIA")), (None, None));
    assert_eq!(who(Some("T01"), "U0ANA"), None);
    // Where nobody says which workspaces there are, the id alone names a person; two of one id name nobody.
    let anywhere = read("", "");
    assert!(anywhere.person_in_slack(None, "U0MIA").is_some());
    assert!(anywhere.person_in_slack(Some("T09"), "U0MIA").is_some());
    let mut twice = anywhere.clone();
    twice.people.push(anywhere.people[0].clone());
    assert_eq!(twice.person_in_slack(None, "U0MIA"), None);
}

#[test]
fn a_region_is_named_as_aws_names_it() {
    for region in ["EU-WEST-1", "eu_west_1", "eu-west", "eu-1", "west1", "eu-west-a"] {
        let text = least("", "").replace("us-east-1", region);
        assert_eq!(faults(&text), [format!("`{region}` is not a region")]);
    }
    for region in ["us-gov-west-1", "ap-southeast-12"] {
        assert_eq!(faults(&least("", "").replace("us-east-1", region)), [""; 0]);
    }
}

#[test]
fn what_slack_and_run_ids_cannot_hold_is_refused() {
    for (chat, message) in [
        (", run_prefix: \"DR 1\"", "`DR 1` cannot begin a run id"),
        (", run_prefix: ABCDEFGHIJKLMNOPQRSTU", "`ABCDEFGHIJKLMNOPQRSTU` cannot begin a run id"),
        (", timeline_reaction: \":clock:\"", "`:clock:` is not a reaction"),
        (", timeline_reaction: \"a b\"", "`a b` is not a reaction"),
        (", channels: [C0a]", "`C0a` is not one of Slack's ids"),
        (", teams: [C01]", "`C01` is not one of Slack's ids"),
        (", teams: [T01, T01]", "`T01` is named twice"),
    ] {
        assert_eq!(faults(&least(chat, "")), [message], "{chat}");
    }
    assert_eq!(faults(&least(", run_prefix: ABCDEFGHIJKLMNOPQRST", "")), [""; 0]);
    let reaction =
        |length| faults(&least(&format!(", timeline_reaction: {}", "a".repeat(length)), ""));
    assert_eq!([80, 81, 82].map(|length| reaction(length).len()), [0, 1, 1]);
}

#[test]
fn who_may_answer_is_the_owner_and_the_commander_each_named_once() {
    assert_eq!(Gate::Confirm.roles(Role::Db), [Role::Db, Role::Ic]);
    assert_eq!(Gate::None.roles(Role::Ic), [Role::Ic]);
}
