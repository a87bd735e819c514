//! How a global database and the cluster that shall write are, as AWS tells it, and what that says of a call.

use futures_util::FutureExt;
use serde_json::{Map, Value};

use crate::actions::aws::{Aws, Failure, Purpose};
use crate::actions::fence::Arn;
use crate::actions::params::put;
use crate::actions::{Happened, LookError};
use crate::domain::environment::Environment;
use crate::domain::text::told;

/// The global cluster as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct World {
    pub(super) writer: Option<String>,
    pub(super) members: Vec<String>,
    pub(super) operation: Option<String>,
    pub(super) operation_target: Option<String>,
}

/// The target cluster as its region describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) status: Option<String>,
    pub(super) instances: usize,
    pub(super) has_writer: bool,
}

impl World {
    /// Asks the target's region first; the other one only when that does not answer.
    pub(super) async fn look(
        aws: &Aws,
        environment: &Environment,
        cluster: &str,
        first: &str,
    ) -> Result<Self, LookError> {
        let regions = &environment.regions;
        let second = if first == regions.primary { &regions.dr } else { &regions.primary };
        match Self::look_in(aws, first, cluster).await {
            Err(unreachable @ LookError::Unreachable { .. }) => {
                Self::look_in(aws, second, cluster).await.map_err(|_| unreachable)
            }
            answer => answer,
        }
    }

    async fn look_in(aws: &Aws, region: &str, cluster: &str) -> Result<Self, LookError> {
        let client = aws.rds(region, Purpose::Look).await;
        let asked = client.describe_global_clusters().global_cluster_identifier(cluster);
        let answer = asked
            .send()
            .boxed()
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
        Ok(Self {
            writer: members.iter().find(|member| member.is_writer() == Some(true)).and_then(arn),
            members: members.iter().filter_map(arn).collect(),
            operation_target: operation
                .as_ref()
                .and(state.and_then(|state| state.to_db_cluster_arn()))
                .map(ToOwned::to_owned),
            operation,
        })
    }
}

impl Target {
    pub(super) async fn look(aws: &Aws, arn: &Arn) -> Result<Self, LookError> {
        let system = format!("rds in {}", arn.region);
        let id = arn.resource.strip_prefix("cluster:").unwrap_or(&arn.resource);
        let client = aws.rds(&arn.region, Purpose::Look).await;
        let answer = client
            .describe_db_clusters()
            .db_cluster_identifier(id)
            .send()
            .boxed()
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
        Ok(Self {
            status: found.status().map(ToOwned::to_owned),
            instances: instances.len(),
            has_writer: instances.iter().any(|one| one.is_cluster_writer() == Some(true)),
        })
    }
}

impl World {
    pub(super) fn describe(&self) -> String {
        let writer = self.writer.as_deref().map_or("told.unknown", region_of);
        let to = self.operation_target.as_deref().map_or("", region_of);
        match &self.operation {
            None => told("told.writer", &[writer]),
            Some(operation) => told("told.writer_busy", &[writer, operation, to]),
        }
    }
}

/// domain.md A1: done is the writer moved, no operation left, *and* an instance there that writes.
pub(super) fn happened(world: &World, target: Option<&Target>, wanted: &str) -> Happened {
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

pub(super) fn facts(
    world: Option<&World>,
    target: Option<&Target>,
    wanted: &str,
) -> Map<String, Value> {
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

pub(super) fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("unknown")
}

/// `luneo-prod-aurora-primary (eu-west-1)`.
pub(super) fn place(arn: &str) -> String {
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
