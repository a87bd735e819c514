//! The real binary and its database: health tells the truth, and PostgreSQL may be away.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Child, Postgres, eventually, free_port, http, postgres};

/// A server with nothing to do.
struct Server {
    base: String,
    child: Child,
    _folder: TempDir,
}

impl Server {
    /// Started, not waited for.
    fn start(database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listen = format!("127.0.0.1:{}", free_port());
        let settings = [
            ("DR_BUDDY_LISTEN", listen.as_str()),
            ("DATABASE_URL", database),
            ("DR_BUDDY_ENVIRONMENT", "demo"),
            ("SLACK_BOT_TOKEN", "xoxb-not-a-secret"),
            ("SLACK_SIGNING_SECRET", "not-a-secret"),
            ("RUST_LOG", "info"),
            ("NO_COLOR", "1"),
        ];
        let binary = Path::new(env!("CARGO_BIN_EXE_dr-buddy"));
        let child = Child::start("server", folder.path(), binary, ["serve"], &settings);
        Self { base: format!("http://{listen}"), child, _folder: folder }
    }

    /// What a page says, once anybody answers at all.
    async fn asks(&self, path: &str) -> Option<(u16, String)> {
        let answer = http().get(format!("{}{path}", self.base)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.unwrap_or_default()))
    }

    async fn says(&mut self, path: &str, status: u16, part: &str) -> String {
        let (base, child) = (&self.base, &mut self.child);
        let url = format!("{base}{path}");
        eventually(&format!("{path} says {status} {part}"), 60, || {
            child.must_live();
            let url = url.clone();
            let part = part.to_owned();
            async move {
                let answer = http().get(url).send().await.ok()?;
                let (was, text) = (answer.status().as_u16(), answer.text().await.ok()?);
                (was == status && text.contains(&part)).then_some(text)
            }
        })
        .await
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let ran = Command::new("kill").args(["-TERM", &id]).status();
        assert!(ran.expect("kill runs").success());
    }

    async fn ends_with(&mut self, code: i32) -> String {
        let child = &mut self.child;
        let ended = eventually("it ends", 60, || {
            let ended = child.ended_with();
            async move { ended }
        })
        .await;
        assert_eq!(ended, Some(code), "{}", self.child.said());
        self.child.said()
    }
}

#[tokio::test]
async fn readyz_tells_the_truth_while_postgresql_is_away_and_comes_back_by_itself() {
    let database = Postgres::own("truth").await;
    let mut server = Server::start(&database.database().await);
    server.says("/readyz", 200, "ready").await;
    database.kill().await;
    let first = server.says("/readyz", 503, "the database does not take writes").await;
    assert!(first.starts_with("not ready since 20") && first.contains(" UTC: "), "{first}");
    assert_eq!(server.asks("/healthz").await.expect("it lives").0, 200);
    // Since when stays since when.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(server.says("/readyz", 503, "").await, first);
    database.begin().await;
    server.says("/readyz", 200, "ready").await;
    server.terminate();
    server.ends_with(0).await;
}

#[tokio::test]
async fn asking_for_readiness_writes_at_most_once_a_second() {
    let database = postgres().await.database().await;
    let mut server = Server::start(&database);
    server.says("/readyz", 200, "ready").await;
    let began = tokio::time::Instant::now();
    for _ in 0..300 {
        assert_eq!(server.asks("/readyz").await.expect("it answers").0, 200);
    }
    let seconds = i64::try_from(began.elapsed().as_secs()).expect("short");
    let mut db = <sqlx::PgConnection as sqlx::Connection>::connect(&database).await.unwrap();
    let written: i64 = sqlx::query_scalar("select at from inbox where key = 'check'")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert!(written <= seconds + 3, "{written} writes in {seconds} s");
}

#[tokio::test]
async fn postgresql_that_is_away_at_the_start_is_waited_for_and_people_are_told() {
    let database = Postgres::own("late").await;
    let url = database.database().await;
    database.kill().await;
    let mut server = Server::start(&url);
    server.says("/readyz", 503, "the database cannot be reached").await;
    assert_eq!(server.asks("/healthz").await.expect("it lives").0, 200);
    let asked = http().post(format!("{}/slack/commands", server.base)).body("x").send().await;
    let asked = asked.expect("it answers");
    assert_eq!(asked.status().as_u16(), 503, "Slack shows its warning");
    assert!(asked.text().await.unwrap().contains("nothing is lost"));
    assert!(server.child.said().contains("The database cannot be reached"));
    assert!(!server.child.said().contains("not-a-secret"), "{}", server.child.said());
    database.begin().await;
    server.says("/readyz", 200, "ready").await;
    let asked = http().post(format!("{}/slack/commands", server.base)).body("x").send().await;
    assert_eq!(asked.expect("it answers").status().as_u16(), 401, "the door is open");
}

#[tokio::test]
async fn told_to_end_while_it_waits_for_the_database_it_ends() {
    let database = Postgres::own("waits").await;
    let url = database.database().await;
    database.kill().await;
    let mut server = Server::start(&url);
    server.says("/readyz", 503, "the database cannot be reached").await;
    server.terminate();
    server.ends_with(0).await;
}

#[tokio::test]
async fn a_database_or_a_role_that_is_not_there_is_no_reason_to_wait() {
    let right = postgres().await.database().await;
    let (server, _) = right.rsplit_once('/').unwrap();
    let nowhere = format!("{server}/nowhere");
    let nobody = right.replace("postgres:not-a-secret@", "nobody:not-a-secret@");
    for (url, why) in
        [(nowhere, "\"nowhere\" does not exist"), (nobody, "\"nobody\" does not exist")]
    {
        let said = Server::start(&url).ends_with(1).await;
        assert!(said.contains("could not open the database of DATABASE_URL"), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(!said.contains("not-a-secret"), "{said}");
    }
}
