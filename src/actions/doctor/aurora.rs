//! Aurora: whether the other region's cluster could be the writer.

use serde_json::Value;

use super::tools::{Looks, Must, Row, Tools, each, instant, or_absent, said};
use super::{Look, Place};
use crate::actions::aws::ANYTHING;
use crate::actions::fence::arn_inside;
use crate::actions::{LookError, Permission};

const RDS: (&str, &str) = ("rds", "2014-10-31");
const CLUSTERS: &[Permission] = &[Permission::Aws("rds:DescribeDBClusters", ANYTHING)];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "aurora_members",
        look: |tools, place| Box::pin(members(tools, place)),
        needs: &[Permission::Aws("rds:DescribeGlobalClusters", ANYTHING)],
    },
    Row { name: "aurora_dr", look: |tools, place| Box::pin(dr(tools, place)), needs: CLUSTERS },
    Row {
        name: "aurora_versions",
        look: |tools, place| Box::pin(versions(tools, place)),
        needs: CLUSTERS,
    },
    Row {
        name: "aurora_size",
        look: |tools, place| Box::pin(size(tools, place)),
        needs: &[Permission::Aws("rds:DescribeDBInstances", ANYTHING)],
    },
    Row {
        name: "aurora_backups",
        look: |tools, place| Box::pin(backups(tools, place)),
        needs: CLUSTERS,
    },
];

/// Where the environment's two clusters are.
struct Pair<'a> {
    primary: &'a str,
    dr: &'a str,
}

fn pair<'a>(place: Place<'a>) -> Option<Pair<'a>> {
    let (primary, dr) = (place.text("/aurora/primary/arn")?, place.text("/aurora/dr/arn")?);
    Some(Pair { primary, dr })
}

/// The cluster of this ARN.
async fn cluster(tools: &Tools, place: Place<'_>, arn: &str) -> Result<Value, LookError> {
    let arn = arn_inside(place.environment, "rds", arn)?;
    let id = arn.resource.strip_prefix("cluster:").unwrap_or(&arn.resource);
    let with = [("DBClusterIdentifier", id)];
    let all = tools.form(RDS, &arn.region, "DescribeDBClusters", &with).await?;
    let mut all = each(&all, "/DBClusters/DBCluster").into_iter();
    let found = all.find(|one| said(one, "/DBClusterIdentifier").as_deref() == Some(id));
    Ok(found.cloned().unwrap_or_default())
}

/// D05: both clusters are members, the primary region's writes, nothing is under way.
async fn members(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(global), Some(Pair { primary, dr })) = (place.text("/aurora/global"), pair(place))
    else {
        return Ok(vec![]);
    };
    let region = &place.environment.regions.dr;
    let with = [("GlobalClusterIdentifier", global)];
    let all = tools.form(RDS, region, "DescribeGlobalClusters", &with).await?;
    let found = each(&all, "/GlobalClusters/GlobalClusterMember")
        .into_iter()
        .find(|one| said(one, "/GlobalClusterIdentifier").as_deref() == Some(global));
    let Some(found) = found else {
        return Ok(vec![Look::bad("", "doctor.saw.missing", &[("what", global)])]);
    };
    let members = each(found, "/GlobalClusterMembers/GlobalClusterMember");
    let has =
        |arn: &str| members.iter().any(|one| said(one, "/DBClusterArn").as_deref() == Some(arn));
    let writer = members.iter().find(|one| said(one, "/IsWriter").as_deref() == Some("true"));
    let writer = writer.and_then(|one| said(one, "/DBClusterArn"));
    let operation = said(found, "/FailoverState/Status");
    let is_idle = operation.is_none();
    Ok(vec![
        Must::of("")
            .there(primary, has(primary))
            .there(dr, has(dr))
            .be("writer", or_absent(writer), primary)
            .hold("FailoverState", operation.or_else(|| Some("-".into())), "-", is_idle)
            .be("status", said(found, "/Status"), "available")
            .look(),
    ])
}

/// D06: the DR cluster is up, with an instance that could write.
async fn dr(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(Pair { dr, .. }) = pair(place) else { return Ok(vec![]) };
    let found = cluster(tools, place, dr).await?;
    let count = each(&found, "/DBClusterMembers/DBClusterMember").len();
    Ok(vec![
        Must::of("")
            .be("status", said(&found, "/Status"), "available")
            .hold("instances", Some(count.to_string()), "≥ 1", count >= 1)
            .look(),
    ])
}

/// D07: the same version on both sides; a managed failover wants it.
async fn versions(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(Pair { primary, dr }) = pair(place) else { return Ok(vec![]) };
    let (primary, dr) =
        tokio::try_join!(cluster(tools, place, primary), cluster(tools, place, dr))?;
    let wanted = said(&primary, "/EngineVersion");
    let is = said(&dr, "/EngineVersion").filter(|_| wanted.is_some());
    Ok(vec![Must::of("").be("EngineVersion", is, wanted.as_deref().unwrap_or("?")).look()])
}

/// D06: as many and as large instances as production has.
async fn size(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(Pair { primary, dr }) = pair(place) else { return Ok(vec![]) };
    let (primary, dr) =
        tokio::try_join!(classes(tools, place, primary), classes(tools, place, dr))?;
    let (wanted, is) = (primary.join(" "), dr.join(" "));
    let holds = primary == dr && !dr.is_empty();
    let is = or_absent(Some(is).filter(|is| !is.is_empty()));
    Ok(vec![Must::of("").hold("DBInstanceClass", is, &wanted, holds).look()])
}

/// The classes of a cluster's instances, sorted.
async fn classes(tools: &Tools, place: Place<'_>, arn: &str) -> Result<Vec<String>, LookError> {
    let arn = arn_inside(place.environment, "rds", arn)?;
    let id = arn.resource.strip_prefix("cluster:").unwrap_or(&arn.resource);
    let with =
        [("Filters.Filter.1.Name", "db-cluster-id"), ("Filters.Filter.1.Values.Value.1", id)];
    let all = tools.form(RDS, &arn.region, "DescribeDBInstances", &with).await?;
    let all = each(&all, "/DBInstances/DBInstance").into_iter();
    let own = all.filter(|one| said(one, "/DBClusterIdentifier").as_deref() == Some(id));
    let mut classes: Vec<String> = own.filter_map(|one| said(one, "/DBInstanceClass")).collect();
    classes.sort();
    Ok(classes)
}

/// D33: it can be restored to a moment ago, and to last week.
async fn backups(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(Pair { primary, .. }) = pair(place) else { return Ok(vec![]) };
    let found = cluster(tools, place, primary).await?;
    let days = said(&found, "/BackupRetentionPeriod");
    let is_long = days.as_deref().and_then(|days| days.parse::<u32>().ok()).is_some_and(|n| n >= 7);
    let latest = instant(&found, "/LatestRestorableTime").map(|at| place.now.since(at));
    let is_fresh = latest.is_some_and(|age| age.ms() < 600_000);
    Ok(vec![
        Must::of("")
            .hold("BackupRetentionPeriod", days, "≥ 7", is_long)
            .hold(
                "LatestRestorableTime",
                latest.map(|age| format!("-{}", age.spoken())),
                "> -10\u{a0}min",
                is_fresh,
            )
            .look(),
    ])
}
