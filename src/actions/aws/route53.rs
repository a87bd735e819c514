//! `route53.pin`: the PRIMARY failover record of a name answers with another load balancer.
//!
//! One UPSERT of the record as it is, with another alias target: role, set identifier and health check stay, so the call
//! cannot make a second PRIMARY or remove the only one. Emulators and AWS do not check everything, so we do: exactly one
//! PRIMARY before and after, and it is the one that is named. The request holds the whole record as it was and as it
//! will be; the way back is an UPSERT of the former.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_route53::operation::RequestId;
use aws_sdk_route53::types::{Change as Edit, ChangeAction, ChangeBatch, ResourceRecordSet};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::record::{Record, same_name, same_target};
use super::{Aws, Failure, Purpose, ROUTE53_REGION};
use crate::actions::params::{failed, json_of, optional_text, put, request, text, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;

/// Pages of records we read at most; a name has a handful of records.
const MOST_PAGES: usize = 20;

/// Points the PRIMARY record elsewhere.
#[derive(Debug)]
pub(in crate::actions) struct Pin {
    aws: Arc<Aws>,
}

/// Exactly what is sent: an UPSERT of `after`. `before` is the way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    service: String,
    operation: String,
    region: String,
    account: String,
    zone: String,
    comment: String,
    before: Record,
    after: Record,
}

impl Pin {
    pub(in crate::actions) fn new(aws: Arc<Aws>) -> Self {
        Self { aws }
    }

    /// Every record of `name`, of all types.
    async fn records(&self, zone: &str, name: &str) -> Result<Vec<ResourceRecordSet>, LookError> {
        let client = self.aws.route53(Purpose::Look).await;
        let mut found = Vec::new();
        let mut page = client
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .start_record_name(name)
            .max_items(100);
        for _ in 0..MOST_PAGES {
            let asked = Box::pin(page.send()).await;
            let answer = asked.map_err(|error| Failure::of(&error).look("route53".into()))?;
            let passed =
                answer.resource_record_sets.last().is_some_and(|last| !same_name(&last.name, name));
            found.extend(
                answer.resource_record_sets.into_iter().filter(|r| same_name(&r.name, name)),
            );
            // Records come in the order of names: past ours there are no more.
            if !answer.is_truncated || passed {
                return Ok(found);
            }
            page = client
                .list_resource_record_sets()
                .hosted_zone_id(zone)
                .set_start_record_name(answer.next_record_name)
                .set_start_record_type(answer.next_record_type)
                .set_start_record_identifier(answer.next_record_identifier)
                .max_items(100);
        }
        Err(unsafe_because(format!("`{name}` has more than {MOST_PAGES} pages of records")))
    }

    async fn look(&self, zone: &str, name: &str, kind: &str) -> Result<World, LookError> {
        let all = self.records(zone, name).await?;
        let of_kind =
            |record: &ResourceRecordSet| record.r#type.as_str().eq_ignore_ascii_case(kind);
        let others = all.iter().filter(|record| !of_kind(record)).map(|r| r.r#type.as_str());
        let mut other_types: Vec<String> =
            others.filter(|kind| matches!(*kind, "A" | "AAAA")).map(Into::into).collect();
        other_types.dedup();
        Ok(World {
            records: all.iter().filter(|r| of_kind(r)).map(Record::of).collect(),
            other_types,
        })
    }

    /// What was done to the record by the last call of this run that wrote exactly `after`.
    async fn change_status(&self, call: &Call<'_>, request: &Request) -> Option<String> {
        let wrote = |evidence: &&Value| {
            evidence.get("operation").and_then(Value::as_str) == Some(&request.operation)
                && evidence.get("zone").and_then(Value::as_str) == Some(&request.zone)
                && evidence.get("after") == Some(&json_of(&request.after))
        };
        let id = call.past.iter().rev().find(wrote)?.get("change_id")?.as_str()?;
        let client = self.aws.route53(Purpose::Look).await;
        let answer = Box::pin(client.get_change().id(id).send()).await.ok()?;
        Some(answer.change_info?.status.as_str().to_owned())
    }

    async fn ready(&self, call: &Call<'_>, request: &Request) -> Result<String, LookError> {
        if request.account != call.environment.account || request.region != ROUTE53_REGION {
            return Err(unsafe_because("the request is of another account or region"));
        }
        self.aws.caller_matches(call.environment, ROUTE53_REGION).await
    }
}

/// The records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
struct World {
    records: Vec<Record>,
    other_types: Vec<String>,
}

impl World {
    fn with_role(&self, role: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.failover.as_deref() == Some(role))
    }

