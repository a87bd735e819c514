//! `redis.check`: what a server says of itself. It only reads.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SYSTEMS, info, role, wait, within};
use crate::actions::connections::{Connections, Target};
use crate::actions::params::{put, text};
use crate::actions::reading::{Look, Reading, Seen};
use crate::actions::{Call, LookError};
use crate::domain::text::told;

/// Asks a server.
#[derive(Debug)]
pub(in crate::actions) struct Check {
    connections: Connections,
}

/// Exactly what is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    target: Target,
    timeout_ms: u64,
}

impl Check {
    pub(in crate::actions) fn action(connections: Connections) -> Reading<Self> {
        Reading(Self { connections })
    }
}

#[async_trait]
impl Look for Check {
    type Asked = Asked;

    async fn asked(&self, call: &Call<'_>) -> Result<Asked, LookError> {
        let line = self.connections.find(text(call, "connection")?, &SYSTEMS).await?;
        Ok(Asked { target: line.target, timeout_ms: wait(call)? })
    }

    fn line(asked: &Asked) -> String {
        format!("PING, INFO: {}", asked.target)
    }

    async fn look(&self, asked: &Asked) -> Result<Seen, LookError> {
        let line = self.connections.again(&asked.target).await?;
        let limit = Duration::from_millis(asked.timeout_ms);
        let ask = async |mut server| {
            redis::cmd("PING").query_async::<()>(&mut server).await?;
            redis::cmd("INFO").query_async::<String>(&mut server).await
        };
        match within(&line, self.connections.extra_ca.as_deref(), limit, ask).await {
            Ok(text) => {
                let facts = facts(&text);
                let shown = |name: &str| match facts.get(name) {
                    None => "told.unknown".to_owned(),
                    Some(value) => value.as_str().map_or_else(|| value.to_string(), Into::into),
                };
                let lag = shown("lag_s");
                let lag = if lag == "told.unknown" { lag } else { format!("{lag} s") };
                let saw = told("told.redis", &[&shown("role"), &shown("replicas"), &lag]);
                Ok(Seen { facts, saw })
            }
            Err(trouble) => trouble.seen(&line),
        }
    }
}

/// What `INFO` says. A replica knows only when it last heard from its master; while the link is down it knows nothing.
fn facts(text: &str) -> Map<String, Value> {
    let number = |name: &str| info(text, name).and_then(|value| value.parse::<u64>().ok());
    let role = role(text);
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "role", role);
    put(&mut facts, "writable", writable(text, role));
    put(&mut facts, "replicas", number("connected_slaves"));
    put(&mut facts, "maxmemory_policy", info(text, "maxmemory_policy"));
    put(&mut facts, "used_memory_bytes", number("used_memory"));
    put(&mut facts, "maxmemory_bytes", number("maxmemory"));
    match role {
        Some("replica") => {
            let link = info(text, "master_link_status").map(|status| status == "up");
            put(&mut facts, "link_up", link);
            let lag = number("master_last_io_seconds_ago").filter(|_| link == Some(true));
            put(&mut facts, "lag_s", lag);
        }
        Some(_) => {
            let behind = number("master_repl_offset").and_then(|offset| lags(text, offset));
            put(&mut facts, "lag_s", behind.map(|(seconds, _)| seconds));
            put(&mut facts, "lag_bytes", behind.map(|(_, bytes)| bytes));
        }
        None => {}
    }
    facts
}

/// Whether it takes writes. A master whose last save failed refuses them if it is set so, which `INFO` does not tell.
fn writable(text: &str, role: Option<&str>) -> Option<bool> {
    match (role?, info(text, "loading")?, info(text, "rdb_last_bgsave_status")) {
        ("master", "0", Some("ok")) => Some(true),
        ("master", "0", _) => None,
        _ => Some(false),
    }
}

/// How far the slowest replica is behind, in seconds and bytes: `slave0:ip=…,state=online,offset=14,lag=1`. Nothing where
/// there is none, or where one is not in step at all.
fn lags(text: &str, offset: u64) -> Option<(u64, u64)> {
    let replicas = text.lines().filter_map(|line| {
        let (number, fields) = line.strip_prefix("slave")?.split_once(':')?;
        number.parse::<u32>().ok().map(|_| fields.trim())
    });
    let mut slowest = None;
    for fields in replicas {
        let of = |name: &str| {
            fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let lag: u64 = of("lag")?.parse().ok()?;
        let at: u64 = of("offset")?.parse().ok()?;
        if of("state") != Some("online") {
            return None;
        }
        let (seconds, bytes) = slowest.unwrap_or((0, 0));
        slowest = Some((lag.max(seconds), offset.saturating_sub(at).max(bytes)));
    }
    slowest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_replica_counts_and_one_that_is_not_in_step_makes_it_unknown() {
        let two = "role:master\r\nslave0:ip=a,port=1,state=online,offset=90,lag=1\r\n\
                   slave1:ip=b,port=1,state=online,offset=40,lag=0\r\nslave_x:1\r\n";
        assert_eq!(lags(two, 100), Some((1, 60)));
        assert_eq!(lags(&two.replacen("online", "wait_bgsave", 1), 100), None);
        assert_eq!(lags("role:master\r\n", 100), None);
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        let text = "loading:0\r\nrdb_last_bgsave_status:err\r\n";
        assert_eq!(writable(text, Some("master")), None);
        assert_eq!(writable(text, Some("replica")), Some(false));
        assert_eq!(writable("", Some("master")), None);
        let down = "role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:3\r\n";
        let facts = facts(down);
        assert_eq!(facts["link_up"], false);
        assert!(!facts.contains_key("lag_s"));
    }
}
