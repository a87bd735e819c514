//! How we prove to a system who we are. A secret goes to the one host it is for, in the settings as here; what is bought
//! with it for an hour is kept in memory and bought again when it is old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::base64;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::sent::Sent;
use crate::actions::LookError;
use crate::actions::aws::Aws;
use crate::actions::http::{Answer, HttpSettings, Sending};
use crate::actions::params::unsafe_because;
use crate::domain::connector::Auth;
use crate::domain::text::told;
use crate::domain::time::Timestamp;

/// What is bought is good for an hour; it is not used that long.
const KEPT: Duration = Duration::from_secs(45 * 60);
const GOOGLE: &str = "https://oauth2.googleapis.com";

/// The secrets there are, and what was bought with them.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) settings: HttpSettings,
    aws: Arc<Aws>,
    /// By what is bought: of two who need the same at once, one buys, and nobody waits for another's seller.
    bought: Mutex<BTreeMap<String, Kept>>,
}

type Kept = Arc<Mutex<Option<Bought>>>;

#[derive(Debug)]
struct Bought {
    token: SecretString,
    at: Instant,
}

/// What is put into a request, and what must not be seen of the answer. `Debug` shows no secret.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Value>,
    pub(super) hidden: Vec<SecretString>,
}

impl Keys {
    pub(super) fn new(settings: HttpSettings, aws: Arc<Aws>) -> Self {
        Self { settings, aws, bought: Mutex::default() }
    }

