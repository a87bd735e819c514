//! What every try begins and ends with: the step with all its action needs, every look kept within its time, and the
//! report that settles the effect. From here things are looked at, never changed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::{Map, Value};

use super::deadline::Deadline;
use crate::actions::{Absent, Action, Call, LookError, Probe};
use crate::domain::action::{ActionSpec, Danger};
use crate::domain::actor::Actor;
use crate::domain::ids::{Digest, RunId, StepId};
use crate::domain::run::done::DoneAs;
use crate::domain::run::preview::Preview;
use crate::domain::run::state::Happened;
use crate::domain::run::{Report, Request, Run, StepRun, StepState};
use crate::domain::runbook::{Step, template};
use crate::domain::text::{told, trouble};
use crate::domain::time::{Span, Timestamp};
use crate::engine::clock::Clock;
use crate::engine::effect::EffectError;
use crate::engine::patience::Patience;
use crate::engine::submit::Submitted;
use crate::engine::{Asked, Engine};
use crate::faults::{self, Mistake, place};
use crate::store::Claimed;

/// What was seen so lately is seen now.
const BREATH: Span = Span::seconds(10);

/// A step with everything its action needs.
pub(super) struct Work {
    pub(super) run: Run,
    pub(super) step: Step,
    pub(super) at: StepRun,
    pub(super) action: Arc<dyn Action>,
    with: Map<String, Value>,
    now: Timestamp,
    pub(super) patience: Patience,
    clock: Arc<dyn Clock>,
}

