//! Two regions with everything the shipped runbooks name, and the environment file that says so.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use aws_sdk_route53::types::ResourceRecordSetFailover;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use axum::{Json, Router};
use dr_buddy::actions::{ActionSettings, AwsCredentials};
use dr_buddy::config::Config;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::cloud::Cloud;
use super::cluster::{COPIES, Cluster};
use super::gate::{Book, Gate, serve};
use super::life::{Life, Line};
use super::shop::{CACHES, CONTEXTS, Ground, LOAD_BALANCERS, OPERATIONS, Shop};
use crate::actions::seeds::{self, BUCKET, Seeds};
use crate::harness::{
    ALIAS_ZONE, AwsWorld, CONTROLS, DATASTORE, GROUPS, Kube, Kubelet, LOAD_BALANCER, Ministack,
    Moto, PASSWORD, StandIn, alias, kube, kubelet, ministack, moto, sdk_config,
    write_plain_kubeconfig,
};

/// Bucket and key of the latch.
pub(super) const LATCH: (&str, &str) = ("shop-latch", "failover-active");
/// The token for GitHub.
const GITHUB: &str = "Bearer github-0123456789";
/// Deployments with their replicas in each region: the DR region serves nobody, and has no workers.
pub(super) const DEPLOYMENTS: [(&str, [i32; 2]); 7] = [
    ("webhook-worker", [2, 0]),
    ("billing-worker", [2, 0]),
    ("ecommerce-worker", [3, 0]),
    ("ai-worker", [3, 0]),
    ("shop-api", [2, 1]),
    ("shop-front", [2, 1]),
    ("load-balancer-controller", [1, 1]),
];
/// Cron jobs, and whether they are suspended in each region.
pub(super) const CRON_JOBS: [(&str, [bool; 2]); 3] =
    [("nightly", [false, true]), ("invoices", [false, true]), ("retired", [true, true])];

