-- Who has one-time codes. `sealed` is the secret, encrypted with a key that is not in this database; `used` the latest
-- 30 s period of which a code has counted, `used_by` the request it counted for; `wrong` counts tries since the last
-- that was right.

create table codes (
    environment  text   not null,
    person       text   not null,
    sealed       text   not null,
    enrolled_at  bigint not null check (typeof(enrolled_at) = 'integer'),
    used         bigint not null check (typeof(used) = 'integer'),
    used_by      text   not null,
    wrong        bigint not null check (typeof(wrong) = 'integer'),
    locked_until bigint not null check (typeof(locked_until) = 'integer'),
    primary key (environment, person)
);
