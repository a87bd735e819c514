//! The doctor's rounds: at a start, then as scheduled; kept, and what has turned told to the war room.
//!
//! Of several replicas one makes a round. While a run is open none is begun, unless somebody asks: people have other
//! things to look at, and so have the systems. A report is told once the channel took it; before, the next try tells all
//! that has turned since the last one that was, so nothing is lost and at worst something is said twice.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Desk;
use crate::domain::back_off::BackOff;
use crate::domain::comms;
use crate::domain::readiness::{KEPT, Report, Schedule, turned};
use crate::domain::run::Run;
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};
use crate::store::StoreError;
use crate::telemetry::Chain;

/// Before it is looked again whether a run is still open, or whether the database is back.
const AGAIN: Span = Span::minutes(5);
/// Replicas that start together make one round.
const TOGETHER: Span = Span::minutes(2);
/// Waits between tries to tell the room, and how many: what is not told then, the next round tells.
const TELL_AGAIN: (Span, Span) = (Span::seconds(10), Span::minutes(10));
const TRIES: usize = 12;
/// Longest sleep: a clock that is set, or a laptop that wakes, is noticed by then.
const NAP: Span = Span::minutes(1);

impl Desk {
    /// Looks at everything now.
    pub async fn examine(&self, dark: Option<&str>) -> Option<Report> {
        let doctor = self.engine.doctor.as_ref()?;
        let runbooks: Vec<_> = self.catalog.runbooks.values().collect();
        let now = self.engine.clock.now();
        Some(Box::pin(doctor.report(&self.environment, &runbooks, dark, now)).await)
    }

    /// The reports that are kept, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        self.engine.store.reports(&self.environment.id, KEPT).await
    }

    /// The newest report, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_report(&self) -> Result<Option<Report>, StoreError> {
        Ok(self.engine.store.reports(&self.environment.id, 1).await?.pop())
    }

    /// How ready everything was when it was looked at last, in one line; `None` where there is no doctor.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn readiness(&self) -> Result<Option<Text>, StoreError> {
        if self.engine.doctor.is_none() {
            return Ok(None);
        }
        let report = self.last_report().await?;
        let zone = &self.environment.chat.time_zone;
        Ok(Some(comms::readiness(report.as_ref(), zone, self.engine.clock.now())))
    }

    /// One round, now: looks, keeps what it found, and tells the room what has turned. `None` where there is no doctor.
    ///
    /// # Errors
    /// When the database does not keep it.
    pub async fn round(&self) -> Result<Option<Report>, StoreError> {
        let _only = self.looking.lock().await;
        let Some(report) = self.examine(None).await else { return Ok(None) };
        self.engine.store.keep_report(&report).await?;
        let (steps, checks) = report.tallies();
        let light = report.light();
        info!(light = ?light, steps = ?steps, checks = ?checks, "The doctor has looked");
        self.tell(&report).await?;
        Ok(Some(report))
    }

    /// Whether a round is being made by this process.
    pub fn is_looking(&self) -> bool {
        self.looking.try_lock().is_err()
    }

    /// Makes rounds until told to end.
    pub async fn keep_rounds(self, schedule: Schedule, token: CancellationToken) {
        tokio::select! {
            () = token.cancelled() => {}
            () = self.make_rounds(schedule) => {}
        }
    }

    async fn make_rounds(&self, schedule: Schedule) {
        let zone = &self.environment.chat.time_zone;
        let now = self.engine.clock.now();
        let mut due = Some((now, now.minus(TOGETHER)));
        while let Some((at, since)) = due {
            self.sleep_until(at).await;
            self.make_one(since).await;
            let next = schedule.after(self.engine.clock.now(), zone);
            due = next.map(|next| (next, schedule.since(next)));
        }
        std::future::pending::<()>().await;
    }

    async fn sleep_until(&self, at: Timestamp) {
        let clock = &self.engine.clock;
        while clock.now() < at {
            clock.sleep(at.since(clock.now()).min(NAP)).await;
        }
    }

    /// The round that is due, unless somebody has begun it; as soon as no run is open.
    async fn make_one(&self, since: Timestamp) {
        let mut is_ours = false;
        loop {
            match self.try_one(since, &mut is_ours).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => warn!(error = %Chain(&error), "The doctor could not make a round"),
            }
            self.engine.clock.sleep(AGAIN).await;
        }
    }

    /// Whether the round was made, by whomever.
    async fn try_one(&self, since: Timestamp, is_ours: &mut bool) -> Result<bool, StoreError> {
        if let Some(Run { id, .. }) = self.open_run().await? {
            info!(run.id = %id, "The doctor waits for the end of `{id}`");
            return Ok(false);
        }
        let (store, now) = (&self.engine.store, self.engine.clock.now());
        if !*is_ours && !store.begin_round(&self.environment.id, now, since).await? {
            // Whoever began it may have died over it: then it is begun again.
            let kept = self.last_report().await?;
            return Ok(kept.is_some_and(|report| report.at >= since));
        }
        *is_ours = true;
        if let Some(report) = self.round().await? {
            self.tell_at_last(&report).await?;
        }
        Ok(true)
    }

    /// Tries to tell the room until it knows of this report, or of a newer one.
    async fn tell_at_last(&self, report: &Report) -> Result<(), StoreError> {
        let (first, longest) = TELL_AGAIN;
        let mut back_off = BackOff::new(first, longest);
        for _ in 0..TRIES {
            let told = self.engine.store.told_report(&self.environment.id).await?;
            if told.is_some_and(|told| told.at >= report.at) {
                return Ok(());
            }
            let wait = Duration::from_millis(back_off.failed().ms());
            self.engine.clock.wait(wait).await;
            self.tell(report).await?;
        }
        Ok(())
    }

    /// Tells the room what has turned since the report that it was told last, if anything has.
    async fn tell(&self, report: &Report) -> Result<(), StoreError> {
        let store = &self.engine.store;
        let before = store.told_report(&self.environment.id).await?;
        let before = before.map_or_else(Vec::new, |told| told.findings);
        let found = turned(&before, &report.findings);
        let (zone, now) = (&self.environment.chat.time_zone, self.engine.clock.now());
        if let Some(message) = comms::turned(report, &found, zone, now)
            && let Err(error) = self.engine.channel.announce(&self.environment, &message).await
        {
            warn!(error = %error, "The room could not be told what the doctor found");
            return Ok(());
        }
        store.report_told(report).await
    }
}
