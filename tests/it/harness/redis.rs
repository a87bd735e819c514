//! A Redis server: Debian's, in a folder of its own, with a password; a second one may be its replica.

use std::process::Command;

use tempfile::TempDir;

use super::child::{Child, free_port};
use super::{eventually, tools};

/// The password of all of them.
pub(crate) const PASSWORD: &str = "s3cr3t-of-redis";

/// Longest that the tests' own connections wait.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// A running server; gone when dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    child: Child,
    _folder: TempDir,
}

/// A server that takes writes.
pub(crate) async fn redis() -> Redis {
    Redis::start(&[]).await
}

impl Redis {
    /// A replica of this one.
    pub(crate) async fn replica(&self) -> Self {
        let master = format!("127.0.0.1 {}", self.port);
        Self::start(&[
            "--replicaof",
            &master,
            "--masterauth",
            PASSWORD,
            "--repl-diskless-sync-delay",
            "0",
        ])
        .await
    }

    async fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let port_text = port.to_string();
        let dir = folder.path().to_str().expect("a plain path").to_owned();
        let mut arguments = vec![
            "--port",
            &port_text,
            "--bind",
            "127.0.0.1",
            "--dir",
            &dir,
            "--save",
            "",
            "--requirepass",
            PASSWORD,
            "--maxmemory-policy",
            "noeviction",
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1",
        ];
        arguments.extend(more);
        let program = tools::debian("redis-server");
        let child = Child::start("redis", folder.path(), &program, arguments, &[]);
        let server = Self { port, child, _folder: folder };
        eventually("Redis answers", 10, || async {
            server.url().parse::<url::Url>().ok()?;
            let client = redis::Client::open(server.url()).ok()?;
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            redis::cmd("PING").query_async::<()>(&mut connection).await.ok()
        })
        .await;
        server
    }

    /// Its URL, password and all.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection of the test's own.
    pub(crate) async fn direct(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        // The library waits for a second, and half a one: too little where every processor is busy.
        let patient = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connected = client.get_multiplexed_async_connection_with_config(&patient);
        connected.await.expect("it answers")
    }

    /// Stops it where it is: connections stay open, nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let done =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(done.expect("kill can be started").success());
    }
}

#[tokio::test]
async fn a_replica_follows_its_master() {
    let master = redis().await;
    let replica = master.replica().await;
    let mut connection = master.direct().await;
    redis::cmd("SET").arg("a").arg("1").query_async::<()>(&mut connection).await.unwrap();
    let mut other = replica.direct().await;
    eventually("the replica has it", 10, || {
        let mut other = other.clone();
        async move {
            let found: Option<String> =
                redis::cmd("GET").arg("a").query_async(&mut other).await.unwrap();
            found
        }
    })
    .await;
    let refused = redis::cmd("SET").arg("a").arg("2").query_async::<()>(&mut other).await;
    assert_eq!(refused.unwrap_err().code(), Some("READONLY"));
}
