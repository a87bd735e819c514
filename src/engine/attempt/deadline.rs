//! Until when a look may take, and a call may go out.

use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::engine::clock::Clock;
use crate::engine::patience::{Patience, span};
use crate::store::Claimed;

/// A limit by the wall clock, which goes on while a machine is suspended, and by one that no adjustment moves.
pub(super) struct Deadline {
    wall: Timestamp,
    steady: Duration,
}

impl Deadline {
    /// Until when the call of an effect may go out: counted from when its lease was taken, however long ago that is.
    pub(super) fn of_call(engine: &Engine, claimed: &Claimed) -> Self {
        let Patience { lease, call_by, .. } = engine.patience;
        let deadline = Self::new(&*engine.clock, call_by);
        let rest = engine.clock.stretched(span(lease.saturating_sub(call_by)));
        let wall = deadline.wall.min(claimed.until.minus(rest));
        Self { wall, ..deadline }
    }

    pub(super) fn new(clock: &dyn Clock, by: Duration) -> Self {
        let wall = clock.now().plus(clock.stretched(span(by)));
        Self { wall, steady: clock.steady() + by }
    }

    pub(super) fn is_over(&self, clock: &dyn Clock) -> bool {
        clock.now() >= self.wall || clock.steady() >= self.steady
    }
}
