//! What is said of the trouble at the start: it stays on the record, and gives nobody what the file does not.

use super::sample::{START, environment, runbook, variant, who};
use crate::domain::actor::Role;
use crate::domain::comms::declare;
use crate::domain::ids::{PersonId, RunId};
use crate::domain::run::apply::open;
use crate::domain::run::decide::start;
use crate::domain::run::declared::{Declared, Field, Severity};
use crate::domain::run::limits;
use crate::domain::run::protocol::{Entry, Event, Start};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Kind, Run};
use crate::domain::time::Timestamp;

fn declared(roles: &[(Role, &str)], affected: &[&str]) -> Declared {
    let person = |name: &str| PersonId::parse(name).unwrap();
    Declared {
        alerts: vec![],
        severity: Some(Severity::Sev2),
        affected: affected.iter().map(|name| (*name).to_owned()).collect(),
        roles: roles.iter().map(|(role, name)| (*role, person(name))).collect(),
    }
}

fn wish(declared: Declared) -> Start {
    Start {
        id: RunId::parse("r1").unwrap(),
        kind: Kind::Incident,
        runbook: runbook(),
        environment: environment(Some(true)),
        impact_at: START,
        declared,
    }
}

fn opened(by: &str, declared: Declared) -> Result<Run, Refusal> {
    let events = start(&wish(declared), &who(by), START)?;
    let entry = Entry { at: START, by: who(by), event: events[0].clone() };
    Ok(open(&entry).unwrap())
}

#[test]
fn whoever_is_named_is_on_duty_and_the_starter_only_where_nobody_is() {
    let run = opened("antoine", declared(&[(Role::Db, "mia")], &["cache"])).unwrap();
    assert_eq!(run.duty.get(&Role::Db).unwrap().as_str(), "mia");
    assert_eq!(run.duty.get(&Role::Ic).unwrap().as_str(), "antoine");
    assert_eq!(run.declared.severity, Some(Severity::Sev2));
    let run = opened("mia", declared(&[(Role::Ic, "antoine")], &[])).unwrap();
    assert_eq!(run.duty.get(&Role::Ic).unwrap().as_str(), "antoine");
    assert_eq!(opened("mia", Declared::default()).unwrap().duty.get(&Role::Ic), None);
}

#[test]
fn what_is_wrong_is_refused_at_its_field() {
    let cases = [
        (declared(&[(Role::Ic, "mia")], &[]), "NotQualified", Some(Field::Role(Role::Ic))),
        (declared(&[(Role::Comms, "zoe")], &[]), "NoSuchPerson", None),
        (declared(&[], &["people"]), "NoSuchSystem", Some(Field::Affected)),
    ];
    for (declared, name, field) in cases {
        let refused = opened("antoine", declared).unwrap_err();
        assert_eq!((variant(&refused), refused.field()), (name.to_owned(), field));
    }
    let late =
        Start { impact_at: START.plus(crate::domain::time::Span(1)), ..wish(Declared::default()) };
    let refused = start(&late, &who("antoine"), START).unwrap_err();
    assert_eq!(refused.field(), Some(Field::Impact));
    let drill = Start { kind: Kind::Exercise, ..wish(Declared::default()) };
    let refused = start(&drill, &who("antoine"), START).unwrap_err();
    assert_eq!(refused.field(), Some(Field::Kind));
}

#[test]
fn a_run_is_opened_by_those_who_may_and_not_for_what_was_long_ago() {
    assert_eq!(variant(&opened("clara", Declared::default()).unwrap_err()), "NotAllowed");
    assert_eq!(variant(&opened("U9", Declared::default()).unwrap_err()), "Stranger");
    let at = |ms: u64| {
        let impact_at = Timestamp(START.0 - i64::try_from(ms).unwrap());
        start(&Start { impact_at, ..wish(Declared::default()) }, &who("antoine"), START)
    };
    assert!(at(limits::IMPACT.ms()).is_ok() && at(limits::IMPACT.ms() + 1).is_err());
}

#[test]
fn only_what_this_environment_allows_and_has_is_asked() {
    let production = environment(Some(true));
    assert_eq!(declare::kinds(&production), [Kind::Incident, Kind::Tabletop]);
    assert_eq!(production.systems(), ["cache"]);
    assert!(environment(Some(false)).systems().is_empty(), "it says that it is not there");
    let runbook = runbook();
    let roles = declare::roles(&production, [&runbook]);
    let only = |role: Role| {
        let found = roles.iter().find(|(asked, _)| *asked == role);
        found.map(|(_, person)| person.map(|person| person.id.to_string()))
    };
    assert_eq!(only(Role::Ic), Some(Some("antoine".to_owned())));
    assert_eq!(only(Role::Platform), Some(None), "two hold it");
    assert_eq!(only(Role::Scribe), None, "no step needs it");
}

#[test]
fn a_start_that_was_recorded_before_anything_was_said_reads_and_writes_as_it_was() {
    let event = Event::RunStarted(Box::new(wish(Declared::default())));
    let written = serde_json::to_value(&event).unwrap();
    assert!(written["run_started"].get("declared").is_none(), "its hash must stay");
    assert_eq!(serde_json::from_value::<Event>(written).unwrap(), event);
}
