//! `dr-buddy stats`: the figures over all runs, to read, for a spreadsheet, for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::args::Table;
use super::plain;
use crate::catalog::Voice;
use crate::domain::comms;
use crate::domain::report::kpis::{Amount, Unit};
use crate::domain::report::period::Period;
use crate::domain::report::stats::Stats;
use crate::domain::text::Text;

/// Above the columns of the table.
const COLUMNS: [&str; 6] = ["of", "period", "figure", "value", "unit", "runs"];

/// One figure: of the environment, or of a step (`region-failover/pin-dns`). No value: unknown.
#[derive(Debug, Serialize)]
struct Row {
    of: String,
    period: String,
    figure: &'static str,
    value: Value,
    unit: &'static str,
    runs: usize,
}

/// Prints them.
///
/// # Errors
/// When `out` cannot be written.
pub(super) fn write(
    voice: &Voice<'_>,
    stats: &Stats,
    format: Table,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Table::Text => out.write_all(text(voice, stats).as_bytes()),
        Table::Csv => {
            writeln!(out, "{}", COLUMNS.join(","))?;
            rows(stats).iter().try_for_each(|row| writeln!(out, "{}", csv(row)))
        }
        Table::Json => {
            let all = json!({
                "environment": stats.environment, "at": stats.at.rfc3339(), "rows": rows(stats),
            });
            serde_json::to_writer_pretty(&mut *out, &all)?;
            writeln!(out)
        }
    }
}

fn text(voice: &Voice<'_>, stats: &Stats) -> String {
    let title = vec![("environment", Text::raw(&stats.environment))];
    let mut parts = vec![vec![Text::Key("stats.title", title)]];
    parts.extend(stats.kpis.iter().map(|kpis| {
        let heading = match kpis.period {
            Period::All => Text::key("stats.all"),
            Period::Quarter(..) | Period::Month(..) => Text::raw(kpis.period),
        };
        [vec![heading], comms::figures(kpis)].concat()
    }));
    parts.push([vec![Text::key("stats.steps")], comms::steps(stats)].concat());
    let part = |lines: &Vec<Text>| {
        let mut said = String::new();
        for line in lines {
            plain::add(&mut said, &voice.plain(line).replace(['*', '`'], ""));
        }
        said
    };
    parts.iter().map(part).collect::<Vec<_>>().join("\n")
}

fn rows(stats: &Stats) -> Vec<Row> {
    let mut rows = Vec::new();
    for kpis in &stats.kpis {
        rows.extend(kpis.figures.iter().map(|figure| Row {
            of: stats.environment.to_string(),
            period: kpis.period.to_string(),
            figure: figure.kpi.name(),
            value: figure.amount.map(Amount::number).into(),
            unit: figure.kpi.unit().sign(),
            runs: figure.runs,
        }));
    }
    for times in &stats.times {
        for (figure, time) in [("took_p50", times.p50), ("took_p90", times.p90)] {
            let (of, value) = (format!("{}/{}", times.runbook, times.step), Amount::Time(time));
            rows.push(of_step(of, figure, value.number().into(), Unit::Seconds.sign(), times.runs));
        }
    }
    for step in &stats.exercised {
        let of = format!("{}/{}", step.runbook, step.step);
        let last = step.last.as_ref();
        let (at, runs) = (last.map(|last| last.at.rfc3339()), usize::from(last.is_some()));
        rows.push(of_step(of.clone(), "exercised_last", at.into(), "UTC", runs));
        let is_changed = last.map(|last| last.is_changed);
        rows.push(of_step(of, "changed_since", is_changed.into(), "", runs));
    }
    rows
}

fn of_step(of: String, figure: &'static str, value: Value, unit: &'static str, runs: usize) -> Row {
    Row { of, period: Period::All.to_string(), figure, value, unit, runs }
}

/// Ids, numbers and times: nothing in it needs quotes.
fn csv(row: &Row) -> String {
    let value = match &row.value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            row.value.to_string()
        }
    };
    let Row { of, period, figure, unit, runs, .. } = row;
    format!("{of},{period},{figure},{value},{unit},{runs}")
}
