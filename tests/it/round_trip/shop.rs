//! The application in both regions, and the public name in front of it.
//!
//! A site runs on what its pods were given when they last started: the copies of the secrets, and the flags of then. It
//! has no pods, it does not answer. The public name leads where Route 53 would lead: to the PRIMARY record unless the latch
//! holds, then to the other one.
#![expect(clippy::disallowed_methods, reason = "the shop ends with the value that holds it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_route53::types::ResourceRecordSetFailover;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::cloud::{Ways, execute, value};
use super::cluster::Cluster;
use super::gate::{Book, pass};
use super::life::{Line, Pulse};
use crate::harness::{AwsWorld, Kube, PASSWORD, free_port, http};

/// The load balancer of each region, `[eu-west-1, us-east-1]`; the public name is at 127.0.0.1.
pub(super) const LOAD_BALANCERS: [&str; 2] = ["127.0.0.3", "127.0.0.2"];
/// The regions, in this order everywhere.
pub(super) const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
/// Their contexts.
pub(super) const CONTEXTS: [&str; 2] = ["eu", "us"];
/// What its interface for operations asks for.
pub(super) const OPERATIONS: &str = "Bearer operations-0123456789";
/// Where caches are, by the name in `REDIS_URL`.
pub(super) const CACHES: [&str; 2] = ["redis-eu.shop.test", "redis-us.shop.test"];
/// A statement or a question takes no longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What stands behind a load balancer.
#[derive(Clone)]
struct Site {
    region: usize,
    deployments: Api<Deployment>,
    flags: Api<ConfigMap>,
    cluster: Arc<Cluster>,
    world: Arc<AwsWorld>,
    ways: Arc<Ways>,
    book: Book,
    started: Arc<Mutex<Option<Started>>>,
    is_ill: Arc<AtomicBool>,
}

/// What its pods got when they started.
#[derive(Debug, Clone)]
struct Started {
    mark: Option<String>,
    database: String,
    cache: String,
}

/// The running application.
#[derive(Debug)]
pub(super) struct Shop {
    /// The port of all its addresses.
    pub(super) port: u16,
    tasks: Vec<JoinHandle<()>>,
    /// The application of the primary region is ill: its load balancer answers, and nothing behind it.
    pub(super) is_ill: Arc<AtomicBool>,
    _lines: [Line; 2],
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What the application stands on.
pub(super) struct Ground {
    pub(super) kube: &'static Kube,
    pub(super) namespace: String,
    pub(super) clusters: [Arc<Cluster>; 2],
    pub(super) world: Arc<AwsWorld>,
    pub(super) ways: Arc<Ways>,
    pub(super) book: Book,
    pub(super) pulses: [Pulse; 2],
}

impl Shop {
    pub(super) async fn open(ground: &Ground) -> Self {
        let (public, port) = port().await;
        let mut tasks = Vec::new();
        let mut lines = Vec::new();
        let is_ill = Arc::<AtomicBool>::default();
        for region in [0, 1] {
            let client = ground.kube.client(CONTEXTS[region]).await;
            let site = Site {
                region,
                deployments: Api::namespaced(client.clone(), &ground.namespace),
                flags: Api::namespaced(client, &ground.namespace),
                cluster: Arc::clone(&ground.clusters[region]),
                world: Arc::clone(&ground.world),
                ways: Arc::clone(&ground.ways),
                book: ground.book.clone(),
                started: Arc::default(),
                is_ill: if region == 0 { Arc::clone(&is_ill) } else { Arc::default() },
            };
            tasks.push(tokio::spawn(beat(site.clone())));
            let (endpoint, task) = super::gate::serve(routes(site)).await;
            tasks.push(task);
            let behind = endpoint.rsplit(':').next().and_then(|port| port.parse().ok());
            let address: Ipv4Addr = LOAD_BALANCERS[region].parse().expect("an address");
            let pulse = ground.pulses[region].clone();
            let address = SocketAddr::from((address, port));
            lines.push(Line::open(address, behind.expect("it has a port"), pulse).await);
        }
        let front =
            Router::new().fallback(public_name).with_state((Arc::clone(&ground.world), port));
        tasks.push(tokio::spawn(async move {
            axum::serve(public, front).await.expect("it serves until aborted");
        }));
        let lines = lines.try_into().expect("there are two");
        Self { port, tasks, is_ill, _lines: lines }
    }
}

/// A port that is free at all three addresses.
async fn port() -> (TcpListener, u16) {
    loop {
        let port = free_port();
        let public = TcpListener::bind(("127.0.0.1", port)).await;
        let mut others = Vec::new();
        for balancer in LOAD_BALANCERS {
            others.extend(TcpListener::bind((balancer, port)).await.ok());
        }
        if let (Ok(public), 2) = (public, others.len()) {
            return (public, port);
        }
    }
}

fn routes(site: Site) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/deep", get(deep))
        .route("/version", get(version))
        .route("/canary/{id}", get(read).put(write))
        .route("/queues", get(queues))
        .route("/queues/{what}", post(turn))
        .with_state(site)
}

