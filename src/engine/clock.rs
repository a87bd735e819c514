//! What time it is. The only reader of the system clock; the demo's runs faster.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::time::{Span, Timestamp};

/// A clock one can wait on.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits so long on this clock.
    async fn sleep(&self, span: Span);

    /// How much this clock goes on while `span` of real time passes: for limits that guard real work.
    fn stretched(&self, span: Span) -> Span {
        span
    }

    /// A time that no adjustment of the clock moves, since some moment of this process: for limits of real work.
    fn steady(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    /// Waits so long in real time, however fast this clock goes.
    async fn wait(&self, real: Duration) {
        tokio::time::sleep(real).await;
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the clock the others are told to use")]
fn system_now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_now()
    }

    async fn sleep(&self, span: Span) {
        tokio::time::sleep(Duration::from_millis(span.ms())).await;
    }
}

/// A clock that can be sped up: for the demo and for tabletops that nobody has an hour for.
#[derive(Debug)]
pub struct FastClock {
    /// The system's time when the speed was last changed, and what this clock said then.
    base: AtomicI64,
    shown: AtomicI64,
    speed: AtomicU32,
}

impl FastClock {
    /// A clock that starts at the system's time and goes `speed` times as fast.
    pub fn new(speed: u32) -> Self {
        let now = system_now().0;
        Self { base: now.into(), shown: now.into(), speed: speed.max(1).into() }
    }

    /// How fast it goes.
    pub fn speed(&self) -> u32 {
        self.speed.load(Ordering::SeqCst)
    }

    /// Changes how fast it goes, from now on.
    pub fn set_speed(&self, speed: u32) {
        let shown = self.now().0;
        self.base.store(system_now().0, Ordering::SeqCst);
        self.shown.store(shown, Ordering::SeqCst);
        self.speed.store(speed.max(1), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let passed = system_now().0 - self.base.load(Ordering::SeqCst);
        let passed = passed.saturating_mul(i64::from(self.speed()));
        Timestamp(self.shown.load(Ordering::SeqCst).saturating_add(passed))
    }

    fn stretched(&self, span: Span) -> Span {
        Span(span.ms().saturating_mul(u64::from(self.speed())))
    }

    async fn sleep(&self, span: Span) {
        let until = self.now().plus(span);
        // In short steps, so that a change of speed is felt at once.
        while self.now() < until {
            let left = until.since(self.now()).ms() / u64::from(self.speed());
            tokio::time::sleep(Duration::from_millis(left.clamp(1, 100))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fast_clock_passes_a_minute_in_a_moment_and_never_goes_back() {
        let clock = FastClock::new(600);
        let before = clock.now();
        clock.sleep(Span::minutes(1)).await;
        assert!(clock.now().since(before) >= Span::minutes(1));
        let fast = clock.now();
        clock.set_speed(1);
        assert!(clock.now() >= fast);
        assert!(clock.now().since(fast) < Span::seconds(30));
    }
}
