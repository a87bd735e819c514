//! The questions that stand ready, in the words of each system. A value that cannot be known is NULL, never a guess: a
//! replica that receives nothing has applied all it received, and that is no lag of zero.

use super::System;

/// What is asked, and what its answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether it takes writes.
    Writable,
    /// How far replicas are behind it, or it is behind.
    Replication,
    /// The age of the newest row of `dr_buddy_heartbeat (ts …)`, by the server's clock.
    Heartbeat,
    /// How far the other regions of an Aurora global database are behind.
    AuroraLag,
    /// The position in the write-ahead log, in bytes.
    WalLsn,
}

impl Question {
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("writable", Self::Writable),
        ("replication", Self::Replication),
        ("heartbeat", Self::Heartbeat),
        ("aurora_lag", Self::AuroraLag),
        ("wal_lsn", Self::WalLsn),
    ];

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, question)| question)
    }

    /// Of what its value is so many; nothing for yes and no.
    pub(super) fn unit(self) -> Option<&'static str> {
        match self {
            Self::Writable => None,
            Self::Replication | Self::Heartbeat | Self::AuroraLag => Some("s"),
            Self::WalLsn => Some("bytes"),
        }
    }

    /// Where the value comes from.
    pub(super) fn source(self, system: System) -> &'static str {
        match (self, system) {
            (Self::Writable, System::Mysql) => "@@read_only, @@innodb_read_only",
            (Self::Writable, System::Postgres | System::Redis) => "pg_is_in_recovery()",
            (Self::Replication, System::Mysql) => "show replica status",
            (Self::Replication, System::Postgres | System::Redis) => {
                "pg_stat_replication, pg_stat_wal_receiver"
            }
            (Self::Heartbeat, _) => "dr_buddy_heartbeat",
            (Self::AuroraLag, _) => "aurora_global_db_status",
            (Self::WalLsn, _) => "pg_current_wal_lsn()",
        }
    }

    /// The SELECT whose column `value` is the answer; none where the system has another way, or no such thing.
    pub(super) fn query(self, system: System) -> Option<&'static str> {
        match (self, system) {
            (Self::Writable, System::Mysql) => Some(
                "select cast(@@global.read_only as char) in ('0', 'OFF') and @@global.innodb_read_only = 0 as value",
            ),
            (Self::Writable, System::Postgres | System::Redis) => Some(
                "select not pg_is_in_recovery() and current_setting('default_transaction_read_only') = 'off' as value, \
                 case when pg_is_in_recovery() then 'replica' else 'primary' end as role",
            ),
            (Self::Heartbeat, System::Mysql) => Some(
                "select timestampdiff(microsecond, max(ts), utc_timestamp(6)) / 1000000 as value, max(ts) as newest \
                 from dr_buddy_heartbeat",
            ),
            (Self::Heartbeat, System::Postgres | System::Redis) => Some(
                "select extract(epoch from clock_timestamp() - max(ts))::float8 as value, max(ts) as newest \
                 from dr_buddy_heartbeat",
            ),
            // The row of the writer's own region says -1.
            (Self::AuroraLag, System::Mysql) => Some(
                "select max(rpo_lag_in_milliseconds) / 1000 as value, \
                 max(durability_lag_in_milliseconds) / 1000 as durability_lag_s \
                 from information_schema.aurora_global_db_status where rpo_lag_in_milliseconds >= 0",
            ),
            (Self::AuroraLag, System::Postgres | System::Redis) => Some(
                "select max(rpo_lag_in_msec)::float8 / 1000 as value, \
                 max(durability_lag_in_msec)::float8 / 1000 as durability_lag_s \
                 from aurora_global_db_status() where rpo_lag_in_msec >= 0",
            ),
            (Self::WalLsn, System::Postgres) => Some(WAL_LSN),
            (Self::Replication, System::Postgres) => Some(REPLICATION),
            (Self::Replication | Self::WalLsn, System::Mysql | System::Redis) => None,
        }
    }
}

const WAL_LSN: &str = "select (lsn - '0/0'::pg_lsn) as value, lsn::text as lsn, role from (select \
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end as lsn, \
    case when pg_is_in_recovery() then 'replica' else 'primary' end as role) here";

/// Of the primary the lag of its slowest replica, of a replica its own. Idle replicas have no `replay_lag`: they are at
/// zero if they have replayed all there is.
const REPLICATION: &str = "select role, streams, case \
    when streams = 0 then null \
    when role = 'replica' then case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0 \
        else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 end \
    else (select case when bool_or(replay_lsn is null) then null \
        when bool_and(replay_lsn >= pg_current_wal_lsn()) then 0 \
        when bool_or(replay_lag is null and replay_lsn < pg_current_wal_lsn()) then null \
        else extract(epoch from max(replay_lag))::float8 end \
        from pg_stat_replication where state = 'streaming') end as value \
    from (select role, case when role = 'replica' \
        then (select count(*) from pg_stat_wal_receiver where status = 'streaming') \
        else (select count(*) from pg_stat_replication where state = 'streaming') end as streams \
        from (select case when pg_is_in_recovery() then 'replica' else 'primary' end as role) one) here";