/// Where the PRIMARY record leads, or with the latch the other one.
async fn public_name(
    State((world, port)): State<(Arc<AwsWorld>, u16)>,
    request: Request,
) -> Response<Body> {
    let latched = aws_latch(&world).await;
    let wanted = match latched {
        false => ResourceRecordSetFailover::Primary,
        true => ResourceRecordSetFailover::Secondary,
    };
    let records = world.record_set().await;
    let record = records.iter().find(|one| one.failover() == Some(&wanted));
    let target = record.and_then(|one| one.alias_target()).expect("it is an alias").dns_name();
    let to = format!("http://{}:{port}", target.trim_end_matches('.'));
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("requests are small");
    pass(&http(), &to, head, body).await
}

/// Whether the latch is there.
pub(super) async fn aws_latch(world: &AwsWorld) -> bool {
    let endpoint = world.dr.endpoint_url().expect("it is an emulator");
    let path = format!("{endpoint}/{}/{}", super::world::LATCH.0, super::world::LATCH.1);
    let asked = http().get(path).send().await.expect("the emulator answers");
    asked.status().is_success()
}

impl Site {
    /// What its pods run on; nothing if there are none.
    async fn running(&self) -> Option<Started> {
        if self.is_ill.load(Ordering::Relaxed) {
            return None;
        }
        let found = self.deployments.get("shop-api").await.expect("it is there").spec?;
        if found.replicas.unwrap_or(1) == 0 {
            return None;
        }
        let annotations = found.template.metadata.and_then(|metadata| metadata.annotations);
        let mark =
            annotations.and_then(|all| all.get("kubectl.kubernetes.io/restartedAt").cloned());
        let mut started = self.started.lock().await;
        if started.as_ref().is_none_or(|started| started.mark != mark) {
            let (database, cache) = (self.cluster.copied("database"), self.cluster.copied("redis"));
            *started = Some(Started { mark, database, cache });
        }
        started.clone()
    }

    /// Where the database is that its URL names.
    fn database(&self, started: &Started) -> String {
        let hosts = [&self.world.primary_host, &self.world.dr_host];
        let which = hosts.iter().position(|host| started.database.contains(*host));
        let address = self.ways.databases[which.expect("one of both")].address;
        format!("postgres://postgres:not-a-secret@{address}/postgres")
    }

    fn cache(&self, started: &Started) -> String {
        let which = CACHES.iter().position(|host| started.cache.contains(host));
        let address = self.ways.caches[which.expect("one of both")].address;
        format!("redis://:{PASSWORD}@{address}/0")
    }

    /// A flag as it is now: it is read while running.
    async fn flag(&self, name: &str) -> bool {
        let flags = self.flags.get("shop-flags").await.expect("it is there");
        let data = flags.data.unwrap_or_default();
        data.get(name).is_some_and(|value| value == "true")
    }

    async fn ask_cache(&self, started: &Started, command: &redis::Cmd) -> Option<redis::Value> {
        let client = redis::Client::open(self.cache(started)).ok()?;
        let asked = async {
            let mut cache = client.get_multiplexed_async_connection().await.ok()?;
            command.query_async(&mut cache).await.ok()
        };
        tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
    }

    fn answer(&self, body: &Value) -> Response<Body> {
        ([("x-region", REGIONS[self.region])], Json(body.clone())).into_response()
    }
}

