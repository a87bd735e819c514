//! One thing done to each workload of a step, and what that comes to.

use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{Cluster, KubeSettings};
use crate::actions::params::unsafe_because;
use crate::actions::{LookError, Outcome};

/// How it went with one workload.
pub(super) enum Went {
    /// Done.
    Applied,
    /// It was so already; nothing was sent.
    Already,
    /// It certainly was not done.
    Not(LookError),
    /// It may have been done.
    Unclear(String),
}

/// How the workloads of one action went. Some done and some not is never "failed", because something was done.
#[derive(Debug, Default)]
pub(super) struct Tally {
    applied: Vec<String>,
    already: Vec<String>,
    not: Vec<(String, LookError)>,
    unclear: Vec<(String, String)>,
}

impl Tally {
    /// Does one thing after the other, named by its workload, as long as there is time.
    pub(super) async fn of<F: Future<Output = Went>>(
        settings: &KubeSettings,
        work: impl Iterator<Item = (String, F)>,
    ) -> Self {
        let mut tally = Self::default();
        let deadline = Instant::now() + settings.whole;
        for (workload, one) in work {
            if Instant::now() >= deadline {
                tally.not.push((workload, unsafe_because("not tried: no time was left")));
                continue;
            }
            match timeout_at(deadline, one).await {
                Ok(Went::Applied) => tally.applied.push(workload),
                Ok(Went::Already) => tally.already.push(workload),
                Ok(Went::Not(error)) => tally.not.push((workload, error)),
                Ok(Went::Unclear(detail)) => tally.unclear.push((workload, detail)),
                Err(_) => tally.unclear.push((workload, "no answer in time".into())),
            }
        }
        tally
    }

    pub(super) fn outcome(self, cluster: &Cluster, operation: &str, namespace: &str) -> Outcome {
        let texts = |list: Vec<(String, String)>| -> Map<String, Value> {
            list.into_iter().map(|(workload, text)| (workload, Value::from(text))).collect()
        };
        let first = self.not.first().map(|(_, error)| error.clone());
        let not: Vec<(String, String)> =
            self.not.into_iter().map(|(workload, error)| (workload, error.to_string())).collect();
        let all_not = self.applied.is_empty() && self.already.is_empty();
        let (missed, open) = (not.len(), self.unclear.len());
        let evidence = json!({
            "service": "k8s", "operation": operation, "context": cluster.context,
            "server": cluster.server, "namespace": namespace,
            "request_ids": *cluster.sent(), "applied": self.applied, "already": self.already,
            "not_applied": texts(not), "unclear": texts(self.unclear),
        });
        match (first, open) {
            (None, 0) => Outcome::Accepted { evidence },
            (Some(error), 0) if all_not => Outcome::Failed { error },
            _ => Outcome::Unknown {
                error: format!(
                    "{}: {open} without an answer, {missed} not done, the rest done",
                    cluster.system()
                ),
                evidence,
            },
        }
    }
}
