//! How long Slack waits for its acknowledgement when everybody presses at once, and that nothing acknowledged is lost.
//!
//!     cargo bench --bench acknowledge
//!
//! The real `dr-buddy serve` on SQLite, which syncs every commit to the disk, before a Slack that takes whatever it is
//! sent; 1 000 signed presses, 50 at a time, each of which must be on the record. Prints; what it asks for is a p99
//! under 50 ms and none over 3 s. Without `--bench` (`cargo test --all-targets`) there are few, and it only shows that
//! it works.

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dr_buddy::domain::run::{Event, Run};
use dr_buddy::store::Store;
use dr_buddy::store::sqlite::SqliteStore;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dr-buddy");
const SECRET: &str = "not-a-secret";
const AT_ONCE: usize = 50;
const PEOPLE: [&str; 4] = ["U0ANTOINE", "U0MIA", "U0CLARA", "U0LEO"];
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let presses = if is_bench { 1000 } else { 60 };
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "no provider")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(presses))
}

/// The product; killed with the value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn measure(presses: usize) -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let slack = slack().await?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let _server = Server(serve(folder.path(), port, &slack)?);
    let base = format!("http://127.0.0.1:{port}");
    let client = reqwest::Client::builder().no_proxy().build()?;
    until(async || {
        let ready = client.get(format!("{base}/readyz")).send().await;
        ready.is_ok_and(|answer| answer.status() == 200).then_some(())
    })
    .await
    .map_err(|why| {
        format!(
            "{why}: {}",
            fs::read_to_string(folder.path().join("serve.log")).unwrap_or_default()
        )
    })?;
    let store = SqliteStore::open_beside(&folder.path().join("dr.db")).await?;
    let start = "command=%2Fdr&text=start+region-failover+tabletop&user_id=U0ANTOINE&team_id=T1\
                 &channel_id=C0DEMOWARROOM&channel_name=demo-war-room&trigger_id=1.1";
    press(&client, &base, "commands", start.to_owned()).await?;
    let run = until(async || store.runs(1).await.ok()?.pop()).await?;
    // A few to warm the connections, which are not counted.
    let warm = crowd(&client, &base, &run, 0, AT_ONCE).await?;
    let mut took = crowd(&client, &base, &run, AT_ONCE, presses).await?;
    let kept = notes(&store, &run).await?;
    report(&mut took, kept, warm.len() + presses)
}

/// So many presses, 50 at a time; how long each waited.
async fn crowd(
    client: &reqwest::Client,
    base: &str,
    run: &Run,
    first: usize,
    presses: usize,
) -> Result<Vec<Duration>> {
    let next = Arc::new(AtomicUsize::new(first));
    let mut people = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, base, next) = (client.clone(), base.to_owned(), Arc::clone(&next));
        let run = run.id.to_string();
        people.spawn(async move {
            let mut took = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= first + presses {
                    return Ok::<_, Box<dyn Error + Send + Sync>>(took);
                }
                took.push(press(&client, &base, "interactions", note(&run, n)).await?);
            }
        });
    }
    let mut all = Vec::new();
    while let Some(took) = people.join_next().await {
        all.extend(took??);
    }
    Ok(all)
}

/// What Slack sends when somebody presses Send on a note.
fn note(run: &str, n: usize) -> String {
    let person = PEOPLE.get(n % PEOPLE.len()).copied().unwrap_or_default();
    let value = json!({ "type": "plain_text_input", "value": format!("note {n}") });
    let payload = json!({
        "type": "view_submission", "team": { "id": "T1" }, "user": { "id": person, "team_id": "T1" },
        "trigger_id": format!("{n}.1"),
        "view": {
            "id": format!("V{n}"), "hash": n.to_string(), "callback_id": "ask-note",
            "private_metadata": format!("{run}||"), "blocks": [],
            "state": { "values": { "words": { "words": value } } },
        },
    });
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string()).finish()
}

/// Signs and sends as Slack does; how long until it was acknowledged.
async fn press(client: &reqwest::Client, base: &str, door: &str, body: String) -> Result<Duration> {
    let (at, signature) = signed(&body)?;
    let request = client
        .post(format!("{base}/slack/{door}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-request-timestamp", at)
        .header("x-slack-signature", signature)
        .body(body);
    let sent = now();
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    let took = sent.elapsed();
    if status == 200 { Ok(took) } else { Err(format!("{door}: {status} {text}").into()) }
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the real time of day")]
fn signed(body: &str) -> Result<(String, String)> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    Ok((at, signature))
}

/// Every note on the record, read past the product; no number twice.
async fn notes(store: &SqliteStore, run: &Run) -> Result<usize> {
    let mut texts = std::collections::BTreeSet::new();
    for one in store.record(&run.id, 0, 100_000).await? {
        if let Event::NoteAdded { text } = one.entry.event
            && !texts.insert(text.clone())
        {
            return Err(format!("`{text}` is on the record twice").into());
        }
    }
    Ok(texts.len())
}

fn report(took: &mut [Duration], kept: usize, pressed: usize) -> Result<()> {
    took.sort_unstable();
    let ms = |share: usize| {
        let at = (took.len() * share / 1000).min(took.len().saturating_sub(1));
        took.get(at).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    };
    let mut out = stdout();
    let profile = if cfg!(debug_assertions) { "a build WITHOUT optimisation" } else { "release" };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let (presses, late) = (took.len(), took.iter().filter(|took| took.as_secs() >= 3).count());
    writeln!(out, "SQLite, synchronous=FULL; {profile}; load of the machine {}", load.trim())?;
    writeln!(
        out,
        "  {presses} presses, {AT_ONCE} at a time, acknowledged: p50 {:.1} ms, p99 {:.1} ms, \
         slowest {:.1} ms; over 3 s: {late}",
        ms(500),
        ms(990),
        ms(1000),
    )?;
    writeln!(out, "  on the record: {kept} of {pressed}")?;
    if kept == pressed { Ok(()) } else { Err("a press was acknowledged and lost".into()) }
}

fn serve(folder: &Path, port: u16, slack: &str) -> Result<Child> {
    let mut command = Command::new(PROGRAM);
    command
        .arg("serve")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SLACK_BOT_TOKEN", "xoxb-not-a-token")
        .env("SLACK_SIGNING_SECRET", SECRET)
        .env("SLACK_API_URL", slack)
        .env("DR_BUDDY_ENVIRONMENT", "demo")
        .env("DR_BUDDY_LISTEN", format!("127.0.0.1:{port}"))
        .env("DR_BUDDY_DATABASE", "dr.db")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("serve.log"))?);
    Ok(command.spawn()?)
}

/// A Slack that takes every message.
#[expect(clippy::disallowed_methods, reason = "it ends with the benchmark")]
async fn slack() -> Result<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/api", listener.local_addr()?);
    let count = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let ts = format!("1700000000.{n:06}");
        let message = json!({ "type": "message", "ts": ts });
        std::future::ready(axum::Json::<Value>(json!({
            "ok": true, "channel": "C1", "ts": ts, "message": message, "team": "T", "user": "U",
            "url": "https://x.slack.test/", "team_id": "T1", "user_id": "U0BOT", "bot_id": "B0BOT",
        })))
    };
    let router = axum::Router::new().route("/api/{method}", axum::routing::any(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let began = now();
    while began.elapsed() < PATIENCE {
        if let Some(found) = look().await {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("it did not happen in a minute".into())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
