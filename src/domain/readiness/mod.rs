//! Readiness: would the runbooks work today? What a check is, what it found, and what follows from that.
//!
//! A check only looks. What it could not see is unknown, and unknown is never green.

mod checks;
mod report;
mod schedule;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::checks::{ALL, find};
pub use self::report::{KEPT, Report, STEP, Tally, history, since};
pub use self::schedule::{BadSchedule, Schedule};

use super::run::preview::Remark;
use super::time::{Span, Timestamp};

/// What it means when a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The failover would be slower, or lose more.
    Warn,
    /// The failover would not work.
    Block,
}

/// A row of the table of checks. Its title and its remedy stand in the messages, under `doctor.NAME` and
/// `doctor.NAME.remedy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSpec {
    /// `aurora_members`: as messages, reports and the record name it.
    pub name: &'static str,
    /// What it means when it fails.
    pub severity: Severity,
}

/// What a check saw of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// As it must be.
    Good,
    /// The environment has no such thing: nothing to check.
    Absent,
    /// It could not be seen.
    Unknown,
    /// Not as it must be.
    Bad,
}

/// How a finding is shown, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Proven.
    Green,
    /// Would be worse than promised.
    Amber,
    /// Not known.
    Unknown,
    /// Would not work.
    Red,
}

/// What one check found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The name of its [`CheckSpec`]; `step` for a step of a runbook.
    pub check: String,
    /// Of what: `us-east-1`, `region-failover/promote-aurora`; empty where there is only one.
    pub subject: String,
    /// What it means when it is bad.
    pub severity: Severity,
    /// What was seen.
    pub seen: Seen,
    /// In words: a key under `doctor.saw.` and its arguments, each of which may be what an action recorded.
    pub saw: Remark,
    /// What to do about it: a key under `doctor.` and its arguments.
    pub remedy: Remark,
    /// When it was looked at.
    pub at: Timestamp,
    /// How long the look took.
    pub took: Span,
}

impl Finding {
    /// How it is shown.
    pub fn light(&self) -> Light {
        match (self.seen, self.severity) {
            (Seen::Good | Seen::Absent, _) => Light::Green,
            (Seen::Unknown, _) => Light::Unknown,
            (Seen::Bad, Severity::Warn) => Light::Amber,
            (Seen::Bad, Severity::Block) => Light::Red,
        }
    }

    /// What tells it from the others of a report.
    pub fn key(&self) -> (&str, &str) {
        (&self.check, &self.subject)
    }
}

/// What changed of one thing between two reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned<'a> {
    /// As it was; `None` if it was not looked at before.
    pub was: Option<Light>,
    /// As it is.
    pub now: &'a Finding,
}

/// What is shown otherwise than before, worst first. What was never looked at before is told only where it is not green,
/// or where its check is green now and was not before, of something that is not found any more.
pub fn turned<'a>(before: &[Finding], now: &'a [Finding]) -> Vec<Turned<'a>> {
    let was: BTreeMap<_, Light> = before.iter().map(|one| (one.key(), one.light())).collect();
    let is: BTreeMap<_, Light> = now.iter().map(|one| (one.key(), one.light())).collect();
    let turned = now.iter().filter_map(|one| {
        let was = was.get(&one.key()).copied();
        let is_news = was.unwrap_or(Light::Green) != one.light();
        is_news.then_some(Turned { was, now: one })
    });
    let mut turned: Vec<_> = turned.collect();
    let mut gone: BTreeMap<&str, Light> = BTreeMap::new();
    for one in before.iter().filter(|one| !is.contains_key(&one.key())) {
        let worst = gone.entry(&one.check).or_insert(Light::Green);
        *worst = one.light().max(*worst);
    }
    for (check, light) in gone.into_iter().filter(|(_, light)| *light != Light::Green) {
        let of_it = now.iter().filter(|one| one.check == check);
        let is_green = of_it.clone().all(|one| one.light() == Light::Green);
        let is_told = turned.iter().any(|one| one.now.check == check);
        if let Some(first) = of_it.clone().next().filter(|_| is_green && !is_told) {
            turned.push(Turned { was: Some(light), now: first });
        }
    }
    turned.sort_by_key(|one| std::cmp::Reverse(one.now.light()));
    turned
}

/// How the whole is shown: as its worst part. Nothing looked at is not known.
pub fn worst(findings: &[Finding]) -> Light {
    findings.iter().map(Finding::light).max().unwrap_or(Light::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: &str, seen: Seen, severity: Severity) -> Finding {
        let (saw, remedy) = (Remark::new("doctor.saw.x", &[]), Remark::new("doctor.x", &[]));
        let (at, took) = (Timestamp(0), Span(0));
        let (check, subject) = (check.to_owned(), String::new());
        Finding { check, subject, severity, seen, saw, remedy, at, took }
    }

    #[test]
    fn what_is_not_known_is_never_green_and_what_blocks_is_worst() {
        use Severity::{Block, Warn};
        let light = |seen, severity| finding("a", seen, severity).light();
        assert_eq!(light(Seen::Good, Block), Light::Green);
        assert_eq!(light(Seen::Absent, Block), Light::Green);
        assert_eq!(light(Seen::Unknown, Warn), Light::Unknown);
        assert_eq!(light(Seen::Bad, Warn), Light::Amber);
        assert_eq!(light(Seen::Bad, Block), Light::Red);
        assert_eq!(worst(&[]), Light::Unknown);
        let all = [finding("a", Seen::Unknown, Warn), finding("b", Seen::Good, Block)];
        assert_eq!(worst(&all), Light::Unknown);
    }

    #[test]
    fn only_what_is_shown_otherwise_has_turned_and_the_worst_stands_first() {
        use Severity::{Block, Warn};
        let before = [
            finding("a", Seen::Good, Block),
            finding("b", Seen::Bad, Warn),
            finding("c", Seen::Good, Warn),
        ];
        let now = [
            finding("a", Seen::Good, Block),
            finding("b", Seen::Good, Warn),
            finding("c", Seen::Unknown, Warn),
            finding("d", Seen::Bad, Block),
            finding("e", Seen::Good, Block),
        ];
        let turned = turned(&before, &now);
        let told: Vec<_> = turned.iter().map(|one| (one.now.check.as_str(), one.was)).collect();
        let expected = [("d", None), ("c", Some(Light::Green)), ("b", Some(Light::Amber))];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_was_bad_and_is_not_found_any_more_is_told_once_its_check_is_green() {
        use Severity::Block;
        let of = |subject: &str, seen| Finding {
            subject: subject.to_owned(),
            ..finding("excess", seen, Block)
        };
        let before = [of("rds:Delete", Seen::Bad), of("s3:Delete", Seen::Unknown)];
        let good = [of("", Seen::Good)];
        let told = turned(&before, &good);
        assert_eq!(told, [Turned { was: Some(Light::Red), now: &good[0] }]);
        assert_eq!(turned(&before, &[of("kms:Delete", Seen::Bad)]).len(), 1, "still red");
        assert_eq!(turned(&before, &[]), [], "not looked at is no news");
        assert_eq!(turned(&good, &[of("b", Seen::Good)]), []);
    }
}
