//! The table of checks, in the order people read about them.

use super::{CheckSpec, Severity};

const fn block(name: &'static str) -> CheckSpec {
    CheckSpec { name, severity: Severity::Block }
}

const fn warn(name: &'static str) -> CheckSpec {
    CheckSpec { name, severity: Severity::Warn }
}

/// Every check of an environment. That each step of each runbook would work is looked at besides.
pub const ALL: &[CheckSpec] = &[
    block("identity"),
    block("permissions"),
    block("excess_permissions"),
    block("cluster_permissions"),
    block("aurora_members"),
    block("aurora_dr"),
    block("aurora_versions"),
    warn("aurora_size"),
    block("aurora_lag"),
    warn("aurora_lag_history"),
    block("aurora_backups"),
    block("database_dr"),
    block("heartbeat"),
    block("redis_members"),
    block("redis_lag"),
    warn("redis_policy"),
    warn("redis_snapshots"),
    block("s3_replication"),
    warn("s3_lag"),
    block("secrets_in_sync"),
    warn("secrets_rotation"),
    block("eks_cluster"),
    block("eks_nodes"),
    warn("eks_versions"),
    block("kube_dr"),
    warn("kube_primary"),
    block("kube_kinds"),
    block("workloads"),
    block("images"),
    block("images_stored"),
    block("external_secrets"),
    block("argocd"),
    block("alb"),
    block("alb_targets"),
    block("certificate"),
    block("tls"),
    block("deep_health"),
    block("dns_records"),
    block("dns_health_check"),
    warn("dns_ttl"),
    block("latch"),
    block("latch_readable"),
    block("keys"),
    block("quotas"),
    block("alarms"),
    block("alarm_listeners"),
    warn("restore_tests"),
    // Where a step cannot do without: block. Which, the check says itself.
    warn("connectors"),
    block("people"),
    warn("vouched"),
    warn("clock"),
];

/// The check of this name.
pub fn find(name: &str) -> Option<&'static CheckSpec> {
    ALL.iter().find(|spec| spec.name == name)
}
