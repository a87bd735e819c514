//! The checks of readiness, one file per outside system, behind one trait. They only look, all at once, each for so long
//! at the most; what does not answer is unknown.

mod dark;
mod identity;
mod steps;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::aws::Aws;
use super::kube::KubeSettings;
use super::registry::{ActionSettings, Actions};
use super::{LookError, Permission};
use crate::domain::environment::Environment;
use crate::domain::readiness::{self, Finding, Seen, Severity};
use crate::domain::run::preview::Remark;
use crate::domain::runbook::Runbook;
use crate::domain::time::{Span, Timestamp};

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
}

/// What a check saw of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Look {
    /// Of what; empty where there is only one.
    subject: String,
    seen: Seen,
    saw: Remark,
}

impl Look {
    fn new(subject: &str, seen: Seen, saw: &str, args: &[(&str, &str)]) -> Self {
        Self { subject: subject.to_owned(), seen, saw: Remark::new(saw, args) }
    }

    /// As it must be.
    fn good(subject: &str, saw: &str, args: &[(&str, &str)]) -> Self {
        Self::new(subject, Seen::Good, saw, args)
    }

    /// Not as it must be.
    fn bad(subject: &str, saw: &str, args: &[(&str, &str)]) -> Self {
        Self::new(subject, Seen::Bad, saw, args)
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

    /// Looks. One for each thing there is; none where the environment has nothing of the kind.
    async fn look(&self, place: Place<'_>) -> Vec<Look>;

    /// What it needs to look.
    fn permissions(&self) -> &'static [Permission];
}

/// All checks of an environment.
#[derive(Debug, Clone)]
pub struct Doctor {
    checks: Vec<Arc<dyn Check>>,
    /// What steps do, which is only asked to show it.
    actions: Actions,
    kube: KubeSettings,
}

impl Doctor {
    /// Connects to nothing: clients are made when they are needed.
    pub fn new(settings: &ActionSettings) -> Self {
        let aws = Arc::new(Aws::new(settings.aws.clone()));
        let (actions, kube) = (Actions::new(settings.clone()), settings.kube.clone());
        Self { checks: vec![Arc::new(identity::Identity { aws })], actions, kube }
    }

    /// Runs every check at once; in the order of the table. The runbooks are those that would be run there.
    pub async fn examine(
        &self,
        environment: &Environment,
        runbooks: &[&Runbook],
        now: Timestamp,
    ) -> Vec<Finding> {
        let place = Place { environment, runbooks, now };
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
    let remedy =
        |look: &Look| Remark { key: format!("doctor.{name}.remedy"), args: look.saw.args.clone() };
    let finding = |look: Look| Finding {
        check: name.to_owned(),
        remedy: remedy(&look),
        subject: look.subject,
        severity,
        seen: look.seen,
        saw: look.saw,
        at: place.now,
        took,
    };
    looks.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_a_check_and_nothing_else_does() {
        let doctor = Doctor::new(&ActionSettings::default());
        let mut names: Vec<_> = doctor.checks.iter().map(|check| check.name()).collect();
        let mut rows: Vec<_> = readiness::ALL.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        rows.sort_unstable();
        assert_eq!(names, rows);
    }
}
