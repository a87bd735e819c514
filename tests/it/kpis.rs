//! The figures over 400 generated runs are those that the seed's SQL finds in the same data, on a real PostgreSQL.

use std::collections::BTreeMap;

use dr_buddy::catalog::{Catalog, CatalogSources, Opening};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{Digest, EnvironmentId, PersonId, RunId, RunbookId, StepId};
use dr_buddy::domain::report::exercised::exercised;
use dr_buddy::domain::report::kpis::{Amount, Kpi, Unit, kpis, step_times};
use dr_buddy::domain::report::outcome::{Outcome, Practised};
use dr_buddy::domain::run::declared::{Declared, Severity};
use dr_buddy::domain::run::log::{Recorded, record, root};
use dr_buddy::domain::run::state::Proof;
use dr_buddy::domain::run::{Entry, Event, Kind, Start};
use dr_buddy::domain::runbook::{Runbook, Step};
use dr_buddy::domain::time::{Span, Timestamp};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::crash::Dice;
use crate::harness::postgres;

const RUNS: usize = 400;
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// Days before that, and the leap day of 2024 among them.
const FIRST: &str = "2023-10-20T07:00:00Z";
const DAYS: u64 = 900;

/// Half a unit of what the domain keeps: whole milliseconds, rounded down; in seconds.
const EXACT: f64 = 0.001_01;
/// The seed counts whole minutes, rounded down, before it adds them up: a mean of them is less than a minute short.
const WHOLE_MINUTES: f64 = 60.0;
/// The seed rounds shares to two decimals.
const SHARE: f64 = 0.005_01;
/// The seed rounds hours to one decimal; in seconds.
const TENTH_OF_HOUR: f64 = 180.1;

/// The tables of the seed. A run of which nobody said how bad it was has no severity.
const TABLES: &str = "
set time zone 'UTC';
create table incidents (
    incident_date timestamptz not null, severity text, detected_at timestamptz not null,
    resolved_at timestamptz, closed_at timestamptz, rto_target interval not null,
    loss interval, rpo_target interval not null);
create table dr_tests (test_date timestamptz not null, result text);
create table steps (step text not null, took_ms bigint not null);
create function instant(ms bigint) returns timestamptz language sql
    as $$ select timestamptz 'epoch' + ms * interval '1 millisecond' $$;
-- MySQL's TIMESTAMPDIFF(MINUTE, a, b).
create function minutes(a timestamptz, b timestamptz) returns numeric language sql
    as $$ select trunc(extract(epoch from b - a) / 60) $$;
";

const FILL: &str = "
insert into incidents select instant(impact), severity, instant(coalesce(alarm, start)), instant(restored), instant(closed),
    rto * interval '1 millisecond', loss * interval '1 millisecond', rpo * interval '1 millisecond'
from jsonb_to_recordset($1::jsonb) as r(kind text, impact bigint, severity text, alarm bigint, start bigint,
    restored bigint, closed bigint, rto bigint, loss bigint, rpo bigint)
where kind = 'incident'";

const FILL_TESTS: &str = "
insert into dr_tests select instant(impact),
    case held when true then 'SUCCESS' when false then 'FAILURE' end
from jsonb_to_recordset($1::jsonb) as r(kind text, impact bigint, held boolean)
where kind = 'exercise'";

const FILL_STEPS: &str = "
insert into steps select s.step, s.took from jsonb_to_recordset($1::jsonb) as r(kind text, steps jsonb),
    jsonb_to_recordset(r.steps) as s(step text, took bigint)
where kind <> 'tabletop'";

/// The seed groups by `DATE_FORMAT(incident_date, '%Y-%m')`; here also by quarter, and all together.
const PERIODS: &str = "
create view periods as
with beginning as (select date_trunc('month', min(d)) as first_day from
    (select incident_date as d from incidents union all select test_date from dr_tests) as all_dates)
select distinct d, period, starts, least(ends, instant(NOW)) as ends
from (select incident_date as d from incidents union select test_date from dr_tests) as dates, beginning,
lateral (values
    (to_char(d, 'YYYY-MM'), date_trunc('month', d), date_trunc('month', d) + interval '1 month'),
    (to_char(d, 'YYYY-\"Q\"Q'), date_trunc('quarter', d), date_trunc('quarter', d) + interval '3 months'),
    ('all', first_day, instant(NOW))) as p(period, starts, ends)";

