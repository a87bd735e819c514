//! The checks of readiness, one file per outside system, behind one trait. They only look, all at once, each for so long
//! at the most; what does not answer is unknown.

mod access;
mod alarms;
mod alb;
mod aurora;
mod backups;
mod certificates;
mod clock;
mod connectors;
mod dark;
mod databases;
mod dns;
mod eks;
mod excess;
mod identity;
mod kms;
mod kube;
mod metrics;
mod people;
mod quotas;
mod redis;
mod resources;
mod rights;
mod s3;
mod secrets;
mod steps;
#[cfg(test)]
mod tests;
mod tools;
mod uses;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;

use self::rights::{Known, Rights};
use super::aws::Aws;
use super::registry::{ActionSettings, Actions};
use super::{LookError, Permission};
use crate::domain::environment::Environment;
use crate::domain::readiness::{self, Finding, Seen, Severity};
use crate::domain::run::preview::Remark;
use crate::domain::runbook::Runbook;
use crate::domain::time::{Span, Timestamp};
use tools::{Row, Tools};

/// The checks that are rows, one table for each system.
const TABLES: [&[Row]; 18] = [
    aurora::ALL,
    metrics::ALL,
    redis::ALL,
    databases::ALL,
    s3::ALL,
    secrets::ALL,
    eks::ALL,
    kube::ALL,
    alb::ALL,
    certificates::ALL,
    dns::ALL,
    kms::ALL,
    quotas::ALL,
    alarms::ALL,
    backups::ALL,
    connectors::ALL,
    people::ALL,
    clock::ALL,
];

/// Longest that one check may take; all of them run at once, so that is how long all take.
const LONGEST: Duration = Duration::from_secs(50);

/// Where a check looks.
#[derive(Debug, Clone, Copy)]
pub(in crate::actions) struct Place<'a> {
    /// What the environment file names.
    pub(super) environment: &'a Environment,
    /// What would be done there.
    pub(super) runbooks: &'a [&'a Runbook],
    /// Now.
    pub(super) now: Timestamp,
    /// What was found out before, for checks that ask the same.
    known: &'a Known,
}

impl<'a> Place<'a> {
    /// What the environment says at this place; nothing in a section that it says is not present.
    fn value(&self, pointer: &str) -> Option<&'a Value> {
        let document = &self.environment.document;
        let section = pointer.split('/').nth(1).and_then(|name| document.get(name))?;
        let is_there = section.get("present") != Some(&Value::Bool(false));
        document.pointer(pointer).filter(|_| is_there)
    }

    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.value(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        self.value(pointer)?.as_f64()
    }

    fn texts(&self, pointer: &str) -> Vec<&'a str> {
        let list = self.value(pointer).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What is below it, by name.
    fn parts(&self, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let parts = self.value(pointer).and_then(Value::as_object);
        parts.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }
}

/// What a check saw of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Look {
    /// Of what; empty where there is only one.
    subject: String,
    seen: Seen,
    saw: Remark,
    /// What to do about it, where that is not the check's usual remedy: a key.
    remedy: Option<&'static str>,
    /// What it means that it is bad, where that is not what the check's row says.
    severity: Option<Severity>,
}

impl Look {
    fn new(subject: &str, seen: Seen, saw: &str, args: &[(&str, &str)]) -> Self {
        let (subject, saw) = (subject.to_owned(), Remark::new(saw, args));
        Self { subject, seen, saw, remedy: None, severity: None }
    }

    /// Whatever its row says, a run could not go on without it.
    fn that_blocks(self) -> Self {
        Self { severity: Some(Severity::Block), ..self }
    }

    /// With another remedy than the check's usual one.
    fn mended_by(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// Worse than promised, whatever it means to fail this check.
    fn only_warns(self) -> Self {
        Self { severity: Some(Severity::Warn), ..self }
    }

    /// As it must be.
    fn good(subject: &str, saw: &str, args: &[(&str, &str)]) -> Self {
        Self::new(subject, Seen::Good, saw, args)
    }

    /// Not as it must be.
    fn bad(subject: &str, saw: &str, args: &[(&str, &str)]) -> Self {
        Self::new(subject, Seen::Bad, saw, args)
    }

    /// The environment names no such thing.
    fn absent() -> Self {
        Self::new("", Seen::Absent, "doctor.saw.absent", &[])
    }

    /// Nobody answered.
    fn silent(subject: &str) -> Self {
        Self::new(subject, Seen::Unknown, "doctor.saw.silent", &[])
    }

    /// It could not be seen. What is unsafe to touch was seen, and is bad.
    fn blind(subject: &str, error: &LookError) -> Self {
        let seen = match error {
            LookError::Unreachable { .. } | LookError::Refused { .. } => Seen::Unknown,
            LookError::Unsafe { .. } => Seen::Bad,
        };
        Self::new(subject, seen, "doctor.saw.blind", &[("why", &error.said())])
    }
}

/// Looks at one side of readiness. Its row is in [`readiness::ALL`], under the same name.
#[async_trait]
pub(in crate::actions) trait Check: Debug + Send + Sync {
    /// As the table calls it.
    fn name(&self) -> &'static str;

