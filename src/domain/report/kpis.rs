//! The figures over many runs: how often the service fails, how long it stays away, whether what was promised is kept.
//! Each says its unit and how many runs it comes from; what nobody measured is unknown, and never 0.
//!
//! A run belongs to the month and the quarter (UTC) in which the service was hit. A tabletop calls nothing and is in no
//! figure. An incident is serious unless somebody called it `sev3`: one of which nobody said how bad it was must not
//! make the figures better, and their share is a figure of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::Outcome;
use super::period::Period;
use crate::domain::ids::{RunbookId, StepId};
use crate::domain::run::Kind;
use crate::domain::run::declared::Severity;
use crate::domain::time::{Span, Timestamp};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kpi {
    /// Mean time between serious incidents: the time that passed, by their number.
    Mtbf,
    /// Mean time from the alarm (the start, where nothing rang) until the service was back.
    Mttr,
    /// The shortest such time.
    MttrBest,
    /// The longest.
    MttrWorst,
    /// The share of serious incidents in which the service was back within its RTO.
    RtoRate,
    /// Mean loss of the database in serious incidents in which it was measured.
    Rpo,
    /// The worst of it.
    RpoWorst,
    /// The share of them in which it was within the RPO.
    RpoRate,
    /// The share of exercises that showed what they were to show.
    ExerciseRate,
    /// The share of serious incidents of which nobody said how bad they were.
    Unrated,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Parts of a hundred.
    Percent,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So long.
    Time(Span),
    /// So many of so many.
    Share(usize, usize),
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Of what.
    pub kpi: Kpi,
    /// How much; `None`: unknown.
    pub amount: Option<Amount>,
    /// How many runs it comes from.
    pub runs: usize,
}

/// The figures of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kpis {
    /// Which.
    pub period: Period,
    /// One for each [`Kpi`].
    pub figures: Vec<Figure>,
}

/// How long a step took in incidents and exercises: what its `typical` and `worst` can be corrected by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTimes {
    /// Of which runbook.
    pub runbook: RunbookId,
    /// Which step.
    pub step: StepId,
    /// Half of the times are not longer.
    pub p50: Span,
    /// Nine in ten are not longer.
    pub p90: Span,
    /// How many runs this comes from.
    pub runs: usize,
}

impl Kpi {
    /// Its name in tables; also the message key under `kpi.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mtbf => "mtbf",
            Self::Mttr => "mttr",
            Self::MttrBest => "mttr_best",
            Self::MttrWorst => "mttr_worst",
            Self::RtoRate => "rto_rate",
            Self::Rpo => "rpo",
            Self::RpoWorst => "rpo_worst",
            Self::RpoRate => "rpo_rate",
            Self::ExerciseRate => "exercise_rate",
            Self::Unrated => "unrated",
        }
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::Mtbf
            | Self::Mttr
            | Self::MttrBest
            | Self::MttrWorst
            | Self::Rpo
            | Self::RpoWorst => Unit::Seconds,
            Self::RtoRate | Self::RpoRate | Self::ExerciseRate | Self::Unrated => Unit::Percent,
        }
    }
}

impl Unit {
    /// `s`, `%`.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Percent => "%",
        }
    }
}

impl Amount {
    /// In its unit.
    pub fn number(self) -> f64 {
        match self {
            Self::Time(span) => span.ms() as f64 / 1000.0,
            // As the seed has it: two decimals.
            Self::Share(part, all) => (part as f64 * 10_000.0 / all as f64).round() / 100.0,
        }
    }
}

impl Outcome {
    fn is_serious(&self) -> bool {
        self.kind == Kind::Incident && self.severity != Some(Severity::Sev3)
    }

    /// From when it was noticed until the service was back.
    fn recovery(&self) -> Option<Span> {
        Some(self.restored_at?.since(self.alarm_at.unwrap_or(self.started_at)))
    }

    /// Whether the service was back in time; not known yet while it is away, the run open and its time not over. A run
    /// that was closed without it never was.
    fn is_in_time(&self, now: Timestamp) -> Option<bool> {
        match self.restored_at {
            Some(at) => Some(at.since(self.impact_at) <= self.rto),
            None if self.closed_at.is_some() => Some(false),
            None => (now.since(self.impact_at) > self.rto).then_some(false),
        }
    }
}

/// The figures of all there is, then of the quarters and of the months in which something was, the newest first.
pub fn kpis(outcomes: &[Outcome], now: Timestamp) -> Vec<Kpis> {
    let real = outcomes.iter().filter(|outcome| outcome.kind != Kind::Tabletop);
    let real: Vec<&Outcome> = real.collect();
    let times = || real.iter().map(|outcome| outcome.impact_at);
    let first = times().min().unwrap_or(now);
    let quarters: BTreeSet<_> = times().map(Period::quarter).collect();
    let months: BTreeSet<_> = times().map(Period::month).collect();
    let periods = [Period::All].into_iter();
    let periods = periods.chain(quarters.into_iter().rev()).chain(months.into_iter().rev());
    let of = |period: Period| {
        let within = real.iter().filter(|outcome| period.holds(outcome.impact_at));
        let within: Vec<&Outcome> = within.copied().collect();
        Kpis { period, figures: figures(&within, period.passed(first, now), now) }
    };
    periods.map(of).collect()
}

