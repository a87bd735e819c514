//! EKS: the cluster that waits, and the nodes it would grow.

use serde_json::Value;

use super::Place;
use super::tools::{Looks, Must, Row, Tools, each, number, said};
use crate::actions::aws::ANYTHING;
use crate::actions::params::unsafe_because;
use crate::actions::{LookError, Permission};

const CLUSTER: &[Permission] = &[Permission::Aws("eks:DescribeCluster", ANYTHING)];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "eks_cluster",
        look: |tools, place| Box::pin(cluster(tools, place)),
        needs: CLUSTER,
    },
    Row {
        name: "eks_nodes",
        look: |tools, place| Box::pin(nodes(tools, place)),
        needs: &[Permission::Aws("eks:DescribeNodegroup", ANYTHING)],
    },
    Row {
        name: "eks_versions",
        look: |tools, place| Box::pin(versions(tools, place)),
        needs: CLUSTER,
    },
];

/// What EKS says of a cluster, or of what is below it. Names stand in a path.
async fn ask(tools: &Tools, region: &str, parts: &[&str]) -> Result<Value, LookError> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "_-".contains(one);
    if let Some(bad) = parts.iter().find(|part| !part.chars().all(is_plain)) {
        return Err(unsafe_because(format!("`{bad}` is no name: letters, digits, _ and -")));
    }
    tools.get("eks", region, &format!("/clusters/{}", parts.join("/")), &[]).await
}

fn dr(place: Place<'_>) -> Option<&str> {
    place.text("/eks/dr/name")
}

/// D17: it is active, and EKS knows of nothing wrong with it.
async fn cluster(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(name) = dr(place) else { return Ok(vec![]) };
    let found = ask(tools, &place.environment.regions.dr, &[name]).await?;
    let issues = issues(&found, "/cluster/health/issues");
    let is_well = issues == "-";
    Ok(vec![
        Must::of("")
            .be("status", said(&found, "/cluster/status"), "ACTIVE")
            .hold("health", Some(issues), "-", is_well)
            .look(),
    ])
}

fn issues(of: &Value, pointer: &str) -> String {
    let codes: Vec<String> =
        each(of, pointer).into_iter().filter_map(|one| said(one, "/code")).collect();
    if codes.is_empty() { "-".into() } else { codes.join(" ") }
}

/// D17, D24: its nodes are well, as many as wait there, and may grow to what production needs.
async fn nodes(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(name), Some(group)) = (dr(place), place.text("/eks/dr/nodegroup")) else {
        return Ok(vec![]);
    };
    let found = ask(tools, &place.environment.regions.dr, &[name, "node-groups", group]).await?;
    let issues = issues(&found, "/nodegroup/health/issues");
    let is_well = issues == "-";
    let mut must = Must::of("").be("status", said(&found, "/nodegroup/status"), "ACTIVE").hold(
        "health",
        Some(issues),
        "-",
        is_well,
    );
    let sizes = [("desiredSize", "/eks/dr/standby/min"), ("maxSize", "/eks/dr/nodes/desired")];
    for (what, key) in sizes {
        let Some(least) = place.number(key) else { continue };
        let is = number(&found, &format!("/nodegroup/scalingConfig/{what}"));
        let holds = is.is_some_and(|is| is >= least);
        must = must.hold(what, is.map(|is| is.to_string()), &format!("≥ {least}"), holds);
    }
    Ok(vec![must.look()])
}

/// D17: at most one minor version apart.
async fn versions(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(primary), Some(dr)) = (place.text("/eks/primary/name"), dr(place)) else {
        return Ok(vec![]);
    };
    let regions = &place.environment.regions;
    let (one, other) = ([primary], [dr]);
    let (one, other) =
        tokio::try_join!(ask(tools, &regions.primary, &one), ask(tools, &regions.dr, &other))?;
    let version = |of: &Value| said(of, "/cluster/version");
    let minor = |of: &Value| version(of)?.split('.').nth(1)?.parse::<i32>().ok();
    let apart = minor(&one).zip(minor(&other)).map(|(one, other)| one.abs_diff(other));
    let wanted = format!("{} ± 0.1", version(&one).unwrap_or_else(|| "?".into()));
    let holds = apart.is_some_and(|apart| apart <= 1);
    let is = version(&other).filter(|_| apart.is_some());
    Ok(vec![Must::of("").hold("version", is, &wanted, holds).look()])
}
