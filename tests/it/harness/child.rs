//! A server as a child process that never outlives the test.
//!
//! Two nets. Dropping the value kills the child and waits for it. And every child is started through
//! `setpriv --pdeathsig KILL`: the kernel ends it when the *thread* that started it ends, so all are started from one
//! thread that lives as long as the process. Servers kept in a `static`, which Rust never drops, end that way.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

/// A running child with its log.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts `program`, with everything it says going to `folder/NAME.log`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        folder: &Path,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).expect("the log can be created");
        let err = out.try_clone().expect("the log can be shared");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            // Its rounds would speak up in the middle of what a test is about.
            .env("DR_BUDDY_DOCTOR", "off")
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let process =
            spawn(command).unwrap_or_else(|error| panic!("could not start {name}: {error}"));
        Self { name: name.to_owned(), process, log }
    }

    /// Panics with the log if the child has ended.
    pub(crate) fn must_live(&mut self) {
        if let Ok(Some(status)) = self.process.try_wait() {
            panic!("{} ended with {status}:\n{}", self.name, self.tail());
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)))
    }

    /// Its exit code once it has ended; inside it nothing if a signal ended it.
    pub(crate) fn ended_with(&mut self) -> Option<Option<i32>> {
        self.process.try_wait().ok().flatten().map(|status| status.code())
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The last lines of the log.
    pub(crate) fn tail(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {} (last lines of {})\n{}", self.name, self.log.display(), self.tail());
        }
        // Already gone is as good as killed.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

type Job = (Command, Sender<std::io::Result<Process>>);

/// Starts `command` from the one thread that never ends.
fn spawn(command: Command) -> std::io::Result<Process> {
    static KEEPER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, answer) in jobs {
                drop(answer.send(command.spawn()));
            }
        });
        Mutex::new(sender)
    });
    let (answer, answered) = channel();
    keeper
        .lock()
        .expect("nobody panics while holding it")
        .send((command, answer))
        .expect("the keeper never ends");
    answered.recv().expect("the keeper answers")
}

/// A port on 127.0.0.1 that nobody listens on, never handed out twice by this process. It is below those that the
/// system gives to outgoing connections: one of these may take it before whoever it was meant for listens.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u32 = 20_000;
    static NEXT: Mutex<Option<u32>> = Mutex::new(None);
    let mut next = NEXT.lock().expect("nobody panics while holding it");
    // Another process of these tests begins somewhere else.
    let next = next.get_or_insert_with(|| std::process::id().wrapping_mul(977));
    loop {
        *next = next.wrapping_add(1);
        let port = FIRST + u16::try_from(*next % COUNT).expect("it is small");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[tokio::test]
async fn a_dropped_child_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let child = Child::start("sleep", folder.path(), Path::new("/bin/sleep"), ["600"], &[]);
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    assert!(proc.exists());
    drop(child);
    assert!(!proc.exists());
}

#[tokio::test]
async fn a_child_survives_the_thread_that_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let asked = move || Child::start("sleep", &path, Path::new("/bin/sleep"), ["600"], &[]);
    let mut child = thread::spawn(asked).join().unwrap();
    let program = format!("/proc/{}/comm", child.id());
    super::eventually("setpriv has become sleep", 5, || async {
        fs::read_to_string(&program).ok().filter(|name| name.trim() == "sleep")
    })
    .await;
    child.must_live();
}
