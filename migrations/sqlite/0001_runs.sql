-- Everything a run is: its state, its record, what has been handled, what is owed to the outside.
-- Times are milliseconds since 1970 in UTC; bodies are JSON text with a version beside them.

create table runs (
    id          text primary key,
    seq         bigint not null check (typeof(seq) = 'integer'),
    head        text   not null,
    -- environment/kind while the run is open: at most one of a kind is open in an environment
    open_slot   text   unique,
    status      text   not null,
    started_at  bigint not null check (typeof(started_at) = 'integer'),
    updated_at  bigint not null check (typeof(updated_at) = 'integer'),
    version     bigint not null check (typeof(version) = 'integer'),
    state       text   not null
);

create table events (
    run_id   text   not null references runs (id),
    seq      bigint not null check (typeof(seq) = 'integer'),
    version  bigint not null check (typeof(version) = 'integer'),
    body     text   not null,
    previous text   not null,
    hash     text   not null,
    primary key (run_id, seq)
);

create trigger events_are_never_changed before update on events
begin select raise(abort, 'events are never changed'); end;

create trigger events_are_never_removed before delete on events
begin select raise(abort, 'events are never removed'); end;

create table inbox (
    key    text   primary key,
    run_id text   not null,
    at     bigint not null check (typeof(at) = 'integer')
);

create table outbox (
    run_id      text   not null references runs (id),
    key         text   not null,
    priority    bigint not null check (typeof(priority) = 'integer'),
    due_at      bigint not null check (typeof(due_at) = 'integer'),
    -- raised when the same effect is wanted again while it is being performed
    version     bigint not null check (typeof(version) = 'integer'),
    tries       bigint not null check (typeof(tries) = 'integer'),
    lease       text,
    lease_until bigint not null check (typeof(lease_until) = 'integer'),
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
