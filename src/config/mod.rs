//! The only reader of the environment's variables. Parsing has no side effects and reports everything at once.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::actions::{
    ActionSettings, AwsSettings, Connections, DnsSettings, ExecSettings, HttpSettings, Kept,
    KubeSettings, find_secret,
};
use crate::catalog::CatalogSources;
use crate::domain::alert::Vendor;
use crate::domain::ids::{Digest, EnvironmentId, PersonId};
use crate::domain::readiness::Schedule;
use crate::domain::time::Span;
use crate::hooks::HookSettings;
use crate::slack::client::SlackSettings;
use crate::web::access::holder;

/// Shortest token for the war room.
const TOKEN: usize = 16;

/// What `serve` needs. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// `DR_BUDDY_LISTEN`: where to listen; 127.0.0.1:8088 unless told.
    pub listen: SocketAddr,
    /// `DATABASE_URL`, else `DR_BUDDY_DATABASE`: where everything is kept.
    pub database: Database,
    /// `DR_BUDDY_ENVIRONMENT`: the one environment this process acts on.
    pub environment: EnvironmentId,
    /// `DR_BUDDY_PROMPTS`, `DR_BUDDY_ENVIRONMENTS`: directories of documents.
    pub sources: CatalogSources,
    /// `SLACK_BOT_TOKEN`, `SLACK_SIGNING_SECRET`, `SLACK_APP_TOKEN`, `SLACK_API_URL`.
    pub slack: SlackSettings,
    /// `AWS_ENDPOINT_URL`, `KUBECONFIG`, `DR_BUDDY_EXTRA_CA`, `DR_BUDDY_CONNECTIONS`, `DR_BUDDY_HTTP_HOSTS`,
    /// `DR_BUDDY_HTTP_SECRETS`, `DR_BUDDY_VAULT`, `DR_BUDDY_VAULT_TOKEN`, `DR_BUDDY_VAULT_TOKEN_FILE`, `DR_BUDDY_DNS_RESOLVERS`, `DR_BUDDY_PROGRAMS`.
    pub actions: ActionSettings,
    /// `DR_BUDDY_WEB_TOKENS`: `antoine=…,mia=sha256:…`; the war room is off without.
    pub web_tokens: Vec<(PersonId, Digest)>,
    /// `DR_BUDDY_HOOKS`: `pagerduty=VARIABLE,alertmanager=/a/file,grafana=VARIABLE`; each is off without. Topics of SNS
    /// stand in the environment.
    pub hooks: HookSettings,
    /// `DR_BUDDY_PAGE_URL`: where people reach the war room in the browser (`https://dr.example.com`); without it no card
    /// leads there.
    pub page_url: Option<String>,
    /// `DR_BUDDY_SEAL_KEY`, `DR_BUDDY_SEAL_KEY_FILE`: what seals the secrets of one-time codes; nobody has any without.
    pub seal_key: Option<SealKey>,
    /// `DR_BUDDY_DOCTOR`: when the doctor makes its rounds, beside at a start: `06:00` of the environment's time zone
    /// unless told; `4h`; `off`.
    pub doctor: Schedule,
    /// `DR_BUDDY_GRACE`: how long running work may take to end when the process is told to; 25s unless told. Kubernetes
    /// kills 30 s after it told (`terminationGracePeriodSeconds`): keep it below that.
    pub grace: Duration,
    /// `RUST_LOG`: what is logged; `info` unless told.
    pub log: String,
    /// `DR_BUDDY_LOG_JSON=1`: log as JSON lines.
    pub log_json: bool,
}

/// What a command on this machine needs that only touches the database.
#[derive(Debug, Clone)]
pub struct Local {
    /// As in [`Config`].
    pub database: Database,
    /// As in [`Config`].
    pub environment: EnvironmentId,
    /// As in [`Config`].
    pub sources: CatalogSources,
    /// `DR_BUDDY_TOKEN`, looked up in `DR_BUDDY_WEB_TOKENS`: who asks, if it is known.
    pub person: Option<PersonId>,
    /// As in [`Config`].
    pub seal_key: Option<SealKey>,
}

/// What a look at everything needs: neither Slack nor a database.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// As in [`Config`], unless the command line names one.
    pub environment: EnvironmentId,
    /// As in [`Config`].
    pub sources: CatalogSources,
    /// As in [`Config`].
    pub actions: ActionSettings,
}

impl Checkup {
    /// Reads what is needed, or says all that is wrong.
    ///
    /// # Errors
    /// One line per problem, naming the variable and what to do.
    pub fn read(read: Read<'_>, environment: Option<String>) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let environment = environment.or_else(|| read("DR_BUDDY_ENVIRONMENT")).unwrap_or_default();
        let environment = EnvironmentId::parse(&environment)
            .map_err(|error| wrong.push(format!("--env, or DR_BUDDY_ENVIRONMENT: {error}")));
        let actions = actions(read, &mut wrong);
        let (Ok(environment), true) = (environment, wrong.is_empty()) else { return Err(wrong) };
        Ok(Self { environment, sources: sources(read), actions })
    }
}