    fn target(&self, role: &str) -> Option<String> {
        self.with_role(role)
            .find_map(|record| record.alias_target.as_ref())
            .map(|a| a.dns_name.clone())
    }

    /// The one PRIMARY, which must be the one named `set_identifier`.
    fn primary(&self, set_identifier: &str) -> Result<&Record, LookError> {
        let primaries: Vec<&Record> = self.with_role("PRIMARY").collect();
        let [primary] = primaries.as_slice() else {
            let detail = format!(
                "there are {} PRIMARY records where there must be exactly one: repair them by hand first",
                primaries.len()
            );
            return Err(unsafe_because(detail));
        };
        if primary.set_identifier.as_deref() != Some(set_identifier) {
            let detail = format!(
                "the PRIMARY record is `{}`, not `{set_identifier}`: writing that one would leave two or none",
                primary.set_identifier.as_deref().unwrap_or("without identifier")
            );
            return Err(unsafe_because(detail));
        }
        Ok(primary)
    }

    /// How many PRIMARY records there are once `record` is written.
    fn primaries_after(&self, record: &Record) -> usize {
        let kept = self.with_role("PRIMARY").filter(|r| r.set_identifier != record.set_identifier);
        kept.count().saturating_add(usize::from(record.failover.as_deref() == Some("PRIMARY")))
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "primary_target", self.target("PRIMARY"));
        put(&mut facts, "secondary_target", self.target("SECONDARY"));
        put(&mut facts, "primary_records", Some(self.with_role("PRIMARY").count()));
        facts
    }

    fn remarks(&self, after: &Record, before: &Record) -> Vec<Remark> {
        let target = after.target();
        let mut remarks = vec![Remark::new("remark.route53.ttl", &[])];
        if same_target(after, before) {
            remarks.push(Remark::new("remark.route53.same_target", &[("target", target)]));
        }
        let secondary = self.with_role("SECONDARY").next();
        if secondary.is_some_and(|secondary| same_target(secondary, after)) {
            remarks.push(Remark::new("remark.route53.latched", &[("target", target)]));
        }
        for kind in &self.other_types {
            remarks.push(Remark::new("remark.route53.other_type", &[("type", kind)]));
        }
        remarks
    }
}

/// What the step asks for, forward or back.
fn wanted(call: &Call<'_>, primary: &Record) -> Result<Record, LookError> {
    if call.direction == Direction::Undo {
        let saved = call
            .before
            .and_then(|before| request::<Request>(&before.request).ok())
            .ok_or_else(|| unsafe_because("it was not recorded what the record was before"))?;
        return Ok(saved.before);
    }
    let mut after = primary.clone();
    let alias = after.alias_target.as_mut().ok_or_else(|| {
        unsafe_because("the PRIMARY record is not an alias: it has addresses of its own")
    })?;
    text(call, "target")?.clone_into(&mut alias.dns_name);
    text(call, "target_zone")?.clone_into(&mut alias.hosted_zone_id);
    Ok(after)
}

