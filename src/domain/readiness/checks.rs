//! The table of checks, in the order people read about them.

use super::{CheckSpec, Severity};

const fn block(name: &'static str) -> CheckSpec {
    CheckSpec { name, severity: Severity::Block }
}

/// Every check of an environment. That each step of each runbook would work is looked at besides.
pub const ALL: &[CheckSpec] = &[
    block("identity"),
    block("permissions"),
    block("excess_permissions"),
    block("cluster_permissions"),
];

/// The check of this name.
pub fn find(name: &str) -> Option<&'static CheckSpec> {
    ALL.iter().find(|spec| spec.name == name)
}
