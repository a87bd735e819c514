//! A disk that is really full: a small file system of its own, filled up in the middle of a failover and freed again.
//!
//! Where no file system may be mounted, the same is shown by a limit on the size of files in
//! `tests/it/conversation/full_disk.rs`, which always runs; then this says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use super::count;
use super::team::Team;
use super::verdict::{assert_called_once, assert_whole};
use super::world::{Database, World};
use crate::harness::{Postgres, eventually, http};

/// A mounted file system of some megabytes; gone when dropped.
struct Disk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: PostgreSQL has its files open until it ends.
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}

impl Disk {
    /// A disk of 48 MB. Where nobody may mount one there is nothing to show here, and that is said by failing.
    fn mount() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("disk");
        fs::create_dir(&path).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(&path);
        let mounted = mount.output().expect("mount runs");
        assert!(
            mounted.status.success(),
            "a small tmpfs cannot be mounted (as root?): {mounted:?}"
        );
        Self { path, _folder: folder }
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    fn fill(&self) {
        let zero = fs::File::open("/dev/zero").expect("there is one");
        let mut filler = fs::File::create(self.filler()).expect("a file");
        let error = std::io::copy(&mut &zero, &mut filler).expect_err("the disk has an end");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("it is there");
    }
}

/// A failover whose disk is full from the GO on, until a click was refused and for a while longer.
async fn full(database: Database, disk: &Disk) -> u32 {
    let world = World::open(&database).await;
    let mut team = Team::of(&world);
    let mut server = world.start(&[]).await;
    let is_decided = async |world: &World| {
        let run = world.run().await;
        run.is_some_and(|run| {
            run.steps.iter().any(|(id, at)| id.as_str() == "decide-go" && at.state.name() == "done")
        })
    };
    let begun = Instant::now();
    while !is_decided(&world).await {
        team.round(&server).await;
        assert!(begun.elapsed() < Duration::from_secs(90), "{}", team.stuck().await);
    }
    disk.fill();
    let full_at = Instant::now();
    while team.failed == 0 || full_at.elapsed() < Duration::from_secs(3) {
        team.round(&server).await;
        server.child.must_live();
        assert!(full_at.elapsed() < Duration::from_secs(90), "no click was refused");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let refused = team.failed;
    disk.free();
    eventually("it is ready again", 60, || async {
        let asked = http().get(format!("{}/readyz", server.base)).send().await;
        asked.ok().filter(|answer| answer.status().is_success()).map(drop)
    })
    .await;
    team.carry_on(&mut server).await;
    assert_whole(&world, &team.noted).await;
    assert_called_once(&world);
    assert!(!server.child.said().contains("panicked"), "{}", server.child.tail());
    refused
}

/// A database of this server, on that disk.
async fn on_disk(server: &Postgres, disk: &Path) -> String {
    let folder = disk.join("tables");
    fs::create_dir(&folder).expect("a folder");
    let status = Command::new("chown").arg("-R").arg("postgres:postgres").arg(disk).status();
    assert!(status.expect("chown runs").success());
    let mut db = PgConnection::connect(&server.url("postgres")).await.expect("it is there");
    for sql in [
        format!("create tablespace small location '{}'", folder.display()),
        "create database on_a_small_disk tablespace small".to_owned(),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.expect("it can be made");
    }
    server.url("on_a_small_disk")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_half_done_and_it_goes_on_with_space() {
    let (first, second) = (Disk::mount(), Disk::mount());
    let sqlite = full(Database::File(first.path.join("dr.db")), &first).await;
    let parent = second.path.parent().expect("it is in a folder");
    let opened = Command::new("chmod").arg("755").arg(parent).status();
    assert!(opened.expect("chmod runs").success());
    // Of its own, for it is left without its disk at the end.
    let server = Postgres::own("full").await;
    let postgres = full(Database::Url(on_disk(&server, &second.path).await), &second).await;
    drop(server);
    count(
        "full",
        &format!(
            "requests refused on a full disk: {sqlite} on SQLite, {postgres} on PostgreSQL; both failovers went on"
        ),
    );
}
