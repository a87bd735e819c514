//! Records of a hosted zone, changed by one batch that Route 53 applies whole or not at all.
//!
//! Emulators and AWS do not check everything, so we do: exactly one PRIMARY before and after. The request holds every record
//! it touches as it was and as it will be, byte for byte; the way back is the same batch the other way round.

mod pin;
mod record;
mod roles;
mod ttl;

use async_trait::async_trait;
use aws_sdk_route53::operation::RequestId;
use aws_sdk_route53::types::{Change as Edit, ChangeAction, ChangeBatch, ResourceRecordSet};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::record::{Record, same_name};
use super::lever::{Lever, Request, Wanted, saved};
use super::{Aws, Failure, Purpose, ROUTE53_REGION};
use crate::actions::params::{json_of, optional_text, put, text, unsafe_because};
use crate::actions::{Call, Happened, LookError, Permission, Permissions};
use crate::domain::run::preview::{Change, Direction, Remark};
use crate::domain::text::told;

pub(in crate::actions) use self::pin::Pin;
pub(in crate::actions) use self::roles::SwapRoles;
pub(in crate::actions) use self::ttl::SetTtl;

/// Pages of records we read at most; a name has a handful of records.
const MOST_PAGES: usize = 20;
const CHANGE: &str = "ChangeResourceRecordSets";

/// Which records an action writes, and how; reading, sending and the way back are the same for all.
pub(in crate::actions) trait RecordEdit:
    std::fmt::Debug + Send + Sync + 'static
{
    /// The facts it tells, of those in [`Records::facts`].
    const FACTS: &'static [&'static str];
    /// Those of them that void the approval when they change.
    const BINDING: &'static [&'static str];

    /// What its batches consist of.
    const EDITS: &'static [Permission] = &[Permission::Records(&["UPSERT"])];

    /// The records to write, each beside how it is now.
    fn pairs(&self, call: &Call<'_>, records: &Records) -> Result<Vec<Pair>, LookError>;

    /// What people see of a record that is written.
    fn change(&self, pair: &Pair) -> Change;

    /// What people should know first.
    fn remarks(&self, records: &Records, pairs: &[Pair]) -> Vec<Remark>;

    /// The records in one line.
    fn line(&self, records: &Records) -> String {
        let saw = |role| records.target(role).unwrap_or_else(|| told("told.nothing", &[]));
        told("told.dns", &[&saw("PRIMARY"), &saw("SECONDARY")])
    }
}

/// A record as it is and as it shall be.
#[derive(Debug, Clone)]
pub(in crate::actions) struct Pair {
    before: Record,
    after: Record,
}

/// What is sent: `after` in the place of `before`, one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Batch {
    zone: String,
    comment: String,
    before: Vec<Record>,
    after: Vec<Record>,
}

impl Batch {
    /// Whether every record keeps its role.
    fn keeps_roles(&self) -> bool {
        self.before.iter().zip(&self.after).all(|(one, other)| one.is_same_set(other))
    }

    /// `1 UPSERT`.
    fn edits(&self) -> String {
        let (old, new) = (self.before.len(), self.after.len());
        if self.keeps_roles() {
            format!("{new} UPSERT")
        } else {
            format!("{old} DELETE, {new} CREATE")
        }
    }
}

/// The records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Records {
    all: Vec<Record>,
    /// Types of address records of that name that are not looked at.
    other_types: Vec<String>,
    /// What became of our own change, where its id is known.
    change_status: Option<String>,
}

impl Records {
    fn with_role(&self, role: &str) -> impl Iterator<Item = &Record> {
        self.all.iter().filter(move |record| record.failover.as_deref() == Some(role))
    }

    fn set(&self, of: &Record) -> Option<&Record> {
        self.all.iter().find(|record| record.set_identifier == of.set_identifier)
    }

    fn target(&self, role: &str) -> Option<String> {
        self.with_role(role).next().map(|record| record.target().to_owned())
    }

    /// The one record of this role.
    fn only(&self, role: &str) -> Result<&Record, LookError> {
        let all: Vec<&Record> = self.with_role(role).collect();
        let [one] = all.as_slice() else {
            let detail = format!(
                "there are {} {role} records where there must be exactly one: repair them by hand first",
                all.len()
            );
            return Err(unsafe_because(detail));
        };
        one.refuse_what_we_cannot_copy()?;
        Ok(one)
    }

