-- What a run never changes, its runbook and its environment, is written once under the hash of its text; the run's row
-- names it. A run written before is read from its record, and its row written anew with its next event.

create table frozen (
    hash text primary key,
    body text not null
);
