//! A world in which the product is killed: an AWS, two clusters and a Slack of its own, and a database that both the
//! product and the test read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dr_buddy::domain::run::Run;
use dr_buddy::domain::run::log::Recorded;
use dr_buddy::domain::time::Timestamp;
use dr_buddy::engine::clock::{Clock, FastClock};
use dr_buddy::store::Store;
use dr_buddy::store::postgres::PostgresStore;
use dr_buddy::store::sqlite::SqliteStore;
use tempfile::TempDir;

use crate::conversation::people::{ANTOINE, LEO, MIA, STRANGER};
use crate::conversation::shop::{self, Shop};
use crate::conversation::stage::{TOKEN, clusters};
use crate::harness::{
    AwsWorld, Child, FakeSlack, Kube, Kubelet, Ministack, Tap, eventually, fake_slack, free_port,
    http, ministack, now_s, postgres,
};

/// How fast the product's clock goes.
pub(super) const SPEED: u32 = 20;
/// How long a lease is; then calls, looks and "nothing was started" have less than their part of it.
pub(super) const PATIENCE: &str = "3000,1000,1500,1500,300";
/// What Slack signs with.
pub(super) const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const BOT: &str = "xoxb-test-token";

/// In place of a built-in runbook that nobody starts here.
const UNUSED: &str = "
id: region-failback
title: {en: Unused, fr: Inutilisé}
phases: [{id: all, title: {en: All, fr: Tout}}]
restored_by: nothing
steps:
  - {id: nothing, title: {en: Nothing, fr: Rien}, phase: all, owner: ic, typical: 1m, worst: 5m,
     action: {human.task: {}}}
";

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Database {
    /// A file in the world's folder.
    Sqlite,
    /// A file elsewhere.
    File(PathBuf),
    /// A database of the server all tests share.
    Postgres,
    /// A database elsewhere.
    Url(String),
}

/// Everything but the product.
pub(super) struct World {
    pub(super) aws: Ministack,
    pub(super) shop: Arc<AwsWorld>,
    pub(super) kube: &'static Kube,
    /// Before the cluster in eu and the one in us.
    pub(super) taps: [Tap; 2],
    pub(super) namespace: String,
    pub(super) slack: FakeSlack,
    /// The product's database, read beside it.
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: FastClock,
    folder: TempDir,
    database: (&'static str, String),
    kubeconfig: PathBuf,
    right_at: u64,
    starts: AtomicU32,
    _app: Shop,
    _kubelets: [Kubelet; 2],
}

/// A running product.
pub(super) struct Server {
    pub(super) child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(super) base: String,
}

impl World {
    /// A new one.
    pub(super) async fn open(database: &Database) -> Self {
        Box::pin(Self::set_up(database)).await
    }

    async fn set_up(database: &Database) -> Self {
        let users = [(ANTOINE, "antoine"), (MIA, "mia"), (LEO, "leo"), (STRANGER, "eve")];
        let aws = async {
            let aws = ministack().await;
            let shop = Arc::new(AwsWorld::seed(&aws).await);
            let app = Shop::open(&shop).await;
            (aws, shop, app)
        };
        let ((aws, shop, app), slack, (kube, namespace, kubelets)) =
            tokio::join!(aws, fake_slack(BOT, &users), clusters());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (taps, kubeconfig) = kube.tapped(folder.path()).await;
        for part in ["environments", "prompts/runbooks"] {
            fs::create_dir_all(folder.path().join(part)).expect("a folder");
        }
        let write = |file: &str, text: &str| {
            fs::write(folder.path().join(file), text).expect("it can be written");
        };
        write("environments/shop.yaml", &app.environment(&shop, &namespace));
        write("prompts/runbooks/region-failover.yaml", &patient(&shop::runbook()));
        // The process starts a thousand times and more: it reads what it runs.
        write("prompts/runbooks/region-failback.yaml", UNUSED);
        let (database, store) = reader(database, folder.path()).await;
        let right_at = now_s() * 1000;
        let clock = FastClock::right_at(SPEED, Timestamp(i64::try_from(right_at).expect("soon")));
        Self {
            aws,
            shop,
            kube,
            taps,
            namespace,
            slack,
            store,
            clock,
            folder,
            database,
            kubeconfig,
            right_at,
            starts: AtomicU32::new(0),
            _app: app,
            _kubelets: kubelets,
        }
    }

