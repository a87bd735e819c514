//! `aurora.failover` and `aurora.switchover`: the writer of an Aurora global database moves to another region.
//!
//! Failover is called in the region that becomes the writer, because the other one may be gone; switchover in the region
//! of the writer of now, because AWS wants it there. A target without instances and a cluster that is not a member are
//! refused at preview: there is nothing sensible to agree to. An operation under way and a target that already is the
//! writer are *shown* (in `binding`, with a remark), so that guards and people judge them; [`Action::run`] sends nothing
//! in both cases.

mod detach;
mod world;

use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::operation::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(in crate::actions) use self::detach::Detach;
use self::world::{Target, World, facts, happened, place, region_of};
use super::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::aws::looks::{Metric, Point, Window};
use crate::actions::fence::{Arn, arn_inside, region_inside};
use crate::actions::params::{failed, flag, json_of, put, request, text, unsafe_because};
use crate::actions::{Action, Call, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;
use crate::domain::time::Span;

/// How long a preview waits for the figure of the loss.
const LOSS_WITHIN: Duration = Duration::from_millis(1500);

/// Moves the writer.
#[derive(Debug)]
pub(in crate::actions) struct Aurora {
    aws: Arc<Aws>,
    operation: Operation,
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Operation {
    FailoverGlobalCluster,
    SwitchoverGlobalCluster,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::FailoverGlobalCluster => "FailoverGlobalCluster",
            Self::SwitchoverGlobalCluster => "SwitchoverGlobalCluster",
        }
    }
}

/// Exactly what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    service: String,
    operation: Operation,
    region: String,
    account: String,
    parameters: Parameters,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameters {
    global_cluster_identifier: String,
    target_db_cluster_identifier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allow_data_loss: Option<bool>,
}

impl Aurora {
    pub(in crate::actions) fn failover(aws: Arc<Aws>) -> Self {
        Self { aws, operation: Operation::FailoverGlobalCluster }
    }

    pub(in crate::actions) fn switchover(aws: Arc<Aws>) -> Self {
        Self { aws, operation: Operation::SwitchoverGlobalCluster }
    }

    /// The cluster that shall be the writer: the runbook's, or for an undo the one that was.
    fn wanted(&self, call: &Call<'_>) -> Result<String, LookError> {
        match (call.direction, self.operation) {
            (Direction::Do, _) => Ok(text(call, "target")?.to_owned()),
            (Direction::Undo, Operation::FailoverGlobalCluster) => {
                Err(unsafe_because("a failover with data loss has no way back"))
            }
            (Direction::Undo, Operation::SwitchoverGlobalCluster) => call
                .before
                .and_then(|before| before.binding.get("writer_arn"))
                .and_then(Value::as_str)
                .map(ToOwned::to_owned)
                .ok_or_else(|| unsafe_because("it was not recorded which cluster was the writer")),
        }
    }

    /// The request of a preview, or what the parameters ask for where there is none yet.
    fn wanted_by(&self, call: &Call<'_>, value: &Value) -> Result<(String, String), LookError> {
        if let Ok(Request { parameters, .. }) = request::<Request>(value) {
            let Parameters { global_cluster_identifier, target_db_cluster_identifier, .. } =
                parameters;
            return Ok((global_cluster_identifier, target_db_cluster_identifier));
        }
        Ok((text(call, "global_cluster")?.to_owned(), self.wanted(call)?))
    }

    fn remarks(&self, world: &World, target: &str, loss: Option<Remark>) -> Vec<Remark> {
        let writer_region = world.writer.as_deref().map_or("unknown", region_of);
        let mut remarks = Vec::new();
        if let Some(operation) = &world.operation {
            let to = world.operation_target.as_deref().map_or_else(|| "?".to_owned(), place);
            let args = [("operation", operation.as_str()), ("target", &to)];
            remarks.push(Remark::new("remark.aurora.operation_under_way", &args));
        }
        if world.writer.as_deref() == Some(target) {
            let args = [("region", region_of(target))];
            remarks.push(Remark::new("remark.aurora.already_writer", &args));
            return remarks;
        }
        match self.operation {
            Operation::FailoverGlobalCluster => remarks.extend([
                loss.unwrap_or_else(|| Remark::new("remark.aurora.loss_unknown", &[])),
                Remark::new("remark.aurora.rebuilt", &[("region", writer_region)]),
            ]),
            Operation::SwitchoverGlobalCluster => remarks.extend([
                Remark::new("remark.aurora.writes_stop", &[]),
                Remark::new("remark.aurora.needs_region", &[("region", writer_region)]),
            ]),
        }
        remarks
    }

