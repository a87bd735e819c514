//! A runbook as a picture: a Mermaid flowchart, phases as boxes, what needs what as arrows. The longest way to "the
//! service is back", if every step takes its typical time, is drawn thick: that is where a minute lost is a minute
//! longer down.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::document::{OnFailure, Runbook, Step};
use crate::domain::ids::StepId;
use crate::domain::value::Language;

/// How each kind of step looks; the names are those of the classes in the text.
const CLASSES: &str = "  classDef machine fill:#e8f1fb,stroke:#1f5f99,color:#10233a
  classDef human fill:#fff4d6,stroke:#8a6100,color:#3a2a00
  classDef decision fill:#f1e8fb,stroke:#5b2a99,color:#2a1046
  classDef critical stroke-width:4px
  classDef optional stroke-dasharray:6 4
  classDef noreturn fill:#fbe3e3,stroke:#a31515,color:#4a0808
";

/// The runbook in one language.
pub fn mermaid(runbook: &Runbook, language: Language) -> String {
    let way = critical_path(runbook);
    let mut out = String::from("flowchart TD\n");
    writeln!(out, "  %% {}", label(runbook.title.get(language))).ok();
    for (number, phase) in runbook.phases.iter().enumerate() {
        let title = label(phase.title.get(language));
        writeln!(
            out,
            "  subgraph p_{}[\"{}. {title}\"]",
            plain(phase.id.as_str()),
            number.saturating_add(1)
        )
        .ok();
        for step in runbook.steps.iter().filter(|step| step.phase == phase.id) {
            writeln!(out, "    {}", node(step, language)).ok();
        }
        out.push_str("  end\n");
    }
    for step in &runbook.steps {
        for need in &step.needs {
            let follows = |pair: &[&StepId]| pair == [need, &step.id];
            let arrow = if way.windows(2).any(follows) { "==>" } else { "-->" };
            writeln!(out, "  {} {arrow} {}", name(need), name(&step.id)).ok();
        }
        if let OnFailure::Fallback(other) = &step.on_failure {
            writeln!(out, "  {} -. ✖ .-> {}", name(&step.id), name(other)).ok();
        }
    }
    out.push_str(CLASSES);
    classes(runbook, &way, &mut out);
    out
}

/// The steps of the longest way to the step that restores the service, first to last. Of ways of the same length, the
/// one that is written first.
pub fn critical_path(runbook: &Runbook) -> Vec<&StepId> {
    let mut known = BTreeMap::new();
    let mut next = runbook.step(&runbook.restored_by);
    let mut way = Vec::new();
    // The check leaves no circles; the bound is for a stored one.
    while let Some(step) = next.filter(|_| way.len() < runbook.steps.len()) {
        way.push(&step.id);
        let mut longest: Option<(u64, &Step)> = None;
        for need in step.needs.iter().filter_map(|need| runbook.step(need)) {
            let length = length(runbook, need, &mut known, runbook.steps.len());
            if longest.is_none_or(|(other, _)| length > other) {
                longest = Some((length, need));
            }
        }
        next = longest.map(|(_, step)| step);
    }
    way.reverse();
    way
}

/// From the start of the runbook to the end of this step, in milliseconds.
fn length<'a>(
    runbook: &'a Runbook,
    step: &'a Step,
    known: &mut BTreeMap<&'a StepId, u64>,
    depth: usize,
) -> u64 {
    if let Some(length) = known.get(&step.id) {
        return *length;
    }
    let needs = step.needs.iter().filter_map(|need| runbook.step(need)).filter(|_| depth > 0);
    let before = needs.map(|need| length(runbook, need, known, depth.saturating_sub(1))).max();
    let length = before.unwrap_or(0).saturating_add(step.typical.ms());
    known.insert(&step.id, length);
    length
}

fn node(step: &Step, language: Language) -> String {
    let [opens, closes] = match kind(step) {
        "decision" => ["{", "}"],
        "human" => ["([", "])"],
        _ => ["[", "]"],
    };
    let title = label(step.title.get(language));
    let what = format!("{title}<br/><small>{} · {}</small>", step.id, step.typical);
    format!("{}{opens}\"{what}\"{closes}", name(&step.id))
}

fn kind(step: &Step) -> &'static str {
    if step.action.is_decision() {
        "decision"
    } else if step.action.is_human() {
        "human"
    } else {
        "machine"
    }
}

/// Which steps look how, one line for each class that has any.
fn classes(runbook: &Runbook, way: &[&StepId], out: &mut String) {
    type Is<'a> = &'a dyn Fn(&Step) -> bool;
    let all: [(&str, Is<'_>); 6] = [
        ("machine", &|step| kind(step) == "machine"),
        ("human", &|step| kind(step) == "human"),
        ("decision", &|step| kind(step) == "decision"),
        ("noreturn", &|step| step.point_of_no_return),
        ("optional", &|step| step.when.is_some()),
        ("critical", &|step| way.contains(&&step.id)),
    ];
    for (class, is) in all {
        let of = runbook.steps.iter().filter(|step| is(step));
        let names: Vec<String> = of.map(|step| name(&step.id)).collect();
        if !names.is_empty() {
            writeln!(out, "  class {} {class}", names.join(",")).ok();
        }
    }
}

/// `s_pin_dns`: a word that Mermaid reads as nothing else.
fn name(id: &StepId) -> String {
    format!("s_{}", plain(id.as_str()))
}

fn plain(id: &str) -> String {
    id.replace('-', "_")
}

/// Text as Mermaid shows it and does not read it.
fn label(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '`' => out.push_str("#96;"),
            '%' => out.push_str("#37;"),
            other => out.push(other),
        }
        out
    })
}
