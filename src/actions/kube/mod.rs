//! Kubernetes: clusters by the name of their context, workloads as what the API server answers.
//!
//! A context is always named; "the current one" is whatever somebody last typed. A client is made for each call: the
//! kubeconfig's credential plugin runs then (on a blocking thread, never asking questions), so tokens are fresh and a
//! changed kubeconfig is seen. kube's own retries are off, because they cover PATCH too.

mod access;
mod cronjobs;
mod diff;
mod edit;
mod external_secrets;
mod object;
mod peek;
mod readiness;
mod ready;
mod restart;
mod scale;
mod served;
mod shown;
mod tally;
mod wanted;
mod workload;

use futures_util::FutureExt;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::actions::params::{clip, put, request, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Probe};
use crate::domain::text::told;

use edit::{Owner, owners};

pub(super) use access::{Access, may};
pub(super) use cronjobs::SuspendCronJobs;
pub(super) use external_secrets::Sync;
pub(super) use object::Object;
pub(super) use peek::{object_path, peek, plural_of, workload_path};
pub(super) use ready::WaitReady;
pub(super) use restart::Restart;
pub(super) use scale::Scale;

/// How to reach clusters. `config.rs` fills it.
#[derive(Debug, Clone)]
pub struct KubeSettings {
    /// The kubeconfig; without one every `k8s.*` action is refused.
    pub kubeconfig: Option<PathBuf>,
    /// For a connection.
    pub connect: Duration,
    /// For a whole preview, probe or run of one action, all its workloads together.
    pub whole: Duration,
}

impl Default for KubeSettings {
    fn default() -> Self {
        Self { kubeconfig: None, connect: Duration::from_secs(3), whole: Duration::from_secs(10) }
    }
}

/// What went wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// No connection: nothing was sent.
    NotConnected(String),
    /// The API server said no.
    Refused {
        /// The HTTP status.
        code: u16,
        /// Reason and message.
        detail: String,
    },
    /// These fields belong to others (409), and nothing was taken from them.
    Owned(Vec<Owner>),
    /// It may have been received.
    Unclear(String),
}

impl Trouble {
    fn of(error: &kube::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            let connect = error.downcast_ref::<hyper_util::client::legacy::Error>();
            if connect.is_some_and(hyper_util::client::legacy::Error::is_connect) {
                return Self::NotConnected(causes(error));
            }
            cause = error.source();
        }
        if let kube::Error::Api(status) = error {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let mut owned: Vec<Owner> = causes
                .filter(|cause| cause.reason == "FieldManagerConflict")
                .map(|cause| Owner::of(&cause.field, &cause.message))
                .collect();
            owned.sort();
            if status.code == 409 && !owned.is_empty() {
                return Self::Owned(owned);
            }
            let detail = clip(&format!("{} {}", status.reason, status.message));
            return if (400..500).contains(&status.code) {
                Self::Refused { code: status.code, detail }
            } else {
                Self::Unclear(format!("HTTP {} {detail}", status.code))
            };
        }
        if matches!(error, kube::Error::Auth(_) | kube::Error::BuildRequest(_)) {
            let detail = "no usable credentials or request".into();
            return Self::Refused { code: 0, detail };
        }
        Self::Unclear(causes(error))
    }

    /// The same, where the thing itself may be missing.
    fn looking_for(self, cluster: &Cluster, what: &str, namespace: &str) -> LookError {
        if let Self::Refused { code: code @ 404, .. } = self {
            let detail = format!("{code}: there is no {what} in namespace {namespace}");
            return LookError::Refused { system: cluster.system(), detail };
        }
        self.look(cluster)
    }

    fn look(self, cluster: &Cluster) -> LookError {
        let system = cluster.system();
        match self {
            Self::NotConnected(detail) | Self::Unclear(detail) => {
                LookError::Unreachable { system, detail }
            }
            Self::Refused { detail, .. } => LookError::Refused { system, detail },
            Self::Owned(all) => unsafe_because(told("trouble.owned", &[&owners(&all)])),
        }
    }
}

fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let mut texts: Vec<String> = chain.map(ToString::to_string).collect();
    texts.dedup();
    clip(&texts.join(": "))
}

/// A cluster and a client for it.
struct Cluster {
    context: String,
    /// Its address: another one under the same context name is another cluster, and voids an approval.
    server: String,
    client: Client,
    /// For one reading call: a server that hangs is known before anything is sent.
    read: Duration,
    /// The ids of what was sent to be done.
    sent: Mutex<Vec<String>>,
}

impl Cluster {
    async fn connect(settings: &KubeSettings, context: &str) -> Result<Self, LookError> {
        let path = settings.kubeconfig.clone().ok_or_else(|| {
            unsafe_because("no kubeconfig is configured, so no cluster can be reached")
        })?;
        let (name, connect, whole) = (context.to_owned(), settings.connect, settings.whole);
        let system = format!("cluster {context}");
        let made = tokio::task::spawn_blocking(move || make(&path, &name, connect, whole));
        match timeout(whole, made).await {
            Ok(Ok(made)) => {
                let (server, client) = made?;
                let (context, read, sent) = (context.to_owned(), whole / 2, Mutex::default());
                Ok(Self { context, server, client, read, sent })
            }
            Ok(Err(_)) => {
                Err(LookError::Refused { system, detail: "the kubeconfig cannot be used".into() })
            }
            Err(_) => Err(LookError::Unreachable {
                system,
                detail: "the credential plugin of the kubeconfig does not answer".into(),
            }),
        }
    }

