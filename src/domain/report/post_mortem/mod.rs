//! The post-mortem, as far as the record knows it: a plain value of figures and sentences, the same whenever it is made.
//! Every length of time stands with the moments it lies between, and each of these with the event that says so. What
//! nobody measured is `None`, and told to be unknown. Causes, impact and lessons are for people: a document has places
//! for them, and nothing here makes them up.

mod deviations;
mod durations;
mod value;

pub use deviations::{Deviation, Off};
pub use durations::{Change, Duration, Pace, Proposal};
pub use value::{
    Decision, Drafted, Figure, Left, Leg, Line, Lost, Moment, OnDuty, Phase, PostMortem, Ring,
    Times, Vote,
};

use std::collections::BTreeMap;

use super::critical_path::critical_path;
use super::loss::{self, Loss, Store, losses};
use super::measures::{Measures, measure};
use super::spent::{Spent, spent};
use super::timeline;
use crate::domain::actor::Actor;
use crate::domain::ids::StepId;
use crate::domain::run::log::{self, Recorded};
use crate::domain::run::refusal::roles;
use crate::domain::run::state::Proof;
use crate::domain::run::{Event, Run};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// How a text is said, in the language of the document.
pub type Say<'a> = &'a dyn Fn(&Text) -> String;

/// What a post-mortem is made of while it is made.
struct Draft<'a> {
    run: &'a Run,
    record: &'a [Recorded],
    steps: &'a BTreeMap<StepId, Spent>,
    say: Say<'a>,
}

/// Drafts it; `None` if the record does not begin with the start of a run.
pub fn post_mortem(record: &[Recorded], say: Say<'_>) -> Option<PostMortem> {
    let (run, steps) = spent(record)?;
    let last = record.last()?;
    let measures = measure(record, last.entry.at)?;
    let draft = Draft { run: &run, record, steps: &steps, say };
    let durations = durations::durations(&draft);
    let proposals = durations::proposals(&draft, &durations);
    Some(PostMortem {
        run: run.id.clone(),
        kind: run.kind,
        runbook: run.runbook.id.clone(),
        title: say(&Text::from(&run.runbook.title)),
        environment: run.environment.id.clone(),
        time_zone: run.environment.chat.time_zone.clone(),
        severity: run.declared.severity.map(|severity| say(&severity.text())),
        affected: run.declared.affected.iter().cloned().collect(),
        on_duty: draft.on_duty(),
        participants: draft.participants(),
        alerts: draft.alerts(),
        times: draft.times(&measures)?,
        lost: draft.lost(),
        critical_path: draft.critical_path(),
        timeline: record.iter().map(|recorded| draft.line(recorded)).collect(),
        decisions: draft.decisions(),
        deviations: deviations::deviations(&draft),
        left_open: draft.left_open(),
        by_hand: draft.by_hand(),
        written: draft.written(),
        patch: durations::patch(&proposals),
        durations,
        proposals,
        record: Drafted {
            events: last.seq,
            head: last.hash.clone(),
            is_whole: log::verify(&run.id, record).is_ok(),
        },
    })
}

