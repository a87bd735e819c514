//! `aurora.detach`: a cluster leaves its global database and writes for itself.
//!
//! The last resort, where no managed failover is possible: the old writer is not fenced, the global writer endpoint does
//! not follow, and the global database has to be built again by hand.

use futures_util::FutureExt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rds::operation::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::world::{Target, World, place, region_of};
use crate::actions::aws::lever::{Lever, Pulled, Request, Wanted};
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::fence::arn_inside;
use crate::actions::params::{put, text, unsafe_because};
use crate::actions::{Call, Happened, LookError, Permission, Permissions};
use crate::domain::run::preview::{Change, Direction, Remark};

/// Takes a cluster out of its global database.
#[derive(Debug)]
pub(in crate::actions) struct Detach;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::actions) struct Parameters {
    global_cluster_identifier: String,
    db_cluster_identifier: String,
}

/// The global database, and the cluster that leaves it.
#[derive(Debug)]
pub(in crate::actions) struct State {
    world: World,
    cluster: Target,
    is_member: bool,
}

impl Detach {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Pulled<Self> {
        Pulled::new(aws, Self)
    }
}

#[async_trait]
impl Lever for Detach {
    type State = State;
    type Parameters = Parameters;

    const SERVICE: &'static str = "rds";
    const OPERATION: &'static str = "RemoveFromGlobalCluster";

    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        Ok(arn_inside(call.environment, "rds", text(call, "target")?)?.region)
    }

    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        _asked: Option<&Parameters>,
    ) -> Result<State, LookError> {
        let (global, target) = (text(call, "global_cluster")?, text(call, "target")?);
        let arn = arn_inside(call.environment, "rds", target)?;
        let world = World::look(aws, call.environment, global, &arn.region).await?;
        let cluster = Target::look(aws, &arn).await?;
        let is_member = world.members.iter().any(|member| member == target);
        Ok(State { world, cluster, is_member })
    }

    fn wanted(&self, call: &Call<'_>, state: &State) -> Result<Wanted<Parameters>, LookError> {
        let (global, target) = (text(call, "global_cluster")?, text(call, "target")?);
        if call.direction == Direction::Undo {
            return Err(unsafe_because(
                "a cluster that left its global database cannot join it again",
            ));
        }
        if !state.is_member {
            let detail = format!("`{target}` is not a member of global cluster `{global}`");
            return Err(unsafe_because(detail));
        }
        if state.world.writer.as_deref() == Some(target) {
            let detail = format!("{} is the writer: detaching it helps nobody", place(target));
            return Err(unsafe_because(detail));
        }
        if state.cluster.instances == 0 {
            let detail = format!("{} has no instance and could not serve", place(target));
            return Err(unsafe_because(detail));
        }
        // It is pressed when a failover seems to hang: in the middle of one it could leave two writers.
        if let Some(operation) = &state.world.operation {
            let detail = format!("an operation is under way ({operation}): wait until it is over");
            return Err(unsafe_because(detail));
        }
        let change = Change {
            what: place(target),
            now: format!("member of {global}"),
            after: "stands alone and writes".to_owned(),
        };
        let writer = state.world.writer.as_deref().map_or("unknown", region_of);
        Ok(Wanted {
            on: format!("of {} from {global}", place(target)),
            parameters: Parameters {
                global_cluster_identifier: global.to_owned(),
                db_cluster_identifier: target.to_owned(),
            },
            binding: Map::from_iter([
                ("is_member".to_owned(), json!(state.is_member)),
                ("writer_arn".to_owned(), json!(state.world.writer)),
            ]),
            changes: vec![change],
            remarks: vec![
                Remark::new("remark.aurora.not_fenced", &[("region", writer)]),
                Remark::new("remark.aurora.by_hand", &[]),
            ],
        })
    }

    fn facts(&self, state: &State) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "is_member", Some(state.is_member));
        put(&mut facts, "writer_arn", state.world.writer.clone());
        put(&mut facts, "writer_region", state.world.writer.as_deref().map(region_of));
        put(&mut facts, "operation", state.world.operation.clone());
        put(&mut facts, "target_status", state.cluster.status.clone());
        put(&mut facts, "target_instances", Some(state.cluster.instances));
        facts
    }

    fn saw(&self, state: &State) -> String {
        state.world.describe()
    }

    fn happened(&self, state: &State, _asked: &Parameters) -> Happened {
        match (state.is_member, state.cluster.status.as_deref(), state.cluster.has_writer) {
            (_, None, _) => Happened::Unknown,
            (true, Some("available"), _) => Happened::Never,
            (false, Some("available"), true) => Happened::Done,
            (true | false, Some(_), _) => Happened::Running,
        }
    }

    async fn send(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Parameters>,
    ) -> Result<Value, Failure> {
        let client = aws.rds(&request.region, Purpose::Act).await;
        let leave = client
            .remove_from_global_cluster()
            .global_cluster_identifier(&request.parameters.global_cluster_identifier)
            .db_cluster_identifier(&request.parameters.db_cluster_identifier)
            .send();
        let answer = leave.boxed().await.map_err(|error| Failure::of(&error))?;
        Ok(json!({"request_id": answer.request_id()}))
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &[
            "arn:aws:rds::ACCOUNT_ID:global-cluster:GLOBAL_CLUSTER_ID",
            "arn:aws:rds:*:ACCOUNT_ID:cluster:CLUSTER_PREFIX-*",
        ];
        Permissions {
            look: &[
                Permission::Aws("rds:DescribeDBClusters", ANYTHING),
                Permission::Aws("rds:DescribeGlobalClusters", ANYTHING),
            ],
            act: &[Permission::Aws("rds:RemoveFromGlobalCluster", ON)],
        }
    }
}