    /// How many PRIMARY records there are once `pairs` are written.
    fn primaries_after(&self, pairs: &[Pair]) -> usize {
        let kept =
            self.all.iter().filter(|record| pairs.iter().all(|pair| pair.before != **record));
        let written = pairs.iter().map(|pair| &pair.after);
        let primary = |record: &&Record| record.failover.as_deref() == Some("PRIMARY");
        kept.chain(written).filter(primary).count()
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "primary_target", self.target("PRIMARY"));
        put(&mut facts, "secondary_target", self.target("SECONDARY"));
        put(&mut facts, "primary_records", Some(self.with_role("PRIMARY").count()));
        let set = self.with_role("PRIMARY").next().and_then(|record| record.set_identifier.clone());
        put(&mut facts, "primary_set", set);
        put(&mut facts, "ttl", self.all.iter().filter_map(|record| record.ttl).max());
        put(&mut facts, "change_status", self.change_status.clone());
        facts
    }

    /// What is known of them, by these names.
    fn told(&self, names: &[&str]) -> Map<String, Value> {
        self.facts().into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect()
    }
}

#[async_trait]
impl<E: RecordEdit> Lever for E {
    type State = Records;
    type Parameters = Batch;

    const SERVICE: &'static str = "route53";
    const OPERATION: &'static str = CHANGE;

