//! `kill -9` at moments that nobody chose, ten times in one run.

use std::time::Duration;

use tokio::time::Instant;

use super::team::Team;
use super::verdict::{assert_called_once_per_attempt, assert_whole};
use super::world::{Database, World};
use super::{Dice, count};
use crate::harness::now_s;

const KILLS: u32 = 10;

async fn ten_kills(database: Database, name: &str) {
    let seed = now_s();
    println!("{name}: seed {seed}");
    let mut dice = Dice(seed);
    let world = World::open(&database).await;
    let mut team = Team::of(&world);
    let mut server = world.start(&[]).await;
    let mut kills = 0;
    let mut next = Instant::now();
    let begun = Instant::now();
    while !team.round(&server).await {
        server.child.must_live();
        if kills < KILLS && Instant::now() >= next {
            // Its drop is SIGKILL.
            drop(server);
            kills += 1;
            server = world.start(&[]).await;
            next = Instant::now() + Duration::from_millis(100 + dice.roll(900));
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "seed {seed}: {}", team.stuck().await);
        tokio::time::sleep(Duration::from_millis(dice.roll(40))).await;
    }
    assert_eq!(kills, KILLS, "seed {seed}: it was over too soon");
    let verdict = assert_whole(&world, &team.noted).await;
    assert_called_once_per_attempt(&world).await;
    assert!(verdict.orphans <= KILLS as usize, "seed {seed}: {verdict:?}");
    count(
        &format!("random-{name}"),
        &format!(
            "kill -9 at random on {name}: {kills} in one failover (seed {seed}), nothing lost, nothing twice"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_ten_times_at_random_on_sqlite() {
    ten_kills(Database::Sqlite, "SQLite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_ten_times_at_random_on_postgresql() {
    ten_kills(Database::Postgres, "PostgreSQL").await;
}
