//! The SQL that both databases understand, word for word. What only one of them understands is beside its method.

pub(super) const DUPLICATE: &str = "select run_id from inbox where key = $1";
/// Work that was wanted again while it was performed stays due when it was wanted; what talks with the chat waits as it
/// was told to.
pub(super) const POSTPONE: &str = "update outbox set \
     due_at = case when version = $7 or priority >= $8 or due_at > $4 then $4 else due_at end, \
     note = $5, tries = tries + $6, lease = null, lease_until = 0 \
     where run_id = $1 and key = $2 and lease = $3";
pub(super) const RUN: &str = "select id, head, version, state from runs where id = $1";
pub(super) const RUNS: &str =
    "select id, head, version, state from runs order by started_at desc, id desc limit $1";
pub(super) const OPEN_RUNS: &str = "select id, head, version, state from runs \
     where open_slot is not null order by started_at, id";
pub(super) const CLAIM_ONE: &str = "update outbox set lease = $2, lease_until = $3 \
     where run_id = $4 and key = $5 and lease_until <= $1 \
     returning priority, due_at, run_id, key, version, tries, note, body";
pub(super) const RECORD: &str = "select seq, version, body, previous, hash from events \
     where run_id = $1 and seq > $2 order by seq limit $3";
pub(super) const POSTED: &str =
    "select channel, ts, fate from messages where run_id = $1 and key = $2";
pub(super) const REMEMBER: &str = "insert into messages (run_id, key, channel, ts, fate) \
     values ($1, $2, $3, $4, $5) on conflict (run_id, key) do update \
     set channel = excluded.channel, ts = excluded.ts, fate = excluded.fate";
pub(super) const CHECK: &str = "insert into inbox (key, run_id, at) values ('check', '', 0) \
     on conflict (key) do update set at = inbox.at + 1";
pub(super) const LANGUAGE: &str = "select language from people where person = $1";
pub(super) const CHOOSE_LANGUAGE: &str = "insert into people (person, language) values ($1, $2) \
     on conflict (person) do update set language = excluded.language";
/// What is frozen.
pub(super) const FROZEN: &str = "select body from frozen where hash = $1";
