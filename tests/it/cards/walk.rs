//! A run led through everything a run can go through, and looked at after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dr_buddy::domain::actor::{Actor, Surface as Via};
use dr_buddy::domain::comms::{self, Ask, Message};
use dr_buddy::domain::ids::{Digest, PersonId, StepId};
use dr_buddy::domain::run::decide::{agrees_to, decide, start};
use dr_buddy::domain::run::log::{Recorded, record, root};
use dr_buddy::domain::run::preview::{Change, Preview, Remark};
use dr_buddy::domain::run::protocol::Returned;
use dr_buddy::domain::run::state::{Happened, Seen};
use dr_buddy::domain::run::{Entry, Event, Refusal, Report, Request, Run, Start, StepState, apply};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::domain::value::Language;
use dr_buddy::slack::render;
use serde_json::{Map, Value, json};

use super::check::{buttons, check, form, presses};
use super::{HOSTILE, START, catalog};
use crate::harness::Surface;

/// Dice that fall the same way every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A run, the dice, and what was seen of it.
pub(super) struct Walk<'a> {
    run: Run,
    now: Timestamp,
    head: Digest,
    dice: Dice,
    is_hostile: bool,
    album: &'a mut Album,
}

/// Everything that was shown, one of each kind.
#[derive(Default)]
pub(super) struct Album {
    pub(super) payloads: BTreeMap<String, Value>,
    pub(super) states: BTreeSet<String>,
    pub(super) asks: BTreeSet<&'static str>,
    pub(super) notices: BTreeSet<String>,
    pub(super) shown: usize,
}

/// The word a value's `Debug` begins with.
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn person(id: &PersonId) -> Actor {
    Actor::Person { id: id.clone(), via: Via::Slack }
}

impl<'a> Walk<'a> {
    pub(super) fn new(opening: Start, seed: u64, is_hostile: bool, album: &'a mut Album) -> Self {
        let by = person(&PersonId::parse("antoine").unwrap());
        let events = start(&opening, &by, START).unwrap();
        let first = Entry { at: START, by: by.clone(), event: events[0].clone() };
        let run = apply::open(&first).unwrap();
        let head = record(&root(&run.id), 1, first).hash;
        let mut walk = Self { run, now: START, head, dice: Dice(seed), is_hostile, album };
        walk.take(&events[1..], &by);
        walk
    }

    fn words(&mut self) -> String {
        if self.is_hostile {
            let long = [0, 100, 1800][self.dice.below(3)];
            format!("{HOSTILE}{}", "é<".repeat(long / 2))
        } else {
            "the region does not answer".to_owned()
        }
    }

    /// What a system says; longer than people can.
    fn told(&mut self) -> String {
        let long = if self.is_hostile { *self.dice.one(&[0, 40, 3500]) } else { 0 };
        format!("{}{}", self.words(), " &<x>".repeat(long / 5))
    }

    fn take(&mut self, events: &[Event], by: &Actor) {
        for event in events {
            let entry = Entry { at: self.now, by: by.clone(), event: event.clone() };
            apply::apply(&mut self.run, &entry);
            let recorded = record(&self.head, self.run.seq, entry);
            self.head = recorded.hash.clone();
            self.look_at_notice(&recorded);
        }
    }

    fn ask(&mut self, request: &Request, by: &Actor) {
        let decided = match decide(&self.run, request, by, self.now) {
            Err(Refusal::CodeMissing { .. }) => self.with_a_code(request, by),
            decided => decided,
        };
        if let Ok(events) = decided {
            self.take(&events, by);
        }
    }

    /// What follows where a code has counted. Only the product's own check can say that one has, so the rules are asked
    /// as if they wanted none.
    fn with_a_code(&self, request: &Request, by: &Actor) -> Result<Vec<Event>, Refusal> {
        let mut run = self.run.clone();
        let steps = Arc::make_mut(&mut run.runbook).steps.iter_mut();
        steps.for_each(|step| step.point_of_no_return = false);
        let mut events = decide(&run, request, by, self.now)?;
        let step = agrees_to(request).expect("a code is asked of a yes").clone();
        events.insert(0, Event::CodeConfirmed { step });
        Ok(events)
    }

