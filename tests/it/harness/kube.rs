//! Two real Kubernetes API servers, one per region, over one etcd.
//!
//! They take seconds and 330 MB each to start, so all tests of the binary share them and each takes namespaces of its
//! own. They live in a static and end with the process (see [`super::child`]); their folder is swept by the next run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::OnceCell;

use super::child::{Child, free_port};
use super::tap::Tap;
use super::{certificates, crypto, eventually, tools};

/// The running servers.
#[derive(Debug)]
pub(crate) struct Kube {
    /// A kubeconfig with the contexts `eu` and `us`, as an administrator.
    pub(crate) kubeconfig: PathBuf,
    /// `["eu", "us"]`.
    pub(crate) contexts: [&'static str; 2],
    folder: PathBuf,
    ports: [u16; 2],
    _children: Vec<Child>,
}

/// The two servers, started by the first who asks.
pub(crate) async fn kube() -> &'static Kube {
    static KUBE: OnceCell<Kube> = OnceCell::const_new();
    KUBE.get_or_init(start).await
}

impl Kube {
    /// A kubeconfig with other context names: `(name, "eu" | "us")`, written where nobody else looks.
    pub(crate) fn kubeconfig_named(&self, contexts: &[(&str, &str)]) -> PathBuf {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("kubeconfig-{number}"));
        write_kubeconfig(&path, &self.folder, self.ports, contexts);
        path
    }

    /// A kubeconfig for somebody who holds these cluster roles of `deploy/kubernetes/rbac.yaml` in one namespace of both
    /// servers, and nothing else.
    pub(crate) async fn kubeconfig_of(&self, namespace: &str, roles: &[&str]) -> PathBuf {
        let user = format!("dr-buddy-{namespace}-{}", roles.len());
        let file = fs::read_to_string(super::repository().join("deploy/kubernetes/rbac.yaml"));
        let file = file.expect("it is there");
        for context in self.contexts {
            let client = self.client(context).await;
            for text in file.split("---").skip(1) {
                let role: ClusterRole = serde_saphyr::from_str(text).expect("it is a role");
                let name = role.metadata.name.clone().expect("it has a name");
                let all: Api<ClusterRole> = Api::all(client.clone());
                // Another test may have made it.
                drop(all.create(&PostParams::default(), &role).await);
                if !roles.contains(&name.as_str()) {
                    continue;
                }
                let binding = serde_json::from_value(json!({
                    "metadata": {"name": format!("{user}-{name}")},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
                }));
                let binding: RoleBinding = binding.expect("it is a binding");
                let api: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
                api.create(&PostParams::default(), &binding).await.expect("a binding");
            }
        }
        self.kubeconfig_as(&user)
    }

    /// The kubeconfig of a user who may do just this in the namespace: `patch deployments.apps/scale`.
    pub(crate) async fn kubeconfig_of_rules<'a>(
        &self,
        namespace: &str,
        user: &str,
        rules: impl IntoIterator<Item = &'a str>,
    ) -> PathBuf {
        let rule = |text: &str| {
            let (verb, resource) = text.split_once(' ').expect("a verb and a kind");
            let (path, part) = resource.split_once('/').unwrap_or((resource, ""));
            let (plural, group) = path.split_once('.').unwrap_or((path, ""));
            let resource = if part.is_empty() { plural.into() } else { format!("{plural}/{part}") };
            json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
        };
        let rules: Vec<serde_json::Value> = rules.into_iter().map(rule).collect();
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": user}, "rules": rules,
        });
        self.create(&format!("{path}/roles"), &role).await;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        self.create(&format!("{path}/rolebindings"), &binding).await;
        self.kubeconfig_as(user)
    }

    /// As somebody else, in both contexts.
    fn kubeconfig_as(&self, user: &str) -> PathBuf {
        let path = self.kubeconfig_named(&[("eu", "eu"), ("us", "us")]);
        let text = fs::read_to_string(&path).expect("we wrote it");
        let text =
            text.replace("client-certificate:", &format!("as: '{user}', client-certificate:"));
        fs::write(&path, text).expect("it can be written");
        path
    }

    /// Everything of these kinds in a namespace of `eu`, as the server has it.
    pub(crate) async fn everything(&self, namespace: &str) -> serde_json::Value {
        let client = self.client("eu").await;
        let mut all = serde_json::Map::new();
        for path in [
            "api/v1/namespaces/NS/configmaps",
            "apis/apps/v1/namespaces/NS/deployments",
            "apis/batch/v1beta1/namespaces/NS/cronjobs",
        ] {
            let path = format!("/{}", path.replace("NS", namespace));
            let list: serde_json::Value = client.request(http_get(&path)).await.expect("a list");
            for item in list["items"].as_array().expect("items") {
                let name = item["metadata"]["name"].as_str().expect("a name");
                all.insert(format!("{path}/{name}"), item.clone());
            }
        }
        serde_json::Value::Object(all)
    }

    /// Creates an object of `eu` by the path of its collection, as `kubectl` does.
    pub(crate) async fn create(&self, path: &str, object: &serde_json::Value) {
        self.create_in("eu", path, object).await;
    }

    /// The same in `eu` or `us`.
    pub(crate) async fn create_in(&self, context: &str, path: &str, object: &serde_json::Value) {
        let request = axum::http::Request::post(format!("{path}?fieldManager=kubectl"))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .expect("it is well formed");
        let made = self.client(context).await.request::<serde_json::Value>(request).await;
        made.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// One object of `eu`, if it is there.
    pub(crate) async fn object(&self, path: &str) -> Option<serde_json::Value> {
        self.object_in("eu", path).await
    }

    /// One object of `eu` or `us`, or a list of them.
    pub(crate) async fn object_in(&self, context: &str, path: &str) -> Option<serde_json::Value> {
        self.client(context).await.request(http_get(path)).await.ok()
    }

    /// Deletes one object of a server.
    pub(crate) async fn delete(&self, context: &str, path: &str) {
        let request = axum::http::Request::delete(path).body(Vec::new()).expect("well formed");
        let done = self.client(context).await.request::<serde_json::Value>(request).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// A merge patch of one object of `eu`, as another manager.
    pub(crate) async fn merge(&self, path: &str, patch: &serde_json::Value) {
        let request = axum::http::Request::patch(format!("{path}?fieldManager=argocd-controller"))
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())
            .expect("it is well formed");
        let done = self.client("eu").await.request::<serde_json::Value>(request).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// A client for who stands between somebody and these servers, as an administrator.
    pub(crate) fn administrator(&self) -> reqwest::Client {
        crypto();
        let read = |name: &str| fs::read(self.folder.join(name)).expect("we wrote it");
        let identity = [read("admin.crt"), read("admin.key")].concat();
        reqwest::Client::builder()
            .identity(reqwest::Identity::from_pem(&identity).expect("we made it"))
            .tls_certs_only([reqwest::Certificate::from_pem(&read("ca.crt")).expect("it is one")])
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .expect("a client")
    }

    /// Where the servers are, `eu` and `us`.
    pub(crate) fn servers(&self) -> [String; 2] {
        self.ports.map(|port| format!("https://127.0.0.1:{port}"))
    }

    /// A tap before each server, `eu` and `us`, and a kubeconfig in which they stand for the servers.
    pub(crate) async fn tapped(&self, folder: &Path) -> ([Tap; 2], PathBuf) {
        let [eu, us] = self.servers();
        let (eu, us) = (
            Tap::with(&eu, self.administrator()).await,
            Tap::with(&us, self.administrator()).await,
        );
        let path = folder.join("kubeconfig");
        write_plain_kubeconfig(&path, [&eu.endpoint, &us.endpoint]);
        ([eu, us], path)
    }

    /// A client for `eu` or `us`.
    pub(crate) async fn client(&self, context: &str) -> Client {
        client(&self.kubeconfig, context).await
    }

    /// Makes a namespace of this test's own in both regions: `PREFIX-N`.
    pub(crate) async fn namespace(&self, prefix: &str) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        for context in self.contexts {
            let api: Api<Namespace> = Api::all(self.client(context).await);
            let namespace = serde_json::from_value(json!({ "metadata": { "name": name } }));
            let namespace = namespace.expect("it is a namespace");
            api.create(&PostParams::default(), &namespace).await.expect("a namespace");
        }
        name
    }

    /// Makes a deployment.
    pub(crate) async fn deployment(
        &self,
        context: &str,
        namespace: &str,
        name: &str,
        replicas: i32,
    ) {
        let labels = json!({ "app": name });
        let deployment = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": labels },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [{ "name": "app", "image": "registry.test/shop:1" }] }
                }
            }
        }));
        let deployment = deployment.expect("it is a deployment");
        let api: Api<Deployment> = Api::namespaced(self.client(context).await, namespace);
        api.create(&PostParams::default(), &deployment).await.expect("a deployment");
    }

    /// What the server says of a deployment.
    pub(crate) async fn get(&self, context: &str, namespace: &str, name: &str) -> Deployment {
        let api: Api<Deployment> = Api::namespaced(self.client(context).await, namespace);
        api.get(name).await.expect("it is there")
    }

    /// How many replicas are wanted.
    pub(crate) async fn replicas(&self, context: &str, namespace: &str, name: &str) -> i32 {
        let found = self.get(context, namespace, name).await;
        found.spec.and_then(|spec| spec.replicas).expect("it has a number")
    }

    /// The annotations of the pod template, where a restart leaves its mark.
    pub(crate) async fn template_annotations(
        &self,
        context: &str,
        namespace: &str,
        name: &str,
    ) -> BTreeMap<String, String> {
        let found = self.get(context, namespace, name).await;
        let template = found.spec.expect("it has a spec").template;
        template.metadata.and_then(|metadata| metadata.annotations).unwrap_or_default()
    }

    /// Changes a deployment behind the product's back.
    pub(crate) async fn patch(
        &self,
        context: &str,
        namespace: &str,
        name: &str,
        patch: serde_json::Value,
    ) {
        let api: Api<Deployment> = Api::namespaced(self.client(context).await, namespace);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
    }
}

