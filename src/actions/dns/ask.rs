//! One question to one server, or to those that find names for us.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// How long a server may take for one answer over UDP; it is asked once more, and by TCP where the answer is long.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long all of that may take.
const WHOLE: Duration = Duration::from_secs(5);

/// Types of records that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Kind {
    A,
    Aaaa,
    Cname,
    Ns,
}

impl Kind {
    /// As a step may say it.
    pub(super) fn told(text: &str) -> Option<Self> {
        [Self::A, Self::Aaaa, Self::Cname].into_iter().find(|kind| kind.name() == text)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Ns => "NS",
        }
    }

    fn record(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Ns => RecordType::NS,
        }
    }
}

/// What a server answered; no records where it says there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) records: Vec<String>,
    pub(super) ttl_s: Option<u32>,
}

/// A name or address as it is compared: lower case, without the dot at the end.
pub(super) fn name_of(text: &str) -> String {
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    text.parse::<std::net::IpAddr>().map_or(text, |address| address.to_string())
}

/// The name, from the root.
fn rooted(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok().filter(|name| !name.is_root())?;
    name.set_fqdn(true);
    Some(name)
}

pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().all(is_plain) && rooted(name).is_some()
}

/// No cache, no file of hosts, nothing tried but the servers that are named.
fn options(recursive: bool) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = PATIENCE;
    options.attempts = 1;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.recursion_desired = recursive;
    options.edns0 = true;
    options
}

fn of(servers: &[SocketAddr], recursive: bool) -> Option<TokioResolver> {
    let config = servers.iter().map(|server| {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut config.connections {
            connection.port = server.port();
        }
        config
    });
    let config = ResolverConfig::from_parts(None, vec![], config.collect());
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options(recursive)).build().ok()
}

/// Asks one server; nothing if it does not answer.
pub(super) async fn ask(
    server: SocketAddr,
    recursive: bool,
    name: &str,
    kind: Kind,
) -> Option<Answer> {
    put(&of(&[server], recursive)?, name, kind).await
}

/// Asks these servers, or the system's own, whichever answers.
pub(super) async fn lookup(servers: &[SocketAddr], name: &str, kind: Kind) -> Option<Answer> {
    let resolver = if servers.is_empty() {
        TokioResolver::builder_tokio().ok()?.with_options(options(true)).build().ok()?
    } else {
        of(servers, true)?
    };
    put(&resolver, name, kind).await
}

async fn put(resolver: &TokioResolver, name: &str, kind: Kind) -> Option<Answer> {
    let asking = Box::pin(resolver.lookup(rooted(name)?, kind.record()));
    match timeout(WHOLE, asking).await.ok()? {
        Ok(found) => {
            let of_kind =
                found.answers().iter().filter(|record| record.record_type() == kind.record());
            let mut records: Vec<String> =
                of_kind.clone().map(|record| name_of(&record.data.to_string())).collect();
            records.sort();
            Some(Answer { records, ttl_s: of_kind.map(|record| record.ttl).max() })
        }
        // There is no such name, or none of this type. Who only sends us on has not answered.
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if none.soa.is_some() || none.ns.is_none() =>
        {
            Some(Answer::default())
        }
        Err(_) => None,
    }
}