fn figures(outcomes: &[&Outcome], passed: Option<Span>, now: Timestamp) -> Vec<Figure> {
    let serious: Vec<&Outcome> =
        outcomes.iter().copied().filter(|outcome| outcome.is_serious()).collect();
    let count = serious.len();
    let between = passed.and_then(|passed| mean(passed.ms(), count));
    let recoveries: Vec<Span> = serious.iter().filter_map(|outcome| outcome.recovery()).collect();
    let losses: Vec<Span> = serious.iter().filter_map(|outcome| outcome.loss).collect();
    let in_time = serious.iter().filter_map(|outcome| outcome.is_in_time(now));
    let within = serious.iter().filter_map(|outcome| Some(outcome.loss? <= outcome.rpo));
    let held = outcomes.iter().filter(|outcome| outcome.kind == Kind::Exercise);
    let time =
        |kpi, amount: Option<Span>, runs| Figure { kpi, amount: amount.map(Amount::Time), runs };
    vec![
        time(Kpi::Mtbf, between, count),
        time(Kpi::Mttr, average(&recoveries), recoveries.len()),
        time(Kpi::MttrBest, recoveries.iter().copied().min(), recoveries.len()),
        time(Kpi::MttrWorst, recoveries.iter().copied().max(), recoveries.len()),
        share(Kpi::RtoRate, in_time),
        time(Kpi::Rpo, average(&losses), losses.len()),
        time(Kpi::RpoWorst, losses.iter().copied().max(), losses.len()),
        share(Kpi::RpoRate, within),
        share(Kpi::ExerciseRate, held.filter_map(|outcome| outcome.held)),
        share(Kpi::Unrated, serious.iter().map(|outcome| outcome.severity.is_none())),
    ]
}

fn share(kpi: Kpi, answers: impl Iterator<Item = bool>) -> Figure {
    let answers: Vec<bool> = answers.collect();
    let (runs, yes) = (answers.len(), answers.iter().filter(|yes| **yes).count());
    Figure { kpi, amount: (runs > 0).then_some(Amount::Share(yes, runs)), runs }
}

fn average(spans: &[Span]) -> Option<Span> {
    mean(spans.iter().map(|span| span.ms()).sum(), spans.len())
}

fn mean(ms: u64, of: usize) -> Option<Span> {
    ms.checked_div(u64::try_from(of).ok()?).map(Span)
}

/// The times of every step that was done, by runbook and step.
pub fn step_times(outcomes: &[Outcome]) -> Vec<StepTimes> {
    let mut times: BTreeMap<(&RunbookId, &StepId), Vec<Span>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.kind != Kind::Tabletop) {
        for done in &outcome.steps {
            times.entry((&done.runbook, &done.step)).or_default().push(done.took);
        }
    }
    let of = |((runbook, step), mut times): ((&RunbookId, &StepId), Vec<Span>)| {
        times.sort_unstable();
        Some(StepTimes {
            runbook: runbook.clone(),
            step: step.clone(),
            p50: percentile(&times, 50)?,
            p90: percentile(&times, 90)?,
            runs: times.len(),
        })
    };
    times.into_iter().filter_map(of).collect()
}

