//! `s3.set_replication`: one rule of a bucket's replication is switched on or off; the rest of the document stays as it is.
//!
//! A rule that is switched on again does not copy what was written meanwhile: `s3.backfill` does.

use async_trait::async_trait;
use roxmltree::Document;
use serde_json::{Map, Value, json};

use super::{BUCKETS, Bucket, document, put_document};
use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::{Aws, Failure};
use crate::actions::params::{flag, text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::{Change, Remark};

/// Switches a rule.
#[derive(Debug, Default)]
pub(in crate::actions) struct SetReplication;

/// What S3 says where there is no such document.
pub(super) const ABSENT: &str = "ReplicationConfigurationNotFoundError";

/// A rule: its id, its status, and where in the document the status is.
#[derive(Debug)]
struct Rule {
    id: String,
    status: String,
    place: std::ops::Range<usize>,
}

fn rules(xml: &str) -> Vec<Rule> {
    let Ok(document) = Document::parse(xml) else { return vec![] };
    let rule = |node: roxmltree::Node<'_, '_>| {
        let child = |name: &str| node.children().find(|one| one.tag_name().name() == name);
        let status = child("Status")?.children().find(roxmltree::Node::is_text)?;
        let id = child("ID").and_then(|id| id.text()).unwrap_or_default();
        let status_text = status.text().unwrap_or_default().to_owned();
        Some(Rule { id: id.to_owned(), status: status_text, place: status.range() })
    };
    document
        .descendants()
        .filter(|node| node.tag_name().name() == "Rule")
        .filter_map(rule)
        .collect()
}

/// Whether a rule of this document copies anything.
pub(super) fn copies(xml: &str) -> bool {
    rules(xml).iter().any(|rule| rule.status == "Enabled")
}

/// What the document says, without how it is written: S3 may give it back in another order. Each leaf with the rule it
/// belongs to, empty ones too.
fn canonical(xml: &str) -> Option<Vec<String>> {
    let document = Document::parse(xml).ok()?;
    let name = |node: &roxmltree::Node<'_, '_>| node.tag_name().name().to_owned();
    let leaf = |node: roxmltree::Node<'_, '_>| {
        if node.children().any(|child| child.is_element()) {
            return None;
        }
        let rule = node.ancestors().find(|one| name(one) == "Rule");
        let id = rule.and_then(|rule| rule.children().find(|child| name(child) == "ID"));
        let id = id.and_then(|id| id.text()).unwrap_or_default();
        let path: Vec<String> = node.ancestors().map(|one| name(&one)).collect();
        Some(format!("{id} {path:?} {}", node.text().unwrap_or_default().trim()))
    };
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let mut leaves: Vec<String> = elements.filter_map(leaf).collect();
    leaves.sort();
    Some(leaves)
}

#[async_trait]
impl Setting for SetReplication {
    const SERVICE: &'static str = "s3";
    const OPERATION: &'static str = "PutBucketReplication";
    const OF: &'static [&'static str] = &["bucket", "rule"];
    const FACT: &'static str = "document";

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let found = document(aws, Bucket::of(call)?, "replication", ABSENT).await?;
        let (wanted, all) = (text(call, "rule")?, rules(found.as_deref().unwrap_or_default()));
        let rule = all.iter().find(|rule| rule.id == wanted);
        let enabled = rule.map(|rule| rule.status == "Enabled");
        let line = rule.map_or_else(|| "-".to_owned(), |rule| format!("{wanted}: {}", rule.status));
        let facts = enabled.map(|is| ("enabled".to_owned(), json!(is))).into_iter();
        let facts = Map::from_iter(facts);
        Ok(Seen { now: json!(found), is_settled: Some(true), facts, line: Some(line) })
    }

    fn to(&self, call: &Call<'_>, seen: &Seen) -> Result<Value, LookError> {
        let (bucket, wanted) = (text(call, "bucket")?, text(call, "rule")?);
        let xml = seen.now.as_str().unwrap_or_default();
        let mut found = rules(xml).into_iter().filter(|rule| rule.id == wanted);
        let (Some(rule), None) = (found.next(), found.next()) else {
            return Err(unsafe_because(format!(
                "`{bucket}` has no single replication rule `{wanted}`"
            )));
        };
        let status = if flag(call, "enabled") { "Enabled" } else { "Disabled" };
        let mut edited = xml.to_owned();
        edited.replace_range(rule.place, status);
        Ok(json!(edited))
    }

    fn is_same(&self, one: &Value, other: &Value) -> bool {
        let of = |value: &Value| value.as_str().and_then(canonical);
        of(one) == of(other)
    }

    fn changes(&self, what: &str, from: &Value, to: &Value) -> Vec<Change> {
        let (from, to) = (from.as_str().unwrap_or_default(), to.as_str().unwrap_or_default());
        let pairs = rules(from).into_iter().zip(rules(to));
        let changed = pairs.filter(|(before, after)| before.status != after.status);
        let change = |(before, after): (Rule, Rule)| Change {
            what: format!("replication {what}"),
            now: before.status,
            after: after.status,
        };
        changed.map(change).collect()
    }

    fn remarks(&self, call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        if flag(call, "enabled") { vec![Remark::new("remark.s3.backlog", &[])] } else { vec![] }
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let (bucket, to) = (Bucket::in_request(request), request.parameters.to.as_str());
        Ok(put_document(aws, bucket, "replication", to).await?.evidence())
    }

    fn permissions(&self) -> Permissions {
        const ROLE: &[&str] = &["arn:aws:iam::ACCOUNT_ID:role/S3_REPLICATION_ROLE"];
        Permissions {
            look: &[Permission::Aws("s3:GetReplicationConfiguration", BUCKETS)],
            act: &[
                Permission::Aws("s3:PutReplicationConfiguration", BUCKETS),
                Permission::Aws("iam:PassRole", ROLE),
            ],
        }
    }
}
