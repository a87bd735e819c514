//! Backups that were tried.

use super::Place;
use super::tools::{Looks, Must, Row, Tools, each, instant, or_absent};
use crate::actions::Permission;
use crate::actions::aws::ANYTHING;
use crate::domain::time::Span;

const EIGHT_DAYS: Span = Span::minutes(8 * 24 * 60);

pub(super) const ALL: &[Row] = &[Row {
    name: "restore_tests",
    look: |tools, place| Box::pin(restores(tools, place)),
    needs: &[Permission::Aws("backup:ListRestoreJobs", ANYTHING)],
}];

/// D32: a backup was restored last week.
async fn restores(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(region) = place.text("/readiness/restored_in") else { return Ok(vec![]) };
    let after = place.now.minus(EIGHT_DAYS).rfc3339();
    let query = [("status", "COMPLETED"), ("createdAfter", after.as_str())];
    let found = tools.get("backup", region, "/restore-jobs", &query).await?;
    let all = each(&found, "/RestoreJobs").into_iter();
    let newest = all.filter_map(|one| instant(one, "/CompletionDate")).max();
    let age = newest.map(|at| place.now.since(at));
    let holds = age.is_some_and(|age| age <= EIGHT_DAYS);
    let age = age.map(|age| format!("-{}", age.spoken()));
    Ok(vec![Must::of("").hold("CompletionDate", or_absent(age), "≥ -192\u{a0}h", holds).look()])
}
