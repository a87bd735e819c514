//! Faults between the product and the servers.

/// The calls of a failover that change something: step, call as the taps name it, and which tap.
pub(super) const CALLS: [(&str, &str, usize); 5] = [
    ("fence-primary", "PATCH", 1),
    ("promote-database", "FailoverGlobalCluster", 0),
    ("replace-database-url", "PutSecretValue", 0),
    ("restart-api", "PATCH", 2),
    ("pin-dns", "POST /2013-04-01/hostedzone", 0),
];
