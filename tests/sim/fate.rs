//! Everything a schedule is made of: chance (from the seed alone), time, and what is broken. No thread, no real clock.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::engine::clock::Clock;

/// When every schedule begins.
const START: i64 = 1_795_184_300_000;

/// Which faults a schedule has, per mille of the places where each could be; drawn from its seed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// The database does not answer, before or after it did what was asked.
    pub(crate) store: u64,
    /// A look at the world fails, takes too long, shows nothing.
    pub(crate) looks: u64,
    /// A call is refused, lost, applied late; its answer is lost, late, never comes.
    pub(crate) calls: u64,
    /// The channel does not take a message, or its answer is lost.
    pub(crate) channel: u64,
    /// An acknowledgement to a person is lost.
    pub(crate) acks: u64,
    /// A replica is killed.
    pub(crate) kills: u64,
    /// A replica is stopped for a while.
    pub(crate) pauses: u64,
    /// The world changes.
    pub(crate) changes: u64,
    /// The clock of a replica jumps, by minutes or an hour.
    pub(crate) jumps: u64,
}

/// The seed's word on everything.
#[derive(Debug)]
pub(crate) struct Fate {
    state: AtomicU64,
    steady: AtomicU64,
    /// When the future that was polled last wants to be polled again.
    pulse: AtomicU64,
    storm: AtomicBool,
    pub(crate) weather: Weather,
    broken: Mutex<Vec<String>>,
    trace: Option<Mutex<String>>,
}

impl Fate {
    pub(crate) fn new(seed: u64, traced: bool) -> Arc<Self> {
        let mut fate = Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).into(),
            steady: 0.into(),
            pulse: 0.into(),
            storm: true.into(),
            weather: Weather::default(),
            broken: Mutex::default(),
            trace: traced.then(Mutex::default),
        };
        let draw = |rates: &[u64]| fate.pick(rates);
        let weather = Weather {
            store: draw(&[0, 0, 10, 40]),
            looks: draw(&[0, 50, 150]),
            calls: draw(&[0, 200, 500]),
            channel: draw(&[0, 50, 150]),
            acks: draw(&[0, 100, 300]),
            kills: draw(&[0, 5, 15]),
            pauses: draw(&[0, 5, 15]),
            changes: draw(&[0, 10, 30]),
            jumps: draw(&[0, 0, 0, 10]),
        };
        fate.weather = weather;
        Arc::new(fate)
    }

    /// `SplitMix64`.
    fn next(&self) -> u64 {
        let state = self.state.load(Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.state.store(state, Relaxed);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(crate) fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a length")
    }

    pub(crate) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// Whether this fault happens here. None does once the storm is over.
    pub(crate) fn strikes(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.is_storm() && self.below(1000) < per_mille
    }

    pub(crate) fn is_storm(&self) -> bool {
        self.storm.load(Relaxed)
    }

    pub(crate) fn end_storm(&self) {
        self.storm.store(false, Relaxed);
    }

    /// Milliseconds since the beginning, by a clock that no adjustment moves.
    pub(crate) fn steady(&self) -> u64 {
        self.steady.load(Relaxed)
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.steady.fetch_add(ms, Relaxed);
    }

    /// Polls once and says when to poll again, if it is not ready.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce() -> Poll<T>) -> Result<T, u64> {
        self.pulse.store(u64::MAX, Relaxed);
        match poll() {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => Err(self.pulse.load(Relaxed)),
        }
    }

    /// A place where others may come first, or this may end.
    pub(crate) async fn step(&self) {
        let mut waited = false;
        poll_fn(|_| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            self.pulse.store(0, Relaxed);
            Poll::Pending
        })
        .await;
    }

    pub(crate) async fn sleep(&self, ms: u64) {
        let until = self.steady().saturating_add(ms);
        poll_fn(|_| {
            if self.steady() >= until {
                return Poll::Ready(());
            }
            self.pulse.fetch_min(until, Relaxed);
            Poll::Pending
        })
        .await;
    }

    /// A promise is broken.
    pub(crate) fn broke(&self, what: String) {
        self.say(|| format!("BROKEN: {what}"));
        self.broken.lock().unwrap().push(what);
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.broken.lock().unwrap().is_empty()
    }

    pub(crate) fn take_broken(&self) -> Vec<String> {
        std::mem::take(&mut self.broken.lock().unwrap())
    }

    /// A line of the trace, made only if there is one.
    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let at = self.steady();
            let (seconds, ms) = (at / 1000, at % 1000);
            writeln!(trace.lock().unwrap(), "{seconds:>6}.{ms:03}  {}", line())
                .expect("it is a string");
        }
    }

    pub(crate) fn trace(&self) -> String {
        self.trace.as_ref().map(|trace| trace.lock().unwrap().clone()).unwrap_or_default()
    }
}

/// The clock of one replica. It jumps forwards; set back, it is right again only in a process that is started anew.
#[derive(Debug)]
pub(crate) struct SimClock {
    fate: Arc<Fate>,
    ahead: AtomicI64,
}

impl SimClock {
    pub(crate) fn new(fate: &Arc<Fate>, ahead: i64) -> Self {
        Self { fate: Arc::clone(fate), ahead: ahead.into() }
    }

    pub(crate) fn jump(&self, ms: i64) {
        self.ahead.fetch_max(ms, Relaxed);
    }

    /// How far it is ahead of time.
    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(Relaxed)
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let steady = i64::try_from(self.fate.steady()).expect("a schedule is short");
        Timestamp(START + steady + self.ahead.load(Relaxed))
    }

    async fn sleep(&self, span: Span) {
        self.fate.sleep(span.ms()).await;
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.fate.steady())
    }

    async fn wait(&self, real: Duration) {
        self.fate.sleep(u64::try_from(real.as_millis()).unwrap_or(u64::MAX)).await;
    }
}
