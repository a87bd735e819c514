//! Crashes: the real binary is killed, stopped, cut off and starved in the middle of a failover, on both databases, and
//! carried to the end by people who press what the cards offer. Afterwards the servers are asked what happened.
//!
//! Each test writes what it counted to `target/tests/counts`, and `tests/run` shows that.

mod demo;
mod everywhere;
mod full;
mod outside;
mod random;
mod replicas;
mod team;
mod verdict;
mod world;

use std::fs;
use std::path::PathBuf;

/// `target/tests/counts`.
fn counts() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.parent().expect("it is below `target`").join("tests/counts")
}

/// Says what a test has counted, here and at the end of `tests/run`.
fn count(name: &str, what: &str) {
    println!("{what}");
    fs::create_dir_all(counts()).expect("a folder");
    fs::write(counts().join(format!("{name}.txt")), format!("{what}\n"))
        .expect("it can be written");
}

/// A small generator of numbers, so that a run can be repeated from its seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Below `limit`.
    pub(crate) fn roll(&mut self, limit: u64) -> u64 {
        // Knuth's MMIX; the low bits are weak.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
