//! `route53.set_ttl`: how long resolvers keep the answers of a name.
//!
//! It helps only when it is done at least one old TTL before the switch, and an alias has none of its own: those records
//! are refused, since AWS answers for them with the TTL of what they point to.

use std::sync::Arc;

use super::record::Record;
use super::{Pair, RecordEdit, Records};
use crate::actions::aws::Aws;
use crate::actions::aws::lever::Pulled;
use crate::actions::params::{unsafe_because, whole};
use crate::actions::{Call, LookError};
use crate::domain::run::preview::{Change, Remark};

/// Changes the TTL of every record of a name.
#[derive(Debug)]
pub(in crate::actions) struct SetTtl;

impl SetTtl {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Pulled<Self> {
        Pulled::new(aws, Self)
    }
}

impl RecordEdit for SetTtl {
    const FACTS: &'static [&'static str] = &["ttl", "change_status"];
    const BINDING: &'static [&'static str] = &["ttl"];

    fn pairs(&self, call: &Call<'_>, records: &Records) -> Result<Vec<Pair>, LookError> {
        let seconds = i64::from(whole(call, "seconds")?);
        if records.all.is_empty() {
            return Err(unsafe_because("there is no record of that name and type"));
        }
        let pair = |before: &Record| {
            before.refuse_what_we_cannot_copy()?;
            if before.alias_target.is_some() {
                return Err(unsafe_because(
                    "the record is an alias: AWS answers for it with the TTL of its target (60 s for a load balancer)",
                ));
            }
            let after = Record { ttl: Some(seconds), ..before.clone() };
            Ok(Pair { before: before.clone(), after })
        };
        records.all.iter().map(pair).collect()
    }

    fn change(&self, Pair { before, after }: &Pair) -> Change {
        let ttl = |record: &Record| format!("{} s", record.ttl.unwrap_or_default());
        let set = before.set_identifier.as_deref().unwrap_or("-");
        let what = format!("TTL {} {} ({set})", before.record_type, before.name);
        Change { what, now: ttl(before), after: ttl(after) }
    }

    fn line(&self, records: &Records) -> String {
        let ttls = records.all.iter().filter_map(|record| record.ttl);
        ttls.map(|ttl| format!("TTL {ttl} s")).collect::<Vec<_>>().join(", ")
    }

    fn remarks(&self, _records: &Records, pairs: &[Pair]) -> Vec<Remark> {
        let old = pairs.iter().filter_map(|pair| pair.before.ttl).max().unwrap_or_default();
        vec![Remark::new("remark.route53.old_ttl", &[("seconds", &old.to_string())])]
    }
}
