//! Replaces the host in a connection URL and leaves every other byte as it is.
//!
//! Not a URL parser on purpose: parsers normalise (percent-encoding, default ports, case), and a password that comes
//! back changed is an outage. Where it is not certain which part is the host, the text is refused, and no part of it is
//! repeated in the refusal: what looks like a host may be half a password.

use secrecy::{ExposeSecret, SecretString};

/// Why no host could be told. Never holds a part of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadUrl {
    #[error("the secret's value is not a URL (`scheme://…`)")]
    NoScheme,
    #[error(
        "the host in the URL cannot be told with certainty (an unescaped `@`, several hosts, or no host)"
    )]
    Ambiguous,
    #[error("the secret's value is not a JSON object, but a `key` is given")]
    NotAnObject,
    #[error("the JSON object has no text under this key, or has it twice")]
    NoKey,
    #[error("the new host is not a host name")]
    NotAHost,
}

/// The host in `value`: the URL itself, or the one under `key` of a JSON object.
pub(super) fn host_of(value: &SecretString, key: Option<&str>) -> Result<String, BadUrl> {
    let value = value.expose_secret();
    match key {
        None => host_in(value).map(|(start, end)| value.get(start..end).unwrap_or("").to_owned()),
        Some(key) => {
            let (_, _, url) = member(value, key)?;
            let url = SecretString::from(url);
            host_of(&url, None)
        }
    }
}

/// `value` with another host.
pub(super) fn with_host(
    value: &SecretString,
    key: Option<&str>,
    host: &str,
) -> Result<SecretString, BadUrl> {
    if !is_host(host) {
        return Err(BadUrl::NotAHost);
    }
    let value = value.expose_secret();
    let splice = |text: &str, start: usize, end: usize, middle: &str| {
        let (before, after) = (text.get(..start), text.get(end..));
        before.zip(after).map(|(before, after)| [before, middle, after].concat())
    };
    let Some(key) = key else {
        let (start, end) = host_in(value)?;
        return splice(value, start, end, host).map(SecretString::from).ok_or(BadUrl::Ambiguous);
    };
    let (start, end, url) = member(value, key)?;
    let raw = value.get(start..end).ok_or(BadUrl::NoKey)?;
    let replaced = if raw.contains('\\') {
        // Escaped JSON: the text is written anew, the value is the same.
        let (from, to) = host_in(&url)?;
        let url = splice(&url, from, to, host).ok_or(BadUrl::Ambiguous)?;
        serde_json::to_string(&url).map_err(|_| BadUrl::NoKey)?
    } else {
        let (from, to) = host_in(raw.trim_matches('"'))?;
        splice(raw, from.saturating_add(1), to.saturating_add(1), host).ok_or(BadUrl::Ambiguous)?
    };
    splice(value, start, end, &replaced).map(SecretString::from).ok_or(BadUrl::NoKey)
}

/// Where the host is in a URL, as byte positions.
fn host_in(url: &str) -> Result<(usize, usize), BadUrl> {
    let scheme = url.find("://").filter(|end| *end > 0).ok_or(BadUrl::NoScheme)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':' | '_');
    if !url.get(..scheme).is_some_and(|scheme| scheme.chars().all(plain)) {
        return Err(BadUrl::NoScheme);
    }
    let start = scheme.saturating_add(3);
    let rest = url.get(start..).ok_or(BadUrl::NoScheme)?;
    let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(length).ok_or(BadUrl::Ambiguous)?;
    if tail.contains('@') {
        return Err(BadUrl::Ambiguous);
    }
    let user = authority.rfind('@').map_or(0, |at| at.saturating_add(1));
    let place = authority.get(user..).ok_or(BadUrl::Ambiguous)?;
    let host = match place.rfind(':') {
        Some(colon) if !place.ends_with(']') => {
            let (host, port) = place.split_at_checked(colon).ok_or(BadUrl::Ambiguous)?;
            if !port.trim_start_matches(':').chars().all(|c| c.is_ascii_digit()) {
                return Err(BadUrl::Ambiguous);
            }
            host
        }
        _ => place,
    };
    if !is_host(host) {
        return Err(BadUrl::Ambiguous);
    }
    let start = start.saturating_add(user);
    Ok((start, start.saturating_add(host.len())))
}

fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// Where the value of `key` stands in the text of a JSON object (quotes included), and what it says.
fn member(text: &str, key: &str) -> Result<(usize, usize, String), BadUrl> {
    let object = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        && text.trim_start().starts_with('{');
    if !object {
        return Err(BadUrl::NotAnObject);
    }
    let mut found = None;
    let mut at = text.find('{').unwrap_or(0).saturating_add(1);
    loop {
        at = skip(text, at, &[',']);
        let Some((name, after)) = next::<String>(text, at) else { break };
        let start = skip(text, after, &[':']);
        let (_, end) = next::<serde::de::IgnoredAny>(text, start).ok_or(BadUrl::NotAnObject)?;
        if name == key {
            let (value, _) = next::<String>(text, start).ok_or(BadUrl::NoKey)?;
            if found.replace((start, end, value)).is_some() {
                return Err(BadUrl::NoKey);
            }
        }
        at = end;
    }
    found.ok_or(BadUrl::NoKey)
}

