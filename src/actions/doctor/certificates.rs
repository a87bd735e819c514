//! Certificates of the load balancer that would answer: as it is told to use them, and as it shows them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::alb::{ELB, listeners};
use super::tools::{Looks, Must, Row, Tools, each, instant, said};
use super::{Look, Place};
use crate::actions::params::{clip, crypto, unsafe_because};
use crate::actions::{LookError, Permission};
use crate::domain::time::Span;

/// Time enough to renew one by hand.
const AHEAD: Span = Span::minutes(21 * 24 * 60);
const CONNECT: Duration = Duration::from_secs(5);

pub(super) const ALL: &[Row] = &[
    Row {
        name: "certificate",
        look: |tools, place| Box::pin(certificate(tools, place)),
        needs: &[
            Permission::Aws("elasticloadbalancing:DescribeListeners", &["*"]),
            Permission::Aws("elasticloadbalancing:DescribeListenerCertificates", &["*"]),
            Permission::Aws("acm:DescribeCertificate", &["arn:aws:acm:*:ACCOUNT_ID:certificate/*"]),
        ],
    },
    Row { name: "tls", look: |tools, place| Box::pin(handshake(tools, place)), needs: &[] },
];

/// D29: each that its listeners have is issued, for three weeks at least, and one of them is for our name.
async fn certificate(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(found) = listeners(tools, place).await else { return Ok(vec![]) };
    let (region, found) = found?;
    let mut arns = BTreeSet::new();
    for listener in each(&found, "/Listeners/member") {
        // It is shown with its default certificate alone; one that shows none speaks no TLS.
        let own = said(listener, "/ListenerArn")
            .filter(|_| !each(listener, "/Certificates/member").is_empty());
        let Some(arn) = own else { continue };
        let with = [("ListenerArn", arn.as_str()), ("PageSize", "400")];
        let all = tools.form(ELB, &region, "DescribeListenerCertificates", &with).await?;
        let all = each(&all, "/Certificates/member").into_iter();
        arns.extend(all.filter_map(|one| said(one, "/CertificateArn")));
    }
    if arns.is_empty() {
        return Ok(vec![Look::bad("", "doctor.saw.missing", &[("what", "CertificateArn")])]);
    }
    let (mut looks, mut names, mut is_whole) = (vec![], vec![], true);
    for arn in arns {
        let (with, target) =
            (json!({"CertificateArn": arn}), "CertificateManager.DescribeCertificate");
        let id = arn.rsplit('/').next().unwrap_or(&arn);
        let found = match tools.json("acm", "1.1", &region, target, &with).await {
            Ok(found) => found,
            Err(error) => {
                is_whole = false;
                looks.push(Look::blind(id, &error));
                continue;
            }
        };
        let until = instant(&found, "/Certificate/NotAfter");
        let is_long = until.is_some_and(|until| until >= place.now.plus(AHEAD));
        let after = format!("≥ {}", place.now.plus(AHEAD).date());
        let own = each(&found, "/Certificate/SubjectAlternativeNames").into_iter();
        names.extend(own.filter_map(|one| said(one, "")));
        looks.push(
            Must::of(id)
                .be("Status", said(&found, "/Certificate/Status"), "ISSUED")
                .hold("NotAfter", until.map(|until| until.date()), &after, is_long)
                .look(),
        );
    }
    let wanted = place.text("/dns/name").unwrap_or_default();
    let is_ours = names.iter().any(|name| covers(name, wanted));
    // One that could not be seen may be it.
    let is = Some(names.join(" ")).filter(|_| is_ours || is_whole);
    looks.push(Must::of("").hold("SubjectAlternativeNames", is, wanted, is_ours).look());
    Ok(looks)
}

