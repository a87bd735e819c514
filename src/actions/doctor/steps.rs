//! Would every step of every runbook work today? Each is taken as far as a run would take it without people: its
//! parameters are filled, its action looks and shows what it would do, its guard is asked, and the cluster says whether we
//! may. Nothing is changed.
//!
//! What *cannot work* (refused, missing, forbidden, not filled, a guard that does not hold) is told from what has *nothing
//! to do* today, as the steps of a way back have before anybody left, and from what *could not be seen*.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::rights::Known;
use super::uses::Missing;
use super::{Doctor, LONGEST, Place, dark};
use crate::actions::{Action, Call, LookError};
use crate::domain::action::Danger;
use crate::domain::environment::Environment;
use crate::domain::ids::RunId;
use crate::domain::readiness::{Finding, Report, STEP, Seen, Severity};
use crate::domain::run::Kind;
use crate::domain::run::preview::{Direction, Preview, Remark};
use crate::domain::runbook::condition::{self, Scope, Verdict};
use crate::domain::runbook::{OnFailure, Runbook, Step, template};
use crate::domain::text::told;
use crate::domain::time::{Span, Timestamp};

/// Longest that one step is looked at; a dead region takes as long, and others wait meanwhile.
const LONGEST_LOOK: Duration = Duration::from_secs(14);
/// Steps looked at together: a dead region must not leave too little time for the rest.
const AT_ONCE: usize = 16;
/// What previews say when what they would do is done already.
const DONE_ALREADY: [&str; 4] = [
    "remark.aurora.already_writer",
    "remark.k8s.nothing_to_change",
    "remark.route53.same_target",
    "remark.secret.same_host",
];

/// What all steps are looked at by.
#[derive(Debug, Clone, Copy)]
struct Today<'a> {
    environment: &'a Environment,
    /// The region that is taken for dark.
    dark: Option<&'a str>,
    now: Timestamp,
}

impl Doctor {
    /// Everything: the checks of the environment, and each step of these runbooks. `dark`: a region that is taken for
    /// dead.
    pub async fn report(
        &self,
        environment: &Environment,
        runbooks: &[&Runbook],
        dark: Option<&str>,
        now: Timestamp,
    ) -> Report {
        let begun = Instant::now();
        let today = Today { environment, dark, now };
        let known = Known::default();
        let place = Place { environment, runbooks, now, known: &known };
        let checks = Box::pin(self.examine_at(place));
        let steps = Box::pin(examine(self, today, runbooks));
        let missing = Box::pin(self.rights.missing(place));
        let (mut findings, mut steps, missing) = tokio::join!(checks, steps, missing);
        limit(&mut steps, &missing);
        findings.extend(steps);
        Report {
            environment: environment.id.clone(),
            at: now,
            took: span(begun.elapsed()),
            dark: dark.map(ToOwned::to_owned),
            findings,
        }
    }
}

/// What is not allowed does not work, and what nobody could ask about is not proven to.
pub(super) fn limit(steps: &mut [Finding], missing: &Missing) {
    for ((runbook, step), lack) in missing {
        let subject = format!("{runbook}/{step}");
        let Some(found) = steps.iter_mut().find(|one| one.subject == subject) else { continue };
        let what = lack.denied.join(", ");
        let (seen, saw, arg, remedy) = match (&lack.unasked, found.seen) {
            (_, Seen::Absent) => continue,
            _ if !what.is_empty() => {
                let (saw, remedy) = ("doctor.saw.step.forbidden", "doctor.step.remedy.forbidden");
                (Seen::Bad, saw, ("what", what.as_str()), remedy)
            }
            (Some((why, remedy)), Seen::Good) => {
                (Seen::Unknown, "doctor.saw.step.unasked", ("why", why.as_str()), *remedy)
            }
            (None, _) | (Some(_), Seen::Unknown | Seen::Bad) => continue,
        };
        found.seen = seen;
        found.saw = Remark::new(saw, &[arg]);
        found.remedy = Remark::new(remedy, &[arg]);
    }
}

