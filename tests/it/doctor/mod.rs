//! The doctor: what it looks at, and what it says of what it sees.

mod checks;
mod faults;
mod sites;
mod turns;
mod world;