impl Work {
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            run: &self.run.id,
            step: &self.step.id,
            environment: &self.run.environment,
            with: &self.with,
            direction: self.at.direction,
            before: self.at.done_as.as_ref().map(DoneAs::before),
            done: self.at.done_as.as_ref().map(|done| &done.preview),
            opened_at: self.at.opened_at,
            takes: self.takes(),
            started_at: self.run.started_at,
            impact_at: self.run.impact_at,
            token: token(&self.run.id, &self.step.id, self.approval()),
            attempt: self.attempt(),
            now: self.now,
            past: &self.run.evidence,
        }
    }

    /// How long the step usually takes until what it waits for is there; it is held after that.
    fn takes(&self) -> Span {
        let typical = self.step.typical.ms();
        let verify = self.step.verify.as_ref();
        verify.map_or(Span(0), |verify| Span(typical.saturating_sub(verify.hold_for.ms())))
    }

    fn attempt(&self) -> u32 {
        self.at.attempts + u32::from(matches!(self.at.state, StepState::Approved { .. }))
    }

    /// What a token stands for: the preview that people agreed to.
    fn approval(&self) -> u32 {
        if faults::makes(Mistake::TokenFromAttempt) { self.attempt() } else { self.at.previews }
    }

    /// `work`, unless it takes too long. Time is looked at first: work that was stopped past its time, in whatever
    /// state, does not go on.
    pub(super) async fn within<T>(
        &self,
        most: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let deadline = Deadline::new(&*self.clock, most);
        let (mut timer, mut work) = (pin!(self.clock.wait(most)), pin!(work));
        poll_fn(|cx| {
            if deadline.is_over(&*self.clock) || timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }

    pub(super) async fn preview(&self) -> Result<Preview, LookError> {
        place(format_args!("before the look for a preview of {}", self.step.id));
        let look = self.within(self.patience.look, self.action.preview(&self.call())).await;
        place(format_args!("after the look for a preview of {}", self.step.id));
        look.unwrap_or_else(|| {
            Err(LookError::Unreachable {
                system: self.step.action.name.clone(),
                detail: self.no_time(),
            })
        })
    }

    fn no_time(&self) -> String {
        told("told.no_time", &[&self.patience.look.as_secs().to_string()])
    }

    /// How it is right before the call. What only reads is not asked again in the same breath: it changes nothing, and
    /// whoever does not answer would be waited for once more.
    pub(super) async fn measure(&self) -> Result<Preview, LookError> {
        match &self.at.shown {
            Some(shown) if faults::makes(Mistake::KeepApprovals) => Ok(shown.preview.clone()),
            Some(shown) if self.only_reads() && self.now.since(shown.at) <= BREATH => {
                Ok(shown.preview.clone())
            }
            Some(_) | None => self.preview().await,
        }
    }

    /// What the call of a step that only reads has just seen, where there is nothing else to prove.
    pub(super) fn seen_by_call(&self) -> Option<Map<String, Value>> {
        let is_new = self.now.since(self.at.since) <= BREATH;
        let may = is_new && self.step.verify.is_none() && self.only_reads();
        let seen = self.at.evidence.as_ref().filter(|_| may)?.get("facts")?;
        seen.as_object().cloned()
    }

    /// Whether it changes nothing, and nothing depends on how things stand right before it.
    fn only_reads(&self) -> bool {
        let reads = |spec: &ActionSpec| spec.danger == Danger::Reads;
        self.step.guard.is_none() && self.step.action.spec().is_some_and(reads)
    }

    pub(super) async fn probe(&self, request: &Value) -> Probe {
        place(format_args!("before the probe of {}", self.step.id));
        let look = self.within(self.patience.look, self.action.probe(&self.call(), request)).await;
        place(format_args!("after the probe of {}", self.step.id));
        look.unwrap_or_else(|| Probe {
            happened: Happened::Unknown,
            facts: Map::new(),
            saw: self.no_time(),
        })
    }
}

/// The idempotency token of what is approved: from run, step and preview, never from the attempt.
fn token(run: &RunId, step: &StepId, preview: u32) -> uuid::Uuid {
    let digest = Digest::of(format!("{run}/{step}/{preview}").as_bytes());
    let mut bytes = [0_u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(digest.as_str().as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(pair)
            .ok()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .unwrap_or_default();
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Loads the step of an effect; `None` (and the effect settled) if the run or step is gone. `Err(text)` inside:
/// the step cannot be worked on, and why.
pub(super) async fn load(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
) -> Result<Option<Result<Work, (Run, String)>>, EffectError> {
    let stored = engine.store.run(&claimed.run).await?;
    let Some(run) = stored.map(|stored| stored.run) else {
        engine.store.settle(claimed).await?;
        return Ok(None);
    };
    let Some((found, at)) = run.step(step) else {
        engine.store.settle(claimed).await?;
        return Ok(None);
    };
    let (found, at) = (found.clone(), at.clone());
    let action = engine.actions.find(run.kind, &found.action);
    let with = fill(&run, &found);
    Ok(Some(match (action, with) {
        (Ok(action), Ok(with)) => {
            let (now, patience) = (engine.clock.now(), engine.patience);
            let clock = Arc::clone(&engine.clock);
            Ok(Work { run, step: found, at, action, with, now, patience, clock })
        }
        (Err(why), _) => {
            let key = match why {
                Absent::Unknown => "trouble.no_action",
                Absent::Changed => "trouble.other_connector",
            };
            Err((run, trouble(key, &found.action.name, "")))
        }
        (_, Err(why)) => Err((run, why)),
    }))
}

/// The action's parameters with every `${…}` filled from the run's environment, and from what other steps found.
fn fill(run: &Run, step: &Step) -> Result<Map<String, Value>, String> {
    let mut scope = template::scope(&run.environment, run.id.as_str(), run.kind.name());
    if let Value::Object(scope) = &mut scope {
        scope.insert("steps".to_owned(), run.scope(&Map::new()).steps);
    }
    let filled = template::fill(&Value::Object(step.action.with.clone()), &scope);
    let filled = filled.map_err(|missing| {
        let missing: Vec<_> =
            missing.iter().map(|missing| format!("{} {}", missing.template, missing.why)).collect();
        missing.join("; ")
    })?;
    let Some(spec) = step.action.spec() else {
        return Err(trouble("trouble.no_action", &step.action.name, ""));
    };
    template::checked(spec, &filled).map_err(|wrong| wrong.join("; "))
}

pub(super) async fn report(
    engine: &Engine,
    claimed: &Claimed,
    report: Report,
) -> Result<Submitted, EffectError> {
    let key = format!("{}/{}/{}", claimed.run, claimed.key, claimed.lease);
    let request = Request::Report(report);
    let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: Some(claimed) };
    Ok(engine.submit(&claimed.run, asked).await?)
}

pub(super) fn said(error: &LookError) -> (String, bool) {
    (error.said(), matches!(error, LookError::Unreachable { .. }))
}
