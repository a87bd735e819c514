//! The composition root: builds store, actions, channel, engine and pages; starts and drains them.
//!
//! The port is open before anything else, so that health answers; then the database is opened (PostgreSQL is waited
//! for), what was under way is looked at, and only then work and people are let in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::middleware::map_response;
use axum::serve::ListenerExt;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, error, info, warn};

use crate::actions::{ActionSettings, Actions, Doctor};
use crate::catalog::Catalog;
use crate::config::{Checkup, Config, Database, Local, SealKey};
use crate::desk::Desk;
use crate::domain::back_off::BackOff;
use crate::domain::environment::Environment;
use crate::domain::ids::EnvironmentId;
use crate::domain::readiness::{Report, Schedule};
use crate::domain::run::{Effect, Run};
use crate::domain::text::Text;
use crate::domain::time::Span;
use crate::engine::channel::{Channel, Silent};
use crate::engine::clock::{Clock, FastClock, SystemClock};
use crate::engine::patience::Patience;
use crate::engine::seal::Seal;
use crate::engine::supervise::Supervisor;
use crate::engine::{Engine, outbox, recover};
use crate::faults;
use crate::hooks;
use crate::slack::client::SlackClientHandle;
use crate::slack::handle::Inbound;
use crate::slack::inbound;
use crate::slack::socket::{Sockets, Status};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{self, Store, StoreError};
use crate::telemetry::Chain;
use crate::web::access::Access;
use crate::web::door::{Door, Phase};
use crate::web::router::{self, Web};

/// How long the demo's running work may take to end.
const GRACE: Duration = Duration::from_secs(25);
/// How long open connections may take to close after that.
const CLOSING: Duration = Duration::from_secs(2);
/// The longest wait before a database that does not answer is tried again.
const ASK_AGAIN: Span = Span::seconds(10);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everything it had begun is finished.
    Well,
    /// Something was left for the next start; no call is out.
    Unfinished,
    /// A call may be out: its attempt is left to its lease, and looked at by whoever comes next.
    InDoubt,
}

/// What stands at the port, with the tasks behind it.
#[derive(Debug)]
struct Front {
    address: SocketAddr,
    door: Door,
    work: Supervisor,
    server: Supervisor,
}

impl Front {
    /// Opens the port. Health answers from now on.
    async fn open(listen: SocketAddr, clock: Arc<dyn Clock>, shut: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("could not listen on {listen}"))?;
        let address = listener.local_addr().context("could not tell the address")?;
        let (work, server) = (Supervisor::default(), Supervisor::default());
        let door = Door::new(clock, shut);
        let routes = door.routes();
        let (stop, end) = (server.token().clone().cancelled_owned(), work.token().clone());
        // An answer of a few bytes waits for nothing.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                debug!(error = %error, "A connection keeps its delay");
            }
        });
        server.once(async move {
            if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stop).await {
                warn!(error = %error, "The server ended");
            }
            end.cancel();
        });
        Ok(Self { address, door, work, server })
    }

    /// Ends everything; whether all work ended in time. Health answers until then.
    async fn close(&self, grace: Duration) -> bool {
        self.door.come_to(Phase::Draining);
        let drained = self.work.drain(grace).await;
        if !self.server.drain(CLOSING).await {
            info!("Some connections did not close in time");
        }
        drained
    }
}

/// A running process.
#[derive(Debug)]
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    front: Front,
    engine: Arc<Engine>,
    grace: Duration,
}