fn nobody() -> Response<Body> {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

async fn within<T, E>(work: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, work).await.ok()?.ok()
}

/// A row every second, as long as it may write.
async fn beat(site: Site) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(started) = site.running().await
            && !site.flag("read_only").await
        {
            let row = "insert into dr_buddy_heartbeat values (now())";
            // A copy refuses it, a dead one does not answer: there is no row then.
            let _: Option<()> = within(execute(&site.database(&started), row)).await;
        }
    }
}

async fn health(State(site): State<Site>) -> Response<Body> {
    match site.running().await {
        Some(_) => site.answer(&json!({"ok": true})),
        None => nobody(),
    }
}

async fn version(State(site): State<Site>) -> Response<Body> {
    match site.running().await {
        Some(_) => site.answer(&json!({"version": "2026.11.3"})),
        None => nobody(),
    }
}

async fn deep(State(site): State<Site>) -> Response<Body> {
    let Some(started) = site.running().await else { return nobody() };
    let query = "select (not pg_is_in_recovery())::text";
    let writable = within(value(&site.database(&started), query)).await;
    let mut asking = redis::cmd("ROLE");
    let role = site.ask_cache(&started, asking.arg(&[] as &[&str])).await;
    let role = match role {
        Some(redis::Value::Array(all)) => all.first().map(|one| format!("{one:?}")),
        _ => None,
    };
    let is_master = role.is_some_and(|role| role.contains("master"));
    site.answer(&json!({
        "db": {"writable": writable.as_deref() == Some("true")},
        "redis": {"role": if is_master { "master" } else { "replica" }},
        "version": "2026.11.3",
    }))
}

/// Where an id may stand in a statement.
fn plain(id: &str) -> bool {
    id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

async fn write(
    State(site): State<Site>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response<Body> {
    let Some(started) = site.running().await else { return nobody() };
    let canary = body["canary"].as_str().unwrap_or_default();
    assert!(plain(&id) && plain(canary), "{id} {body}");
    let row = format!("insert into orders values ('{id}', '{canary}') on conflict do nothing");
    let is_written = !site.flag("read_only").await
        && within(execute(&site.database(&started), &row)).await.is_some();
    let status = if is_written { StatusCode::CREATED } else { StatusCode::SERVICE_UNAVAILABLE };
    site.book.note("shop", format!("PUT /canary/{id}"), canary, status);
    status.into_response()
}

async fn read(State(site): State<Site>, Path(id): Path<String>) -> Response<Body> {
    let Some(started) = site.running().await else { return nobody() };
    assert!(plain(&id), "{id}");
    let query = format!("select canary from orders where id = '{id}'");
    match within(value(&site.database(&started), &query)).await {
        Some(canary) => site.answer(&json!({"found": true, "canary": canary})),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether the queues are paused, which BullMQ keeps in Redis.
async fn queues(State(site): State<Site>) -> Response<Body> {
    let Some(started) = site.running().await else { return nobody() };
    let mut paused = redis::cmd("HEXISTS");
    let asked = site.ask_cache(&started, paused.arg("bull:mail:meta").arg("paused")).await;
    match asked {
        Some(redis::Value::Int(is)) => site.answer(&json!({"paused": is == 1})),
        _ => nobody(),
    }
}

async fn turn(
    State(site): State<Site>,
    Path(what): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(started) = site.running().await else { return nobody() };
    let mut status = StatusCode::UNAUTHORIZED;
    if header("authorization") == Some(OPERATIONS) {
        status = StatusCode::NO_CONTENT;
        for queue in ["mail", "pdf"] {
            let mut turning = redis::cmd(if what == "pause" { "HSET" } else { "HDEL" });
            turning.arg(format!("bull:{queue}:meta")).arg("paused");
            if what == "pause" {
                turning.arg("1");
            }
            if site.ask_cache(&started, &turning).await.is_none() {
                status = StatusCode::SERVICE_UNAVAILABLE;
            }
        }
    }
    let id = header("idempotency-key").unwrap_or_default();
    site.book.note("shop", format!("POST /queues/{what}"), id, status);
    status.into_response()
}
