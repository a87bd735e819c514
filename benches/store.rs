//! What a request costs, beside the least that durability costs: one row in one fsynced commit of the same database.
//!
//!     cargo bench --bench store [-- postgres://…]
//!
//! Prints commits per second and the time from handing in to durable, alone and with fifty waiting, as figures and as
//! ratios to the bare commit. Measured in turns, so that a busy machine is busy for both. Without `--bench`
//! (`cargo test --all-targets`) it only shows that it works.

use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dr_buddy::catalog::{Catalog, CatalogSources, Opening};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunId, StepId};
use dr_buddy::domain::run::apply::{apply, open};
use dr_buddy::domain::run::log::{Recorded, record, root};
use dr_buddy::domain::run::state::Proof;
use dr_buddy::domain::run::{Effect, Entry, Event, Kind, MessageKey};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::store::postgres::PostgresStore;
use dr_buddy::store::sqlite::SqliteStore;
use dr_buddy::store::{Commit, Committed, Room, Store, Stored};
use serde_json::json;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const NOW: Timestamp = Timestamp(1_795_184_300_000);
const BARE: &str = "insert into bare (body) values ($1)";
/// Requests that wait at the same moment.
const CROWD: usize = 50;
const TURNS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let commits = if arguments.iter().any(|argument| argument == "--bench") { 400 } else { 5 };
    let url = arguments.iter().find(|argument| argument.starts_with("postgres"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir_in(".")?;
        sqlite(folder.path(), commits).await?;
        match url {
            Some(url) => postgres(url, commits).await,
            None => Ok(()),
        }
    })
}

async fn sqlite(folder: &Path, commits: usize) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let bare = SqlitePool::connect_with(options).await?;
    sqlx::raw_sql("create table bare (body text)").execute(&bare).await?;
    let mut db = bare.acquire().await?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.join("runs.db")).await?);
    let mut figures = Figures { state: state()?, ..Figures::default() };
    for _ in 0..TURNS {
        let began = now();
        for _ in 0..commits / TURNS {
            let one = now();
            sqlx::query(BARE).bind("x".repeat(200)).execute(&mut *db).await?;
            figures.bare.each.push(one.elapsed());
        }
        figures.bare.all += began.elapsed();
        let began = now();
        for _ in 0..commits / TURNS {
            let one = now();
            sqlx::query(BARE).bind("x".repeat(figures.state)).execute(&mut *db).await?;
            figures.heavy.each.push(one.elapsed());
        }
        figures.heavy.all += began.elapsed();
        figures.turn(&store, commits / TURNS).await?;
    }
    figures.print("SQLite, WAL, synchronous=FULL")
}

async fn postgres(url: &str, commits: usize) -> Result<()> {
    let bare = PgPool::connect(url).await?;
    sqlx::raw_sql("drop table if exists bare; create table bare (body text)")
        .execute(&bare)
        .await?;
    let mut db = bare.acquire().await?;
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&url.to_owned().into()).await?);
    let mut figures = Figures { state: state()?, ..Figures::default() };
    for _ in 0..TURNS {
        let began = now();
        for _ in 0..commits / TURNS {
            let one = now();
            sqlx::query(BARE).bind("x".repeat(200)).execute(&mut *db).await?;
            figures.bare.each.push(one.elapsed());
        }
        figures.bare.all += began.elapsed();
        let began = now();
        for _ in 0..commits / TURNS {
            let one = now();
            sqlx::query(BARE).bind("x".repeat(figures.state)).execute(&mut *db).await?;
            figures.heavy.each.push(one.elapsed());
        }
        figures.heavy.all += began.elapsed();
        figures.turn(&store, commits / TURNS).await?;
    }
    figures.print("PostgreSQL")
}

/// How long each took, and all together.
#[derive(Debug, Default)]
struct Series {
    each: Vec<Duration>,
    all: Duration,
}

