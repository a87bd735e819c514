//! An action that only looks: its preview is a look, its run another, and there is no effect to look for. What the run saw
//! is in its evidence as `facts`: a system that is silent is not waited for once more.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::params::{failed, json_of, request};
use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview};

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) facts: Map<String, Value>,
    /// One line for people.
    pub(super) saw: String,
}

/// Asks one outside system. Changes nothing there.
#[async_trait]
pub(super) trait Look: Send + Sync + std::fmt::Debug {
    /// Exactly what is asked; never holds a secret.
    type Asked: Serialize + DeserializeOwned + Send + Sync;

    /// What the step asks.
    async fn asked(&self, call: &Call<'_>) -> Result<Self::Asked, LookError>;

    /// What is asked, as people read it.
    fn line(asked: &Self::Asked) -> String;

    /// Looks, in bounded time. That nothing answers is seen too; an error is what somebody has to mend first.
    async fn look(&self, asked: &Self::Asked) -> Result<Seen, LookError>;

    /// What it needs to be allowed, where somebody else than the asked system says who may look.
    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}

/// An action made of a look.
#[derive(Debug)]
pub(super) struct Reading<L>(pub(super) L);

#[async_trait]
impl<L: Look> Action for Reading<L> {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let asked = self.0.asked(call).await?;
        let seen = self.0.look(&asked).await?;
        Ok(Preview {
            request: json_of(&asked),
            binding: Map::new(),
            facts: seen.facts,
            changes: vec![],
            calls: vec![L::line(&asked)],
            remarks: vec![],
        })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let asked = match request::<L::Asked>(value) {
            Ok(asked) => Ok(asked),
            Err(_) => self.0.asked(call).await,
        };
        let seen = match asked {
            Ok(asked) => self.0.look(&asked).await,
            Err(error) => Err(error),
        };
        match seen {
            Ok(Seen { facts, saw }) => Probe { happened: Happened::Done, facts, saw },
            Err(error) => Probe::blind(&error),
        }
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let asked = match request::<L::Asked>(approved.request()) {
            Ok(asked) => asked,
            Err(error) => return failed(error),
        };
        match self.0.look(&asked).await {
            Ok(Seen { facts, saw }) => {
                Outcome::Accepted { evidence: json!({"asked": asked, "facts": facts, "saw": saw}) }
            }
            Err(error) => failed(error),
        }
    }

    fn permissions(&self) -> Permissions {
        self.0.permissions()
    }
}
