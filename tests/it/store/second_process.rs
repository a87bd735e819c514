//! A SQLite file serves one process: a second one says so and ends.

use std::path::Path;
use std::process::Command;

use crate::harness::{Child, eventually, free_port};

const BOT: &str = env!("CARGO_BIN_EXE_dr-buddy");

fn settings<'a>(database: &'a str, listen: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("DR_BUDDY_DATABASE", database),
        ("DR_BUDDY_LISTEN", listen),
        ("DR_BUDDY_ENVIRONMENT", "demo"),
        ("SLACK_BOT_TOKEN", "xoxb-0"),
        ("SLACK_SIGNING_SECRET", "0"),
        ("SLACK_API_URL", "http://127.0.0.1:9"),
        ("RUST_LOG", "info"),
    ]
}

async fn serve(name: &str, folder: &Path, database: &str) -> Child {
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = settings(database, &listen);
    let mut child = Child::start(name, folder, Path::new(BOT), ["serve"], &settings);
    eventually("the bot is ready", 30, || {
        child.must_live();
        let is_ready = child.said().contains("Ready on");
        async move { is_ready.then_some(()) }
    })
    .await;
    child
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("runs.db").display().to_string();
    let first = serve("first", folder.path(), &database).await;
    let listen = format!("127.0.0.1:{}", free_port());
    let second = Command::new(BOT)
        .arg("serve")
        .env_remove("DATABASE_URL")
        .envs(settings(&database, &listen))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    let wanted = format!("is in use by another dr-buddy (process {})", first.id());
    assert!(said.contains(&wanted) && said.contains("DATABASE_URL"), "{said}");
    // Dropping kills with SIGKILL: the lock goes with the process, however it ends.
    drop(first);
    drop(serve("third", folder.path(), &database).await);
}