/// 32 bytes in hexadecimal. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum SealKey {
    /// Itself.
    Hex(SecretString),
    /// In a file: a mounted secret.
    File(PathBuf),
}

/// Where everything is kept. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum Database {
    /// `DR_BUDDY_DATABASE`: a SQLite file, for one process; dr-buddy.db unless told.
    File(PathBuf),
    /// `DATABASE_URL`: a PostgreSQL database, for several replicas. Holds a password.
    Postgres(SecretString),
}

/// Reads a variable.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the variables of this process.
#[expect(clippy::disallowed_methods, reason = "this is the one reader the others are told to use")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What is logged, and how: needed before anything can fail.
pub fn log(read: Read<'_>, unless_told: &str) -> (String, bool) {
    let filter = read("RUST_LOG").unwrap_or_else(|| unless_told.to_owned());
    (filter, read("DR_BUDDY_LOG_JSON").as_deref() == Some("1"))
}

impl Local {
    /// Reads what is needed, or says all that is wrong.
    ///
    /// # Errors
    /// One line per problem, naming the variable and what to do.
    pub fn read(read: Read<'_>) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let environment = read("DR_BUDDY_ENVIRONMENT").unwrap_or_default();
        let environment = EnvironmentId::parse(&environment).map_err(|error| {
            wrong.push(format!("DR_BUDDY_ENVIRONMENT: {error}"));
        });
        let tokens = tokens(&read("DR_BUDDY_WEB_TOKENS").unwrap_or_default(), &mut wrong);
        let mine = read("DR_BUDDY_TOKEN").unwrap_or_default();
        let person = holder(&tokens, &mine).cloned();
        let database = database(read, &mut wrong);
        let seal_key = seal_key(read, &mut wrong);
        match (environment, wrong.is_empty()) {
            (Ok(environment), true) => {
                Ok(Self { database, environment, sources: sources(read), person, seal_key })
            }
            (Ok(_) | Err(()), _) => Err(wrong),
        }
    }
}

/// Where documents are read from.
pub fn sources(read: Read<'_>) -> CatalogSources {
    CatalogSources {
        prompts: read("DR_BUDDY_PROMPTS").map(PathBuf::from),
        environments: read("DR_BUDDY_ENVIRONMENTS").map(PathBuf::from),
    }
}

impl Config {
    /// Reads everything, or says all that is wrong.
    ///
    /// # Errors
    /// One line per problem, naming the variable and what to do.
    pub fn read(read: Read<'_>) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut required = |name: &str, what: &str| {
            read(name).unwrap_or_else(|| {
                wrong.push(format!("{name} is not set: {what}"));
                String::new()
            })
        };
        let token = required("SLACK_BOT_TOKEN", "the bot token of the Slack app (xoxb-…)");
        let environment = required(
            "DR_BUDDY_ENVIRONMENT",
            "the id of the environment to act on (prod, staging …)",
        );
        let environment = EnvironmentId::parse(&environment).map_err(|error| {
            if !environment.is_empty() {
                wrong.push(format!("DR_BUDDY_ENVIRONMENT: {error}"));
            }
        });
        let (signing_secret, app_token) = doors(read, &mut wrong);
        let listen = read("DR_BUDDY_LISTEN").unwrap_or_else(|| "127.0.0.1:8088".to_owned());
        let listen = listen.parse().map_err(|_| {
            wrong.push(format!("DR_BUDDY_LISTEN: `{listen}` is not an address and port"));
        });
        let web_tokens = tokens(&read("DR_BUDDY_WEB_TOKENS").unwrap_or_default(), &mut wrong);
        let hooks = hooks(read, &mut wrong);
        let page_url = page_url(read, !web_tokens.is_empty(), &mut wrong);
        let database = database(read, &mut wrong);
        let seal_key = seal_key(read, &mut wrong);
        let grace = read("DR_BUDDY_GRACE").unwrap_or_else(|| "25s".to_owned());
        let grace = Span::parse(&grace).unwrap_or_else(|error| {
            wrong.push(format!("DR_BUDDY_GRACE: {error}: write `25s`"));
            Span(0)
        });
        let doctor = read("DR_BUDDY_DOCTOR").map_or(Ok(Schedule::USUAL), |at| Schedule::parse(&at));
        let doctor = doctor.unwrap_or_else(|error| {
            wrong.push(format!("DR_BUDDY_DOCTOR: {error}"));
            Schedule::Off
        });
        let actions = actions(read, &mut wrong);
        let (log, log_json) = log(read, "info");
        let (Ok(environment), Ok(listen), true) = (environment, listen, wrong.is_empty()) else {
            return Err(wrong);
        };
        Ok(Self {
            listen,
            database,
            environment,
            sources: sources(read),
            slack: SlackSettings {
                token: token.into(),
                signing_secret,
                app_token,
                api_url: read("SLACK_API_URL")
                    .unwrap_or_else(|| "https://slack.com/api".to_owned()),
            },
            actions,
            web_tokens,
            hooks,
            page_url,
            seal_key,
            doctor,
            grace: Duration::from_millis(grace.ms()),
            log,
            log_json,
        })
    }
}

