-- What monitoring systems said, and what was offered because of it. `boards` holds what follows from the events of an
-- environment as they stand; `name` is the news an event is about: delivered again, it is not recorded again. An offer
-- is one message, `shown` the number of the event that it shows; whoever is at it holds its lease.

create table boards (
    environment text   not null,
    seq         bigint not null,
    version     bigint not null,
    body        text   not null,
    primary key (environment)
);

create table board_events (
    environment text   not null,
    seq         bigint not null,
    name        text,
    version     bigint not null,
    body        text   not null,
    primary key (environment, seq)
);

create unique index board_news on board_events (environment, name);

create table offer_messages (
    environment text   not null,
    offer       bigint not null,
    shown       bigint not null,
    channel     text   not null,
    ts          text   not null,
    fate        text   not null,
    lease       text,
    lease_until bigint not null,
    primary key (environment, offer)
);
