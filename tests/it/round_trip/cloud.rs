//! What AWS does behind its API, done to real servers: the copies follow, the one that is made the writer is promoted, and
//! the old one is rebuilt as its copy as soon as its region lives. The addresses stay.
#![expect(clippy::disallowed_methods, reason = "the cloud ends with the value that holds it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::life::{Life, Line, Pulse};
use crate::actions::seeds;
use crate::harness::{
    AwsWorld, DATASTORE, GROUPS, PASSWORD, Postgres, Redis, eventually, free_port, redis,
};

/// How often it looks whether somebody moved something.
const LOOK: Duration = Duration::from_millis(250);
/// The function tells what Aurora's own does.
const SEED: &str = "
create table dr_buddy_heartbeat (ts timestamptz not null);
insert into dr_buddy_heartbeat values (now());
create table orders (id text primary key, canary text not null);
create function aurora_global_db_status() returns table (aws_region text, highest_lsn_written bigint,
  durability_lag_in_msec int, rpo_lag_in_msec int, last_lag_calculation_time timestamptz, feedback_epoch bigint,
  feedback_xmin bigint) language sql as $$ values
  ('eu-west-1', 131031557::bigint, -1, -1, timestamptz '1970-01-01', 0::bigint, 0::bigint),
  ('us-east-1', 131031554, 410, 1250, now(), 0, 12640) $$;";

/// The servers of both regions: `[eu-west-1, us-east-1]`.
#[derive(Debug)]
struct Stores {
    name: &'static str,
    rebuilt: u32,
    databases: [Postgres; 2],
    caches: [Redis; 2],
    /// Which of them writes, and whether the other one follows it.
    writer: (usize, bool),
    primary: (usize, bool),
}

/// Where the product and the application reach them.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) databases: [Line; 2],
    pub(super) caches: [Line; 2],
}

/// The running cloud.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) ways: Arc<Ways>,
    stores: Arc<Mutex<Stores>>,
    task: JoinHandle<()>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs statements that answer nothing.
pub(super) async fn execute(url: &str, statements: &str) -> Result<(), sqlx::Error> {
    let mut db = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut db).await.map(drop)
}

/// The one value of a query.
pub(super) async fn value(url: &str, query: &str) -> Result<String, sqlx::Error> {
    let mut db = PgConnection::connect(url).await?;
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut db).await
}

/// The role a cache says it has.
async fn role(server: &Redis) -> String {
    let mut direct = server.direct().await;
    let info: String =
        redis::cmd("INFO").arg("replication").query_async(&mut direct).await.expect("it answers");
    let line = info.lines().find_map(|line| line.strip_prefix("role:"));
    line.expect("it has one").trim().to_owned()
}

impl Stores {
    async fn make(name: &'static str) -> Self {
        let database = async {
            let first = Postgres::own(&format!("{name}-eu")).await;
            execute(&first.url("postgres"), SEED).await.expect("it takes writes");
            let second = first.standby(&format!("{name}-us")).await;
            [first, second]
        };
        let cache = async {
            let first = redis().await;
            let second = first.replica().await;
            let mut direct = first.direct().await;
            for queue in ["mail", "pdf"] {
                let mut meta = redis::cmd("HSET");
                meta.arg(format!("bull:{queue}:meta")).arg("version").arg("bullmq:5");
                meta.query_async::<()>(&mut direct).await.expect("it takes writes");
            }
            [first, second]
        };
        let (databases, caches) = tokio::join!(database, cache);
        Self { name, rebuilt: 0, databases, caches, writer: (0, true), primary: (0, true) }
    }

    /// Everything that was written is there, too.
    async fn catch_up(&self, to: usize) {
        let url = |which: usize| self.databases[which].url("postgres");
        let end = value(&url(1 - to), "select pg_current_wal_lsn()::text").await;
        let end = end.expect("it answers");
        let query = format!("select (pg_last_wal_replay_lsn() >= '{end}')::text");
        eventually("the copy has it all", 10, || async {
            value(&url(to), &query).await.ok().filter(|is_so| is_so == "true")
        })
        .await;
    }

    async fn promote_database(&mut self, to: usize, other_lives: bool) {
        if other_lives && self.writer.1 {
            self.catch_up(to).await;
        }
        // What is frozen would outlive its parent.
        self.databases[1 - to].thaw().await;
        self.databases[1 - to].kill().await;
        let url = self.databases[to].url("postgres");
        value(&url, "select pg_promote(true, 30)::text").await.expect("it is promoted");
        self.writer = (to, false);
    }

    async fn rebuild_database(&mut self, ways: &Ways) {
        let (writer, other) = (self.writer.0, 1 - self.writer.0);
        self.databases[other].kill().await;
        self.rebuilt += 1;
        let name = format!("{}-{}", self.name, self.rebuilt);
        self.databases[other] = self.databases[writer].standby(&name).await;
        ways.databases[other].turn(self.databases[other].port());
        self.writer.1 = true;
    }

    async fn promote_cache(&mut self, to: usize) {
        let mut direct = self.caches[to].direct().await;
        let mut alone = redis::cmd("REPLICAOF");
        alone.arg("NO").arg("ONE").query_async::<()>(&mut direct).await.expect("it is promoted");
        self.primary = (to, false);
    }

