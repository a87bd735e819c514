//! The composition root: builds store, actions, channel, engine and pages; starts and drains them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};

use crate::actions::{ActionSettings, Actions};
use crate::catalog::Catalog;
use crate::config::{Config, Database, Local};
use crate::desk::Desk;
use crate::domain::environment::Environment;
use crate::domain::ids::EnvironmentId;
use crate::domain::time::Timestamp;
use crate::engine::channel::{Channel, Silent};
use crate::engine::clock::{Clock, FastClock, SystemClock};
use crate::engine::supervise::Supervisor;
use crate::engine::{Engine, outbox};
use crate::faults;
use crate::slack::client::SlackClientHandle;
use crate::slack::handle::Inbound;
use crate::slack::inbound;
use crate::slack::socket::{Sockets, Status};
use crate::store::Store;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::web::access::Access;
use crate::web::router::{self, Web};

/// How long running work may take to end.
const GRACE: Duration = Duration::from_secs(35);

/// A running process.
#[derive(Debug)]
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    supervisor: Supervisor,
}

impl App {
    /// The bot, with Slack, on real systems.
    ///
    /// # Errors
    /// When something it needs is not there.
    pub async fn serve(config: Config, catalog: Catalog) -> anyhow::Result<Self> {
        let catalog = Arc::new(catalog);
        let environment = find(&catalog, &config.environment)?;
        for (person, _) in &config.web_tokens {
            if environment.person(person).is_none() {
                bail!(
                    "DR_BUDDY_WEB_TOKENS names `{person}`, whom environment `{}` does not know",
                    environment.id
                );
            }
        }
        let store = faults::watch_store(open(&config.database).await?);
        let slack = SlackClientHandle::new(&config.slack, Arc::clone(&catalog));
        let slack = Arc::new(slack.context("could not make a Slack client")?);
        let channel: Arc<dyn Channel> = Arc::clone(&slack) as Arc<dyn Channel>;
        let clock: Arc<dyn Clock> = match faults::clock() {
            None => Arc::new(SystemClock),
            Some(clock) => Arc::new(clock),
        };
        let engine = Engine::new(store, Arc::new(Actions::new(config.actions)), channel, clock);
        let engine = engine.with_patience(faults::patience());
        let desk = Desk { engine: Arc::new(engine), catalog, environment: Arc::new(environment) };
        let supervisor = Supervisor::default();
        let doors = Inbound::new(desk.clone(), Arc::clone(&slack), supervisor.clone());
        let mut routes = match &config.slack.signing_secret {
            Some(secret) => inbound::routes(doors.clone(), &slack, secret)
                .layer(map_response(faults::answering)),
            None => Router::new(),
        };
        let sockets = config.slack.app_token.map(|token| (Sockets::new(slack, token), doors));
        if config.web_tokens.is_empty() {
            info!("The war room in the browser is off: DR_BUDDY_WEB_TOKENS is not set");
        } else {
            let secure = !config.listen.ip().is_loopback();
            let access = Arc::new(Access::Tokens { tokens: config.web_tokens, secure });
            routes = routes.merge(router::routes(Web {
                desk: desk.clone(),
                access,
                stop: supervisor.token().clone(),
                clock: None,
            }));
        }
        Self::start(config.listen, desk, routes, sockets, supervisor).await
    }

    /// The demo: a tabletop in the browser. Returns the clock, whose speed can be changed.
    ///
    /// # Errors
    /// When the port is taken or the folder cannot be written.
    pub async fn demo(
        listen: SocketAddr,
        folder: &Path,
        catalog: Catalog,
        speed: u32,
    ) -> anyhow::Result<(Self, Desk, Arc<FastClock>)> {
        let catalog = Arc::new(catalog);
        let id = EnvironmentId::parse("demo").context("`demo` is an id")?;
        let environment = find(&catalog, &id)?;
        let store = open(&Database::File(folder.join("demo.db"))).await?;
        // What was kept may be from a clock that was faster than time: it does not go back.
        let fast = Arc::new(FastClock::new(speed).not_before(last_entry(&*store).await?));
        let clock: Arc<dyn Clock> = Arc::clone(&fast) as Arc<dyn Clock>;
        let actions = Arc::new(Actions::new(ActionSettings::default()));
        let engine = Engine::new(store, actions, Arc::new(Silent), clock);
        let desk = Desk { engine: Arc::new(engine), catalog, environment: Arc::new(environment) };
        let seal = uuid::Uuid::new_v4().simple().to_string();
        let access = Arc::new(Access::Demo { seal });
        let supervisor = Supervisor::default();
        let stop = supervisor.token().clone();
        let web = Web { desk: desk.clone(), access, stop, clock: Some(Arc::clone(&fast)) };
        let app = Self::start(listen, desk.clone(), router::routes(web), None, supervisor).await?;
        Ok((app, desk, fast))
    }

