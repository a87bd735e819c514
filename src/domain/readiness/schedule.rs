//! When the doctor makes its rounds by itself.

use crate::domain::time::{Span, Timestamp};

/// Shortest time between two rounds: each asks every outside system.
const SHORTEST: Span = Span::minutes(10);

/// When the doctor makes its rounds by itself, beside once at every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Never, not at a start either.
    Off,
    /// Every day at this minute, in the environment's time zone.
    Daily {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// So long after the last round.
    Every(Span),
}

/// The text says no such times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time for rounds: write `06:00`, `4h` (10m or more), or `off`")]
pub struct BadSchedule(String);

impl Schedule {
    /// Every morning before people come: what is red can be mended in daylight.
    pub const USUAL: Self = Self::Daily { hour: 6, minute: 0 };

    /// Reads `06:00`, `4h` or `off`.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, BadSchedule> {
        let bad = || BadSchedule(text.chars().take(40).collect());
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Some((hour, minute)) = text.split_once(':') {
            let number = |text: &str, below: u8| {
                let is_plain = text.len() == 2 && text.bytes().all(|c| c.is_ascii_digit());
                text.parse().ok().filter(|number| is_plain && *number < below)
            };
            let (hour, minute) = (number(hour, 24), number(minute, 60));
            return hour
                .zip(minute)
                .map(|(hour, minute)| Self::Daily { hour, minute })
                .ok_or_else(bad);
        }
        Span::parse(text).ok().filter(|span| *span >= SHORTEST).map(Self::Every).ok_or_else(bad)
    }

    /// What makes the round that is due at `at` superfluous: another that was begun since then.
    pub fn since(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Every(span) => at.minus(span),
            Self::Off | Self::Daily { .. } => at,
        }
    }

    /// The first round after `now`, in the named zone; an unknown zone is UTC. `None`: never.
    pub fn after(self, now: Timestamp, zone: &str) -> Option<Timestamp> {
        match self {
            Self::Off => None,
            Self::Every(span) => Some(now.plus(span)),
            Self::Daily { hour, minute } => now.next_at(hour, minute, zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_an_interval_or_off_and_nothing_else() {
        assert_eq!(Schedule::parse("06:00"), Ok(Schedule::USUAL));
        assert_eq!(Schedule::parse("4h"), Ok(Schedule::Every(Span::minutes(240))));
        assert_eq!(Schedule::parse("off"), Ok(Schedule::Off));
        for bad in ["", "6:00", "24:00", "06:60", "+6:00", "1m", "daily", "0 6 * * *"] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_next_rounds_are_at_the_same_hour_of_the_wall_clock() {
        // 2026-10-23T12:00:00Z; in Paris clocks go back on the 25th.
        let mut now = Timestamp(1_792_756_800_000);
        let mut rounds = Vec::new();
        for _ in 0..4 {
            now = Schedule::USUAL.after(now, "Europe/Paris").unwrap();
            rounds.push(now.rfc3339());
        }
        let expected = [
            "2026-10-24T04:00:00Z",
            "2026-10-25T05:00:00Z",
            "2026-10-26T05:00:00Z",
            "2026-10-27T05:00:00Z",
        ];
        assert_eq!(rounds, expected);
        let utc = Schedule::USUAL.after(now, "No/Where").unwrap();
        assert_eq!(utc.rfc3339(), "2026-10-27T06:00:00Z");
        assert_eq!(Schedule::Off.after(now, "UTC"), None);
        assert_eq!(
            Schedule::Every(Span::minutes(60)).after(now, "UTC").unwrap().since(now),
            Span::minutes(60)
        );
    }
}
