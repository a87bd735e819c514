//! What is said about readiness: one line wherever there is room for one, what is not green, and what has turned.

use super::{Block, Message};
use crate::domain::readiness::{Finding, Light, Report, STEP, Tally, Turned, since};
use crate::domain::run::preview::Remark;
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// Findings told at once: a message is read to its end.
const TOLD: usize = 12;

/// The sign of a light; the words beside it say the same.
pub fn sign(light: Light) -> &'static str {
    match light {
        Light::Green => "✔",
        Light::Amber => "⚠",
        Light::Unknown => "?",
        Light::Red => "✖",
    }
}

/// `Readiness: 27 steps: 24 ✔ 2 ⚠ 1 ✖ · last doctor 06:00, 8 h ago`, with the time of the named zone.
pub fn readiness(report: Option<&Report>, zone: &str, now: Timestamp) -> Text {
    let Some(report) = report else { return Text::key("doctor.line.never") };
    let (steps, checks) = report.tallies();
    let at = report.at.minute_in(zone).unwrap_or_else(|| report.at.time_of_day());
    let args = vec![
        ("steps", counted("doctor.steps", steps)),
        ("checks", counted("doctor.checks", checks)),
        ("at", Text::raw(at)),
        ("ago", Text::raw(ago(now.since(report.at)))),
        ("old", Text::raw(if report.is_old(now) { "1" } else { "" })),
    ];
    Text::Key("doctor.line", args)
}

/// How many are shown in which light.
pub fn tallies(report: &Report) -> Text {
    let (steps, checks) = report.tallies();
    let args = vec![
        ("steps", counted("doctor.steps", steps)),
        ("checks", counted("doctor.checks", checks)),
    ];
    Text::Key("doctor.report.sum", args)
}

fn counted(key: &'static str, tally: Tally) -> Text {
    let count =
        |number: usize| Text::raw(if number == 0 { String::new() } else { number.to_string() });
    let args = vec![
        ("all", Text::raw(tally.all())),
        ("green", count(tally.green)),
        ("absent", count(tally.absent)),
        ("amber", count(tally.amber)),
        ("unknown", count(tally.unknown)),
        ("red", count(tally.red)),
    ];
    Text::Key(key, args)
}

/// In the largest unit: `8 h`, `3 min`.
fn ago(span: Span) -> String {
    let hours = span.ms() / 3_600_000;
    let whole =
        if hours > 0 { Span::minutes(60 * hours) } else { Span::minutes(span.ms() / 60_000) };
    whole.spoken()
}

/// What was looked at.
pub fn looked_at(finding: &Finding) -> Text {
    let subject = Text::raw(&finding.subject);
    if finding.check == STEP {
        return Text::Key("doctor.step", vec![("step", subject)]);
    }
    let title = Text::Named(format!("doctor.{}", finding.check), vec![]);
    if finding.subject.is_empty() {
        return title;
    }
    Text::Key("doctor.title_of", vec![("title", title), ("subject", subject)])
}

/// What was seen, or is to be done.
pub fn remark(remark: &Remark) -> Text {
    let args = remark.args.iter().map(|(name, value)| (name.clone(), Text::seen(value)));
    Text::Named(remark.key.clone(), args.collect())
}

fn line(finding: &Finding, since: Option<Timestamp>) -> Text {
    let light = finding.light();
    let remedy = match light {
        Light::Green => Text::raw(""),
        Light::Amber | Light::Unknown | Light::Red => remark(&finding.remedy),
    };
    let since = since.map_or_else(|| Text::raw(""), |at| Text::raw(at.date()));
    let args = vec![
        ("sign", Text::raw(sign(light))),
        ("what", looked_at(finding)),
        ("saw", remark(&finding.saw)),
        ("remedy", remedy),
        ("since", since),
    ];
    Text::Key("doctor.finding", args)
}

