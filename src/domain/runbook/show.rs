//! A runbook for people, as Markdown: what one prints and puts on the wall before the night it is needed. Fixed words
//! come from the message catalog through `word`.

use std::fmt::Write as _;

use serde_json::Value;

use super::document::{Gate, OnFailure, Phase, Runbook, Step};
use crate::domain::value::Language;

/// Every key that [`markdown`] asks `word` for.
pub const KEYS: &[&str] = &[
    "show.restored_by",
    "show.owner",
    "show.needs",
    "show.nothing",
    "show.when",
    "show.action",
    "show.gate",
    "show.gate.none",
    "show.gate.confirm",
    "show.gate.people",
    "show.gate.of",
    "show.gate.within",
    "show.guard",
    "show.verify",
    "show.verify.within",
    "show.verify.held",
    "show.time",
    "show.time.worst",
    "show.failure",
    "show.failure.hold",
    "show.failure.continue",
    "show.failure.fallback",
    "show.ponr",
    "show.best_effort",
];

/// The runbook in one language, grouped by phase.
pub fn markdown(runbook: &Runbook, language: Language, word: &dyn Fn(&str) -> String) -> String {
    let mut page = Page { out: String::new(), runbook, language, word };
    page.line(&format!("# {} (`{}`)", text(runbook.title.get(language)), runbook.id));
    let restored =
        runbook.step(&runbook.restored_by).map(|step| page.name(step)).unwrap_or_default();
    page.line(&format!("\n{}: {restored}", word("show.restored_by")));
    for (number, phase) in runbook.phases.iter().enumerate() {
        page.phase(number, phase);
    }
    page.out
}

struct Page<'a> {
    out: String,
    runbook: &'a Runbook,
    language: Language,
    word: &'a dyn Fn(&str) -> String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn item(&mut self, key: &str, rest: &str) {
        let word = (self.word)(key);
        self.line(&format!("- {word}: {rest}"));
    }

    fn name(&self, step: &Step) -> String {
        format!("**{}** (`{}`)", text(step.title.get(self.language)), step.id)
    }

    fn phase(&mut self, number: usize, phase: &Phase) {
        self.line(&format!(
            "\n## {}. {}",
            number.saturating_add(1),
            text(phase.title.get(self.language))
        ));
        let runbook = self.runbook;
        for step in runbook.steps.iter().filter(|step| step.phase == phase.id) {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        self.line(&format!("\n### ☐ {}\n", text(step.title.get(self.language))));
        if step.point_of_no_return {
            let warning = (self.word)("show.ponr");
            self.line(&format!("**⚠ {warning}**\n"));
        }
        self.line(&format!("- `{}`", step.id));
        self.item("show.owner", &format!("`{}`", step.owner.name()));
        let needs: Vec<String> = step.needs.iter().map(|id| format!("`{id}`")).collect();
        let needs = if needs.is_empty() { (self.word)("show.nothing") } else { needs.join(", ") };
        self.item("show.needs", &needs);
        if let Some(when) = &step.when {
            self.item("show.when", &code(when));
        }
        self.item("show.action", &format!("`{}`{}", step.action.name, self.parameters(step)));
        let gate = self.gate(&step.gate);
        self.item("show.gate", &gate);
        if let Some(guard) = &step.guard {
            self.item("show.guard", &code(guard));
        }
        if let Some(verify) = &step.verify {
            let mut rest = format!(
                "{}, {} {}",
                code(&verify.expect),
                (self.word)("show.verify.within"),
                verify.timeout
            );
            if verify.hold_for.ms() > 0 {
                write!(rest, ", {} {}", (self.word)("show.verify.held"), verify.hold_for).ok();
            }
            self.item("show.verify", &rest);
        }
        let time = format!("{}, {} {}", step.typical, (self.word)("show.time.worst"), step.worst);
        self.item("show.time", &time);
        self.item("show.failure", &self.failure(step));
        if let Some(note) = &step.note {
            self.line(&format!("\n> {}", text(note.get(self.language))));
        }
    }

    fn parameters(&self, step: &Step) -> String {
        let shown = |value: &Value| match value {
            Value::String(text) => code(text),
            Value::Object(map) => map
                .get(self.language.code())
                .and_then(Value::as_str)
                .map_or_else(|| code(&value.to_string()), |inner| format!("*{}*", text(inner))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                code(&value.to_string())
            }
        };
        step.action.with.iter().fold(String::new(), |mut out, (key, value)| {
            write!(out, "\n  - {key}: {}", shown(value)).ok();
            out
        })
    }

    fn gate(&self, gate: &Gate) -> String {
        match gate {
            Gate::None => (self.word)("show.gate.none"),
            Gate::Confirm => (self.word)("show.gate.confirm"),
            Gate::People { people, roles, expires } => {
                let roles: Vec<String> =
                    roles.iter().map(|role| format!("`{}`", role.name())).collect();
                let [number, of, within] =
                    ["show.gate.people", "show.gate.of", "show.gate.within"].map(self.word);
                format!("{people} {number} {of} {}, {within} {expires}", roles.join(", "))
            }
        }
    }

    fn failure(&self, step: &Step) -> String {
        let mut rest = match &step.on_failure {
            OnFailure::Hold => (self.word)("show.failure.hold"),
            OnFailure::Continue => (self.word)("show.failure.continue"),
            OnFailure::Fallback(step) => {
                format!("{} `{step}`", (self.word)("show.failure.fallback"))
            }
        };
        if step.best_effort {
            write!(rest, "; {}", (self.word)("show.best_effort")).ok();
        }
        rest
    }
}

/// A text on one line.
fn text(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An expression or value on one line, as code.
fn code(source: &str) -> String {
    format!("`{}`", text(source).replace('`', "'"))
}
