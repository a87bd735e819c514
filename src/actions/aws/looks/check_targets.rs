//! `elbv2.check_targets`: how many targets of a load balancer are healthy, over all its target groups. It only reads.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use roxmltree::Document;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::actions::aws::wire::Ask;
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::fence::arn_inside;
use crate::actions::params::text;
use crate::actions::reading::{Look, Reading, Seen};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::text::told;

/// Counts targets.
#[derive(Debug)]
pub(in crate::actions) struct CheckTargets {
    aws: Arc<Aws>,
}

/// Exactly what is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    load_balancer: String,
    region: String,
}

impl CheckTargets {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Reading<Self> {
        Reading(Self { aws })
    }

    /// The texts of every element of this name below one of that name.
    async fn ask(
        &self,
        region: &str,
        action: &str,
        (parameter, arn): (&str, &str),
        (parent, element): (&str, &str),
    ) -> Result<Vec<String>, LookError> {
        let with = [(parameter.to_owned(), arn.to_owned())];
        let ask = Ask::form("elasticloadbalancing", "2015-12-01", region, action, &with);
        let system = format!("elasticloadbalancing in {region}");
        let answer = self.aws.ask(Purpose::Look, &ask).await;
        let answer = answer.map_err(|failure| failure.look(system.clone()))?;
        let unreadable = |_| Failure::Unclear("an answer that is not XML".into()).look(system);
        let xml = Document::parse(&answer.body).map_err(unreadable)?;
        let named = |node: Option<roxmltree::Node<'_, '_>>, name: &str| {
            node.is_some_and(|node| node.tag_name().name() == name)
        };
        let found = xml.descendants();
        let found =
            found.filter(|node| named(Some(*node), element) && named(node.parent(), parent));
        Ok(found.filter_map(|node| node.text().map(ToOwned::to_owned)).collect())
    }

    /// The state of every target.
    async fn states(&self, asked: &Asked) -> Result<(usize, Vec<String>), LookError> {
        let Asked { load_balancer, region } = asked;
        let of = ("LoadBalancerArn", load_balancer.as_str());
        let arn = ("member", "TargetGroupArn");
        let groups = self.ask(region, "DescribeTargetGroups", of, arn).await?;
        // Not the state of an override, which may stand beside it.
        let state = ("TargetHealth", "State");
        let states = groups.iter().map(|group| {
            self.ask(region, "DescribeTargetHealth", ("TargetGroupArn", group), state)
        });
        let states: Vec<Vec<String>> = try_join_all(states).await?;
        Ok((groups.len(), states.concat()))
    }
}

#[async_trait]
impl Look for CheckTargets {
    type Asked = Asked;

    async fn asked(&self, call: &Call<'_>) -> Result<Asked, LookError> {
        let load_balancer = text(call, "load_balancer")?.to_owned();
        let region = arn_inside(call.environment, "elasticloadbalancing", &load_balancer)?.region;
        self.aws.caller_matches(call.environment, &region).await?;
        Ok(Asked { load_balancer, region })
    }

    fn line(asked: &Asked) -> String {
        let Asked { load_balancer, region } = asked;
        format!("elasticloadbalancing:DescribeTargetHealth of {load_balancer} in {region}")
    }

    async fn look(&self, asked: &Asked) -> Result<Seen, LookError> {
        match self.states(asked).await {
            Ok((groups, states)) => {
                let healthy = healthy(&states);
                let facts = json!({
                    "reachable": true, "target_groups": groups, "targets": states.len(),
                    "healthy": healthy, "unhealthy": states.len().saturating_sub(healthy),
                });
                let (healthy, all) = (healthy.to_string(), states.len().to_string());
                let saw = told("told.targets", &[&healthy, &all]);
                Ok(Seen { facts: facts.as_object().cloned().unwrap_or_default(), saw })
            }
            Err(LookError::Unreachable { detail, .. }) => Ok(Seen {
                facts: Map::from_iter([("reachable".to_owned(), json!(false))]),
                saw: told("told.no_answer", &[&detail]),
            }),
            Err(error @ (LookError::Refused { .. } | LookError::Unsafe { .. })) => Err(error),
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[
                Permission::Aws("elasticloadbalancing:DescribeTargetGroups", ANYTHING),
                Permission::Aws("elasticloadbalancing:DescribeTargetHealth", ANYTHING),
            ],
            act: &[],
        }
    }
}

/// Draining, initial, unused, unavailable: none of them surely takes requests now.
fn healthy(states: &[String]) -> usize {
    states.iter().filter(|state| *state == "healthy").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_healthy_is_healthy() {
        let states = ["healthy", "initial", "unhealthy", "draining", "unused", "healthy.draining"];
        assert_eq!(healthy(&states.map(ToOwned::to_owned)), 1);
        assert_eq!(healthy(&[]), 0);
    }
}
