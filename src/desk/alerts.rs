//! What is done with alerts: recorded, offered to the room, put on the timeline of the run that is open. Nothing here
//! starts a run: people do, with the form that an offer opens.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Answer, Desk};
use crate::domain::actor::Actor;
use crate::domain::alert::Alert;
use crate::domain::comms;
use crate::domain::ids::Digest;
use crate::domain::offer::{Board, Declined, Owed, Request};
use crate::domain::run::declared::ALERTS;
use crate::domain::run::{self, Kind, Refusal, Run};
use crate::domain::text::Text;
use crate::engine::alerts::{BoardError, OfferNotShown};
use crate::engine::{Asked, SubmitError};
use crate::store::StoreError;
use crate::telemetry::Chain;

/// Before it is looked again though nothing was heard: another replica may have died at it.
const NAP: Duration = Duration::from_secs(30);
/// Before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Something is still owed; it is tried again.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Board(#[from] BoardError),
    #[error(transparent)]
    Run(#[from] SubmitError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Offer(#[from] OfferNotShown),
}

impl Desk {
    /// Records what came in. Once this returns, nothing of it is lost.
    ///
    /// # Errors
    /// When it was not recorded, or nobody knows: whoever sent it should send it again.
    pub async fn hear(&self, alerts: Vec<Alert>) -> Result<(), BoardError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let now = self.engine.clock.now();
        // A clock that is ahead of ours must not make it ring in the future.
        let on_time = |alert: Alert| Alert { at: alert.at.min(now), ..alert };
        let alerts = alerts.into_iter().map(on_time).collect();
        let run = self.run_for_alerts().await?.map(|run| run.id);
        let request = Request::Hear { alerts, run };
        self.engine.on_board(&self.environment, &Actor::Engine, &request).await.map(drop)
    }

    /// The open run on whose timeline alerts go. A tabletop is none: nothing outside may hide behind it.
    async fn run_for_alerts(&self) -> Result<Option<Run>, StoreError> {
        let runs = self.engine.store.open_runs().await?;
        let takes =
            |run: &Run| run.environment.id == self.environment.id && run.kind != Kind::Tabletop;
        let mut runs: Vec<Run> = runs.into_iter().filter(takes).collect();
        runs.sort_by_key(|run| run.kind != Kind::Incident);
        Ok(runs.into_iter().next())
    }

    /// Somebody says that an offer is no incident.
    ///
    /// # Errors
    /// What they are told instead.
    pub async fn dismiss(&self, by: &Actor, offer: u64) -> Result<(), Answer> {
        let request = Request::Dismiss { offer };
        match self.engine.on_board(&self.environment, by, &request).await {
            Ok(_) => Ok(()),
            Err(BoardError::Declined(declined)) => Err(Answer::Refused(self.declined(&declined))),
            Err(BoardError::Busy) => Err(Answer::Failed(Text::key("refused.busy"))),
            Err(BoardError::Store(error)) => Err(super::failed(&error)),
        }
    }

    /// The board, if this offer can be taken up.
    ///
    /// # Errors
    /// What whoever asks is told instead.
    pub async fn offered(&self, offer: u64) -> Result<Board, Text> {
        let board = self.engine.store.board(&self.environment.id).await;
        let board = board.map_err(|error| super::unread(&error))?;
        match board.is_open(offer) {
            Ok(_) => Ok(board),
            Err(declined) => {
                info!(offer, declined = ?declined, "Declined an offer that is over");
                Err(self.declined(&declined))
            }
        }
    }

    fn declined(&self, declined: &Declined) -> Text {
        comms::declined(declined, &self.environment.chat.time_zone)
    }

    /// What a run is told of the alerts of an offer that was taken up, the first first. Should it have ended meanwhile,
    /// they rang all the same.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn alerts_of(&self, offer: u64) -> Result<Vec<Alert>, StoreError> {
        let board = self.engine.store.board(&self.environment.id).await?;
        let Some(offer) = board.offer(offer) else { return Ok(vec![]) };
        let members = board.members(offer).into_iter().take(ALERTS);
        let told = members.map(|known| Alert { at: known.first_at, ..known.alert.clone() });
        Ok(told.collect())
    }

    /// Shows offers and tells runs, until told to end.
    pub async fn keep_alerts(self, token: CancellationToken) {
        let mut changes = self.engine.changes();
        loop {
            let nap = match self.settle_alerts().await {
                Ok(()) => NAP,
                Err(error) => {
                    warn!(error = %Chain(&error), "Alerts are not where they belong yet");
                    AGAIN
                }
            };
            tokio::select! {
                () = token.cancelled() => return,
                () = self.engine.rung() => {}
                () = changed(&mut changes) => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// One look at everything that is owed.
    async fn settle_alerts(&self) -> Result<(), NotYet> {
        let board = self.engine.store.board(&self.environment.id).await?;
        let is_offered = board.offers.last().is_some_and(|offer| offer.end.is_none());
        if let Some(run) = if is_offered { self.run_for_alerts().await? } else { None } {
            let knows: Vec<Digest> = run.declared.alerts.iter().map(Alert::key).collect();
            self.about_alerts(&Request::RunOpen { run: run.id, knows }).await?;
        }
        let board = self.engine.store.board(&self.environment.id).await?;
        for owed in &board.owed {
            self.tell_run(owed).await?;
        }
        self.engine.show_offers(&self.environment).await?;
        Ok(())
    }

    /// Puts an alert on the timeline of its run, once; if the run is over, it is offered.
    async fn tell_run(&self, owed: &Owed) -> Result<(), NotYet> {
        let key = format!("alert/{}/{}", self.environment.id, owed.seq);
        let request = run::Request::Alerted { alert: Box::new(owed.alert.clone()) };
        let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: None };
        let seq = owed.seq;
        let then = match self.engine.submit(&owed.run, asked).await {
            Ok(_) => Request::Taken { seq },
            Err(SubmitError::NoSuchRun(_)) => Request::NotTaken { seq },
            Err(SubmitError::Refused(refusal)) if matches!(*refusal, Refusal::Closed { .. }) => {
                Request::NotTaken { seq }
            }
            // Its record is full: offered, it would come back here.
            Err(SubmitError::Refused(refusal)) => {
                error!(run.id = %owed.run, refusal = ?refusal, "A run does not take an alert");
                Request::Taken { seq }
            }
            Err(other) => return Err(other.into()),
        };
        self.about_alerts(&then).await?;
        Ok(())
    }

    async fn about_alerts(&self, request: &Request) -> Result<Board, BoardError> {
        self.engine.on_board(&self.environment, &Actor::Engine, request).await
    }
}

/// Some run changed, or so many did that some were missed.
async fn changed(changes: &mut broadcast::Receiver<crate::domain::ids::RunId>) {
    if let Err(broadcast::error::RecvError::Closed) = changes.recv().await {
        std::future::pending::<()>().await;
    }
}
