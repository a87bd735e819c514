//! A small run to try the rules on: a team of four, a runbook with one step of each kind, and a [`World`] that asks,
//! records and moves the clock as the engine would.

use serde_json::{Map, Value, from_value, json};

use crate::domain::action::Known;
use crate::domain::actor::{Actor, Surface};
use crate::domain::environment::{Environment, EnvironmentKind, Objectives, Person, Regions};
use crate::domain::ids::{Digest, EnvironmentId, PersonId, RunId, StepId};
use crate::domain::run::apply::{apply, open};
use crate::domain::run::decide::start;
use crate::domain::run::declared::Declared;
use crate::domain::run::effects::effects;
use crate::domain::run::log::{Recorded, record, root};
use crate::domain::run::preview::{Preview, digest};
use crate::domain::run::protocol::{Effect, Entry, Event, Report, Request, Returned, Start};
use crate::domain::run::state::{Choice, Happened, Kind, Run, Seen, StepRun, StepState};
use crate::domain::run::{Refusal, state};
use crate::domain::runbook::check::check;
use crate::domain::runbook::{Gate, Runbook};
use crate::domain::time::{Span, Timestamp};

/// Every test starts here.
pub(super) const START: Timestamp = Timestamp(1_795_184_300_000);
/// How long the first approval of a two-person gate waits.
pub(super) const EXPIRES: Span = Span::minutes(10);

const RUNBOOK: &str = r#"
id: small
title: {en: Small, fr: Petit}
phases:
  - {id: look, title: {en: Look, fr: Regarder}}
  - {id: data, title: {en: Data, fr: Données}}
  - {id: traffic, title: {en: Traffic, fr: Trafic}}
restored_by: live
steps:
  - {id: look, title: {en: Look, fr: Regarder}, phase: look, owner: platform, typical: 5s, worst: 30s,
     action: {http.check: {url: "https://a.example/"}}, verify: {expect: "facts.status == 200", timeout: 1m}}
  - {id: fence, title: {en: Fence, fr: Isoler}, phase: look, owner: platform, typical: 5s, worst: 30s,
     action: {k8s.scale: {context: eu, namespace: app, workloads: [worker], replicas: 0}},
     gate: confirm, best_effort: true, verify: {expect: "facts.at_target", timeout: 1m}}
  - {id: tell, title: {en: Tell, fr: Dire}, phase: look, owner: comms, typical: 1m, worst: 5m,
     action: {human.task: {}}, gate: confirm}
  - {id: decide, title: {en: Decide, fr: Décider}, phase: data, owner: ic, needs: [look], typical: 1m, worst: 5m,
     action: {human.decide: {question: {en: Go?, fr: On y va ?}, seen: [look]}},
     gate: {people: 2, roles: [ic, db], expires: 10m}}
  - {id: promote, title: {en: Promote, fr: Promouvoir}, phase: data, owner: db, needs: [decide, fence],
     action: {aurora.switchover: {global_cluster: g, target: t}}, typical: 1m, worst: 5m,
     gate: {people: 2, roles: [ic, db], expires: 10m}, guard: "facts.writer_region == regions.primary",
     verify: {expect: "facts.writer_region == regions.dr", timeout: 5m}}
  - {id: secret, title: {en: Secret, fr: Secret}, phase: data, owner: db, needs: [promote],
     action: {secretsmanager.replace_host: {region: us-east-1, secret: s, host: h}}, typical: 1m, worst: 5m,
     gate: {people: 2, roles: [ic, db], expires: 10m}, on_failure: {fallback: by-hand},
     verify: {expect: "facts.host == 'h'", timeout: 1m}}
  - {id: by-hand, title: {en: By hand, fr: À la main}, phase: data, owner: db, needs: [promote],
     action: {human.task: {}}, gate: confirm, typical: 1m, worst: 5m}
  - {id: cache, title: {en: Cache, fr: Cache}, phase: data, owner: app, needs: [promote], when: "env.cache.present",
     action: {k8s.restart: {context: us, namespace: app, workloads: [cache]}}, gate: confirm,
     typical: 1m, worst: 5m, verify: {expect: "facts.settled", timeout: 1m}}
  - {id: pin, title: {en: Pin, fr: Épingler}, phase: traffic, owner: platform, needs: [secret, cache],
     action: {route53.pin: {zone: z, name: n, set_identifier: p, target: t, target_zone: y}},
     gate: {people: 2, roles: [ic, platform], expires: 10m}, point_of_no_return: true, typical: 1m, worst: 5m,
     verify: {expect: "facts.primary_target == 't'", timeout: 1m}}
  - {id: live, title: {en: Live, fr: En ligne}, phase: traffic, owner: app, needs: [pin], typical: 5s, worst: 30s,
     action: {http.check: {url: "https://a.example/"}}}
