//! A start with something wrong: everything wrong is listed, the exit code is 64, and nothing was begun.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::free_port;

const GOOD: [(&str, &str); 3] = [
    ("SLACK_BOT_TOKEN", "xoxb-test-token"),
    ("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5"),
    ("DR_BUDDY_ENVIRONMENT", "staging"),
];

/// Runs `serve` with these settings until it ends; its exit code and what it said.
fn serve(settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let listen = format!("127.0.0.1:{}", free_port());
    let ran = Command::new("timeout")
        .arg("30")
        .arg(env!("CARGO_BIN_EXE_dr-buddy"))
        .arg("serve")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DR_BUDDY_LISTEN", listen)
        .envs(settings.iter().copied())
        .current_dir(&folder)
        .output()
        .expect("it runs");
    let left = fs::read_dir(&folder).expect("it is there").count();
    assert_eq!(left, 0, "no database was made");
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

fn with(more: &[(&'static str, String)]) -> (Option<i32>, String) {
    let more = more.iter().map(|(name, value)| (*name, value.as_str()));
    serve(&GOOD.into_iter().chain(more).collect::<Vec<_>>())
}

/// The names of the documents in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let files = entries.map(|entry| entry.file_name().into_string().expect("it is text"));
    files.filter(|name| name.ends_with(".yaml")).collect()
}

#[test]
fn missing_settings_are_listed_at_once() {
    let (code, said) = serve(&[("DR_BUDDY_WEB_TOKENS", "mia=short")]);
    assert_eq!(code, Some(64), "{said}");
    for name in ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "DR_BUDDY_ENVIRONMENT", "WEB_TOKENS"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    let (code, said) = with(&[("SLACK_APP_TOKEN", "xoxb-0123456789".into())]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("SLACK_APP_TOKEN") && said.contains("connections:write"), "{said}");
    assert!(!said.contains("0123456789"), "{said}");
    let (code, said) = with(&[("DR_BUDDY_ENVIRONMENT", "stagign".into())]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("staging"), "what there is: {said}");
}

#[test]
fn broken_documents_are_all_listed_and_nothing_is_half_loaded() {
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken");
    let over = tempfile::tempdir().expect("a temporary folder");
    let runbooks = over.path().join("runbooks");
    fs::create_dir(&runbooks).expect("a folder");
    for name in names(&broken) {
        fs::copy(broken.join(&name), runbooks.join(&name)).expect("it can be copied");
    }
    let prompts = ("DR_BUDDY_PROMPTS", over.path().display().to_string());
    let environments = broken.join("environments");
    let place = ("DR_BUDDY_ENVIRONMENTS", environments.display().to_string());

    let (code, said) = with(std::slice::from_ref(&prompts));
    assert_eq!(code, Some(64), "{said}");
    // Faults that only show beside other documents are not in every file.
    let listed = names(&runbooks).into_iter().filter(|name| said.contains(name)).count();
    assert!(listed >= 35, "{listed}: {said}");

    let (code, said) = with(std::slice::from_ref(&place));
    assert_eq!(code, Some(64), "{said}");
    for name in names(&environments) {
        assert!(said.contains(&name), "{name}: {said}");
    }

    let (code, said) = with(&[prompts, place]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("cycle.yaml") && said.contains("missing.yaml"), "both kinds: {said}");
}
