//! Connections by name: a runbook names one, and its URL, which holds a password, stays with whoever runs dr-buddy.
//!
//! What people approve is where a connection leads (host, port, database, user), never the URL. It is read anew for
//! each call, so that a mounted secret may be rotated; one that has come to lead elsewhere is not followed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::LookError;
use super::params::{clip, unsafe_because};
use crate::domain::text::told;

/// Longest secret that is read from a file.
const LONGEST: usize = 64 * 1024;
/// What would make a connection lead elsewhere than its URL says.
const ELSEWHERE: [&str; 7] = ["host", "hostaddr", "port", "user", "password", "dbname", "socket"];

/// What names an authority of its own in a URL.
const OWN_CA: [&str; 4] = ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslca"];

/// Where a secret is kept. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum Kept {
    /// Given at the start.
    Text(SecretString),
    /// In a file, which is read when it is needed: a mounted secret.
    File(PathBuf),
    /// In another system, which is asked when it is needed.
    Elsewhere(Arc<dyn Keeper>),
}

/// A system that keeps secrets. Its `Debug` shows none.
#[async_trait]
pub trait Keeper: Send + Sync + fmt::Debug {
    /// The secret.
    async fn read(&self) -> Result<SecretString, LookError>;
}

impl Kept {
    /// The variable of this name, or with a `/` in front the file.
    ///
    /// # Errors
    /// What is wrong, in a word for whoever set it.
    pub fn find(place: &str, read: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        if place.starts_with('/') {
            return Ok(Self::File(place.into()));
        }
        let text =
            read(place).ok_or_else(|| format!("names the variable `{place}`, which is not set"))?;
        Ok(Self::Text(text.into()))
    }

    /// The secret, without the end of the line of a file.
    ///
    /// # Errors
    /// When it is not there, or not to be had now.
    pub async fn read(&self, name: &str) -> Result<SecretString, LookError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Elsewhere(keeper) => keeper.read().await,
            Self::File(path) => {
                let text = tokio::fs::read_to_string(path).await.ok();
                let text = text.filter(|text| text.len() <= LONGEST);
                let text = text.ok_or_else(|| unsafe_because(told("trouble.no_file", &[name])))?;
                Ok(text.trim_end().to_owned().into())
            }
        }
    }
}

/// The connections there are, by name. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    /// Each URL.
    pub named: BTreeMap<String, Kept>,
    /// Certificates to trust besides the system's, as a PEM file.
    pub extra_ca: Option<PathBuf>,
}

/// What speaks at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum System {
    Postgres,
    Mysql,
    Redis,
}

impl System {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::Mysql),
            "redis" | "rediss" => Some(Self::Redis),
            _ => None,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql => 3306,
            Self::Redis => 6379,
        }
    }
}

/// Where a connection leads; no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) connection: String,
    pub(super) system: System,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
}

impl fmt::Display for Target {
    /// `orders-dr (bot@db.example.com:5432/orders)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, host, port, database, user, .. } = self;
        write!(f, "{connection} (")?;
        if !user.is_empty() {
            write!(f, "{user}@")?;
        }
        write!(f, "{host}:{port}/{database})")
    }
}

/// A connection that can be made. `Debug` shows no secret.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) target: Target,
    pub(super) url: SecretString,
    /// Whether the URL says itself which authority it trusts.
    pub(super) names_ca: bool,
    passwords: Vec<SecretString>,
}

impl Connections {
    /// Reads `orders-dr=ORDERS_DR_URL,cache-dr=/run/secrets/cache-dr`: each a name and the variable or file of its URL.
    /// Says what is wrong, and repeats no secret.
    pub fn parse(
        text: &str,
        read: &dyn Fn(&str) -> Option<String>,
        wrong: &mut Vec<String>,
    ) -> BTreeMap<String, Kept> {
        let mut named = BTreeMap::new();
        for (number, pair) in (1..).zip(text.split(',').filter(|pair| !pair.trim().is_empty())) {
            let found = pair.trim().split_once('=').filter(|(name, place)| {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                !name.is_empty() && name.chars().all(plain) && !place.is_empty()
            });
            let Some((name, place)) = found else {
                wrong.push(format!(
                    "DR_BUDDY_CONNECTIONS: entry {number} is not `name=VARIABLE` or `name=/a/file`"
                ));
                continue;
            };
            match Kept::find(place, read) {
                Ok(Kept::Text(url)) if line(name, &url).is_err() => wrong.push(format!(
                    "DR_BUDDY_CONNECTIONS: `{name}`: {place} is not a URL of PostgreSQL, MySQL or Redis with a host \
                     (`postgres://user:password@host/database`)"
                )),
                Ok(kept) => {
                    if named.insert(name.to_owned(), kept).is_some() {
                        wrong.push(format!("DR_BUDDY_CONNECTIONS: `{name}` is there twice"));
                    }
                }
                Err(why) => wrong.push(format!("DR_BUDDY_CONNECTIONS: `{name}` {why}")),
            }
        }
        named
    }

    /// The connection of this name, to one of these systems.
    pub(super) async fn find(&self, name: &str, systems: &[System]) -> Result<Line, LookError> {
        let kept = self.named.get(name);
        let kept = kept.ok_or_else(|| unsafe_because(told("trouble.no_connection", &[name])))?;
        let line = line(name, &kept.read(name).await?)?;
        if !systems.contains(&line.target.system) {
            return Err(unsafe_because(told("trouble.other_system", &[name])));
        }
        Ok(line)
    }

