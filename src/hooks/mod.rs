//! Alerts of monitoring systems in: one address for each that is set up, and none for the others.
//!
//! A body is bounded, then proven to be the sender's ([`proof`], and for SNS [`sns`] with [`certificate`]), then read by
//! the domain, then recorded by the desk, and only then answered: what is answered with 200 is on the record, and
//! everybody else sends it again. An answer names what is wrong and repeats nothing of what was sent; so do the logs.

mod certificate;
mod proof;
mod sns;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::SecretString;
use serde_json::Value;
use tower_http::limit::RequestBodyLimitLayer;
use tracing::{info, warn};

use crate::actions::Kept;
use crate::desk::Desk;
use crate::domain::alert::{Alert, Vendor, read};
use crate::domain::time::Timestamp;
use crate::telemetry::Chain;

/// Largest body: SNS sends 256 kilobytes at most, a large group of Alertmanager is as large.
const BODY: usize = 512 * 1024;
/// Shortest secret.
const SECRET: usize = 16;
/// How long recording may take: everybody waits ten seconds at least.
const RECORD: Duration = Duration::from_secs(8);

/// How alerts come in. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
pub struct HookSettings {
    /// `DR_BUDDY_HOOKS`: for each vendor its secrets, more than one while they are changed.
    pub secrets: Vec<(Vendor, Kept)>,
    /// Certificates to trust besides the system's, as a PEM file.
    pub extra_ca: Option<PathBuf>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// Nobody sends alerts there.
    #[error("no alerts are taken at /hooks/{0}: set it up first")]
    NotSetUp(String),
    /// It is not proven who sent it.
    #[error("not proven to be from {0}: {1}")]
    Forged(&'static str, &'static str),
    /// It is from a topic that the environment does not name.
    #[error("this topic is not among `alerts.topics` of the environment")]
    OtherTopic,
    /// It did not come whole, or is too large.
    #[error("the body did not come whole, or is larger than 512 kB")]
    NotWhole(StatusCode),
    /// It is a page, half a document.
    #[error("the body is not JSON")]
    NotJson,
    /// Another document.
    #[error("{0}")]
    Unread(#[from] read::Unread),
    /// What has to be asked first does not answer.
    #[error("{0} did not answer: send it again")]
    NoAnswer(&'static str),
    /// It was not recorded, as far as is known.
    #[error("it was not recorded: send it again")]
    NotRecorded,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotSetUp(_) => StatusCode::NOT_FOUND,
            Self::Forged(..) => StatusCode::UNAUTHORIZED,
            Self::OtherTopic => StatusCode::FORBIDDEN,
            Self::NotWhole(status) => *status,
            Self::NotJson | Self::Unread(_) => StatusCode::BAD_REQUEST,
            Self::NoAnswer(_) | Self::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Debug)]
struct House {
    desk: Desk,
    secrets: Vec<(Vendor, SecretString)>,
    sns: sns::Sns,
}

/// The routes under `/hooks`, where any vendor is set up.
///
/// # Errors
/// When a secret cannot be read, or is no secret.
pub async fn routes(desk: Desk, settings: &HookSettings) -> Result<Router, String> {
    let mut secrets = Vec::new();
    for (vendor, kept) in &settings.secrets {
        secrets.push((*vendor, secret(*vendor, kept).await?));
    }
    let topics = &desk.environment.alerts.topics;
    let has = |vendor: Vendor| match vendor {
        Vendor::Sns => !topics.is_empty(),
        Vendor::PagerDuty | Vendor::Alertmanager | Vendor::Grafana => {
            secrets.iter().any(|(of, _)| *of == vendor)
        }
    };
    let open: Vec<&str> =
        Vendor::ALL.into_iter().filter(|one| has(*one)).map(Vendor::name).collect();
    if open.is_empty() {
        return Ok(Router::new());
    }
    info!(hooks = ?open, "Alerts are taken at /hooks/{}", open.join(", /hooks/"));
    let sns = sns::Sns::new(topics.clone(), settings.extra_ca.as_deref())?;
    let house = Arc::new(House { desk, secrets, sns });
    Ok(Router::new()
        .route("/hooks/{vendor}", post(take))
        .layer(RequestBodyLimitLayer::new(BODY))
        .with_state(house))
}

async fn secret(vendor: Vendor, kept: &Kept) -> Result<SecretString, String> {
    use secrecy::ExposeSecret;
    let named = |why: &str| format!("DR_BUDDY_HOOKS: the secret of `{}` {why}", vendor.name());
    let secret = kept.read(vendor.name()).await.map_err(|_| named("cannot be read"))?;
    if secret.expose_secret().len() < SECRET {
        return Err(named("has less than 16 characters: `openssl rand -hex 32`"));
    }
    Ok(secret)
}

async fn take(
    State(house): State<Arc<House>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> (StatusCode, String) {
    let taken = match body {
        Ok(body) => house.take(&name, &headers, &body).await,
        Err(rejection) => Err(Refused::NotWhole(rejection.status())),
    };
    match taken {
        Ok(0) => (StatusCode::OK, "nothing to record\n".to_owned()),
        Ok(number) => (StatusCode::OK, format!("recorded: {number}\n")),
        Err(refused) => {
            let known = Vendor::parse(&name).map_or("unknown", Vendor::name);
            warn!(hook = known, why = %refused, "Refused a webhook");
            (refused.status(), format!("{refused}\n"))
        }
    }
}

impl House {
    async fn take(&self, name: &str, headers: &HeaderMap, body: &[u8]) -> Result<usize, Refused> {
        let not_set_up = || Refused::NotSetUp(Vendor::parse(name).map_or("…", Vendor::name).into());
        let vendor = Vendor::parse(name).ok_or_else(not_set_up)?;
        let secrets: Vec<&SecretString> =
            self.secrets.iter().filter(|(of, _)| *of == vendor).map(|(_, secret)| secret).collect();
        let now = self.desk.engine.clock.now();
        let alerts = match vendor {
            Vendor::Sns if self.sns.has_topics() => self.sns.read(body, now).await?,
            Vendor::Sns => return Err(not_set_up()),
            Vendor::PagerDuty | Vendor::Alertmanager | Vendor::Grafana if secrets.is_empty() => {
                return Err(not_set_up());
            }
            Vendor::PagerDuty => {
                proof::pagerduty(&secrets, headers, body)?;
                read::pagerduty(&json(body)?)?
            }
            Vendor::Alertmanager => {
                proof::bearer(vendor, &secrets, headers)?;
                read::prometheus(vendor, &json(body)?)?
            }
            Vendor::Grafana => {
                proof::grafana(&secrets, headers, body, now)?;
                read::prometheus(vendor, &json(body)?)?
            }
        };
        self.record(alerts).await
    }

    async fn record(&self, alerts: Vec<Alert>) -> Result<usize, Refused> {
        let number = alerts.len();
        match tokio::time::timeout(RECORD, self.desk.hear(alerts)).await {
            Ok(Ok(())) => Ok(number),
            Ok(Err(error)) => {
                warn!(error = %Chain(&error), "Alerts were not recorded, as far as is known");
                Err(Refused::NotRecorded)
            }
            Err(_) => Err(Refused::NotRecorded),
        }
    }
}

fn json(body: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|_| Refused::NotJson)
}

/// Whether a time that a sender wrote is neither too old nor ahead of us.
fn is_timely(at: Timestamp, now: Timestamp, oldest: crate::domain::time::Span) -> bool {
    const AHEAD: crate::domain::time::Span = crate::domain::time::Span::minutes(5);
    at <= now.plus(AHEAD) && now.since(at) <= oldest
}