"#;

/// The team, and whether there is a cache (`None`: nobody knows).
pub(super) fn environment(cache: Option<bool>) -> Environment {
    use crate::domain::actor::Role::{App, Comms, Db, Ic, Platform};
    let person = |id: &str, roles: &[crate::domain::actor::Role]| Person {
        id: PersonId::parse(id).unwrap(),
        name: id.to_owned(),
        slack: Some(format!("U-{id}")),
        slack_team: None,
        roles: roles.to_vec(),
        language: None,
    };
    Environment {
        alerts: crate::domain::environment::Alerts::default(),
        audiences: vec![],
        id: EnvironmentId::parse("prod").unwrap(),
        kind: EnvironmentKind::Production,
        account: "111111111111".to_owned(),
        regions: Regions { primary: "eu-west-1".to_owned(), dr: "us-east-1".to_owned() },
        objectives: Objectives {
            rto: Span::minutes(60),
            rpo: Span::minutes(5),
            exercise_rto: Some(Span::minutes(40)),
        },
        chat: from_value(json!({
            "war_room": "C1", "time_zone": "Europe/Paris", "run_prefix": "OPS",
            "updates": Span::minutes(60 * 24 * 365),
        }))
        .unwrap(),
        people: vec![
            person("antoine", &[Ic, Platform]),
            person("mia", &[Db]),
            person("leo", &[Platform, App]),
            person("clara", &[Comms]),
        ],
        // For a role that no gate asks for.
        groups: from_value(json!([{"id": "S0SUPPORT", "roles": ["support"]}])).unwrap(),
        document: json!({"cache": {"present": cache}}),
    }
}

pub(super) fn runbook() -> Runbook {
    check("small.yaml", RUNBOOK, &Known::default(), &[environment(Some(true))]).unwrap()
}

pub(super) fn id(step: &str) -> StepId {
    StepId::parse(step).unwrap()
}

/// A person in the browser; `U…` is a stranger and `engine` the engine.
pub(super) fn who(name: &str) -> Actor {
    let via = Surface::Web;
    match name {
        "engine" => Actor::Engine,
        name if name.starts_with('U') => Actor::Stranger { name: name.to_owned(), via },
        name => Actor::Person { id: PersonId::parse(name).unwrap(), via },
    }
}

pub(super) fn facts(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// What a look at the world shows while the writer is in `region`.
pub(super) fn preview(step: &str, region: &str) -> Preview {
    Preview {
        request: json!({"do": step}),
        binding: facts(&json!({"writer": region})),
        facts: facts(&json!({"writer_region": region, "status": 200})),
        changes: vec![state_change(region)],
        calls: vec![format!("a call for {step}")],
        remarks: vec![],
    }
}

/// What the world shows when everything was done: it proves every step.
pub(super) fn after() -> Map<String, Value> {
    facts(&json!({
        "writer_region": "us-east-1", "status": 200, "at_target": true, "host": "h", "settled": true,
        "primary_target": "t",
    }))
}

fn state_change(region: &str) -> crate::domain::run::preview::Change {
    let (what, now, after) = ("writer".to_owned(), region.to_owned(), "us-east-1".to_owned());
    crate::domain::run::preview::Change { what, now, after }
}

/// A run with its record and a clock.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) run: Run,
    pub(super) record: Vec<Recorded>,
    pub(super) effects: Vec<Effect>,
    pub(super) now: Timestamp,
}

impl World {
    /// Just started, by antoine, five minutes after the impact.
    pub(super) fn new() -> Self {
        Self::of(runbook(), environment(Some(true)))
    }