impl App {
    /// The bot, with Slack, on real systems: until it is told to end.
    ///
    /// # Errors
    /// When something it needs is not there. A database that cannot be reached is waited for.
    pub async fn serve(config: Config, catalog: Catalog) -> anyhow::Result<Stopped> {
        let mut told = Told::listen().context("could not listen for signals")?;
        let environment = find(&catalog, &config.environment)?;
        for (person, _) in &config.web_tokens {
            if environment.person(person).is_none() {
                bail!(
                    "DR_BUDDY_WEB_TOKENS names `{person}`, whom environment `{}` does not know",
                    environment.id
                );
            }
        }
        let clock = clock();
        let seal = seal(config.seal_key.as_ref())?;
        let shut = shut(&catalog, &environment);
        let front = Front::open(config.listen, Arc::clone(&clock), shut).await?;
        let begun = tokio::select! {
            begun = begin(&front, config, catalog, environment, (clock, seal)) => begun?,
            () = told.once() => {
                info!("Told to end before the start was over");
                let drained = front.close(CLOSING).await;
                return Ok(if drained { Stopped::Well } else { Stopped::Unfinished });
            }
        };
        let (engine, grace) = begun;
        Ok(Self { address: front.address, front, engine, grace }.until_told(told).await)
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
    ) -> anyhow::Result<(Self, Desk)> {
        let catalog = Arc::new(catalog);
        let id = EnvironmentId::parse("demo").context("`demo` is an id")?;
        let environment = find(&catalog, &id)?;
        let fast = Arc::new(FastClock::new(speed));
        let clock: Arc<dyn Clock> = Arc::clone(&fast) as Arc<dyn Clock>;
        let shut = shut(&catalog, &environment);
        let front = Front::open(listen, Arc::clone(&clock), shut).await?;
        let store = open(&Database::File(folder.join("demo.db"))).await?;
        let actions = Arc::new(actions(ActionSettings::default(), &catalog));
        let engine = Engine::new(store, actions, Arc::new(Silent), clock);
        let desk = Desk::new(Arc::new(engine), catalog, Arc::new(environment));
        let seal = uuid::Uuid::new_v4().simple().to_string();
        let access = Arc::new(Access::Demo { seal });
        let stop = front.work.token().clone();
        let web = Web { desk: desk.clone(), access, stop, clock: Some(fast) };
        let engine = Arc::clone(&desk.engine);
        look_back(&front, &desk).await?;
        let_in(&front, &desk, router::routes(web), None);
        let app = Self { address: front.address, front, engine, grace: GRACE };
        Ok((app, desk))
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
        let actions = Arc::new(actions(ActionSettings::default(), &catalog));
        let engine = Engine::new(store, actions, Arc::new(Silent), clock());
        let engine = engine.with_seal(seal(local.seal_key.as_ref())?);
        Ok(Desk::new(Arc::new(engine), catalog, Arc::new(environment)))
    }

    /// Looks whether the runbooks would work today; nothing is kept, and nobody told.
    ///
    /// # Errors
    /// When the environment is not known.
    pub async fn examine(
        checkup: &Checkup,
        catalog: &Catalog,
        dark: Option<&str>,
    ) -> anyhow::Result<Report> {
        let environment = find(catalog, &checkup.environment)?;
        let known = environment.document.get("regions").and_then(|all| all.as_object());
        let known: Vec<&str> =
            known.into_iter().flatten().filter_map(|(_, one)| one.as_str()).collect();
        if let Some(dark) = dark.filter(|dark| !known.contains(dark)) {
            bail!(
                "--dark: there is no region `{dark}` in `{}`; there are: {}",
                environment.id,
                known.join(", ")
            );
        }
        let runbooks: Vec<_> = catalog.runbooks.values().collect();
        let doctor = Doctor::new(&with_connectors(checkup.actions.clone(), catalog));
        Ok(Box::pin(doctor.report(&environment, &runbooks, dark, clock().now())).await)
    }

    /// Runs until the process is told to end (SIGTERM, Ctrl-C), then drains. Told again, it ends at once.
    pub async fn until_told(self, mut told: Told) -> Stopped {
        tokio::select! {
            () = told.once() => {}
            () = self.front.work.token().cancelled() => {}
        }
        tokio::select! {
            stopped = self.stop() => stopped,
            () = told.once() => {
                warn!("Told a second time: ending at once");
                self.leave(false)
            }
        }
    }

    /// Ends everything: takes nothing more, begins nothing that may not be over in time, and waits for what is out.
    pub async fn stop(&self) -> Stopped {
        info!("Draining, for {} s at most", self.grace.as_secs());
        self.engine.end_within(self.grace);
        let drained = self.front.close(self.grace).await;
        self.leave(drained)
    }

