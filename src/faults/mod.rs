//! What tests ask of the real binary and nobody else may: to die or to stop at a named place, another clock, less
//! patience.
//!
//! Without the feature `faults`, that is in every build but the tests', all of it is nothing. With it, the environment
//! says what to do:
//! - `DR_BUDDY_FAULTS_ONCE_IN`: a folder that the processes of a test share. Who dies or stops at a place leaves a file
//!   of its name there first, and nobody does so at that place again: so a run that is started anew goes on to the next.
//! - `DR_BUDDY_FAULTS_DIE_AFTER`: how many places are passed before the process dies (SIGKILL) at the next new one.
//! - `DR_BUDDY_FAULTS_STOP_AT`: the places, with `;`, at which the process stops (SIGSTOP) until it is continued.
//! - `DR_BUDDY_FAULTS_CLOCK`: `20@1790000000000`: twenty times as fast as time, and right at that time; the same for
//!   every process that is told so.
//! - `DR_BUDDY_FAULTS_PATIENCE`: `lease,call_by,call,look,never_after` in milliseconds.
//! - `DR_BUDDY_FAULTS_SNS`: `sns.eu-west-1.amazonaws.com=127.0.0.1:4443`: where that host of SNS is found.
//! - `DR_BUDDY_FAULTS_GROUP`: how long what was seen of a user group is taken for granted, in milliseconds.
//!
//! It only names and tells; the store that passes the places is `store::watched`, and the clock and the limits are made
//! by [`crate::app`]. So everything may stand on it, and it stands on nothing.

mod mistakes;
#[cfg(feature = "faults")]
mod places;
#[cfg(feature = "faults")]
mod writing;

#[cfg(feature = "faults")]
pub use mistakes::seed;
pub use mistakes::{Mistake, makes};
#[cfg(feature = "faults")]
pub use places::{group, patience, place, sns, speed, time};
#[cfg(feature = "faults")]
pub use writing::{answering, inside, message, writing};

#[cfg(not(feature = "faults"))]
pub use off::{answering, group, inside, message, patience, place, sns, speed, time};

#[cfg(not(feature = "faults"))]
mod off {
    use std::fmt::Display;
    use std::net::SocketAddr;
    use std::time::Duration;

    use crate::domain::run::MessageKey;
    use crate::domain::time::Timestamp;

    /// A place at which a process may die: before and after everything that lasts.
    #[inline]
    pub fn place(_name: impl Display) {}

    /// A place inside the transaction that was begun last: written, but not committed.
    #[inline]
    pub fn inside() {}

    /// A place between what was recorded and its acknowledgement.
    pub async fn answering<R>(response: R) -> R {
        response
    }

    /// Names a message.
    pub fn message(_key: &MessageKey) -> String {
        String::new()
    }

    /// Another time than the system's.
    pub fn time() -> Option<(u32, Timestamp)> {
        None
    }

    /// How fast that time goes.
    pub fn speed() -> u32 {
        1
    }

    /// Where a host of SNS is found instead.
    pub fn sns() -> Option<(String, SocketAddr)> {
        None
    }

    /// How long what was seen of a user group is taken for granted instead.
    pub fn group() -> Option<Duration> {
        None
    }

    /// Other limits of the engine.
    pub fn patience() -> Option<[Duration; 5]> {
        None
    }
}
