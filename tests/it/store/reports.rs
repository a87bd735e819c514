//! The doctor's reports: kept newest first and not for ever, told once, and one round for all replicas.

use dr_buddy::domain::ids::EnvironmentId;
use dr_buddy::domain::readiness::{Finding, KEPT, Light, Report, Seen, Severity, history};
use dr_buddy::domain::run::preview::Remark;
use dr_buddy::domain::time::{Span, Timestamp};

use super::draft::NOW;
use super::{Bed, on_both};

on_both!(
    reports_are_kept_newest_first_by_environment_and_not_for_ever,
    the_room_knows_of_the_report_it_was_told_and_of_no_later_one,
    of_many_replicas_one_makes_the_round,
    a_round_that_kept_no_report_is_begun_again,
);

fn environment(name: &str) -> EnvironmentId {
    EnvironmentId::parse(name).unwrap()
}

/// A report made so many minutes after [`NOW`].
fn report(of: &str, minutes: u64, seen: Seen) -> Report {
    let at = NOW.plus(Span::minutes(minutes));
    let finding = Finding {
        check: "step".to_owned(),
        subject: "region-failover/pin-dns".to_owned(),
        severity: Severity::Block,
        seen,
        saw: Remark::new("doctor.saw.step.refused", &[("why", "a zero \0, a “quote” and 'one'")]),
        remedy: Remark::new("doctor.step.remedy.aws", &[]),
        at,
        took: Span(7),
    };
    Report { environment: environment(of), at, took: Span(9), dark: None, findings: vec![finding] }
}

async fn reports_are_kept_newest_first_by_environment_and_not_for_ever(bed: Bed) {
    let store = bed.open().await;
    assert_eq!(store.reports(&environment("prod"), 10).await.unwrap(), []);
    store.keep_report(&report("staging", 0, Seen::Bad)).await.unwrap();
    for minute in 0..u64::from(KEPT) + 5 {
        let seen = if minute < 10 { Seen::Good } else { Seen::Bad };
        store.keep_report(&report("prod", minute, seen)).await.unwrap();
    }
    drop(store);
    let store = bed.open().await;
    let last = store.reports(&environment("prod"), 1).await.unwrap();
    assert_eq!(last, [report("prod", u64::from(KEPT) + 4, Seen::Bad)]);
    let all = store.reports(&environment("prod"), u32::MAX).await.unwrap();
    assert_eq!(all.len(), KEPT as usize);
    assert!(all.is_sorted_by(|one, next| one.at > next.at));
    let lights = history(&all, ("step", "region-failover/pin-dns"));
    let at = |minutes| NOW.plus(Span::minutes(minutes));
    assert_eq!(lights, [(at(5), Light::Green), (at(10), Light::Red)]);
    assert_eq!(store.reports(&environment("staging"), 10).await.unwrap().len(), 1);
}

async fn the_room_knows_of_the_report_it_was_told_and_of_no_later_one(bed: Bed) {
    let store = bed.open().await;
    let prod = environment("prod");
    let [first, second] = [1, 2].map(|minutes| report("prod", minutes, Seen::Good));
    for one in [&first, &second] {
        store.keep_report(one).await.unwrap();
    }
    assert_eq!(store.told_report(&prod).await.unwrap(), None);
    store.report_told(&first).await.unwrap();
    assert_eq!(store.told_report(&prod).await.unwrap(), Some(first.clone()));
    store.report_told(&first).await.unwrap();
    store.report_told(&second).await.unwrap();
    assert_eq!(store.told_report(&prod).await.unwrap(), Some(second));
    assert_eq!(store.told_report(&environment("staging")).await.unwrap(), None);
}

async fn of_many_replicas_one_makes_the_round(bed: Bed) {
    let store = bed.open().await;
    let (store, prod) = (&store, &environment("prod"));
    let round = |due: Timestamp| async move {
        let tries = (0..20).map(|late| store.begin_round(prod, due.plus(Span(late)), due));
        let begun = futures_util::future::join_all(tries).await;
        begun.into_iter().filter(|begun| *begun.as_ref().unwrap()).count()
    };
    assert_eq!(round(NOW).await, 1);
    assert_eq!(round(NOW).await, 0, "a replica that is late finds it made");
    assert_eq!(round(NOW.plus(Span::minutes(60))).await, 1);
    assert!(store.begin_round(&environment("staging"), NOW, NOW).await.unwrap());
}

async fn a_round_that_kept_no_report_is_begun_again(bed: Bed) {
    let store = bed.open().await;
    let prod = environment("prod");
    let later = |minutes| NOW.plus(Span::minutes(minutes));
    let begin = |at| store.begin_round(&prod, at, NOW);
    assert!(begin(NOW).await.unwrap());
    assert!(!begin(later(1)).await.unwrap(), "it may still be looking");
    assert!(begin(later(3)).await.unwrap(), "it died over it");
    let kept = Report { at: later(4), ..report("prod", 0, Seen::Good) };
    store.keep_report(&kept).await.unwrap();
    assert!(!begin(later(9)).await.unwrap(), "it was made");
}