    /// Says what is left behind, and to whom.
    fn leave(&self, drained: bool) -> Stopped {
        let mut stopped = if drained { Stopped::Well } else { Stopped::Unfinished };
        for left in self.engine.underway() {
            let until = left.until.time_of_day();
            if let (Effect::Act { step, attempt }, true) = (&left.effect, left.has_begun) {
                stopped = Stopped::InDoubt;
                warn!(
                    run.id = %left.run, step.id = %step, attempt,
                    "The call of step `{step}`, attempt {attempt}, is out: left to its lease until {until} UTC"
                );
            } else {
                let effect = &left.effect;
                info!(run.id = %left.run, effect = ?effect, "Left to its lease until {until} UTC");
            }
        }
        stopped
    }
}

/// Hears that the process is to end.
#[derive(Debug)]
pub struct Told {
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn once(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The time of the system, or of a test.
fn clock() -> Arc<dyn Clock> {
    match faults::time() {
        None => Arc::new(SystemClock::default()),
        Some((speed, right_at)) => Arc::new(FastClock::right_at(speed, right_at)),
    }
}

/// The engine's limits, or those of a test.
fn patience() -> Patience {
    let usual = Patience::default();
    let usual = Patience { group: faults::group().unwrap_or(usual.group), ..usual };
    match faults::patience() {
        None => usual,
        Some([lease, call_by, call, look, never_after]) => {
            Patience { lease, call_by, call, look, never_after, ..usual }
        }
    }
}

/// Reads what seals the secrets of one-time codes.
fn seal(key: Option<&SealKey>) -> anyhow::Result<Option<Seal>> {
    let hex = match key {
        None => return Ok(None),
        Some(SealKey::Hex(hex)) => hex.expose_secret().to_owned(),
        Some(SealKey::File(path)) => std::fs::read_to_string(path).with_context(|| {
            format!("could not read DR_BUDDY_SEAL_KEY_FILE, {}", path.display())
        })?,
    };
    let seal = Seal::of_hex(&hex);
    seal.map(Some).context("the seal key is not 64 hexadecimal digits: `openssl rand -hex 32`")
}

/// With the catalog's connectors.
fn with_connectors(settings: ActionSettings, catalog: &Catalog) -> ActionSettings {
    ActionSettings { connectors: catalog.connectors.values().cloned().collect(), ..settings }
}

/// The actions of this build and of the catalog's connectors.
fn actions(settings: ActionSettings, catalog: &Catalog) -> Actions {
    Actions::new(with_connectors(settings, catalog))
}

/// Opens the database, builds what stands on it, and lets work and people in.
async fn begin(
    front: &Front,
    config: Config,
    catalog: Catalog,
    environment: Environment,
    (clock, seal): (Arc<dyn Clock>, Option<Seal>),
) -> anyhow::Result<(Arc<Engine>, Duration)> {
    let catalog = Arc::new(catalog);
    let store = store::watch(wait_for(&config.database, front).await?);
    let slack = SlackClientHandle::new(&config.slack, Arc::clone(&catalog));
    let slack = slack.context("could not make a Slack client")?.with_page(config.page_url);
    let slack = Arc::new(slack);
    let channel: Arc<dyn Channel> = Arc::clone(&slack) as Arc<dyn Channel>;
    let settings = with_connectors(config.actions, &catalog);
    let doctor = Doctor::new(&settings);
    let engine = Engine::new(store, Arc::new(Actions::new(settings)), channel, clock);
    let engine = engine.with_patience(patience()).with_seal(seal).with_doctor(doctor);
    let engine = Arc::new(engine);
    let environment = Arc::new(environment);
    let desk = Desk::new(Arc::clone(&engine), catalog, environment);
    let doors = Inbound::new(desk.clone(), Arc::clone(&slack), front.work.clone());
    let mut routes = match &config.slack.signing_secret {
        Some(secret) => {
            inbound::routes(doors.clone(), &slack, secret).layer(map_response(faults::answering))
        }
        None => Router::new(),
    };
    let sockets = config.slack.app_token.map(|token| (Sockets::new(slack, token), doors.clone()));
    if config.web_tokens.is_empty() {
        info!("The war room in the browser is off: DR_BUDDY_WEB_TOKENS is not set");
    } else {
        let secure = !config.listen.ip().is_loopback();
        let access = Arc::new(Access::Tokens { tokens: config.web_tokens, secure });
        let (stop, desk) = (front.work.token().clone(), desk.clone());
        routes = routes.merge(router::routes(Web { desk, access, stop, clock: None }));
    }
    let hooks = hooks::routes(desk.clone(), &config.hooks).await.map_err(anyhow::Error::msg)?;
    routes = routes.merge(hooks.layer(map_response(faults::answering)));
    look_back(front, &desk).await?;
    let (alerts, token) = (desk.clone(), front.work.token().clone());
    front.work.keep("alerts", move || alerts.clone().keep_alerts(token.clone()));
    let (homes, token) = (doors.clone(), front.work.token().clone());
    front.work.keep("homes", move || homes.clone().keep_homes(token.clone()));
    if config.doctor != Schedule::Off {
        let (rounds, token) = (desk.clone(), front.work.token().clone());
        let make = move || rounds.clone().keep_rounds(config.doctor, token.clone());
        front.work.keep("rounds", make);
    }
    let sockets = sockets.map(|(sockets, doors)| sockets.open(doors, &front.work));
    let_in(front, &desk, routes, sockets);
    Ok((engine, config.grace))
}

/// Starts the outbox and opens the door.
fn let_in(front: &Front, desk: &Desk, routes: Router, sockets: Option<Arc<Status>>) {
    let (engine, token) = (Arc::clone(&desk.engine), front.work.token().clone());
    front.work.keep("outbox", move || outbox::work(Arc::clone(&engine), token.clone()));
    front.door.open(routes, Arc::clone(&desk.engine), sockets);
    let address = front.address;
    info!(address = %address, environment = %desk.environment.id, "Ready on http://{address}");
}

/// Looks at what was under way, however long the database is away.
async fn look_back(front: &Front, desk: &Desk) -> anyhow::Result<()> {
    let mut back_off = BackOff::new(Span::seconds(1), ASK_AGAIN);
    loop {
        match try_to_look_back(front, desk).await {
            Ok(None) => return Ok(()),
            Ok(Some(run)) => bail!(
                "run `{}` of environment `{}` is open in this database, and this process acts on `{}`",
                run.id,
                run.environment.id,
                desk.environment.id
            ),
            Err(error) if error.is_passing() => {
                again_later(front, &error, back_off.failed()).await;
            }
            Err(error) => return Err(error).context("could not take over the work"),
        }
    }
}

/// Looks at every open attempt, unless there is a run that is not ours: then nothing is touched.
async fn try_to_look_back(front: &Front, desk: &Desk) -> Result<Option<Run>, StoreError> {
    let runs = desk.engine.store.open_runs().await?;
    let foreign = runs.into_iter().find(|run| run.environment.id != desk.environment.id);
    if foreign.is_none() {
        let tell = |left| front.door.come_to(Phase::Recovering { left });
        recover::recover(&desk.engine, &front.work, tell).await?;
    }
    Ok(foreign)
}

async fn again_later(front: &Front, error: &StoreError, wait: Span) {
    front.door.come_to(Phase::Unreachable);
    let wait = Duration::from_millis(wait.ms());
    let seconds = wait.as_secs();
    error!(error = %Chain(error), "The database cannot be reached; trying again in {seconds} s");
    tokio::time::sleep(wait).await;
}

/// Opens the database. A PostgreSQL server that is not there (yet) is waited for, however long it takes.
async fn wait_for(database: &Database, front: &Front) -> anyhow::Result<Arc<dyn Store>> {
    let Database::Postgres(url) = database else { return open(database).await };
    let mut back_off = BackOff::new(Span::seconds(1), ASK_AGAIN);
    loop {
        match PostgresStore::open(url).await {
            Ok(store) => return Ok(Arc::new(store)),
            Err(error) if error.is_passing() => {
                again_later(front, &error, back_off.failed()).await;
            }
            Err(error) => return Err(error).context("could not open the database of DATABASE_URL"),
        }
    }
}

/// What people read while the door is shut.
fn shut(catalog: &Catalog, environment: &Environment) -> String {
    let voice = catalog.texts.voice(environment.chat.language, Some(environment));
    voice.plain(&Text::key("refused.starting"))
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

fn find(catalog: &Catalog, id: &EnvironmentId) -> anyhow::Result<Environment> {
    let Some(environment) = catalog.environment(id) else {
        let all: Vec<_> = catalog.environments.keys().map(ToString::to_string).collect();
        bail!("there is no environment `{id}`; there are: {}", all.join(", "));
    };
    Ok(environment.clone())
}