fn span(real: Duration) -> Span {
    Span(u64::try_from(real.as_millis()).unwrap_or(u64::MAX))
}

/// What was seen of a step.
struct Opinion {
    seen: Seen,
    saw: Remark,
    remedy: &'static str,
}

impl Opinion {
    fn new(seen: Seen, saw: &str, args: &[(&str, &str)], remedy: &'static str) -> Self {
        Self { seen, saw: Remark::new(saw, args), remedy }
    }
}

/// A step with all that its action needs.
struct Work<'a> {
    today: Today<'a>,
    step: &'a Step,
    action: &'a dyn Action,
    run: &'a RunId,
    with: &'a Map<String, Value>,
}

/// Looks at all steps of these runbooks, within the time that all checks have.
async fn examine(doctor: &Doctor, today: Today<'_>, runbooks: &[&Runbook]) -> Vec<Finding> {
    let ends = Instant::now() + LONGEST;
    let room = &Semaphore::new(AT_ONCE);
    let all =
        runbooks.iter().flat_map(|runbook| runbook.steps.iter().map(move |one| (runbook, one)));
    let looks = all.map(|(runbook, step)| async move {
        let begun = Instant::now();
        let late = |seconds: Duration| {
            let seconds = seconds.as_secs().to_string();
            let args = [("seconds", seconds.as_str())];
            Opinion::new(Seen::Unknown, "doctor.saw.no_time", &args, remedy(step))
        };
        let (opinion, took) = match timeout_at(ends, room.acquire()).await {
            Ok(Ok(_place)) => {
                let begun = Instant::now();
                let until = ends.min(begun + LONGEST_LOOK);
                let look = Box::pin(look(doctor, today, runbook, step));
                let opinion = timeout_at(until, look).await;
                (opinion.unwrap_or_else(|_| late(until - begun)), begun.elapsed())
            }
            Ok(Err(_)) | Err(_) => (late(LONGEST), begun.elapsed()),
        };
        Finding {
            check: STEP.to_owned(),
            subject: format!("{}/{}", runbook.id, step.id),
            severity: severity(runbook, step),
            seen: opinion.seen,
            remedy: Remark { key: opinion.remedy.to_owned(), args: opinion.saw.args.clone() },
            saw: opinion.saw,
            at: today.now,
            took: span(took),
        }
    });
    join_all(looks).await
}

/// A step that stops nothing makes it slower, or worse; what all others wait for makes it impossible.
pub(super) fn severity(runbook: &Runbook, step: &Step) -> Severity {
    let falls_back_on = |other: &Step| other.on_failure == OnFailure::Fallback(step.id.clone());
    let is_spare = runbook.steps.iter().any(falls_back_on);
    if step.best_effort || step.on_failure != OnFailure::Hold || is_spare {
        Severity::Warn
    } else {
        Severity::Block
    }
}

