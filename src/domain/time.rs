//! Instants and lengths of time: whole milliseconds, UTC. Nothing here reads a clock.

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant and `span` more.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// This instant less `span`.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads a time as others write it, `2026-12-01T00:00:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default()
    }

    /// `2026-11-20T14:18:20Z`, whole seconds.
    pub fn rfc3339(self) -> String {
        self.jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `2026-11-20`, in UTC.
    pub fn date(self) -> String {
        self.jiff().strftime("%Y-%m-%d").to_string()
    }

    /// The year and the month, in UTC.
    pub fn month(self) -> (i16, i8) {
        let day = self.jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
        (day.year(), day.month())
    }

    /// When a month begins, in UTC; `None` if there is no such month.
    pub fn of_month(year: i16, month: i8) -> Option<Self> {
        let day = jiff::civil::Date::new(year, month, 1).ok()?;
        let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(at.timestamp().as_millisecond()))
    }

    /// `14:18:20`, in UTC. Say the zone beside it.
    pub fn time_of_day(self) -> String {
        self.jiff().strftime("%H:%M:%S").to_string()
    }

    /// `14:18:20 UTC (15:18 Paris)`, with the named zone's time.
    pub fn clock_in(self, zone: &str) -> String {
        let utc = self.time_of_day();
        match self.minute_in(zone) {
            Some(local) if zone != "UTC" => format!("{utc} UTC ({local} {})", city(zone)),
            Some(_) | None => format!("{utc} UTC"),
        }
    }

    /// The next time that clocks in the named zone show this; an unknown zone is UTC. `None` at the end of time.
    pub fn next_at(self, hour: u8, minute: u8, zone: &str) -> Option<Self> {
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = self.jiff().to_zoned(zone);
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        let day = |day: jiff::civil::Date| {
            let at = day.at(hour, minute, 0, 0).to_zoned(now.time_zone().clone()).ok()?;
            Some(Self(at.timestamp().as_millisecond()))
        };
        let today = day(now.date())?;
        if today > self { Some(today) } else { day(now.date().tomorrow().ok()?) }
    }

    /// `15:18` in the named zone (an IANA name such as `Europe/Paris`), or `None` if there is no such zone.
    pub fn minute_in(self, zone: &str) -> Option<String> {
        let zone = jiff::tz::TimeZone::get(zone).ok()?;
        Some(self.jiff().to_zoned(zone).strftime("%H:%M").to_string())
    }
}

/// `Paris` of `Europe/Paris`.
pub fn city(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// A length of time in milliseconds. In documents: `20s`, `10m`, `4h`, `2d`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

/// The text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time")]
pub struct BadSpan(String);

impl Span {
    /// Whole seconds.
    pub const fn seconds(n: u64) -> Self {
        Self(n.saturating_mul(1000))
    }

    /// Whole minutes.
    pub const fn minutes(n: u64) -> Self {
        Self::seconds(n.saturating_mul(60))
    }

    /// A measured number of seconds, unless it is negative or no number.
    pub fn of_seconds(n: f64) -> Option<Self> {
        let length = jiff::SignedDuration::try_from_secs_f64(n).ok()?;
        u64::try_from(length.as_millis()).ok().map(Self)
    }

    /// Milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Parses a whole number and a unit; at most 400 days.
    pub fn parse(text: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(text.chars().take(40).collect());
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        match number.checked_mul(unit) {
            Some(ms) if ms <= 400 * 86_400_000 => Ok(Self(ms)),
            _ => Err(bad()),
        }
    }

    /// As people say it, in units that are the same in every language, with a space at which no line breaks: `48 s`,
    /// `3 min 10 s`, `4 h`.
    pub fn spoken(self) -> String {
        if (1..1000).contains(&self.0) {
            return format!("{}\u{a0}ms", self.0);
        }
        let seconds = self.0 / 1000;
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = parts.map(|(count, unit)| format!("{count}\u{a0}{unit}")).collect();
        if said.is_empty() { "0\u{a0}s".to_owned() } else { said.join("\u{a0}") }
    }

    /// As a clock shows it: `0:48`, `17:42`, `1:03:20`.
    pub fn clock(self) -> String {
        let seconds = self.0 / 1000;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            format!("{hours}:{minutes:02}:{seconds:02}")
        } else {
            format!("{minutes}:{seconds:02}")
        }
    }
}

impl std::fmt::Display for Span {
    /// In the largest unit that keeps it whole: `10m`, `90s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0;
        for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
            if ms >= unit && ms.is_multiple_of(unit) {
                return write!(f, "{}{name}", ms / unit);
            }
        }
        write!(f, "{ms}ms")
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_as_they_were_written() {
        for text in ["500ms", "20s", "90s", "10m", "4h", "2d"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Span::parse("60s").unwrap().to_string(), "1m");
        for bad in ["", "10", "m", "-1s", "1.5h", "10 m", "99999999999999999999s", "500d"] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_span_is_said_in_units_that_everybody_reads_and_never_torn_apart() {
        for (span, said) in [
            (Span(0), "0 s"),
            (Span(500), "500 ms"),
            (Span::seconds(26), "26 s"),
            (Span::seconds(190), "3 min 10 s"),
            (Span::minutes(30), "30 min"),
            (Span::minutes(240), "4 h"),
            (Span::seconds(3_605), "1 h 5 s"),
        ] {
            assert_eq!(span.spoken(), said.replace(' ', "\u{a0}"));
        }
    }

    #[test]
    fn clocks_show_hours_only_when_there_are_any() {
        assert_eq!(Span::seconds(48).clock(), "0:48");
        assert_eq!(Span::seconds(1062).clock(), "17:42");
        assert_eq!(Span::seconds(3800).clock(), "1:03:20");
    }

    #[test]
    fn an_instant_before_another_is_zero_after_it() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Span(0));
        assert_eq!(Timestamp(9).since(Timestamp(5)), Span(4));
    }

    #[test]
    fn both_nights_on_which_clocks_are_changed_show_what_clocks_show() {
        let at = |text: &str| {
            let at: jiff::Timestamp = text.parse().unwrap();
            Timestamp(at.as_millisecond()).minute_in("Europe/Paris").unwrap()
        };
        // In autumn the hour from two to three comes twice; UTC beside it tells them apart.
        assert_eq!(at("2026-10-25T00:30:00Z"), "02:30");
        assert_eq!(at("2026-10-25T00:59:59Z"), "02:59");
        assert_eq!(at("2026-10-25T01:00:00Z"), "02:00");
        assert_eq!(at("2026-10-25T01:30:00Z"), "02:30");
        // In spring it does not come at all.
        assert_eq!(at("2027-03-28T00:59:59Z"), "01:59");
        assert_eq!(at("2027-03-28T01:00:00Z"), "03:00");
    }

    #[test]
    fn zones_follow_summer_time() {
        let winter = Timestamp(1_795_184_300_000);
        assert_eq!(winter.rfc3339(), "2026-11-20T14:18:20Z");
        assert_eq!((winter.date(), winter.time_of_day()), ("2026-11-20".into(), "14:18:20".into()));
        assert_eq!(winter.minute_in("Europe/Paris").as_deref(), Some("15:18"));
        assert_eq!(winter.minute_in("Europe/Nowhere"), None);
    }
}
