//! `http.check`: asks an endpoint. It only reads.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{HttpSettings, Request};
use crate::actions::params::{failed, json_of, request};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview};

/// Asks an endpoint.
#[derive(Debug)]
pub(in crate::actions) struct Check {
    settings: HttpSettings,
}

impl Check {
    pub(in crate::actions) fn new(settings: HttpSettings) -> Self {
        Self { settings }
    }
}

#[async_trait]
impl Action for Check {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let asked = Request::of(call)?;
        asked.may_resolve()?;
        Ok(Preview {
            request: json_of(&asked),
            binding: Map::new(),
            facts: asked.read(&self.settings).await.facts(),
            changes: vec![],
            calls: vec![asked.line(&asked.method)],
            remarks: vec![],
        })
    }

    /// A check has no effect to look for, so every answer is "done".
    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        match request::<Request>(value).or_else(|_| Request::of(call)) {
            Ok(asked) => {
                let answer = asked.read(&self.settings).await;
                Probe { happened: Happened::Done, facts: answer.facts(), saw: answer.saw() }
            }
            Err(error) => Probe::blind(&error),
        }
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        match request::<Request>(approved.request()) {
            Ok(asked) => {
                let answer = asked.read(&self.settings).await;
                let (url, facts, saw) = (asked.url.as_str(), answer.facts(), answer.saw());
                let evidence = json!({"service": "http", "url": url, "facts": facts, "saw": saw});
                Outcome::Accepted { evidence }
            }
            Err(error) => failed(error),
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
