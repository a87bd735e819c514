//! `route53.pin`: the PRIMARY failover record of a name answers with another load balancer.
//!
//! One UPSERT of the record as it is, with another alias target: role, set identifier and health check stay, so the call
//! cannot make a second PRIMARY or remove the only one.

use std::sync::Arc;

use super::record::{Record, same_target};
use super::{Pair, RecordEdit, Records};
use crate::actions::aws::Aws;
use crate::actions::aws::lever::Pulled;
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError};
use crate::domain::run::preview::{Change, Remark};

/// Points the PRIMARY record elsewhere.
#[derive(Debug)]
pub(in crate::actions) struct Pin;

impl Pin {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Pulled<Self> {
        Pulled::new(aws, Self)
    }
}

impl RecordEdit for Pin {
    const FACTS: &'static [&'static str] =
        &["primary_target", "secondary_target", "primary_records", "change_status"];
    const BINDING: &'static [&'static str] = &["primary_target", "primary_records"];

    fn pairs(&self, call: &Call<'_>, records: &Records) -> Result<Vec<Pair>, LookError> {
        let before = records.only("PRIMARY")?.clone();
        let named = text(call, "set_identifier")?;
        if before.set_identifier.as_deref() != Some(named) {
            let detail = format!(
                "the PRIMARY record is `{}`, not `{named}`: writing that one would leave two or none",
                before.set_identifier.as_deref().unwrap_or("without identifier")
            );
            return Err(unsafe_because(detail));
        }
        let mut after = before.clone();
        let alias = after.alias_target.as_mut().ok_or_else(|| {
            unsafe_because("the PRIMARY record is not an alias: it has addresses of its own")
        })?;
        text(call, "target")?.clone_into(&mut alias.dns_name);
        text(call, "target_zone")?.clone_into(&mut alias.hosted_zone_id);
        Ok(vec![Pair { before, after }])
    }

    fn change(&self, Pair { before, after }: &Pair) -> Change {
        let Record { name, record_type: kind, set_identifier: set, .. } = before;
        let what = format!("{kind} {name} PRIMARY ({})", set.as_deref().unwrap_or("-"));
        Change { what, now: before.target().to_owned(), after: after.target().to_owned() }
    }

    fn remarks(&self, records: &Records, pairs: &[Pair]) -> Vec<Remark> {
        let mut remarks = vec![Remark::new("remark.route53.ttl", &[])];
        for Pair { before, after } in pairs {
            let target = [("target", after.target())];
            if same_target(after, before) {
                remarks.push(Remark::new("remark.route53.same_target", &target));
            }
            let secondary = records.with_role("SECONDARY").next();
            if secondary.is_some_and(|secondary| same_target(secondary, after)) {
                remarks.push(Remark::new("remark.route53.latched", &target));
            }
        }
        let other = |kind| Remark::new("remark.route53.other_type", &[("type", kind)]);
        remarks.extend(records.other_types.iter().map(|kind| other(kind)));
        remarks
    }
}
