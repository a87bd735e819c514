//! How long `dr-buddy serve` takes from exec to ready, and how much memory, on a store that has grown.
//!
//!     cargo bench --bench restart [-- postgres://…]
//!
//! Two stores, one with 10 events and one with 1 000 closed runs, 10 open ones and 100 000 events; the real binary on
//! each, in turns. Prints; what it asks for is under 300 ms, no more than 1.5 times as long on the large one, and under
//! 60 MB at most. Without `--bench` (`cargo test --all-targets`) the large store is small, and it only shows that it works.

use std::error::Error;
use std::fs;
use std::io::{Read, Write, stdout};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dr_buddy::catalog::{Catalog, CatalogSources, Opening};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunId};
use dr_buddy::domain::run::apply::{apply, open};
use dr_buddy::domain::run::log::{record, root};
use dr_buddy::domain::run::{Entry, Event, Kind, Start};
use dr_buddy::domain::time::Timestamp;
use dr_buddy::store::postgres::PostgresStore;
use dr_buddy::store::sqlite::SqliteStore;
use dr_buddy::store::{Commit, Committed, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dr-buddy");
const NOW: Timestamp = Timestamp(1_795_184_300_000);
/// By the product's rules three kinds of run are open at most; the slots of these are made different behind its back.
const OPEN: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// What a store holds.
#[derive(Debug, Clone, Copy)]
struct Size {
    closed: usize,
    open: usize,
    events: usize,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let url = arguments.iter().find(|argument| argument.starts_with("postgres"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (closed, events, turns) = if is_bench { (1000, 100_000, 7) } else { (5, 150, 1) };
    let sizes = [Size { closed: 0, open: 1, events: 10 }, Size { closed, open: OPEN, events }];
    let folder = tempfile::tempdir_in(".")?;
    for on in std::iter::once(None).chain(url.map(Some)) {
        let mut places = Vec::new();
        for (n, size) in sizes.iter().enumerate() {
            places.push(runtime.block_on(filled(folder.path(), on, n, *size))?);
        }
        report(folder.path(), on.is_some(), &places, &sizes, turns)?;
    }
    Ok(())
}

/// A store of that size; the setting that names it to the product.
async fn filled(
    folder: &Path,
    server: Option<&String>,
    n: usize,
    size: Size,
) -> Result<(&'static str, String)> {
    let apart = "update runs set open_slot = open_slot || '/' || id where open_slot is not null";
    let Some(server) = server else {
        let path = folder.join(format!("{n}.db"));
        let url = format!("sqlite://{}", path.display());
        fill(&SqliteStore::open(&path).await?, size, async || {
            let mut db = SqliteConnection::connect(&url).await?;
            sqlx::raw_sql(apart).execute(&mut db).await?;
            Ok(db.close().await?)
        })
        .await?;
        return Ok(("DR_BUDDY_DATABASE", path.canonicalize()?.display().to_string()));
    };
    let name = format!("restart_{}_{n}", std::process::id());
    let mut db = PgConnection::connect(server).await?;
    let make = AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(make).execute(&mut db).await?;
    let (before, _) = server.rsplit_once('/').ok_or("the URL names no database")?;
    let url = format!("{before}/{name}");
    fill(&PostgresStore::open(&url.clone().into()).await?, size, async || {
        let mut db = PgConnection::connect(&url).await?;
        sqlx::raw_sql(apart).execute(&mut db).await?;
        Ok(db.close().await?)
    })
    .await?;
    Ok(("DATABASE_URL", url))
}

async fn fill(store: &dyn Store, size: Size, apart: impl AsyncFn() -> Result<()>) -> Result<()> {
    let catalog = Catalog::load(&CatalogSources::default()).map_err(|_| "the catalog is broken")?;
    let environment = EnvironmentId::parse("demo")?;
    let kind = Kind::Tabletop;
    let opening =
        Opening { key: "restart", runbook: None, environment: &environment, kind, impact_at: NOW };
    let start = catalog.start(opening).map_err(|_| "the demo cannot be opened")?;
    let runs = size.closed + size.open;
    for n in 0..runs {
        // What does not divide goes to the last.
        let notes = size.events / runs + if n + 1 == runs { size.events % runs } else { 0 };
        let is_open = n >= size.closed;
        write(store, &start, n, notes.saturating_sub(2), is_open).await?;
        if is_open {
            apart().await?;
        }
    }
    Ok(())
}

/// One run: its start, so many notes, and its end.
async fn write(
    store: &dyn Store,
    start: &Start,
    n: usize,
    notes: usize,
    is_open: bool,
) -> Result<()> {
    let by = Actor::Person { id: PersonId::parse("antoine")?, via: Surface::Web };
    let entry = |event| Entry { at: NOW, by: by.clone(), event };
    let mut start = start.clone();
    start.id = RunId::parse(&format!("RESTART-{n}"))?;
    let first = entry(Event::RunStarted(Box::new(start)));
    let mut run = open(&first).ok_or("it does not begin a run")?;
    let mut events = vec![record(&root(&run.id), 1, first)];
    let last = if is_open {
        Event::NoteAdded { text: "the last".to_owned() }
    } else {
        Event::RunClosed { reason: "over".to_owned() }
    };
    let all = (0..notes).map(|_| Event::NoteAdded { text: "x".repeat(100) }).chain([last]);
    for event in all {
        let entry = entry(event);
        apply(&mut run, &entry);
        let head = events.last().map(|event| event.hash.clone()).ok_or("there is a first")?;
        events.push(record(&head, run.seq, entry));
    }
    let key = format!("restart/{n}");
    let commit = Commit {
        key: &key,
        run: &run,
        after: 0,
        events: &events,
        effects: &[],
        settles: None,
        at: NOW,
    };
    let outcome = store.commit(&commit).await?;
    if outcome == Committed::Done { Ok(()) } else { Err(format!("run {n}: {outcome:?}").into()) }
}

/// One start of the product.
#[derive(Debug, Clone, Copy)]
struct Started {
    ready: Duration,
    peak_kb: u64,
    threads: u64,
}

fn report(
    folder: &Path,
    is_postgres: bool,
    places: &[(&'static str, String)],
    sizes: &[Size],
    turns: usize,
) -> Result<()> {
    let mut starts = vec![Vec::new(); places.len()];
    for _ in 0..turns {
        for (place, starts) in places.iter().zip(&mut starts) {
            starts.push(started(folder, place)?);
        }
    }
    let mut out = stdout();
    let profile = if cfg!(debug_assertions) { "a build WITHOUT optimisation" } else { "release" };
    let name = if is_postgres { "PostgreSQL" } else { "SQLite" };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    writeln!(out, "{name}; {profile}; load of the machine {}", load.trim())?;
    writeln!(out, "  from exec to ready, of {turns} starts in turns: median, best; most memory")?;
    let mut first = None;
    for (size, mut starts) in sizes.iter().zip(starts) {
        starts.sort_unstable_by_key(|start| start.ready);
        let ms = |start: Option<&Started>| start.map_or(0.0, |s| s.ready.as_secs_f64() * 1000.0);
        let (median, best) = (ms(starts.get(starts.len() / 2)), ms(starts.first()));
        let peak = starts.iter().map(|start| start.peak_kb).max().unwrap_or_default();
        let threads = starts.iter().map(|start| start.threads).max().unwrap_or_default();
        let base = *first.get_or_insert(median);
        writeln!(
            out,
            "  {:>7} events, {:>4} closed, {:>2} open: {median:>6.0} ms, {best:>5.0} ms ({:.2} x); {} MB, {threads} threads",
            size.events,
            size.closed,
            size.open,
            median / base,
            peak / 1024,
        )?;
    }
    Ok(())
}

fn started(folder: &Path, place: &(&'static str, String)) -> Result<Started> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(PROGRAM);
    command
        .arg("serve")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SLACK_BOT_TOKEN", "xoxb-not-a-token")
        .env("SLACK_SIGNING_SECRET", "not-a-secret")
        .env("SLACK_API_URL", "http://127.0.0.1:9/api/")
        .env("DR_BUDDY_ENVIRONMENT", "demo")
        .env("DR_BUDDY_LISTEN", format!("127.0.0.1:{port}"))
        .env(place.0, &place.1)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("serve.log"))?);
    let began = now();
    let mut child = command.spawn()?;
    let outcome = until_ready(&mut child, port, began);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
    child.kill()?;
    child.wait()?;
    let ready = outcome.map_err(|why| {
        format!("{why}: {}", fs::read_to_string(folder.join("serve.log")).unwrap_or_default())
    })?;
    let status = status?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (peak_kb, threads) = (number("VmHWM:"), number("Threads:"));
    Ok(Started { ready, peak_kb: peak_kb.unwrap_or(0), threads: threads.unwrap_or(0) })
}

fn until_ready(child: &mut Child, port: u16, began: Instant) -> Result<Duration> {
    loop {
        if is_ready(port).unwrap_or(false) {
            return Ok(began.elapsed());
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ended with {status}").into());
        }
        if began.elapsed() > PATIENCE {
            return Err("it does not become ready".into());
        }
        sleep(Duration::from_millis(1));
    }
}

fn is_ready(port: u16) -> Result<bool> {
    let mut line = TcpStream::connect(("127.0.0.1", port))?;
    line.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    line.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
