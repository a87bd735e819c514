//! Who sent it: a signature over the body as it came, or a secret beside it. Compared in constant time.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{Refused, is_timely};
use crate::actions::base64;
use crate::domain::alert::Vendor;
use crate::domain::ids::Digest;
use crate::domain::time::{Span, Timestamp};

/// How old what Grafana signed may be, where it says when that was.
const OLDEST: Span = Span::minutes(5);

/// Whether one of these secrets makes one of these signatures (hexadecimal) of the content.
fn is_signed<'a>(
    secrets: &[&SecretString],
    content: &[u8],
    signatures: impl Iterator<Item = &'a str> + Clone,
) -> bool {
    secrets.iter().any(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        signatures.clone().any(|signature| {
            let signature = hex::decode(signature.trim()).unwrap_or_default();
            hmac::verify(&key, content, &signature).is_ok()
        })
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `X-PagerDuty-Signature: v1=…,v1=…`: one for each secret that it has.
pub(super) fn pagerduty(
    secrets: &[&SecretString],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Refused> {
    let all = text(headers, "x-pagerduty-signature").unwrap_or_default();
    let signatures = all.split(',').filter_map(|one| one.trim().strip_prefix("v1="));
    if is_signed(secrets, body, signatures) {
        return Ok(());
    }
    Err(Refused::Forged(Vendor::PagerDuty.title(), "its X-PagerDuty-Signature is not ours"))
}

/// `Authorization: Bearer SECRET`, or `Basic` with the secret as the password.
pub(super) fn bearer(
    vendor: Vendor,
    secrets: &[&SecretString],
    headers: &HeaderMap,
) -> Result<(), Refused> {
    let forged = || Refused::Forged(vendor.title(), "its Authorization is not ours");
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, rest) = header.and_then(|header| header.split_once(' ')).ok_or_else(forged)?;
    let given = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::decode(rest.trim()).ok().and_then(|all| String::from_utf8(all).ok());
        let decoded = decoded.ok_or_else(forged)?;
        decoded.split_once(':').ok_or_else(forged)?.1.to_owned()
    } else {
        return Err(forged());
    };
    // Of their digests, so that not even a length is told.
    let digest = |text: &str| Digest::of(text.as_bytes());
    let given = digest(&given);
    let is_ours = |secret: &&SecretString| {
        bool::from(
            digest(secret.expose_secret()).as_str().as_bytes().ct_eq(given.as_str().as_bytes()),
        )
    };
    if secrets.iter().any(is_ours) { Ok(()) } else { Err(forged()) }
}

/// As for [`bearer`]; or signed, as Grafana does since version 12: `X-Grafana-Alerting-Signature` over the body, after
/// `time:` where `X-Grafana-Alerting-Timestamp` is set up beside it.
pub(super) fn grafana(
    secrets: &[&SecretString],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refused> {
    let Some(signature) = text(headers, "x-grafana-alerting-signature") else {
        return bearer(Vendor::Grafana, secrets, headers);
    };
    let forged = |why| Refused::Forged(Vendor::Grafana.title(), why);
    let stamp = text(headers, "x-grafana-alerting-timestamp");
    let signed = match stamp {
        Some(stamp) => [stamp.as_bytes(), b":", body].concat(),
        None => body.to_vec(),
    };
    if !is_signed(secrets, &signed, std::iter::once(signature)) {
        return Err(forged("its X-Grafana-Alerting-Signature is not ours"));
    }
    let at = stamp.map(|stamp| stamp.parse().ok().and_then(|s: i64| s.checked_mul(1000)));
    match at {
        None => Ok(()),
        Some(Some(ms)) if is_timely(Timestamp(ms), now, OLDEST) => Ok(()),
        Some(_) => Err(forged("it was signed too long ago")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_184_000_000);
    const BODY: &[u8] = b"{\"a\": 1}";

    fn sign(secret: &str, content: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hex::encode(hmac::sign(&key, content))
    }

    fn headers(all: &[(&'static str, String)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[test]
    fn one_of_several_signatures_by_one_of_several_secrets_will_do() {
        let (old, new) = (secret("old-secret-0123456"), secret("new-secret-0123456"));
        let with = |value: String| {
            pagerduty(&[&old, &new], &headers(&[("x-pagerduty-signature", value)]), BODY).is_ok()
        };
        let right = sign("new-secret-0123456", BODY);
        assert!(with(format!("v1={},v1={right}", sign("other", BODY))));
        assert!(with(format!("v1={right}")));
        for wrong in [
            right.clone(),
            format!("v2={right}"),
            format!("v1={}", sign("other", BODY)),
            format!("v1={}", sign("new-secret-0123456", b"{\"a\": 2}")),
            format!("v1={}", &right[..62]),
            "v1=".to_owned(),
        ] {
            assert!(!with(wrong.clone()), "{wrong}");
        }
        assert!(pagerduty(&[&old], &HeaderMap::new(), BODY).is_err());
    }

    #[test]
    fn a_secret_comes_as_a_token_or_as_a_password() {
        let ours = secret("ours-0123456789ab");
        let with = |value: &str| {
            let headers = headers(&[("authorization", value.to_owned())]);
            bearer(Vendor::Alertmanager, &[&ours], &headers).is_ok()
        };
        let basic = |text: &str| format!("Basic {}", base64::encode(text));
        assert!(with("Bearer ours-0123456789ab") && with("bearer  ours-0123456789ab"));
        assert!(with(&basic("anybody:ours-0123456789ab")));
        for wrong in [
            "Bearer ours-0123456789a".to_owned(),
            "Bearer".to_owned(),
            "ours-0123456789ab".to_owned(),
            basic("ours-0123456789ab"),
            basic("anybody:other"),
            "Basic %%%".to_owned(),
        ] {
            assert!(!with(&wrong), "{wrong}");
        }
    }

    #[test]
    fn what_grafana_signs_is_the_body_after_the_time_if_it_says_one() {
        let ours = secret("ours-0123456789ab");
        let with = |signature: String, stamp: Option<i64>| {
            let mut all = vec![("x-grafana-alerting-signature", signature)];
            all.extend(stamp.map(|at| ("x-grafana-alerting-timestamp", at.to_string())));
            grafana(&[&ours], &headers(&all), BODY, NOW).is_ok()
        };
        let signed =
            |at: i64| sign("ours-0123456789ab", &[at.to_string().as_bytes(), b":", BODY].concat());
        let seconds = NOW.0 / 1000;
        assert!(with(sign("ours-0123456789ab", BODY), None));
        assert!(with(signed(seconds - 200), Some(seconds - 200)));
        assert!(!with(signed(seconds - 400), Some(seconds - 400)), "too old");
        assert!(!with(signed(seconds), Some(seconds - 1)), "another time");
        assert!(!with(sign("other", BODY), None));
        // A wrong signature is not helped by a right token.
        let all = headers(&[
            ("x-grafana-alerting-signature", "00".to_owned()),
            ("authorization", "Bearer ours-0123456789ab".to_owned()),
        ]);
        assert!(grafana(&[&ours], &all, BODY, NOW).is_err());
    }
}
