//! `arc.set_routing_control`: Route 53 Application Recovery Controller switches traffic over its data plane.
//!
//! A cluster answers at five endpoints in five regions, any of which may be down: they are tried one after the other, and
//! the next only when the last one certainly did nothing. The endpoints stand in the environment file: AWS cannot be asked
//! for them in an incident.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::lever::Request;
use super::setting::{Seen, Set, Setting};
use super::wire::{Answer, Ask};
use super::{Aws, Failure, Purpose};
use crate::actions::params::{also, texts, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};

/// Switches routing controls on and off, all in one call.
#[derive(Debug, Default)]
pub(in crate::actions) struct SetRoutingControl;

/// One endpoint cannot answer just now; nothing was done.
const ELSEWHERE: &str = "EndpointTemporarilyUnavailableException";

/// `us-east-1=https://…`, each once, at each attempt starting with another one. Only AWS's own names: who we are goes
/// there.
fn endpoints<'a>(
    aws: &Aws,
    call: &Call<'_>,
    all: &[&'a str],
) -> Result<Vec<(&'a str, &'a str)>, LookError> {
    let part = |one: &&'a str| {
        let (region, url) = one.split_once('=').ok_or_else(|| {
            unsafe_because(format!("`{one}` is no endpoint: write `REGION=https://…`"))
        })?;
        let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        let suffix = format!(".route53-recovery-cluster.{region}.amazonaws.com");
        if aws.is_elsewhere() || host.is_some_and(|host| host.ends_with(&suffix)) {
            return Ok((region, url));
        }
        Err(unsafe_because(format!("`{url}` is no endpoint of a cluster in {region}")))
    };
    let mut parts = all.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let start =
        call.token.as_u128().wrapping_add(call.attempt.into()) % (parts.len().max(1) as u128);
    parts.rotate_left(usize::try_from(start).unwrap_or_default());
    Ok(parts)
}

/// Asks the endpoints until one answers, and leaves that one in front.
async fn rotate(
    aws: &Aws,
    purpose: Purpose,
    endpoints: &mut [(&str, &str)],
    operation: &str,
    with: &Value,
) -> Result<Answer, Failure> {
    let mut last = Failure::NotConnected("no endpoint is named".into());
    for _ in 0..endpoints.len() {
        let Some((region, url)) = endpoints.first().copied() else { break };
        let target = format!("ToggleCustomerAPI.{operation}");
        let ask = Ask::json("route53-recovery-cluster", "1.0", region, &target, with).only_at(url);
        last = match aws.ask(purpose, &ask).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let goes_on = match (&last, purpose) {
            (Failure::NotConnected(_), _) | (Failure::Unclear(_), Purpose::Look) => true,
            (Failure::Refused { code, .. }, _) => code == ELSEWHERE,
            (Failure::Unclear(_), Purpose::Act) => false,
        };
        if !goes_on {
            break;
        }
        endpoints.rotate_left(1);
    }
    Err(last)
}

/// Refuses a control of another account.
fn ours<'a>(call: &Call<'_>, control: &'a str) -> Result<&'a str, LookError> {
    let start = format!("arn:aws:route53-recovery-control::{}:", call.environment.account);
    if control.starts_with(&start) {
        return Ok(control);
    }
    Err(unsafe_because(format!("`{control}` is no routing control of this account")))
}

#[async_trait]
impl Setting for SetRoutingControl {
    const SERVICE: &'static str = "route53-recovery-cluster";
    const OPERATION: &'static str = "UpdateRoutingControlStates";
    const OF: &'static [&'static str] = &[];
    const FACT: &'static str = "controls";

    /// Who we are is asked there; the call itself goes to an endpoint of the cluster.
    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        Ok(call.environment.regions.dr.clone())
    }

    fn thing(&self, call: &Call<'_>) -> Result<Map<String, Value>, LookError> {
        Ok(Map::from_iter([("endpoints".to_owned(), json!(texts(call, "endpoints")?))]))
    }

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let all = texts(call, "endpoints")?;
        let mut endpoints = endpoints(aws, call, &all)?;
        let mut now = Map::new();
        for control in texts(call, "on")?.into_iter().chain(texts(call, "off")?) {
            let with = json!({"RoutingControlArn": ours(call, control)?});
            let look = "GetRoutingControlState";
            let asked = rotate(aws, Purpose::Look, &mut endpoints, look, &with).await;
            let answer = asked.and_then(|answer| answer.json());
            let answer =
                answer.map_err(|failure| failure.look("route53-recovery-cluster".into()))?;
            let state = answer.get("RoutingControlState").cloned().unwrap_or_default();
            now.insert(control.to_owned(), state);
        }
        Ok(Seen { now: Value::Object(now), is_settled: Some(true), ..Seen::default() })
    }

    fn to(&self, call: &Call<'_>, _seen: &Seen) -> Result<Value, LookError> {
        let (on, off) = (texts(call, "on")?, texts(call, "off")?);
        let on = on.into_iter().map(|control| (control.to_owned(), json!("On")));
        let off = off.into_iter().map(|control| (control.to_owned(), json!("Off")));
        Ok(Value::Object(on.chain(off).collect()))
    }

    fn shown(&self, value: &Value) -> String {
        let short = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
        let one = |(arn, state): (&String, &Value)| {
            format!("{} {}", short(arn), state.as_str().unwrap_or("?"))
        };
        let all = value.as_object().into_iter().flatten().map(one);
        all.collect::<Vec<_>>().join(", ")
    }

    async fn write(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let all = set.of.get("endpoints").and_then(Value::as_array);
        let all: Vec<&str> = all.into_iter().flatten().filter_map(Value::as_str).collect();
        let mut endpoints = endpoints(aws, call, &all).map_err(|why| Failure::not_sent(&why))?;
        let entry = |(arn, state): (&String, &Value)| json!({"RoutingControlArn": arn, "RoutingControlState": state});
        let entries: Vec<Value> = set.to.as_object().into_iter().flatten().map(entry).collect();
        let with = json!({"UpdateRoutingControlStateEntries": entries});
        let answer = rotate(aws, Purpose::Act, &mut endpoints, Self::OPERATION, &with).await?;
        let region = endpoints.first().map_or("unknown", |(region, _)| *region);
        Ok(also(answer.evidence(), "endpoint", region))
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &[
            "arn:aws:route53-recovery-control::ACCOUNT_ID:controlpanel/CONTROL_PANEL_ID/routingcontrol/*",
        ];
        Permissions {
            look: &[Permission::Aws("route53-recovery-cluster:GetRoutingControlState", ON)],
            act: &[Permission::Aws("route53-recovery-cluster:UpdateRoutingControlStates", ON)],
        }
    }
}
