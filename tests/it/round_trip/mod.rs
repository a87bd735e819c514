//! The shipped failover, and then the shipped failback in the same run, against real servers in two regions: asked directly,
//! they are where domain.md says between the two, and where they began after both. Again with the primary region dead.
//!
//! Nothing of the runbooks is changed but how long what must hold is looked at. Steps for what this world does not have are
//! in [`ELSEWHERE`], each with its reason.

mod cloud;
mod cluster;
mod evidence;
mod gate;
mod life;
mod people;
mod seen;
mod shop;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use dr_buddy::domain::run::state::Skip;
use dr_buddy::domain::run::{Run, StepState};
use dr_buddy::domain::time::Span;
use futures_util::future::join_all;
use reqwest::Method;

use self::evidence::{assert_complete, critical_path, seconds, troubles};
use self::life::Life;
use self::people::Team;
use self::seen::{Seen, after_both, between_the_two, differences, look, roles};
use self::shop::REGIONS;
use self::world::World;
use crate::actions::seeds::ask;
use crate::harness::eventually;

/// Steps that this world has no need of.
const ELSEWHERE: [&str; 18] = [
    // This world has neither a ticket system nor anybody to call, no status page and no journal: walked in
    // tests/it/walk.rs.
    "call-on-call",
    "end-call",
    "file-ticket",
    "note-promotion",
    "publish-failover",
    "publish-outage",
    "publish-restored",
    "write-journal",
    // A promotion has not failed for certain: walked in tests/it/walk.rs.
    "detach-database",
    "detach-redis",
    // Redis has a copy.
    "rebuild-queues",
    // Each region has secrets of its own, and the application does not use the global endpoint.
    "promote-secret",
    "replace-global-endpoint",
    "replicate-secrets",
    // The public name is this test's own, which no name server knows: tests/it/actions/dns.rs asks those.
    "check-dns",
    "check-dns-return",
    // Offered where the region answers and the application is ill: in the living region, here.
    "restart-primary",
    // Asked where the fence is not proven: in the dead region, that is.
    "fence-verdict",
];

/// The steps of the primary region that end unreachable when it is dead.
const UNREACHABLE: [&str; 4] =
    ["freeze-argocd-primary", "fence-primary", "suspend-cronjobs", "cut-database-access"];

/// How much longer the way to restored may be when the primary region is dead, from the start and from GO.
const MOST: Span = Span::seconds(20);

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The steps that fell away.
fn fell_away(run: &Run) -> BTreeSet<String> {
    let fell = run.steps.iter().filter(|(_, at)| {
        matches!(at.state, StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded })
    });
    fell.map(|(id, _)| id.to_string()).collect()
}

/// Waits until the servers are as they should be: replicas come up, copies follow.
async fn become_so(world: &World, what: &str, expected: &Seen, regions: &[usize], says: &str) {
    let mut last = Vec::new();
    for _ in 0..100 {
        last = differences(expected, &look(world).await);
        let roles = roles(world, regions).await.to_string();
        if roles != says {
            last.push(format!("roles: expected {says} found {roles}"));
        }
        if last.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("{} {what}: {last:#?}", world.name);
}

/// There and back. How long the critical path was, from the start and from the GO.
async fn there_and_back(name: &'static str, dead: Option<Life>) -> [Span; 2] {
    let world = Box::pin(World::open(name)).await;
    let before = look(&world).await;
    let [writes, follows] = [r#"["primary","master"]"#, r#"["replica","slave"]"#];
    let at_home = format!(r#"{{"eu-west-1":{writes},"us-east-1":{follows}}}"#);
    become_so(&world, "before", &before, &[0, 1], &at_home).await;
    let mut team = Team::of(&world).await;
    match dead {
        Some(how) => world.kill(how).await,
        None => world.shop.is_ill.store(true, Ordering::Relaxed),
    }

    team.start().await;
    let run = team.walk(&world).await;
    let between = between_the_two(&before, &world, dead.is_none());
    let (regions, away): (&[usize], _) = match dead {
        None => (&[0, 1], format!(r#"{{"eu-west-1":{follows},"us-east-1":{writes}}}"#)),
        Some(_) => (&[1], format!(r#"{{"us-east-1":{writes}}}"#)),
    };
    become_so(&world, "between", &between, regions, &away).await;
    let record = team.record(&run.id).await;
    let (took, where_to) = critical_path(&record);
    let [all, since_go] = took.map(seconds);
    eprintln!("{name}: restored {all:.1} s after the start, {since_go:.1} s after GO: {where_to}");
    assert_complete(name, &world.book.all(), &record);

    match dead {
        Some(_) => world.revive().await,
        None => {
            world.shop.is_ill.store(false, Ordering::Relaxed);
            suspend_replication(&world).await;
        }
    }
    team.attach().await;
    let run = team.walk(&world).await;
    become_so(&world, "after", &after_both(&before, &between), &[0, 1], &at_home).await;
    let record = team.record(&run.id).await;
    assert_complete(name, &world.book.all(), &record);

    for region in [0, 1] {
        let paused = world.cloud.paused(region).await;
        assert_eq!(paused, [false, false], "{name}: the queues run again in {}", REGIONS[region]);
    }
    // Both canaries are in both databases: nothing was lost on the way back.
    let orders = format!("{0} {0}-return", run.id);
    for region in [0, 1] {
        eventually("the copy has them", 10, || async {
            (world.cloud.orders(region).await == orders).then_some(())
        })
        .await;
    }
    let (failed, unknown) = troubles(&record);
    let unreachable = if dead.is_some() { &UNREACHABLE[..] } else { &[] };
    assert_eq!((failed, unknown), (set(unreachable), set(&[])), "{name}");
    let mut elsewhere = set(&ELSEWHERE);
    elsewhere.remove(if dead.is_some() { "fence-verdict" } else { "restart-primary" });
    assert_eq!(fell_away(&run), elsewhere, "{name}");
    took
}

/// Somebody suspended the rule while the DR region served, as the failback allows for.
async fn suspend_replication(world: &World) {
    let (ministack, path) = (&world.ministack.direct, "/shop-images?replication");
    let rules = ask(ministack, "s3", "eu-west-1", Method::GET, path, String::new()).await;
    let suspended = rules.replacen("<Status>Enabled</Status>", "<Status>Disabled</Status>", 1);
    assert_ne!(rules, suspended);
    ask(ministack, "s3", "eu-west-1", Method::PUT, path, suspended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_and_its_failback_leave_all_as_it_was_and_a_dead_region_costs_seconds() {
    let all = [("alive", None), ("refused", Some(Life::Refused)), ("dark", Some(Life::Dark))];
    let took = join_all(all.map(|(name, dead)| there_and_back(name, dead))).await;
    for (dead, name) in took[1..].iter().zip(["refused", "dark"]) {
        for (since, (dead, alive)) in ["the start", "GO"].iter().zip(dead.iter().zip(took[0])) {
            let longer = dead.ms().saturating_sub(alive.ms());
            eprintln!("{name}: {longer} ms longer since {since} than with the region alive");
            assert!(longer <= MOST.ms(), "{name}: {longer} ms longer since {since}");
        }
    }
}
