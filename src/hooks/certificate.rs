//! The certificates with which SNS signs. One is fetched over TLS from SNS's own host, whose chain the TLS library checks;
//! it names SNS, is good today, and is kept: they change once a year.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use tokio::sync::Mutex;
use tracing::warn;
use url::Url;
use x509_parser::pem::parse_x509_pem;

use super::Refused;
use crate::actions::plain_client;
use crate::domain::time::Timestamp;
use crate::faults;

/// How long SNS may take to show one, or to confirm.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer that is read.
const LONGEST: usize = 64 * 1024;
/// Certificates that are kept: one for each region, and the next.
const KEPT: usize = 8;

/// By what a message was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// Version 1, which topics have unless told.
    Sha1,
    /// Version 2.
    Sha256,
}

#[derive(Debug)]
struct Certificate {
    key: Vec<u8>,
    from: Timestamp,
    until: Timestamp,
}

/// Those that were fetched.
#[derive(Debug)]
pub(super) struct Certificates {
    client: Client,
    kept: Mutex<HashMap<Url, Certificate>>,
}

impl Certificates {
    pub(super) fn new(extra_ca: Option<&Path>) -> Result<Self, String> {
        let mut builder = plain_client().timeout(PATIENCE).https_only(true);
        if let Some(path) = extra_ca {
            let wrong = |_| format!("DR_BUDDY_EXTRA_CA: {} cannot be read as PEM", path.display());
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let all = reqwest::Certificate::from_pem_bundle(&pem);
            builder = builder.tls_certs_merge(all.map_err(|error| wrong(error.to_string()))?);
        }
        if let Some((host, address)) = faults::sns() {
            let address: [SocketAddr; 1] = [address];
            builder = builder.resolve_to_addrs(&host, &address);
        }
        let client = builder.build().map_err(|_| "no TLS set-up for SNS".to_owned())?;
        Ok(Self { client, kept: Mutex::default() })
    }

    /// Whether the certificate at this address made that signature of the content.
    pub(super) async fn signed(
        &self,
        url: &Url,
        hash: Hash,
        content: &[u8],
        signature: &[u8],
        now: Timestamp,
    ) -> Result<bool, Refused> {
        // Held while one is fetched: however many messages name it, SNS is asked once.
        let mut kept = self.kept.lock().await;
        if !kept.contains_key(url) {
            let pem = self.get(url).await?;
            let certificate = read(&pem).ok_or(Refused::Forged("SNS", "no certificate of SNS"))?;
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(url.clone(), certificate);
        }
        let Some(certificate) = kept.get(url) else { return Ok(false) };
        if now < certificate.from || certificate.until < now {
            return Err(Refused::Forged("SNS", "its certificate is not good today"));
        }
        let by = match hash {
            Hash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        Ok(UnparsedPublicKey::new(by, &certificate.key).verify(content, signature).is_ok())
    }

    /// What SNS shows at an address of its own.
    pub(super) async fn get(&self, url: &Url) -> Result<Vec<u8>, Refused> {
        let no_answer = |why: &str| {
            warn!(host = url.host_str(), why, "SNS did not answer");
            Refused::NoAnswer("SNS")
        };
        let asked = self.client.get(url.clone()).send().await;
        let mut answer = asked.map_err(|error| {
            no_answer(if error.is_connect() { "no connection" } else { "no answer" })
        })?;
        if !answer.status().is_success() {
            return Err(no_answer(answer.status().as_str()));
        }
        let mut all = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|_| no_answer("half an answer"))? {
            all.extend_from_slice(&part);
            if all.len() > LONGEST {
                return Err(no_answer("a long answer"));
            }
        }
        Ok(all)
    }
}

/// A certificate that names SNS (`sns.amazonaws.com`, `sns-signing.me-south-1.amazonaws.com` …).
fn read(pem: &[u8]) -> Option<Certificate> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let is_sns = |name: &str| {
        (name.starts_with("sns.") || name.starts_with("sns-"))
            && [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| name.ends_with(end))
    };
    if !common.into_iter().any(is_sns) {
        return None;
    }
    let at = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
    let validity = certificate.validity();
    Some(Certificate {
        key: certificate.public_key().subject_public_key.data.to_vec(),
        from: at(validity.not_before.timestamp()),
        until: at(validity.not_after.timestamp()),
    })
}
