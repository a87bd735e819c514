//! `route53.swap_roles`: the SECONDARY record of a name becomes the PRIMARY one, and the other way round.
//!
//! DELETE and DELETE, CREATE and CREATE in one batch, each with every value of the record, health check included. A pin
//! is the better way in an incident: after a swap the SECONDARY record is the old region, and Route 53 answers with it by
//! itself as soon as the health check of the new PRIMARY turns red.

use std::sync::Arc;

use super::record::Record;
use super::{Pair, RecordEdit, Records};
use crate::actions::aws::Aws;
use crate::actions::aws::lever::Pulled;
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission};
use crate::domain::run::preview::{Change, Remark};

/// Exchanges the roles of a failover pair.
#[derive(Debug)]
pub(in crate::actions) struct SwapRoles;

impl SwapRoles {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Pulled<Self> {
        Pulled::new(aws, Self)
    }
}

impl RecordEdit for SwapRoles {
    const FACTS: &'static [&'static str] =
        &["primary_set", "primary_target", "secondary_target", "primary_records", "change_status"];
    const BINDING: &'static [&'static str] =
        &["primary_set", "primary_target", "secondary_target", "primary_records"];
    const EDITS: &'static [Permission] = &[Permission::Records(&["CREATE", "DELETE"])];

    fn pairs(&self, call: &Call<'_>, records: &Records) -> Result<Vec<Pair>, LookError> {
        let (primary, secondary) = (records.only("PRIMARY")?, records.only("SECONDARY")?);
        let wanted = text(call, "primary_set")?;
        if secondary.set_identifier.as_deref() != Some(wanted) {
            let detail = format!(
                "`{wanted}` is not the SECONDARY record ({}): nothing to swap it with",
                secondary.set_identifier.as_deref().unwrap_or("without identifier")
            );
            return Err(unsafe_because(detail));
        }
        let with = |record: &Record, role: &str| Pair {
            before: record.clone(),
            after: Record { failover: Some(role.to_owned()), ..record.clone() },
        };
        Ok(vec![with(primary, "SECONDARY"), with(secondary, "PRIMARY")])
    }

    fn change(&self, Pair { before, after }: &Pair) -> Change {
        let role = |record: &Record| record.failover.clone().unwrap_or_default();
        let set = before.set_identifier.as_deref().unwrap_or("-");
        let what = format!("{} {} {set} → {}", before.record_type, before.name, before.target());
        Change { what, now: role(before), after: role(after) }
    }

    fn remarks(&self, _records: &Records, _pairs: &[Pair]) -> Vec<Remark> {
        vec![Remark::new("remark.route53.swap", &[]), Remark::new("remark.route53.ttl", &[])]
    }
}
