//! The places, and what the environment says about them.
#![expect(
    clippy::disallowed_methods,
    reason = "what tests ask for is no setting: `config` does not know of it"
)]

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Timestamp;

static PASSED: AtomicU64 = AtomicU64::new(0);
static AT_A_PLACE: Mutex<()> = Mutex::new(());

/// A place at which a process may die: before and after everything that lasts.
pub fn place(name: impl Display) {
    let Some(folder) = std::env::var_os("DR_BUDDY_FAULTS_ONCE_IN") else { return };
    let name = name.to_string();
    let passed = PASSED.fetch_add(1, Ordering::SeqCst);
    let dies = number("DR_BUDDY_FAULTS_DIE_AFTER").is_some_and(|after| passed >= after);
    let stops =
        std::env::var("DR_BUDDY_FAULTS_STOP_AT").is_ok_and(|at| at.split(';').any(|at| at == name));
    if !dies && !stops {
        return;
    }
    // Whoever comes to a place while another dies waits here: nothing is done on the way out.
    let _one_at_a_time = AT_A_PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    if is_first(Path::new(&folder), &name) {
        signal(if dies { "KILL" } else { "STOP" });
        if dies {
            wait_for_ever();
        }
        // The signal may take a moment to reach this thread, which must not go on meanwhile.
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

/// Leaves a file of the place's name, where there is none yet.
fn is_first(folder: &Path, name: &str) -> bool {
    let path = folder.join(name.replace('/', "|"));
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| write!(file, "{}", std::process::id())).is_ok()
}

/// To this process: nothing is run on the way out.
fn signal(name: &str) {
    let id = std::process::id().to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &id]).stdin(Stdio::null()).status();
    drop(sent);
}

/// Another time than the system's: how fast, and when right.
pub fn time() -> Option<(u32, Timestamp)> {
    let told = std::env::var("DR_BUDDY_FAULTS_CLOCK").ok()?;
    let (speed, right_at) = told.split_once('@')?;
    Some((speed.parse().ok()?, Timestamp(right_at.parse().ok()?)))
}

/// How fast that time goes.
pub fn speed() -> u32 {
    time().map_or(1, |(speed, _)| speed.max(1))
}

/// Other limits of the engine, in the order of `DR_BUDDY_FAULTS_PATIENCE`.
pub fn patience() -> Option<[Duration; 5]> {
    let text = std::env::var("DR_BUDDY_FAULTS_PATIENCE").ok()?;
    let ms = text.split(',').filter_map(|ms| ms.parse().ok().map(Duration::from_millis));
    ms.collect::<Vec<_>>().try_into().ok()
}

/// Where a host of SNS is found instead.
pub fn sns() -> Option<(String, SocketAddr)> {
    let told = std::env::var("DR_BUDDY_FAULTS_SNS").ok()?;
    let (host, address) = told.split_once('=')?;
    Some((host.to_owned(), address.parse().ok()?))
}

/// How long what was seen of a user group is taken for granted instead.
pub fn group() -> Option<Duration> {
    number("DR_BUDDY_FAULTS_GROUP").map(Duration::from_millis)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
