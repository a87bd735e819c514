//! How often a system is asked, all of this process's questions together.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::domain::connector::Rate;

/// Longest a question waits for its turn.
const LONGEST: Duration = Duration::from_secs(5);

/// The questions of the last while.
#[derive(Debug)]
pub(super) struct Gauge {
    rate: Option<Rate>,
    asked: Mutex<VecDeque<Instant>>,
}

impl Gauge {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { rate, asked: Mutex::default() }
    }

    /// Waits for a turn; false if that would take too long.
    pub(super) async fn turn(&self) -> bool {
        let Some(Rate { calls, per }) = self.rate else { return true };
        let (calls, per) = (usize::try_from(calls).unwrap_or(1), Duration::from_millis(per.ms()));
        let wait = {
            let mut asked = self.asked.lock().await;
            let now = Instant::now();
            while asked.front().is_some_and(|first| *first + per <= now) {
                asked.pop_front();
            }
            let first = asked.len().checked_sub(calls).and_then(|at| asked.get(at));
            let at = first.map_or(now, |first| *first + per);
            let wait = at.saturating_duration_since(now);
            if wait > LONGEST {
                return false;
            }
            asked.push_back(at);
            wait
        };
        if !wait.is_zero() {
            sleep(wait).await;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;

    #[tokio::test]
    async fn who_asks_too_often_waits_and_who_would_wait_too_long_is_told() {
        let often = Gauge::new(Some(Rate { calls: 2, per: Span(200) }));
        let begin = Instant::now();
        for _ in 0..5 {
            assert!(often.turn().await);
        }
        assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
        let seldom = Gauge::new(Some(Rate { calls: 1, per: Span::minutes(1) }));
        assert!(seldom.turn().await && !seldom.turn().await);
        assert!(Gauge::new(None).turn().await);
    }
}