/// 1. MTBF. The seed: `ROUND(30 * 24 / COUNT(*), 1)`; domain.md C6 divides the hours of the period, whose months have
///    their own lengths and of which the last is not over. `severity IN ('P0', 'P1')`, here and below: and those that
///    nobody rated, which must not make the figures better.
const MTBF: &str = "
select period, count(*), round(extract(epoch from ends - starts) / 3600 / count(*), 1)::float8 * 3600
from incidents join periods on d = incident_date
where coalesce(severity, 'P0') in ('P0', 'P1')
group by period, starts, ends";

/// 2. MTTR, word for word. Whole minutes, as the seed counts them.
const MTTR: &str = "
select period, count(resolved_at), avg(minutes(detected_at, resolved_at))::float8 * 60,
    min(minutes(detected_at, resolved_at))::float8 * 60, max(minutes(detected_at, resolved_at))::float8 * 60,
    avg(extract(epoch from resolved_at - detected_at))::float8
from incidents join periods on d = incident_date
where coalesce(severity, 'P0') in ('P0', 'P1')
group by period having count(resolved_at) > 0";

/// 3. RTO achievement. The seed: `TIMESTAMPDIFF(MINUTE, detected_at, resolved_at) <= rto_target`; domain.md C2 counts
///    from the impact, and 30 minutes and 59 seconds are more than 30 minutes. The seed's incidents are all over: one
///    that is open, and its time not over, is neither.
const RTO: &str = "
select period, count(*),
    round(100.0 * sum(case when resolved_at - incident_date <= rto_target then 1 else 0 end) / count(*), 2)::float8
from incidents join periods on d = incident_date
where coalesce(severity, 'P0') in ('P0', 'P1')
    and (resolved_at is not null or closed_at is not null or instant(NOW) - incident_date > rto_target)
group by period";

/// 4. DR test success, word for word, but for tests that are not over.
const TESTS: &str = "
select period, count(*),
    round(100.0 * sum(case when result = 'SUCCESS' then 1 else 0 end) / count(*), 2)::float8
from dr_tests join periods on d = test_date
where result is not null
group by period";

/// Not in the seed: domain.md C6 adds the RPO.
const RPO: &str = "
select period, count(*), avg(extract(epoch from loss))::float8, max(extract(epoch from loss))::float8,
    round(100.0 * sum(case when loss <= rpo_target then 1 else 0 end) / count(*), 2)::float8
from incidents join periods on d = incident_date
where coalesce(severity, 'P0') in ('P0', 'P1') and loss is not null
group by period";

/// Not in the seed: how many were not rated.
const UNRATED: &str = "
select period, count(*), round(100.0 * sum(case when severity is null then 1 else 0 end) / count(*), 2)::float8
from incidents join periods on d = incident_date
where coalesce(severity, 'P0') in ('P0', 'P1')
group by period";

/// Not in the seed: domain.md C6 adds the times of steps.
const STEPS: &str = "
select step, count(*), percentile_disc(0.5) within group (order by took_ms),
    percentile_disc(0.9) within group (order by took_ms)
from steps group by step";

