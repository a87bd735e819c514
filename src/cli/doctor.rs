//! `dr-buddy doctor`: what is not green first, each with what was seen and what to do about it.

use std::io::{self, Write};

use serde::Serialize;

use super::plain;
use super::runbook;
use super::serve::Ended;
use crate::app::App;
use crate::catalog::{Catalog, Voice};
use crate::config::{Checkup, Read};
use crate::domain::comms;
use crate::domain::environment::Environment;
use crate::domain::ids::EnvironmentId;
use crate::domain::readiness::{Finding, Light, Report};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Language;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Of which environment, unless the settings say.
    pub environment: Option<String>,
    /// The region that is taken for dead.
    pub dark: Option<String>,
    /// As JSON.
    pub json: bool,
    /// In which language.
    pub language: Language,
}

/// The lights, worst first, with what each of them means.
const LIGHTS: [(Light, &str); 4] = [
    (Light::Red, "doctor.light.red"),
    (Light::Unknown, "doctor.light.unknown"),
    (Light::Amber, "doctor.light.amber"),
    (Light::Green, "doctor.light.green"),
];

/// Looks at everything, and prints what it saw.
///
/// # Errors
/// When `out` cannot be written.
pub async fn doctor(read: Read<'_>, wish: Wish, out: &mut dyn Write) -> io::Result<Ended> {
    let checkup = match Checkup::read(read, wish.environment) {
        Ok(checkup) => checkup,
        Err(wrong) => {
            for line in &wrong {
                writeln!(out, "{line}")?;
            }
            return Ok(Ended::Misconfigured);
        }
    };
    let catalog = match Catalog::load(&checkup.sources) {
        Ok(catalog) => catalog,
        Err(found) => {
            runbook::report(&found, out)?;
            return Ok(Ended::Misconfigured);
        }
    };
    let report = match App::examine(&checkup, &catalog, wish.dark.as_deref()).await {
        Ok(report) => report,
        Err(error) => {
            writeln!(out, "{error:#}")?;
            return Ok(Ended::Misconfigured);
        }
    };
    let environment = catalog.environment(&checkup.environment);
    let voice = catalog.texts.voice(wish.language, environment);
    if wish.json {
        serde_json::to_writer_pretty(&mut *out, &as_json(&voice, &report))?;
        writeln!(out)?;
    } else {
        out.write_all(as_text(&voice, environment, &report).as_bytes())?;
    }
    Ok(Ended::Found(report.light()))
}

/// By light, worst first, in 80 columns. What follows one another and is mended in the same way says so once.
fn as_text(voice: &Voice<'_>, environment: Option<&Environment>, report: &Report) -> String {
    let mut text = String::new();
    let plain = |said: &Text| voice.plain(said).replace(['*', '`'], "");
    let zone = environment.map_or("UTC", |environment| &environment.chat.time_zone);
    let at = format!("{} {}", report.at.date(), report.at.clock_in(zone));
    let title = vec![
        ("environment", Text::raw(&report.environment)),
        ("at", Text::raw(at)),
        ("took", Text::raw(report.took.spoken())),
        ("dark", Text::raw(report.dark.as_deref().unwrap_or_default())),
    ];
    plain::add(&mut text, &plain(&Text::Key("doctor.report", title)));
    for (light, key) in LIGHTS {
        let all = report.findings.iter().filter(|one| one.light() == light);
        let mut all = all.map(|one| (one, plain(&comms::remark(&one.remedy)))).peekable();
        if all.peek().is_some() {
            text.push('\n');
            plain::add(&mut text, &plain(&Text::Key(key, vec![])));
        }
        while let Some((finding, remedy)) = all.next() {
            let row = vec![
                ("sign", Text::raw(comms::sign(light))),
                ("what", comms::looked_at(finding)),
                ("saw", comms::remark(&finding.saw)),
                ("took", Text::raw(finding.took.spoken())),
            ];
            plain::add(&mut text, &plain(&Text::Key("doctor.report.row", row)));
            let is_last = all.peek().is_none_or(|(_, next)| *next != remedy);
            if light != Light::Green && is_last {
                let remedy = vec![("remedy", Text::raw(remedy))];
                plain::add(&mut text, &plain(&Text::Key("doctor.report.remedy", remedy)));
            }
        }
    }
    text.push('\n');
    plain::add(&mut text, &plain(&comms::tallies(report)));
    text
}

/// The report as it is kept, with how each finding is shown and what it says.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    environment: &'a EnvironmentId,
    at: Timestamp,
    took: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    dark: Option<&'a str>,
    light: Light,
    findings: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    light: Light,
    says: String,
    mend: String,
}

fn as_json<'a>(voice: &Voice<'_>, report: &'a Report) -> Whole<'a> {
    let row = |finding: &'a Finding| Row {
        finding,
        light: finding.light(),
        says: voice.plain(&comms::remark(&finding.saw)),
        mend: voice.plain(&comms::remark(&finding.remedy)),
    };
    Whole {
        environment: &report.environment,
        at: report.at,
        took: report.took,
        dark: report.dark.as_deref(),
        light: report.light(),
        findings: report.findings.iter().map(row).collect(),
    }
}
