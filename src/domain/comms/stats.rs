//! The figures over many runs in words: what is unknown is said to be.

use crate::domain::ids::RunbookId;
use crate::domain::report::exercised::Exercised;
use crate::domain::report::kpis::{Amount, Figure, Kpis, StepTimes};
use crate::domain::report::period::Period;
use crate::domain::report::stats::Stats;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Steps named at once: an answer in the chat is read to its end.
const NAMED: usize = 8;
const DAY_MS: u64 = 86_400_000;

/// In short: all there is, the quarter we are in, and the steps of each runbook that nobody has tried as they are.
pub fn stats(stats: &Stats) -> Vec<Text> {
    let of = |period| stats.kpis.iter().find(|kpis| kpis.period == period);
    let quarter = Period::quarter(stats.at);
    let title = vec![("environment", Text::raw(&stats.environment))];
    let mut lines = vec![Text::Key("stats.title", title)];
    let all = of(Period::All).into_iter().flat_map(|kpis| &kpis.figures);
    lines.extend(all.map(|figure| {
        let same = |one: &&Figure| one.kpi == figure.kpi;
        let now = of(quarter).and_then(|kpis| kpis.figures.iter().find(same));
        let args = vec![
            ("what", name(figure)),
            ("all", amount(Some(figure))),
            ("period", Text::raw(quarter)),
            ("now", amount(now)),
        ];
        Text::Key("stats.line", args)
    }));
    let mut runbooks: Vec<&RunbookId> = stats.exercised.iter().map(|step| &step.runbook).collect();
    runbooks.dedup();
    lines.extend(runbooks.into_iter().map(|runbook| tally(runbook, &stats.exercised)));
    let changed = stats.exercised.iter().filter(|step| is_changed(step));
    lines.extend(changed.take(NAMED).map(|one| step(one, stats.at)));
    lines.push(Text::key("stats.more"));
    lines
}

/// A line for each figure of a period.
pub fn figures(kpis: &Kpis) -> Vec<Text> {
    let line = |figure: &Figure| {
        let args = vec![("what", name(figure)), ("amount", amount(Some(figure)))];
        Text::Key("stats.figure", args)
    };
    kpis.figures.iter().map(line).collect()
}

/// A line for each step: when it was last exercised, whether it was changed since, and how long it takes.
pub fn steps(stats: &Stats) -> Vec<Text> {
    let mut lines = Vec::new();
    for one in &stats.exercised {
        lines.push(step(one, stats.at));
        let times = stats.times.iter().find(|times| is_of(one, times));
        lines.extend(times.map(|times| {
            let args = vec![
                ("p50", Text::raw(times.p50.spoken())),
                ("p90", Text::raw(times.p90.spoken())),
                ("runs", Text::raw(times.runs)),
            ];
            Text::Key("stats.times", args)
        }));
    }
    lines
}

fn is_of(step: &Exercised, times: &StepTimes) -> bool {
    times.runbook == step.runbook && times.step == step.step
}

fn is_changed(step: &Exercised) -> bool {
    step.last.as_ref().is_some_and(|last| last.is_changed)
}

fn tally(runbook: &RunbookId, exercised: &[Exercised]) -> Text {
    let of_it = || exercised.iter().filter(|step| step.runbook == *runbook);
    let args = vec![
        ("runbook", Text::raw(runbook)),
        ("all", Text::raw(of_it().count())),
        ("never", Text::raw(of_it().filter(|step| step.last.is_none()).count())),
        ("changed", Text::raw(of_it().filter(|step| is_changed(step)).count())),
    ];
    Text::Key("stats.tally", args)
}

fn step(exercised: &Exercised, now: Timestamp) -> Text {
    let step = ("step", Text::from(&exercised.title));
    let Some(last) = &exercised.last else { return Text::Key("stats.step.never", vec![step]) };
    let args = vec![
        step,
        ("days", Text::raw(now.since(last.at).ms() / DAY_MS)),
        ("run", Text::raw(&last.run)),
        ("changed", Text::raw(if last.is_changed { "1" } else { "" })),
    ];
    Text::Key("stats.step", args)
}

fn name(figure: &Figure) -> Text {
    Text::Named(format!("kpi.{}", figure.kpi.name()), vec![])
}

/// How much, and from how many runs; nothing measured is unknown.
fn amount(figure: Option<&Figure>) -> Text {
    let known = figure.and_then(|figure| Some((figure.amount?, figure.runs)));
    match known {
        None => Text::key("stats.unknown"),
        Some((Amount::Time(span), runs)) => {
            let args = vec![("time", Text::raw(span.spoken())), ("runs", Text::raw(runs))];
            Text::Key("stats.time", args)
        }
        Some((share @ Amount::Share(part, all), _)) => {
            let percent = Text::raw(share.number().round());
            let args =
                vec![("percent", percent), ("part", Text::raw(part)), ("all", Text::raw(all))];
            Text::Key("stats.share", args)
        }
    }
}
