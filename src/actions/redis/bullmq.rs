//! `bullmq.drained`: what is left in queues of BullMQ, read from its keys. It only reads.
//!
//! `PREFIX:QUEUE:wait` and `:paused` and `:active` are lists, `:delayed`, `:prioritized`, `:waiting-children` and
//! `:failed` sorted sets; each job is a hash with its `timestamp`. A queue without `:meta` was never one of this server:
//! its name may be wrong, or its data lost, and that is not drained.

use std::time::Duration;

use async_trait::async_trait;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{SYSTEMS, role, wait, within};
use crate::actions::connections::{Connections, Target};
use crate::actions::params::{optional_text, put, text, texts, unsafe_because};
use crate::actions::reading::{Look, Reading, Seen};
use crate::actions::{Call, LookError};
use crate::domain::text::told;

/// Most queues of one step.
const MOST: usize = 100;
/// So many of the jobs that are next are asked for their age.
const NEXT: isize = 20;
/// Where jobs stand that are left, in the order they are told.
const STATES: [&str; 6] =
    ["waiting", "active", "delayed", "prioritized", "waiting_children", "failed"];
/// What may be left, if the step says so: failed jobs wait for people, delayed ones for their time.
const MAY_REMAIN: [&str; 2] = ["failed", "delayed"];

/// Counts.
#[derive(Debug)]
pub(in crate::actions) struct Drained {
    connections: Connections,
}

/// Exactly what is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    target: Target,
    prefix: String,
    queues: Vec<String>,
    may_remain: Vec<String>,
    timeout_ms: u64,
}

/// One queue; nothing if this server does not know it.
type Queue = Option<Counted>;

#[derive(Debug, Clone, PartialEq)]
struct Counted {
    /// In the order of [`STATES`].
    left: [u64; 6],
    paused: bool,
    oldest_waiting_s: Option<u64>,
}

impl Drained {
    pub(in crate::actions) fn action(connections: Connections) -> Reading<Self> {
        Reading(Self { connections })
    }
}

#[async_trait]
impl Look for Drained {
    type Asked = Asked;

    async fn asked(&self, call: &Call<'_>) -> Result<Asked, LookError> {
        let line = self.connections.find(text(call, "connection")?, &SYSTEMS).await?;
        let queues: Vec<String> = texts(call, "queues")?.into_iter().map(Into::into).collect();
        let may_remain = match call.with.get("may_remain") {
            None => vec![],
            Some(_) => texts(call, "may_remain")?.into_iter().map(ToOwned::to_owned).collect(),
        };
        let known = |state: &String| MAY_REMAIN.contains(&state.as_str());
        if queues.len() > MOST || !may_remain.iter().all(known) {
            return Err(unsafe_because(told("trouble.queues", &[&MOST.to_string()])));
        }
        Ok(Asked {
            target: line.target,
            prefix: optional_text(call, "prefix").unwrap_or("bull").to_owned(),
            queues,
            may_remain,
            timeout_ms: wait(call)?,
        })
    }

    fn line(asked: &Asked) -> String {
        format!("{}:{{{}}} at {}", asked.prefix, asked.queues.join(", "), asked.target)
    }

    async fn look(&self, asked: &Asked) -> Result<Seen, LookError> {
        let line = self.connections.again(&asked.target).await?;
        let limit = Duration::from_millis(asked.timeout_ms);
        let ask = async |mut server| {
            let info: String =
                redis::cmd("INFO").arg("replication").query_async(&mut server).await?;
            let (now_s, _): (u64, u64) = redis::cmd("TIME").query_async(&mut server).await?;
            let mut found = Vec::new();
            for queue in &asked.queues {
                let key = format!("{}:{queue}", asked.prefix);
                found.push((queue.clone(), count(&mut server, &key, now_s).await?));
            }
            Ok((role(&info), found))
        };
        match within(&line, self.connections.extra_ca.as_deref(), limit, ask).await {
            Ok((role, found)) => Ok(seen(asked, role, &found)),
            Err(trouble) => trouble.seen(&line),
        }
    }
}

/// Whether it is there and paused, seven counts, and the jobs that are next.
type Counts =
    (bool, bool, u64, u64, u64, u64, u64, u64, u64, Vec<String>, Vec<String>, Vec<String>);

