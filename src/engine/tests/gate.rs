//! A gate before the database: commits wait there while it is shut, pass one after another as they came, and fail there
//! when they are told to.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::domain::ids::{EnvironmentId, PersonId, RunId};
use crate::domain::offer::Board;
use crate::domain::readiness::Report;
use crate::domain::run::log::Recorded;
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Language;
use crate::store::alerts::{Alerts, BoardCommit, Shown, Turn};
use crate::store::codes::{Enrolled, Enrolment, Tried};
use crate::store::{
    Claimed, Codes, Commit, Committed, Posted, Reports, Room, Store, StoreError, Stored,
};

/// What becomes of a commit that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Recorded,
    /// The database cannot be reached, and may well be a little later.
    Away,
    /// It will not take this, whenever it is asked.
    Unfit,
}

#[derive(Debug)]
pub(super) struct Gate {
    store: Arc<dyn Store>,
    is_shut: AtomicBool,
    came: AtomicUsize,
    /// Of the next commits; all is well once it is empty.
    fates: Mutex<VecDeque<Fate>>,
    passed: AtomicUsize,
}

impl Gate {
    pub(super) fn before(store: &Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            is_shut: false.into(),
            came: 0.into(),
            fates: Mutex::default(),
            passed: 0.into(),
        })
    }

    pub(super) fn shut(&self) {
        self.is_shut.store(true, SeqCst);
    }

    pub(super) fn open(&self) {
        self.is_shut.store(false, SeqCst);
    }

    /// So many commits wait.
    pub(super) fn waiting(&self) -> usize {
        self.came.load(SeqCst) - self.passed()
    }

    /// So many passed, for better or worse.
    pub(super) fn passed(&self) -> usize {
        self.passed.load(SeqCst)
    }

    pub(super) fn fates(&self, next: &[Fate]) {
        self.fates.lock().unwrap().extend(next);
    }
}

#[async_trait]
impl Store for Gate {
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        let before = self.came.fetch_add(1, SeqCst);
        while self.is_shut.load(SeqCst) || self.passed() < before {
            tokio::task::yield_now().await;
        }
        let fate = self.fates.lock().unwrap().pop_front();
        self.passed.fetch_add(1, SeqCst);
        match fate.unwrap_or(Fate::Recorded) {
            Fate::Recorded => self.store.commit(commit).await,
            Fate::Away => {
                let source = std::io::Error::other("away").into();
                Err(StoreError::Unavailable { what: "commit", source })
            }
            Fate::Unfit => Err(StoreError::Unfit { what: "event", why: "it is too long" }),
        }
    }

    async fn is_known(&self, key: &str) -> Result<bool, StoreError> {
        self.store.is_known(key).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Stored>, StoreError> {
        self.store.run(id).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.store.runs(limit).await
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.store.open_runs().await
    }

    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.store.record(run, after, limit).await
    }

    async fn want(&self, run: &RunId, effect: &Effect, at: Timestamp) -> Result<(), StoreError> {
        self.store.want(run, effect, at).await
    }

    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        room: Room,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.store.claim(holder, now, lease, room).await
    }

    async fn claim_one(
        &self,
        run: &RunId,
        effect: &Effect,
        holder: &str,
        now: Timestamp,
        lease: Span,
    ) -> Result<Option<Claimed>, StoreError> {
        self.store.claim_one(run, effect, holder, now, lease).await
    }

    async fn settle(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        self.store.settle(claimed).await
    }

    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<(), StoreError> {
        self.store.postpone(claimed, due_at, note, failed).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due().await
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        self.store.release_leases().await
    }

    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError> {
        self.store.posted(run, key).await
    }

    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError> {
        self.store.remember(run, key, posted).await
    }

    async fn language(&self, person: &PersonId) -> Result<Option<Language>, StoreError> {
        self.store.language(person).await
    }

    async fn choose_language(
        &self,
        person: &PersonId,
        language: Language,
    ) -> Result<(), StoreError> {
        self.store.choose_language(person, language).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
}

#[async_trait]
impl Codes for Gate {
    async fn enrol(&self, enrolment: &Enrolment<'_>) -> Result<bool, StoreError> {
        self.store.enrol(enrolment).await
    }

    async fn end_enrolment(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        self.store.end_enrolment(environment, person).await
    }

    async fn enrolled(&self, environment: &EnvironmentId) -> Result<Vec<Enrolled>, StoreError> {
        self.store.enrolled(environment).await
    }

    async fn is_enrolled(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        self.store.is_enrolled(environment, person).await
    }

    async fn try_code(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Tried, StoreError> {
        self.store.try_code(environment, person, now).await
    }

    async fn spend(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        period: i64,
        key: &str,
    ) -> Result<bool, StoreError> {
        self.store.spend(environment, person, period, key).await
    }
}

#[async_trait]
impl Reports for Gate {
    async fn keep_report(&self, report: &Report) -> Result<(), StoreError> {
        self.store.keep_report(report).await
    }

    async fn reports(&self, of: &EnvironmentId, limit: u32) -> Result<Vec<Report>, StoreError> {
        self.store.reports(of, limit).await
    }

    async fn told_report(&self, of: &EnvironmentId) -> Result<Option<Report>, StoreError> {
        self.store.told_report(of).await
    }

    async fn report_told(&self, report: &Report) -> Result<(), StoreError> {
        self.store.report_told(report).await
    }

    async fn begin_round(
        &self,
        of: &EnvironmentId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store.begin_round(of, now, since).await
    }
}

#[async_trait]
impl Alerts for Gate {
    async fn board(&self, of: &EnvironmentId) -> Result<Board, StoreError> {
        self.store.board(of).await
    }

    async fn known_news(
        &self,
        of: &EnvironmentId,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        self.store.known_news(of, names).await
    }

    async fn commit_board(&self, commit: &BoardCommit<'_>) -> Result<bool, StoreError> {
        self.store.commit_board(commit).await
    }

    async fn offers_shown(&self, of: &EnvironmentId) -> Result<Vec<(u64, u64)>, StoreError> {
        self.store.offers_shown(of).await
    }

    async fn take_offer(
        &self,
        turn: Turn<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Shown>, StoreError> {
        self.store.take_offer(turn, now, until).await
    }

    async fn keep_offer(
        &self,
        turn: Turn<'_>,
        shown: &Shown,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store.keep_offer(turn, shown, until).await
    }
}