/// The smallest of them that so many in a hundred do not exceed.
fn percentile(sorted: &[Span], percent: usize) -> Option<Span> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{EnvironmentId, RunId};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn incident(impact: &str) -> Outcome {
        let impact_at = at(impact);
        Outcome {
            run: RunId::parse("r1").unwrap(),
            environment: EnvironmentId::parse("prod").unwrap(),
            kind: Kind::Incident,
            severity: Some(Severity::Sev1),
            impact_at,
            alarm_at: None,
            started_at: impact_at.plus(Span::minutes(4)),
            restored_at: None,
            closed_at: None,
            rto: Span::minutes(30),
            rpo: Span::minutes(5),
            loss: None,
            held: None,
            steps: vec![],
        }
    }

    fn figure(outcomes: &[Outcome], period: &str, kpi: Kpi, now: &str) -> (Option<Amount>, usize) {
        let all = kpis(outcomes, at(now));
        let of = all.iter().find(|kpis| kpis.period.to_string() == period).unwrap();
        let figure = of.figures.iter().find(|figure| figure.kpi == kpi).unwrap();
        (figure.amount, figure.runs)
    }

    #[test]
    fn what_nobody_measured_is_unknown_and_never_0() {
        for outcomes in
            [vec![], vec![Outcome { kind: Kind::Tabletop, ..incident("2026-03-01T00:00:00Z") }]]
        {
            let all = kpis(&outcomes, at("2026-03-02T00:00:00Z"));
            assert_eq!(all.len(), 1);
            assert!(
                all[0].figures.iter().all(|one| one.amount.is_none() && one.runs == 0),
                "{all:?}"
            );
        }
        let one = [incident("2026-03-01T00:00:00Z")];
        let now = "2026-03-01T00:10:00Z";
        for kpi in
            [Kpi::Mttr, Kpi::MttrBest, Kpi::Rpo, Kpi::RpoRate, Kpi::RtoRate, Kpi::ExerciseRate]
        {
            assert_eq!(figure(&one, "all", kpi, now), (None, 0), "{kpi:?}");
        }
        assert_eq!(figure(&one, "all", Kpi::Unrated, now), (Some(Amount::Share(0, 1)), 1));
    }

    #[test]
    fn an_open_run_is_judged_when_its_time_is_over_and_a_closed_one_that_never_came_back_was_late()
    {
        let mut one = incident("2026-03-01T00:00:00Z");
        let rate = |one: &Outcome, now| figure(std::slice::from_ref(one), "all", Kpi::RtoRate, now);
        assert_eq!(rate(&one, "2026-03-01T00:30:00Z"), (None, 0));
        let late = (Some(Amount::Share(0, 1)), 1);
        assert_eq!(rate(&one, "2026-03-01T00:30:01Z"), late);
        one.closed_at = Some(at("2026-03-01T00:05:00Z"));
        assert_eq!(rate(&one, "2026-03-01T00:10:00Z"), late);
        // To the millisecond, where the seed rounds 30 minutes and 59 seconds down to 30 minutes.
        one.restored_at = Some(at("2026-03-01T00:30:00Z"));
        assert_eq!(rate(&one, "2026-03-02T00:00:00Z"), (Some(Amount::Share(1, 1)), 1));
        one.restored_at = Some(at("2026-03-01T00:30:00.001Z"));
        assert_eq!(rate(&one, "2026-03-02T00:00:00Z"), late);
    }

    #[test]
    fn months_and_quarters_have_their_own_lengths_and_borders_in_utc() {
        let days = |count: u64| Some(Amount::Time(Span::minutes(count * 24 * 60)));
        let now = "2026-06-11T00:00:00Z";
        let of = |impacts: &[&str], period: &str| {
            let all: Vec<Outcome> = impacts.iter().map(|impact| incident(impact)).collect();
            figure(&all, period, Kpi::Mtbf, now)
        };
        let two = ["2024-02-29T23:59:59.999Z", "2024-03-01T00:00:00Z"];
        assert_eq!(of(&two, "2024-02"), (days(29), 1));
        assert_eq!(of(&two, "2024-03"), (days(31), 1));
        assert_eq!(of(&["2023-02-01T00:00:00Z"], "2023-02"), (days(28), 1));
        let more = [
            "2023-12-31T23:59:59.999Z",
            two[0],
            two[1],
            "2024-03-31T23:59:59.999Z",
            "2024-04-01T00:00:00Z",
        ];
        assert_eq!(of(&more, "2023-Q4"), (days(92), 1));
        assert_eq!(of(&more, "2023-12"), (days(31), 1));
        assert_eq!(
            of(&more[1..3], "2024-Q1"),
            (Some(Amount::Time(Span::minutes(91 * 12 * 60))), 2)
        );
        assert_eq!(of(&more, "2024-Q1").1, 3);
        assert_eq!(of(&more, "2024-Q2"), (days(91), 1));
        // Of the month that is not over, what has passed; of all, from the month of the first.
        assert_eq!(of(&["2026-06-03T00:00:00Z"], "2026-06"), (days(10), 1));
        assert_eq!(of(&["2026-05-20T00:00:00Z"], "all"), (days(41), 1));
    }

    #[test]
    fn what_nobody_rated_is_serious_and_what_was_called_small_is_not() {
        let small = Outcome { severity: Some(Severity::Sev3), ..incident("2026-03-01T00:00:00Z") };
        let unrated = Outcome { severity: None, ..small.clone() };
        let both = [small, unrated];
        let now = "2026-04-01T00:00:00Z";
        assert_eq!(figure(&both, "2026-03", Kpi::Mtbf, now).1, 1);
        assert_eq!(figure(&both, "2026-03", Kpi::Unrated, now), (Some(Amount::Share(1, 1)), 1));
    }

    #[test]
    fn percentiles_are_times_that_were() {
        let spans: Vec<Span> = (1..=10).map(Span).collect();
        assert_eq!(
            (percentile(&spans, 50), percentile(&spans, 90)),
            (Some(Span(5)), Some(Span(9)))
        );
        assert_eq!((percentile(&spans[..1], 90), percentile(&[], 50)), (Some(Span(1)), None));
    }
}