    pub(super) fn of(runbook: Runbook, environment: Environment) -> Self {
        let (id, impact_at) = (RunId::parse("r1").unwrap(), Timestamp(START.0 - 300_000));
        let (kind, declared) = (Kind::Incident, Declared::default());
        let request = Start { id, kind, runbook, environment, impact_at, declared };
        let events = start(&request, &who("antoine"), START).unwrap();
        let first = Entry { at: START, by: who("antoine"), event: events[0].clone() };
        let run = open(&first).unwrap();
        let recorded = record(&root(&run.id), 1, first);
        let mut world = Self { run, record: vec![recorded], effects: vec![], now: START };
        world.take(&events[1..], &who("antoine"));
        world
    }

    /// Records events as the engine does.
    pub(super) fn take(&mut self, events: &[Event], by: &Actor) {
        let from = self.record.len();
        for event in events {
            let entry = Entry { at: self.now, by: by.clone(), event: event.clone() };
            apply(&mut self.run, &entry);
            let head = &self.record.last().unwrap().hash;
            self.record.push(record(head, self.run.seq, entry));
        }
        let new: Vec<_> =
            self.record[from..].iter().map(|new| (new.seq, &new.entry.event)).collect();
        self.effects = effects(&self.run, &new);
    }

    pub(super) fn ask_as(&mut self, by: &Actor, request: &Request) -> Result<Vec<Event>, Refusal> {
        let events = self.decided(by, request)?;
        self.take(&events, by);
        Ok(events)
    }

    pub(super) fn ask(&mut self, name: &str, request: &Request) -> Result<Vec<Event>, Refusal> {
        self.ask_as(&who(name), request)
    }

    pub(super) fn report(&mut self, report: Report) -> Result<Vec<Event>, Refusal> {
        self.ask("engine", &Request::Report(report))
    }

    pub(super) fn tick(&mut self) -> Vec<Event> {
        self.ask("engine", &Request::Tick).unwrap()
    }

    pub(super) fn wait(&mut self, span: Span) {
        self.now = self.now.plus(span);
    }

    pub(super) fn at(&self, step: &str) -> &StepRun {
        &self.run.steps[&id(step)]
    }

    pub(super) fn state(&self, step: &str) -> &StepState {
        &self.at(step).state
    }

    /// What the buttons of a step carry now, or a digest of nothing.
    pub(super) fn digest(&self, step: &str) -> Digest {
        let shown = self.at(step).shown.as_ref();
        shown.map_or_else(|| Digest::of(b"nothing"), |shown| shown.digest.clone())
    }

    pub(super) fn approve(&mut self, name: &str, step: &str) -> Result<Vec<Event>, Refusal> {
        let request = Request::Approve { step: id(step), digest: self.digest(step) };
        self.ask(name, &request)
    }

    pub(super) fn break_glass(&mut self, name: &str, step: &str) -> Result<Vec<Event>, Refusal> {
        let digest = self.digest(step);
        self.ask(name, &Request::BreakGlass { step: id(step), digest, reason: "alone".into() })
    }

    pub(super) fn vote(
        &mut self,
        name: &str,
        step: &str,
        choice: Choice,
    ) -> Result<Vec<Event>, Refusal> {
        let digest = self.digest(step);
        self.ask(name, &Request::Vote { step: id(step), digest, choice, words: "so".into() })
    }

    pub(super) fn undo(&mut self, name: &str, step: &str) -> Result<Vec<Event>, Refusal> {
        self.ask(name, &Request::Undo { step: id(step), reason: "back".into() })
    }

    pub(super) fn skip(&mut self, name: &str, step: &str) -> Result<Vec<Event>, Refusal> {
        self.ask(name, &Request::Skip { step: id(step), reason: "not this time".into() })
    }

    pub(super) fn retry(&mut self, name: &str, step: &str) -> Result<Vec<Event>, Refusal> {
        self.ask(name, &Request::Retry { step: id(step) })
    }

    pub(super) fn previewed_as(&mut self, step: &str, region: &str) -> Vec<Event> {
        let (number, preview) = (self.at(step).previews, preview(step, region));
        self.report(Report::Previewed { step: id(step), number, preview }).unwrap()
    }

    pub(super) fn previewed(&mut self, step: &str) -> Vec<Event> {
        self.previewed_as(step, "eu-west-1")
    }

    pub(super) fn begin_as(&mut self, step: &str, region: &str) -> Result<Vec<Event>, Refusal> {
        let attempt = self.at(step).attempts + 1;
        self.report(Report::Begin { step: id(step), attempt, preview: preview(step, region) })
    }