    /// The desk alone, on the database of a process that may be running: nothing is performed here.
    ///
    /// # Errors
    /// When the database cannot be opened or the environment is not known.
    pub async fn desk(local: &Local, catalog: Catalog) -> anyhow::Result<Desk> {
        let catalog = Arc::new(catalog);
        let environment = find(&catalog, &local.environment)?;
        let store: Arc<dyn Store> =
            match &local.database {
                Database::File(path) => {
                    let store = SqliteStore::open_beside(path).await;
                    Arc::new(store.with_context(|| {
                        format!("could not open the database {}", path.display())
                    })?)
                }
                Database::Postgres(_) => open(&local.database).await?,
            };
        let actions = Arc::new(Actions::new(ActionSettings::default()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let engine = Engine::new(store, actions, Arc::new(Silent), clock);
        Ok(Desk { engine: Arc::new(engine), catalog, environment: Arc::new(environment) })
    }

    async fn start(
        listen: SocketAddr,
        desk: Desk,
        routes: Router,
        sockets: Option<(Sockets, Inbound)>,
        supervisor: Supervisor,
    ) -> anyhow::Result<Self> {
        // A process that knows it is the only one on its database takes a lease found here for that of a process that
        // is gone. Its effects are performed first of all; an attempt found open is probed.
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("could not listen on {listen}"))?;
        let runs = desk.engine.store.runs(200).await.context("could not read the runs")?;
        let ours = &desk.environment.id;
        if let Some(run) = runs.iter().find(|run| !run.is_closed() && run.environment.id != *ours) {
            let theirs = &run.environment.id;
            bail!(
                "run `{}` of environment `{theirs}` is open in this database, and this process acts on `{ours}`",
                run.id
            );
        }
        desk.engine.store.release_leases().await.context("could not take over the work")?;
        let address = listener.local_addr().context("could not tell the address")?;
        let engine = Arc::clone(&desk.engine);
        let token = supervisor.token().clone();
        supervisor.keep("outbox", move || outbox::work(Arc::clone(&engine), token.clone()));
        let sockets = sockets.map(|(sockets, doors)| sockets.open(doors, &supervisor));
        let ready = get(ready).with_state((Arc::clone(&desk.engine), sockets));
        let routes = routes
            .route("/healthz", get(|| async { StatusCode::OK }))
            .route("/readyz", ready)
            .layer(CatchPanicLayer::new());
        let token = supervisor.token().clone();
        supervisor.once(async move {
            let stop = token.clone().cancelled_owned();
            if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stop).await {
                warn!(error = %error, "The server ended");
            }
            token.cancel();
        });
        info!(address = %address, environment = %desk.environment.id, "Ready on http://{address}");
        Ok(Self { address, supervisor })
    }

    /// Runs until the process is told to end (SIGTERM, Ctrl-C), then drains.
    pub async fn until_told(self) -> bool {
        tokio::select! {
            () = told() => {}
            () = self.supervisor.token().cancelled() => {}
        }
        self.stop().await
    }

    /// Ends everything; whether it ended in time.
    pub async fn stop(self) -> bool {
        info!("Draining");
        let drained = self.supervisor.drain(GRACE).await;
        if !drained {
            warn!("Some work did not end in time; it is found again at the next start");
        }
        drained
    }
}

async fn told() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            warn!(error = %error, "Cannot listen for SIGTERM");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Ready to be asked. Slack is no condition: without it the war room in the browser is needed all the more.
async fn ready(
    axum::extract::State((engine, sockets)): axum::extract::State<(
        Arc<Engine>,
        Option<Arc<Status>>,
    )>,
) -> (StatusCode, String) {
    let sockets = sockets.map(|status| format!("{status}\n")).unwrap_or_default();
    match engine.store.check().await {
        Ok(()) => (StatusCode::OK, format!("ready\n{sockets}")),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the database does not take writes\n{sockets}"),
        ),
    }
}

async fn open(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        Database::File(path) => {
            let store = SqliteStore::open(path).await;
            let store =
                store.with_context(|| format!("could not open the database {}", path.display()))?;
            Ok(Arc::new(store))
        }
        Database::Postgres(url) => {
            let store = PostgresStore::open(url).await;
            Ok(Arc::new(store.context("could not open the database of DATABASE_URL")?))
        }
    }
}

/// When something was recorded last.
async fn last_entry(store: &dyn Store) -> anyhow::Result<Timestamp> {
    let newest = store.runs(1).await.context("could not read the runs")?.pop();
    let Some(run) = newest else { return Ok(Timestamp(0)) };
    let last = store.record(&run.id, run.seq.saturating_sub(1), 1).await;
    let last = last.context("could not read the record")?;
    Ok(last.first().map_or(Timestamp(0), |recorded| recorded.entry.at))
}

fn find(catalog: &Catalog, id: &EnvironmentId) -> anyhow::Result<Environment> {
    let Some(environment) = catalog.environment(id) else {
        let all: Vec<_> = catalog.environments.keys().map(ToString::to_string).collect();
        bail!("there is no environment `{id}`; there are: {}", all.join(", "));
    };
    Ok(environment.clone())
}
