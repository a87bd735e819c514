//! A MariaDB server: Debian's, in a folder of its own; a second one may replicate from it.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::child::{Child, free_port};
use super::{eventually, tools};

/// A running server; gone when dropped.
#[derive(Debug)]
pub(crate) struct MariaDb {
    port: u16,
    _child: Child,
    _folder: TempDir,
}

/// The server all tests share, started by the first who asks.
pub(crate) async fn mariadb() -> &'static MariaDb {
    static SERVER: OnceCell<MariaDb> = OnceCell::const_new();
    SERVER.get_or_init(MariaDb::own).await
}

impl MariaDb {
    /// A server of the caller's own. Its root has no password, other users have what they are given.
    pub(crate) async fn own() -> Self {
        static SERVERS: AtomicUsize = AtomicUsize::new(1);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a plain path").to_owned();
        let data = format!("--datadir={path}/data");
        let made = Command::new(tools::debian("mariadb-install-db"))
            .args([
                "--no-defaults",
                &data,
                "--user=root",
                "--auth-root-authentication-method=normal",
            ])
            .args([
                "--skip-test-db",
                "--innodb-log-file-size=8M",
                "--innodb-flush-log-at-trx-commit=0",
            ])
            .output()
            .expect("mariadb-install-db can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        let port = free_port();
        let arguments = [
            "--no-defaults".to_owned(),
            data,
            format!("--port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--socket={path}/socket"),
            format!("--tmpdir={path}/tmp"),
            format!("--pid-file={path}/pid"),
            "--user=root".to_owned(),
            "--log-bin=bin".to_owned(),
            format!("--server-id={}", SERVERS.fetch_add(1, Ordering::Relaxed)),
            "--innodb-buffer-pool-size=16M".to_owned(),
            "--innodb-log-file-size=8M".to_owned(),
            "--slave-net-timeout=2".to_owned(),
        ];
        let program = tools::debian("mariadbd");
        let child = Child::start("mariadbd", folder.path(), &program, arguments, &[]);
        let server = Self { port, _child: child, _folder: folder };
        let url = server.root("mysql");
        eventually("MariaDB answers", 60, || async { MySqlConnection::connect(&url).await.ok() })
            .await;
        server
    }

    /// The URL of a database as somebody.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    fn root(&self, database: &str) -> String {
        self.url("root", database)
    }

    /// Does this as root.
    pub(crate) async fn run(&self, database: &str, statements: &str) {
        let mut db = MySqlConnection::connect(&self.root(database)).await.expect("it is there");
        let statements = AssertSqlSafe(statements.to_owned());
        sqlx::raw_sql(statements).execute(&mut db).await.expect("root may");
    }

    /// A number, asked as root.
    pub(crate) async fn number(&self, database: &str, query: &str) -> i64 {
        let mut db = MySqlConnection::connect(&self.root(database)).await.expect("it is there");
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut db)
            .await
            .expect("a number")
    }

    /// A new, empty database, by name.
    pub(crate) async fn database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.run("mysql", &format!("create database {name}")).await;
        name
    }

    /// Lets this one replicate from `source`.
    pub(crate) async fn follow(&self, source: &Self) {
        source
            .run(
                "mysql",
                "create user repl identified by 'repl'; grant replication slave on *.* to repl",
            )
            .await;
        let port = source.port;
        self.run(
            "mysql",
            &format!(
                "change master to master_host='127.0.0.1', master_port={port}, master_user='repl', \
                 master_password='repl', master_use_gtid=slave_pos, master_connect_retry=1; start replica"
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn the_server_keeps_databases_apart() {
    let server = mariadb().await;
    let (one, other) = (server.database().await, server.database().await);
    server.run(&one, "create table t (n int); insert into t values (7)").await;
    assert_eq!(server.number(&one, "select count(*) from t").await, 1);
    let of =
        format!("select count(*) from information_schema.tables where table_schema = '{other}'");
    assert_eq!(server.number(&one, &of).await, 0);
}