    /// The same connection again, if it still leads where people saw it lead.
    pub(super) async fn again(&self, approved: &Target) -> Result<Line, LookError> {
        let line = self.find(&approved.connection, &[approved.system]).await?;
        if line.target != *approved {
            let args = [approved.to_string(), line.target.to_string()];
            return Err(unsafe_because(told("trouble.moved", &[&args[0], &args[1]])));
        }
        Ok(line)
    }
}

impl Line {
    /// Somebody else's words without our secrets, at a length that fits a message.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.passwords {
            text = text.replace(secret.expose_secret(), "…");
        }
        clip(&text)
    }
}

/// Understands a URL. What is said of a bad one holds no part of it.
fn line(name: &str, secret: &SecretString) -> Result<Line, LookError> {
    let bad = || unsafe_because(told("trouble.no_url", &[name]));
    let url = Url::parse(secret.expose_secret()).map_err(|_| bad())?;
    let system = System::of(url.scheme()).ok_or_else(bad)?;
    let host = url.host_str().filter(|host| !host.is_empty() && !host.contains(['%', ',']));
    let host = host.ok_or_else(bad)?.to_owned();
    if url.query_pairs().any(|(key, _)| ELSEWHERE.contains(&&*key)) {
        return Err(bad());
    }
    let decoded = |text: &str| -> Result<String, LookError> {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.map(Into::into).map_err(|_| bad())
    };
    let raw = url.password().unwrap_or_default().to_owned();
    let mut passwords = vec![decoded(&raw)?, raw];
    passwords.retain(|password| !password.is_empty());
    passwords.push(secret.expose_secret().to_owned());
    let target = Target {
        connection: name.to_owned(),
        system,
        host,
        port: url.port().unwrap_or_else(|| system.port()),
        database: decoded(url.path().trim_start_matches('/'))?,
        user: decoded(url.username())?,
    };
    let passwords = passwords.into_iter().map(SecretString::from).collect();
    let names_ca = url.query_pairs().any(|(key, _)| OWN_CA.contains(&&*key));
    Ok(Line { target, url: secret.clone(), names_ca, passwords })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, variables: &[(&str, &str)]) -> (Connections, Vec<String>) {
        let read = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let mut wrong = vec![];
        let named = Connections::parse(text, &read, &mut wrong);
        (Connections { named, extra_ca: None }, wrong)
    }

    #[tokio::test]
    async fn a_connection_is_shown_by_where_it_leads_and_never_by_its_password() {
        let url = "postgresql://bot:p%40ss-word@db.example.com/orders?sslmode=require";
        let (connections, wrong) = parsed("orders-dr=ORDERS", &[("ORDERS", url)]);
        assert_eq!(wrong, [""; 0]);
        let line = connections.find("orders-dr", &[System::Postgres]).await.unwrap();
        assert_eq!(line.target.to_string(), "orders-dr (bot@db.example.com:5432/orders)");
        let said = line.scrub("no p@ss-word, no p%40ss-word, no postgresql://bot:p%40ss-word@x");
        assert_eq!(said, "no …, no …, no postgresql://bot:…@x");
        for shown in [format!("{connections:?}"), format!("{line:?}")] {
            assert!(!shown.contains("ss-word"), "{shown}");
        }
        let other = connections.find("orders-dr", &[System::Redis]).await.unwrap_err();
        assert_eq!(other.to_string(), "trouble.other_system orders-dr");
        let none = connections.find("orders", &[System::Redis]).await.unwrap_err();
        assert_eq!(none.to_string(), "trouble.no_connection orders");
    }

    #[tokio::test]
    async fn a_mounted_secret_is_read_anew_and_not_followed_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "redis://:one@cache.example.com:6380\n").unwrap();
        let (connections, wrong) = parsed(&format!("cache={}", file.display()), &[]);
        assert_eq!(wrong, [""; 0]);
        let first = connections.find("cache", &[System::Redis]).await.unwrap().target;
        assert_eq!(first.to_string(), "cache (cache.example.com:6380/)");
        std::fs::write(&file, "redis://:two@cache.example.com:6380").unwrap();
        assert_eq!(connections.again(&first).await.unwrap().url.expose_secret().len(), 35);
        std::fs::write(&file, "redis://:two@other.example.com:6380").unwrap();
        let moved = connections.again(&first).await.unwrap_err().to_string();
        assert!(
            moved.starts_with("trouble.moved cache (cache.") && !moved.contains("two"),
            "{moved}"
        );
        std::fs::remove_file(&file).unwrap();
        assert_eq!(
            connections.again(&first).await.unwrap_err().to_string(),
            "trouble.no_file cache"
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let variables = [
            ("A", "oracle://bot:hunter2@db/x"),
            ("B", "postgres://bot:hunter2@db/x?host=elsewhere"),
            ("C", "hunter2"),
            ("D", "postgres://bot:hunter2@one,two/x"),
            ("E", "redis://h"),
        ];
        let (connections, wrong) =
            parsed("a=A,b=B,c=C,d=D,none=NONE,e=E,e=E,=E,e,f f=E", &variables);
        assert_eq!(wrong.len(), 9, "{wrong:#?}");
        assert!(!wrong.join("\n").contains("hunter2"));
        assert_eq!(connections.named.len(), 1);
    }
}
