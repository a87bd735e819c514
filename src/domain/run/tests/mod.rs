//! Tests of the run's rules: the whole table of states and requests, the invariants under random requests, and the
//! stories of approvals, order, doubt, putting back, cards and measures.

mod approvals;
mod attach;
mod cards;
mod chat;
mod codes;
mod decisions;
mod declared;
mod details;
mod doubt;
mod forecast;
mod groups;
mod home;
mod loss;
mod order;
mod path;
mod plan;
mod post_mortem;
mod proven;
mod random;
mod said;
mod sample;
mod table;
mod team;
mod updates;
mod words;
mod wrong_acts;
