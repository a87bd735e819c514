//! ElastiCache Global Datastores.

use axum::http::StatusCode;

use super::{Asked, LOOKS_UNTIL_SETTLED, Reply, Service};

/// The Global Datastore it holds.
pub(crate) const DATASTORE: &str = "ldgnf-shop";
/// Its members: group and region; the first is the primary in the beginning.
pub(crate) const GROUPS: [(&str, &str); 2] =
    [("shop-redis-eu", "eu-west-1"), ("shop-redis-us", "us-east-1")];

#[derive(Debug)]
pub(super) struct Datastore {
    members: Vec<(&'static str, &'static str)>,
    primary: &'static str,
    /// Who is the primary once it is settled.
    coming: &'static str,
    busy: u32,
}

impl Default for Datastore {
    fn default() -> Self {
        Self { members: GROUPS.to_vec(), primary: GROUPS[0].0, coming: GROUPS[0].0, busy: 0 }
    }
}

fn done(operation: &str, result: &str) -> Reply {
    super::done(
        "elasticache",
        "http://elasticache.amazonaws.com/doc/2015-02-02/",
        operation,
        result,
    )
}

impl Service for Datastore {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        let (action, given) = (asked.operation.as_str(), |name: &str| asked.given(name));
        let refused = |status: StatusCode, code: &str, message: &str| {
            super::refused("elasticache", action, status, code, message)
        };
        let known = given("GlobalReplicationGroupId") == DATASTORE;
        match action {
            "DescribeGlobalReplicationGroups"
            | "FailoverGlobalReplicationGroup"
            | "DisassociateGlobalReplicationGroup"
                if !known =>
            {
                Some(refused(
                    StatusCode::NOT_FOUND,
                    "GlobalReplicationGroupNotFoundFault",
                    "no such Global Datastore",
                ))
            }
            "DescribeGlobalReplicationGroups" => {
                self.busy = self.busy.saturating_sub(1);
                if self.busy == 0 {
                    self.primary = self.coming;
                }
                let all =
                    format!("<GlobalReplicationGroups>{}</GlobalReplicationGroups>", self.xml());
                Some(done(action, &all))
            }
            "FailoverGlobalReplicationGroup" | "DisassociateGlobalReplicationGroup"
                if self.busy > 0 =>
            {
                Some(refused(
                    StatusCode::BAD_REQUEST,
                    "InvalidGlobalReplicationGroupState",
                    "the Global Datastore is being modified",
                ))
            }
            "FailoverGlobalReplicationGroup" => {
                let wanted = (given("PrimaryReplicationGroupId"), given("PrimaryRegion"));
                if wanted.1 != asked.region {
                    let why = "called in another region than the new primary's";
                    return Some(refused(StatusCode::BAD_REQUEST, "InvalidParameterValue", why));
                }
                let Some(member) = self.members.iter().find(|member| **member == wanted) else {
                    let why = "the new primary is not a member in that region";
                    return Some(refused(StatusCode::BAD_REQUEST, "InvalidParameterValue", why));
                };
                (self.coming, self.busy) = (member.0, LOOKS_UNTIL_SETTLED);
                Some(done(action, &self.xml()))
            }
            "DisassociateGlobalReplicationGroup" => {
                let wanted = (given("ReplicationGroupId"), given("ReplicationGroupRegion"));
                if self.primary == wanted.0 || !self.members.contains(&wanted) {
                    let why = "only a secondary member can leave";
                    return Some(refused(StatusCode::BAD_REQUEST, "InvalidParameterValue", why));
                }
                self.members.retain(|member| *member != wanted);
                self.busy = LOOKS_UNTIL_SETTLED;
                Some(done(action, &self.xml()))
            }
            _ => None,
        }
    }
}

impl Datastore {
    fn xml(&self) -> String {
        let status = match (self.busy, self.members.len()) {
            (1.., _) => "modifying",
            (0, 1) => "primary-only",
            (0, _) => "available",
        };
        let member = |(group, region): &(&str, &str)| {
            let role = if *group == self.primary { "PRIMARY" } else { "SECONDARY" };
            format!(
                "<GlobalReplicationGroupMember><ReplicationGroupId>{group}</ReplicationGroupId>\
                 <ReplicationGroupRegion>{region}</ReplicationGroupRegion><Role>{role}</Role>\
                 <AutomaticFailover>enabled</AutomaticFailover><Status>associated</Status>\
                 </GlobalReplicationGroupMember>"
            )
        };
        let members: String = self.members.iter().map(member).collect();
        format!(
            "<GlobalReplicationGroup><GlobalReplicationGroupId>{DATASTORE}</GlobalReplicationGroupId>\
             <Status>{status}</Status><Engine>redis</Engine><Members>{members}</Members>\
             </GlobalReplicationGroup>"
        )
    }
}
