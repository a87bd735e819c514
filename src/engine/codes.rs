//! Asks whoever agrees for their one-time code, where the rules want one. The one place that makes a [`Confirmation`]:
//! whatever surface the press came from, the rules refuse it without.

use tracing::{error, warn};

use super::Engine;
use super::submit::Asked;
use crate::domain::actor::Actor;
use crate::domain::code::{self, Confirmation, Typed, Wrong};
use crate::domain::ids::PersonId;
use crate::domain::run::decide::agrees_to;
use crate::domain::run::{Refusal, Request, Run};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::codes::Tried;

/// What came of a look at somebody's code: a refusal is for the asker alone.
pub(super) type Looked = Result<Result<Confirmation, Refusal>, StoreError>;

impl Engine {
    /// What is known of the codes of whoever asks. `missing`: what they are told if one is asked for and none was typed.
    pub(super) async fn step_up(
        &self,
        run: &Run,
        asked: &Asked<'_>,
        typed: Option<&Typed>,
        missing: Refusal,
    ) -> Looked {
        let Some(person) = asked.by.person() else { return Ok(Err(missing)) };
        let environment = &run.environment.id;
        if !self.store.is_enrolled(environment, person).await? {
            return Ok(Ok(Confirmation::not_enrolled(person)));
        }
        let Some(seal) = &self.seal else {
            error!(run.id = %run.id, "Cannot check a one-time code: DR_BUDDY_SEAL_KEY is not set");
            return Ok(Err(Refusal::CodesSealed));
        };
        let Some(typed) = typed else { return Ok(Err(missing)) };
        // The same for the count of tries and the check.
        let now = self.clock.now();
        let (sealed, used, left, locked_until) =
            match self.store.try_code(environment, person, now).await? {
                Tried::NotEnrolled => return Ok(Ok(Confirmation::not_enrolled(person))),
                Tried::Locked(until) => return Ok(Err(Refusal::CodesLocked { until })),
                Tried::Counted { sealed, used, left, locked_until } => {
                    (sealed, used, left, locked_until)
                }
            };
        let Some(secret) = seal.open(environment, person, &sealed) else {
            error!(run.id = %run.id, "Cannot check a one-time code: it was sealed with another key");
            return Ok(Err(Refusal::CodesSealed));
        };
        let wrong = match code::check(&secret, typed, now, used) {
            // A repeat of this very request finds its own code used, and has it counted.
            Ok(period) | Err(Wrong::Used(period)) => {
                if self.store.spend(environment, person, period, asked.key).await? {
                    return Ok(Ok(Confirmation::by_code(person)));
                }
                Refusal::CodeUsed { left }
            }
            Err(Wrong::Differs) => Refusal::CodeWrong { left },
        };
        if left > 0 {
            return Ok(Err(wrong));
        }
        self.tell_of_lock(run, asked.request, person, locked_until).await;
        Ok(Err(Refusal::CodesLocked { until: locked_until }))
    }

    /// Tells the room, on the record. Should it fail, the lock stands all the same.
    async fn tell_of_lock(&self, run: &Run, on: &Request, person: &PersonId, until: Timestamp) {
        let Some(step) = agrees_to(on) else { return };
        warn!(run.id = %run.id, step.id = %step, "Too many wrong one-time codes in the name of `{person}`");
        let request = Request::CodesLocked { step: step.clone(), person: person.clone(), until };
        let key = format!("codes/{}/{person}/{}", run.environment.id, until.0);
        let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: None };
        if let Err(error) = Box::pin(self.submit(&run.id, asked)).await {
            error!(run.id = %run.id, error = %error, "Could not record that codes are locked");
        }
    }
}