/// A run as it may have been: some not rated, not alarmed, not measured, not restored, not closed; some that hit their
/// target, or the border of a month, to the millisecond.
fn outcome(dice: &mut Dice, n: usize) -> Outcome {
    let day = Span(dice.roll(DAYS) * DAY);
    let mut at = Timestamp::parse(FIRST).unwrap().plus(day).plus(Span(dice.roll(DAY)));
    if dice.roll(10) == 0 {
        let (year, month) = at.month();
        let begins = Timestamp::of_month(year, month).unwrap();
        at = if dice.roll(2) == 0 { begins } else { begins.minus(Span(1)) };
    }
    let kind = [Kind::Incident, Kind::Incident, Kind::Exercise, Kind::Tabletop]
        [usize::try_from(dice.roll(4)).unwrap()];
    let severities = [None, Some(Severity::Sev1), Some(Severity::Sev2), Some(Severity::Sev3)];
    let rto = Span(MINUTE * (20 + 10 * dice.roll(2)));
    let started_at = at.plus(Span(dice.roll(9 * MINUTE)));
    let alarm_at =
        (dice.roll(4) > 0).then(|| at.plus(Span(dice.roll(started_at.since(at).ms() + 1))));
    let back = match dice.roll(8) {
        0 => at.plus(rto),
        1 => at.plus(Span(rto.ms() + 1)),
        _ => started_at.plus(Span(dice.roll(40 * MINUTE))),
    };
    let restored_at = (dice.roll(10) > 0).then_some(back.max(started_at));
    let closed_at = (dice.roll(12) > 0).then(|| back.plus(Span(MINUTE)));
    let held = (kind == Kind::Exercise && closed_at.is_some()).then(|| dice.roll(3) > 0);
    let done = |step: &str, took| Practised {
        runbook: RunbookId::parse("region-failover").unwrap(),
        step: StepId::parse(step).unwrap(),
        definition: Digest::of(b"as it was"),
        done_at: back,
        took: Span(took),
    };
    let steps = ["fence", "promote", "pin"].into_iter().filter(|_| !n.is_multiple_of(3));
    Outcome {
        run: RunId::parse(&format!("run-{n}")).unwrap(),
        environment: EnvironmentId::parse("prod").unwrap(),
        kind,
        severity: severities[usize::try_from(dice.roll(4)).unwrap()],
        impact_at: at,
        alarm_at,
        started_at,
        restored_at,
        closed_at,
        rto,
        rpo: Span::minutes(5),
        loss: (dice.roll(2) == 0).then(|| Span([0, 300_000, 300_001, dice.roll(600_000)][n % 4])),
        held,
        steps: steps.map(|step| done(step, dice.roll(5 * MINUTE))).collect(),
    }
}

fn row(outcome: &Outcome) -> Value {
    let ms = |at: Option<Timestamp>| at.map(|at| at.0);
    let severity = outcome.severity.map(|severity| match severity {
        Severity::Sev1 => "P0",
        Severity::Sev2 => "P1",
        Severity::Sev3 => "P2",
    });
    let steps = outcome.steps.iter().map(|done| json!({"step": done.step, "took": done.took.ms()}));
    json!({
        "kind": outcome.kind, "severity": severity, "impact": outcome.impact_at.0, "alarm": ms(outcome.alarm_at),
        "start": outcome.started_at.0, "restored": ms(outcome.restored_at), "closed": ms(outcome.closed_at),
        "rto": outcome.rto.ms(), "rpo": outcome.rpo.ms(), "loss": outcome.loss.map(Span::ms),
        "held": outcome.held, "steps": steps.collect::<Vec<_>>(),
    })
}

/// What the domain says: by period and figure, in seconds or percent, with how many runs it comes from.
fn ours(outcomes: &[Outcome], now: Timestamp) -> BTreeMap<(String, Kpi), (f64, i64)> {
    let mut all = BTreeMap::new();
    for kpis in kpis(outcomes, now) {
        for figure in &kpis.figures {
            assert_eq!(figure.amount.is_none(), figure.runs == 0, "{figure:?}");
            if let Some(amount) = figure.amount {
                assert_eq!(matches!(amount, Amount::Time(_)), figure.kpi.unit() == Unit::Seconds);
                let runs = i64::try_from(figure.runs).unwrap();
                all.insert((kpis.period.to_string(), figure.kpi), (amount.number(), runs));
            }
        }
    }
    all
}

/// Takes the figure out, and compares it: `theirs` may be less than ours by `short`, and differ by `rounding`.
#[derive(Debug)]
struct Compared(BTreeMap<(String, Kpi), (f64, i64)>);

impl Compared {
    fn same(
        &mut self,
        period: &str,
        kpi: Kpi,
        (runs, theirs): (i64, f64),
        rounding: f64,
        short: f64,
    ) {
        let (ours, count) = self
            .0
            .remove(&(period.to_owned(), kpi))
            .unwrap_or_else(|| panic!("{period}: {kpi:?} is unknown"));
        let more = ours - theirs;
        assert!(
            more > -rounding && more < short + rounding,
            "{period}: {kpi:?}: {ours}, and by SQL {theirs}"
        );
        assert_eq!(count, runs, "{period}: {kpi:?}");
    }
}

