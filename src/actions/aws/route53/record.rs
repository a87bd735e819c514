//! A Route 53 record as data: written into the request whole, so that what was there can be put back exactly.

use aws_sdk_route53::types::{
    AliasTarget, ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover, RrType,
};
use serde::{Deserialize, Serialize};

use crate::actions::LookError;
use crate::actions::params::unsafe_because;

/// A record of a failover pair, with the words of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Record {
    pub(super) name: String,
    #[serde(rename = "Type")]
    pub(super) record_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) set_identifier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failover: Option<String>,
    #[serde(rename = "TTL", default, skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_records: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alias_target: Option<Alias>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) health_check_id: Option<String>,
    /// Something that a failover record cannot have, and that we would lose by writing the record again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) also_has: Option<String>,
}

/// Where an alias points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alias {
    #[serde(rename = "HostedZoneId")]
    pub(super) hosted_zone_id: String,
    #[serde(rename = "DNSName")]
    pub(super) dns_name: String,
    #[serde(rename = "EvaluateTargetHealth")]
    pub(super) evaluate_target_health: bool,
}

impl Record {
    pub(super) fn of(record: &ResourceRecordSet) -> Self {
        let others = [
            ("Weight", record.weight.is_some()),
            ("Region", record.region.is_some()),
            ("GeoLocation", record.geo_location.is_some()),
            ("GeoProximityLocation", record.geo_proximity_location.is_some()),
            ("CidrRoutingConfig", record.cidr_routing_config.is_some()),
            ("MultiValueAnswer", record.multi_value_answer == Some(true)),
            ("TrafficPolicyInstanceId", record.traffic_policy_instance_id.is_some()),
        ];
        Self {
            name: record.name.clone(),
            record_type: record.r#type.as_str().to_owned(),
            set_identifier: record.set_identifier.clone(),
            failover: record.failover.as_ref().map(|role| role.as_str().to_owned()),
            ttl: record.ttl,
            resource_records: record
                .resource_records()
                .iter()
                .map(|one| one.value.clone())
                .collect(),
            alias_target: record.alias_target.as_ref().map(|alias| Alias {
                hosted_zone_id: alias.hosted_zone_id.clone(),
                dns_name: alias.dns_name.clone(),
                evaluate_target_health: alias.evaluate_target_health,
            }),
            health_check_id: record.health_check_id.clone(),
            also_has: others.iter().find(|(_, has)| *has).map(|(name, _)| (*name).to_owned()),
        }
    }

    pub(super) fn to_aws(&self) -> Result<ResourceRecordSet, LookError> {
        self.refuse_what_we_cannot_copy()?;
        let incomplete = |_| unsafe_because("the record to write is not complete");
        let mut record = ResourceRecordSet::builder()
            .name(&self.name)
            .r#type(RrType::from(self.record_type.as_str()))
            .set_set_identifier(self.set_identifier.clone())
            .set_failover(self.failover.as_deref().map(ResourceRecordSetFailover::from))
            .set_ttl(self.ttl)
            .set_health_check_id(self.health_check_id.clone());
        for value in &self.resource_records {
            let value = ResourceRecord::builder().value(value).build().map_err(incomplete)?;
            record = record.resource_records(value);
        }
        if let Some(alias) = &self.alias_target {
            let alias = AliasTarget::builder()
                .hosted_zone_id(&alias.hosted_zone_id)
                .dns_name(&alias.dns_name)
                .evaluate_target_health(alias.evaluate_target_health)
                .build()
                .map_err(incomplete)?;
            record = record.alias_target(alias);
        }
        record.build().map_err(incomplete)
    }

    pub(super) fn refuse_what_we_cannot_copy(&self) -> Result<(), LookError> {
        match &self.also_has {
            None => Ok(()),
            Some(other) => Err(unsafe_because(format!(
                "the record also has {other}: it is managed by something else, change it there"
            ))),
        }
    }

    /// What it answers with, for people.
    pub(super) fn target(&self) -> &str {
        match (&self.alias_target, self.resource_records.first()) {
            (Some(alias), _) => &alias.dns_name,
            (None, Some(first)) => first,
            (None, None) => "nothing",
        }
    }

    /// The same record set: the key an UPSERT goes by, and its role.
    pub(super) fn is_same_set(&self, other: &Self) -> bool {
        same_name(&self.name, &other.name)
            && self.record_type == other.record_type
            && self.set_identifier == other.set_identifier
            && self.failover == other.failover
    }

    /// The same in everything that Route 53 tells apart.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        let health = |record: &Self| record.alias_target.as_ref().map(|a| a.evaluate_target_health);
        self.is_same_set(other)
            && self.ttl == other.ttl
            && self.resource_records == other.resource_records
            && self.health_check_id == other.health_check_id
            && health(self) == health(other)
            && same_target(self, other)
    }
}

/// Whether both answer with the same thing.
pub(super) fn same_target(one: &Record, other: &Record) -> bool {
    match (&one.alias_target, &other.alias_target) {
        (Some(one), Some(other)) => {
            one.hosted_zone_id == other.hosted_zone_id
                && bare(&one.dns_name) == bare(&other.dns_name)
        }
        (None, None) => one.resource_records == other.resource_records,
        _ => false,
    }
}

/// DNS names, compared as DNS does: without case, with or without the final dot, `\052` is `*`.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// The console writes `dualstack.` before a load balancer's name; both names are the same load balancer.
fn bare(name: &str) -> String {
    let name = normal(name);
    name.strip_prefix("dualstack.").map(ToOwned::to_owned).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn alias(set: &str, role: &str, target: &str) -> Record {
        Record {
            name: "api.luneo.app.".into(),
            record_type: "A".into(),
            set_identifier: Some(set.into()),
            failover: Some(role.into()),
            ttl: None,
            resource_records: vec![],
            alias_target: Some(Alias {
                hosted_zone_id: "Z1".into(),
                dns_name: target.into(),
                evaluate_target_health: true,
            }),
            health_check_id: Some("hc".into()),
            also_has: None,
        }
    }

    #[test]
    fn names_are_compared_as_dns_does() {
        assert!(same_name("API.luneo.app.", "api.luneo.app"));
        assert!(same_name("\\052.luneo.app.", "*.luneo.app"));
        assert!(!same_name("dualstack.luneo.app", "luneo.app"), "a record's name is its name");
        let one = alias("a", "PRIMARY", "dualstack.ALB-1.elb.amazonaws.com.");
        let other = alias("a", "PRIMARY", "alb-1.elb.amazonaws.com");
        assert!(one.is_equal(&other));
        assert!(!one.is_equal(&Record { health_check_id: None, ..other }));
    }

    #[test]
    fn a_record_goes_to_aws_and_back_unchanged() {
        let record = alias("a", "PRIMARY", "x.example.");
        assert_eq!(Record::of(&record.to_aws().unwrap()), record);
        let managed = Record { also_has: Some("TrafficPolicyInstanceId".into()), ..record };
        assert!(managed.to_aws().is_err());
    }
}
