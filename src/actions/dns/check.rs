//! `dns.check`: compares what each server answers with what it should.
//!
//! A server matches when it answers, and every one of its answers is among the expected ones: a load balancer does not
//! give all its addresses each time.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ask::{Answer, Kind, ask, lookup, name_of};
use super::{DnsSettings, address};
use crate::actions::params::{optional_text, put, text, texts, unsafe_because};
use crate::actions::reading::{Look, Reading, Seen};
use crate::actions::{Call, LookError};
use crate::domain::text::told;

/// Most servers of one step.
const MOST: usize = 30;

/// Asks.
#[derive(Debug)]
pub(in crate::actions) struct Check {
    settings: DnsSettings,
}

/// Exactly what is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    name: String,
    record_type: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_as: Option<String>,
    /// Those of the zone's NS records where none are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_servers: Option<Vec<String>>,
    resolvers: Vec<SocketAddr>,
}

/// One server, and what it answered.
#[derive(Debug, Clone)]
struct Server {
    label: String,
    /// Nothing where its name has no address.
    address: Option<SocketAddr>,
    is_resolver: bool,
    answer: Option<Answer>,
}

impl Check {
    pub(in crate::actions) fn action(settings: DnsSettings) -> Reading<Self> {
        Reading(Self { settings })
    }

    /// The name servers to ask; nothing if they cannot be found.
    async fn name_servers(&self, asked: &Asked) -> Option<Vec<Server>> {
        let names = match &asked.name_servers {
            Some(names) => names.clone(),
            None => self.zone(&asked.name).await?,
        };
        let found = names.into_iter().take(MOST).map(async |name| {
            let address = match address(&name, self.settings.port) {
                Some(address) => Some(address),
                None => {
                    let found = lookup(&self.settings.lookups, &name, Kind::A).await;
                    let ip = found.and_then(|answer| answer.records.first()?.parse().ok());
                    ip.map(|ip| SocketAddr::new(ip, self.settings.port))
                }
            };
            Server { label: name_of(&name), address, is_resolver: false, answer: None }
        });
        Some(join_all(found).await)
    }

    /// The names in the NS records of the zone this name is in: the nearest one upwards that has any.
    async fn zone(&self, name: &str) -> Option<Vec<String>> {
        let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
        for first in 0..labels.len() {
            let zone = labels.get(first..)?.join(".");
            let found = lookup(&self.settings.lookups, &zone, Kind::Ns).await?;
            if !found.records.is_empty() {
                return Some(found.records);
            }
        }
        None
    }

    /// What is right; nothing if that cannot be known.
    async fn expected(&self, asked: &Asked) -> Option<BTreeSet<String>> {
        let expected: BTreeSet<String> = match (&asked.same_as, &asked.expect) {
            (Some(name), _) => {
                let found = lookup(&self.settings.lookups, name, asked.record_type).await?;
                found.records.into_iter().collect()
            }
            (None, Some(list)) => list.iter().map(|answer| name_of(answer)).collect(),
            (None, None) => return None,
        };
        Some(expected).filter(|expected| !expected.is_empty())
    }
}

impl Server {
    fn resolver(address: SocketAddr, port: u16) -> Self {
        let is_plain = address.port() == port;
        let label = if is_plain { address.ip().to_string() } else { address.to_string() };
        Self { label, address: Some(address), is_resolver: true, answer: None }
    }

    async fn asked(mut self, asked: &Asked) -> Self {
        if let Some(address) = self.address {
            self.answer = ask(address, self.is_resolver, &asked.name, asked.record_type).await;
        }
        self
    }

    fn matches(&self, expected: &BTreeSet<String>) -> Option<bool> {
        let records = &self.answer.as_ref()?.records;
        Some(!records.is_empty() && records.iter().all(|record| expected.contains(record)))
    }
}

#[async_trait]
impl Look for Check {
    type Asked = Asked;