async fn filled(outcomes: &[Outcome], now: Timestamp) -> PgConnection {
    let mut db = PgConnection::connect(&postgres().await.database().await).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&mut db).await.unwrap();
    let rows = Value::Array(outcomes.iter().map(row).collect()).to_string();
    for fill in [FILL, FILL_TESTS, FILL_STEPS] {
        sqlx::query(fill).bind(&rows).execute(&mut db).await.unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(at(PERIODS, now))).execute(&mut db).await.unwrap();
    db
}

fn at(sql: &str, now: Timestamp) -> String {
    sql.replace("NOW", &now.0.to_string())
}

/// Period, how many runs, the figure.
async fn shares(db: &mut PgConnection, sql: &str, now: Timestamp) -> Vec<(String, i64, f64)> {
    sqlx::query_as(AssertSqlSafe(at(sql, now))).fetch_all(db).await.unwrap()
}

#[tokio::test]
async fn the_figures_over_400_runs_are_those_of_the_seeds_sql() {
    let mut dice = Dice(20_231_020);
    let outcomes: Vec<Outcome> = (0..RUNS).map(|n| outcome(&mut dice, n)).collect();
    // Some incidents are open, with and without time left.
    let last = outcomes.iter().map(|outcome| outcome.impact_at).max().unwrap();
    let now = last.plus(Span::minutes(10));
    let mut db = filled(&outcomes, now).await;
    let mut compared = Compared(ours(&outcomes, now));
    assert!(compared.0.len() > 300, "{}", compared.0.len());

    for (period, runs, seconds) in shares(&mut db, MTBF, now).await {
        compared.same(&period, Kpi::Mtbf, (runs, seconds), TENTH_OF_HOUR, 0.0);
    }
    let mttr: Vec<(String, i64, f64, f64, f64, f64)> =
        sqlx::query_as(MTTR).fetch_all(&mut db).await.unwrap();
    for (period, runs, mean, best, worst, exact) in mttr {
        let (ours, _) = compared.0[&(period.clone(), Kpi::Mttr)];
        assert!((ours - exact).abs() < EXACT, "{period}: {ours}, and by SQL {exact}");
        for (kpi, theirs) in [(Kpi::Mttr, mean), (Kpi::MttrBest, best), (Kpi::MttrWorst, worst)] {
            compared.same(&period, kpi, (runs, theirs), EXACT, WHOLE_MINUTES);
        }
    }
    for (sql, kpi) in [(RTO, Kpi::RtoRate), (TESTS, Kpi::ExerciseRate), (UNRATED, Kpi::Unrated)] {
        for (period, runs, percent) in shares(&mut db, sql, now).await {
            compared.same(&period, kpi, (runs, percent), SHARE, 0.0);
        }
    }
    let rpo: Vec<(String, i64, f64, f64, f64)> =
        sqlx::query_as(RPO).fetch_all(&mut db).await.unwrap();
    for (period, runs, mean, worst, percent) in rpo {
        compared.same(&period, Kpi::Rpo, (runs, mean), EXACT, 0.0);
        compared.same(&period, Kpi::RpoWorst, (runs, worst), EXACT, 0.0);
        compared.same(&period, Kpi::RpoRate, (runs, percent), SHARE, 0.0);
    }
    assert!(compared.0.is_empty(), "known to us and not to SQL: {:?}", compared.0);

    let mut theirs: Vec<(String, i64, i64, i64)> =
        sqlx::query_as(STEPS).fetch_all(&mut db).await.unwrap();
    theirs.sort();
    let times = step_times(&outcomes);
    let ms = |span: Span| i64::try_from(span.ms()).unwrap();
    let ours = times.iter().map(|times| {
        (times.step.to_string(), i64::try_from(times.runs).unwrap(), ms(times.p50), ms(times.p90))
    });
    assert_eq!(ours.collect::<Vec<_>>(), theirs);
}

/// The record of a run: the start, then these events, each so many seconds after it.
fn recorded(start: Start, events: Vec<(u64, Event)>) -> Vec<Recorded> {
    let by = Actor::Person { id: PersonId::parse("antoine").unwrap(), via: Surface::Web };
    let (began, mut head) = (start.impact_at.plus(Span::minutes(5)), root(&start.id));
    let all = [(0, Event::RunStarted(Box::new(start)))].into_iter().chain(events);
    let entries = (1..).zip(all).map(|(seq, (after, event))| {
        let at = began.plus(Span::seconds(after));
        let one = record(&head, seq, Entry { at, by: by.clone(), event });
        head = one.hash.clone();
        one
    });
    entries.collect()
}

