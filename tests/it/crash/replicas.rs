//! Two replicas on one PostgreSQL. One is stopped in an attempt (SIGSTOP) until its lease is over and the other has
//! brought the step to its end; then it goes on. At every call of a failover that changes something.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dr_buddy::domain::run::StepState;
use tokio::time::Instant;

use super::count;
use super::outside::CALLS;
use super::team::Team;
use super::verdict::{Verdict, assert_called_once, assert_whole};
use super::world::{Database, Server, World};
use crate::harness::eventually;

/// A replica that is stopped, and in which step.
struct Stopped {
    place: String,
    step: String,
    pid: u32,
}

/// Who stopped since the last look.
fn stopped(folder: &Path, known: &[String]) -> Option<Stopped> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let mut new = entries.filter_map(|entry| {
        let place = entry.file_name().to_string_lossy().into_owned();
        let pid = fs::read_to_string(entry.path()).ok()?.parse().ok()?;
        let step = place.rsplit(' ').next()?.to_owned();
        (!known.contains(&place)).then_some(Stopped { place, step, pid })
    });
    new.next()
}

fn go_on(pid: u32) {
    let sent = Command::new("kill").args(["-CONT", &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

async fn is_done(world: &World, step: &str) -> bool {
    let run = world.run().await.expect("there is one");
    run.steps
        .iter()
        .any(|(id, at)| id.as_str() == step && matches!(at.state, StepState::Done { .. }))
}

/// A failover by two replicas; whoever comes to this place of a call first is stopped there.
async fn failover(place: &str) -> (World, Verdict, usize) {
    let world = World::open(&Database::Postgres).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at: Vec<String> = CALLS.iter().map(|(step, _, _)| format!("{place} {step}")).collect();
    let faults = [
        ("DR_BUDDY_FAULTS_ONCE_IN", folder.path().display().to_string()),
        ("DR_BUDDY_FAULTS_STOP_AT", at.join(";")),
    ];
    let mut servers = [world.start(&faults).await, world.start(&faults).await];
    let mut team = Team::of(&world);
    let mut known: Vec<String> = Vec::new();
    let mut asleep: Option<Stopped> = None;
    let begun = Instant::now();
    for round in 0.. {
        servers.iter_mut().for_each(|server| server.child.must_live());
        if asleep.is_none() {
            asleep = stopped(folder.path(), &known);
        }
        if let Some(one) = &asleep
            && is_done(&world, &one.step).await
        {
            let calls = returned(&servers, one.pid);
            go_on(one.pid);
            eventually("it finds out that it is too late", 20, || async {
                (returned(&servers, one.pid) > calls).then_some(())
            })
            .await;
            known.push(one.place.clone());
            asleep = None;
        }
        let awake = match &asleep {
            Some(one) => servers.iter().position(|server| server.child.id() != one.pid),
            None => Some(round % 2),
        };
        let server = &servers[awake.expect("one is awake")];
        if team.round(server).await && asleep.is_none() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{place}: {}", team.stuck().await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let verdict = assert_whole(&world, &team.noted).await;
    (world, verdict, known.len())
}

/// How many calls a replica says have returned, or were not made for it was too late.
fn returned(servers: &[Server], pid: u32) -> usize {
    let server = servers.iter().find(|server| server.child.id() == pid).expect("it is one of them");
    server.child.said().matches("Call returned").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_stopped_before_or_after_its_call_sends_nothing_more() {
    let mut stops = 0;
    for place in ["after commit of attempt_started", "after the call of"] {
        let (world, verdict, stopped) = failover(place).await;
        assert_called_once(&world);
        assert_eq!(stopped, CALLS.len(), "{place}: {verdict:?}");
        assert!(verdict.doubts >= CALLS.len(), "the other took over: {verdict:?}");
        stops += stopped;
    }
    count(
        "replicas",
        &format!(
            "replicas stopped in an attempt past their lease: {stops}, one effect each, nothing sent afterwards"
        ),
    );
}