async fn look(doctor: &Doctor, today: Today<'_>, runbook: &Runbook, step: &Step) -> Opinion {
    let environment = today.environment;
    if let Some(when) = &step.when
        && condition::never(when, environment)
    {
        return Opinion::new(
            Seen::Absent,
            "doctor.saw.step.absent",
            &[("when", when)],
            remedy(step),
        );
    }
    if let Some(region) = today.dark
        && dark::leads_into(environment, runbook, region)
    {
        let args = [("region", region)];
        return Opinion::new(Seen::Absent, "doctor.saw.step.leads_into", &args, remedy(step));
    }
    let name = step.action.name.as_str();
    let (Some(action), Some(spec)) = (doctor.actions.real(name), step.action.spec()) else {
        let args = [("action", name)];
        return Opinion::new(Seen::Bad, "doctor.saw.step.no_action", &args, remedy(step));
    };
    let takes =
        |path: Result<String, template::Missing>| path.is_ok_and(|path| path.starts_with("steps."));
    if template::paths(&Value::Object(step.action.with.clone())).into_iter().any(takes) {
        return Opinion::new(Seen::Good, "doctor.saw.step.later", &[], remedy(step));
    }
    let scope = template::scope(environment, RUN, Kind::Incident.name());
    let filled = template::fill(&Value::Object(step.action.with.clone()), &scope);
    let filled = filled
        .map_err(|missing| missing.iter().map(ToString::to_string).collect::<Vec<_>>())
        .and_then(|filled| template::checked(spec, &filled));
    let with = match filled {
        Ok(with) => with,
        Err(why) => {
            let (why, remedy) = (why.join("; "), "doctor.step.remedy.template");
            return Opinion::new(Seen::Bad, "doctor.saw.step.template", &[("why", &why)], remedy);
        }
    };
    if name.starts_with("human.") {
        return Opinion::new(Seen::Good, "doctor.saw.step.people", &[], remedy(step));
    }
    let Ok(run) = RunId::parse(RUN) else {
        return Opinion::new(
            Seen::Unknown,
            "doctor.saw.step.silent",
            &[("why", RUN)],
            remedy(step),
        );
    };
    Work { today, step, action: action.as_ref(), run: &run, with: &with }.look().await
}

/// The run that a step is looked at for.
const RUN: &str = "doctor";

impl Work<'_> {
    async fn look(&self) -> Opinion {
        let seen = self.action.preview(&self.call()).await;
        let opinion = match &seen {
            Ok(preview) => self.judge(preview),
            Err(error) => self.refused(error),
        };
        // What cannot work by daylight cannot work in the dark either.
        if opinion.seen == Seen::Bad {
            return opinion;
        }
        self.in_the_dark(seen.as_ref().ok()).unwrap_or(opinion)
    }

    fn call(&self) -> Call<'_> {
        Call {
            run: self.run,
            step: &self.step.id,
            environment: self.today.environment,
            with: self.with,
            direction: Direction::Do,
            before: None,
            done: None,
            opened_at: self.today.now,
            takes: Span(0),
            started_at: self.today.now,
            impact_at: self.today.now,
            token: uuid::Uuid::nil(),
            attempt: 0,
            now: self.today.now,
            past: &[],
        }
    }

    fn refused(&self, error: &LookError) -> Opinion {
        if error.is_already_so() {
            return self.nothing_to_do();
        }
        let (seen, saw) = match error {
            LookError::Unreachable { .. } => (Seen::Unknown, "doctor.saw.step.silent"),
            LookError::Refused { .. } | LookError::Unsafe { .. } => {
                (Seen::Bad, "doctor.saw.step.refused")
            }
        };
        Opinion::new(seen, saw, &[("why", &error.said())], remedy(self.step))
    }

    fn nothing_to_do(&self) -> Opinion {
        Opinion::new(Seen::Good, "doctor.saw.step.nothing_to_do", &[], remedy(self.step))
    }

    fn judge(&self, preview: &Preview) -> Opinion {
        let call = preview.calls.first().map_or(self.step.action.name.as_str(), String::as_str);
        if preview.facts.get("reachable") == Some(&Value::Bool(false)) {
            let why = told("told.no_answer", &[call]);
            let args = [("why", why.as_str())];
            return Opinion::new(Seen::Unknown, "doctor.saw.step.silent", &args, remedy(self.step));
        }
        if self.is_done(preview) {
            return self.nothing_to_do();
        }
        if let Some(guard) = &self.step.guard
            && let Some(opinion) = stopped(guard, &self.scope(preview))
        {
            return opinion;
        }
        Opinion::new(Seen::Good, "doctor.saw.step.works", &[("call", call)], remedy(self.step))
    }

    fn is_done(&self, preview: &Preview) -> bool {
        let reads = self.step.action.spec().is_some_and(|spec| spec.danger == Danger::Reads);
        let says_so = |remark: &Remark| DONE_ALREADY.contains(&remark.key.as_str());
        let changes = &preview.changes;
        let is_same = !changes.is_empty() && changes.iter().all(|one| one.now == one.after);
        !reads && (is_same || preview.remarks.iter().any(says_so))
    }

    /// What a guard sees before anything was done.
    fn scope(&self, preview: &Preview) -> Scope {
        let environment = self.today.environment;
        Scope {
            facts: Value::Object(preview.facts.clone()),
            env: environment.document.clone(),
            regions: serde_json::json!(environment.regions),
            ..Scope::default()
        }
    }

    /// What becomes of the step while a region is dark, if it needs that one.
    fn in_the_dark(&self, preview: Option<&Preview>) -> Option<Opinion> {
        let region = self.today.dark?;
        let needs = dark::needs(self.today.environment, self.step, self.with, preview);
        let need = needs.into_iter().find(|need| need.region == region)?;
        let args = [("call", need.what.as_str()), ("region", region)];
        if self.step.best_effort {
            let saw = "doctor.saw.step.dark_best_effort";
            return Some(Opinion::new(Seen::Good, saw, &args, remedy(self.step)));
        }
        let remedy = match self.step.action.name.as_str() {
            "aurora.switchover" => "doctor.step.remedy.dark_switchover",
            name if name.starts_with("route53.") && name != "route53.latch" => {
                "doctor.step.remedy.dark_route53"
            }
            _ => "doctor.step.remedy.dark",
        };
        Some(Opinion::new(Seen::Bad, "doctor.saw.step.dark", &args, remedy))
    }
}