    /// What a failover may lose, by the lag of the copy when the outage began. It binds nobody, and holds nobody up: where
    /// no metric answers, the loss is not known.
    async fn loss(&self, call: &Call<'_>, target: &Arn) -> Option<Remark> {
        match self.operation {
            Operation::FailoverGlobalCluster => {}
            Operation::SwitchoverGlobalCluster => return None,
        }
        let cluster = target.resource.strip_prefix("cluster:")?;
        let metric = Metric {
            namespace: "AWS/RDS".into(),
            name: "AuroraGlobalDBRPOLag".into(),
            dimensions: vec![("DBClusterIdentifier".into(), cluster.into())],
            statistic: "Maximum".into(),
        };
        let regions = &call.environment.regions;
        let regions = [target.region.clone(), regions.primary.clone()];
        let looking = metric.sample(&self.aws, &regions, Window::RECENT, call.impact_at);
        let sample = tokio::time::timeout(LOSS_WITHIN, looking).await.ok()?.ok()??;
        let Point { at, value } = sample.before?;
        let (lag, age) = (Span::of_seconds(value / 1000.0)?, call.impact_at.since(at));
        let most = Span(lag.ms().saturating_add(age.ms()));
        let args = [("lag", lag.spoken()), ("age", age.spoken()), ("most", most.spoken())];
        let args = args.each_ref().map(|(name, text)| (*name, text.as_str()));
        Some(Remark::new("remark.aurora.loss", &args))
    }

    /// Everything that must hold right before the call.
    async fn ready(
        &self,
        call: &Call<'_>,
        request: &Request,
        seen: &Preview,
    ) -> Result<String, LookError> {
        let target = &request.parameters.target_db_cluster_identifier;
        if request.operation != self.operation || request.account != call.environment.account {
            return Err(unsafe_because("the request is of another action or another account"));
        }
        region_inside(call.environment, &request.region)?;
        arn_inside(call.environment, "rds", target)?;
        if seen.binding.get("writer_arn").and_then(Value::as_str) == Some(target) {
            let detail = format!("{} already is the writer: nothing is sent", place(target));
            return Err(unsafe_because(detail));
        }
        if let Some(operation) = seen.binding.get("operation").and_then(Value::as_str) {
            let detail = format!("an operation is under way ({operation}): nothing is sent");
            return Err(unsafe_because(detail));
        }
        self.aws.caller_matches(call.environment, &request.region).await
    }
}

