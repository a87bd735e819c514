//! The shipped runbooks, walked from the first step to the last in the tabletop's world; and the table beside them, which
//! says where each step comes from.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use dr_buddy::app::App;
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::desk::{Answer, Desk};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::environment;
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunbookId, StepId};
use dr_buddy::domain::run::state::{Choice, Skip};
use dr_buddy::domain::run::{Kind, Request, Run, StepState};
use dr_buddy::domain::runbook::OnFailure;
use tokio::time::Instant;

const TABLE: &str = include_str!("../../prompts/runbooks/README.md");
const DEMO: &str = include_str!("../../deploy/environments/demo.yaml");
const PEOPLE: [&str; 4] = ["antoine", "mia", "leo", "clara"];

fn shipped() -> Catalog {
    Catalog::load(&CatalogSources::default()).expect("what is shipped is good")
}

pub(crate) fn by(person: &str) -> Actor {
    Actor::Person { id: PersonId::parse(person).expect("an id"), via: Surface::Slack }
}

#[test]
fn every_step_stands_in_the_table_and_every_step_of_the_table_exists() {
    let catalog = shipped();
    let steps = catalog.runbooks.values().flat_map(|runbook| &runbook.steps);
    let steps: BTreeSet<&str> = steps.map(|step| step.id.as_str()).collect();
    let rows = TABLE.lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|row| row.split(" | ").nth(2).expect("a row has four cells"));
    let named: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(steps.len() > 100, "{}", steps.len());
    let differ: Vec<_> = steps.symmetric_difference(&named).collect();
    assert!(differ.is_empty(), "in one of runbooks and README.md only: {differ:?}");
}

/// A tabletop in this environment, played by people who agree to whatever they are asked.
pub(crate) struct Table {
    pub(crate) desk: Desk,
    keys: u32,
    /// What they do where something has failed that has a last resort.
    resort: Resort,
}

/// What people do where something has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resort {
    /// Try again.
    Again,
    /// Take the step that stands in for it.
    Last,
}

impl Table {
    pub(crate) async fn ask(&mut self, person: &str, request: &Request) -> bool {
        self.keys += 1;
        let key = format!("walk/{}", self.keys);
        matches!(self.desk.ask_open_run(&key, &by(person), request).await, Answer::Done { .. })
    }

    pub(crate) async fn run(&self) -> Run {
        self.desk.open_run().await.expect("it can be read").expect("it is open")
    }

    /// Everybody answers what is asked of them; nobody skips anything.
    async fn round(&mut self, run: &Run) {
        for (step, at) in run.each_step() {
            let id = step.id.clone();
            let shown = at.shown.as_ref().map(|shown| shown.digest.clone());
            let needed = if at.state == StepState::Ready { step.gate.people() } else { 1 };
            let request = match (&at.state, shown) {
                (StepState::Ready, Some(digest)) if step.action.is_decision() => {
                    Request::Vote { step: id, digest, choice: Choice::Go, words: String::new() }
                }
                (StepState::Ready, Some(digest)) => Request::Approve { step: id, digest },
                (StepState::InDoubt { .. } | StepState::Blind { .. }, _) => {
                    Request::LookAgain { step: id }
                }
                (StepState::Failed { .. }, _)
                    if self.resort == Resort::Last
                        && matches!(step.on_failure, OnFailure::Fallback(_)) =>
                {
                    continue;
                }
                (StepState::Failed { .. }, _) if !run.is_settled(&step.id) => {
                    Request::Retry { step: id }
                }
                _ => continue,
            };
            self.ask_until(needed, &request).await;
        }
    }

    /// One after the other, until as many have been heard as it takes.
    pub(crate) async fn ask_until(&mut self, needed: u32, request: &Request) {
        let mut heard = 0;
        for person in PEOPLE {
            heard += u32::from(self.ask(person, request).await);
            if heard >= needed.max(1) {
                break;
            }
        }
    }

