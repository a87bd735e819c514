//! Alerts in SQLite: what changes them goes through the writer like anything else.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::writer::Write;
use crate::domain::ids::EnvironmentId;
use crate::domain::offer::Board;
use crate::domain::time::Timestamp;
use crate::store::alerts::{self, Alerts, BoardCommit, Rows, Shown, ShownRow, Turn};
use crate::store::change::number;
use crate::store::codec::fate_name;
use crate::store::{StoreError, failed};

#[async_trait]
impl Alerts for SqliteStore {
    async fn board(&self, environment: &EnvironmentId) -> Result<Board, StoreError> {
        let bodies =
            sqlx::query_as(alerts::BOARD).bind(environment.as_str()).fetch_all(&self.reader).await;
        alerts::board(bodies.map_err(failed("read alerts"))?)
    }

    async fn known_news(
        &self,
        environment: &EnvironmentId,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut known = Vec::new();
        for name in names {
            let found: Option<(String,)> = sqlx::query_as(alerts::KNOWN)
                .bind(environment.as_str())
                .bind(name)
                .fetch_optional(&self.reader)
                .await
                .map_err(failed("read alerts"))?;
            known.extend(found.map(|(name,)| name));
        }
        Ok(known)
    }

    async fn commit_board(&self, commit: &BoardCommit<'_>) -> Result<bool, StoreError> {
        self.writer.write(Rows::of(commit)?).await
    }

    async fn offers_shown(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows = sqlx::query_as(alerts::SHOWN)
            .bind(environment.as_str())
            .bind(alerts::LOOKED_UP)
            .fetch_all(&self.reader)
            .await;
        Ok(alerts::pairs(rows.map_err(failed("read alerts"))?))
    }

    async fn take_offer(
        &self,
        turn: Turn<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Shown>, StoreError> {
        self.writer.write(Take { turn: turn.into(), now, until }).await
    }

    async fn keep_offer(
        &self,
        turn: Turn<'_>,
        shown: &Shown,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer.write(Keep { turn: turn.into(), shown: shown.clone(), until }).await
    }
}

#[async_trait]
impl Write for Rows {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        const WHAT: &str = "keep alerts";
        let put = sqlx::query(alerts::PUT)
            .bind(&self.environment)
            .bind(self.seq)
            .bind(alerts::VERSION)
            .bind(&self.body)
            .bind(self.after)
            .fetch_optional(&mut *db)
            .await;
        if put.map_err(failed(WHAT))?.is_none() {
            return Ok(false);
        }
        for (seq, name, body) in &self.events {
            let added = sqlx::query(alerts::ADD)
                .bind(&self.environment)
                .bind(seq)
                .bind(name)
                .bind(alerts::VERSION)
                .bind(body)
                .execute(&mut *db)
                .await;
            added.map(drop).map_err(failed(WHAT))?;
        }
        Ok(true)
    }
}

/// A [`Turn`] of its own.
struct Whose {
    environment: String,
    offer: i64,
    holder: String,
}

impl From<Turn<'_>> for Whose {
    fn from(turn: Turn<'_>) -> Self {
        let Turn { environment, offer, holder } = turn;
        let (environment, offer) = (environment.to_string(), number(offer));
        Self { environment, offer, holder: holder.to_owned() }
    }
}

struct Take {
    turn: Whose,
    now: Timestamp,
    until: Timestamp,
}

#[async_trait]
impl Write for Take {
    type Output = Option<Shown>;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Option<Shown>, StoreError> {
        let row: Option<ShownRow> = sqlx::query_as(alerts::TAKE)
            .bind(&self.turn.environment)
            .bind(self.turn.offer)
            .bind(&self.turn.holder)
            .bind(self.now.0)
            .bind(self.until.0)
            .fetch_optional(db)
            .await
            .map_err(failed("take an offer"))?;
        row.map(alerts::shown).transpose()
    }
}

struct Keep {
    turn: Whose,
    shown: Shown,
    until: Timestamp,
}

#[async_trait]
impl Write for Keep {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        let kept = sqlx::query(alerts::KEEP)
            .bind(&self.turn.environment)
            .bind(self.turn.offer)
            .bind(&self.turn.holder)
            .bind(number(self.shown.seq))
            .bind(&self.shown.at.channel)
            .bind(&self.shown.at.ts)
            .bind(fate_name(self.shown.at.fate))
            .bind(self.until.0)
            .fetch_optional(db)
            .await;
        Ok(kept.map_err(failed("keep an offer"))?.is_some())
    }
}