    pub(super) fn begin(&mut self, step: &str) -> Result<Vec<Event>, Refusal> {
        self.begin_as(step, "eu-west-1")
    }

    pub(super) fn returned(&mut self, step: &str, returned: Returned) -> Vec<Event> {
        let attempt = self.at(step).attempts;
        self.report(Report::Returned { step: id(step), attempt, returned }).unwrap()
    }

    pub(super) fn accepted(&mut self, step: &str) -> Vec<Event> {
        self.returned(step, Returned::Accepted { evidence: json!({"request_id": "q"}) })
    }

    pub(super) fn fails(&mut self, step: &str) -> Vec<Event> {
        self.returned(step, Returned::Failed { error: "no".into(), unreachable: false })
    }

    pub(super) fn unknown(&mut self, step: &str) -> Vec<Event> {
        self.returned(step, Returned::Unknown { error: "?".into(), evidence: Value::Null })
    }

    pub(super) fn probed(&mut self, step: &str, happened: Happened) -> Vec<Event> {
        let attempt = self.at(step).attempts;
        let seen = Seen { happened, saw: "something".into(), at: self.now };
        let facts = after();
        self.report(Report::Probed { step: id(step), attempt, seen, facts }).unwrap()
    }

    pub(super) fn proved(&mut self, step: &str) -> Vec<Event> {
        let attempt = self.at(step).attempts;
        let facts = after();
        self.report(Report::Proved { step: id(step), attempt, facts }).unwrap()
    }

    /// Lets everybody who is needed agree to what is shown.
    pub(super) fn agreed(&mut self, step: &str) {
        let found = self.run.runbook.step(&id(step)).unwrap().clone();
        let people = found.gate.people().max(1) as usize;
        let roles = found.gate.roles(found.owner);
        let holders = self.run.environment.holders(&roles);
        let names: Vec<_> = holders.map(|person| person.id.to_string()).take(people).collect();
        assert!(found.gate == Gate::None || names.len() == people, "{step}");
        for name in names {
            self.approve(&name, step).unwrap();
        }
    }

    /// Takes one step from its opening to its end, as it should go.
    pub(super) fn do_step(&mut self, step: &str) {
        if *self.state(step) == StepState::Previewing {
            self.previewed(step);
        }
        if *self.state(step) == StepState::Ready {
            self.agreed(step);
        }
        if matches!(self.state(step), StepState::Approved { .. }) {
            self.begin(step).unwrap();
            self.accepted(step);
        }
        if matches!(self.state(step), StepState::Proving { .. }) {
            self.proved(step);
        }
        assert!(
            matches!(self.state(step), StepState::Done { .. } | StepState::Undone),
            "{step} is {:?}",
            self.state(step)
        );
    }

    /// A run in which everything `step` needs is done and it has opened.
    pub(super) fn opened(step: &str) -> Self {
        let mut world = Self::new();
        world.open_step(step);
        world
    }

    fn open_step(&mut self, step: &str) {
        for need in self.run.runbook.step(&id(step)).unwrap().needs.clone() {
            if !matches!(self.state(need.as_str()), state::StepState::Done { .. }) {
                self.open_step(need.as_str());
                self.do_step(need.as_str());
            }
        }
    }

    /// The same, and people are asked.
    pub(super) fn ready(step: &str) -> Self {
        let mut world = Self::opened(step);
        if step == "by-hand" {
            world.do_until_called("secret");
            world.fails("secret");
        }
        world.previewed(step);
        world
    }

    pub(super) fn do_until_called(&mut self, step: &str) {
        if *self.state(step) == StepState::Previewing {
            self.previewed(step);
        }
        if *self.state(step) == StepState::Ready {
            self.agreed(step);
        }
        self.begin(step).unwrap();
    }

    /// The digest a preview of this step would get now.
    pub(super) fn digest_of(&self, step: &str, preview: &Preview) -> Digest {
        let step = id(step);
        digest(self.run.subject(&step, &self.run.steps[&step]), preview)
    }
}

/// The name of a value's variant: the word its `Debug` begins with.
pub(super) fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

pub(super) fn variants(events: &[Event]) -> Vec<String> {
    events.iter().map(variant).collect()
}
