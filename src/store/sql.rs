//! The SQL that both databases understand, word for word. What only one of them understands is beside its method.

pub(super) const DUPLICATE: &str = "select run_id from inbox where key = $1";
pub(super) const NEW_KEY: &str =
    "insert into inbox (key, run_id, at) values ($1, $2, $3) on conflict (key) do nothing";
pub(super) const SLOT: &str = "select id from runs where open_slot = $1 and id <> $2";
pub(super) const NEW_RUN: &str = "insert into runs (id, seq, head, open_slot, status, started_at, \
     updated_at, version, state) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     on conflict do nothing";
pub(super) const CHANGE_RUN: &str = "update runs set seq = $2, head = $3, open_slot = $4, \
     status = $5, started_at = $6, updated_at = $7, version = $8, state = $9 \
     where id = $1 and seq = $10 \
     and not exists (select 1 from runs as other where other.open_slot = $4 and other.id <> $1)";
pub(super) const SETTLE: &str =
    "delete from outbox where run_id = $1 and key = $2 and lease = $3 and version = $4";
pub(super) const RELEASE: &str = "update outbox set lease = null, lease_until = 0 \
     where run_id = $1 and key = $2 and lease = $3";
pub(super) const POSTPONE: &str = "update outbox set due_at = $4, note = $5, tries = tries + $6, \
     lease = null, lease_until = 0 where run_id = $1 and key = $2 and lease = $3";
pub(super) const RUN: &str = "select id, head, version, state from runs where id = $1";
pub(super) const RUNS: &str =
    "select id, head, version, state from runs order by started_at desc, id desc limit $1";
pub(super) const OPEN_RUNS: &str = "select id, head, version, state from runs \
     where open_slot is not null order by started_at, id";
pub(super) const CLAIM_ONE: &str = "update outbox set lease = $2, lease_until = $3 \
     where run_id = $4 and key = $5 and lease_until <= $1 \
     returning priority, due_at, run_id, key, version, tries, note, body";
pub(super) const RECORD: &str = "select seq, body, previous, hash from events \
     where run_id = $1 and seq > $2 order by seq limit $3";
pub(super) const POSTED: &str = "select channel, ts from messages where run_id = $1 and key = $2";
pub(super) const REMEMBER: &str = "insert into messages (run_id, key, channel, ts) values ($1, $2, $3, $4) \
     on conflict (run_id, key) do update set channel = excluded.channel, ts = excluded.ts";
pub(super) const CHECK: &str = "insert into inbox (key, run_id, at) values ('check', '', 0) \
     on conflict (key) do update set at = inbox.at + 1";
