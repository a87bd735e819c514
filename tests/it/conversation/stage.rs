//! One stage: an AWS, two Kubernetes, a Slack, an application, and the real binary `dr-buddy serve` between them.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::{ANTOINE, LEO, MIA, ROOM, STRANGER};
use super::shop::{self, Shop};
use crate::harness::{
    AppPaths, AwsWorld, Child, Door, FakeGroups, FakeSockets, Kube, Kubelet, LocalSlack, Ministack,
    SlackSetup, eventually, fake_sockets, free_port, http, judge, kube, kubelet, local_slack,
    ministack, ready,
};

/// Antoine's token for the war room in the browser.
pub(crate) const TOKEN: &str = "antoine-0123456789";

/// For Socket Mode.
const APP_TOKEN: &str = "xapp-1-A01APP-1-test";

/// The workers of the primary region, with their replicas.
pub(crate) const WRITERS: [(&str, i32); 3] =
    [("ai-worker", 3), ("billing-worker", 2), ("shop-api", 2)];

/// What differs between stages.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Runbooks beside the shipped ones: `(file, text)`.
    pub(super) runbooks: Vec<(&'static str, String)>,
    /// How Slack reaches the product.
    pub(super) door: Door,
    /// What stands under `chat` in the environment beside the war room: `teams: [T01TEST]`.
    pub(super) chat: &'static str,
    /// Another Web API than local-slack's.
    pub(super) api_url: Option<String>,
    /// User groups in the environment: `[{id: S0DB, roles: [db]}]`.
    pub(super) groups: Option<&'static str>,
    /// The section `alerts` of the environment, as a line.
    pub(super) alerts: &'static str,
    /// Where the database is, if not in the stage's folder.
    pub(super) database: Option<PathBuf>,
    /// More settings of the product.
    pub(super) more: Vec<(&'static str, String)>,
    /// A shell that starts the product with the signal of a file too large ignored.
    pub(super) through: Option<PathBuf>,
}

/// A stage with its servers. The product is started by [`Stage::start`].
pub(super) struct Stage {
    pub(super) aws: Ministack,
    pub(super) world: Arc<AwsWorld>,
    pub(super) kube: &'static Kube,
    pub(super) namespace: String,
    pub(super) slack: LocalSlack,
    /// Slack's side of Socket Mode, if it is used.
    pub(super) sockets: Option<Arc<FakeSockets>>,
    /// The user groups, if there are any.
    pub(super) groups: Option<FakeGroups>,
    /// `http://127.0.0.1:PORT`, the same after a restart.
    pub(super) base: String,
    pub(super) database: PathBuf,
    pub(super) environment: String,
    api_url: String,
    door: Door,
    through: Option<PathBuf>,
    more: Vec<(&'static str, String)>,
    process: RefCell<Option<Child>>,
    said: RefCell<String>,
    starts: RefCell<u32>,
    _shop: Shop,
    _kubelets: [Kubelet; 2],
    folder: TempDir,
}

impl Stage {
    /// Sets everything up and starts the product.
    pub(super) async fn open(script: Script) -> Self {
        let stage = Box::pin(Self::set_up(script)).await;
        stage.start().await;
        stage
    }

    async fn set_up(script: Script) -> Self {
        let users = [(ANTOINE, "antoine"), (MIA, "mia"), (LEO, "leo"), (STRANGER, "eve")];
        let mut setup = SlackSetup::new(&users, &[(ROOM, "war-room")]);
        setup.app_token = (script.door == Door::Native).then(|| APP_TOKEN.to_owned());
        let aws = async {
            let aws = ministack().await;
            let world = Arc::new(AwsWorld::seed(&aws).await);
            let shop = Shop::open(&world).await;
            (aws, world, shop)
        };
        let ((aws, world, shop), slack, (kube, namespace, kubelets)) =
            tokio::join!(aws, local_slack(setup), clusters());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let environment = shop.environment(&world, &namespace);
        let environment = environment.replace("chat: {", &format!("chat: {{{}", script.chat));
        let groups = script.groups.map(|groups| format!("groups: {groups}\n"));
        let environment = environment + &groups.unwrap_or_default() + script.alerts;
        for part in ["environments", "prompts/runbooks"] {
            fs::create_dir_all(folder.path().join(part)).expect("a folder");
        }
        let write = |file: &str, text: &str| {
            fs::write(folder.path().join(file), text).expect("it can be written");
        };
        write("environments/shop.yaml", &environment);
        write("prompts/runbooks/region-failover.yaml", &shop::runbook());
        for (file, text) in &script.runbooks {
            write(&format!("prompts/runbooks/{file}"), text);
        }
        let base = format!("http://127.0.0.1:{}", free_port());
        slack.connect(&base, AppPaths::default());
        let mut api_url = script.api_url.unwrap_or_else(|| slack.api_url());
        let mut groups = None;
        if script.groups.is_some() {
            let before = FakeGroups::before(&api_url).await;
            api_url.clone_from(&before.api_url);
            groups = Some(before);
        }
        let sockets = match script.door {
            Door::Http | Door::Native => None,
            Door::Socket | Door::Both => {
                Some(Arc::new(fake_sockets(APP_TOKEN, Some(api_url.clone())).await))
            }
        };
        if let Some(sockets) = &sockets {
            slack.through(script.door, Arc::clone(sockets));
        }
        Self {
            door: script.door,
            through: script.through,
            more: script.more,
            api_url: sockets.as_ref().map_or(api_url, |sockets| sockets.api_url.clone()),
            sockets,
            groups,
            database: script.database.unwrap_or_else(|| folder.path().join("dr.db")),
            aws,
            world,
            kube,
            namespace,
            slack,
            base,
            environment,
            process: RefCell::default(),
            said: RefCell::default(),
            starts: RefCell::default(),
            _shop: shop,
            _kubelets: kubelets,
            folder,
        }
    }

    /// Starts `dr-buddy serve` and waits until it is ready.
    pub(super) async fn start(&self) {
        let number = {
            let mut starts = self.starts.borrow_mut();
            *starts += 1;
            *starts
        };
        let binary = Path::new(env!("CARGO_BIN_EXE_dr-buddy"));
        let name = format!("dr-buddy-{number}");
        let settings = self.settings();
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let here = self.folder.path();
        let child = match &self.through {
            None => Child::start(&name, here, binary, ["serve"], &settings),
            Some(shell) => {
                let line = format!("trap '' XFSZ; exec {} serve", binary.display());
                Child::start(&name, here, shell, ["-c", &line], &settings)
            }
        };
        let child = ready(child, &format!("{}/readyz", self.base)).await;
        *self.process.borrow_mut() = Some(child);
        if self.door != Door::Http {
            self.is_ready("2 of 2 open").await;
        }
    }

    /// Waits until the product says this of itself.
    pub(super) async fn is_ready(&self, words: &str) {
        eventually(&format!("`{words}` in /readyz"), 60, || async {
            let asked = http().get(format!("{}/readyz", self.base)).send().await.ok()?;
            asked.text().await.ok()?.contains(words).then_some(())
        })
        .await;
    }

    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let at = |part: &str| self.folder.path().join(part).display().to_string();
        let secret = ("SLACK_SIGNING_SECRET", self.slack.setup.signing_secret.clone());
        let token = ("SLACK_APP_TOKEN", APP_TOKEN.to_owned());
        let doors = match self.door {
            Door::Http => vec![secret],
            Door::Socket | Door::Native => vec![token],
            Door::Both => vec![secret, token],
        };
        let mut settings = vec![
            ("DR_BUDDY_LISTEN", self.base.trim_start_matches("http://").to_owned()),
            ("DR_BUDDY_DATABASE", self.database.display().to_string()),
            ("DR_BUDDY_ENVIRONMENT", "shop".to_owned()),
            ("DR_BUDDY_ENVIRONMENTS", at("environments")),
            ("DR_BUDDY_PROMPTS", at("prompts")),
            ("DR_BUDDY_WEB_TOKENS", format!("antoine={TOKEN}")),
            ("SLACK_BOT_TOKEN", self.slack.setup.bot_token.clone()),
            ("SLACK_API_URL", self.api_url.clone()),
            ("AWS_ENDPOINT_URL", self.aws.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "ANOTREAL".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "notrealrnrELgWzOk3IfjzDKtFBhDby".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("KUBECONFIG", self.kube.kubeconfig.display().to_string()),
            ("RUST_LOG", "info".to_owned()),
            ("NO_COLOR", "1".to_owned()),
        ];
        settings.extend(doors);
        settings.extend(self.more.iter().cloned());
        settings
    }

    /// `kill -9`.
    pub(super) fn kill(&self) {
        let child = self.process.borrow_mut().take().expect("it runs");
        self.said.borrow_mut().push_str(&child.said());
        drop(child);
    }

    /// Sends the product a signal.
    pub(super) fn signal(&self, name: &str) {
        let id = self.pid().to_string();
        let ran = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(ran.expect("kill runs").success());
    }

    /// Waits until the product has ended; its exit code.
    pub(super) async fn ended(&self) -> Option<i32> {
        let code = eventually("it ends", 60, || {
            let code = self.process.borrow_mut().as_mut().expect("it runs").ended_with();
            async move { code }
        })
        .await;
        self.kill();
        code
    }

    /// Whether it says that it is not ready, and this why.
    pub(super) async fn not_ready(&self, why: &str) -> Option<()> {
        let answer = http().get(format!("{}/readyz", self.base)).send().await.ok()?;
        let status = answer.status().as_u16();
        (status == 503 && answer.text().await.ok()?.contains(why)).then_some(())
    }

    /// The product's process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.borrow().as_ref().expect("it runs").id()
    }

    /// Panics with its log if the product has ended.
    pub(super) fn must_live(&self) {
        self.process.borrow_mut().as_mut().expect("it was started").must_live();
    }

    /// Everything the product has logged.
    pub(super) fn log(&self) -> String {
        let now = self.process.borrow().as_ref().map(Child::said).unwrap_or_default();
        format!("{}{now}", self.said.borrow())
    }

    /// Somebody types `/dr …`, and is answered this alone.
    pub(super) async fn told(&self, user: &str, text: &str, words: &str) {
        let before = self.slack.ephemeral_to(user, ROOM).await.len();
        self.type_dr(user, text).await;
        let answer = eventually(&format!("an answer to `{text}`"), 20, || async {
            self.slack.ephemeral_to(user, ROOM).await.into_iter().nth(before)
        })
        .await
        .to_string();
        assert!(answer.contains(words), "{user} typed `{text}`: {answer}");
    }

    /// Every message and form the product has sent to local-slack, each once, for the judges.
    pub(super) async fn block_kit(&self) -> Vec<Value> {
        let mut payloads: Vec<Value> = Vec::new();
        for entry in self.slack.log().await {
            let detail = &entry["detail"];
            let payload = match entry["kind"].as_str() {
                Some("web_api") if detail["view"].is_object() => detail["view"].clone(),
                Some("web_api") if detail["blocks"].is_array() => {
                    json!({ "text": detail["text"], "blocks": detail["blocks"] })
                }
                _ => continue,
            };
            if !payloads.contains(&payload) {
                payloads.push(payload);
            }
        }
        let answers = self.slack.deliveries().into_iter().flat_map(|one| one.answers);
        let answers = answers.filter_map(|answer| serde_json::from_str::<Value>(&answer.body).ok());
        payloads.extend(
            answers
                .filter(|answer| answer["blocks"].is_array())
                .map(|answer| json!({ "text": answer["text"], "blocks": answer["blocks"] })),
        );
        payloads
    }

    /// Has the judges look at all that was sent.
    pub(super) async fn judged(&self, name: &str) {
        let payloads = self.block_kit().await;
        assert!(!payloads.is_empty(), "nothing was sent");
        judge(name, &payloads);
    }
}

/// The two clusters with a namespace, its deployments, and what makes them settle.
pub(crate) async fn clusters() -> (&'static Kube, String, [Kubelet; 2]) {
    let kube = kube().await;
    let namespace = kube.namespace("shop").await;
    for (name, replicas) in WRITERS {
        kube.deployment("eu", &namespace, name, replicas).await;
    }
    kube.deployment("us", &namespace, "shop-api", 2).await;
    let kubelets = [kubelet(kube, "eu", &namespace).await, kubelet(kube, "us", &namespace).await];
    (kube, namespace, kubelets)
}
