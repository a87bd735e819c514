//! `aurora.failover` and `aurora.switchover`: the writer of an Aurora global database moves to another region.
//!
//! Failover is called in the region that becomes the writer, because the other one may be gone; switchover in the region
//! of the writer of now, because AWS wants it there. A target without instances and a cluster that is not a member are
//! refused at preview: there is nothing sensible to agree to. An operation under way and a target that already is the
//! writer are *shown* (in `binding`, with a remark), so that guards and people judge them; [`Action::run`] sends nothing
//! in both cases.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rds::operation::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Arn, Aws, Failure, Purpose, arn_inside, region_inside};
use crate::actions::params::{failed, flag, json_of, put, request, text, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::environment::Environment;
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};

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

/// The global cluster as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct World {
    writer: Option<String>,
    members: Vec<String>,
    operation: Option<String>,
    operation_target: Option<String>,
}

/// The target cluster as its region describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    status: Option<String>,
    instances: usize,
    has_writer: bool,
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

    /// Asks the target's region first; the other one only when that does not answer.
    async fn look(
        &self,
        environment: &Environment,
        cluster: &str,
        first: &str,
    ) -> Result<World, LookError> {
        let regions = &environment.regions;
        let second = if first == regions.primary { &regions.dr } else { &regions.primary };
        match self.look_in(first, cluster).await {
            Err(unreachable @ LookError::Unreachable { .. }) => {
                self.look_in(second, cluster).await.map_err(|_| unreachable)
            }
            answer => answer,
        }
    }

    async fn look_in(&self, region: &str, cluster: &str) -> Result<World, LookError> {
        let client = self.aws.rds(region, Purpose::Look).await;
        let asked = client.describe_global_clusters().global_cluster_identifier(cluster);
        let answer = Box::pin(asked.send())
            .await
            .map_err(|error| Failure::of(&error).look(format!("rds in {region}")))?;
        // By name: some servers answer an unknown id with all they have.
        let found = answer
            .global_clusters()
            .iter()
            .find(|found| found.global_cluster_identifier() == Some(cluster))
            .ok_or_else(|| LookError::Refused {
                system: format!("rds in {region}"),
                detail: format!("there is no global cluster `{cluster}`"),
            })?;
        let members = found.global_cluster_members();
        let arn = |member: &aws_sdk_rds::types::GlobalClusterMember| {
            member.db_cluster_arn().map(ToOwned::to_owned)
        };
        let state = found.failover_state();
        // An open set: whatever text AWS puts there is an operation, also one the SDK has no name for.
        let operation = state
            .and_then(|state| state.status())
            .map(|status| status.as_str().to_owned())
            .filter(|status| !status.is_empty());
        Ok(World {
            writer: members.iter().find(|member| member.is_writer() == Some(true)).and_then(arn),
            members: members.iter().filter_map(arn).collect(),
            operation_target: operation
                .as_ref()
                .and(state.and_then(|state| state.to_db_cluster_arn()))
                .map(ToOwned::to_owned),
            operation,
        })
    }

    async fn look_at_target(&self, arn: &Arn) -> Result<Target, LookError> {
        let system = format!("rds in {}", arn.region);
        let id = arn.resource.strip_prefix("cluster:").unwrap_or(&arn.resource);
        let client = self.aws.rds(&arn.region, Purpose::Look).await;
        let answer = Box::pin(client.describe_db_clusters().db_cluster_identifier(id).send())
            .await
            .map_err(|error| Failure::of(&error).look(system.clone()))?;
        let found = answer
            .db_clusters()
            .iter()
            .find(|found| found.db_cluster_identifier() == Some(id))
            .ok_or_else(|| LookError::Refused {
                system,
                detail: format!("there is no cluster `{id}`"),
            })?;
        let instances = found.db_cluster_members();
        Ok(Target {
            status: found.status().map(ToOwned::to_owned),
            instances: instances.len(),
            has_writer: instances.iter().any(|one| one.is_cluster_writer() == Some(true)),
        })
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

    fn remarks(&self, world: &World, target: &str) -> Vec<Remark> {
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
                Remark::new("remark.aurora.loss_unknown", &[]),
                Remark::new("remark.aurora.rebuilt", &[("region", writer_region)]),
            ]),
            Operation::SwitchoverGlobalCluster => remarks.extend([
                Remark::new("remark.aurora.writes_stop", &[]),
                Remark::new("remark.aurora.needs_region", &[("region", writer_region)]),
            ]),
        }
        remarks
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
        let world = self.look(call.environment, cluster, &arn.region).await?;
        if !world.members.contains(&wanted) {
            let detail = format!("`{wanted}` is not a member of global cluster `{cluster}`");
            return Err(unsafe_because(detail));
        }
        let target = self.look_at_target(&arn).await?;
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
        let caller = self.aws.caller_matches(call.environment, &region).await?;
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
                now: world.writer.as_deref().map_or_else(|| "unknown".into(), place),
                after: place(&wanted),
            }],
            calls: vec![format!(
                "rds:{} in {region}, account {}, as {caller}",
                self.operation.name(),
                call.environment.account
            )],
            remarks: self.remarks(&world, &wanted),
        })
    }

    async fn probe(&self, call: &Call<'_>, request: &Value) -> Probe {
        let (cluster, wanted) = match self.wanted_by(call, request) {
            Ok(wanted) => wanted,
            Err(error) => return blind(&error),
        };
        let arn = match arn_inside(call.environment, "rds", &wanted) {
            Ok(arn) => arn,
            Err(error) => return blind(&error),
        };
        let (world, target) = tokio::join!(
            self.look(call.environment, &cluster, &arn.region),
            self.look_at_target(&arn)
        );
        let target = target.ok();
        match world {
            Ok(world) => Probe {
                happened: happened(&world, target.as_ref(), &wanted),
                facts: facts(Some(&world), target.as_ref(), &wanted),
                saw: world.describe(),
            },
            Err(error) => Probe { facts: facts(None, target.as_ref(), &wanted), ..blind(&error) },
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
                let answer = Box::pin(sent).await;
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
                let answer = Box::pin(sent).await;
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
        const LOOK: &[&str] = &["rds:DescribeDBClusters", "rds:DescribeGlobalClusters"];
        match self.operation {
            Operation::FailoverGlobalCluster => {
                Permissions { look: LOOK, act: &["rds:FailoverGlobalCluster"] }
            }
            Operation::SwitchoverGlobalCluster => {
                Permissions { look: LOOK, act: &["rds:SwitchoverGlobalCluster"] }
            }
        }
    }
}

