-- What the doctor found, the newest reports of each environment; `told`: 1 once the war room knows what had turned by
-- then. And when a round was begun last: of several replicas one makes it.

create table reports (
    environment text   not null,
    at          bigint not null,
    told        bigint not null,
    version     bigint not null,
    body        text   not null,
    primary key (environment, at)
);

create table rounds (
    environment text   not null,
    begun_at    bigint not null,
    primary key (environment)
);