    pub(crate) async fn until_settled(&mut self) -> Run {
        let begun = Instant::now();
        let mut changes = self.desk.engine.changes();
        loop {
            let run = self.run().await;
            let open: Vec<&StepId> = run.steps.keys().filter(|id| !run.is_settled(id)).collect();
            if open.is_empty() {
                return run;
            }
            let states = open.iter().map(|id| (id, &run.steps[*id].state));
            let stuck = || states.clone().filter(|(_, state)| **state != StepState::Waiting);
            assert!(
                begun.elapsed() < Duration::from_secs(150),
                "{:#?}",
                stuck().collect::<Vec<_>>()
            );
            self.round(&run).await;
            // Something changed, or is asked again; what came meanwhile is in the next look.
            drop(tokio::time::timeout(Duration::from_millis(500), changes.recv()).await);
            while changes.try_recv().is_ok() {}
        }
    }
}

/// The demo's desk on a clock that is so many times as fast, in an environment that differs from the shipped one by these
/// changes.
pub(crate) async fn open(changes: &[(&str, &str)], speed: u32, folder: &Path) -> (App, Table) {
    let mut text = DEMO.to_owned();
    for (was, is) in changes {
        assert!(text.contains(was), "{was}");
        text = text.replacen(was, is, 1);
    }
    let demo = EnvironmentId::parse("demo").expect("an id");
    let mut catalog = shipped();
    let environment = environment::check("demo.yaml", &text).unwrap_or_else(|p| panic!("{p:#?}"));
    catalog.environments.insert(demo, environment);
    crate::harness::crypto();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (app, desk) = App::demo(listen, folder, catalog, speed).await.expect("it starts");
    (app, Table { desk, keys: 0, resort: Resort::Again })
}

/// Walks both runbooks in one run, or the failover alone where there is no way back but by hand; the steps that the
/// environment or what was seen made unnecessary, and those that ended in any other way than done.
async fn walk(changes: &[(&str, &str)], resort: Resort) -> (BTreeSet<String>, BTreeSet<String>) {
    let back = RunbookId::parse("region-failback").expect("an id");
    let back = shipped().runbook(&back).expect("it is shipped").clone();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (app, mut table) = open(changes, 240, folder.path()).await;
    table.resort = resort;
    let now = table.desk.engine.clock.now();
    let started = table.desk.start("walk/start", &by("antoine"), None, Kind::Tabletop, now).await;
    assert!(matches!(started, Answer::Done { .. }));
    let mut run = table.until_settled().await;
    if resort == Resort::Again {
        assert!(table.ask("antoine", &Request::Attach { runbook: Box::new(back) }).await);
        run = table.until_settled().await;
    }
    app.stop().await;
    let named = |is: &dyn Fn(&StepState) -> bool| {
        let found = run.steps.iter().filter(|(_, at)| is(&at.state));
        found.map(|(id, _)| id.to_string()).collect()
    };
    let unneeded = named(&|state| {
        matches!(state, StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded })
    });
    let odd = named(&|state| !matches!(state, StepState::Done { .. } | StepState::Skipped { .. }));
    (unneeded, odd)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Offered only where the application alone is ill, where a promotion has failed for certain, where nobody knows whether
/// the old region still writes, or where Redis has no copy.
const NEVER: [&str; 6] = [
    "restart-primary",
    "detach-database",
    "detach-redis",
    "replace-global-endpoint",
    "fence-verdict",
    "rebuild-queues",
];

