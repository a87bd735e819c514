//! What is asked at a decision, as it was filled in for the preview, with what is seen and what is said. Once decided it
//! is frozen: the same question, what was seen then and how old it was, who said what.

use serde_json::Value;

use super::run_card::expected;
use crate::domain::run::decision::Sight;
use crate::domain::run::state::{Choice, Run, Shown, StepRun};
use crate::domain::runbook::Step;
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// Longest value of a fact that is shown.
const MOST_OF_A_FACT: usize = 120;

/// While people are asked.
pub(super) fn open(run: &Run, at: &StepRun, shown: &Shown, now: Timestamp) -> Vec<Text> {
    let mut lines: Vec<Text> = question(shown).into_iter().collect();
    lines.extend(seen(run, at, "step.age", now));
    // Runs that were opened before the runbook's word was `no_go` have the other.
    let follows = [("go", "step.if_go"), ("no_go", "step.if_no_go"), ("hold", "step.if_no_go")];
    for (key, label) in follows {
        if let Some(text) = said(shown, key) {
            lines.push(Text::Key(label, vec![("text", text)]));
        }
    }
    let is_ahead = |step: &Step, at: &StepRun| {
        step.point_of_no_return && at.begun == 0 && !run.is_settled(&step.id)
    };
    if let Some((step, _)) = run.each_step().find(|(step, at)| is_ahead(step, at)) {
        let ahead = vec![("step", Text::from(&step.title)), ("forecast", expected(run, now))];
        lines.push(Text::Key("step.ahead", ahead));
    }
    lines.extend(words(at));
    lines
}

/// Once it is decided, whatever happens later.
pub(super) fn frozen(run: &Run, at: &StepRun) -> Vec<Text> {
    let mut lines: Vec<Text> = at.shown.as_ref().and_then(question).into_iter().collect();
    lines.extend(seen(run, at, "step.age_then", at.since));
    lines.extend(words(at));
    lines
}

/// A text of the decision, as it was filled in.
pub(super) fn said(shown: &Shown, key: &str) -> Option<Text> {
    let text = shown.preview.request.get("with")?.get(key)?;
    serde_json::from_value(text.clone()).ok().map(Text::Said)
}

fn question(shown: &Shown) -> Option<Text> {
    Some(Text::Key("step.question", vec![("question", said(shown, "question")?)]))
}

/// Who said what, in their words.
fn words(at: &StepRun) -> Vec<Text> {
    let line = |key, by, at: Timestamp, words: &str| {
        let at = Text::raw(at.time_of_day());
        Text::Key(key, vec![("by", Text::from(by)), ("at", at), ("words", Text::raw(words))])
    };
    let votes = at.votes.iter().map(|vote| {
        let key = match vote.choice {
            Choice::Go => "step.voted.go",
            Choice::NoGo => "step.voted.no_go",
        };
        line(key, &vote.by, vote.at, &vote.words)
    });
    let alone = at.approvals.iter().filter_map(|given| {
        Some(line("step.voted.alone", &given.by, given.at, given.glass.as_ref()?))
    });
    let dissent =
        at.dissent.iter().map(|said| line("step.dissent", &said.by, said.at, &said.words));
    votes.chain(alone).chain(dissent).collect()
}

fn seen(run: &Run, at: &StepRun, age: &'static str, now: Timestamp) -> Vec<Text> {
    let sights = run.sights(at).into_iter();
    sights.map(|(step, sight)| line_of(step, &sight, age, now)).collect()
}

/// What a step saw and how old that is; where it stands, unless it simply is done.
fn line_of(step: &Step, sight: &Sight, age: &'static str, now: Timestamp) -> Text {
    let title = ("step", Text::from(&step.title));
    let state = Text::Named(format!("state.{}", sight.state), vec![]);
    if sight.facts.is_empty() {
        return Text::Key("step.seen_none", vec![title, ("state", state)]);
    }
    let facts = ("facts", Text::List(told(&sight.facts)));
    let old = Text::raw(now.since(sight.at).spoken());
    let age = ("age", Text::Key(age, vec![("age", old)]));
    if sight.state == "done" {
        Text::Key("step.seen", vec![title, facts, age])
    } else {
        Text::Key("step.seen_state", vec![title, ("state", state), facts, age])
    }
}

/// The facts by which a step is proven: those that its `verify` names.
pub(super) fn proof(step: &Step, at: &StepRun) -> Text {
    let expect = step.verify.as_ref().map_or("", |verify| verify.expect.as_str());
    let is_named = |name: &str| {
        let rests = expect.split("facts.").skip(1);
        let ends = |c: char| !c.is_alphanumeric() && c != '_';
        rests.filter_map(|rest| rest.split(ends).next()).any(|named| named == name)
    };
    let facts = at.facts.iter().filter(|(name, value)| is_named(name) && !value.is_object());
    Text::List(facts.map(|(name, value)| in_words(name, value)).collect())
}

/// Facts as people read them, each no longer than a line.
pub(super) fn told(facts: &serde_json::Map<String, Value>) -> Vec<Text> {
    if let Some(measured) = measured(facts) {
        return vec![measured];
    }
    let plain = facts.iter().filter(|(_, value)| !value.is_object());
    plain.map(|(name, value)| in_words(name, value)).collect()
}

/// `900 ms (AWS/RDS AuroraGlobalDBRPOLag in us-east-1, 40 s old)`: a value that knows its age.
fn measured(facts: &serde_json::Map<String, Value>) -> Option<Text> {
    let text = |name: &str| facts.get(name).and_then(Value::as_str).map(Text::raw);
    let age = Span::seconds(facts.get("age_s")?.as_u64()?);
    let is_stale = facts.get("is_stale") == Some(&Value::Bool(true));
    let args = vec![
        ("value", Text::raw(facts.get("value")?)),
        ("unit", text("unit")?),
        ("source", text("source")?),
        ("age", Text::raw(age.spoken())),
        ("stale", Text::raw(if is_stale { "yes" } else { "" })),
    ];
    Some(Text::Key("fact.measured", args))
}

/// `no answer`, where there are words for it, else `writer_region = us-east-1`.
fn in_words(name: &str, value: &Value) -> Text {
    let with = |key| Text::Key(key, vec![("value", Text::raw(value))]);
    match (name, value.as_bool(), value.is_u64()) {
        ("reachable", Some(true), _) => Text::key("fact.reachable.true"),
        ("reachable", Some(false), _) => Text::key("fact.reachable.false"),
        ("latency_ms", _, true) => with("fact.latency_ms"),
        ("status", _, true) => with("fact.status"),
        _ => fact(name, value),
    }
}

/// The same by their names, as conditions have them.
pub(super) fn facts(facts: &serde_json::Map<String, Value>) -> Vec<Text> {
    let plain = facts.iter().filter(|(_, value)| !value.is_object());
    plain.map(|(name, value)| fact(name, value)).collect()
}

/// `writer_region = us-east-1`.
pub(super) fn fact(name: &str, value: &Value) -> Text {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    let value: String = value.chars().take(MOST_OF_A_FACT).collect();
    Text::seen(&format!("{name} = {value}"))
}
