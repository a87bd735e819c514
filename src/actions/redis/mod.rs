//! Redis or Valkey, by named connections. Both actions only read, one connection for each look.

mod bullmq;
mod check;

use std::path::Path;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, TlsCertificates};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::connections::{Line, System};
use super::params::{crypto, optional_text, unsafe_because};
use super::reading::Seen;
use super::{Call, LookError};
use crate::domain::text::told;
use crate::domain::time::Span;
pub(super) use bullmq::Drained;
pub(super) use check::Check;

/// Longest wait a step may ask for: well inside the lease.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Unless told.
const WAIT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);
/// Answers of a server that is there and cannot answer now.
const NOT_NOW: [&str; 5] = ["LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN", "TRYAGAIN"];

/// Why there was no answer.
#[derive(Debug)]
enum Trouble {
    /// Nobody answered in time.
    Silent(String),
    /// A server answered that it cannot answer now.
    NotNow(String),
    /// It refused: a wrong password, a command we may not use.
    Refused(String),
}

impl Trouble {
    fn of(error: &RedisError, line: &Line) -> Self {
        let text = line.scrub(&error.to_string());
        let is_lost = error.is_io_error() || error.is_timeout() || error.is_connection_dropped();
        match error.code() {
            _ if is_lost => Self::Silent(text),
            Some(code) if NOT_NOW.contains(&code) => Self::NotNow(text),
            _ => Self::Refused(text),
        }
    }

    /// As it is seen, where it is no error.
    fn seen(self, line: &Line) -> Result<Seen, LookError> {
        let (reachable, why) = match self {
            Self::Silent(why) => (false, why),
            Self::NotNow(why) => (true, why),
            Self::Refused(detail) => {
                return Err(LookError::Refused { system: line.target.to_string(), detail });
            }
        };
        let facts = [("reachable".to_owned(), reachable.into())];
        Ok(Seen { facts: facts.into_iter().collect(), saw: told("told.no_answer", &[&why]) })
    }
}

/// Connects, asks, and takes its time into account.
async fn within<T>(
    line: &Line,
    extra_ca: Option<&Path>,
    wait: Duration,
    ask: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
) -> Result<T, Trouble> {
    let slow =
        |wait: Duration| Trouble::Silent(told("told.no_time", &[&wait.as_secs().to_string()]));
    let connecting = timeout(CONNECT.min(wait), Box::pin(connect(line, extra_ca)));
    let connection = connecting.await.map_err(|_| slow(CONNECT))?;
    let connection = connection.map_err(|error| Trouble::of(&error, line))?;
    let answer = timeout(wait, Box::pin(ask(connection))).await.map_err(|_| slow(wait))?;
    answer.map_err(|error| Trouble::of(&error, line))
}

async fn connect(
    line: &Line,
    extra_ca: Option<&Path>,
) -> Result<MultiplexedConnection, RedisError> {
    crypto();
    let url = line.url.expose_secret();
    // What is slow is ended by our own patience.
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let opened = Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await;
    let (Err(_), Some(path), true) = (&opened, extra_ca, url.starts_with("rediss")) else {
        return opened;
    };
    // It trusts either the system's authorities or ours, never both at once.
    let certificates =
        TlsCertificates { client_tls: None, root_cert: tokio::fs::read(path).await.ok() };
    let client = Client::build_with_tls(url, certificates)?;
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// The lines of `INFO`.
fn info<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// `master` or `replica`.
fn role(info_text: &str) -> Option<&'static str> {
    match info(info_text, "role")? {
        "master" => Some("master"),
        "slave" | "replica" => Some("replica"),
        _ => None,
    }
}

/// How long the whole may take.
fn wait(call: &Call<'_>) -> Result<u64, LookError> {
    let wait = match optional_text(call, "timeout") {
        None => WAIT,
        Some(text) => Span::parse(text)
            .map(|span| Duration::from_millis(span.ms()))
            .map_err(|error| unsafe_because(error.to_string()))?,
    };
    Ok(u64::try_from(wait.min(LONGEST_WAIT).as_millis()).unwrap_or(10_000).max(1))
}

/// The systems these actions speak to.
const SYSTEMS: [System; 1] = [System::Redis];
