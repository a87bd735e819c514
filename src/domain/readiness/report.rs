//! A look at everything, kept: what it comes to, and how one thing has been shown over time.

use serde::{Deserialize, Serialize};

use super::{Finding, Light, Seen, worst};
use crate::domain::ids::EnvironmentId;
use crate::domain::time::{Span, Timestamp};

/// The name by which findings about steps of runbooks go, where those of an environment have their check's.
pub const STEP: &str = "step";
/// How many reports are kept of an environment: two months of daily ones.
pub const KEPT: u32 = 60;
/// A report that is older says little about today: a daily one, and two hours.
const OLD: Span = Span::minutes(26 * 60);

/// What one look at everything found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of which environment.
    pub environment: EnvironmentId,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Span,
    /// The region that was taken for dark, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dark: Option<String>,
    /// One for each thing that was looked at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How the whole is shown.
    pub fn light(&self) -> Light {
        worst(&self.findings)
    }

    /// How many findings are shown in each light: those about steps of runbooks, and the others.
    pub fn tallies(&self) -> (Tally, Tally) {
        let (steps, checks): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|one| one.check == STEP);
        (Tally::of(&steps), Tally::of(&checks))
    }

    /// What is not green, worst first.
    pub fn troubles(&self) -> Vec<&Finding> {
        let mut found: Vec<_> =
            self.findings.iter().filter(|one| one.light() != Light::Green).collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.light()));
        found
    }

    /// Whether it is too old to say much about today.
    pub fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.at) > OLD
    }
}

/// How many are shown in which light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Proven.
    pub green: usize,
    /// The environment has no such thing: nothing was proven.
    pub absent: usize,
    /// Worse than promised.
    pub amber: usize,
    /// Not known.
    pub unknown: usize,
    /// Would not work.
    pub red: usize,
}

impl Tally {
    fn of(findings: &[&Finding]) -> Self {
        let mut tally = Self::default();
        for one in findings {
            let count = match one.light() {
                Light::Green if one.seen == Seen::Absent => &mut tally.absent,
                Light::Green => &mut tally.green,
                Light::Amber => &mut tally.amber,
                Light::Unknown => &mut tally.unknown,
                Light::Red => &mut tally.red,
            };
            *count += 1;
        }
        tally
    }

    /// All of them.
    pub fn all(&self) -> usize {
        self.green + self.absent + self.amber + self.unknown + self.red
    }
}

/// How one thing was shown over time, oldest first, a line for each change. `reports`: newest first, as they are kept.
pub fn history(reports: &[Report], key: (&str, &str)) -> Vec<(Timestamp, Light)> {
    let mut shown: Vec<(Timestamp, Light)> = Vec::new();
    for report in reports.iter().rev() {
        let Some(found) = report.findings.iter().find(|one| one.key() == key) else { continue };
        if shown.last().is_none_or(|(_, before)| *before != found.light()) {
            shown.push((report.at, found.light()));
        }
    }
    shown
}

/// Since when it is shown as it is now, as far back as reports are kept.
pub fn since(reports: &[Report], key: (&str, &str)) -> Option<Timestamp> {
    history(reports, key).last().map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;
    use crate::domain::run::preview::Remark;

    fn report(at: i64, found: &[(&str, Seen, Severity)]) -> Report {
        let finding = |(check, seen, severity): &(&str, Seen, Severity)| Finding {
            check: (*check).to_owned(),
            subject: "a".to_owned(),
            severity: *severity,
            seen: *seen,
            saw: Remark::new("doctor.saw.x", &[]),
            remedy: Remark::new("doctor.x", &[]),
            at: Timestamp(at),
            took: Span(0),
        };
        Report {
            environment: EnvironmentId::parse("shop").unwrap(),
            at: Timestamp(at),
            took: Span(5),
            dark: None,
            findings: found.iter().map(finding).collect(),
        }
    }

    #[test]
    fn steps_are_counted_apart_and_troubles_stand_worst_first() {
        use Severity::{Block, Warn};
        let all = [
            (STEP, Seen::Good, Block),
            (STEP, Seen::Bad, Warn),
            ("aurora_lag", Seen::Unknown, Block),
            ("identity", Seen::Bad, Block),
            ("keys", Seen::Absent, Block),
        ];
        let report = report(1, &all);
        let (steps, checks) = report.tallies();
        assert_eq!(steps, Tally { green: 1, amber: 1, ..Tally::default() });
        assert_eq!((checks.red, checks.unknown, checks.green, checks.absent), (1, 1, 0, 1));
        assert_eq!(checks.all(), 3);
        let troubles: Vec<_> = report.troubles().iter().map(|one| one.light()).collect();
        assert_eq!(troubles, [Light::Red, Light::Unknown, Light::Amber]);
        assert_eq!(report.light(), Light::Red);
    }

    #[test]
    fn a_history_has_a_line_for_each_change_and_says_since_when() {
        let seen = |at, seen| report(at, &[("a", seen, Severity::Block)]);
        let gone = report(3, &[]);
        let kept = [
            seen(5, Seen::Bad),
            seen(4, Seen::Bad),
            gone,
            seen(2, Seen::Good),
            seen(1, Seen::Good),
        ];
        let shown = history(&kept, ("a", "a"));
        assert_eq!(shown, [(Timestamp(1), Light::Green), (Timestamp(4), Light::Red)]);
        assert_eq!(since(&kept, ("a", "a")), Some(Timestamp(4)));
        assert_eq!(since(&kept, ("b", "a")), None);
    }

    #[test]
    fn a_daily_report_is_old_when_the_next_one_did_not_come() {
        let report = report(0, &[]);
        assert!(!report.is_old(Timestamp(0).plus(Span::minutes(26 * 60))));
        assert!(report.is_old(Timestamp(1).plus(Span::minutes(26 * 60))));
    }
}
