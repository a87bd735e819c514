//! How long to wait before something that failed is tried again. Chance is an argument, as time is elsewhere.

use super::time::Span;

/// Waits that double, up to a longest one.
#[derive(Debug, Clone, Copy)]
pub struct BackOff {
    first: Span,
    longest: Span,
    failed: u32,
}

impl BackOff {
    /// From the first wait to the longest.
    pub fn new(first: Span, longest: Span) -> Self {
        Self { first, longest, failed: 0 }
    }

    /// The wait after one more failure.
    pub fn failed(&mut self) -> Span {
        let wait = self.first.ms().saturating_mul(1 << self.failed.min(16));
        self.failed = self.failed.saturating_add(1);
        self.longest.min(Span(wait))
    }

    /// It worked: the next failure is the first one.
    pub fn worked(&mut self) {
        self.failed = 0;
    }
}

/// Between half of it and all of it, so that many processes that failed at the same moment do not come back in one.
pub fn scattered(wait: Span, random: u128) -> Span {
    let part = u64::try_from(random % 1024).unwrap_or_default();
    let half = wait.ms() / 2;
    Span(half + half.saturating_mul(part) / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_failing_waits_ever_longer_and_what_worked_starts_anew() {
        let mut back_off = BackOff::new(Span::seconds(1), Span::seconds(60));
        let waits: Vec<u64> = (0..9).map(|_| back_off.failed().ms() / 1000).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        (0..100).for_each(|_| assert_eq!(back_off.failed(), Span::seconds(60)));
        back_off.worked();
        assert_eq!(back_off.failed(), Span::seconds(1));
    }

    #[test]
    fn those_who_wait_as_long_do_not_come_at_once() {
        let wait = Span::seconds(4);
        let waits: Vec<_> = (0..1024).map(|random| scattered(wait, random)).collect();
        assert_eq!(waits[0], Span::seconds(2));
        assert!(waits.is_sorted() && waits[1023] <= wait && waits[1023] > Span(3_900));
        assert!(waits.iter().zip(&waits[1..]).all(|(one, other)| one != other));
    }
}
