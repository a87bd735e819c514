//! Two independent judges of Block Kit, `slack_sdk` and `@slack/types`, on what the product really sends.
//!
//! A payload is a message (an object with `blocks`), a bare list of blocks, or a view (an object with `type: modal` or
//! `home`). Each judge catches what the other misses: the first lengths, the second the wrong kind of text. The script
//! adds what neither sees: ids used twice anywhere in one payload, too many blocks, a message without `text`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::tools;

/// Panics with everything the judges find in `payloads`; `name` says whose they are.
pub(crate) fn judge(name: &str, payloads: &[Value]) {
    let found = findings(name, payloads);
    assert!(found.is_empty(), "Block Kit of {name}:\n{}", found.join("\n"));
}

/// Everything the judges find.
pub(crate) fn findings(name: &str, payloads: &[Value]) -> Vec<String> {
    let mut found = by_slack_sdk(name, payloads);
    found.extend(by_slack_types(name, payloads));
    found
}

fn by_slack_sdk(name: &str, payloads: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("payloads.json");
    fs::write(&file, serde_json::to_vec(payloads).expect("it is JSON")).expect("it can be written");
    let script = tools::repository().join("tests/judge/blockkit.py");
    run(name, Command::new(tools::python("python")).arg(script).arg(file))
}

/// Panics with every reply of a stand-in for AWS that botocore does not understand whole.
pub(crate) fn judge_aws(replies: &[Value]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("replies.json");
    fs::write(&file, serde_json::to_vec(replies).expect("it is JSON")).expect("it can be written");
    let script = tools::repository().join("tests/judge/aws.py");
    let found = run("botocore", Command::new(tools::python("python")).arg(script).arg(file));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn by_slack_types(name: &str, payloads: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut program = String::from("import type { KnownBlock, View } from \"@slack/types\";\n");
    for (index, payload) in payloads.iter().enumerate() {
        let is_view = matches!(payload["type"].as_str(), Some("modal" | "home"));
        let kind = if is_view { "View" } else { "KnownBlock[]" };
        let blocks = if payload.is_object() { &payload["blocks"] } else { payload };
        let value = if is_view { payload } else { blocks };
        if value.is_null() {
            continue;
        }
        // One line each, so that the line of an error is the number of its payload.
        writeln!(program, "export const payload_{index}: {kind} = {value};")
            .expect("a string takes everything");
    }
    let file = folder.path().join("payloads.ts");
    fs::write(&file, program).expect("it can be written");
    let modules = folder.path().join("node_modules");
    std::os::unix::fs::symlink(tools::npm().join("node_modules"), modules).expect("a link");
    let tsc = tools::npm().join("node_modules/typescript/bin/tsc");
    let options = ["--noEmit", "--strict", "--skipLibCheck", "--pretty", "false"];
    let modules = ["--module", "nodenext", "--moduleResolution", "nodenext", "--types", ""];
    let mut command = Command::new(tools::debian("node"));
    command.arg(tsc).args(options).args(modules).arg("payloads.ts").current_dir(&folder);
    run(name, &mut command)
}

/// Runs a judge: 0 finds nothing; else what it prints is what it found, and printing nothing is a broken judge.
fn run(name: &str, command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if output.status.success() {
        return Vec::new();
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !said.trim().is_empty() && error.trim().is_empty(),
        "{command:?} is broken:\n{said}{error}"
    );
    said.lines().map(|line| format!("{name}: {line}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section(words: &str) -> Value {
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": words } })
    }

    fn button(action_id: &str) -> Value {
        let text = json!({ "type": "plain_text", "text": "Run", "emoji": true });
        json!({ "type": "button", "text": text, "action_id": action_id, "value": "1", "style": "danger" })
    }

    #[test]
    fn good_payloads_pass_both_judges() {
        let actions =
            json!({ "type": "actions", "block_id": "x", "elements": [button("a"), button("b")] });
        let context =
            json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": "as of 10:00" }] });
        let header = json!({ "type": "header", "text": { "type": "plain_text", "text": "Run 7" } });
        let input = json!({
            "type": "input", "block_id": "why", "label": { "type": "plain_text", "text": "Why" },
            "element": { "type": "plain_text_input", "action_id": "reason", "multiline": true },
        });
        let modal = json!({
            "type": "modal", "callback_id": "skip", "private_metadata": "r1",
            "title": { "type": "plain_text", "text": "Skip" },
            "submit": { "type": "plain_text", "text": "Skip" }, "blocks": [input],
        });
        let blocks = json!([header, section("*a*"), { "type": "divider" }, context, actions]);
        judge("good", &[json!({ "text": "Run 7", "blocks": blocks }), blocks, modal]);
    }

    /// Says which judge is meant to catch it: a word of its finding.
    #[track_caller]
    fn caught(payload: Value, word: &str) {
        let found = findings("bad", &[payload]);
        assert!(found.iter().any(|finding| finding.contains(word)), "{word}: {found:?}");
    }

    #[test]
    fn slack_sdk_catches_lengths_and_unknown_types() {
        caught(json!([section(&"x".repeat(3001))]), "3000");
        caught(json!([{ "type": "banner" }]), "unknown block");
        caught(json!([{ "type": "actions", "elements": [] }]), "no elements");
        let input = json!({ "type": "plain_text_input", "action_id": "a" });
        let label = json!({ "type": "plain_text", "text": "l".repeat(2001) });
        let title = json!({ "type": "plain_text", "text": "W" });
        let submit = json!({ "type": "plain_text", "text": "W" });
        let blocks = json!([{ "type": "input", "label": label, "element": input }]);
        caught(
            json!({ "type": "modal", "title": title, "submit": submit, "blocks": blocks }),
            "2000",
        );
    }

    #[test]
    fn slack_types_catches_wrong_kinds_and_unknown_fields() {
        let header = json!({ "type": "header", "text": { "type": "mrkdwn", "text": "x" } });
        caught(json!([header]), "TS2322");
        let mut odd = section("x");
        odd["colour"] = json!("red");
        caught(json!([odd]), "TS2353");
        caught(json!({ "type": "modal", "blocks": [] }), "TS");
    }

    #[test]
    fn ids_used_twice_and_missing_text_are_caught() {
        let actions = |block: &str, action: &str| json!({ "type": "actions", "block_id": block, "elements": [button(action)] });
        caught(json!([actions("x", "a"), actions("x", "b")]), "block_id `x`");
        caught(json!([actions("x", "a"), actions("y", "a")]), "action_id `a`");
        caught(json!(vec![json!({ "type": "divider" }); 51]), "51 blocks");
        caught(json!({ "blocks": [section("x")] }), "no text");
    }

    #[test]
    #[should_panic(expected = "action_id `a`")]
    fn the_judge_panics_with_its_findings() {
        judge("bad", &[json!([{ "type": "actions", "elements": [button("a"), button("a")] }])]);
    }
}
