//! What the doctor found, kept over time, and who makes the next round.

use async_trait::async_trait;
use tracing::warn;

use super::StoreError;
use crate::domain::ids::EnvironmentId;
use crate::domain::readiness::{KEPT, Report};
use crate::domain::time::{Span, Timestamp};

/// Version of a report's text. One of another version is passed over: the next round writes a new one.
const VERSION: i64 = 1;

/// The part of the store that keeps reports. Every method is one transaction, as in [`Store`](super::Store).
#[async_trait]
pub trait Reports: Send + Sync {
    /// Keeps a report, and of its environment the newest [`KEPT`].
    async fn keep_report(&self, report: &Report) -> Result<(), StoreError>;

    /// The newest reports of an environment, newest first.
    async fn reports(
        &self,
        environment: &EnvironmentId,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError>;

    /// The newest report of which the war room knows.
    async fn told_report(&self, environment: &EnvironmentId) -> Result<Option<Report>, StoreError>;

    /// The war room knows of this report now.
    async fn report_told(&self, report: &Report) -> Result<(), StoreError>;

    /// Begins a round, unless somebody has begun one at `since` or later: then false. One that kept no report after two
    /// minutes does not count.
    async fn begin_round(
        &self,
        environment: &EnvironmentId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, StoreError>;
}

pub(super) const KEEP: &str = "insert into reports (environment, at, told, version, body) \
     values ($1, $2, 0, $3, $4) on conflict (environment, at) do update \
     set told = 0, version = excluded.version, body = excluded.body";
pub(super) const FORGET: &str = "delete from reports where environment = $1 and at < \
     (select min(at) from (select at from reports where environment = $1 \
     order by at desc limit $2) as kept)";
pub(super) const NEWEST: &str = "select body from reports \
     where environment = $1 and version = $2 order by at desc limit $3";
pub(super) const TOLD: &str = "select body from reports \
     where environment = $1 and version = $2 and told = 1 order by at desc limit 1";
pub(super) const TELL: &str = "update reports set told = 1 where environment = $1 and at = $2";
pub(super) const BEGIN: &str = "insert into rounds (environment, begun_at) values ($1, $2) \
     on conflict (environment) do update set begun_at = excluded.begun_at \
     where rounds.begun_at < $3 or (rounds.begun_at < $4 and not exists (select 1 from reports \
     where reports.environment = $1 and reports.at >= rounds.begun_at)) returning environment";

/// A round that has kept no report after this long was cut short.
const CUT_SHORT: Span = Span::minutes(2);

/// Before when a round was begun that will keep no report any more.
pub(super) fn cut_short(now: Timestamp) -> Timestamp {
    now.minus(CUT_SHORT)
}

/// A report as a row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) environment: String,
    pub(super) at: i64,
    pub(super) version: i64,
    pub(super) body: String,
    pub(super) kept: i64,
}

impl Row {
    pub(super) fn of(report: &Report) -> Result<Self, StoreError> {
        let body = serde_json::to_string(report)
            .map_err(|source| StoreError::Unreadable { what: "report", source })?;
        let (environment, at) = (report.environment.to_string(), report.at.0);
        Ok(Self { environment, at, version: VERSION, body, kept: i64::from(KEPT) })
    }
}

/// The version that is read.
pub(super) fn version() -> i64 {
    VERSION
}

/// What another version of the product wrote and this one cannot read is passed over.
pub(super) fn read(bodies: Vec<(String,)>) -> Vec<Report> {
    let report = |(body,): (String,)| {
        serde_json::from_str(&body)
            .map_err(|source| StoreError::Unreadable { what: "report", source })
    };
    let readable = |report: Result<Report, StoreError>| {
        report.inspect_err(|error| warn!(error = %error, "A report is passed over")).ok()
    };
    bodies.into_iter().map(report).filter_map(readable).collect()
}
