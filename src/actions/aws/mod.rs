//! AWS: one client per service, region and purpose, all over one HTTP client (rustls with ring).
//!
//! Reading may be repeated by the SDK and is short. A call that changes something is sent once: retries are off, because
//! the SDK would send a `FailoverGlobalCluster` again after a cut connection. Right before it, [`Aws::caller_matches`]
//! asks STS who we are; in another account nothing is sent.

mod arc;
mod aurora;
mod elasticache;
mod error;
mod job;
mod jobs;
mod lever;
mod load_balancer;
mod looks;
mod nodes;
mod replica;
mod route53;
mod s3;
mod secret_replica;
mod secret_text;
mod secrets;
mod security_group;
mod setting;
mod simulate;
mod url_host;
mod wire;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use crate::actions::LookError;
use crate::domain::environment::Environment;
use crate::domain::time::Timestamp;

pub(super) use arc::SetRoutingControl;
pub(super) use aurora::{Aurora, Detach};
pub(super) use elasticache::{DetachGroup, FailoverGlobal, Promote};
pub(super) use job::Job;
pub(super) use jobs::{SetAlarm, StartAutomation, StartExperiment};
pub(super) use load_balancer::ReserveCapacity;
pub(super) use looks::{CheckMetric, CheckTargets, Metric, Sample, Window};
pub(super) use nodes::ScaleNodes;
pub(super) use replica::PromoteReplica;
pub(super) use route53::{Pin, SetTtl, SwapRoles};
pub(super) use s3::{Backfill, Latch, PutPolicy, SetReplication, replication_role};
pub(super) use secret_replica::PromoteSecret;
pub(super) use secrets::ReplaceHost;
pub(super) use security_group::CloseGroup;
pub(super) use setting::Setting;
pub(super) use simulate::{Decision, Question, principal, unbound};

pub(super) use error::Failure;
pub(super) use wire::Ask;

/// For what can only be described as a whole.
pub(super) const ANYTHING: &[&str] = &["*"];
/// Route 53 has one control plane, there.
pub(super) const ROUTE53_REGION: &str = "us-east-1";

/// How to reach AWS. `config.rs` fills it.
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// Instead of the real endpoints, for every service: an emulator or a VPC proxy.
    pub endpoint_url: Option<String>,
    /// Who we are.
    pub credentials: AwsCredentials,
    /// How long we wait.
    pub limits: AwsLimits,
}

/// Who we are to AWS.
#[derive(Debug, Clone, Default)]
pub enum AwsCredentials {
    /// As every AWS tool finds them: environment, profile, web identity, container, instance.
    #[default]
    DefaultChain,
    /// A fixed key, for tests against emulators.
    Static {
        /// The access key id.
        access_key_id: String,
        /// Its secret.
        secret_access_key: SecretString,
    },
}

/// How long we wait.
#[derive(Debug, Clone, Copy)]
pub struct AwsLimits {
    /// For a connection.
    pub connect: Duration,
    /// For a reading call, repeats included.
    pub look: Duration,
    /// For a call that changes something. Well inside `Patience::call`, which ends all of it: STS
    /// (`look`), this call, and what is left must cover writing the outcome down.
    pub act: Duration,
}

impl Default for AwsLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            look: Duration::from_secs(10),
            act: Duration::from_secs(25),
        }
    }
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reads: may be repeated.
    Look,
    /// Changes something: sent once.
    Act,
}

/// The clients.
#[derive(Debug)]
pub(in crate::actions) struct Aws {
    settings: AwsSettings,
    base: OnceCell<SdkConfig>,
    /// For what goes without an SDK client.
    web: OnceLock<reqwest::Client>,
}

impl Aws {
    pub(in crate::actions) fn new(settings: AwsSettings) -> Self {
        Self { settings, base: OnceCell::new(), web: OnceLock::new() }
    }

    /// Whether the settings send us to an emulator or a proxy.
    fn is_elsewhere(&self) -> bool {
        self.settings.endpoint_url.is_some()
    }

    /// As all that goes into a library, of a type that tells nothing of it: each caller's future would be looked through
    /// down to the last type of the SDK, which took the compiler a minute.
    fn base(&self) -> BoxFuture<'_, &SdkConfig> {
        async { self.base.get_or_init(|| Box::pin(self.load())).await }.boxed()
    }

    async fn load(&self) -> SdkConfig {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let http: SharedHttpClient = Builder::new().tls_provider(provider).build_https();
        // A region, so that the SDK does not look for one in the instance's metadata; every client names its own.
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::from_static(ROUTE53_REGION));
        if let Some(url) = &self.settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let AwsCredentials::Static { access_key_id, secret_access_key } =
            &self.settings.credentials
        {
            let secret = secret_access_key.expose_secret();
            loader = loader.credentials_provider(Credentials::new(
                access_key_id,
                secret,
                None,
                None,
                "settings",
            ));
        }
        loader.load().await
    }

    async fn config(&self, region: &str, purpose: Purpose) -> SdkConfig {
        let limits = self.settings.limits;
        let timeouts = TimeoutConfig::builder().connect_timeout(limits.connect);
        let (retries, timeouts) = match purpose {
            Purpose::Look => (
                RetryConfig::standard().with_max_attempts(2),
                timeouts
                    .operation_attempt_timeout(limits.look.mul_f32(0.6))
                    .operation_timeout(limits.look),
            ),
            Purpose::Act => (RetryConfig::disabled(), timeouts.operation_timeout(limits.act)),
        };
        self.base()
            .await
            .to_builder()
            .region(Region::new(region.to_owned()))
            .retry_config(retries)
            .timeout_config(timeouts.build())
            .build()
    }

    pub(in crate::actions) async fn rds(
        &self,
        region: &str,
        purpose: Purpose,
    ) -> aws_sdk_rds::Client {
        aws_sdk_rds::Client::new(&self.config(region, purpose).await)
    }

    pub(in crate::actions) async fn secrets(
        &self,
        region: &str,
        purpose: Purpose,
    ) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config(region, purpose).await)
    }

    pub(in crate::actions) async fn route53(&self, purpose: Purpose) -> aws_sdk_route53::Client {
        aws_sdk_route53::Client::new(&self.config(ROUTE53_REGION, purpose).await)
    }

    /// The time by which calls are signed.
    async fn now(&self) -> Option<Timestamp> {
        let now = self.base().await.time_source()?.now();
        let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
        Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
    }

    /// Asks STS in `region` who we are, and refuses every account but the environment's. Gives our ARN.
    pub(in crate::actions) async fn caller_matches(
        &self,
        environment: &Environment,
        region: &str,
    ) -> Result<String, LookError> {
        let client = aws_sdk_sts::Client::new(&self.config(region, Purpose::Look).await);
        let asked = client.get_caller_identity().send().boxed().await;
        let caller = asked.map_err(|error| Failure::of(&error).look(format!("sts in {region}")))?;
        let account = caller.account().unwrap_or("unknown");
        if account != environment.account {
            return Err(LookError::Unsafe {
                detail: format!(
                    "these credentials belong to account {account}, environment `{}` is account {}: \
                     nothing is sent; start dr-buddy with credentials of that account",
                    environment.id, environment.account
                ),
            });
        }
        Ok(caller.arn().unwrap_or("unknown").to_owned())
    }
}
