//! Signs a request as Slack does: HMAC-SHA256 over `v0:<timestamp>:<raw body>`.
#![expect(clippy::disallowed_methods, reason = "a signature carries the real time of day")]

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Unix seconds, now.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// The two headers of a request signed now.
pub(crate) fn signed(secret: &str, body: &[u8]) -> [(&'static str, String); 2] {
    signed_at(secret, now_s(), body)
}

/// The two headers of a request signed at `timestamp`.
pub(crate) fn signed_at(secret: &str, timestamp: u64, body: &[u8]) -> [(&'static str, String); 2] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length of key will do");
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    [("x-slack-request-timestamp", timestamp.to_string()), ("x-slack-signature", signature)]
}

#[test]
fn a_request_signed_now_carries_this_second() {
    let (before, headers, after) = (now_s(), signed("secret", b"body"), now_s());
    let second: u64 = headers[0].1.parse().unwrap();
    assert!((before..=after).contains(&second));
    assert_eq!(headers, signed_at("secret", second, b"body"));
}

#[test]
fn the_signature_is_that_of_slacks_own_example() {
    // The worked example of Slack's page "Verifying requests from Slack".
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let headers = signed_at("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body.as_bytes());
    assert_eq!(headers[1].1, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
}