fn opened(step: &StepId) -> Event {
    Event::StepOpened { step: step.clone(), when_unknown: None }
}

fn done(step: &StepId) -> Event {
    Event::StepDone { step: step.clone(), how: Proof::Seen, facts: serde_json::Map::new() }
}

#[test]
fn a_run_gives_what_its_record_holds_and_a_step_that_was_changed_since_is_told_from_one_that_was_not()
 {
    let catalog = Catalog::load(&CatalogSources::default()).unwrap();
    let (environment, impact_at) =
        (EnvironmentId::parse("staging").unwrap(), Timestamp::parse(FIRST).unwrap());
    let start = |kind| {
        let opening =
            Opening { key: "k", runbook: None, environment: &environment, kind, impact_at };
        let start = catalog.start(opening).unwrap();
        Start {
            declared: Declared { severity: Some(Severity::Sev2), ..Declared::default() },
            ..start
        }
    };
    let failover = start(Kind::Exercise).runbook;
    let failback = &catalog.runbooks[&RunbookId::parse("region-failback").unwrap()];
    let (last, other) = (failover.restored_by.clone(), failback.steps[0].id.clone());
    let pin = StepId::parse("pin-dns").unwrap();
    let events = || {
        let attached = Event::RunbookAttached { runbook: Box::new(failback.clone()) };
        vec![
            (10, opened(&pin)),
            (40, done(&pin)),
            (60, opened(&last)),
            (65, done(&last)),
            (70, attached),
            (80, opened(&other)),
            (90, done(&other)),
        ]
    };
    let closed = (100, Event::RunClosed { reason: String::new() });
    let of = |kind, more: Option<(u64, Event)>| {
        Outcome::of(&recorded(start(kind), events().into_iter().chain(more).collect())).unwrap()
    };
    let open = of(Kind::Exercise, None);
    assert_eq!((open.held, open.closed_at, open.loss), (None, None, None));
    let exercise = of(Kind::Exercise, Some(closed.clone()));
    assert_eq!(exercise.held, Some(true));
    assert_eq!(exercise.severity, Some(Severity::Sev2));
    assert_eq!(exercise.restored_at, Some(impact_at.plus(Span::seconds(365))));
    assert_eq!(exercise.closed_at, Some(impact_at.plus(Span::seconds(400))));
    let took = exercise.steps.iter().find(|done| done.step == pin).unwrap();
    assert_eq!((took.took, took.done_at), (Span::seconds(30), impact_at.plus(Span::seconds(340))));
    let part = exercise.steps.iter().find(|done| done.step == other).unwrap();
    assert_eq!((&part.runbook, exercise.steps.len()), (&failback.id, 3));
    let never_back = Outcome::of(&recorded(start(Kind::Exercise), vec![closed.clone()])).unwrap();
    assert_eq!((never_back.held, never_back.restored_at), (Some(false), None));

    let last_of = |runbook: &Runbook, outcomes: &[Outcome], step: &StepId| {
        let all = exercised(runbook, outcomes);
        assert_eq!(all.len(), runbook.steps.len());
        all.into_iter().find(|one| one.step == *step).unwrap().last.map(|last| last.is_changed)
    };
    let outcomes = [exercise];
    assert_eq!(last_of(&failover, &outcomes, &pin), Some(false));
    assert_eq!(last_of(failback, &outcomes, &other), Some(false));
    let changed = |change: &dyn Fn(&mut Step)| {
        let mut runbook = failover.clone();
        change(runbook.steps.iter_mut().find(|step| step.id == pin).unwrap());
        last_of(&runbook, &outcomes, &pin)
    };
    assert_eq!(changed(&|step| step.guard = Some("false".to_owned())), Some(true));
    assert_eq!(
        changed(&|step| drop(step.action.with.insert("target".to_owned(), "x".into()))),
        Some(true)
    );
    // Drills correct the times.
    assert_eq!(changed(&|step| step.worst = Span::minutes(59)), Some(false));
    let tabletop = [of(Kind::Tabletop, Some(closed))];
    assert_eq!((tabletop[0].held, last_of(&failover, &tabletop, &pin)), (None, None));
    assert_eq!(kpis(&tabletop, impact_at), kpis(&[], impact_at));
}
