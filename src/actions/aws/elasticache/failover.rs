//! `elasticache.failover_global`: another region's group becomes the primary of a Global Datastore.
//!
//! Called in the region of the new primary. What the old one had not sent is lost: jobs of the last second are lost or run
//! twice. The way back is the same call the other way round, and what was written on the old side meanwhile is lost.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Datastore;
use crate::actions::aws::lever::{Lever, Pulled, Request, Wanted, saved};
use crate::actions::aws::{ANYTHING, Aws, Failure};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, Happened, LookError, Permission, Permissions};
use crate::domain::run::preview::{Change, Direction, Remark};
use crate::domain::text::told;

/// Makes another member the primary.
#[derive(Debug)]
pub(in crate::actions) struct FailoverGlobal;

/// A group and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    group: String,
    region: String,
}

/// What is sent: `to`; `from` is the way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Parameters {
    global_replication_group_id: String,
    from: Place,
    to: Place,
}

impl FailoverGlobal {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Pulled<Self> {
        Pulled::new(aws, Self)
    }
}

/// The member that shall be the primary: the runbook's, or for an undo the one that was.
fn wanted_place(call: &Call<'_>) -> Result<Place, LookError> {
    match call.direction {
        Direction::Do => Ok(Place {
            group: text(call, "target")?.to_owned(),
            region: text(call, "region")?.to_owned(),
        }),
        Direction::Undo => Ok(saved::<Parameters>(call)?.from),
    }
}

#[async_trait]
impl Lever for FailoverGlobal {
    type State = Datastore;
    type Parameters = Parameters;

    const SERVICE: &'static str = "elasticache";
    const OPERATION: &'static str = "FailoverGlobalReplicationGroup";

    fn region(&self, call: &Call<'_>) -> Result<String, LookError> {
        Ok(wanted_place(call)?.region)
    }

    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        _asked: Option<&Parameters>,
    ) -> Result<Datastore, LookError> {
        Datastore::look(aws, call, text(call, "global")?, &wanted_place(call)?.region).await
    }

    fn wanted(&self, call: &Call<'_>, state: &Datastore) -> Result<Wanted<Parameters>, LookError> {
        let (global, to) = (text(call, "global")?, wanted_place(call)?);
        let Some(target) = state.member(&to.group, &to.region) else {
            let detail = format!("`{}` in {} is not a member of `{global}`", to.group, to.region);
            return Err(unsafe_because(detail));
        };
        if target.is_primary() {
            return Err(unsafe_because(told("trouble.already_so", &[&to.group])));
        }
        state.must_be_settled(global)?;
        let joined = target.status.as_deref().unwrap_or("unknown");
        if !joined.eq_ignore_ascii_case("associated") {
            let detail =
                format!("`{}` is {joined}, not a whole member: it may lack data", to.group);
            return Err(unsafe_because(detail));
        }
        let from = state
            .primary()
            .map(|member| Place { group: member.group.clone(), region: member.region.clone() });
        let from = from.ok_or_else(|| unsafe_because("no member is the primary"))?;
        let place = |at: &Place| format!("{} ({})", at.group, at.region);
        let what = format!("primary {global}");
        let change = Change { what, now: place(&from), after: place(&to) };
        let binding = json!({"primary_group": from.group, "status": state.status});
        Ok(Wanted {
            on: format!("of {global} to {}", place(&to)),
            binding: binding.as_object().cloned().unwrap_or_default(),
            changes: vec![change],
            remarks: vec![
                Remark::new("remark.redis.tail", &[]),
                Remark::new("remark.redis.endpoints", &[("region", &to.region)]),
            ],
            parameters: Parameters { global_replication_group_id: global.to_owned(), from, to },
        })
    }

    fn facts(&self, state: &Datastore) -> Map<String, Value> {
        state.facts()
    }

    fn saw(&self, state: &Datastore) -> String {
        state.describe()
    }

    fn happened(&self, state: &Datastore, asked: &Parameters) -> Happened {
        let is = |place: &Place| {
            let primary = state.primary();
            primary.is_some_and(|one| one.group == place.group && one.region == place.region)
        };
        match state.is_settled() {
            Some(false) => Happened::Running,
            Some(true) if is(&asked.to) => Happened::Done,
            Some(true) if is(&asked.from) => Happened::Never,
            Some(true) | None => Happened::Unknown,
        }
    }

    async fn send(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Parameters>,
    ) -> Result<Value, Failure> {
        let Parameters { global_replication_group_id: id, to, .. } = &request.parameters;
        let with = [
            ("GlobalReplicationGroupId", id.as_str()),
            ("PrimaryRegion", &to.region),
            ("PrimaryReplicationGroupId", &to.group),
        ];
        super::act(aws, &request.region, Self::OPERATION, &with).await
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[Permission::Aws("elasticache:DescribeGlobalReplicationGroups", ANYTHING)],
            act: &[Permission::Aws("elasticache:FailoverGlobalReplicationGroup", super::ON)],
        }
    }
}
