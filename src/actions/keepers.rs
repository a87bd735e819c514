//! Where secrets are kept beside this process's own variables and files: Secrets Manager and Vault. They are read when
//! they are needed, so that a rotated one is the right one; nothing of them is kept.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::LookError;
use super::aws::{Aws, AwsSettings};
use super::connections::{Keeper, Kept};
use super::http::{Answer, HttpSettings, Sending};
use super::params::unsafe_because;
use crate::domain::text::told;

/// How long Vault may take.
const PATIENCE_MS: u64 = 5000;

/// Reads where a secret is kept: `VARIABLE`, `/a/file`, `secretsmanager:us-east-1/NAME#KEY`, `vault1:MOUNT/PATH#KEY` or
/// `vault2:MOUNT/PATH#KEY` (the version of the key-value engine). `#KEY` is left out where the secret is no JSON object.
///
/// # Errors
/// What is wrong, in a word for whoever set it.
pub fn find(
    place: &str,
    read: &dyn Fn(&str) -> Option<String>,
    aws: &AwsSettings,
    http: &HttpSettings,
) -> Result<Kept, String> {
    let (kind, rest) = place.split_once(':').unwrap_or(("", place));
    match kind {
        "secretsmanager" => {
            let wrong = || "is not `secretsmanager:REGION/NAME#KEY`".to_owned();
            let (region, rest) = rest.split_once('/').ok_or_else(wrong)?;
            let (secret, key) = keyed(rest);
            let aws = Arc::new(Aws::new(aws.clone()));
            let (region, secret) = (region.to_owned(), secret.to_owned());
            Ok(Kept::Elsewhere(Arc::new(InSecretsManager { aws, region, secret, key })))
        }
        "vault1" | "vault2" => {
            let wrong = || format!("is not `{kind}:MOUNT/PATH#KEY`");
            let (path, key) = keyed(rest);
            let (mount, path) = path.split_once('/').ok_or_else(wrong)?;
            let key = key.ok_or_else(wrong)?;
            let base = read("DR_BUDDY_VAULT").ok_or("needs DR_BUDDY_VAULT: Vault's address")?;
            let below = if kind == "vault2" { "data/" } else { "" };
            let url = format!("{}/v1/{mount}/{below}{path}", base.trim_end_matches('/'));
            let url = url.parse().map_err(|_| "DR_BUDDY_VAULT is not an address".to_owned())?;
            let token = match read("DR_BUDDY_VAULT_TOKEN_FILE") {
                Some(file) => Kept::File(file.into()),
                None => Kept::find("DR_BUDDY_VAULT_TOKEN", read)?,
            };
            let settings =
                HttpSettings { extra_ca: http.extra_ca.clone(), ..HttpSettings::default() };
            let data: &[&str] = if kind == "vault2" { &["data", "data"] } else { &["data"] };
            let place = format!("vault ({mount}/{path})");
            Ok(Kept::Elsewhere(Arc::new(InVault { settings, url, place, token, data, key })))
        }
        _ => Kept::find(place, read),
    }
}

fn keyed(text: &str) -> (&str, Option<String>) {
    match text.rsplit_once('#') {
        Some((path, key)) => (path, Some(key.to_owned())),
        None => (text, None),
    }
}

fn nothing(name: &str, place: &str) -> LookError {
    unsafe_because(told("trouble.not_kept", &[name, place]))
}

/// A secret of AWS.
#[derive(Debug)]
struct InSecretsManager {
    aws: Arc<Aws>,
    region: String,
    secret: String,
    key: Option<String>,
}

#[async_trait]
impl Keeper for InSecretsManager {
    async fn read(&self) -> Result<SecretString, LookError> {
        let whole = self.aws.secret_text(&self.region, &self.secret).await?;
        let Some(key) = &self.key else { return Ok(whole) };
        let Self { region, secret, .. } = self;
        let none = || nothing(key, &format!("secretsmanager in {region} ({secret})"));
        let value: Value = serde_json::from_str(whole.expose_secret()).map_err(|_| none())?;
        let text = value.get(key).and_then(Value::as_str).ok_or_else(none)?;
        Ok(text.to_owned().into())
    }
}

/// A secret of Vault's key-value engine.
#[derive(Debug)]
struct InVault {
    settings: HttpSettings,
    url: Url,
    /// For people.
    place: String,
    token: Kept,
    data: &'static [&'static str],
    key: String,
}

#[async_trait]
impl Keeper for InVault {
    async fn read(&self) -> Result<SecretString, LookError> {
        let token = self.token.read("DR_BUDDY_VAULT_TOKEN").await?;
        let mut value = HeaderValue::from_str(token.expose_secret())
            .map_err(|_| nothing("DR_BUDDY_VAULT_TOKEN", "DR_BUDDY_VAULT_TOKEN"))?;
        value.set_sensitive(true);
        let mut sending = Sending::new(Method::GET, &self.url, PATIENCE_MS);
        sending.headers.insert("x-vault-token", value);
        let answer = Answer::of(sending.within(&self.settings).await);
        let system = self.place.clone();
        let none = || nothing(&self.key, &self.place);
        match answer.status {
            None => return Err(LookError::Unreachable { system, detail: answer.saw() }),
            Some(200) => {}
            Some(404) => return Err(none()),
            Some(status) => {
                let detail = told("told.status", &[&status.to_string(), ""]);
                return Err(LookError::Refused { system, detail });
            }
        }
        let data = self.data.iter().try_fold(answer.body.as_ref(), |body, part| {
            Some(body.and_then(|body| body.get(part)))
        });
        let text = data.flatten().and_then(|data| data.get(&self.key)?.as_str());
        text.map(|text| text.to_owned().into()).ok_or_else(none)
    }
}