    async fn follow_cache(&mut self) {
        let (primary, other) = (self.primary.0, 1 - self.primary.0);
        let mut direct = self.caches[other].direct().await;
        let mut login = redis::cmd("CONFIG");
        login.arg("SET").arg("masterauth").arg(PASSWORD);
        login.query_async::<()>(&mut direct).await.expect("it is set");
        let mut follow = redis::cmd("REPLICAOF");
        follow.arg("127.0.0.1").arg(self.caches[primary].port());
        follow.query_async::<()>(&mut direct).await.expect("it follows");
        self.primary.1 = true;
    }
}

impl Cloud {
    /// `api` is past the gate; `name` is nobody else's.
    pub(super) async fn open(
        name: &'static str,
        world: Arc<AwsWorld>,
        api: SdkConfig,
        pulses: [Pulse; 2],
    ) -> Self {
        let stores = Stores::make(name).await;
        let line = |to: u16, region: usize| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            Line::open(address, to, pulses[region].clone())
        };
        let ways = Arc::new(Ways {
            databases: [
                line(stores.databases[0].port(), 0).await,
                line(stores.databases[1].port(), 1).await,
            ],
            caches: [
                line(stores.caches[0].port(), 0).await,
                line(stores.caches[1].port(), 1).await,
            ],
        });
        let stores = Arc::new(Mutex::new(stores));
        let follow = follow(Arc::clone(&stores), Arc::clone(&ways), world, api, pulses[0].clone());
        Self { ways, stores, task: tokio::spawn(follow) }
    }

    /// The servers of the primary region stop where they are.
    pub(super) async fn freeze(&self) {
        let stores = self.stores.lock().await;
        stores.databases[0].freeze().await;
        stores.caches[0].freeze();
    }

    /// And go on.
    pub(super) async fn thaw(&self) {
        let stores = self.stores.lock().await;
        // Whoever was promoted meanwhile has killed the old writer.
        if stores.writer.0 == 0 {
            stores.databases[0].thaw().await;
        }
        stores.caches[0].thaw();
    }

    /// Whether the queues of a region are paused, as BullMQ keeps it: mail, pdf.
    pub(super) async fn paused(&self, region: usize) -> [bool; 2] {
        let stores = self.stores.lock().await;
        let mut paused = [false; 2];
        for (queue, is) in ["mail", "pdf"].into_iter().zip(&mut paused) {
            let mut direct = stores.caches[region].direct().await;
            let mut asking = redis::cmd("HEXISTS");
            asking.arg(format!("bull:{queue}:meta")).arg("paused");
            *is = asking.query_async(&mut direct).await.expect("it answers");
        }
        paused
    }

    /// What the servers themselves say that they are.
    pub(super) async fn roles(&self, region: usize) -> [String; 2] {
        let stores = self.stores.lock().await;
        let query = "select case when pg_is_in_recovery() then 'replica' else 'primary' end";
        let database = value(&stores.databases[region].url("postgres"), query).await;
        [database.unwrap_or_else(|_| "none".to_owned()), role(&stores.caches[region]).await]
    }

    /// The newest orders in a region's own database.
    pub(super) async fn orders(&self, region: usize) -> String {
        let stores = self.stores.lock().await;
        let query = "select coalesce(string_agg(id, ' ' order by id), '') from orders";
        value(&stores.databases[region].url("postgres"), query).await.expect("it answers")
    }
}

/// Which region is the primary of the Global Datastore.
pub(super) async fn datastore_primary(api: &SdkConfig) -> usize {
    let endpoint = api.endpoint_url().expect("it has one");
    let asked = format!(
        "Version=2015-02-02&Action=DescribeGlobalReplicationGroups\
         &GlobalReplicationGroupId={DATASTORE}&ShowMemberInfo=true"
    );
    let found = seeds::form(endpoint, "elasticache", "us-east-1", asked).await;
    let mut members = found.split("<GlobalReplicationGroupMember>").skip(1);
    let primary = members.find(|one| one.contains("<Role>PRIMARY</Role>"));
    usize::from(
        seeds::between(primary.expect("there is one"), "<ReplicationGroupId>", "<") != GROUPS[0].0,
    )
}

async fn follow(
    stores: Arc<Mutex<Stores>>,
    ways: Arc<Ways>,
    world: Arc<AwsWorld>,
    api: SdkConfig,
    pulse: Pulse,
) {
    loop {
        tokio::time::sleep(LOOK).await;
        let writer = usize::from(world.writer_arn().await != world.primary_arn);
        let primary = datastore_primary(&api).await;
        let lives = |region: usize| region == 1 || *pulse.borrow() == Life::Alive;
        let mut stores = stores.lock().await;
        if writer != stores.writer.0 {
            stores.promote_database(writer, lives(1 - writer)).await;
        }
        if primary != stores.primary.0 {
            stores.promote_cache(primary).await;
        }
        if !stores.primary.1 && lives(1 - primary) {
            stores.follow_cache().await;
        }
        if !stores.writer.1 && lives(1 - writer) {
            stores.rebuild_database(&ways).await;
        }
    }
}