#[async_trait]
impl Action for Pin {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let (zone, name) = (text(call, "zone")?, text(call, "name")?);
        let kind = optional_text(call, "record_type").unwrap_or("A");
        if !matches!(kind, "A" | "AAAA") {
            return Err(unsafe_because(format!("`record_type` is A or AAAA, not `{kind}`")));
        }
        let world = self.look(zone, name, kind).await?;
        let before = world.primary(text(call, "set_identifier")?)?.clone();
        before.refuse_what_we_cannot_copy()?;
        let after = wanted(call, &before)?;
        if !before.is_same_set(&after) || world.primaries_after(&after) != 1 {
            return Err(unsafe_because("this would not leave exactly one PRIMARY record"));
        }
        let caller = self.aws.caller_matches(call.environment, ROUTE53_REGION).await?;
        let mut binding = Map::new();
        put(&mut binding, "primary_target", world.target("PRIMARY"));
        put(&mut binding, "primary_records", Some(world.with_role("PRIMARY").count()));
        let change = Change {
            what: format!("{kind} {name} PRIMARY ({})", text(call, "set_identifier")?),
            now: before.target().to_owned(),
            after: after.target().to_owned(),
        };
        let remarks = world.remarks(&after, &before);
        let request = Request {
            service: "route53".into(),
            operation: "ChangeResourceRecordSets".into(),
            region: ROUTE53_REGION.into(),
            account: call.environment.account.clone(),
            zone: zone.to_owned(),
            comment: format!("dr-buddy {} {}", call.run, call.step),
            before,
            after,
        };
        Ok(Preview {
            request: json_of(&request),
            binding,
            facts: world.facts(),
            changes: vec![change],
            calls: vec![format!(
                "route53:ChangeResourceRecordSets (one UPSERT) in zone {zone}, account {}, as {caller}",
                call.environment.account
            )],
            remarks,
        })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let asked = request::<Request>(value).ok();
        let (zone, name, kind) = match &asked {
            Some(asked) => {
                (asked.zone.as_str(), asked.after.name.as_str(), asked.after.record_type.as_str())
            }
            None => match (text(call, "zone"), text(call, "name")) {
                (Ok(zone), Ok(name)) => {
                    (zone, name, optional_text(call, "record_type").unwrap_or("A"))
                }
                (Err(error), _) | (_, Err(error)) => return Probe::blind(&error),
            },
        };
        let world = match self.look(zone, name, kind).await {
            Ok(world) => world,
            Err(error) => return Probe::blind(&error),
        };
        let mut facts = world.facts();
        let mut happened = Happened::Unknown;
        if let Some(asked) = &asked {
            let status = self.change_status(call, asked).await;
            happened = has_happened(&world, asked, status.as_deref());
            put(&mut facts, "change_status", status);
        }
        let saw = |role| world.target(role).unwrap_or_else(|| told("told.nothing", &[]));
        let saw = told("told.dns", &[&saw("PRIMARY"), &saw("SECONDARY")]);
        Probe { happened, facts, saw }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let request: Request = match request(approved.request()) {
            Ok(request) => request,
            Err(error) => return failed(error),
        };
        let batch = match request.after.to_aws().and_then(|record| batch(record, &request.comment))
        {
            Ok(batch) => batch,
            Err(error) => return failed(error),
        };
        let caller = match self.ready(call, &request).await {
            Ok(caller) => caller,
            Err(error) => return failed(error),
        };
        let client = self.aws.route53(Purpose::Act).await;
        let write = client
            .change_resource_record_sets()
            .hosted_zone_id(&request.zone)
            .change_batch(batch)
            .send();
        match Box::pin(write).await {
            Ok(answer) => Outcome::Accepted {
                evidence: json!({
                    "service": request.service, "operation": request.operation, "zone": request.zone,
                    "after": request.after, "request_id": answer.request_id(), "caller": caller,
                    "change_id": answer.change_info().map(|change| &change.id),
                }),
            },
            Err(error) => Failure::of(&error).outcome("route53".into()),
        }
    }

    fn permissions(&self) -> Permissions {
        const ZONE: &[&str] = &["arn:aws:route53:::hostedzone/ZONE_ID"];
        Permissions {
            look: &[
                Permission::Aws("route53:GetChange", &["arn:aws:route53:::change/*"]),
                Permission::Aws("route53:ListResourceRecordSets", ZONE),
            ],
            act: &[Permission::Aws("route53:ChangeResourceRecordSets", ZONE)],
        }
    }
}

fn batch(record: ResourceRecordSet, comment: &str) -> Result<ChangeBatch, LookError> {
    let incomplete = |_| unsafe_because("the record to write is not complete");
    let upsert = Edit::builder().action(ChangeAction::Upsert).resource_record_set(record);
    let upsert = upsert.build().map_err(incomplete)?;
    ChangeBatch::builder().comment(comment).changes(upsert).build().map_err(incomplete)
}

fn has_happened(world: &World, asked: &Request, status: Option<&str>) -> Happened {
    let now = world.records.iter().find(|record| record.is_same_set(&asked.after));
    match now {
        Some(now) if now.is_equal(&asked.after) => match status {
            Some(status) if status != "INSYNC" => Happened::Running,
            _ => Happened::Done,
        },
        Some(now) if now.is_equal(&asked.before) => Happened::Never,
        _ => Happened::Unknown,
    }
}
