//! The page that is printed and put on the wall, and what helps whoever writes a runbook.

use super::read;
use crate::domain::action::Known;
use crate::domain::runbook::Runbook;
use crate::domain::runbook::check::check;
use crate::domain::runbook::mermaid::{critical_path, mermaid};
use crate::domain::runbook::show::markdown;
use crate::domain::value::Language;

const RUNBOOK: &str = r#"
id: small
title: {en: Small, fr: Petit}
phases:
  - {id: look, title: {en: Look, fr: Regarder}}
  - {id: move, title: {en: Move, fr: Basculer}}
restored_by: promote
steps:
  - {id: look, title: {en: "Look  twice", fr: Regarder}, phase: look, owner: platform, typical: 5s, worst: 30s,
     action: {http.check: {url: "https://a.example/"}}, on_failure: continue,
     note: {en: "Call  Mia.", fr: Appelez Mia.}}
  - {id: fence, title: {en: Fence, fr: Isoler}, phase: look, owner: platform, typical: 5s, worst: 30s,
     action: {k8s.scale: {context: eu, namespace: app, workloads: [worker], replicas: 0}},
     gate: confirm, best_effort: true, verify: {expect: "facts.at_target", timeout: 1m, hold_for: 10s}}
  - {id: promote, title: {en: Promote, fr: Promouvoir}, phase: move, owner: db, needs: [look, fence],
     action: {aurora.switchover: {global_cluster: g, target: t}}, typical: 1m, worst: 5m,
     gate: {people: 2, roles: [ic, db], expires: 10m}, guard: "facts.writer_region == regions.primary",
     when: "run.kind != 'tabletop'", point_of_no_return: true, on_failure: {fallback: by-hand},
     verify: {expect: "facts.writer_region == regions.dr", timeout: 5m}}
  - {id: by-hand, title: {en: By hand, fr: À la main}, phase: move, owner: db, needs: [fence],
     action: {human.decide: {question: {en: "Done?", fr: "Fait ?"}, seen: [look]}},
     gate: {people: 2, roles: [ic, db], expires: 10m}, typical: 1m, worst: 5m, on_failure: hold}
"#;

const PAGE: &str = "\
# Small (`small`)

<restored_by>: **Promote** (`promote`)

## 1. Look

### ☐ Look twice

- `look`
- <owner>: `platform`
- <needs>: <nothing>
- <action>: `http.check`
  - url: `https://a.example/`
- <gate>: <gate.none>
- <time>: 5s, <time.worst> 30s
- <failure>: <failure.continue>

> Call Mia.

### ☐ Fence

- `fence`
- <owner>: `platform`
- <needs>: <nothing>
- <action>: `k8s.scale`
  - context: `eu`
  - namespace: `app`
  - replicas: `0`
  - workloads: `[\"worker\"]`
- <gate>: <gate.confirm>
- <verify>: `facts.at_target`, <verify.within> 1m, <verify.held> 10s
- <time>: 5s, <time.worst> 30s
- <failure>: <failure.hold>; <best_effort>

## 2. Move

### ☐ Promote

**⚠ <ponr>**

- `promote`
- <owner>: `db`
- <needs>: `look`, `fence`
- <when>: `run.kind != 'tabletop'`
- <action>: `aurora.switchover`
  - global_cluster: `g`
  - target: `t`
- <gate>: 2 <gate.people> <gate.of> `ic`, `db`, <gate.within> 10m
- <guard>: `facts.writer_region == regions.primary`
- <verify>: `facts.writer_region == regions.dr`, <verify.within> 5m
- <time>: 1m, <time.worst> 5m
- <failure>: <failure.fallback> `by-hand`

### ☐ By hand

- `by-hand`
- <owner>: `db`
- <needs>: `fence`
- <action>: `human.decide`
  - question: *Done?*
  - seen: `[\"look\"]`
- <gate>: 2 <gate.people> <gate.of> `ic`, `db`, <gate.within> 10m
- <time>: 1m, <time.worst> 5m
- <failure>: <failure.hold>
";

#[test]
fn a_page_holds_all_of_the_runbook_phase_by_phase() {
    let runbook = check("small.yaml", RUNBOOK, &Known::default(), &[]).unwrap();
    let word = |key: &str| format!("<{}>", key.strip_prefix("show.").unwrap());
    assert_eq!(markdown(&runbook, Language::En, &word), PAGE);
    let french = markdown(&runbook, Language::Fr, &word);
    assert!(french.starts_with("# Petit (`small`)") && french.contains("> Appelez Mia."));
}

/// What is said of the runbook once `is` stands where `was` stood, and the hint.
fn told(was: &str, is: &str) -> (String, String) {
    assert!(RUNBOOK.contains(was), "{was}");
    let mut found =
        check("small.yaml", &RUNBOOK.replacen(was, is, 1), &Known::default(), &[]).unwrap_err();
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = found.remove(0);
    (found.message, found.hint)
}