/// All of one queue at one moment: a job that moves meanwhile would be counted twice, or not at all.
async fn count(
    server: &mut MultiplexedConnection,
    key: &str,
    now_s: u64,
) -> Result<Queue, RedisError> {
    let mut at_once = redis::pipe();
    at_once.atomic();
    at_once.exists(format!("{key}:meta")).hexists(format!("{key}:meta"), "paused");
    at_once.llen(format!("{key}:wait")).llen(format!("{key}:paused")).llen(format!("{key}:active"));
    for set in ["delayed", "prioritized", "waiting-children", "failed"] {
        at_once.zcard(format!("{key}:{set}"));
    }
    // New ones come in on the left.
    at_once.lrange(format!("{key}:wait"), -NEXT, -1).lrange(format!("{key}:paused"), -NEXT, -1);
    at_once.zrange(format!("{key}:prioritized"), 0, NEXT);
    let (
        is_there,
        paused,
        waiting,
        held,
        active,
        delayed,
        prior,
        children,
        failed,
        wait,
        stopped,
        prioritized,
    ): Counts = at_once.query_async(server).await?;
    if !is_there {
        return Ok(None);
    }
    // Older versions wake their workers with an entry `0:…` that is no job.
    let is_job = |id: &&String| !id.starts_with("0:");
    let ids = || wait.iter().chain(&stopped).chain(&prioritized);
    let markers = u64::try_from(ids().count() - ids().filter(is_job).count()).unwrap_or(0);
    let mut asking = redis::pipe();
    ids().filter(is_job).for_each(|id| {
        asking.hget(format!("{key}:{id}"), "timestamp");
    });
    let times: Vec<Option<u64>> = match ids().any(|id| is_job(&id)) {
        true => asking.query_async(server).await?,
        false => vec![],
    };
    let oldest_ms = times.into_iter().flatten().min();
    let waiting = waiting.saturating_add(held).saturating_sub(markers);
    Ok(Some(Counted {
        left: [waiting, active, delayed, prior, children, failed],
        paused,
        oldest_waiting_s: oldest_ms.map(|ms| now_s.saturating_sub(ms / 1000)),
    }))
}

fn seen(asked: &Asked, role: Option<&str>, found: &[(String, Queue)]) -> Seen {
    let counted: Vec<&Counted> = found.iter().filter_map(|(_, queue)| queue.as_ref()).collect();
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "role", role);
    put(&mut facts, "seen", u64::try_from(counted.len()).ok());
    let mut left = Vec::new();
    let mut is_empty = true;
    for (index, state) in STATES.into_iter().enumerate() {
        let of = |queue: &&Counted| queue.left.get(index).copied().unwrap_or_default();
        let total = counted.iter().map(of).fold(0, u64::saturating_add);
        put(&mut facts, state, Some(total));
        left.push(format!("{state} {total}"));
        is_empty &= total == 0 || asked.may_remain.iter().any(|may| may == state);
    }
    put(&mut facts, "paused", Some(counted.iter().all(|queue| queue.paused)));
    put(&mut facts, "oldest_waiting_s", counted.iter().filter_map(|q| q.oldest_waiting_s).max());
    let all_seen = counted.len() == found.len();
    // What is left is left; that nothing is left is only known where everything was seen.
    put(&mut facts, "drained", Some(is_empty).filter(|is_empty| all_seen || !is_empty));
    let each = found
        .iter()
        .map(|(name, queue)| (name.clone(), queue.as_ref().map_or(Value::Null, told_of)));
    facts.insert("queues".to_owned(), Value::Object(each.collect()));
    let (seen, asked) = (counted.len().to_string(), found.len().to_string());
    Seen { facts, saw: told("told.queues", &[&left.join(", "), &seen, &asked]) }
}

fn told_of(queue: &Counted) -> Value {
    let mut each: Map<String, Value> = STATES
        .into_iter()
        .zip(queue.left)
        .map(|(state, left)| (state.to_owned(), json!(left)))
        .collect();
    put(&mut each, "paused", Some(queue.paused));
    put(&mut each, "oldest_waiting_s", queue.oldest_waiting_s);
    Value::Object(each)
}