impl Draft<'_> {
    fn moment(&self, at: Timestamp, event: u64) -> Moment {
        let clock = at.clock_in(&self.run.environment.chat.time_zone);
        Moment { at, utc: at.rfc3339(), date: at.date(), clock, event }
    }

    fn of(&self, recorded: &Recorded) -> Moment {
        self.moment(recorded.entry.at, recorded.seq)
    }

    /// The first event that is so.
    fn first(&self, is: impl Fn(&Recorded) -> bool) -> Option<Moment> {
        self.record.iter().find(|one| is(one)).map(|one| self.of(one))
    }

    fn title(&self, id: &StepId) -> String {
        let step = self.run.runbook.step(id);
        step.map_or_else(|| id.to_string(), |step| (self.say)(&Text::from(&step.title)))
    }

    fn state(&self, id: &StepId) -> String {
        let Some((step, at)) = self.run.step(id) else { return String::new() };
        let name = at.state.name();
        let name = if name == "done" && step.action.is_decision() { "decided" } else { name };
        (self.say)(&Text::Named(format!("state.{name}"), vec![]))
    }

    fn line(&self, recorded: &Recorded) -> Line {
        Line {
            when: self.of(recorded),
            by: (self.say)(&timeline::who(&recorded.entry.by)),
            what: (self.say)(&timeline::line(self.run, recorded)),
            step: recorded.entry.event.step().cloned(),
            is_routine: deviations::is_routine(&recorded.entry.event),
        }
    }

    fn on_duty(&self) -> Vec<OnDuty> {
        let duty = self.run.duty.iter();
        duty.map(|(role, person)| OnDuty {
            role: (self.say)(&roles(&[*role])),
            person: (self.say)(&Text::from(person)),
        })
        .collect()
    }

    fn participants(&self) -> Vec<String> {
        let mut all = Vec::new();
        for recorded in self.record {
            if let Actor::Person { id, .. } = &recorded.entry.by
                && !all.contains(id)
            {
                all.push(id.clone());
            }
        }
        all.iter().map(|id| (self.say)(&Text::from(id))).collect()
    }

    fn alerts(&self) -> Vec<Ring> {
        let declared = self.run.declared.alerts.iter().map(|alert| (1, alert));
        let noted = self.record.iter().filter_map(|recorded| {
            let Event::Alerted { alert } = &recorded.entry.event else { return None };
            Some((recorded.seq, alert.as_ref()))
        });
        declared
            .chain(noted)
            .map(|(event, alert)| Ring {
                vendor: alert.vendor.title(),
                title: alert.title.clone(),
                when: self.moment(alert.at, event),
                is_over: alert.is_over,
            })
            .collect()
    }

    fn times(&self, measures: &Measures) -> Option<Times> {
        let run = self.run;
        let impact = self.moment(run.impact_at, 1);
        let started = self.of(self.record.first()?);
        let restored = run.restored_at.and_then(|at| {
            self.first(|one| {
                let Event::StepDone { step, .. } = &one.entry.event else { return false };
                *step == run.runbook.restored_by && one.entry.at == at
            })
        });
        let decided = self.first(|one| {
            let Event::StepDone { step, how: Proof::People, .. } = &one.entry.event else {
                return false;
            };
            run.runbook.step(step).is_some_and(|step| step.action.is_decision())
        });
        let rang = measures.declare.map(|declare| run.started_at.minus(declare));
        let rang = rang.and_then(|at| {
            let rings = self.alerts().into_iter().filter(|ring| !ring.is_over);
            rings.map(|ring| ring.when).find(|when| when.at == at)
        });
        let between = |from: &Moment, until: &Option<Moment>| {
            Figure::between(Some(from.clone()), until.clone())
        };
        Some(Times {
            rto: between(&impact, &restored),
            rto_target_ms: measures.target.ms(),
            rto_met: measures.rto.map(|rto| rto <= measures.target),
            execution: Figure::between(decided, restored.clone()),
            detection: between(&impact, &rang),
            declaration: Figure::between(rang, Some(started.clone())),
            impact_to_start: between(&impact, &Some(started.clone())),
            phases: self.phases(measures),
            waited_ms: measures.waited.ms(),
            worked_ms: measures.worked.ms(),
            closed: self.first(|one| matches!(one.entry.event, Event::RunClosed { .. })),
            impact,
            started,
            restored,
        })
    }

    fn phases(&self, measures: &Measures) -> Vec<Phase> {
        let phases = measures.phases.iter();
        phases
            .map(|phase| Phase {
                title: (self.say)(&Text::from(&phase.title)),
                share_ms: phase.share.ms(),
                waited_ms: phase.waited.ms(),
                worked_ms: phase.worked.ms(),
            })
            .collect()
    }

    fn lost(&self) -> Lost {
        let all = losses(self.record);
        let target = self.run.environment.objectives.rpo;
        let of = |loss: &Loss| loss.figures.iter().map(|figure| figure.loss).max();
        let worst = |store| all.iter().filter(|loss| loss.store == store).filter_map(of).max();
        let [database, redis, objects] = [Store::Database, Store::Redis, Store::Objects].map(worst);
        let mut known = [database, redis, objects].into_iter().flatten();
        let is_all_known = !all.is_empty() && all.iter().all(|loss| !loss.figures.is_empty());
        // One that is too long is enough; what is unknown never counts as kept.
        let rpo_met = if known.any(|loss| loss > target) {
            Some(false)
        } else {
            is_all_known.then_some(true)
        };
        Lost {
            rpo_target_ms: target.ms(),
            database_ms: database.map(Span::ms),
            redis_ms: redis.map(Span::ms),
            objects_ms: objects.map(Span::ms),
            rpo_met,
            figures: loss::lines(&all).iter().map(self.say).collect(),
        }
    }

    fn critical_path(&self) -> Option<Vec<Leg>> {
        let legs = critical_path(self.record)?.into_iter();
        let leg = |leg: super::critical_path::Leg| Leg {
            title: self.title(&leg.step),
            took_ms: leg.took().ms(),
            waited_ms: leg.waited.ms(),
            worked_ms: leg.worked.ms(),
            step: leg.step,
        };
        Some(legs.map(leg).collect())
    }

    fn decisions(&self) -> Vec<Decision> {
        let decisions = self.run.runbook.steps.iter().filter(|step| step.action.is_decision());
        let asked = decisions.filter(|step| self.steps.contains_key(&step.id));
        asked.filter_map(|step| self.decision(&step.id)).collect()
    }

    /// `None` where nobody was ever asked.
    fn decision(&self, id: &StepId) -> Option<Decision> {
        let (mut asked, mut decided, mut shown_at) = (None, None, None);
        let mut votes = Vec::new();
        for recorded in self.record.iter().filter(|one| one.entry.event.step() == Some(id)) {
            if let Event::PreviewShown { shown, .. } = &recorded.entry.event {
                asked.get_or_insert_with(|| self.of(recorded));
                shown_at = Some(shown.at);
            } else if let Event::StepDone { .. } = &recorded.entry.event {
                decided = Some(self.of(recorded));
            }
            votes.extend(self.vote(recorded, shown_at));
        }
        let took = Figure::between(Some(asked?), decided);
        let (title, state) = (self.title(id), self.state(id));
        Some(Decision { step: id.clone(), title, state, took, votes })
    }

    fn vote(&self, recorded: &Recorded, shown_at: Option<Timestamp>) -> Option<Vote> {
        let (choice, words) = if let Event::VoteCast { choice, words, .. } = &recorded.entry.event {
            (Some(*choice), words)
        } else if let Event::DissentVoiced { words, .. } = &recorded.entry.event {
            (None, words)
        } else {
            return None;
        };
        Some(Vote {
            by: (self.say)(&timeline::who(&recorded.entry.by)),
            choice,
            words: words.clone(),
            when: self.of(recorded),
            data_age_ms: shown_at.map(|at| recorded.entry.at.since(at).ms()),
        })
    }

    fn left_open(&self) -> Vec<Left> {
        let open = self.run.each_step().filter(|(step, _)| !self.run.is_settled(&step.id));
        open.map(|(step, _)| Left {
            step: step.id.clone(),
            title: self.title(&step.id),
            state: self.state(&step.id),
        })
        .collect()
    }

    /// Tasks, not decisions.
    fn by_hand(&self) -> Vec<Line> {
        let by_people = |recorded: &&Recorded| {
            let Event::StepDone { step, how: Proof::People, .. } = &recorded.entry.event else {
                return false;
            };
            self.run.runbook.step(step).is_some_and(|step| !step.action.is_decision())
        };
        self.record.iter().filter(by_people).map(|recorded| self.line(recorded)).collect()
    }

    fn written(&self) -> Vec<Line> {
        let written = |one: &&Recorded| {
            matches!(one.entry.event, Event::NoteAdded { .. } | Event::Chat { .. })
        };
        self.record.iter().filter(written).map(|recorded| self.line(recorded)).collect()
    }
}
