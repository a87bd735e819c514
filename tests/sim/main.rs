//! The simulation: the domain and the engine as they are, on a store, a world, a channel and clocks that a seed drives.
//!
//! A schedule is one seed: two replicas interleave at every place where they wait, are killed and stopped there, the
//! database, the channel and the world fail before or after they did what was asked, people act on old cards and repeat
//! what was not acknowledged. Then the storm ends, and the run must come to its end. `judge` says what must hold.
//!
//! - `DR_BUDDY_SIM_SEED=17` replays one schedule with its trace, with `DR_BUDDY_SIM_MISTAKE=OutboxAfter` one of a mistake.
//! - `DR_BUDDY_SIM_SCHEDULES=1000000` runs so many; `DR_BUDDY_SIM_FIRST=5000` from that seed on.
//! - `DR_BUDDY_SIM_TO_FIND=500` looks at so many schedules of each mistake, and counts those that show it.
#![cfg(test)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "who reads the record for one rule passes over everything else"
)]

mod actions;
mod alerts;
mod channel;
mod codes;
mod fate;
mod judge;
mod memory;
mod people;
mod reports;
mod scene;
mod schedule;
mod world;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use dr_buddy::engine::patience::Patience;
use dr_buddy::faults::{self, Mistake};

/// Schedules in a test run.
const SCHEDULES: u64 = 100_000;
/// Schedules in which a seeded mistake must show.
const TO_FIND: u64 = 5_000;
/// So many schedules that show it are enough.
const ENOUGH: usize = 3;

/// A mistake made on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seeded {
    /// The engine makes one.
    Engine(Mistake),
    /// What is owed is written after the transaction, not in it.
    OutboxAfter,
    /// People are told before it is recorded.
    AcknowledgeFirst,
    /// A button does what is shown now, not what it showed.
    IgnoreDigest,
    /// A lease ends before the call it is for.
    ShortLease,
    /// An effect is settled before its report is recorded.
    SettleFirst,
    /// "Nothing was started" is believed at once.
    NeverTooEarly,
    /// What was decided on a state that was never recorded is recorded, if as many events were.
    AnyHead,
}

impl Seeded {
    const ALL: [Self; 10] = [
        Self::Engine(Mistake::RunAgain),
        Self::Engine(Mistake::TokenFromAttempt),
        Self::Engine(Mistake::KeepApprovals),
        Self::OutboxAfter,
        Self::AcknowledgeFirst,
        Self::IgnoreDigest,
        Self::ShortLease,
        Self::SettleFirst,
        Self::NeverTooEarly,
        Self::AnyHead,
    ];

    fn patience(self) -> Patience {
        let patience = Patience::default();
        match self {
            Self::ShortLease => Patience { lease: Duration::from_secs(20), ..patience },
            Self::NeverTooEarly => Patience { never_after: Duration::ZERO, ..patience },
            _ => patience,
        }
    }
}

fn run(seed: u64, seeded: Option<Seeded>, traced: bool) -> schedule::Ended {
    faults::seed(match seeded {
        Some(Seeded::Engine(mistake)) => Some(mistake),
        Some(_) | None => None,
    });
    schedule::run(seed, seeded, traced)
}