/// Whether `*.luneo.app` is for `api.luneo.app`.
fn covers(pattern: &str, name: &str) -> bool {
    let parent = |name: &str| name.split_once('.').map(|(_, parent)| parent.to_ascii_lowercase());
    match pattern.strip_prefix("*.") {
        Some(rest) => parent(name).as_deref() == Some(&rest.to_ascii_lowercase()),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// D29: what it shows, asked for our name, is trusted, and will be in three weeks.
async fn handshake(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(address), Some(url)) = (place.text("/alb/dr/dns"), place.text("/app/health_url"))
    else {
        return Ok(vec![]);
    };
    let url: url::Url = url.parse().map_err(|_| unsafe_because("`app.health_url` is no URL"))?;
    let (Some(name), "https") = (url.host_str(), url.scheme()) else { return Ok(vec![]) };
    let port = url.port().unwrap_or(443);
    let shown = shown(tools.settings.http.extra_ca.as_deref(), (address, port), name).await?;
    let what = format!("{name} ({address}:{port})");
    Ok(vec![match shown {
        Shown { now: Some(why), .. } => {
            Look::bad("", "doctor.saw.untrusted", &[("what", &what), ("why", &why)])
        }
        Shown { later: true, .. } => {
            let args = [("what", "NotAfter"), ("is", "< 21 d"), ("wanted", "≥ 21 d")];
            Look::bad("", "doctor.saw.other", &args)
        }
        Shown { now: None, later: false } => Look::good("", "doctor.saw.fine", &[("what", &what)]),
    }])
}

/// What is wrong with a certificate now, and whether it will have ended soon.
#[derive(Debug, Clone, Default)]
struct Shown {
    now: Option<String>,
    later: bool,
}

/// Verifies for now and for later, keeps what it found, and lets the handshake go on: nothing is sent over it.
#[derive(Debug)]
struct Judge {
    inner: Arc<WebPkiServerVerifier>,
    found: Mutex<Option<Shown>>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = |time| self.inner.verify_server_cert(end, between, name, ocsp, time);
        let later = now.as_secs().saturating_add(AHEAD.ms() / 1000);
        let later = at(UnixTime::since_unix_epoch(Duration::from_secs(later)));
        let is_over = matches!(
            later,
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. }
            ))
        );
        let wrong = at(now).err().map(|error| clip(&error.to_string()));
        if let Ok(mut found) = self.found.lock() {
            *found = Some(Shown { now: wrong, later: is_over });
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Begins a conversation under this name at this address, and says what was shown.
async fn shown(
    extra_ca: Option<&Path>,
    (address, port): (&str, u16),
    name: &str,
) -> Result<Shown, LookError> {
    crypto();
    let system = format!("{address}:{port}");
    let silent =
        |detail: &str| LookError::Unreachable { system: system.clone(), detail: clip(detail) };
    let refused =
        |what: &str| LookError::Refused { system: system.clone(), detail: what.to_owned() };
    let roots = roots(extra_ca).await;
    let inner = WebPkiServerVerifier::builder(Arc::new(roots)).build();
    let inner = inner.map_err(|_| refused("there are no authorities to trust"))?;
    let judge = Arc::new(Judge { inner, found: Mutex::new(None) });
    let verifier: Arc<dyn ServerCertVerifier> = Arc::clone(&judge) as Arc<dyn ServerCertVerifier>;
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(|_| refused("no name of a host"))?;
    let talk = async {
        let tcp = TcpStream::connect((address, port)).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map(drop)
    };
    let talked = timeout(CONNECT, Box::pin(talk)).await;
    let found = judge.found.lock().ok().and_then(|found| found.clone());
    match (found, talked) {
        (Some(found), _) => Ok(found),
        (None, Ok(Err(error))) => Err(silent(&error.to_string())),
        (None, Ok(Ok(())) | Err(_)) => Err(silent("no answer in time")),
    }
}

async fn roots(extra_ca: Option<&Path>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let system = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    roots.add_parsable_certificates(system.map(|all| all.certs).unwrap_or_default());
    if let Some(path) = extra_ca
        && let Ok(pem) = tokio::fs::read(path).await
    {
        let all = CertificateDer::pem_slice_iter(&pem);
        roots.add_parsable_certificates(all.filter_map(Result::ok));
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_for_one_label() {
        assert!(covers("*.Luneo.app", "api.luneo.app") && covers("api.luneo.app", "API.luneo.app"));
        assert!(!covers("*.luneo.app", "a.b.luneo.app") && !covers("*.luneo.app", "luneo.app"));
    }
}
