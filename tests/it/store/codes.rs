//! One-time codes: who has some, that tries are counted before they are looked at, and that each code counts once.

use dr_buddy::domain::code::{LOCK, TRIES};
use dr_buddy::domain::ids::{EnvironmentId, PersonId};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::store::Store;
use dr_buddy::store::codes::{Enrolment, Tried};

use super::draft::NOW;
use super::{Bed, on_both};

on_both!(
    people_are_enrolled_once_and_by_environment,
    the_fifth_wrong_try_locks_for_a_while,
    many_tries_at_a_time_do_not_get_around_the_count,
    a_code_counts_once_and_for_its_own_request_again,
);

fn whose(environment: &str, person: &str) -> (EnvironmentId, PersonId) {
    (EnvironmentId::parse(environment).unwrap(), PersonId::parse(person).unwrap())
}

async fn enrol(store: &dyn Store, environment: &str, person: &str) -> bool {
    let (environment, person) = &whose(environment, person);
    let enrolment = Enrolment { environment, person, sealed: "1:abcd", at: NOW, used: 7 };
    store.enrol(&enrolment).await.unwrap()
}

/// How many more wrong tries there may be; nothing if it was not counted.
fn left(tried: &Tried) -> Option<u32> {
    match tried {
        Tried::Counted { left, .. } => Some(*left),
        Tried::Locked(_) | Tried::NotEnrolled => None,
    }
}

async fn people_are_enrolled_once_and_by_environment(bed: Bed) {
    let store = bed.open().await;
    let (prod, mia) = whose("prod", "mia");
    assert!(!store.is_enrolled(&prod, &mia).await.unwrap());
    assert_eq!(store.try_code(&prod, &mia, NOW).await.unwrap(), Tried::NotEnrolled);
    assert!(enrol(&*store, "prod", "mia").await && enrol(&*store, "staging", "mia").await);
    assert!(!enrol(&*store, "prod", "mia").await, "what is there stays");
    assert!(enrol(&*store, "prod", "antoine").await);
    drop(store);
    let store = bed.open().await;
    let all = store.enrolled(&prod).await.unwrap();
    assert_eq!(all.iter().map(|one| one.person.as_str()).collect::<Vec<_>>(), ["antoine", "mia"]);
    assert_eq!(all[1].at, NOW);
    assert!(store.end_enrolment(&prod, &mia).await.unwrap());
    assert!(!store.end_enrolment(&prod, &mia).await.unwrap());
    let (staging, _) = whose("staging", "mia");
    let [here, there] =
        [store.is_enrolled(&prod, &mia).await, store.is_enrolled(&staging, &mia).await];
    assert_eq!((here.unwrap(), there.unwrap()), (false, true));
}

async fn the_fifth_wrong_try_locks_for_a_while(bed: Bed) {
    let store = bed.open().await;
    let (prod, mia) = whose("prod", "mia");
    enrol(&*store, "prod", "mia").await;
    for expected in (0..TRIES).rev() {
        let tried = store.try_code(&prod, &mia, NOW).await.unwrap();
        assert_eq!(left(&tried), Some(expected));
        let Tried::Counted { sealed, used, locked_until, .. } = tried else { panic!("counted") };
        assert_eq!((sealed.as_str(), used), ("1:abcd", 7));
        let until = if expected == 0 { NOW.plus(LOCK) } else { Timestamp(0) };
        assert_eq!(locked_until, until);
    }
    let until = NOW.plus(LOCK);
    let just_before = Timestamp(until.0 - 1);
    for now in [NOW, just_before] {
        assert_eq!(store.try_code(&prod, &mia, now).await.unwrap(), Tried::Locked(until));
    }
    assert_eq!(store.enrolled(&prod).await.unwrap()[0].locked_until, until);
    assert_eq!(left(&store.try_code(&prod, &mia, until).await.unwrap()), Some(TRIES - 1));
    // A right one forgives what was wrong before it.
    assert!(store.spend(&prod, &mia, 8, "a").await.unwrap());
    assert_eq!(left(&store.try_code(&prod, &mia, until).await.unwrap()), Some(TRIES - 1));
}

async fn many_tries_at_a_time_do_not_get_around_the_count(bed: Bed) {
    let store = bed.open().await;
    let (prod, mia) = whose("prod", "mia");
    enrol(&*store, "prod", "mia").await;
    let tries = (0..40).map(|_| store.try_code(&prod, &mia, NOW));
    let tried = futures_util::future::join_all(tries).await;
    let counted = tried.iter().filter(|tried| left(tried.as_ref().unwrap()).is_some()).count();
    assert_eq!(counted, 5);
}

async fn a_code_counts_once_and_for_its_own_request_again(bed: Bed) {
    let store = bed.open().await;
    let (prod, mia) = whose("prod", "mia");
    assert!(!store.spend(&prod, &mia, 8, "a").await.unwrap(), "nobody is enrolled");
    enrol(&*store, "prod", "mia").await;
    for (period, key, counts) in [
        (7, "enrolment", false),
        (8, "a", true),
        (8, "a", true),
        (8, "b", false),
        (7, "b", false),
        (9, "b", true),
        (8, "a", false),
    ] {
        let spent = store.spend(&prod, &mia, period, key).await.unwrap();
        assert_eq!(spent, counts, "period {period} for {key}");
    }
    let (store, prod, mia) = (&store, &prod, &mia);
    let spends = (0..20).map(|n| async move { store.spend(prod, mia, 10, &n.to_string()).await });
    let spent = futures_util::future::join_all(spends).await;
    assert_eq!(spent.iter().filter(|spent| *spent.as_ref().unwrap()).count(), 1);
    let later = NOW.plus(Span::minutes(1));
    let Tried::Counted { used, .. } = store.try_code(prod, mia, later).await.unwrap() else {
        panic!("it is not locked")
    };
    assert_eq!(used, 10);
}
