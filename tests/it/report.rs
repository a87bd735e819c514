//! `dr-buddy report` on a run that was recorded: printed twice in both languages, byte for byte the same, its figures
//! worked out once more by SQL on the database, which knows nothing of how the product replays a record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use dr_buddy::desk::Answer;
use dr_buddy::domain::ids::{RunId, StepId};
use dr_buddy::domain::run::{Kind, Request};
use dr_buddy::domain::time::Span;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::walk::{by, open};

/// From the impact until the run is started.
const UNNOTICED: Span = Span::minutes(4);
const NOTE: &str = "restarted the | <b>proxy</b>\nby hand";

fn ask(database: &Path, args: &[&str]) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_dr-buddy"))
        .arg("report")
        .args(args)
        .env("DR_BUDDY_DATABASE", database)
        .env("DR_BUDDY_ENVIRONMENT", "demo")
        .output()
        .expect("it starts");
    let said = String::from_utf8(out.stdout).expect("it is text");
    (out.status.code().expect("it ends by itself"), said)
}

/// A failover on the table, in which a note is written and a step skipped; the clock runs 240 times as fast.
async fn recorded(folder: &Path) -> RunId {
    let (app, mut table) = open(&[], 240, folder).await;
    let impact = table.desk.engine.clock.now().minus(UNNOTICED);
    let started = table.desk.start("report", &by("antoine"), None, Kind::Tabletop, impact).await;
    assert!(matches!(started, Answer::Done { .. }));
    assert!(table.ask("mia", &Request::Note { text: NOTE.into() }).await);
    let step = StepId::parse("open-ticket").expect("an id");
    assert!(table.ask("antoine", &Request::Skip { step, reason: "no ticket today".into() }).await);
    let run = table.until_settled().await;
    assert!(table.ask("antoine", &Request::Close { reason: "well done".into() }).await);
    app.stop().await;
    run.id
}

/// From the impact until the step that the runbook names was done, from the first GO until then, and what was there.
const TIMES: &str = "with e as (select seq, json_extract(body, '$.at') at, body from events where run_id = $1),
  start as (select json_extract(body, '$.event.run_started') s, at from e where seq = 1),
  back as (select min(e.at) at from e, start
    where json_extract(body, '$.event.step_done.step') = json_extract(s, '$.runbook.restored_by')),
  go as (select min(e.at) at from e where json_extract(body, '$.event.step_done.how') = 'people'
    and json_extract(body, '$.event.step_done.step') in (select json_extract(value, '$.id')
      from start, json_each(s, '$.runbook.steps')
      where json_extract(value, '$.action.name') = 'human.decide'))
select back.at - json_extract(s, '$.impact_at'), start.at - json_extract(s, '$.impact_at'), back.at - go.at,
  (select count(*) from e) from start, back, go";

/// Of each step that was done: from when its last attempt began, or people were asked, until then.
const TOOK: &str = "with e as (select seq, json_extract(body, '$.at') at, k.key what, json_extract(k.value, '$.step') step,
    json_extract(k.value, '$.how') how
    from events, json_each(body, '$.event') k where run_id = $1 and k.type = 'object'),
  human as (select json_extract(value, '$.id') id, json_extract(value, '$.action.name') like 'human.%' is_human
    from events, json_each(body, '$.event.run_started.runbook.steps') where run_id = $1 and seq = 1),
  done as (select step, min(seq) seq from e where what = 'step_done' and how in ('seen', 'accepted', 'people') group by step)
select d.step, (select at from e where e.seq = d.seq) - (select at from e
    where e.step = d.step and e.seq < d.seq and case when h.is_human then what in ('step_opened', 'step_reopened')
      else what = 'attempt_started' end
    order by e.seq desc limit 1)
  from done d join human h on h.id = d.step order by 1";

/// Of each step: how long it stood where only people could move it, by what had happened to it last.
const WAITED: &str = "with e as (select seq, json_extract(body, '$.at') at, k.key what, json_extract(k.value, '$.step') step,
    json_extract(k.value, '$.seen.happened') seen
    from events, json_each(body, '$.event') k where run_id = $1 and k.type = 'object'),
  moves as (select step, at, what, seen, lead(at) over (partition by step order by seq) - at ms from e
    where step is not null and what in ('step_opened', 'step_reopened', 'preview_asked', 'preview_shown',
      'preview_failed', 'approvals_voided', 'step_approved', 'step_declined', 'attempt_started', 'call_accepted',
      'outcome_unknown', 'outcome_probed', 'step_done', 'step_failed', 'step_skipped'))
select step, sum(case when what in ('preview_shown', 'preview_failed', 'step_declined', 'outcome_unknown', 'step_failed')
    or what = 'outcome_probed' and seen in ('never', 'unknown') then coalesce(ms, 0) else 0 end)
  from moves group by step order by step";

async fn by_step(pool: &SqlitePool, sql: &'static str, run: &RunId) -> BTreeMap<String, i64> {
    let rows = sqlx::query_as::<_, (String, i64)>(sql).bind(run.as_str()).fetch_all(pool).await;
    rows.expect("it can be asked").into_iter().collect()
}