    /// Everything a request needs that is not shown.
    pub(super) async fn prove(&self, sent: &Sent, now: Timestamp) -> Result<Proof, LookError> {
        let mut proof = Proof { headers: sent.headers()?, body: sent.body.clone(), hidden: vec![] };
        for (pointer, name) in &sent.body_secrets {
            let secret = self.read(name, &sent.url).await?;
            if let Some(place) = proof.body.as_mut().and_then(|body| body.pointer_mut(pointer)) {
                *place = Value::String(secret.expose_secret().to_owned());
            }
            proof.hidden.push(secret);
        }
        match &sent.auth {
            None => {}
            Some(Auth::AwsSigv4 { service, region }) => {
                self.sign(sent, (service, region), &mut proof).await?;
            }
            Some(auth) => {
                let name = auth.secret().unwrap_or_default();
                let secret = self.read(name, &sent.url).await?;
                let (header, value) = self.header(auth, &secret, &sent.url, now).await?;
                let bad = || unsafe_because(told("trouble.no_header", &[&header]));
                let put = HeaderName::from_bytes(header.as_bytes()).map_err(|_| bad())?;
                let mut said = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad())?;
                said.set_sensitive(true);
                proof.headers.insert(put, said);
                // A key may be given back whole, as one line, or without the word in front of it.
                let bare = value.expose_secret().split_once(' ').map(|(_, bare)| bare.to_owned());
                proof.hidden.extend(bare.map(SecretString::from));
                proof.hidden.extend([value, secret]);
            }
        }
        Ok(proof)
    }

    /// The secret of this name, if it is for this place.
    async fn read(&self, name: &str, url: &Url) -> Result<SecretString, LookError> {
        self.settings.secret(name, url)?.kept.read(name).await
    }

    async fn header(
        &self,
        auth: &Auth,
        secret: &SecretString,
        url: &Url,
        now: Timestamp,
    ) -> Result<(String, SecretString), LookError> {
        let own = secret.expose_secret();
        let authorization = |value: String| ("authorization".to_owned(), SecretString::from(value));
        Ok(match auth {
            // The settings of `http.request` hold the whole header.
            Auth::Bearer { .. } if own.starts_with("Bearer ") => authorization(own.to_owned()),
            Auth::Bearer { .. } | Auth::AwsSigv4 { .. } => authorization(format!("Bearer {own}")),
            Auth::Basic { user, .. } => {
                authorization(format!("Basic {}", base64::encode(format!("{user}:{own}"))))
            }
            Auth::Header { name, prefix, .. } => (name.clone(), format!("{prefix}{own}").into()),
            Auth::GithubApp { app, installation, .. } => {
                let seconds = now.0 / 1000;
                let claims = json!({"iat": seconds - 60, "exp": seconds + 540, "iss": app});
                let path = format!("/app/installations/{installation}/access_tokens");
                let mut to = url.clone();
                // Where GitHub is on one's own host, its API stands below /api/v3.
                let below = if url.path().starts_with("/api/v3/") { "/api/v3" } else { "" };
                to.set_path(&format!("{below}{path}"));
                to.set_query(None);
                let token =
                    self.buy(auth, || Ok(Buying { to, claims, key: own.into(), form: false }));
                authorization(format!("Bearer {}", token.await?.expose_secret()))
            }
            Auth::GoogleServiceAccount { scope, .. } => {
                let token = self.buy(auth, || self.google(own, scope, now));
                authorization(format!("Bearer {}", token.await?.expose_secret()))
            }
        })
    }

    /// What a service account asks for.
    fn google(&self, account: &str, scope: &str, now: Timestamp) -> Result<Buying, LookError> {
        let wrong = || unsafe_because(told("trouble.no_key", &[]));
        let account: Value = serde_json::from_str(account).map_err(|_| wrong())?;
        let part = |name: &str| account.get(name).and_then(Value::as_str).ok_or_else(wrong);
        let to: Url = part("token_uri")?.parse().map_err(|_| wrong())?;
        if to.origin().ascii_serialization() != GOOGLE {
            self.settings.allows(&to)?;
        }
        let seconds = now.0 / 1000;
        let claims = json!({
            "iss": part("client_email")?, "scope": scope, "aud": to.as_str(),
            "iat": seconds, "exp": seconds + 3600,
        });
        Ok(Buying { to, claims, key: part("private_key")?.into(), form: true })
    }

    /// A token for an hour, bought with a signed statement.
    async fn buy(
        &self,
        auth: &Auth,
        with: impl FnOnce() -> Result<Buying, LookError>,
    ) -> Result<SecretString, LookError> {
        let kept = self.kept(auth).await;
        let mut kept = kept.lock().await;
        if let Some(one) = kept.as_ref().filter(|one| one.at.elapsed() < KEPT) {
            return Ok(one.token.clone());
        }
        let Buying { to, claims, key, form } = with()?;
        let statement = statement(&claims, &key)?;
        let grant = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
            statement.expose_secret()
        );
        let mut sending = Sending::new(Method::POST, &to, 8000);
        if form {
            sending.form = Some(&grant);
        } else {
            let value = format!("Bearer {}", statement.expose_secret());
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| unsafe_because(told("trouble.no_key", &[])))?;
            value.set_sensitive(true);
            sending.headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        let answer = Answer::of(sending.within(&self.settings).await);
        let system = to.host_str().unwrap_or("endpoint").to_owned();
        let token = answer.body.as_ref().and_then(|body| {
            ["token", "access_token"].iter().find_map(|name| body.get(*name)?.as_str())
        });
        let Some(token) = token.map(|token| SecretString::from(token.to_owned())) else {
            return Err(match answer.status {
                None => LookError::Unreachable { system, detail: answer.saw() },
                Some(status) => {
                    let detail = told("told.status", &[&status.to_string(), ""]);
                    LookError::Refused { system, detail }
                }
            });
        };
        *kept = Some(Bought { token: token.clone(), at: Instant::now() });
        Ok(token)
    }

    async fn kept(&self, auth: &Auth) -> Kept {
        let mut bought = self.bought.lock().await;
        Arc::clone(bought.entry(json!(auth).to_string()).or_default())
    }

    /// What was bought is not taken any more: the next call buys anew.
    pub(super) async fn forget(&self, sent: &Sent) {
        if let Some(auth) = &sent.auth {
            *self.kept(auth).await.lock().await = None;
        }
    }

    async fn sign(
        &self,
        sent: &Sent,
        scope: (&str, &str),
        proof: &mut Proof,
    ) -> Result<(), LookError> {
        let body = proof.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let request = (sent.method.as_str(), &sent.url);
        let signed = self.aws.signature(scope, request, &[], &body).await;
        let system = sent.url.host_str().unwrap_or("endpoint").to_owned();
        for (name, value) in signed.map_err(|failure| failure.look(system))? {
            let bad = || unsafe_because(told("trouble.no_header", &[name]));
            let mut said = HeaderValue::from_str(&value).map_err(|_| bad())?;
            said.set_sensitive(true);
            proof.headers.insert(HeaderName::from_static(name), said);
            proof.hidden.push(value.into());
        }
        Ok(())
    }
}

/// A token that is to be bought.
struct Buying {
    to: Url,
    claims: Value,
    key: SecretString,
    /// As a form, or as the proof itself.
    form: bool,
}

/// A JSON Web Token, signed with an RSA key in PEM.
fn statement(claims: &Value, key: &SecretString) -> Result<SecretString, LookError> {
    let wrong = || unsafe_because(told("trouble.no_key", &[]));
    let (der, is_pkcs1) = pem(key.expose_secret()).ok_or_else(wrong)?;
    let pair = if is_pkcs1 { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
    let pair = pair.map_err(|_| wrong())?;
    let head = json!({"alg": "RS256", "typ": "JWT"});
    let text = format!("{}.{}", url_safe(head.to_string()), url_safe(claims.to_string()));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| wrong())?;
    Ok(format!("{text}.{}", url_safe(signature)).into())
}

fn url_safe(bytes: impl AsRef<[u8]>) -> String {
    base64::encode(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// The key inside `-----BEGIN … PRIVATE KEY-----`, and whether it is of the older form.
fn pem(text: &str) -> Option<(Vec<u8>, bool)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((base64::decode(body).ok()?, kind.trim() == "RSA"))
}
