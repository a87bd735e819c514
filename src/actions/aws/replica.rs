//! `rds.promote_read_replica`: a cross-region read replica becomes a cluster that writes.
//!
//! For clusters that replicate from another cluster, not for members of an Aurora global database: there the call
//! fails, and `aurora.failover` is the right one.

use futures_util::FutureExt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rds::operation::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::lever::{Lever, Pulled, Request, Wanted};
use super::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::params::{put, text, unsafe_because};
use crate::actions::{Call, Happened, LookError, Permission, Permissions};
use crate::domain::run::preview::{Change, Direction, Remark};
use crate::domain::text::told;

/// Promotes a replica.
#[derive(Debug)]
pub(in crate::actions) struct PromoteReplica;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::actions) struct Parameters {
    db_cluster_identifier: String,
}

/// The cluster.
#[derive(Debug)]
pub(in crate::actions) struct State {
    status: Option<String>,
    /// What it replicates from.
    source: Option<String>,
    /// The global database it is a member of.
    global: Option<String>,
}

impl PromoteReplica {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Pulled<Self> {
        Pulled::new(aws, Self)
    }
}

/// The global database this cluster is a member of: the cluster itself does not say.
async fn global_of(aws: &Aws, region: &str, arn: &str) -> Result<Option<String>, LookError> {
    let client = aws.rds(region, Purpose::Look).await;
    let mut pages = client.describe_global_clusters().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.map_err(|error| Failure::of(&error).look(format!("rds in {region}")))?;
        let members = one.global_cluster_members();
        if members.iter().any(|member| member.db_cluster_arn() == Some(arn)) {
            return Ok(Some(one.global_cluster_identifier().unwrap_or("?").to_owned()));
        }
    }
    Ok(None)
}

#[async_trait]
impl Lever for PromoteReplica {
    type State = State;
    type Parameters = Parameters;

    const SERVICE: &'static str = "rds";
    const OPERATION: &'static str = "PromoteReadReplicaDBCluster";

    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        Ok(text(call, "region")?.to_owned())
    }

    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        _asked: Option<&Parameters>,
    ) -> Result<State, LookError> {
        let (region, id) = (text(call, "region")?, text(call, "cluster")?);
        let system = format!("rds in {region}");
        let client = aws.rds(region, Purpose::Look).await;
        let answer = client
            .describe_db_clusters()
            .db_cluster_identifier(id)
            .send()
            .boxed()
            .await
            .map_err(|error| Failure::of(&error).look(system.clone()))?;
        let named = |one: &&aws_sdk_rds::types::DbCluster| one.db_cluster_identifier() == Some(id);
        let found = answer.db_clusters().iter().find(named).ok_or_else(|| {
            let detail = format!("there is no cluster `{id}`");
            LookError::Refused { system, detail }
        })?;
        let source = found.replication_source_identifier().filter(|source| !source.is_empty());
        let global = global_of(aws, region, found.db_cluster_arn().unwrap_or(id)).await?;
        let status = found.status().map(ToOwned::to_owned);
        Ok(State { status, source: source.map(ToOwned::to_owned), global })
    }

    fn wanted(&self, call: &Call<'_>, state: &State) -> Result<Wanted<Parameters>, LookError> {
        let id = text(call, "cluster")?;
        if call.direction == Direction::Undo {
            return Err(unsafe_because("a promoted replica does not become one again"));
        }
        if let Some(global) = &state.global {
            let detail = format!(
                "`{id}` is a member of global cluster `{global}`: use aurora.failover, or aurora.switchover"
            );
            return Err(unsafe_because(detail));
        }
        let Some(source) = &state.source else {
            return Err(unsafe_because(format!(
                "`{id}` is no replica: there is nothing to promote"
            )));
        };
        let change = Change {
            what: id.to_owned(),
            now: format!("replica of {source}"),
            after: "stands alone and writes".to_owned(),
        };
        Ok(Wanted {
            on: format!("of {id}"),
            parameters: Parameters { db_cluster_identifier: id.to_owned() },
            binding: Map::from_iter([("replica_source".to_owned(), json!(source))]),
            changes: vec![change],
            remarks: vec![Remark::new("remark.rds.lost_tail", &[])],
        })
    }

    fn facts(&self, state: &State) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "is_replica", Some(state.source.is_some()));
        put(&mut facts, "replica_source", state.source.clone());
        put(&mut facts, "status", state.status.clone());
        put(&mut facts, "global_cluster", state.global.clone());
        facts
    }

    fn saw(&self, state: &State) -> String {
        let status = state.status.as_deref().unwrap_or("told.unknown");
        match &state.source {
            Some(source) => told("told.replica_of", &[status, source]),
            None => told("told.no_replica", &[status]),
        }
    }

    fn happened(&self, state: &State, _asked: &Parameters) -> Happened {
        match (&state.source, state.status.as_deref()) {
            (None, Some("available")) => Happened::Done,
            (Some(_), Some("available")) => Happened::Never,
            (None | Some(_), Some(_)) => Happened::Running,
            (None | Some(_), None) => Happened::Unknown,
        }
    }

    async fn send(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Parameters>,
    ) -> Result<Value, Failure> {
        let client = aws.rds(&request.region, Purpose::Act).await;
        let promote = client
            .promote_read_replica_db_cluster()
            .db_cluster_identifier(&request.parameters.db_cluster_identifier)
            .send();
        let answer = promote.boxed().await.map_err(|error| Failure::of(&error))?;
        Ok(json!({"request_id": answer.request_id()}))
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &["arn:aws:rds:*:ACCOUNT_ID:cluster:CLUSTER_PREFIX-*"];
        Permissions {
            look: &[
                Permission::Aws("rds:DescribeDBClusters", ANYTHING),
                Permission::Aws("rds:DescribeGlobalClusters", ANYTHING),
            ],
            act: &[Permission::Aws("rds:PromoteReadReplicaDBCluster", ON)],
        }
    }
}