/// No more than can be read, and how many there are besides.
fn told(mut lines: Vec<Text>) -> Vec<Text> {
    let more = lines.len().saturating_sub(TOLD);
    lines.truncate(TOLD);
    if more > 0 {
        lines.push(Text::Key("doctor.more", vec![("count", Text::raw(more))]));
    }
    lines
}

/// What the newest of these reports says, in short; newest first, as they are kept.
pub fn readiness_lines(reports: &[Report], zone: &str, now: Timestamp) -> Vec<Text> {
    let newest = reports.first();
    let mut lines = vec![readiness(newest, zone, now)];
    if let Some(report) = newest {
        let trouble = |one: &&Finding| line(one, since(reports, one.key()));
        lines.extend(told(report.troubles().iter().map(trouble).collect()));
    }
    lines
}

/// What the room is told of a report of which this has turned since it was told last; `None` if nothing has.
pub fn turned(
    report: &Report,
    turned: &[Turned<'_>],
    zone: &str,
    now: Timestamp,
) -> Option<Message> {
    if turned.is_empty() {
        return None;
    }
    let is_green = report.light() == Light::Green;
    let title = if is_green { "doctor.all_green" } else { "doctor.turned" };
    let summary = Text::Key(title, vec![("count", Text::raw(turned.len()))]);
    let lines = told(turned.iter().map(|one| line(one.now, None)).collect());
    let blocks = vec![
        Block::Heading(summary.clone()),
        Block::Lines(lines),
        Block::Small(vec![readiness(Some(report), zone, now)]),
    ];
    Some(Message { summary, blocks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EnvironmentId;
    use crate::domain::readiness::{self, Seen, Severity};

    fn finding(subject: usize, seen: Seen) -> Finding {
        Finding {
            check: STEP.to_owned(),
            subject: format!("failover/step-{subject}"),
            severity: Severity::Block,
            seen,
            saw: Remark::new("doctor.saw.blind", &[("why", "told.nothing")]),
            remedy: Remark::new("doctor.step.remedy.aws", &[]),
            at: Timestamp(0),
            took: Span(0),
        }
    }

    fn report(findings: Vec<Finding>) -> Report {
        let environment = EnvironmentId::parse("shop").unwrap();
        Report { environment, at: Timestamp(0), took: Span(0), dark: None, findings }
    }

    #[test]
    fn a_message_is_as_long_as_people_read_and_says_when_all_is_green_again() {
        let bad = report((0..20).map(|n| finding(n, Seen::Bad)).collect());
        let good = report((0..20).map(|n| finding(n, Seen::Good)).collect());
        let news = |before: &Report, now: &Report| {
            let found = readiness::turned(&before.findings, &now.findings);
            turned(now, &found, "UTC", Timestamp(0))
        };
        assert_eq!(news(&bad, &bad), None);
        let told = news(&good, &bad).unwrap();
        assert!(matches!(told.summary, Text::Key("doctor.turned", _)));
        let Some(Block::Lines(lines)) = told.blocks.get(1) else { panic!("{told:?}") };
        assert_eq!(lines.len(), TOLD + 1);
        let Some(Text::Key("doctor.more", args)) = lines.last() else { panic!("{lines:?}") };
        assert_eq!(args[0].1, Text::raw(8));
        let told = news(&bad, &good).unwrap();
        assert!(matches!(told.summary, Text::Key("doctor.all_green", _)));
    }

    #[test]
    fn the_line_says_when_and_that_it_is_old() {
        let report = report(vec![finding(0, Seen::Good)]);
        let hours = |hours: u64| Timestamp(0).plus(Span::minutes(60 * hours + 59));
        let said = |now| {
            let Text::Key(_, args) = readiness(Some(&report), "Europe/Paris", now) else {
                panic!("a line")
            };
            args[2..].iter().map(|(_, text)| text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(said(hours(8)), ["01:00", "8\u{a0}h", ""].map(Text::raw));
        assert_eq!(said(hours(26)), ["01:00", "26\u{a0}h", "1"].map(Text::raw));
        let never = readiness(None, "UTC", Timestamp(0));
        assert_eq!(never, Text::key("doctor.line.never"));
    }
}
