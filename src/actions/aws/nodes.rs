//! `eks.scale_nodes`: how many nodes a managed node group keeps.
//!
//! The minimum is what counts: an autoscaler takes back what only `desired` asked for.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::lever::Request;
use super::setting::{Seen, Set, Setting};
use super::wire::Ask;
use super::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::params::{text, unsafe_because, whole};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Sets minimum, desired and maximum.
#[derive(Debug, Default)]
pub(in crate::actions) struct ScaleNodes;

/// Names stand in a path: whatever would lead elsewhere is refused.
fn plain(name: &str) -> Result<&str, LookError> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "_-".contains(one);
    if name.chars().all(is_plain) {
        return Ok(name);
    }
    Err(unsafe_because(format!("`{name}` is no name: letters, digits, _ and -")))
}

#[async_trait]
impl Setting for ScaleNodes {
    const SERVICE: &'static str = "eks";
    const OPERATION: &'static str = "UpdateNodegroupConfig";
    const OF: &'static [&'static str] = &["cluster", "nodegroup"];
    const FACT: &'static str = "scaling";

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let region = text(call, "region")?;
        let (cluster, group) = (plain(text(call, "cluster")?)?, plain(text(call, "nodegroup")?)?);
        let path = format!("/clusters/{cluster}/node-groups/{group}");
        let ask = Ask::rest("eks", region, Method::GET, &path);
        let answer = aws.ask(Purpose::Look, &ask).await.and_then(|answer| answer.json());
        let answer = answer.map_err(|failure| failure.look(format!("eks in {region}")))?;
        let group = answer.get("nodegroup").cloned().unwrap_or_default();
        let scaling = group.get("scalingConfig").cloned().unwrap_or_default();
        let size = |name: &str| scaling.get(name).and_then(Value::as_u64);
        let (min, desired, max) = (size("minSize"), size("desiredSize"), size("maxSize"));
        let status = group.get("status").and_then(Value::as_str).unwrap_or_default();
        let is_settled = match status {
            "ACTIVE" | "DEGRADED" => Some(true),
            "CREATING" | "UPDATING" => Some(false),
            _ => None,
        };
        let facts = [("status", json!(status)), ("min", json!(min)), ("desired", json!(desired))];
        let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
        Ok(Seen {
            now: json!({"min": min, "desired": desired, "max": max}),
            is_settled,
            facts: facts.collect::<Map<_, _>>(),
            line: None,
        })
    }

    fn to(&self, call: &Call<'_>, _seen: &Seen) -> Result<Value, LookError> {
        let (min, desired, max) =
            (whole(call, "min")?, whole(call, "desired")?, whole(call, "max")?);
        if min > desired || desired > max || max == 0 {
            return Err(unsafe_because(format!(
                "min {min}, desired {desired}, max {max}: they must rise in this order"
            )));
        }
        Ok(json!({"min": min, "desired": desired, "max": max}))
    }

    fn shown(&self, value: &Value) -> String {
        let size = |name: &str| value.get(name).cloned().unwrap_or_default();
        format!("min {} desired {} max {}", size("min"), size("desired"), size("max"))
    }

    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![Remark::new("remark.eks.minutes", &[])]
    }

    async fn write(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let (cluster, group) = (set.part("cluster"), set.part("nodegroup"));
        let size = |name: &str| set.to.get(name).cloned().unwrap_or_default();
        let scaling = json!({
            "minSize": size("min"), "desiredSize": size("desired"), "maxSize": size("max"),
        });
        let body = json!({"scalingConfig": scaling, "clientRequestToken": call.token.to_string()});
        let path = format!("/clusters/{cluster}/node-groups/{group}/update-config");
        let ask = Ask::rest("eks", &request.region, Method::POST, &path)
            .header("content-type", "application/json")
            .body(body.to_string());
        Ok(aws.ask(Purpose::Act, &ask).await?.evidence())
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &["arn:aws:eks:*:ACCOUNT_ID:nodegroup/EKS_CLUSTER_PREFIX-*/*/*"];
        Permissions {
            look: &[Permission::Aws("eks:DescribeNodegroup", ANYTHING)],
            act: &[Permission::Aws("eks:UpdateNodegroupConfig", ON)],
        }
    }
}