#[expect(clippy::disallowed_methods, reason = "what is asked of a test is no setting")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn setting(name: &str) -> Option<u64> {
    asked(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// What the schedules of some seeds came to.
#[derive(Debug, Default)]
struct Sum {
    schedules: u64,
    events: usize,
    calls: usize,
    /// Seeds that broke something, and what.
    broken: Vec<(u64, Vec<String>)>,
}

/// Runs the schedules of these seeds on all cores.
fn run_all(first: u64, count: u64, seeded: Option<Seeded>, stop_after: usize) -> Sum {
    let (next, sum) = (AtomicU64::new(first), Mutex::new(Sum::default()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, SeqCst);
                    if seed >= first + count || sum.lock().unwrap().broken.len() >= stop_after {
                        return;
                    }
                    let ended = run(seed, seeded, false);
                    let mut sum = sum.lock().unwrap();
                    sum.schedules += 1;
                    sum.events += ended.events;
                    sum.calls += ended.calls;
                    if !ended.broken.is_empty() {
                        sum.broken.push((seed, ended.broken));
                    }
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap();
    sum.broken.sort();
    sum
}

fn replay(seed: u64) {
    let mistake = asked("DR_BUDDY_SIM_MISTAKE");
    let seeded = mistake.map(|name| {
        let called = |seeded: &&Seeded| format!("{seeded:?}").contains(&name);
        *Seeded::ALL.iter().find(called).unwrap_or_else(|| panic!("no mistake `{name}`"))
    });
    let ended = run(seed, seeded, true);
    println!("{}", ended.trace);
    assert!(ended.broken.is_empty(), "seed {seed}: {:#?}", ended.broken);
}

/// Says what was counted, here and at the end of `tests/run`.
fn say(name: &str, what: &str) {
    eprintln!("{what}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is below `target`");
    let folder = target.join("tests/counts");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(format!("{name}.txt")), format!("{what}\n")).expect("it can be written");
}

#[test]
fn nothing_is_lost_and_nothing_happens_twice() {
    if let Some(seed) = setting("DR_BUDDY_SIM_SEED") {
        return replay(seed);
    }
    let first = setting("DR_BUDDY_SIM_FIRST").unwrap_or(1);
    let count = setting("DR_BUDDY_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let sum = run_all(first, count, None, 10);
    let Sum { schedules, events, calls, broken } = sum;
    let text = format!(
        "simulation: {schedules} schedules from seed {first}, {events} events, {calls} calls, {} broken",
        broken.len()
    );
    say("sim", &text);
    let report: Vec<_> =
        broken.iter().map(|(seed, what)| format!("DR_BUDDY_SIM_SEED={seed}: {what:?}")).collect();
    assert!(broken.is_empty(), "\n{}", report.join("\n"));
    assert!(calls > usize::try_from(schedules / 2).unwrap(), "too few get anywhere");
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 1..40 {
        assert_eq!(run(seed, None, true).trace, run(seed, None, true).trace, "seed {seed}");
    }
}

/// Seeds a mistake: some schedules must show it, or the simulation would not show a real one either.
#[track_caller]
fn is_found(seeded: Seeded) {
    let count = setting("DR_BUDDY_SIM_TO_FIND").unwrap_or(TO_FIND);
    // What is broken without the mistake is none of its doing.
    let is_sound = |seed: u64| run(seed, None, false).broken.is_empty();
    let enough = if setting("DR_BUDDY_SIM_TO_FIND").is_some() { usize::MAX } else { ENOUGH };
    let Sum { schedules, broken, .. } = run_all(1, count, Some(seeded), enough);
    let broken: Vec<_> = broken.into_iter().filter(|(seed, _)| is_sound(*seed)).collect();
    let (first, what) = broken.first().unwrap_or_else(|| panic!("{seeded:?} is not found"));
    let found = broken.len();
    let text = format!(
        "simulation with the mistake {seeded:?}: {found} of {schedules} schedules broken, the first at seed {first}"
    );
    say(&format!("sim-{seeded:?}"), &text);
    eprintln!("{what:?}");
}

#[test]
fn running_again_instead_of_probing_is_found() {
    is_found(Seeded::Engine(Mistake::RunAgain));
}

#[test]
fn an_outbox_written_after_the_transaction_is_found() {
    is_found(Seeded::OutboxAfter);
}

#[test]
fn acknowledging_before_the_commit_is_found() {
    is_found(Seeded::AcknowledgeFirst);
}

#[test]
fn ignoring_the_digest_is_found() {
    is_found(Seeded::IgnoreDigest);
}

#[test]
fn a_token_from_the_attempt_is_found() {
    is_found(Seeded::Engine(Mistake::TokenFromAttempt));
}

#[test]
fn a_lease_shorter_than_the_call_is_found() {
    is_found(Seeded::ShortLease);
}

#[test]
fn approvals_that_outlive_the_world_they_were_given_for_are_found() {
    is_found(Seeded::Engine(Mistake::KeepApprovals));
}

#[test]
fn settling_before_the_report_is_found() {
    is_found(Seeded::SettleFirst);
}

#[test]
fn believing_too_early_that_nothing_was_started_is_found() {
    is_found(Seeded::NeverTooEarly);
}

#[test]
fn building_on_what_was_never_recorded_is_found() {
    is_found(Seeded::AnyHead);
}
