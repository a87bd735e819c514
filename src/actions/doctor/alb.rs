//! The load balancer that would answer.

use serde_json::Value;

use super::tools::{Looks, Must, Row, Tools, each, said};
use super::{Look, Place};
use crate::actions::aws::ANYTHING;
use crate::actions::fence::arn_inside;
use crate::actions::{LookError, Permission};

pub(super) const ELB: (&str, &str) = ("elasticloadbalancing", "2015-12-01");

pub(super) const ALL: &[Row] = &[
    Row {
        name: "alb",
        look: |tools, place| Box::pin(balancer(tools, place)),
        needs: &[
            Permission::Aws("elasticloadbalancing:DescribeLoadBalancers", ANYTHING),
            Permission::Aws("elasticloadbalancing:DescribeListeners", ANYTHING),
        ],
    },
    Row {
        name: "alb_targets",
        look: |tools, place| Box::pin(targets(tools, place)),
        needs: &[
            Permission::Aws("elasticloadbalancing:DescribeTargetGroups", ANYTHING),
            Permission::Aws("elasticloadbalancing:DescribeTargetHealth", ANYTHING),
        ],
    },
];

/// Its ARN and region.
fn dr(place: Place<'_>) -> Option<Result<(&str, String), LookError>> {
    let arn = place.text("/alb/dr/arn")?;
    let parts = arn_inside(place.environment, "elasticloadbalancing", arn);
    Some(parts.map(|parts| (arn, parts.region)))
}

/// Its listeners.
pub(super) async fn listeners(
    tools: &Tools,
    place: Place<'_>,
) -> Option<Result<(String, Value), LookError>> {
    let (arn, region) = match dr(place)? {
        Ok(found) => found,
        Err(error) => return Some(Err(error)),
    };
    let with = [("LoadBalancerArn", arn)];
    let found = tools.form(ELB, &region, "DescribeListeners", &with).await;
    Some(found.map(|found| (region, found)))
}

/// D26: it is active, has the name that records point to, and listens for HTTPS.
async fn balancer(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(found) = dr(place) else { return Ok(vec![]) };
    let (arn, region) = found?;
    let with = [("LoadBalancerArns.member.1", arn)];
    let all = tools.form(ELB, &region, "DescribeLoadBalancers", &with).await?;
    let found = each(&all, "/LoadBalancers/member").into_iter().next();
    let found = found.cloned().unwrap_or_default();
    let listeners = match listeners(tools, place).await {
        Some(listeners) => listeners?.1,
        None => Value::Null,
    };
    let listeners = each(&listeners, "/Listeners/member");
    let is_https = |one: &&Value| said(one, "/Port").as_deref() == Some("443");
    let wanted = place.text("/alb/dr/dns").unwrap_or("?");
    Ok(vec![
        Must::of("")
            .be("State", said(&found, "/State/Code"), "active")
            .be("DNSName", said(&found, "/DNSName"), wanted)
            .there("Listener 443", listeners.into_iter().any(|one| is_https(&one)))
            .look(),
    ])
}

/// D26: behind it, in each group, somebody is well.
async fn targets(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(found) = dr(place) else { return Ok(vec![]) };
    let (arn, region) = found?;
    let with = [("LoadBalancerArn", arn)];
    let all = tools.form(ELB, &region, "DescribeTargetGroups", &with).await?;
    let groups = each(&all, "/TargetGroups/member");
    if groups.is_empty() {
        return Ok(vec![Look::bad("", "doctor.saw.missing", &[("what", "TargetGroup")])]);
    }
    let mut looks = vec![];
    for group in groups {
        let name = said(group, "/TargetGroupName").unwrap_or_else(|| "?".into());
        let arn = said(group, "/TargetGroupArn").unwrap_or_default();
        let with = [("TargetGroupArn", arn.as_str())];
        looks.push(match tools.form(ELB, &region, "DescribeTargetHealth", &with).await {
            Ok(found) => {
                let states = each(&found, "/TargetHealthDescriptions/member").into_iter();
                let states: Vec<String> =
                    states.filter_map(|one| said(one, "/TargetHealth/State")).collect();
                let healthy = states.iter().filter(|state| *state == "healthy").count();
                let is = format!("{healthy}/{}", states.len());
                Must::of(&name).hold("healthy", Some(is), "≥ 1", healthy >= 1).look()
            }
            Err(error) => Look::blind(&name, &error),
        });
    }
    Ok(looks)
}
