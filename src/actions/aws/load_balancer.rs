//! `alb.reserve_capacity`: a load balancer that is warm before the traffic comes.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::lever::Request;
use super::setting::{Seen, Set, Setting};
use super::wire::Ask;
use super::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::fence::arn_inside;
use crate::actions::params::{text, whole};
use crate::actions::{Call, LookError, Permission, Permissions};

/// Reserves capacity units; none gives them back.
#[derive(Debug, Default)]
pub(in crate::actions) struct ReserveCapacity;

fn ask(region: &str, action: &str, with: &[(String, String)]) -> Ask {
    Ask::form("elasticloadbalancing", "2015-12-01", region, action, with)
}

#[async_trait]
impl Setting for ReserveCapacity {
    const SERVICE: &'static str = "elasticloadbalancing";
    const OPERATION: &'static str = "ModifyCapacityReservation";
    const OF: &'static [&'static str] = &["load_balancer"];
    const FACT: &'static str = "capacity_units";

    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        let arn = text(call, "load_balancer")?;
        Ok(arn_inside(call.environment, "elasticloadbalancing", arn)?.region)
    }

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let region = self.region(call)?;
        let system = format!("elasticloadbalancing in {region}");
        let with = [("LoadBalancerArn".to_owned(), text(call, "load_balancer")?.to_owned())];
        let ask = ask(&region, "DescribeCapacityReservation", &with);
        let answer = aws.ask(Purpose::Look, &ask).await;
        let answer = answer.map_err(|failure| failure.look(system.clone()))?;
        let xml = answer.xml().map_err(|failure| failure.look(system))?;
        let units = answer.text("CapacityUnits").and_then(|text| text.parse::<u64>().ok());
        let states = xml.descendants().filter(|node| node.tag_name().name() == "Code");
        let states: Vec<&str> = states.filter_map(|node| node.text()).collect();
        // What failed is settled too: it can be asked for again, or given back.
        let is_settled = Some(states.iter().all(|one| ["provisioned", "failed"].contains(one)));
        let facts = Map::from_iter([("zones".to_owned(), json!(states))]);
        Ok(Seen { now: json!(units.unwrap_or(0)), is_settled, facts, line: None })
    }

    fn to(&self, call: &Call<'_>, _seen: &Seen) -> Result<Value, LookError> {
        Ok(json!(whole(call, "units")?))
    }

    fn shown(&self, value: &Value) -> String {
        format!("{value} LCU")
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let what = if set.to == json!(0) {
            pair("ResetCapacityReservation", "true".into())
        } else {
            pair("MinimumLoadBalancerCapacity.CapacityUnits", set.to.to_string())
        };
        let with = [pair("LoadBalancerArn", set.part("load_balancer").into()), what];
        let ask = ask(&request.region, Self::OPERATION, &with);
        Ok(aws.ask(Purpose::Act, &ask).await?.evidence())
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &[
            "arn:aws:elasticloadbalancing:*:ACCOUNT_ID:loadbalancer/app/LOAD_BALANCER_PREFIX-*/*",
        ];
        Permissions {
            look: &[Permission::Aws("elasticloadbalancing:DescribeCapacityReservation", ANYTHING)],
            act: &[Permission::Aws("elasticloadbalancing:ModifyCapacityReservation", ON)],
        }
    }
}
