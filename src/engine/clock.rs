//! What time it is. The only reader of the system clock; the demo's runs faster.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::warn;

use super::patience::span;
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

    /// Goes on from `latest` if it is behind that: time that has been seen does not come again.
    fn not_before(&self, _latest: Timestamp) {}
}

/// The system's clock, but for one thing: it never goes back while the process lives. If the system's is set back, it
/// goes on from where it was at the true rate, by the clock that nobody can set. Leases, due times and approvals mean
/// what they meant before, and no wait lasts longer by it. Set forwards, or back from a suspend, it follows at once.
#[derive(Debug)]
pub struct SystemClock {
    system: fn() -> Timestamp,
    last: Mutex<Anchor>,
}

/// What the clock showed, and when that was.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    shown: Timestamp,
    at: Instant,
    has_warned: bool,
}

#[expect(clippy::disallowed_methods, reason = "this is the clock the others are told to use")]
fn system_now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::of(system_now)
    }
}

impl SystemClock {
    fn of(system: fn() -> Timestamp) -> Self {
        let last = Anchor { shown: system(), at: Instant::now(), has_warned: false };
        Self { system, last: Mutex::new(last) }
    }

    fn last(&self) -> MutexGuard<'_, Anchor> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Set back by more, it is worth a word.
const SET_BACK: Span = Span::seconds(1);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut last = self.last();
        let (system, at) = ((self.system)(), Instant::now());
        let steady = last.shown.plus(span(at.duration_since(last.at)));
        if system >= steady {
            *last = Anchor { shown: system, at, has_warned: false };
            return system;
        }
        let behind = steady.since(system);
        if behind > SET_BACK && !last.has_warned {
            last.has_warned = true;
            warn!("The system's clock is {behind} behind; time goes on from {steady}");
        }
        steady
    }

    async fn sleep(&self, span: Span) {
        tokio::time::sleep(Duration::from_millis(span.ms())).await;
    }

    fn not_before(&self, latest: Timestamp) {
        let now = self.now();
        if latest > now {
            *self.last() = Anchor { shown: latest, at: Instant::now(), has_warned: true };
        }
    }
}

/// A clock that can be sped up: for the demo and for tabletops that nobody has an hour for.
#[derive(Debug)]
pub struct FastClock {
    system: SystemClock,
    /// The system's time when the speed was last changed, and what this clock said then.
    base: AtomicI64,
    shown: AtomicI64,
    speed: AtomicU32,
}

impl FastClock {
    /// A clock that starts at the system's time and goes `speed` times as fast.
    pub fn new(speed: u32) -> Self {
        let system = SystemClock::default();
        let now = system.now().0;
        Self { system, base: now.into(), shown: now.into(), speed: speed.max(1).into() }
    }

    /// A clock that is `speed` times as fast and shows the system's time at `instant`: the same for every process.
    pub fn right_at(speed: u32, instant: Timestamp) -> Self {
        let (base, shown, speed) = (instant.0.into(), instant.0.into(), speed.max(1).into());
        Self { system: SystemClock::default(), base, shown, speed }
    }

    /// How fast it goes.
    pub fn speed(&self) -> u32 {
        self.speed.load(Ordering::SeqCst)
    }

    /// Changes how fast it goes, from now on.
    pub fn set_speed(&self, speed: u32) {
        let shown = self.now().0;
        self.base.store(self.system.now().0, Ordering::SeqCst);
        self.shown.store(shown, Ordering::SeqCst);
        self.speed.store(speed.max(1), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let passed = self.system.now().0 - self.base.load(Ordering::SeqCst);
        let passed = passed.saturating_mul(i64::from(self.speed()));
        Timestamp(self.shown.load(Ordering::SeqCst).saturating_add(passed))
    }

    fn stretched(&self, span: Span) -> Span {
        Span(span.ms().saturating_mul(u64::from(self.speed())))
    }

    fn not_before(&self, latest: Timestamp) {
        let behind = latest.since(self.now()).ms();
        self.shown.fetch_add(i64::try_from(behind).unwrap_or(0), Ordering::SeqCst);
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

    #[test]
    fn a_clock_that_is_set_back_goes_on_and_one_that_is_set_forwards_is_followed() {
        static SYSTEM: AtomicI64 = AtomicI64::new(1_000_000_000);
        let clock = SystemClock::of(|| Timestamp(SYSTEM.load(Ordering::SeqCst)));
        SYSTEM.fetch_add(3 * 86_400_000, Ordering::SeqCst);
        let forwards = clock.now();
        assert_eq!(forwards.0, 1_000_000_000 + 3 * 86_400_000);
        SYSTEM.fetch_sub(86_400_000, Ordering::SeqCst);
        let before = Instant::now();
        while clock.now() < forwards.plus(Span(20)) {
            assert!(before.elapsed() < Duration::from_secs(20), "time stands still");
            std::thread::yield_now();
        }
        assert!(before.elapsed() >= Duration::from_millis(19), "time runs away");
        // Once the system's clock has caught up, it counts again.
        SYSTEM.fetch_add(2 * 86_400_000, Ordering::SeqCst);
        assert_eq!(clock.now().0, 1_000_000_000 + 4 * 86_400_000);
        clock.not_before(Timestamp(5));
        assert_eq!(clock.now().0, 1_000_000_000 + 4 * 86_400_000);
        let latest = clock.now().plus(Span::minutes(60));
        clock.not_before(latest);
        assert!(clock.now() >= latest && clock.now() < latest.plus(Span::minutes(1)));
    }

    #[test]
    fn the_system_says_what_time_it_is() {
        let clock = SystemClock::default();
        let (now, built) = (clock.now(), Timestamp(1_760_000_000_000));
        assert!(now > built && clock.now().since(now) < Span::minutes(10));
    }

    #[tokio::test]
    async fn a_fast_clock_passes_a_minute_in_a_moment_and_never_goes_back() {
        let clock = FastClock::new(600);
        assert_eq!((clock.speed(), clock.stretched(Span::seconds(1))), (600, Span::minutes(10)));
        let before = clock.now();
        clock.sleep(Span::minutes(1)).await;
        assert!(clock.now().since(before) >= Span::minutes(1));
        // A second of it is two milliseconds of ours, and not a tenth of a second, which would be a minute of it.
        let mut shortest = Duration::MAX;
        for _ in 0..10 {
            let before = Instant::now();
            clock.sleep(Span::seconds(1)).await;
            shortest = shortest.min(before.elapsed());
        }
        assert!(shortest < Duration::from_millis(90), "{shortest:?}");
        let fast = clock.now();
        clock.set_speed(1);
        assert!(clock.now() >= fast);
        assert!(clock.now().since(fast) < Span::seconds(30));
    }
}
