//! Alerts of a store that is watched.

use async_trait::async_trait;

use super::{WatchedStore, after, before};
use crate::domain::ids::EnvironmentId;
use crate::domain::offer::Board;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::alerts::{Alerts, BoardCommit, Shown, Turn};

#[async_trait]
impl Alerts for WatchedStore {
    async fn board(&self, environment: &EnvironmentId) -> Result<Board, StoreError> {
        self.0.board(environment).await
    }

    async fn known_news(
        &self,
        environment: &EnvironmentId,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        self.0.known_news(environment, names).await
    }

    async fn commit_board(&self, commit: &BoardCommit<'_>) -> Result<bool, StoreError> {
        before("commit of alerts");
        let committed = self.0.commit_board(commit).await;
        after("commit of alerts");
        committed
    }

    async fn offers_shown(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        self.0.offers_shown(environment).await
    }

    async fn take_offer(
        &self,
        turn: Turn<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Shown>, StoreError> {
        self.0.take_offer(turn, now, until).await
    }

    async fn keep_offer(
        &self,
        turn: Turn<'_>,
        shown: &Shown,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.keep_offer(turn, shown, until).await
    }
}
