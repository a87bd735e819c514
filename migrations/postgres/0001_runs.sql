-- Everything a run is: its state, its record, what has been handled, what is owed to the outside.
-- Times are milliseconds since 1970 in UTC; bodies are JSON text with a version beside them. Text, not jsonb: what is
-- read back is byte for byte what was written.

create table runs (
    id          text   primary key,
    seq         bigint not null,
    head        text   not null,
    -- environment/kind while the run is open: at most one of a kind is open in an environment
    open_slot   text,
    status      text   not null,
    started_at  bigint not null,
    updated_at  bigint not null,
    version     bigint not null,
    state       text   not null
);

-- Partial, so that closing a run does not lock the row against the foreign keys that point to it.
create unique index runs_by_open_slot on runs (open_slot) where open_slot is not null;

create table events (
    run_id   text   not null references runs (id),
    seq      bigint not null,
    version  bigint not null,
    body     text   not null,
    previous text   not null,
    hash     text   not null,
    primary key (run_id, seq)
);

create function refuse_to_change_events() returns trigger language plpgsql as $$
begin
    raise exception 'events are never changed or removed';
end
$$;

create trigger events_are_never_changed before update on events
for each statement execute function refuse_to_change_events();

create trigger events_are_never_removed before delete on events
for each statement execute function refuse_to_change_events();

create trigger events_are_never_emptied before truncate on events
for each statement execute function refuse_to_change_events();

create table inbox (
    key    text   primary key,
    run_id text   not null,
    at     bigint not null
);

create table outbox (
    run_id      text   not null references runs (id),
    key         text   not null,
    priority    bigint not null,
    due_at      bigint not null,
    -- raised when the same effect is wanted again while it is being performed
    version     bigint not null,
    tries       bigint not null,
    lease       text,
    lease_until bigint not null,
    note        text,
    body        text   not null,
    primary key (run_id, key)
);

create index outbox_by_due on outbox (due_at, priority);

create table messages (
    run_id  text not null references runs (id),
    key     text not null,
    channel text not null,
    ts      text not null,
    primary key (run_id, key)
);