    /// Starts the product with `faults` beside its settings; it may be dead before it is ready.
    pub(super) async fn start(&self, faults: &[(&str, String)]) -> Server {
        let mut server = self.begin(faults);
        let ready = format!("{}/readyz", server.base);
        let client = http();
        eventually("the product is ready, or dead", 60, || {
            let is_over = server.child.has_ended();
            let asked = client.get(&ready).send();
            async move {
                let is_ready = asked.await.is_ok_and(|answer| answer.status().is_success());
                (is_over || is_ready).then_some(())
            }
        })
        .await;
        server
    }

    fn begin(&self, faults: &[(&str, String)]) -> Server {
        let number = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let base = format!("127.0.0.1:{}", free_port());
        let at = |part: &str| self.folder.path().join(part).display().to_string();
        let settings = [
            ("DR_BUDDY_LISTEN", base.clone()),
            (self.database.0, self.database.1.clone()),
            ("DR_BUDDY_ENVIRONMENT", "shop".to_owned()),
            ("DR_BUDDY_ENVIRONMENTS", at("environments")),
            ("DR_BUDDY_PROMPTS", at("prompts")),
            ("DR_BUDDY_WEB_TOKENS", format!("antoine={TOKEN}")),
            ("SLACK_BOT_TOKEN", BOT.to_owned()),
            ("SLACK_SIGNING_SECRET", SECRET.to_owned()),
            ("SLACK_API_URL", self.slack.api_url.clone()),
            ("AWS_ENDPOINT_URL", self.aws.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "ANOTREAL".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "notrealrnrELgWzOk3IfjzDKtFBhDby".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("KUBECONFIG", self.kubeconfig.display().to_string()),
            ("RUST_LOG", "info".to_owned()),
            ("NO_COLOR", "1".to_owned()),
            ("DR_BUDDY_FAULTS_CLOCK", format!("{SPEED}@{}", self.right_at)),
            ("DR_BUDDY_FAULTS_PATIENCE", PATIENCE.to_owned()),
        ];
        let all = settings.iter().chain(faults);
        let all: Vec<(&str, &str)> = all.map(|(name, value)| (*name, value.as_str())).collect();
        let binary = Path::new(env!("CARGO_BIN_EXE_dr-buddy"));
        let name = format!("dr-buddy-{number}");
        let child = Child::start(&name, self.folder.path(), binary, ["serve"], &all);
        Server { child, base: format!("http://{base}") }
    }

    /// The run, if it was started.
    pub(super) async fn run(&self) -> Option<Run> {
        self.store.runs(1).await.expect("it can be read").pop()
    }

    /// Everything on its record.
    pub(super) async fn record(&self, run: &Run) -> Vec<Recorded> {
        self.store.record(&run.id, 0, u32::MAX).await.expect("it can be read")
    }

    /// Whether nothing is owed to anybody for the next minute and a half.
    pub(super) async fn is_quiet(&self) -> bool {
        let soon = self.clock.now().plus(dr_buddy::domain::time::Span::seconds(90));
        self.store.next_due().await.expect("it can be read").is_none_or(|due| due > soon)
    }
}

async fn reader(database: &Database, folder: &Path) -> ((&'static str, String), Arc<dyn Store>) {
    let (file, url) = match database {
        Database::Sqlite => (folder.join("dr.db"), None),
        Database::File(path) => (path.clone(), None),
        Database::Postgres => (PathBuf::new(), Some(postgres().await.database().await)),
        Database::Url(url) => (PathBuf::new(), Some(url.clone())),
    };
    if let Some(url) = url {
        let store = PostgresStore::open(&url.as_str().into()).await.expect("it opens");
        return (("DATABASE_URL", url), Arc::new(store));
    }
    let store = SqliteStore::open_beside(&file).await.expect("it opens");
    (("DR_BUDDY_DATABASE", file.display().to_string()), Arc::new(store))
}

/// The clock is fast and machines are not: nothing is overdue that only waits for a processor.
fn patient(runbook: &str) -> String {
    let mut parts = runbook.split("timeout: ");
    let mut text = parts.next().expect("there is always one").to_owned();
    for part in parts {
        text.push_str("timeout: 30m");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    text
}
