//! Killed everywhere: at every place before and after everything that lasts or goes out, in a whole failover.
//!
//! Each process dies at the first place at which none has died before, after passing a few; a new one is started and
//! carries on. A run ends well, the next begins in a new world, until a whole run finds next to no place where nobody has
//! died: what is left then depends on who is faster, such as a click that meets a tick. The places that every failover
//! passes are listed, and none of them may be missing: where chance has left one out, the runs go on until it is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::team::Team;
use super::verdict::{assert_called_once, assert_whole};
use super::world::{Database, World};
use super::{Dice, count};

/// Deaths in one run; then it may come to its end undisturbed.
const DEATHS: usize = 100;
/// A run that is not over after this long never ends.
const LONG: Duration = Duration::from_secs(420);
/// So few deaths in a whole run: there is nothing left but what chance brings.
const FEW: usize = 2;
/// A listed place that nobody has found after so many runs is not there.
const RUNS: usize = 25;

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    deaths: usize,
    doubts: usize,
    orphans: usize,
}

fn deaths(folder: &Path) -> usize {
    fs::read_dir(folder).expect("it is there").count()
}

/// One failover from the start to the end; what became of it, and how often the product died.
///
/// At first a few places are passed, so that deaths are apart; later none, so that none is left out.
async fn failover(database: &Database, dead: &Path, dice: &mut Dice, passes: bool) -> Tally {
    let world = World::open(database).await;
    let mut team = Team::of(&world);
    let mut tally = Tally { runs: 1, ..Tally::default() };
    let begun = Instant::now();
    let faults = |dice: &mut Dice, deaths: usize| match deaths {
        DEATHS.. => vec![],
        _ => vec![
            ("DR_BUDDY_FAULTS_ONCE_IN", dead.display().to_string()),
            ("DR_BUDDY_FAULTS_DIE_AFTER", if passes { dice.roll(8) } else { 0 }.to_string()),
        ],
    };
    let mut server = world.start(&faults(dice, 0)).await;
    loop {
        if server.child.has_ended() {
            tally.deaths += 1;
            server = world.start(&faults(dice, tally.deaths)).await;
        } else if team.round(&server).await {
            break;
        }
        assert!(begun.elapsed() < LONG, "{}", team.stuck().await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let verdict = assert_whole(&world, &team.noted).await;
    assert_called_once(&world);
    assert!(verdict.orphans <= tally.deaths, "{verdict:?} {tally:?}");
    tally.orphans = verdict.orphans;
    tally.doubts = verdict.doubts;
    assert!(!server.child.said().contains("panicked"), "{}", server.child.tail());
    tally
}

/// Runs until one of them, here or beside, ends with next to no death.
async fn until_nobody_dies(
    database: &Database,
    dead: &Path,
    seed: u64,
    is_over: &AtomicBool,
) -> Tally {
    let mut dice = Dice(seed);
    let mut sum = Tally::default();
    loop {
        let passes = sum.runs == 0;
        let Tally { runs, deaths, doubts, orphans } =
            failover(database, dead, &mut dice, passes).await;
        sum.runs += runs;
        sum.deaths += deaths;
        sum.doubts += doubts;
        sum.orphans += orphans;
        let missing = missing(dead);
        println!(
            "run {} of {seed}: {deaths} deaths, {} listed places left",
            sum.runs,
            missing.len()
        );
        let is_whole = missing.is_empty() || sum.runs >= RUNS;
        if !passes && deaths <= FEW && is_whole {
            is_over.store(true, Ordering::SeqCst);
        }
        if is_over.load(Ordering::SeqCst) {
            return sum;
        }
    }
}

/// Places that no failover leaves out, by the names of their files.
fn expected() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut both =
        |place: String| all.extend([format!("before {place}"), format!("after {place}")]);
    let asked = ["assess-public", "assess-primary", "assess-dr", "prove-write", "verify-public"];
    for step in super::outside::CALLS.iter().map(|(step, _, _)| *step).chain(asked) {
        both(format!("the look for a preview of {step}"));
        both(format!("commit of attempt_started {step}"));
        both(format!("the call of {step}"));
        both(format!("commit of call_accepted {step}"));
        both(format!("the probe of {step}"));
    }
    for one in ["ai-worker", "billing-worker", "shop-api"] {
        both(format!("the scaling of deployment|{one}"));
    }
    both("the restart of deployment|shop-api".to_owned());
    for step in ["freeze-controllers", "decide-go", "decide-traffic", "stand-down"] {
        both(format!("settling of show step|{step}"));
        both(format!("remembering of step|{step}"));
    }
    both("commit of run_closed".to_owned());
    both("release of leases".to_owned());
    all
}

fn missing(dead: &Path) -> Vec<String> {
    expected().into_iter().filter(|place| !dead.join(place).exists()).collect()
}

/// That many failovers at the same time.
async fn everywhere(database: Database, name: &str, at_once: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dead = folder.path();
    let begun = Instant::now();
    let is_over = AtomicBool::new(false);
    let runs = (1..=at_once).map(|seed| until_nobody_dies(&database, dead, seed, &is_over));
    let all = futures_util::future::join_all(runs).await;
    let sum = |of: fn(&Tally) -> usize| all.iter().map(of).sum::<usize>();
    let places = deaths(dead);
    // Who dies after its run was over leaves a place and is not counted.
    let deaths = sum(|one| one.deaths);
    assert!(deaths <= places && places - deaths <= sum(|one| one.runs), "{deaths} at {places}");
    let mut kinds = BTreeMap::<String, usize>::new();
    for entry in fs::read_dir(dead).expect("it is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind: Vec<&str> = name.split(' ').take(2).collect();
        *kinds.entry(kind.join(" ")).or_default() += 1;
    }
    let missing = missing(dead);
    assert!(missing.is_empty(), "nobody died {missing:#?} among {kinds:#?}");
    let text = format!(
        "crash points on {name}: {places}, in {} failovers ({} doubts, {} messages posted again), {} s",
        sum(|one| one.runs),
        sum(|one| one.doubts),
        sum(|one| one.orphans),
        begun.elapsed().as_secs()
    );
    println!("{kinds:#?}");
    count(&format!("crash-{name}"), &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_place_on_sqlite() {
    everywhere(Database::Sqlite, "SQLite", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_place_on_postgresql() {
    // Most of the time is spent waiting for the leases of the dead.
    everywhere(Database::Postgres, "PostgreSQL", 8).await;
}
