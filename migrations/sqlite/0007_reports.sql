-- What the doctor found, the newest reports of each environment; `told`: 1 once the war room knows what had turned by
-- then. And when a round was begun last: of several replicas one makes it.

create table reports (
    environment text   not null,
    at          bigint not null check (typeof(at) = 'integer'),
    told        bigint not null check (typeof(told) = 'integer'),
    version     bigint not null check (typeof(version) = 'integer'),
    body        text   not null,
    primary key (environment, at)
);

create table rounds (
    environment text   not null,
    begun_at    bigint not null check (typeof(begun_at) = 'integer'),
    primary key (environment)
);
