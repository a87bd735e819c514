//! What the settings say of endpoints: which may be changed, and which secret goes to which of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use reqwest::Url;

use crate::actions::LookError;
use crate::actions::connections::Kept;
use crate::actions::params::unsafe_because;
use crate::domain::text::told;

/// How to reach endpoints. `config.rs` fills it. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    /// Certificates to trust besides the system's, as a PEM file.
    pub extra_ca: Option<PathBuf>,
    /// Origins (`https://api.example.com`) that may be asked to change something.
    pub origins: BTreeSet<String>,
    /// Secrets for headers, by name.
    pub secrets: BTreeMap<String, HttpSecret>,
}

/// A secret, and the one origin it may be sent to. `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct HttpSecret {
    /// The whole value of the header.
    pub kept: Kept,
    /// The origin.
    pub origin: String,
}

/// `https://api.example.com`, of that or of `api.example.com`, without a path.
fn origin(text: &str) -> Option<String> {
    let text = text.trim();
    let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url: Url = url.parse().ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_bare && is_http).then(|| url.origin().ascii_serialization())
}

impl HttpSettings {
    /// Refuses a place that may not be asked to change something.
    pub(in crate::actions) fn allows(&self, url: &Url) -> Result<(), LookError> {
        let origin = url.origin().ascii_serialization();
        if self.origins.contains(&origin) {
            return Ok(());
        }
        Err(unsafe_because(told("trouble.no_origin", &[&origin])))
    }

    /// The secret of this name, if it is for this place.
    pub(in crate::actions) fn secret(
        &self,
        name: &str,
        url: &Url,
    ) -> Result<&HttpSecret, LookError> {
        let none = || unsafe_because(told("trouble.no_secret", &[name]));
        let secret = self.secrets.get(name).ok_or_else(none)?;
        let origin = url.origin().ascii_serialization();
        if origin != secret.origin {
            return Err(unsafe_because(told(
                "trouble.other_origin",
                &[name, &secret.origin, &origin],
            )));
        }
        Ok(secret)
    }

    /// Reads `api.example.com,http://internal:8080`. Says what is wrong.
    pub fn parse_origins(text: &str, wrong: &mut Vec<String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            match origin(part) {
                Some(origin) => drop(found.insert(origin)),
                None => wrong.push(format!(
                    "DR_BUDDY_HTTP_HOSTS: `{}` is not a host: write `api.example.com` or `http://internal:8080`",
                    part.trim()
                )),
            }
        }
        found
    }

    /// Reads `status=STATUS_TOKEN@api.example.com,…`: each a name, where its value is kept, and the host it is for. Says what is wrong, and repeats no secret.
    pub fn parse_secrets(
        text: &str,
        find: &dyn Fn(&str) -> Result<Kept, String>,
        wrong: &mut Vec<String>,
    ) -> BTreeMap<String, HttpSecret> {
        let mut found = BTreeMap::new();
        for (number, part) in (1..).zip(text.split(',').filter(|part| !part.trim().is_empty())) {
            let parts = part.trim().split_once('=').and_then(|(name, rest)| {
                let (place, host) = rest.rsplit_once('@')?;
                Some((name, place, origin(host)?)).filter(|_| !name.is_empty() && !place.is_empty())
            });
            let Some((name, place, origin)) = parts else {
                wrong.push(format!(
                    "DR_BUDDY_HTTP_SECRETS: entry {number} is not `name=VARIABLE@host`, `name=/a/file@host`, \
                     `name=secretsmanager:REGION/NAME#KEY@host` or `name=vault2:MOUNT/PATH#KEY@host`"
                ));
                continue;
            };
            match find(place) {
                Ok(kept) => drop(found.insert(name.to_owned(), HttpSecret { kept, origin })),
                Err(why) => wrong.push(format!("DR_BUDDY_HTTP_SECRETS: `{name}` {why}")),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_origins_and_a_secret_has_one() {
        let mut wrong = vec![];
        let origins = HttpSettings::parse_origins(
            "api.example.com, http://internal:8080,https://x.example/path,ftp://y",
            &mut wrong,
        );
        let wanted = ["http://internal:8080", "https://api.example.com"];
        assert_eq!(origins.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        wrong.clear();
        let read = |name: &str| (name == "TOKEN").then(|| "OAuth hunter2".to_owned());
        let secrets = HttpSettings::parse_secrets(
            "status=TOKEN@api.example.com,a=NONE@x.example,b=TOKEN,=TOKEN@x.example",
            &|place| Kept::find(place, &read),
            &mut wrong,
        );
        assert_eq!(secrets["status"].origin, "https://api.example.com");
        assert!(!format!("{secrets:?}").contains("hunter2"));
        assert_eq!((secrets.len(), wrong.len()), (1, 3), "{wrong:?}");
    }
}