fn column(report: &Value, of: impl Fn(&Value) -> Option<i64>) -> BTreeMap<String, i64> {
    let rows = report["durations"].as_array().expect("it is a list").iter();
    let named = |row: &Value| Some((row["step"].as_str()?.to_owned(), of(row)?));
    rows.filter_map(named).collect()
}

async fn assert_figures(database: &Path, run: &RunId, report: &Value) -> [Span; 2] {
    let options = SqliteConnectOptions::new().filename(database);
    let pool = SqlitePool::connect_with(options).await.expect("it opens");
    let times = sqlx::query_as::<_, (i64, i64, i64, i64)>(TIMES).bind(run.as_str());
    let (rto, unnoticed, go, events) = times.fetch_one(&pool).await.expect("it can be asked");
    let figure = |name: &str| report["times"][name]["ms"].as_i64();
    assert_eq!(figure("rto"), Some(rto));
    assert_eq!(figure("impact_to_start"), Some(unnoticed));
    assert_eq!(figure("execution"), Some(go));
    assert_eq!(report["record"]["events"], events);
    // Nothing rang.
    assert_eq!((figure("detection"), figure("declaration")), (None, None));
    let took = by_step(&pool, TOOK, run).await;
    assert!(took.len() > 30 && took.values().any(|ms| *ms > 10_000), "{took:?}");
    assert_eq!(column(report, |row| row["took"]["ms"].as_i64()), took);
    let waited = by_step(&pool, WAITED, run).await;
    let told = column(report, |row| row["waited_ms"].as_i64());
    // Steps that were not needed are in the record, and have no row.
    let known: BTreeMap<_, _> =
        waited.clone().into_iter().filter(|(id, _)| told.contains_key(id)).collect();
    assert_eq!(told, known);
    assert_eq!(report["times"]["waited_ms"], waited.values().sum::<i64>());
    assert!(waited.values().sum::<i64>() > 60_000, "{waited:?}");
    pool.close().await;
    [rto, waited.values().sum()].map(|ms| Span(u64::try_from(ms).expect("it is a length")))
}

/// The rows and marks of a document are the same in both languages; its words are not.
fn assert_document(text: &str, run: &RunId, mark: &str, [rto, waited]: [Span; 2]) {
    assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
    for part in [
        run.as_str(),
        &rto.clock(),
        &waited.clock(),
        "restarted the \\| &lt;b>proxy&lt;/b> by hand",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(text.matches(mark).count(), 29, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("## ")).count(), 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_run_is_reported_the_same_twice_and_by_its_own_figures() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = recorded(folder.path()).await;
    let database = folder.path().join("demo.db");
    let print = |lang: &str, format: &str| {
        let args = [run.as_str(), "--lang", lang, "--format", format];
        let (first, again) = (ask(&database, &args), ask(&database, &args));
        assert_eq!(first, again);
        assert_eq!(first.0, 0, "{}", first.1);
        first.1
    };
    let [en, fr] = ["en", "fr"]
        .map(|lang| serde_json::from_str::<Value>(&print(lang, "json")).expect("it is JSON"));
    let told = assert_figures(&database, &run, &en).await;
    assert_eq!((&en["patch"], &en["times"]["rto"]), (&fr["patch"], &fr["times"]["rto"]));
    assert_ne!(en["title"], fr["title"]);
    assert_document(&print("en", "markdown"), &run, "**[TO FILL]**", told);
    assert_document(&print("fr", "markdown"), &run, "**[À REMPLIR]**", told);

    let how = |one: &Value| {
        (one["how"].as_str().map(str::to_owned), one["step"].as_str().map(str::to_owned))
    };
    let deviations: BTreeSet<_> =
        en["deviations"].as_array().expect("it is a list").iter().map(how).collect();
    for (kind, step) in [
        ("skipped", "open-ticket"),
        // What the demo's world does to the first attempt.
        ("unknown", "promote-database"),
        ("failed", "pin-dns"),
    ] {
        assert!(deviations.contains(&(Some(kind.into()), Some(step.into()))), "{deviations:?}");
    }
    // On a table only people take their own time.
    for proposal in en["proposals"].as_array().expect("it is a list") {
        let row = en["durations"]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["step"] == proposal["step"]));
        assert_eq!(row.expect("it was measured")["is_human"], true, "{proposal}");
    }
    assert!(en["patch"].as_str().is_some_and(|patch| patch.contains("+    typical: ")), "{en:#}");
    assert!(en["record"]["is_whole"].as_bool().expect("it is told"));

    let (code, said) = ask(&database, &["OPS-NEVER"]);
    assert!(
        code == 2 && said.contains(run.as_str()) && said.contains("DR_BUDDY_DATABASE"),
        "{said}"
    );
    let (code, said) = ask(&database, &["OPS-NEVER", "--lang", "fr"]);
    assert!(code == 2 && said.contains("Suite"), "{said}");
    assert_eq!(ask(&database, &[run.as_str(), "--lang", "de"]).0, 64);
}