impl World {
    fn describe(&self) -> String {
        let writer = self.writer.as_deref().map_or("unknown", region_of);
        match (&self.operation, &self.operation_target) {
            (None, _) => format!("writer {writer}, no operation under way"),
            (Some(operation), None) => format!("writer {writer}, {operation}"),
            (Some(operation), Some(to)) => {
                format!("writer {writer}, {operation} to {}", region_of(to))
            }
        }
    }
}

/// domain.md A1: done is the writer moved, no operation left, *and* an instance there that writes.
fn happened(world: &World, target: Option<&Target>, wanted: &str) -> Happened {
    let moved = world.writer.as_deref() == Some(wanted);
    let ours = world.operation_target.as_deref().is_none_or(|to| to == wanted);
    match (&world.operation, moved) {
        (Some(_), _) if ours => Happened::Running,
        (Some(_), _) => Happened::Unknown,
        (None, false) if world.writer.is_some() => Happened::Never,
        (None, false) => Happened::Unknown,
        (None, true) => match target {
            Some(target) if target.has_writer => Happened::Done,
            Some(_) => Happened::Running,
            None => Happened::Unknown,
        },
    }
}

fn facts(world: Option<&World>, target: Option<&Target>, wanted: &str) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(world) = world {
        let writer = world.writer.as_deref();
        put(&mut facts, "writer_arn", writer);
        put(&mut facts, "writer_region", writer.map(region_of));
        put(&mut facts, "operation", world.operation.clone());
        put(&mut facts, "operation_target", world.operation_target.clone());
        put(&mut facts, "target_is_writer", writer.map(|writer| writer == wanted));
    }
    if let Some(target) = target {
        put(&mut facts, "target_status", target.status.clone());
        put(&mut facts, "target_instances", Some(target.instances));
    }
    facts
}

fn blind(error: &LookError) -> Probe {
    Probe { happened: Happened::Unknown, facts: Map::new(), saw: error.to_string() }
}

fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("unknown")
}

/// `luneo-prod-aurora-primary (eu-west-1)`.
fn place(arn: &str) -> String {
    format!("{} ({})", arn.rsplit(':').next().unwrap_or(arn), region_of(arn))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EU: &str = "arn:aws:rds:eu-west-1:111111111111:cluster:one";
    const US: &str = "arn:aws:rds:us-east-1:111111111111:cluster:two";

    fn world(writer: Option<&str>, operation: Option<&str>, to: Option<&str>) -> World {
        let own = |text: Option<&str>| text.map(ToOwned::to_owned);
        World {
            writer: own(writer),
            operation: own(operation),
            operation_target: own(to),
            ..World::default()
        }
    }

    fn target(has_writer: bool) -> Target {
        Target { status: Some("available".into()), instances: 1, has_writer }
    }

    #[test]
    fn done_needs_the_writer_no_operation_and_an_instance_that_writes() {
        let writes = target(true);
        let cases = [
            (world(Some(EU), None, None), Some(&writes), Happened::Never),
            (world(Some(EU), Some("failing-over"), Some(US)), Some(&writes), Happened::Running),
            (world(Some(EU), Some("brand-new-word"), None), None, Happened::Running),
            (world(Some(EU), Some("failing-over"), Some(EU)), None, Happened::Unknown),
            (world(Some(US), Some("failing-over"), Some(US)), Some(&writes), Happened::Running),
            (world(Some(US), None, None), Some(&writes), Happened::Done),
            (world(Some(US), None, None), Some(&target(false)), Happened::Running),
            (world(Some(US), None, None), None, Happened::Unknown),
            (world(None, None, None), Some(&writes), Happened::Unknown),
        ];
        for (world, target, expected) in cases {
            assert_eq!(happened(&world, target, US), expected, "{world:?}");
        }
    }

    #[test]
    fn a_fact_that_was_not_read_is_absent() {
        let known = facts(None, Some(&target(true)), US);
        assert_eq!(known.keys().collect::<Vec<_>>(), ["target_instances", "target_status"]);
        let idle = facts(Some(&world(Some(EU), None, None)), None, US);
        assert!(!idle.contains_key("operation"));
        assert_eq!(idle["target_is_writer"], false);
    }
}
