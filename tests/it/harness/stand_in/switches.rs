//! What has a value that is set: a cache group's primary, reserved capacity, routing controls.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::json;

use super::{Asked, LOOKS_UNTIL_SETTLED, Reply, Service, done, refused, said};

/// A replication group in no Global Datastore, with nodes `-001` and `-002`.
pub(crate) const CACHE: &str = "shop-cache";
/// A load balancer.
pub(crate) const LOAD_BALANCER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/shop-us/50dc6c495c0c9188";
/// Routing controls: of eu-west-1, which is on in the beginning, and of us-east-1.
pub(crate) const CONTROLS: [&str; 2] = [
    "arn:aws:route53-recovery-control::000000000000:controlpanel/p1/routingcontrol/eu",
    "arn:aws:route53-recovery-control::000000000000:controlpanel/p1/routingcontrol/us",
];

/// A replication group.
#[derive(Debug, Default)]
pub(super) struct Cache {
    primary: usize,
    coming: usize,
    busy: u32,
}

impl Cache {
    fn xml(&self) -> String {
        let status = if self.busy > 0 { "modifying" } else { "available" };
        let node = |place: usize| {
            let role = if place == self.primary { "primary" } else { "replica" };
            format!(
                "<NodeGroupMember><CacheClusterId>{CACHE}-00{}</CacheClusterId><CacheNodeId>0001</CacheNodeId>\
                 <CurrentRole>{role}</CurrentRole></NodeGroupMember>",
                place + 1
            )
        };
        format!(
            "<ReplicationGroup><ReplicationGroupId>{CACHE}</ReplicationGroupId><Status>{status}</Status>\
             <NodeGroups><NodeGroup><NodeGroupId>0001</NodeGroupId><Status>{status}</Status>\
             <NodeGroupMembers>{}{}</NodeGroupMembers></NodeGroup></NodeGroups>\
             <AutomaticFailover>disabled</AutomaticFailover></ReplicationGroup>",
            node(0),
            node(1)
        )
    }
}

impl Service for Cache {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        const XMLNS: &str = "http://elasticache.amazonaws.com/doc/2015-02-02/";
        if asked.given("ReplicationGroupId") != CACHE {
            return None;
        }
        match asked.operation.as_str() {
            action @ "DescribeReplicationGroups" => {
                self.busy = self.busy.saturating_sub(1);
                if self.busy == 0 {
                    self.primary = self.coming;
                }
                let all = format!("<ReplicationGroups>{}</ReplicationGroups>", self.xml());
                Some(done("elasticache", XMLNS, action, &all))
            }
            action @ "ModifyReplicationGroup" => {
                let wanted = asked.given("PrimaryClusterId");
                let nodes = [format!("{CACHE}-001"), format!("{CACHE}-002")];
                let Some(place) = nodes.iter().position(|node| node == wanted) else {
                    let (code, why) = ("CacheClusterNotFound", "no such node");
                    return Some(refused("elasticache", action, StatusCode::NOT_FOUND, code, why));
                };
                assert_eq!(asked.given("ApplyImmediately"), "true", "else it waits for a window");
                (self.coming, self.busy) = (place, LOOKS_UNTIL_SETTLED);
                Some(done("elasticache", XMLNS, action, &self.xml()))
            }
            _ => None,
        }
    }
}

/// Reserved capacity.
#[derive(Debug, Default)]
pub(super) struct Capacity {
    units: Option<u32>,
    busy: u32,
}

impl Service for Capacity {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        const XMLNS: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
        let action = asked.operation.as_str();
        if !["DescribeCapacityReservation", "ModifyCapacityReservation"].contains(&action) {
            return None;
        }
        if asked.given("LoadBalancerArn") != LOAD_BALANCER {
            let (code, why) = ("LoadBalancerNotFound", "no such load balancer");
            return Some(refused("elbv2", action, StatusCode::BAD_REQUEST, code, why));
        }
        if action == "ModifyCapacityReservation" {
            let units = asked.given("MinimumLoadBalancerCapacity.CapacityUnits").parse().ok();
            let resets = asked.given("ResetCapacityReservation") == "true";
            assert_ne!(units.is_some(), resets, "one of both: {asked:?}");
            (self.units, self.busy) = (units, LOOKS_UNTIL_SETTLED);
        } else {
            self.busy = self.busy.saturating_sub(1);
        }
        let state = if self.busy > 0 { "pending" } else { "provisioned" };
        let units = self.units.map_or_else(String::new, |units| {
            format!(
                "<MinimumLoadBalancerCapacity><CapacityUnits>{units}</CapacityUnits></MinimumLoadBalancerCapacity>"
            )
        });
        let zones = format!(
            "<CapacityReservationState><member><AvailabilityZone>us-east-1a</AvailabilityZone>\
             <State><Code>{state}</Code></State></member></CapacityReservationState>"
        );
        Some(done("elbv2", XMLNS, action, &format!("{units}{zones}")))
    }
}

/// A routing control cluster; the endpoint in region `dark` has no time.
#[derive(Debug)]
pub(super) struct Routing(BTreeMap<&'static str, String>);

impl Default for Routing {
    fn default() -> Self {
        Self(BTreeMap::from([(CONTROLS[0], "On".into()), (CONTROLS[1], "Off".into())]))
    }
}

impl Service for Routing {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        const MODEL: &str = "route53-recovery-cluster";
        let action = asked.operation.as_str();
        if !["GetRoutingControlState", "UpdateRoutingControlStates"].contains(&action) {
            return None;
        }
        if asked.region == "dark" {
            let body =
                json!({"__type": "EndpointTemporarilyUnavailableException", "message": "not now"});
            let reply = said(MODEL, action, &body);
            return Some(Reply { status: StatusCode::SERVICE_UNAVAILABLE, ..reply });
        }
        if action == "GetRoutingControlState" {
            let arn = asked.json["RoutingControlArn"].as_str().unwrap_or_default();
            let state = self.0.get(arn).expect("a control it knows");
            let body = json!({"RoutingControlArn": arn, "RoutingControlState": state});
            return Some(said(MODEL, action, &body));
        }
        for entry in asked.json["UpdateRoutingControlStateEntries"].as_array().expect("entries") {
            let of = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let arn = of("RoutingControlArn");
            let (known, state) =
                self.0.iter_mut().find(|(known, _)| **known == arn).expect("known");
            assert!(!known.is_empty());
            *state = of("RoutingControlState");
        }
        assert!(self.0.values().any(|state| state == "On"), "a safety rule: one stays on");
        Some(said(MODEL, action, &json!({})))
    }
}