/// Who may send alerts, and where their secrets are. No message repeats what stands there.
fn hooks(read: Read<'_>, wrong: &mut Vec<String>) -> HookSettings {
    let text = read("DR_BUDDY_HOOKS").unwrap_or_default();
    let mut secrets = Vec::new();
    for (number, pair) in (1..).zip(text.split(',').filter(|pair| !pair.trim().is_empty())) {
        let (name, place) = pair.trim().split_once('=').unwrap_or_default();
        match Vendor::parse(name) {
            Some(vendor) if vendor != Vendor::Sns => match Kept::find(place, read) {
                Ok(kept) => secrets.push((vendor, kept)),
                Err(why) => wrong.push(format!("DR_BUDDY_HOOKS: `{name}` {why}")),
            },
            Some(_) => wrong.push(
                "DR_BUDDY_HOOKS: `sns` has no secret: name its topics under `alerts.topics` of the environment".to_owned(),
            ),
            None => wrong.push(format!(
                "DR_BUDDY_HOOKS: entry {number} is not `pagerduty=…`, `alertmanager=…` or `grafana=…` with the variable or \
                 the file of its secret"
            )),
        }
    }
    HookSettings { secrets, extra_ca: read("DR_BUDDY_EXTRA_CA").map(PathBuf::from) }
}

/// How to reach the outside systems.
fn actions(read: Read<'_>, wrong: &mut Vec<String>) -> ActionSettings {
    let path = |name: &str| read(name).map(PathBuf::from);
    let text = |name: &str| read(name).unwrap_or_default();
    let extra_ca = path("DR_BUDDY_EXTRA_CA");
    let aws = AwsSettings { endpoint_url: read("AWS_ENDPOINT_URL"), ..AwsSettings::default() };
    let web = HttpSettings { extra_ca: extra_ca.clone(), ..HttpSettings::default() };
    let find = |place: &str| find_secret(place, read, &aws, &web);
    ActionSettings {
        aws: aws.clone(),
        kube: KubeSettings { kubeconfig: path("KUBECONFIG"), ..KubeSettings::default() },
        http: HttpSettings {
            extra_ca: extra_ca.clone(),
            origins: HttpSettings::parse_origins(&text("DR_BUDDY_HTTP_HOSTS"), wrong),
            secrets: HttpSettings::parse_secrets(&text("DR_BUDDY_HTTP_SECRETS"), &find, wrong),
        },
        dns: DnsSettings::parse(&text("DR_BUDDY_DNS_RESOLVERS"), wrong),
        connections: Connections {
            named: Connections::parse(&text("DR_BUDDY_CONNECTIONS"), read, wrong),
            extra_ca,
        },
        exec: programs(read, wrong),
        // Those are documents: the catalog has them.
        connectors: vec![],
    }
}

/// The programs that steps may run; none unless told.
fn programs(read: Read<'_>, wrong: &mut Vec<String>) -> ExecSettings {
    let text = read("DR_BUDDY_PROGRAMS").unwrap_or_else(|| "{}".to_owned());
    ExecSettings::parse(&text, read).unwrap_or_else(|faults| {
        wrong.extend(faults.into_iter().map(|fault| format!("DR_BUDDY_PROGRAMS: {fault}")));
        ExecSettings::default()
    })
}