    /// Looks. One for each thing there is, or one that says that the environment names none.
    async fn look(&self, place: Place<'_>) -> Vec<Look>;

    /// What it needs to look.
    fn permissions(&self) -> &'static [Permission];
}

/// A check that is a row of a table.
#[derive(Debug)]
struct Asked {
    row: &'static Row,
    tools: Arc<Tools>,
}

#[async_trait]
impl Check for Asked {
    fn name(&self) -> &'static str {
        self.row.name
    }

    async fn look(&self, place: Place<'_>) -> Vec<Look> {
        match (self.row.look)(&self.tools, place).await {
            Ok(looks) if looks.is_empty() => vec![Look::absent()],
            Ok(looks) => looks,
            Err(error) => vec![Look::blind("", &error)],
        }
    }

    fn permissions(&self) -> &'static [Permission] {
        self.row.needs
    }
}

/// All checks of an environment.
#[derive(Debug, Clone)]
pub struct Doctor {
    checks: Vec<Arc<dyn Check>>,
    /// What steps do, which is only asked to show it.
    actions: Actions,
    rights: Arc<Rights>,
}

impl Doctor {
    /// Connects to nothing: clients are made when they are needed.
    pub fn new(settings: &ActionSettings) -> Self {
        let aws = Arc::new(Aws::new(settings.aws.clone()));
        let tools = Arc::new(Tools { aws: Arc::clone(&aws), settings: settings.clone() });
        let actions = Actions::new(settings.clone());
        let rights = Arc::new(Rights {
            aws: Arc::clone(&aws),
            kube: settings.kube.clone(),
            actions: actions.clone(),
        });
        let mut checks: Vec<Arc<dyn Check>> = vec![
            Arc::new(identity::Identity { aws: Arc::clone(&aws) }),
            Arc::new(rights::Permitted(Arc::clone(&rights))),
            Arc::new(excess::Excess { aws }),
            Arc::new(access::Accessible(Arc::clone(&rights))),
        ];
        for row in TABLES.into_iter().flatten() {
            checks.push(Arc::new(Asked { row, tools: Arc::clone(&tools) }));
        }
        Self { checks, actions, rights }
    }

    /// Everything that the checks need to look.
    pub(super) fn permissions() -> BTreeSet<Permission> {
        let doctor = Self::new(&ActionSettings::default());
        doctor.checks.iter().flat_map(|check| check.permissions().iter().copied()).collect()
    }

    /// Runs every check at once; in the order of the table. The runbooks are those that would be run there.
    pub async fn examine(
        &self,
        environment: &Environment,
        runbooks: &[&Runbook],
        now: Timestamp,
    ) -> Vec<Finding> {
        let known = Known::default();
        self.examine_at(Place { environment, runbooks, now, known: &known }).await
    }

    async fn examine_at(&self, place: Place<'_>) -> Vec<Finding> {
        let found = join_all(self.checks.iter().map(|check| examine(check.as_ref(), place))).await;
        let mut found: Vec<Finding> = found.into_iter().flatten().collect();
        found.sort_by_key(|one| readiness::ALL.iter().position(|spec| spec.name == one.check));
        found
    }
}

async fn examine(check: &dyn Check, place: Place<'_>) -> Vec<Finding> {
    let name = check.name();
    let severity = readiness::find(name).map_or(Severity::Block, |spec| spec.severity);
    let begun = tokio::time::Instant::now();
    let looks = match tokio::time::timeout(LONGEST, check.look(place)).await {
        Ok(looks) => looks,
        Err(_) => {
            let seconds = LONGEST.as_secs().to_string();
            vec![Look::new("", Seen::Unknown, "doctor.saw.no_time", &[("seconds", &seconds)])]
        }
    };
    let took = Span(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
    let remedy = |look: &Look| {
        let usual = || format!("doctor.{}", [name, ".remedy"].concat());
        let key = look.remedy.map_or_else(usual, ToOwned::to_owned);
        Remark { key, args: look.saw.args.clone() }
    };
    let finding = |look: Look| Finding {
        check: name.to_owned(),
        remedy: remedy(&look),
        subject: look.subject,
        severity: look.severity.unwrap_or(severity),
        seen: look.seen,
        saw: look.saw,
        at: place.now,
        took,
    };
    looks.into_iter().map(finding).collect()
}