    async fn asked(&self, call: &Call<'_>) -> Result<Asked, LookError> {
        let list = |name: &str| -> Result<Option<Vec<String>>, LookError> {
            match call.with.get(name) {
                None => Ok(None),
                Some(_) => Ok(Some(texts(call, name)?.into_iter().map(Into::into).collect())),
            }
        };
        let name = text(call, "name")?;
        let (expect, same_as) = (list("expect")?, optional_text(call, "same_as"));
        if expect.is_some() == same_as.is_some() {
            return Err(unsafe_because(told("trouble.one_of", &["expect", "same_as"])));
        }
        let told_type = optional_text(call, "record_type").unwrap_or("A");
        let record_type = Kind::told(told_type)
            .ok_or_else(|| unsafe_because(told("trouble.no_type", &[told_type])))?;
        let name_servers = list("name_servers")?;
        let is_address = |text: &String| address(text, self.settings.port).is_some();
        let names = name_servers.iter().flatten().filter(|text| !is_address(text));
        for name in [name].into_iter().chain(same_as).chain(names.map(String::as_str)) {
            if !super::ask::is_name(name) {
                return Err(unsafe_because(told("trouble.no_name", &[name])));
            }
        }
        let resolvers = match list("resolvers")? {
            None => self.settings.resolvers.clone(),
            Some(list) => {
                let mut found = vec![];
                for text in list.iter().take(MOST) {
                    let address = address(text, self.settings.port);
                    found.push(
                        address
                            .ok_or_else(|| unsafe_because(told("trouble.no_server", &[text])))?,
                    );
                }
                found
            }
        };
        let same_as = same_as.map(Into::into);
        Ok(Asked { name: name.to_owned(), record_type, expect, same_as, name_servers, resolvers })
    }

    fn line(asked: &Asked) -> String {
        format!("{} {}", asked.record_type.name(), asked.name)
    }

    async fn look(&self, asked: &Asked) -> Result<Seen, LookError> {
        let (expected, found) = tokio::join!(self.expected(asked), self.name_servers(asked));
        let is_found = found.is_some();
        let resolvers =
            asked.resolvers.iter().map(|address| Server::resolver(*address, self.settings.port));
        let servers = found.unwrap_or_default().into_iter().chain(resolvers);
        let servers = join_all(servers.map(|server| server.asked(asked))).await;
        Ok(seen(&servers, expected.as_ref(), is_found))
    }
}

/// Whether all of these match: one that does not is enough to say no, one that is silent is enough not to say yes.
fn all(matches: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for one in matches {
        match one {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn seen(servers: &[Server], expected: Option<&BTreeSet<String>>, found: bool) -> Seen {
    let mut facts = Map::new();
    let of = |server: &Server| match &server.answer {
        Some(answer) => json!(answer.records),
        None => Value::Null,
    };
    let answers = servers.iter().map(|server| (server.label.clone(), of(server)));
    put(&mut facts, "answers", Some(Value::Object(answers.collect())));
    let count = |number: usize| u64::try_from(number).ok();
    let silent: Vec<&str> =
        servers.iter().filter(|one| one.answer.is_none()).map(|one| one.label.as_str()).collect();
    put(&mut facts, "asked", count(servers.len()));
    put(&mut facts, "answered", count(servers.len().saturating_sub(silent.len())));
    let ttl = servers.iter().filter_map(|server| server.answer.as_ref()?.ttl_s).max();
    put(&mut facts, "ttl_s", ttl);
    let mut matching = "told.unknown".to_owned();
    if let Some(expected) = expected {
        put(&mut facts, "expected", Some(json!(expected)));
        let yes = servers.iter().filter(|one| one.matches(expected) == Some(true)).count();
        matching = yes.to_string();
        put(&mut facts, "matching", count(yes));
        let of = |is_resolver: bool| {
            let of_kind = servers.iter().filter(move |one| one.is_resolver == is_resolver);
            of_kind.map(|one| one.matches(expected))
        };
        // Name servers that could not be found are servers that did not answer.
        let none = || (!found).then_some(None);
        put(&mut facts, "name_servers_match", all(of(false).chain(none())));
        let has_resolver = servers.iter().any(|one| one.is_resolver);
        put(&mut facts, "resolvers_match", all(of(true)).filter(|_| has_resolver));
        put(&mut facts, "all_match", all(of(false).chain(of(true)).chain(none())));
    }
    let saw = [matching, servers.len().to_string(), silent.join(", ")];
    Seen { facts, saw: told("told.answers", &saw.each_ref().map(String::as_str)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mismatch_is_no_and_one_silence_is_not_yes() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(all([yes, yes].into_iter()), yes);
        assert_eq!(all([yes, None].into_iter()), None);
        assert_eq!(all([None, no, yes].into_iter()), no);
    }

    #[test]
    fn name_servers_that_cannot_be_found_are_unknown() {
        let answer = Answer { records: vec!["192.0.2.7".to_owned()], ttl_s: Some(60) };
        let resolver = Server::resolver("192.0.2.53:53".parse().unwrap(), 53);
        let resolver = Server { answer: Some(answer), ..resolver };
        let expected = BTreeSet::from(["192.0.2.7".to_owned()]);
        let facts = seen(&[resolver], Some(&expected), false).facts;
        assert_eq!(facts["resolvers_match"], true);
        assert!(!facts.contains_key("all_match") && !facts.contains_key("name_servers_match"));
    }
}
