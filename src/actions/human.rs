//! `human.task` and `human.decide`: nothing outside happens; people do, or decide, and say so.
//!
//! The request holds what is asked, so that people agree to these words and not to later ones. What the steps saw that a
//! decision looks at is not in it: the run knows that and its age ([`crate::domain::run::decision`]).

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview};
use crate::domain::text::told;

/// Something a person does or decides.
#[derive(Debug)]
pub(super) struct Human {
    /// `task` or `decide`.
    pub(super) what: &'static str,
}

#[async_trait]
impl Action for Human {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        Ok(Preview {
            request: json!({"service": "human", "operation": self.what, "with": call.with}),
            binding: Map::new(),
            facts: Map::new(),
            changes: vec![],
            calls: vec![],
            remarks: vec![],
        })
    }

    async fn probe(&self, _call: &Call<'_>, _request: &Value) -> Probe {
        // Saying it is doing it: nothing can be under way, or left half done.
        let saw = told("told.nothing_outside", &[]);
        Probe { happened: Happened::Done, facts: Map::new(), saw }
    }

    async fn run(&self, _call: &Call<'_>, _approved: &Approved) -> Outcome {
        Outcome::Accepted { evidence: json!({"service": "human", "operation": self.what}) }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