/// What an environment does not need that names no ticket system, no status page and so on: people do it.
const BY_PEOPLE: [&str; 8] = [
    "file-ticket",
    "call-on-call",
    "publish-outage",
    "publish-failover",
    "publish-restored",
    "note-promotion",
    "end-call",
    "write-journal",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_runbooks_are_walked_to_the_end_where_everything_is_there() {
    let light = ("  dark: [eu-west-1]\n", "  dark: []\n");
    let (unneeded, odd) = walk(&[light], Resort::Again).await;
    let elsewhere = [
        "promote-secret",
        "switch-routing-controls",
        "replicate-secrets",
        "return-routing-controls",
    ];
    assert_eq!(unneeded, set(&[&NEVER[..], &elsewhere, &BY_PEOPLE].concat()));
    assert_eq!(odd, set(&[]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_first_environment_does_not_need_is_walked_in_another() {
    let arc = "arc: {endpoints: [\"us-east-1=https://arc.example\"], primary_control: eu, \
               dr_control: us}\ntabletop:\n";
    // What other systems do here, people do in the first.
    let prod = include_str!("../../deploy/environments/prod.yaml");
    let begin = prod.find("jira: {").expect("it has a ticket system");
    let end = prod.find("# Application Recovery").expect("it has none");
    let systems = format!("{}\ntabletop:\n", &prod[begin..end]);
    let changes = [
        ("  dark: [eu-west-1]\n", "  dark: []\n"),
        ("  mode: region_local\n", "  mode: replica\n"),
        ("tabletop:\n", arc),
        ("tabletop:\n", &systems),
    ];
    let (unneeded, odd) = walk(&changes, Resort::Again).await;
    assert_eq!(unneeded, set(&[&NEVER[..], &["open-ticket", "tell-investigating"]].concat()));
    assert_eq!(odd, set(&[]));
}

/// What the demo as it is shipped ends with: nothing in the old region answers for an hour, then all of it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_runbooks_are_walked_to_the_end_in_the_demo_as_it_is_shipped() {
    let (unneeded, odd) = walk(&[], Resort::Again).await;
    let elsewhere = [
        "promote-secret",
        "switch-routing-controls",
        "replicate-secrets",
        "return-routing-controls",
    ];
    let mut expected = set(&[&NEVER[..], &elsewhere, &BY_PEOPLE].concat());
    expected.remove("fence-verdict");
    assert_eq!(unneeded, expected);
    let dark =
        ["freeze-argocd-primary", "fence-primary", "suspend-cronjobs", "cut-database-access"];
    assert_eq!(odd, set(&dark));
}

/// The failover in the lighted demo, by people who take the last resort; what of [`NEVER`] they walked, and what ended odd.
async fn last_resort(
    attempts: &str,
    more: &[(&str, &str)],
) -> (BTreeSet<String>, BTreeSet<String>) {
    let was = "first_attempt: {aurora.failover: no_answer, route53.pin: fails}";
    let light = ("  dark: [eu-west-1]\n", "  dark: []\n");
    let changes = [&[light, (was, attempts)], more].concat();
    let (unneeded, odd) = walk(&changes, Resort::Last).await;
    (set(&NEVER).difference(&unneeded).cloned().collect(), odd)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_both_promotions_fail_for_certain_both_last_resorts_are_walked_to_the_end() {
    let fail = "first_attempt: {aurora.failover: fails, elasticache.failover_global: fails}";
    let (walked, odd) = last_resort(fail, &[]).await;
    assert_eq!(walked, set(&["detach-database", "detach-redis"]));
    assert_eq!(odd, set(&["promote-database", "promote-redis"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_detach_the_global_endpoint_is_left() {
    let global = ("  app_uses_global_endpoint: false\n", "  app_uses_global_endpoint: true\n");
    let (walked, odd) = last_resort("first_attempt: {aurora.failover: fails}", &[global]).await;
    assert_eq!(walked, set(&["detach-database", "replace-global-endpoint"]));
    assert_eq!(odd, set(&["promote-database"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_a_copy_starts_empty() {
    let alone = [
        ("  global: demo0-luneo-demo-redis\n", ""),
        (
            "  dr_endpoint: luneo-demo-redis-secondary.placeholder.use1.cache.amazonaws.com\n  may_detach: true\n",
            "  dr_endpoint: luneo-demo-redis-secondary.placeholder.use1.cache.amazonaws.com\n",
        ),
    ];
    let (walked, odd) = last_resort("first_attempt: {}", &alone).await;
    assert_eq!(walked, set(&["rebuild-queues"]));
    assert_eq!(odd, set(&[]));
}
