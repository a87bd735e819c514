//! A PostgreSQL server: Debian's, in a folder of its own, with the fsyncs of a real one. All tests share one, each with
//! a database of its own; a test that kills, restarts or freezes it starts one for itself.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};

use super::child::{Child, free_port};
use super::{eventually, tools};

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
    is_shared: bool,
}

/// The server all tests share, started by the first who asks.
pub(crate) async fn postgres() -> &'static Postgres {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    SERVER.get_or_init(|| Postgres::start("shared", true)).await
}

impl Postgres {
    /// A server of the caller's own; gone when dropped.
    pub(crate) async fn own(name: &str) -> Self {
        Self::start(name, false).await
    }

    async fn start(name: &str, is_shared: bool) -> Self {
        let arguments = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
        Self::made_by("initdb", &arguments, name, is_shared).await
    }

    /// A standby of this one, which streams from it.
    pub(crate) async fn standby(&self, name: &str) -> Self {
        let from = self.url("postgres");
        let arguments = ["--checkpoint=fast", "--write-recovery-conf", "-d", &from, "-D"];
        Self::made_by("pg_basebackup", &arguments, name, false).await
    }

    async fn made_by(command: &str, arguments: &[&str], name: &str, is_shared: bool) -> Self {
        let folder = sweep_and_make(name);
        let (program, mut all) = as_postgres(&tools::postgres(command));
        all.extend(arguments.iter().map(OsString::from));
        all.push(folder.join("data").into());
        let made = Command::new(program).args(all).output().expect("it can be started");
        assert!(made.status.success(), "{command}: {}", String::from_utf8_lossy(&made.stderr));
        let server = Self { folder, port: free_port(), child: Mutex::default(), is_shared };
        server.begin().await;
        server
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres:not-a-secret@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a new, empty database.
    pub(crate) async fn database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut db = PgConnection::connect(&self.url("postgres")).await.expect("it is there");
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}")))
            .execute(&mut db)
            .await
            .expect("a database can be made");
        self.url(&name)
    }

    /// Starts the server, and waits until it answers. After a kill its orphans have to go first.
    pub(crate) async fn begin(&self) {
        let mut child = self.child.lock().await;
        eventually("PostgreSQL answers", 60, || {
            if child.as_mut().is_none_or(Child::has_ended) {
                drop(child.take());
                *child = Some(self.spawn());
            }
            let url = self.url("postgres");
            async move { PgConnection::connect(&url).await.ok() }
        })
        .await;
    }

    fn spawn(&self) -> Child {
        let (program, mut arguments) = as_postgres(&tools::postgres("postgres"));
        arguments.push("-D".into());
        arguments.push(self.folder.join("data").into());
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
        ] {
            arguments.push("-c".into());
            arguments.push(setting.into());
        }
        Child::start("postgres", &self.folder, &program, arguments, &[])
    }

    /// Ends the server as a power cut of its process would: `kill -9`.
    pub(crate) async fn kill(&self) {
        drop(self.child.lock().await.take());
    }

    /// Ends the server as `pg_ctl restart` does: sessions are thrown out. And starts it again.
    pub(crate) async fn restart(&self) {
        {
            let child = self.child.lock().await;
            let id = child.as_ref().expect("it runs").id();
            signal("INT", &[id]);
            let proc = format!("/proc/{id}/stat");
            eventually("the server has ended", 30, || {
                let stat = fs::read_to_string(&proc).unwrap_or_default();
                let is_over = stat.is_empty() || stat.contains(") Z ");
                async move { is_over.then_some(()) }
            })
            .await;
        }
        self.kill().await;
        self.begin().await;
    }

    /// Stops all its processes where they are: connections stay open, nothing answers.
    pub(crate) async fn freeze(&self) {
        signal("STOP", &self.processes().await);
    }

    /// Lets them go on.
    pub(crate) async fn thaw(&self) {
        signal("CONT", &self.processes().await);
    }

    async fn processes(&self) -> Vec<u32> {
        let parent = self.child.lock().await.as_ref().expect("it runs").id();
        let mut all = vec![parent];
        for entry in fs::read_dir("/proc").expect("there is one").flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after_name = stat.rsplit(')').next().unwrap_or_default();
            if after_name.split_whitespace().nth(1) == Some(&parent.to_string()) {
                all.push(id);
            }
        }
        all
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !self.is_shared {
            drop(self.child.get_mut().take());
            // The server's orphans may still be writing there; the next run sweeps what is left.
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(ToString::to_string);
    // A backend that ended meanwhile needs no signal.
    drop(Command::new("kill").arg(format!("-{name}")).args(processes).output());
}

/// PostgreSQL refuses to run as root: then it is started as Debian's user for it.
fn as_postgres(program: &Path) -> (PathBuf, Vec<OsString>) {
    if !is_root() {
        return (program.to_owned(), vec![]);
    }
    let arguments =
        ["--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "KILL", "--"];
    let mut arguments: Vec<OsString> = arguments.map(OsString::from).into();
    arguments.push(program.into());
    (tools::debian("setpriv"), arguments)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("there is one").uid() == 0
}

/// `/tmp/dr-buddy-postgres-PID-NAME`, after removing those of runs that are over. Not in `target`, where another user
/// may have no way in.
fn sweep_and_make(name: &str) -> PathBuf {
    const PREFIX: &str = "dr-buddy-postgres-";
    let root = std::env::temp_dir();
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let found = found.to_str().and_then(|found| found.strip_prefix(PREFIX));
        let pid = found.and_then(|found| found.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another test binary may be sweeping too.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let folder = root.join(format!("{PREFIX}{}-{name}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    if is_root() {
        let users = fs::read_to_string("/etc/passwd").expect("there is one");
        let user = users.lines().find_map(|line| line.strip_prefix("postgres:"));
        let ids: Vec<u32> = user
            .expect("Debian's postgresql makes the user postgres")
            .split(':')
            .skip(1)
            .take(2)
            .map(|id| id.parse().expect("a number"))
            .collect();
        chown(&folder, Some(ids[0]), Some(ids[1])).expect("root may");
    }
    folder
}

#[tokio::test]
async fn the_server_keeps_what_it_was_given_through_a_kill_and_a_restart() {
    let server = Postgres::own("keeps").await;
    let url = server.database().await;
    let mut db = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("create table t (n int); insert into t values (7)")
        .execute(&mut db)
        .await
        .unwrap();
    server.kill().await;
    server.begin().await;
    server.restart().await;
    let mut db = PgConnection::connect(&url).await.unwrap();
    let n: i32 = sqlx::query_scalar("select n from t").fetch_one(&mut db).await.unwrap();
    assert_eq!(n, 7);
}