impl Series {
    fn took(&mut self, one: Duration) {
        self.each.push(one);
        self.all += one;
    }

    fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.each.len()).unwrap_or(u32::MAX)) / self.all.as_secs_f64()
    }

    /// The time that so many percent did not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let mut each = self.each.clone();
        each.sort_unstable();
        each.get((each.len() * percent / 100).min(each.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Figures {
    bare: Series,
    heavy: Series,
    alone: Series,
    crowd: Series,
    /// What ends one attempt and starts the next, in one request.
    step: Series,
    /// Taking that from the outbox, which is a commit of its own.
    claim: Series,
    /// Bytes of what changes of a run, which every commit writes.
    state: usize,
}

impl Figures {
    async fn turn(&mut self, store: &Arc<dyn Store>, commits: usize) -> Result<()> {
        let stored = begin(&**store).await?;
        let began = now();
        clicks(&**store, stored, commits, &mut self.alone.each).await?;
        self.alone.all += began.elapsed();

        // Fifty runs, so that nobody waits for anybody's state: only for the disk.
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(begin(&**store).await?);
        }
        let mut tasks = JoinSet::new();
        let began = now();
        for stored in crowd {
            let store = Arc::clone(store);
            let share = (commits / 8).max(1);
            tasks.spawn(async move {
                let mut each = Vec::new();
                clicks(&*store, stored, share, &mut each).await.map(|()| each)
            });
        }
        while let Some(done) = tasks.join_next().await {
            self.crowd.each.extend(done??);
        }
        self.crowd.all += began.elapsed();
        self.steps(&**store, commits).await
    }

    /// A chain of steps: each request settles the effect that caused it and leaves the next one.
    async fn steps(&mut self, store: &dyn Store, steps: usize) -> Result<()> {
        let mut stored = begin(store).await?;
        let (step, key) = (StepId::parse("fence-primary")?, MessageKey::Notice(1));
        for attempt in (1..).take(steps) {
            let act = Effect::Act { step: step.clone(), attempt };
            store.want(&stored.run.id, &act, NOW).await?;
            let one = now();
            let claimed = store.claim("bench", NOW, Span::minutes(1), Room::each(1)).await?;
            self.claim.took(one.elapsed());
            let claimed = claimed.first().ok_or("it was wanted")?;
            let ends = Event::CallAccepted { step: step.clone(), attempt, evidence: json!({}) };
            let done = Event::StepDone {
                step: step.clone(),
                how: Proof::Accepted,
                facts: serde_json::Map::new(),
            };
            let note = Event::NoteAdded { text: "the next begins".to_owned() };
            let after = stored.run.seq;
            let mut events = Vec::new();
            for event in [ends, done, note] {
                let entry = Entry { at: NOW, by: Actor::Engine, event };
                apply(&mut stored.run, &entry);
                events.push(record(&stored.head, stored.run.seq, entry));
                stored.head = events.last().ok_or("it was put there")?.hash.clone();
            }
            let effects = [Effect::Show(MessageKey::Run), Effect::Show(key.clone())];
            let name = format!("{}/step/{attempt}", stored.run.id);
            let one = now();
            let commit = Commit {
                key: &name,
                run: &stored.run,
                after,
                events: &events,
                effects: &effects,
                settles: Some(claimed),
                at: NOW,
            };
            let outcome = store.commit(&commit).await?;
            self.step.took(one.elapsed());
            if outcome != Committed::Done {
                return Err(format!("a step was not committed: {outcome:?}").into());
            }
        }
        Ok(())
    }

    fn print(&self, name: &str) -> Result<()> {
        let mut out = stdout();
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let base = self.bare.percentile(50);
        writeln!(out, "{name}; a click writes {} bytes of steps and one event", self.state)?;
        writeln!(
            out,
            "  {:<28} {:>9} {:>9} {:>9}   ratio to the bare commit (p50; rate)",
            "", "commits/s", "p50 ms", "p99 ms"
        )?;
        let rows = [
            ("bare one-row commit", &self.bare),
            ("bare, as large as a state", &self.heavy),
            ("a click, alone", &self.alone),
            ("clicks, 50 waiting", &self.crowd),
            ("a step in a chain", &self.step),
            ("taking it (claim)", &self.claim),
        ];
        for (what, series) in rows {
            writeln!(
                out,
                "  {what:<28} {:>9.0} {:>9.2} {:>9.2}   {:.2} C; {:.2} x",
                series.per_second(),
                ms(series.percentile(50)),
                ms(series.percentile(99)),
                ms(series.percentile(50)) / ms(base),
                series.per_second() / self.bare.per_second(),
            )?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn antoine() -> Result<Actor> {
    Ok(Actor::Person { id: PersonId::parse("antoine")?, via: Surface::Web })
}

/// How large the state of a run of the demo is.
fn state() -> Result<usize> {
    Ok(serde_json::to_string(&drafted("state")?.1.run.steps)?.len())
}

/// A run that holds nobody's place: it is closed, and goes on being written to.
fn drafted(key: &str) -> Result<(Vec<Recorded>, Stored)> {
    let catalog = Catalog::load(&CatalogSources::default()).map_err(|_| "the catalog is broken")?;
    let environment = EnvironmentId::parse("demo")?;
    let kind = Kind::Tabletop;
    let opening = Opening { key, runbook: None, environment: &environment, kind, impact_at: NOW };
    let mut start = catalog.start(opening).map_err(|_| "the demo cannot be opened")?;
    start.id = RunId::parse(&format!("BENCH-{}", uuid::Uuid::new_v4().simple()))?;
    let id = start.id.clone();
    let first = Entry { at: NOW, by: antoine()?, event: Event::RunStarted(Box::new(start)) };
    let last = Entry {
        at: NOW,
        by: antoine()?,
        event: Event::RunClosed { reason: "only measured".to_owned() },
    };
    let mut run = open(&first).ok_or("it does not begin a run")?;
    let first = record(&root(&id), 1, first);
    apply(&mut run, &last);
    let last = record(&first.hash, run.seq, last);
    let head = last.hash.clone();
    Ok((vec![first, last], Stored { head, run }))
}

async fn begin(store: &dyn Store) -> Result<Stored> {
    let key = uuid::Uuid::new_v4().to_string();
    let (events, stored) = drafted(&key)?;
    write(store, &key, &stored, 0, &events, &[]).await?;
    Ok(stored)
}

/// So many requests, each decided on the state the last one left: one event, two cards to bring up to date.
async fn clicks(
    store: &dyn Store,
    mut stored: Stored,
    commits: usize,
    each: &mut Vec<Duration>,
) -> Result<()> {
    let effects = [Effect::Show(MessageKey::Run), Effect::Show(MessageKey::Notice(1))];
    for n in 0..commits {
        let event = Event::NoteAdded { text: "x".repeat(100) };
        let entry = Entry { at: NOW, by: antoine()?, event };
        let after = stored.run.seq;
        apply(&mut stored.run, &entry);
        let recorded = record(&stored.head, stored.run.seq, entry);
        stored.head = recorded.hash.clone();
        let key = format!("{}/{n}", stored.run.id);
        let one = now();
        write(store, &key, &stored, after, &[recorded], &effects).await?;
        each.push(one.elapsed());
    }
    Ok(())
}

async fn write(
    store: &dyn Store,
    key: &str,
    stored: &Stored,
    after: u64,
    events: &[Recorded],
    effects: &[Effect],
) -> Result<()> {
    let run = &stored.run;
    let commit = Commit { key, run, after, events, effects, settles: None, at: NOW };
    let outcome = store.commit(&commit).await?;
    if outcome == Committed::Done {
        Ok(())
    } else {
        Err(format!("not committed: {outcome:?}").into())
    }
}