    /// The cluster that was shown: another one under the same name is refused.
    async fn same(settings: &KubeSettings, context: &str, server: &str) -> Result<Self, LookError> {
        let cluster = Self::connect(settings, context).await?;
        if cluster.server == server {
            Ok(cluster)
        } else {
            Err(unsafe_because("the context names another cluster now"))
        }
    }

    fn system(&self) -> String {
        format!("cluster {}", self.context)
    }

    /// Sends what changes something. The API server takes the id for its audit log, where the evidence leads with it.
    async fn write(&self, mut request: http::Request<Vec<u8>>) -> Result<Value, Trouble> {
        let id = uuid::Uuid::new_v4().to_string();
        if let Ok(value) = http::HeaderValue::from_str(&id) {
            request.headers_mut().insert("audit-id", value);
        }
        self.sent().push(id);
        self.client.request(request).boxed().await.map_err(|error| Trouble::of(&error))
    }

    fn sent(&self) -> MutexGuard<'_, Vec<String>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn get(&self, path: &kube::core::Request, name: &str) -> Result<Value, Trouble> {
        let request = path
            .get(name, &kube::api::GetParams::default())
            .map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        timeout(self.read, self.client.request(request).boxed())
            .await
            .map_err(|_| Trouble::Unclear("no answer in time".into()))?
            .map_err(|error| Trouble::of(&error))
    }

    async fn list(
        &self,
        path: &kube::core::Request,
        wanted: &kube::api::ListParams,
    ) -> Result<Value, Trouble> {
        let request =
            path.list(wanted).map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        timeout(self.read, self.client.request(request).boxed())
            .await
            .map_err(|_| Trouble::Unclear("no answer in time".into()))?
            .map_err(|error| Trouble::of(&error))
    }

    async fn get_scale(&self, path: &kube::core::Request, name: &str) -> Result<Value, Trouble> {
        let request = path
            .get_subresource("scale", name)
            .map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        timeout(self.read, self.client.request(request).boxed())
            .await
            .map_err(|_| Trouble::Unclear("no answer in time".into()))?
            .map_err(|error| Trouble::of(&error))
    }
}

/// Runs on a blocking thread: reads a file and may run a program.
fn make(
    path: &std::path::Path,
    context: &str,
    connect: Duration,
    read: Duration,
) -> Result<(String, Client), LookError> {
    // The text of these errors can quote the file, tokens included: only their kind is told.
    let refused = |what: &str| LookError::Refused {
        system: format!("cluster {context}"),
        detail: what.to_owned(),
    };
    let mut file =
        Kubeconfig::read_from(path).map_err(|_| refused("the kubeconfig cannot be read"))?;
    for user in &mut file.auth_infos {
        if let Some(exec) = user.auth_info.as_mut().and_then(|user| user.exec.as_mut()) {
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
    }
    if !file.contexts.iter().any(|known| known.name == context) {
        return Err(refused("the kubeconfig has no such context"));
    }
    let options =
        KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let handle = tokio::runtime::Handle::current();
    let mut config = handle
        .block_on(kube::Config::from_custom_kubeconfig(file, &options))
        .map_err(|_| refused("the kubeconfig's context is not usable"))?;
    config.default_retry = false;
    config.connect_timeout = Some(connect);
    config.read_timeout = Some(read);
    config.write_timeout = Some(read);
    config.reset_reader_on_write = true;
    let agent = (
        "user-agent".parse().map_err(|_| refused("header"))?,
        concat!("dr-buddy/", env!("CARGO_PKG_VERSION")).parse().map_err(|_| refused("header"))?,
    );
    config.headers.push(agent);
    let server = config.cluster_url.to_string();
    let _in_runtime = handle.enter();
    let client = Client::try_from(config)
        .map_err(|_| refused("the credentials of the kubeconfig cannot be used"))?;
    Ok((server, client))
}

/// `work`, or that there was no answer in time.
async fn within<T>(
    settings: &KubeSettings,
    call: &Call<'_>,
    work: impl Future<Output = Result<T, LookError>>,
) -> Result<T, LookError> {
    timeout(settings.whole, work).await.unwrap_or_else(|_| {
        let context = call.with.get("context").and_then(Value::as_str).unwrap_or("unknown");
        Err(LookError::Unreachable {
            system: format!("cluster {context}"),
            detail: "no answer in time".into(),
        })
    })
}

/// The request of a preview; where there is none yet, that of one made now, for the facts.
async fn asked<T: DeserializeOwned>(
    action: &impl Action,
    call: &Call<'_>,
    value: &Value,
) -> Result<T, LookError> {
    match request(value) {
        Ok(asked) => Ok(asked),
        Err(_) => request(&action.preview(call).await?.request),
    }
}

/// What a probe that saw nothing says; a dead region is a fact that conditions may use.
fn blind(error: &LookError) -> Probe {
    let mut facts = Map::new();
    if matches!(error, LookError::Unreachable { .. }) {
        put(&mut facts, "reachable", Some(false));
    }
    Probe { happened: Happened::Unknown, facts, saw: error.said() }
}