    pub(super) fn step_on(&mut self) {
        let ids: Vec<StepId> = self.run.runbook.steps.iter().map(|step| step.id.clone()).collect();
        let opened = |id: &&StepId| self.run.steps[*id].state != StepState::Waiting;
        let mut opened: Vec<StepId> = ids.iter().filter(opened).cloned().collect();
        let unsettled: Vec<StepId> =
            opened.iter().filter(|id| !self.run.is_settled(id)).cloned().collect();
        if !unsettled.is_empty() && self.dice.below(8) > 0 {
            opened = unsettled;
        }
        // Of 200 steps only those of the runbook itself lead anywhere.
        let is_real = |id: &StepId| !id.as_str().starts_with("more-");
        if opened.iter().any(is_real) && self.dice.below(8) > 0 {
            opened.retain(is_real);
        }
        let step = self.dice.one(&opened).clone();
        self.now = self.now.plus(Span::seconds([1, 20, 200, 700][self.dice.below(4)]));
        match self.report(&step) {
            Some(report) if self.dice.below(4) > 0 => {
                self.ask(&Request::Report(report), &Actor::Engine);
            }
            _ => self.press(&step),
        }
        self.ask(&Request::Tick, &Actor::Engine);
        self.look(&step);
    }

    fn report(&mut self, step: &StepId) -> Option<Report> {
        let at = self.run.steps[step].clone();
        let (step, attempt) = (step.clone(), at.attempts.max(1));
        let roll = self.dice.below(6);
        Some(match at.state {
            StepState::Previewing if roll == 0 => {
                let error = self.told();
                Report::NotPreviewed { step, number: at.previews, error, unreachable: true }
            }
            StepState::Previewing => {
                let preview = self.preview(&step);
                Report::Previewed { step, number: at.previews, preview }
            }
            StepState::Approved { attempt } if roll == 0 => {
                let preview = self.preview(&step);
                Report::Begin { step, attempt, preview }
            }
            StepState::Approved { attempt } if roll == 1 => {
                let error = self.told();
                Report::CannotBegin { step, attempt, error, unreachable: false }
            }
            StepState::Approved { attempt } => {
                Report::Begin { step, attempt, preview: at.shown.unwrap().preview }
            }
            StepState::Calling { .. } => {
                let error = self.told();
                let returned = match roll {
                    0 => Returned::Failed { error, unreachable: false },
                    1 => Returned::Failed { error, unreachable: true },
                    2 => Returned::Unknown { error, evidence: Value::Null },
                    3 => Returned::Interrupted,
                    _ => Returned::Accepted { evidence: json!({"request_id": error}) },
                };
                Report::Returned { step, attempt, returned }
            }
            StepState::Proving { .. } if roll < 2 => {
                let saw = self.told();
                Report::NotProved { step, attempt, facts: Map::new(), saw }
            }
            StepState::Proving { .. } => {
                let facts = self.preview(&step).facts;
                Report::Proved { step, attempt, facts }
            }
            StepState::InDoubt { .. } => {
                use Happened::{Done, Never, Running, Unknown};
                let happened = *self.dice.one(&[Never, Running, Done, Unknown]);
                let seen = Seen { happened, saw: self.told(), at: self.now };
                Report::Probed { step, attempt, seen, facts: Map::new() }
            }
            StepState::Waiting
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Done { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Undone => return None,
        })
    }

    /// What a look shows: the guard holds, or not, or cannot be told.
    fn preview(&mut self, step: &StepId) -> Preview {
        let request = self.run.runbook.step(step).map(|step| serde_json::to_value(&step.action));
        let mut facts = Map::new();
        let region = *self.dice.one(&["eu-west-1", "eu-west-1", "us-east-1"]);
        if self.dice.below(4) > 0 {
            let known = json!({
                "writer_region": region, "target_status": "available", "target_instances": 1,
                "is_replica": false, "at_target": true, "settled": true, "status": 200, "region": "us-east-1", "primary_records": 1, "primary_target": "x", "said": self.told(),
            });
            facts = known.as_object().cloned().unwrap();
        }
        let many = if self.is_hostile { 60 } else { 1 };
        let change =
            |walk: &mut Self| Change { what: walk.told(), now: walk.told(), after: walk.told() };
        Preview {
            request: json!({"with": request.unwrap().unwrap()["with"]}),
            binding: Map::from_iter([("writer".to_owned(), json!(region))]),
            facts,
            changes: (0..self.dice.below(many + 1)).map(|_| change(self)).collect(),
            calls: vec![self.told()],
            remarks: vec![Remark::new("remark.aurora.rebuilt", &[("region", &self.told())])],
        }
    }

    /// Somebody presses one of the buttons that the step's card, or now and then the run's card, offers.
    fn press(&mut self, step: &StepId) {
        let mut offered = presses(comms::step_card(&self.run, step, self.now).as_ref());
        if self.dice.below(12) == 0 || offered.is_empty() {
            offered = presses(Some(&comms::run_card(&self.run, self.now)));
            offered.retain(|press| press.ask != Ask::Close || self.run.seq > 300);
        }
        if offered.is_empty() {
            return;
        }
        let press = self.dice.one(&offered).clone();
        // Whatever agrees is pressed more often than whatever ends things.
        let agrees =
            [Ask::Run, Ask::Approve, Ask::Go, Ask::Done, Ask::Retry, Ask::Resume, Ask::Undo];
        if !agrees.contains(&press.ask) && self.dice.below(5) > 0 {
            return;
        }
        let people: Vec<_> = self.run.environment.people.iter().map(|one| one.id.clone()).collect();
        let by = person(self.dice.one(&people));
        let words = self.words();
        if let Ok(request) = press.request(&words) {
            self.ask(&request, &by);
        }
    }

    fn look(&mut self, step: &StepId) {
        let at = &self.run.steps[step];
        let mut state =
            format!("{:?}", at.state).replace(|c: char| !c.is_ascii_alphanumeric(), " ");
        let known = [
            "Never",
            "Running",
            "Unknown",
            "NoAnswer",
            "Interrupted",
            "NotProven",
            "Seen",
            "Accepted",
            "People",
            "Word",
            "Person",
            "NotNeeded",
            "When",
            "true",
        ];
        let parts: Vec<_> = known.into_iter().filter(|word| state.contains(word)).collect();
        state = format!("{} {}", variant(&at.state), parts.join(" "));
        let guard =
            at.shown.as_ref().map(|shown| variant(&shown.guard.clone().map(|v| variant(&v))));
        let verdict = at.shown.as_ref().and_then(|shown| shown.guard.as_ref()).map(variant);
        self.album.states.insert(variant(&at.state));
        if let (StepState::Ready, Some(verdict)) = (&at.state, &verdict) {
            self.album.states.insert(format!("Ready, guard {verdict}"));
        }
        if let StepState::InDoubt { seen: Some(seen), .. } = &at.state {
            self.album.states.insert(format!("InDoubt, {:?}", seen.happened));
        }
        let kind =
            format!("{step} {state} {guard:?} {verdict:?} {}", at.approvals.len() + at.votes.len());
        if let Some(card) = comms::step_card(&self.run, step, self.now) {
            self.keep(&kind, &card);
        }
        for update in self.run.drafts().collect::<Vec<_>>() {
            let draft = comms::draft(&self.run, &update, self.now).expect("it is open");
            self.keep(&format!("draft {}", update.audience), &draft);
            // Without the dice: what a run goes through does not hang on who is told of it.
            if self.run.seq.is_multiple_of(20) {
                let offered = presses(Some(&draft));
                let press = &offered[usize::try_from(self.run.seq / 20).unwrap() % offered.len()];
                let words = if self.is_hostile { HOSTILE } else { "as it is" };
                let request = press.request(words).expect("it has what it needs");
                self.ask(&request, &person(&PersonId::parse("antoine").unwrap()));
            }
        }
        let card = comms::run_card(&self.run, self.now);
        self.keep(&format!("run {} {}", variant(&self.run.status), self.run.seq / 40), &card);
    }

    fn look_at_notice(&mut self, recorded: &Recorded) {
        if let Event::Update { update, what } = &recorded.entry.event {
            if let Some(message) = comms::update(&self.run, &self.run, update) {
                self.keep(&format!("update {} {}", update.audience, variant(what)), &message);
            }
            if let Some(draft) = comms::draft(&self.run, update, self.now) {
                self.keep(&format!("draft {} {}", update.audience, variant(what)), &draft);
            }
        }
        if let Some(notice) = comms::notice(&self.run, recorded) {
            let event = variant(&recorded.entry.event);
            self.album.notices.insert(event.clone());
            self.keep(&format!("notice {event}"), &notice);
        }
    }

    /// Checks a message in both languages, and every form behind its buttons; keeps one of each kind for the judges.
    fn keep(&mut self, kind: &str, message: &Message) {
        let catalog = catalog();
        for language in Language::ALL {
            let voice = catalog.texts.voice(language, Some(&self.run.environment));
            let kind = format!("{kind} {} {}", language.code(), self.is_hostile);
            let blocks = render::in_channel(&voice, message, Some("https://dr.example.com"));
            let payload = json!({ "text": render::summary(&voice, message), "blocks": blocks });
            self.album.shown += 1;
            if payload["blocks"].as_array().is_some_and(|blocks| blocks.len() == 48) {
                self.album.states.insert("more blocks than go".to_owned());
            }
            check(&kind, &payload, &self.run, Surface::Message);
            let offered = presses(Some(message));
            assert_eq!(buttons(&payload), offered, "{kind}: every button is shown");
            for press in &offered {
                self.album.asks.insert(press.ask.name());
                if let Some(view) = form(&voice, &self.run, press, self.now) {
                    check(&kind, &view, &self.run, Surface::View);
                    let kind = format!(
                        "form {} {} {}",
                        press.ask.name(),
                        language.code(),
                        self.is_hostile
                    );
                    self.album.payloads.entry(kind).or_insert(view);
                }
            }
            self.album.payloads.entry(kind).or_insert(payload);
        }
    }
}