async fn client(kubeconfig: &Path, context: &str) -> Client {
    crypto();
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..Default::default() };
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("we wrote it");
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("we wrote it");
    Client::try_from(config).expect("a client")
}

async fn start() -> Kube {
    let folder = sweep_and_make();
    certificates::write(&folder);
    let [etcd_port, peer_port, eu, us] = [free_port(), free_port(), free_port(), free_port()];
    let etcd = format!("http://127.0.0.1:{etcd_port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    let data = folder.join("etcd");
    let arguments = [
        "--data-dir",
        data.to_str().expect("it is text"),
        "--listen-client-urls",
        &etcd,
        "--advertise-client-urls",
        &etcd,
        "--listen-peer-urls",
        &peer,
        "--initial-advertise-peer-urls",
        &peer,
        "--initial-cluster",
        &format!("default={peer}"),
        // The data lives as long as the tests: no need to wait for the disk.
        "--unsafe-no-fsync",
    ];
    let etcd_child = Child::start("etcd", &folder, &tools::kubernetes("etcd"), arguments, &[]);
    let etcd_child = super::aws::ready(etcd_child, &format!("{etcd}/health")).await;
    let mut children =
        vec![etcd_child, apiserver(&folder, "eu", eu, &etcd), apiserver(&folder, "us", us, &etcd)];
    let kubeconfig = folder.join("kubeconfig");
    write_kubeconfig(&kubeconfig, &folder, [eu, us], &[("eu", "eu"), ("us", "us")]);
    for context in ["eu", "us"] {
        let client = client(&kubeconfig, context).await;
        eventually(&format!("the API server {context} is ready"), 120, || {
            children.iter_mut().for_each(Child::must_live);
            let request = http_get("/readyz");
            async { client.request_text(request).await.ok().filter(|said| said == "ok").map(drop) }
        })
        .await;
    }
    Kube { kubeconfig, contexts: ["eu", "us"], folder, ports: [eu, us], _children: children }
}

fn http_get(path: &str) -> axum::http::Request<Vec<u8>> {
    axum::http::Request::get(path).body(Vec::new()).expect("it is well formed")
}

/// `target/tmp/kube-PID`, after removing those of runs that are over.
fn sweep_and_make() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("kube-"));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another test binary may be sweeping too.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let folder = root.join(format!("kube-{}", std::process::id()));
    // There is one only after a start that failed.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn apiserver(folder: &Path, region: &str, port: u16, etcd: &str) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let certificates = folder.join(format!("{region}-run"));
    let arguments = [
        format!("--etcd-servers={etcd}"),
        format!("--etcd-prefix=/{region}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--insecure-port=0".to_owned(),
        format!("--cert-dir={}", certificates.display()),
        format!("--tls-cert-file={}", at("apiserver.crt")),
        format!("--tls-private-key-file={}", at("apiserver.key")),
        format!("--client-ca-file={}", at("ca.crt")),
        format!("--service-account-key-file={}", at("sa.pub")),
        format!("--service-account-signing-key-file={}", at("sa.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // No controller makes the default service account here; without it every pod would be refused.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ];
    let name = format!("kube-apiserver-{region}");
    Child::start(&name, folder, &tools::kubernetes("kube-apiserver"), arguments, &[])
}

fn write_kubeconfig(path: &Path, folder: &Path, ports: [u16; 2], contexts: &[(&str, &str)]) {
    let folder = folder.display();
    let mut text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n\
         - {{name: eu, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: '{folder}/ca.crt'}}}}\n\
         - {{name: us, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: '{folder}/ca.crt'}}}}\n\
         users:\n- {{name: admin, user: {{client-certificate: '{folder}/admin.crt', client-key: '{folder}/admin.key'}}}}\n\
         contexts:\n",
        ports[0], ports[1]
    );
    for (name, region) in contexts {
        assert!(["eu", "us"].contains(region), "`{region}` is neither eu nor us");
        writeln!(text, "- {{name: '{name}', context: {{cluster: {region}, user: admin}}}}")
            .expect("a string takes everything");
    }
    writeln!(text, "current-context: '{}'", contexts[0].0).expect("a string takes everything");
    fs::write(path, text).expect("it can be written");
}