#[test]
fn a_fault_comes_with_what_to_write_instead() {
    let people = "two different people: `gate: {people: 2, roles: [ic, db], expires: 10m}`";
    for (was, is, message, hint) in [
        ("[look, fence]", "[lok, fence]", "unknown step `lok` in `needs`", "did you mean `look`?"),
        ("run.kind", "run.knd", "a run has no `knd`", "did you mean `kind`?"),
        ("regions.dr", "regions.d", "unknown region `d`", "did you mean `dr`?"),
        (
            "     gate: confirm, best",
            "     best",
            "gate `none` is too weak: `k8s.scale` changes something",
            "at least `gate: confirm`",
        ),
        (
            "gate: {people: 2, roles: [ic, db], expires: 10m}, guard",
            "gate: confirm, guard",
            "gate `confirm` is too weak: it is a point of no return",
            people,
        ),
    ] {
        assert_eq!(told(was, is), (message.to_owned(), hint.to_owned()));
    }
}

#[test]
fn that_a_code_is_asked_of_everybody_is_not_forgotten_when_it_is_stored() {
    let text =
        RUNBOOK.replace("point_of_no_return: true", "point_of_no_return: true, code: required");
    for text in [RUNBOOK, &text] {
        let runbook = check("small.yaml", text, &Known::default(), &[]).unwrap();
        let stored = serde_json::to_string(&runbook).unwrap();
        assert_eq!(serde_json::from_str::<Runbook>(&stored).unwrap(), runbook);
        assert_eq!(stored.contains("required"), text.contains("code: required"));
    }
}

const DRAWN: &str = r#"flowchart TD
  %% Small
  subgraph p_look["1. Look"]
    s_look["Look twice<br/><small>look · 5s</small>"]
    s_fence["Fence<br/><small>fence · 5s</small>"]
  end
  subgraph p_move["2. Move"]
    s_promote["Promote<br/><small>promote · 1m</small>"]
    s_by_hand{"By hand<br/><small>by-hand · 1m</small>"}
  end
  s_look ==> s_promote
  s_fence --> s_promote
  s_promote -. ✖ .-> s_by_hand
  s_fence --> s_by_hand
  classDef machine fill:#e8f1fb,stroke:#1f5f99,color:#10233a
  classDef human fill:#fff4d6,stroke:#8a6100,color:#3a2a00
  classDef decision fill:#f1e8fb,stroke:#5b2a99,color:#2a1046
  classDef critical stroke-width:4px
  classDef optional stroke-dasharray:6 4
  classDef noreturn fill:#fbe3e3,stroke:#a31515,color:#4a0808
  class s_look,s_fence,s_promote machine
  class s_by_hand decision
  class s_promote noreturn
  class s_promote optional
  class s_look,s_promote critical
"#;

#[test]
fn a_picture_holds_every_step_and_what_each_waits_for() {
    let runbook = check("small.yaml", RUNBOOK, &Known::default(), &[]).unwrap();
    assert_eq!(mermaid(&runbook, Language::En), DRAWN);
    let hostile = RUNBOOK.replace("en: Fence", "en: '\"`<b> #1 %% end'");
    let runbook = check("small.yaml", &hostile, &Known::default(), &[]).unwrap();
    let drawn = mermaid(&runbook, Language::En);
    assert!(drawn.contains("s_fence[\"#quot;#96;#lt;b#gt; #35;1 #37;#37; end<br/>"), "{drawn}");
}

#[test]
fn the_critical_path_is_the_longest_and_every_shipped_step_and_need_is_drawn() {
    let longer = RUNBOOK.replace(
        "owner: platform, typical: 5s, worst: 30s,\n     action: {k8s",
        "owner: platform, typical: 6s, worst: 30s,\n     action: {k8s",
    );
    let runbook = check("small.yaml", &longer, &Known::default(), &[]).unwrap();
    let way: Vec<&str> = critical_path(&runbook).into_iter().map(|id| id.as_str()).collect();
    assert_eq!(way, ["fence", "promote"]);
    for text in [read::SHIPPED, read::FAILBACK] {
        let runbook = check("a.yaml", text, &read::known(), &read::environments()).unwrap();
        let drawn = mermaid(&runbook, Language::Fr);
        let id = |id: &str| format!("s_{}", id.replace('-', "_"));
        let lines: Vec<&str> = drawn.lines().map(str::trim).collect();
        for step in &runbook.steps {
            let own = id(step.id.as_str());
            let is_node = |line: &&&str| {
                line.strip_prefix(&own).is_some_and(|rest| rest.starts_with(['[', '(', '{']))
            };
            assert_eq!(lines.iter().filter(is_node).count(), 1, "{own}");
            for need in &step.needs {
                let arrow = |way| format!("{} {way} {own}", id(need.as_str()));
                let arrows = [arrow("-->"), arrow("==>")];
                assert_eq!(
                    lines.iter().filter(|line| arrows.iter().any(|a| a == *line)).count(),
                    1
                );
            }
        }
        let way = critical_path(&runbook);
        assert_eq!(way.last(), Some(&&runbook.restored_by));
        assert_eq!(drawn.matches("==>").count(), way.len() - 1);
    }
}