/// How Slack's requests come in: the secret of HTTP, the token of Socket Mode, or both.
fn doors(read: Read<'_>, wrong: &mut Vec<String>) -> (Option<SecretString>, Option<SecretString>) {
    let (signing, app) = (read("SLACK_SIGNING_SECRET"), read("SLACK_APP_TOKEN"));
    if signing.is_none() && app.is_none() {
        wrong.push(
            "neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is set: nothing could come in from Slack. Set the \
             signing secret of the Slack app to be called over HTTP, its app-level token (xapp-…) for Socket Mode, \
             or both"
                .to_owned(),
        );
    }
    // What stands there is secret: only how it begins is looked at, and none of it is repeated.
    if app.as_ref().is_some_and(|token| !token.starts_with("xapp-")) {
        wrong.push(
            "SLACK_APP_TOKEN is not an app-level token (xapp-…): make one with the scope `connections:write` under \
             Basic Information, App-Level Tokens, or unset it to be called over HTTP only"
                .to_owned(),
        );
    }
    if read("SLACK_BOT_TOKEN").is_some_and(|token| token.starts_with("xapp-")) {
        wrong.push(
            "SLACK_BOT_TOKEN is an app-level token (xapp-…): that belongs in SLACK_APP_TOKEN; here goes the bot \
             token (xoxb-…) of OAuth & Permissions"
                .to_owned(),
        );
    }
    (signing.map(Into::into), app.map(Into::into))
}

/// Where the war room is reached, without a slash at the end: the address of a run is put behind it.
fn page_url(read: Read<'_>, is_on: bool, wrong: &mut Vec<String>) -> Option<String> {
    let text = read("DR_BUDDY_PAGE_URL")?;
    let is_page = url::Url::parse(&text).is_ok_and(|url| {
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        matches!(url.scheme(), "https" | "http") && url.has_host() && plain && text.len() <= 500
    });
    if !is_page {
        wrong.push(format!(
            "DR_BUDDY_PAGE_URL: `{text}` is not an address that people can open: write `https://dr.example.com`"
        ));
    } else if !is_on {
        wrong.push(
            "DR_BUDDY_PAGE_URL leads to the war room, which is off: set DR_BUDDY_WEB_TOKENS, or unset the address"
                .to_owned(),
        );
    }
    is_page.then(|| text.trim_end_matches('/').to_owned())
}

fn database(read: Read<'_>, wrong: &mut Vec<String>) -> Database {
    let Some(url) = read("DATABASE_URL") else {
        let file = read("DR_BUDDY_DATABASE").unwrap_or_else(|| "dr-buddy.db".to_owned());
        return Database::File(file.into());
    };
    // The URL holds a password: it is not repeated in the message.
    let scheme = url::Url::parse(&url).map(|url| url.scheme().to_owned());
    if !matches!(scheme.as_deref(), Ok("postgres" | "postgresql")) {
        wrong.push(
            "DATABASE_URL: write `postgres://user:password@host/database`, or unset it to use the \
             SQLite file of DR_BUDDY_DATABASE"
                .to_owned(),
        );
    }
    Database::Postgres(url.into())
}

/// What seals the secrets of one-time codes. What stands there is secret: none of it is repeated.
fn seal_key(read: Read<'_>, wrong: &mut Vec<String>) -> Option<SealKey> {
    const MAKE: &str = "make one with `openssl rand -hex 32`";
    match (read("DR_BUDDY_SEAL_KEY"), read("DR_BUDDY_SEAL_KEY_FILE")) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            wrong.push(
                "DR_BUDDY_SEAL_KEY and DR_BUDDY_SEAL_KEY_FILE are both set: unset one".to_owned(),
            );
            None
        }
        (Some(key), None) => {
            let is_key = key.len() == 64 && key.chars().all(|c| c.is_ascii_hexdigit());
            if !is_key {
                wrong.push(format!("DR_BUDDY_SEAL_KEY is not 64 hexadecimal digits: {MAKE}"));
            }
            is_key.then(|| SealKey::Hex(key.into()))
        }
        (None, Some(file)) => Some(SealKey::File(file.into())),
    }
}

/// `person=token` or `person=sha256:digest`, with commas. What stands there is secret: no message repeats any of it.
fn tokens(text: &str, wrong: &mut Vec<String>) -> Vec<(PersonId, Digest)> {
    let mut tokens: Vec<(PersonId, Digest)> = Vec::new();
    for (number, pair) in (1..).zip(text.split(',').filter(|pair| !pair.trim().is_empty())) {
        let mut bad = |why: &str| wrong.push(format!("DR_BUDDY_WEB_TOKENS: entry {number} {why}"));
        let Some((person, token)) = pair.trim().split_once('=') else {
            bad("is not `person=token` or `person=sha256:…`");
            continue;
        };
        let digest = match token.strip_prefix("sha256:") {
            Some(digest) => Digest::parse(digest).ok(),
            None => (token.len() >= TOKEN).then(|| Digest::of(token.as_bytes())),
        };
        match (PersonId::parse(person), digest) {
            (Err(_), _) => bad("does not begin with a person's id"),
            (Ok(_), None) => bad("has a token of less than 16 characters, or a malformed digest"),
            (Ok(_), Some(digest)) if tokens.iter().any(|(_, other)| *other == digest) => {
                bad("has somebody else's token");
            }
            (Ok(id), Some(digest)) => tokens.push((id, digest)),
        }
    }
    tokens
}
