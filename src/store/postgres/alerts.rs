//! Alerts in PostgreSQL.

use async_trait::async_trait;
use sqlx::Connection;

use super::PostgresStore;
use super::session::bounded;
use crate::domain::ids::EnvironmentId;
use crate::domain::offer::Board;
use crate::domain::time::Timestamp;
use crate::store::alerts::{self, Alerts, BoardCommit, Rows, Shown, ShownRow, Turn};
use crate::store::change::number;
use crate::store::codec::fate_name;
use crate::store::{StoreError, failed};

const READ: &str = "read alerts";

#[async_trait]
impl Alerts for PostgresStore {
    async fn board(&self, environment: &EnvironmentId) -> Result<Board, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(alerts::BOARD).bind(environment.as_str());
        alerts::board(self.fetch(READ, query).await?)
    }

    async fn known_news(
        &self,
        environment: &EnvironmentId,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        bounded(READ, async {
            let mut db = self.session(READ).await?;
            let mut known = Vec::new();
            for name in names {
                let query = sqlx::query_as::<_, (String,)>(alerts::KNOWN)
                    .bind(environment.as_str())
                    .bind(name);
                let found = query.fetch_optional(&mut *db).await.map_err(failed(READ))?;
                known.extend(found.map(|(name,)| name));
            }
            db.done();
            Ok(known)
        })
        .await
    }

    async fn commit_board(&self, commit: &BoardCommit<'_>) -> Result<bool, StoreError> {
        const WHAT: &str = "keep alerts";
        let rows = Rows::of(commit)?;
        bounded(WHAT, async {
            let mut db = self.session(WHAT).await?;
            let mut change = (*db).begin().await.map_err(failed(WHAT))?;
            let put = sqlx::query(alerts::PUT)
                .bind(&rows.environment)
                .bind(rows.seq)
                .bind(alerts::VERSION)
                .bind(&rows.body)
                .bind(rows.after);
            let is_ours = put.fetch_optional(&mut *change).await.map_err(failed(WHAT))?.is_some();
            for (seq, name, body) in rows.events.iter().filter(|_| is_ours) {
                let add = sqlx::query(alerts::ADD)
                    .bind(&rows.environment)
                    .bind(seq)
                    .bind(name)
                    .bind(alerts::VERSION)
                    .bind(body);
                add.execute(&mut *change).await.map_err(failed(WHAT))?;
            }
            change.commit().await.map_err(failed(WHAT))?;
            db.done();
            Ok(is_ours)
        })
        .await
    }

    async fn offers_shown(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let query = sqlx::query_as::<_, (i64, i64)>(alerts::SHOWN)
            .bind(environment.as_str())
            .bind(alerts::LOOKED_UP);
        Ok(alerts::pairs(self.fetch(READ, query).await?))
    }

    async fn take_offer(
        &self,
        turn: Turn<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Shown>, StoreError> {
        let query = sqlx::query_as::<_, ShownRow>(alerts::TAKE)
            .bind(turn.environment.as_str())
            .bind(number(turn.offer))
            .bind(turn.holder)
            .bind(now.0)
            .bind(until.0);
        self.fetch("take an offer", query).await?.pop().map(alerts::shown).transpose()
    }

    async fn keep_offer(
        &self,
        turn: Turn<'_>,
        shown: &Shown,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(alerts::KEEP)
            .bind(turn.environment.as_str())
            .bind(number(turn.offer))
            .bind(turn.holder)
            .bind(number(shown.seq))
            .bind(&shown.at.channel)
            .bind(&shown.at.ts)
            .bind(fate_name(shown.at.fate))
            .bind(until.0);
        Ok(!self.fetch("keep an offer", query).await?.is_empty())
    }
}