    fn region(&self, _call: &Call<'_>) -> Result<String, LookError> {
        Ok(ROUTE53_REGION.to_owned())
    }

    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        asked: Option<&Batch>,
    ) -> Result<Records, LookError> {
        let (zone, name) = (text(call, "zone")?, text(call, "name")?);
        let kind = optional_text(call, "record_type").unwrap_or("A");
        if !matches!(kind, "A" | "AAAA") {
            return Err(unsafe_because(format!("`record_type` is A or AAAA, not `{kind}`")));
        }
        let all = records(aws, zone, name).await?;
        let (ours, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|record| record.r#type.as_str().eq_ignore_ascii_case(kind));
        let others = others.iter().map(|record| record.r#type.as_str());
        let mut other_types: Vec<String> =
            others.filter(|kind| matches!(*kind, "A" | "AAAA")).map(Into::into).collect();
        other_types.dedup();
        let change_status = match asked {
            Some(asked) => change_status(aws, call, asked).await,
            None => None,
        };
        let all = ours.into_iter().map(Record::of).collect();
        Ok(Records { all, other_types, change_status })
    }

    fn wanted(&self, call: &Call<'_>, records: &Records) -> Result<Wanted<Batch>, LookError> {
        let pairs = match call.direction {
            Direction::Do => self.pairs(call, records)?,
            Direction::Undo => back(call, records)?,
        };
        let in_failover = pairs.iter().any(|pair| pair.after.failover.is_some());
        if in_failover && records.primaries_after(&pairs) != 1 {
            return Err(unsafe_because("this would not leave exactly one PRIMARY record"));
        }
        let changes = pairs.iter().map(|pair| self.change(pair)).collect();
        let remarks = self.remarks(records, &pairs);
        let (before, after) = pairs.into_iter().map(|pair| (pair.before, pair.after)).unzip();
        let comment = format!("dr-buddy {} {}", call.run, call.step);
        let parameters = Batch { zone: text(call, "zone")?.to_owned(), comment, before, after };
        let on = format!("({}) of zone {}", parameters.edits(), parameters.zone);
        let binding = records.told(E::BINDING);
        Ok(Wanted { on, parameters, binding, changes, remarks })
    }

    fn facts(&self, records: &Records) -> Map<String, Value> {
        records.told(E::FACTS)
    }

    fn saw(&self, records: &Records) -> String {
        self.line(records)
    }

    fn happened(&self, records: &Records, asked: &Batch) -> Happened {
        let are = |wanted: &[Record]| {
            wanted.iter().all(|one| records.set(one).is_some_and(|now| now.is_equal(one)))
        };
        match records.change_status.as_deref() {
            Some(status) if are(&asked.after) && status != "INSYNC" => Happened::Running,
            _ if are(&asked.after) => Happened::Done,
            _ if are(&asked.before) => Happened::Never,
            _ => Happened::Unknown,
        }
    }

    async fn send(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Batch>,
    ) -> Result<Value, Failure> {
        let asked = &request.parameters;
        let batch = batch(asked).map_err(|error| Failure::not_sent(&error))?;
        let client = aws.route53(Purpose::Act).await;
        let write = client
            .change_resource_record_sets()
            .hosted_zone_id(&asked.zone)
            .change_batch(batch)
            .send();
        let answer = write.boxed().await.map_err(|error| Failure::of(&error))?;
        Ok(json!({
            "zone": asked.zone, "after": asked.after, "request_id": answer.request_id(),
            "change_id": answer.change_info().map(|change| &change.id),
        }))
    }

    fn permissions(&self) -> Permissions {
        const ZONE: &[&str] = &["arn:aws:route53:::hostedzone/ZONE_ID"];
        Permissions {
            look: &[
                Permission::Aws("route53:GetChange", &["arn:aws:route53:::change/*"]),
                Permission::Aws("route53:ListResourceRecordSets", ZONE),
            ],
            act: E::EDITS,
        }
    }
}

/// Every record that was written, back to how it was.
fn back(call: &Call<'_>, records: &Records) -> Result<Vec<Pair>, LookError> {
    let Batch { before, after, .. } = saved::<Batch>(call)?;
    let pair = |(was, written): (Record, &Record)| match records.set(written) {
        Some(now) if now.is_equal(written) => Ok(Pair { before: now.clone(), after: was }),
        Some(_) | None => Err(unsafe_because(
            "a record is not as this step left it: putting it back would undo what was done since",
        )),
    };
    before.into_iter().zip(&after).map(pair).collect()
}

/// Every record of `name`, of all types.
async fn records(aws: &Aws, zone: &str, name: &str) -> Result<Vec<ResourceRecordSet>, LookError> {
    let client = aws.route53(Purpose::Look).await;
    let mut found = Vec::new();
    let mut page = client
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(name)
        .max_items(100);
    for _ in 0..MOST_PAGES {
        let asked = page.send().boxed().await;
        let answer = asked.map_err(|error| Failure::of(&error).look("route53".into()))?;
        let passed =
            answer.resource_record_sets.last().is_some_and(|last| !same_name(&last.name, name));
        found.extend(answer.resource_record_sets.into_iter().filter(|r| same_name(&r.name, name)));
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

/// What became of the last change of this run that wrote exactly this.
async fn change_status(aws: &Aws, call: &Call<'_>, asked: &Batch) -> Option<String> {
    let wrote = |evidence: &&Value| {
        evidence.get("operation").and_then(Value::as_str) == Some(CHANGE)
            && evidence.get("zone").and_then(Value::as_str) == Some(&asked.zone)
            && evidence.get("after") == Some(&json_of(&asked.after))
    };
    let id = call.past.iter().rev().find(wrote)?.get("change_id")?.as_str()?;
    let client = aws.route53(Purpose::Look).await;
    let answer = client.get_change().id(id).send().boxed().await.ok()?;
    Some(answer.change_info?.status.as_str().to_owned())
}

/// UPSERTs where a record keeps its role; else the old ones are deleted before the new ones are made, since two that
/// cross would make a second PRIMARY on the way.
fn batch(asked: &Batch) -> Result<ChangeBatch, LookError> {
    let edits = if asked.keeps_roles() {
        edits(ChangeAction::Upsert, &asked.after)?
    } else {
        let mut all = edits(ChangeAction::Delete, &asked.before)?;
        all.extend(edits(ChangeAction::Create, &asked.after)?);
        all
    };
    let batch = ChangeBatch::builder().comment(&asked.comment).set_changes(Some(edits)).build();
    batch.map_err(|_| unsafe_because("the batch to write is not complete"))
}

fn edits(action: ChangeAction, records: &[Record]) -> Result<Vec<Edit>, LookError> {
    let edit = |record: &Record| {
        let edit = Edit::builder().action(action.clone()).resource_record_set(record.to_aws()?);
        edit.build().map_err(|_| unsafe_because("the record to write is not complete"))
    };
    records.iter().map(edit).collect()
}
