//! The demo that plays itself: from the start to a closed run, by the cards and buttons that people have.

use std::process::{Command, Output};

fn played(language: &str) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut program = Command::new("timeout");
    program.args(["120", env!("CARGO_BIN_EXE_dr-buddy"), "demo", "--script", "--lang", language]);
    program.current_dir(&folder).output().expect("it is started")
}

#[test]
fn the_demo_plays_itself_to_the_end_in_both_languages() {
    for (language, refused) in [("en", "Not counted twice"), ("fr", "Ne compte pas deux fois")] {
        let ended = played(language);
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(said.matches(refused).count(), 1, "the same person approves once: {said}");
    }
}