fn skip(text: &str, from: usize, also: &[char]) -> usize {
    let rest = text.get(from..).unwrap_or("");
    let kept = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || also.contains(&c));
    from.saturating_add(rest.len().saturating_sub(kept.len()))
}

/// The JSON value that starts at `from`, and where it ends.
fn next<'a, T: serde::Deserialize<'a>>(text: &'a str, from: usize) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text.get(from..)?).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, from.saturating_add(values.byte_offset())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(value: &str, key: Option<&str>) -> Result<String, BadUrl> {
        let new = with_host(&SecretString::from(value.to_owned()), key, "us.example.net")?;
        Ok(new.expose_secret().to_owned())
    }

    #[test]
    fn everything_but_the_host_stays_byte_for_byte() {
        for (before, after) in [
            (
                "postgresql://app:p%40ss%2Fw%C3%A9:rd@eu.example.net:5432/luneo?sslmode=require#x",
                "postgresql://app:p%40ss%2Fw%C3%A9:rd@us.example.net:5432/luneo?sslmode=require#x",
            ),
            ("postgres://a:b@c@eu.example.net/db", "postgres://a:b@c@us.example.net/db"),
            ("redis://EU.example.net", "redis://us.example.net"),
            ("rediss://:secret@eu:6379/0", "rediss://:secret@us.example.net:6379/0"),
            ("jdbc:postgresql://eu:5432/db", "jdbc:postgresql://us.example.net:5432/db"),
            ("amqp://u:p@[2001:db8::1]:5671/v%2Fhost", "amqp://u:p@us.example.net:5671/v%2Fhost"),
        ] {
            assert_eq!(replaced(before, None).unwrap(), after);
        }
    }

    #[test]
    fn a_url_inside_json_is_replaced_in_place() {
        let before = "{ \"z\":1,\n \"url\" : \"mysql://u:p%22@eu/d\", \"a\": {\"url\": \"x\"}}";
        let after =
            "{ \"z\":1,\n \"url\" : \"mysql://u:p%22@us.example.net/d\", \"a\": {\"url\": \"x\"}}";
        assert_eq!(replaced(before, Some("url")).unwrap(), after);
        let escaped = replaced(r#"{"url":"mysql:\/\/u:\u00e9@eu\/d"}"#, Some("url")).unwrap();
        assert_eq!(escaped, r#"{"url":"mysql://u:é@us.example.net/d"}"#);
        assert_eq!(replaced("[1]", Some("url")), Err(BadUrl::NotAnObject));
        assert_eq!(replaced(r#"{"a":1}"#, Some("url")), Err(BadUrl::NoKey));
        assert_eq!(replaced(r#"{"url":1}"#, Some("url")), Err(BadUrl::NoKey));
        assert_eq!(replaced(r#"{"url":"s://a","url":"s://b"}"#, Some("url")), Err(BadUrl::NoKey));
        let pass = replaced(r#"{"password":"hunter2"}"#, Some("password"));
        assert_eq!(pass, Err(BadUrl::NoScheme), "a word alone may be a password");
    }

    #[test]
    fn where_the_host_is_not_certain_nothing_is_shown_or_replaced() {
        for bad in [
            "postgres://user:pa/ss@host/db",
            "postgres://user:pa?ss@host/db",
            "postgres://user:pa#ss@host/db",
            "postgres://user:p@w/x@host/db",
            "mongodb://u:p@a:1,b:2/db",
            "postgres://user:pass",
            "postgres:///db",
            "postgres://u:p@/db",
        ] {
            assert_eq!(replaced(bad, None), Err(BadUrl::Ambiguous), "{bad}");
        }
        assert_eq!(replaced("just a password", None), Err(BadUrl::NoScheme));
        let value = SecretString::from("s://eu/".to_owned());
        for host in ["", "a b", "a/b", "u@h", "h:1", "a..b", "h?x"] {
            assert_eq!(with_host(&value, None, host).err(), Some(BadUrl::NotAHost), "{host}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_host_put_in_is_the_host_read_back(
            user in "[!-.0->A-~]{0,12}", port in "(:[0-9]{1,5})?", tail in "(/[!-?A-~]{0,12})?",
        ) {
            let value = SecretString::from(format!("db://{user}@eu.example.net{port}{tail}"));
            // A user part with `/?#` is refused or read right; never read wrong.
            if let Ok(new) = with_host(&value, None, "us.example.net") {
                assert_eq!(host_of(&value, None).unwrap(), "eu.example.net");
                assert_eq!(
                    new.expose_secret(),
                    value.expose_secret().replacen("@eu.example.net", "@us.example.net", 1),
                );
            }
        }

        #[test]
        fn no_text_makes_it_panic(value in "\\PC{0,60}", key in proptest::option::of("\\PC{0,5}")) {
            let value = SecretString::from(value);
            drop(with_host(&value, key.as_deref(), "us.example.net"));
        }
    }
}
