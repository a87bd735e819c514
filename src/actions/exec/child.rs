//! One program, run once: without a shell, in a directory of its own, with a time limit that ends all it started.
//!
//! It leads a process group, and the group is killed whatever happens: at its end, when its time is over, and when nobody
//! waits for it any more. Of what it says only the end is kept; the rest is read and thrown away, so that a program that
//! says too much is not held up by a full pipe.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, join, select};
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::redact::redact;

/// The only places where it finds other programs.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What is kept of each of its two outputs, in bytes.
pub(super) const KEPT: usize = 8 * 1024;
/// After its end, for what is still in the pipes.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How it ended, and what it said, without secrets.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None`: its time was over.
    pub(super) status: Option<ExitStatus>,
    pub(super) stdout: Said,
    pub(super) stderr: Said,
}

/// The end of what it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) text: String,
    /// All of it.
    pub(super) bytes: u64,
}

/// What a program is run with.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) path: &'a Path,
    pub(super) argv: &'a [String],
    pub(super) variables: &'a BTreeMap<String, SecretString>,
    pub(super) limit: Duration,
}

/// A process group that ends with this value.
struct Group(Pid);

impl Group {
    fn kill(&self) {
        // There is none any more: all the better.
        kill_process_group(self.0, Signal::KILL).ok();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Debug, Default)]
struct Kept {
    end: Vec<u8>,
    bytes: u64,
}

impl Kept {
    fn take(&mut self, new: &[u8]) {
        self.bytes += new.len() as u64;
        self.end.extend_from_slice(new);
        let over = self.end.len().saturating_sub(KEPT);
        self.end.drain(..over);
    }

    fn said<'a>(&self, given: impl IntoIterator<Item = &'a str>) -> Said {
        let text = String::from_utf8_lossy(&self.end);
        // What was cut may begin in the middle of a secret that nobody would know any more.
        let whole = if self.bytes > self.end.len() as u64 {
            text.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            &text
        };
        let printable = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        let text = redact(whole, given).chars().map(printable).collect();
        Said { text, bytes: self.bytes }
    }
}

/// Runs it.
///
/// # Errors
/// It was not started.
pub(super) async fn run(job: &Job<'_>) -> io::Result<Ended> {
    let folder = tempfile::Builder::new().prefix("dr-buddy-exec-").tempdir()?;
    let mut command = Command::new(job.path);
    command
        .args(job.argv)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", folder.path())
        .env("TMPDIR", folder.path())
        .envs(job.variables.iter().map(|(name, value)| (name, value.expose_secret())))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = Group(leader.ok_or_else(|| io::Error::other("it has no process id"))?);
    let (out, err) = (Mutex::<Kept>::default(), Mutex::<Kept>::default());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut reading = pin!(join(drain(stdout, &out), drain(stderr, &err)));
    let ended = timeout(job.limit, async {
        let wait = pin!(child.wait());
        match select(wait, &mut reading).await {
            Either::Left((status, _)) => (status, false),
            Either::Right((_, wait)) => (wait.await, true),
        }
    })
    .await;
    // Also what it left behind: it would go on unseen.
    group.kill();
    let (status, is_read) = match ended {
        Ok((status, is_read)) => (status.ok(), is_read),
        Err(_) => (None, false),
    };
    if !is_read {
        // Something that left the group may hold the pipes for ever.
        drop(timeout(LAST_WORDS, reading).await);
    }
    let given = || job.variables.values().map(ExposeSecret::expose_secret);
    let said =
        |kept: &Mutex<Kept>| kept.lock().unwrap_or_else(PoisonError::into_inner).said(given());
    Ok(Ended { status, stdout: said(&out), stderr: said(&err) })
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>, kept: &Mutex<Kept>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read) = pipe.read(&mut chunk).await {
        if read == 0 {
            return;
        }
        let new = chunk.get(..read).unwrap_or_default();
        kept.lock().unwrap_or_else(PoisonError::into_inner).take(new);
    }
}