/// The contexts `eu` and `us` of servers that ask nobody who they are.
pub(crate) fn write_plain_kubeconfig(path: &Path, servers: [&str; 2]) {
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n\
             - {{name: eu, cluster: {{server: '{}'}}}}\n- {{name: us, cluster: {{server: '{}'}}}}\n\
             users: [{{name: nobody, user: {{}}}}]\ncontexts:\n\
             - {{name: eu, context: {{cluster: eu, user: nobody}}}}\n\
             - {{name: us, context: {{cluster: us, user: nobody}}}}\n",
        servers[0], servers[1]
    );
    fs::write(path, text).expect("it can be written");
}

#[tokio::test]
async fn the_api_servers_scale_a_deployment_each_on_its_own() {
    let kube = kube().await;
    let namespace = kube.namespace("scale").await;
    for context in kube.contexts {
        kube.deployment(context, &namespace, "workers", 3).await;
    }
    kube.patch("eu", &namespace, "workers", json!({ "spec": { "replicas": 0 } })).await;
    assert_eq!(kube.replicas("eu", &namespace, "workers").await, 0);
    assert_eq!(
        kube.replicas("us", &namespace, "workers").await,
        3,
        "the other region is another world"
    );
}

#[tokio::test]
async fn a_kubeconfig_may_name_the_contexts_as_it_likes() {
    let kube = kube().await;
    let path = kube.kubeconfig_named(&[("shop-dr", "us"), ("shop", "eu")]);
    let version = client(&path, "shop-dr").await.apiserver_version().await.unwrap();
    assert_eq!(version.minor.trim_end_matches('+'), "20");
}
