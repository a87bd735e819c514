//! Mistakes the engine could make. The simulation in `tests/sim` makes each on purpose, to see that it would be found.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// An attempt found open is run again, not probed.
    RunAgain,
    /// The idempotency token is made from the attempt, not from what was approved.
    TokenFromAttempt,
    /// The world is not measured again before the call.
    KeepApprovals,
}

#[cfg(feature = "faults")]
thread_local! {
    static SEEDED: std::cell::Cell<Option<Mistake>> = const { std::cell::Cell::new(None) };
}

/// Has this mistake made from now on, in this thread.
#[cfg(feature = "faults")]
pub fn seed(mistake: Option<Mistake>) {
    SEEDED.set(mistake);
}

/// Whether this mistake is to be made.
#[cfg(feature = "faults")]
pub fn makes(mistake: Mistake) -> bool {
    SEEDED.get() == Some(mistake)
}

/// Whether this mistake is to be made: never.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn makes(_mistake: Mistake) -> bool {
    false
}