/// What a guard says against a step. A run refuses what cannot be told, too; what it asks of other steps and of the run is
/// not there before anything was done, and forbids nothing.
fn stopped(guard: &str, scope: &Scope) -> Option<Opinion> {
    let remedy = "doctor.step.remedy.guard";
    match condition::evaluate(guard, scope) {
        Verdict::True => None,
        Verdict::False => {
            Some(Opinion::new(Seen::Bad, "doctor.saw.step.guard", &[("guard", guard)], remedy))
        }
        Verdict::Unknown(why) => {
            let waits = condition::references(guard).is_ok_and(|read| {
                let mut roots = read.values.iter().filter_map(|one| one.path.first());
                roots.any(|root| root == "steps" || root == "run")
            });
            let args = [("guard", guard), ("why", why.as_str())];
            let saw = "doctor.saw.step.guard_unknown";
            (!waits).then(|| Opinion::new(Seen::Unknown, saw, &args, remedy))
        }
    }
}

/// What to do about a step that does not work, by the system it calls.
fn remedy(step: &Step) -> &'static str {
    match step.action.name.split('.').next().unwrap_or_default() {
        "k8s" | "external_secrets" => "doctor.step.remedy.kube",
        "http" => "doctor.step.remedy.http",
        "sql" | "redis" | "bullmq" => "doctor.step.remedy.connection",
        "exec" => "doctor.step.remedy.exec",
        "dns" => "doctor.step.remedy.dns",
        _ => "doctor.step.remedy.aws",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_guard_that_cannot_be_told_is_not_green_unless_it_waits_for_other_steps() {
        let scope = Scope { facts: json!({"writer": "eu"}), ..Scope::default() };
        let seen = |guard| stopped(guard, &scope).map(|opinion| opinion.seen);
        assert_eq!(seen("facts.writer == 'eu'"), None);
        assert_eq!(seen("facts.writer == 'us'"), Some(Seen::Bad));
        assert_eq!(seen("facts.lag < 5"), Some(Seen::Unknown));
        assert_eq!(seen("facts.writer =="), Some(Seen::Unknown));
        assert_eq!(seen("steps.fence.state == 'done' && facts.lag < 5"), None);
        assert_eq!(seen("run.kind == 'incident'"), None);
        assert_eq!(seen("facts.writer == 'us' && steps.fence.state == 'done'"), Some(Seen::Bad));
    }
}