#[async_trait]
impl Action for Aurora {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        if self.operation == Operation::FailoverGlobalCluster && !flag(call, "allow_data_loss") {
            return Err(unsafe_because("`allow_data_loss` must be true for a failover"));
        }
        let (cluster, wanted) = (text(call, "global_cluster")?, self.wanted(call)?);
        let arn = arn_inside(call.environment, "rds", &wanted)?;
        let world = World::look(&self.aws, call.environment, cluster, &arn.region).await?;
        if !world.members.contains(&wanted) {
            let detail = format!("`{wanted}` is not a member of global cluster `{cluster}`");
            return Err(unsafe_because(detail));
        }
        let target = Target::look(&self.aws, &arn).await?;
        if target.instances == 0 {
            let detail = format!(
                "{} has no instance (headless) and could not serve: add one there first",
                place(&wanted)
            );
            return Err(unsafe_because(detail));
        }
        let region = match (self.operation, &world.writer) {
            (Operation::FailoverGlobalCluster, _) => arn.region.clone(),
            (Operation::SwitchoverGlobalCluster, Some(writer)) => region_of(writer).to_owned(),
            (Operation::SwitchoverGlobalCluster, None) => {
                return Err(unsafe_because("no member is the writer: switchover is not possible"));
            }
        };
        region_inside(call.environment, &region)?;
        let (caller, loss) =
            tokio::join!(self.aws.caller_matches(call.environment, &region), self.loss(call, &arn));
        let caller = caller?;
        let request = Request {
            service: "rds".into(),
            operation: self.operation,
            region: region.clone(),
            account: call.environment.account.clone(),
            parameters: Parameters {
                global_cluster_identifier: cluster.to_owned(),
                target_db_cluster_identifier: wanted.clone(),
                allow_data_loss: (self.operation == Operation::FailoverGlobalCluster)
                    .then_some(true),
            },
        };
        let mut binding = Map::new();
        put(&mut binding, "writer_arn", world.writer.clone());
        put(&mut binding, "operation", world.operation.clone());
        put(&mut binding, "target_status", target.status.clone());
        Ok(Preview {
            request: json_of(&request),
            binding,
            facts: facts(Some(&world), Some(&target), &wanted),
            changes: vec![Change {
                what: "writer".into(),
                now: world.writer.as_deref().map_or_else(|| told("told.unknown", &[]), place),
                after: place(&wanted),
            }],
            calls: vec![format!(
                "rds:{} in {region}, account {}, as {caller}",
                self.operation.name(),
                call.environment.account
            )],
            remarks: self.remarks(&world, &wanted, loss),
        })
    }

    async fn probe(&self, call: &Call<'_>, request: &Value) -> Probe {
        let (cluster, wanted) = match self.wanted_by(call, request) {
            Ok(wanted) => wanted,
            Err(error) => return Probe::blind(&error),
        };
        let arn = match arn_inside(call.environment, "rds", &wanted) {
            Ok(arn) => arn,
            Err(error) => return Probe::blind(&error),
        };
        let (world, target) = tokio::join!(
            World::look(&self.aws, call.environment, &cluster, &arn.region),
            Target::look(&self.aws, &arn)
        );
        let target = target.ok();
        match world {
            Ok(world) => Probe {
                happened: happened(&world, target.as_ref(), &wanted),
                facts: facts(Some(&world), target.as_ref(), &wanted),
                saw: world.describe(),
            },
            Err(error) => {
                Probe { facts: facts(None, target.as_ref(), &wanted), ..Probe::blind(&error) }
            }
        }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let request: Request = match request(approved.request()) {
            Ok(request) => request,
            Err(error) => return failed(error),
        };
        let caller = match self.ready(call, &request, approved.preview()).await {
            Ok(caller) => caller,
            Err(error) => return failed(error),
        };
        let Request { operation, region, parameters, .. } = request;
        let client = self.aws.rds(&region, Purpose::Act).await;
        let cluster = parameters.global_cluster_identifier;
        let target = parameters.target_db_cluster_identifier;
        let sent = match operation {
            Operation::FailoverGlobalCluster => {
                let sent = client
                    .failover_global_cluster()
                    .global_cluster_identifier(cluster)
                    .target_db_cluster_identifier(target)
                    .set_allow_data_loss(parameters.allow_data_loss)
                    .send();
                let answer = sent.boxed().await;
                answer
                    .map(|answer| answer.request_id().map(ToOwned::to_owned))
                    .map_err(|e| Failure::of(&e))
            }
            Operation::SwitchoverGlobalCluster => {
                let sent = client
                    .switchover_global_cluster()
                    .global_cluster_identifier(cluster)
                    .target_db_cluster_identifier(target)
                    .send();
                let answer = sent.boxed().await;
                answer
                    .map(|answer| answer.request_id().map(ToOwned::to_owned))
                    .map_err(|e| Failure::of(&e))
            }
        };
        match sent {
            Ok(request_id) => Outcome::Accepted {
                evidence: json!({
                    "service": "rds", "operation": operation, "region": region,
                    "request_id": request_id, "caller": caller,
                }),
            },
            Err(failure) => failure.outcome(format!("rds in {region}")),
        }
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &[
            "arn:aws:rds::ACCOUNT_ID:global-cluster:GLOBAL_CLUSTER_ID",
            "arn:aws:rds:*:ACCOUNT_ID:cluster:CLUSTER_PREFIX-*",
        ];
        const LOOK: &[Permission] = &[
            Permission::Aws("cloudwatch:GetMetricData", ANYTHING),
            Permission::Aws("cloudwatch:ListMetrics", ANYTHING),
            Permission::Aws("rds:DescribeDBClusters", ANYTHING),
            Permission::Aws("rds:DescribeGlobalClusters", ANYTHING),
        ];
        let act: &[Permission] = match self.operation {
            Operation::FailoverGlobalCluster => &[Permission::Aws("rds:FailoverGlobalCluster", ON)],
            Operation::SwitchoverGlobalCluster => {
                &[Permission::Aws("rds:SwitchoverGlobalCluster", ON)]
            }
        };
        Permissions { look: LOOK, act }
    }
}
