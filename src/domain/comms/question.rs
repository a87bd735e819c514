//! What is asked at a decision, as it was filled in for the preview, with what was seen and what was said.

use serde_json::Value;

use crate::domain::ids::StepId;
use crate::domain::run::state::{Choice, Run, Shown, StepRun, StepState};
use crate::domain::runbook::Step;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Longest value of a fact that is shown.
const MOST_OF_A_FACT: usize = 120;

pub(super) fn lines(run: &Run, at: &StepRun, shown: &Shown, now: Timestamp) -> Vec<Text> {
    let with = shown.preview.request.get("with").cloned().unwrap_or_default();
    let said = |key: &str| {
        with.get(key).and_then(|value| serde_json::from_value(value.clone()).ok()).map(Text::Said)
    };
    let mut lines = Vec::new();
    if let Some(question) = said("question") {
        lines.push(Text::Key("step.question", vec![("question", question)]));
    }
    let seen = with.get("seen").and_then(Value::as_array).cloned().unwrap_or_default();
    for id in seen.iter().filter_map(Value::as_str) {
        let found = StepId::parse(id).ok().and_then(|id| run.step(&id));
        if let Some((step, at)) = found {
            lines.push(facts_of(step, at, now));
        }
    }
    for (key, label) in [("go", "step.if_go"), ("hold", "step.if_hold")] {
        if let Some(text) = said(key) {
            lines.push(Text::Key(label, vec![("text", text)]));
        }
    }
    for vote in &at.votes {
        let key = match vote.choice {
            Choice::Go => "step.voted.go",
            Choice::Hold => "step.voted.hold",
        };
        lines.push(Text::Key(
            key,
            vec![
                ("by", (&vote.by).into()),
                ("at", Text::raw(vote.at.time_of_day())),
                ("words", Text::raw(&vote.words)),
            ],
        ));
    }
    lines
}

/// What a step saw and how old that is; where it stands, unless it simply is done.
fn facts_of(step: &Step, at: &StepRun, now: Timestamp) -> Text {
    let title = ("step", Text::from(&step.title));
    let state = if matches!(at.state, StepState::Failed { unreachable: true, .. }) {
        Text::key("state.unreachable")
    } else {
        Text::Named(format!("state.{}", at.state.name()), vec![])
    };
    if at.facts.is_empty() {
        return Text::Key("step.seen_none", vec![title, ("state", state)]);
    }
    let facts = at.facts.iter().filter(|(_, value)| !value.is_object()).map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => value.to_string(),
        };
        let value: String = value.chars().take(MOST_OF_A_FACT).collect();
        Text::seen(&format!("{name} = {value}"))
    });
    let facts = ("facts", Text::List(facts.collect()));
    let age = ("age", Text::raw(now.since(at.facts_at).clock()));
    if matches!(at.state, StepState::Done { .. }) {
        Text::Key("step.seen", vec![title, facts, age])
    } else {
        Text::Key("step.seen_state", vec![title, ("state", state), facts, age])
    }
}
