//! What tests ask of the real binary and nobody else may: to die at a named place, a faster clock, less patience.
//!
//! Without the feature `faults`, that is in every build but the tests', all of it is nothing. With it, the environment
//! says what to do:
//! - `DR_BUDDY_FAULTS_LOG`: a file to which each place passed is added, a line each.
//! - `DR_BUDDY_FAULTS_DIE_AT`: the number of the place, counted from 1, at which the process kills itself (SIGKILL).
//! - `DR_BUDDY_FAULTS_SPEED`: how fast the clock goes.
//! - `DR_BUDDY_FAULTS_PATIENCE`: `lease,call_by,call,look,never_after` in milliseconds.

use crate::engine::patience::Patience;

/// A mistake the engine could make. The simulation in `tests/sim` makes each on purpose, to see that it would be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// An attempt found open is run again, not probed.
    RunAgain,
    /// The idempotency token is made from the attempt, not from what was approved.
    TokenFromAttempt,
    /// The world is not measured again before the call.
    KeepApprovals,
}

/// Whether this mistake is to be made.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn makes(_mistake: Mistake) -> bool {
    false
}

/// A place at which a process may die: before and after everything that lasts.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn place(_name: &str) {}

/// How fast the clock goes, if not as time does.
#[cfg(not(feature = "faults"))]
pub fn speed() -> Option<u32> {
    None
}

/// The limits of the engine.
#[cfg(not(feature = "faults"))]
pub fn patience() -> Patience {
    Patience::default()
}

#[cfg(feature = "faults")]
pub use on::{makes, patience, place, seed, speed};

#[cfg(feature = "faults")]
#[expect(
    clippy::disallowed_methods,
    reason = "what tests ask for is no setting: `config` does not know of it"
)]
mod on {
    use std::cell::Cell;
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::{Mistake, Patience};

    thread_local! {
        static SEEDED: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// Has this mistake made from now on, in this thread.
    pub fn seed(mistake: Option<Mistake>) {
        SEEDED.set(mistake);
    }

    /// Whether this mistake is to be made.
    pub fn makes(mistake: Mistake) -> bool {
        SEEDED.get() == Some(mistake)
    }

    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// A place at which a process may die: before and after everything that lasts.
    pub fn place(name: &str) {
        let log = std::env::var_os("DR_BUDDY_FAULTS_LOG");
        let die_at = number("DR_BUDDY_FAULTS_DIE_AT");
        if log.is_none() && die_at.is_none() {
            return;
        }
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(path) = log
            && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path)
        {
            // One write, so that lines of several threads do not mix.
            drop(file.write_all(format!("{number} {name}\n").as_bytes()));
        }
        if die_at == Some(number) {
            die();
        }
    }

    /// As SIGKILL does it: nothing is run on the way out.
    fn die() -> ! {
        let id = std::process::id().to_string();
        let kill = Command::new("kill").args(["-KILL", &id]).stdin(Stdio::null()).status();
        drop(kill);
        loop {
            std::thread::park();
        }
    }

    /// How fast the clock goes, if not as time does.
    pub fn speed() -> Option<u32> {
        number("DR_BUDDY_FAULTS_SPEED").and_then(|speed| u32::try_from(speed).ok())
    }

    /// The limits of the engine.
    pub fn patience() -> Patience {
        let text = std::env::var("DR_BUDDY_FAULTS_PATIENCE").unwrap_or_default();
        let ms: Vec<Duration> =
            text.split(',').filter_map(|ms| ms.parse().ok().map(Duration::from_millis)).collect();
        match *ms {
            [lease, call_by, call, look, never_after] => {
                Patience { lease, call_by, call, look, never_after }
            }
            _ => Patience::default(),
        }
    }

    fn number(variable: &str) -> Option<u64> {
        std::env::var(variable).ok()?.parse().ok()
    }
}