/// What decides whether deployments happen.
#[derive(Debug)]
pub(super) struct GitHub {
    pub(super) endpoint: String,
    pub(super) workflows: Arc<Mutex<BTreeMap<String, &'static str>>>,
    task: JoinHandle<()>,
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl GitHub {
    async fn open(book: Book) -> Self {
        let all = ["deploy.yml", "terraform.yml"].map(|name| (name.to_owned(), "active"));
        let workflows = Arc::new(Mutex::new(BTreeMap::from(all)));
        let state = (Arc::clone(&workflows), book);
        let path = "/repos/shop/shop/actions/workflows/{file}";
        let router = Router::new()
            .route(path, get(workflow))
            .route(&format!("{path}/{{what}}"), put(turn_workflow))
            .with_state(state);
        let (endpoint, task) = serve(router).await;
        Self { endpoint, workflows, task }
    }
}

type Workflows = (Arc<Mutex<BTreeMap<String, &'static str>>>, Book);

async fn workflow(State((all, _)): State<Workflows>, Path(file): Path<String>) -> Json<Value> {
    let all = all.lock().expect("nobody panics while holding it");
    Json(json!({"path": file, "state": all[&file]}))
}

async fn turn_workflow(
    State((all, book)): State<Workflows>,
    Path((file, what)): Path<(String, String)>,
    headers: HeaderMap,
) -> (StatusCode, [(&'static str, String); 1]) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let status = match header("authorization") == Some(GITHUB) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::UNAUTHORIZED,
    };
    if status.is_success() {
        let state = if what == "enable" { "active" } else { "disabled_manually" };
        all.lock().expect("nobody panics while holding it").insert(file.clone(), state);
    }
    let id = uuid::Uuid::new_v4().to_string();
    book.note("github", format!("PUT {file}/{what}"), &id, status);
    (status, [("x-github-request-id", id)])
}

/// Two regions.
pub(super) struct World {
    pub(super) name: &'static str,
    pub(super) aws: Arc<AwsWorld>,
    /// Past the gate, to the stand-ins.
    pub(super) api: SdkConfig,
    pub(super) ministack: Ministack,
    pub(super) moto: (Moto, Seeds),
    pub(super) kube: &'static Kube,
    pub(super) namespace: String,
    pub(super) clusters: [Arc<Cluster>; 2],
    pub(super) cloud: Cloud,
    pub(super) shop: Shop,
    pub(super) github: GitHub,
    pub(super) book: Book,
    pub(super) folder: TempDir,
    gate: Gate,
    primary: watch::Sender<Life>,
    _dr: watch::Sender<Life>,
    _api_server: Line,
    _stand_in: StandIn,
    _kubelets: [Kubelet; 2],
}

impl World {
    /// Starts and seeds everything; `name` is nobody else's.
    pub(super) async fn open(name: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let book = Book::default();
        let (primary, dr) = (watch::channel(Life::Alive).0, watch::channel(Life::Alive).0);
        let pulses = || [primary.subscribe(), dr.subscribe()];
        let clouds = async {
            let (ministack, moto) = tokio::join!(ministack(), moto());
            let aws = Arc::new(AwsWorld::seed(&ministack).await);
            seeds::of_ministack(&ministack.direct).await;
            seed(&aws).await;
            let of_moto = seeds::of_moto(&moto.direct).await;
            let stand_in = StandIn::before(&ministack.direct).await;
            let api = sdk_config(&stand_in.endpoint, "us-east-1").await;
            (ministack, (moto, of_moto), aws, stand_in, api)
        };
        let ((ministack, moto, aws, stand_in, api), (kube, namespace, kubelets)) =
            tokio::join!(clouds, clusters());
        let cloud = Cloud::open(name, Arc::clone(&aws), api.clone(), pulses()).await;
        let mut gates = Vec::new();
        for ((context, server), aws) in
            CONTEXTS.into_iter().zip(kube.servers()).zip([&aws.primary, &aws.dr])
        {
            let server = (server, kube.administrator());
            let cluster = Cluster::open(context, server, &namespace, aws.clone(), book.clone());
            gates.push(Arc::new(cluster.await));
        }
        let clusters: [Arc<Cluster>; 2] = gates.try_into().expect("there are two");
        let behind = clusters[0].endpoint.rsplit(':').next().and_then(|port| port.parse().ok());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::harness::free_port()));
        let behind = behind.expect("it has a port");
        let api_server = Line::open(address, behind, primary.subscribe()).await;
        let path = folder.path().join("kubeconfig");
        let first = format!("http://{address}");
        write_plain_kubeconfig(&path, [&first, &clusters[1].endpoint]);
        let direct = (&stand_in.endpoint, &moto.0.direct);
        let gate = Gate::open(direct.0, direct.1, book.clone(), primary.subscribe()).await;
        let ground = Ground {
            kube,
            namespace: namespace.clone(),
            clusters: clusters.clone(),
            world: Arc::clone(&aws),
            ways: Arc::clone(&cloud.ways),
            book: book.clone(),
            pulses: pulses(),
        };
        Self {
            name,
            shop: Shop::open(&ground).await,
            github: GitHub::open(book.clone()).await,
            aws,
            api,
            ministack,
            moto,
            kube,
            namespace,
            clusters,
            cloud,
            book,
            folder,
            gate,
            primary,
            _dr: dr,
            _api_server: api_server,
            _stand_in: stand_in,
            _kubelets: kubelets,
        }
    }

    /// The primary region dies: its servers, and every way to them.
    pub(super) async fn kill(&self, how: Life) {
        self.cloud.freeze().await;
        self.primary.send_replace(how);
    }

    /// It is back.
    pub(super) async fn revive(&self) {
        self.cloud.thaw().await;
        self.primary.send_replace(Life::Alive);
    }

    /// What the product is started with, read by its own reader of settings.
    pub(super) fn settings(&self) -> ActionSettings {
        let caches = |which: usize| {
            format!("redis://:{PASSWORD}@{}/0", self.cloud.ways.caches[which].address)
        };
        let databases = |which: usize| {
            let address = self.cloud.ways.databases[which].address;
            format!("postgres://postgres:not-a-secret@{address}/postgres")
        };
        let public = format!("http://localhost:{}", self.shop.port);
        let github = &self.github.endpoint;
        let variables = BTreeMap::from([
            ("SLACK_BOT_TOKEN", "xoxb-nobody".to_owned()),
            ("SLACK_SIGNING_SECRET", "nobody".to_owned()),
            ("DR_BUDDY_ENVIRONMENT", "shop".to_owned()),
            ("AWS_ENDPOINT_URL", self.gate.endpoint.clone()),
            ("KUBECONFIG", self.folder.path().join("kubeconfig").display().to_string()),
            (
                "DR_BUDDY_CONNECTIONS",
                "aurora-primary=A,aurora-dr=B,redis-primary=C,redis-dr=D".to_owned(),
            ),
            ("A", databases(0)),
            ("B", databases(1)),
            ("C", caches(0)),
            ("D", caches(1)),
            ("DR_BUDDY_HTTP_HOSTS", format!("{public},{github}")),
            (
                "DR_BUDDY_HTTP_SECRETS",
                format!("github=GITHUB_TOKEN@{github},operations=OPERATIONS@{public}"),
            ),
            ("GITHUB_TOKEN", GITHUB.trim_start_matches("Bearer ").to_owned()),
            ("OPERATIONS", OPERATIONS.to_owned()),
        ]);
        let read = Config::read(&|name| variables.get(name).cloned());
        let mut settings = read.unwrap_or_else(|wrong| panic!("{wrong:#?}")).actions;
        settings.aws.credentials = AwsCredentials::Static {
            access_key_id: "ANOTREAL".into(),
            secret_access_key: "notrealrnrELgWzOk3IfjzDKtFBhDby".to_owned().into(),
        };
        settings
    }

    /// The environment file.
    pub(super) fn environment(&self) -> String {
        let aws = &*self.aws;
        let public = format!("http://localhost:{}", self.shop.port);
        let names: [(&str, &str); 29] = [
            ("account", &aws.account),
            ("global_cluster", &aws.global_cluster),
            ("primary_arn", &aws.primary_arn),
            ("dr_arn", &aws.dr_arn),
            ("primary_host", &aws.primary_host),
            ("dr_host", &aws.dr_host),
            ("zone", &aws.zone),
            ("group", &self.moto.1.group),
            ("datastore", DATASTORE),
            ("first", GROUPS[0].0),
            ("second", GROUPS[1].0),
            ("cache", CACHES[1]),
            ("database_secret", COPIES[0].1),
            ("cache_secret", COPIES[1].1),
            ("database_copy", COPIES[0].0),
            ("cache_copy", COPIES[1].0),
            ("namespace", &self.namespace),
            ("eu", LOAD_BALANCERS[0]),
            ("us", LOAD_BALANCERS[1]),
            ("alias_zone", ALIAS_ZONE),
            ("load_balancer", LOAD_BALANCER),
            ("latch_bucket", LATCH.0),
            ("latch_key", LATCH.1),
            ("public", &public),
            ("bucket", BUCKET),
            ("github", &self.github.endpoint),
            ("gate", &self.gate.endpoint),
            ("control_eu", CONTROLS[0]),
            ("control_us", CONTROLS[1]),
        ];
        let mut text = include_str!("environment.yaml").to_owned();
        for (name, value) in names {
            text = text.replace(&format!("<{name}>"), value);
        }
        text
    }
}

/// The records of the public name with their health check, and the secrets of both regions.
async fn seed(aws: &AwsWorld) {
    // What is written in the DR region is copied back.
    let back = "<ReplicationConfiguration><Role>arn:aws:iam::000000000000:role/replication</Role>\
        <Rule><ID>to-eu</ID><Priority>1</Priority><Status>Enabled</Status><Filter><Prefix/></Filter>\
        <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>\
        <Destination><Bucket>arn:aws:s3:::shop-images</Bucket></Destination></Rule></ReplicationConfiguration>";
    let endpoint = aws.dr.endpoint_url().expect("it is an emulator");
    let path = "/shop-images-us?replication";
    seeds::ask(endpoint, "s3", "us-east-1", Method::PUT, path, back.to_owned()).await;
    // Not by the SDK: the emulator answers `True`, which is no boolean of XML.
    let check = "<CreateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
        <CallerReference>seed</CallerReference><HealthCheckConfig><Type>HTTPS</Type>\
        <ResourcePath>/failover-active</ResourcePath>\
        <FullyQualifiedDomainName>shop-latch.s3.us-east-1.amazonaws.com</FullyQualifiedDomainName>\
        <Inverted>true</Inverted></HealthCheckConfig></CreateHealthCheckRequest>";
    let (endpoint, path) = (aws.primary.endpoint_url(), "/2013-04-01/healthcheck");
    let endpoint = endpoint.expect("it is an emulator");
    let made =
        seeds::ask(endpoint, "route53", "us-east-1", Method::POST, path, check.to_owned()).await;
    let id = seeds::between(&made, "<Id>", "</Id>");
    let mut primary = alias("eu", ResourceRecordSetFailover::Primary, LOAD_BALANCERS[0]);
    primary.health_check_id = Some(id);
    let secondary = alias("us", ResourceRecordSetFailover::Secondary, LOAD_BALANCERS[1]);
    aws.upsert([primary, secondary]).await;
    for region in [&aws.primary, &aws.dr] {
        let urls = [
            format!("postgres://shop:s3cr3t%2F@{}:5432/shop?sslmode=require", aws.primary_host),
            format!("rediss://:s3cr3t@{}:6379/0", CACHES[0]),
        ];
        for ((_, name), url) in COPIES.into_iter().zip(urls) {
            let client = aws_sdk_secretsmanager::Client::new(region);
            let made = client.create_secret().name(name).secret_string(url).send();
            made.await.expect("a secret");
        }
    }
}

/// A namespace in both clusters with everything in it.
async fn clusters() -> (&'static Kube, String, [Kubelet; 2]) {
    let kube = kube().await;
    let namespace = kube.namespace("round").await;
    for (region, context) in CONTEXTS.into_iter().enumerate() {
        for (name, replicas) in DEPLOYMENTS {
            kube.deployment(context, &namespace, name, replicas[region]).await;
        }
        let flags = json!({
            "metadata": {"name": "shop-flags"}, "data": {"dr_mode": "false", "read_only": "false"},
        });
        kube.create_in(context, &format!("/api/v1/namespaces/{namespace}/configmaps"), &flags)
            .await;
        for (name, suspended) in CRON_JOBS {
            let pod = json!({
                "restartPolicy": "Never", "containers": [{"name": "job", "image": "registry.test/shop:1"}],
            });
            let job = json!({
                "metadata": {"name": name},
                "spec": {
                    "schedule": "0 3 * * *", "suspend": suspended[region],
                    "jobTemplate": {"spec": {"template": {"spec": pod}}},
                },
            });
            let path = format!("/apis/batch/v1beta1/namespaces/{namespace}/cronjobs");
            kube.create_in(context, &path, &job).await;
        }
    }
    let kubelets = [kubelet(kube, "eu", &namespace).await, kubelet(kube, "us", &namespace).await];
    (kube, namespace, kubelets)
}
