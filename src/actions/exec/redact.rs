//! Takes out of a program's output what looks like a secret, and every value that was given to it.

use std::sync::LazyLock;

use regex_lite::Regex;

/// What stands in its place.
const GONE: &str = "[redacted]";
/// Shorter values are words that stand everywhere.
const SHORTEST: usize = 8;

/// Patterns, and what stays of each.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*-----|$)", "[redacted]"),
        (r"\b(AKIA|ASIA)[0-9A-Z]{16}\b", "[redacted]"),
        (r"\bxox[a-z]-[0-9A-Za-z-]+|\bxapp-[0-9A-Za-z-]+", "[redacted]"),
        (r"\b(gh[pousr]_|github_pat_|glpat-|hvs\.)[0-9A-Za-z_-]{16,}", "[redacted]"),
        (r"\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*", "[redacted]"),
        (r"(://[^\s/:@]*):[^\s/@]+@", "$1:[redacted]@"),
        (r"(?i)\b(bearer|basic)\s+[0-9A-Za-z._~+/=-]{8,}", "$1 [redacted]"),
        (
            r#"(?i)((?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[0-9a-z_.-]*["']?\s*[:=]\s*["']?)[^\s"',;]+"#,
            "$1[redacted]",
        ),
    ]
    .map(|(pattern, stays)| (Regex::new(pattern).expect("it is written here, and tested"), stays))
    .into()
});

/// `text` without what is, or looks like, a secret.
pub(super) fn redact<'a>(text: &str, given: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = text.to_owned();
    for value in given.into_iter().filter(|value| value.len() >= SHORTEST) {
        text = text.replace(value, GONE);
    }
    PATTERNS.iter().fold(text, |text, (pattern, stays)| pattern.replace_all(&text, *stays).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_taken_out_and_the_rest_stays() {
        for (said, left) in [
            ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted] used"),
            ("aws_secret_access_key = wJalrXUtnFEMI/K7", "aws_secret_access_key = [redacted]"),
            (
                r#"{"DB_PASSWORD": "hunter22", "ok": 1}"#,
                r#"{"DB_PASSWORD": "[redacted]", "ok": 1}"#,
            ),
            ("postgres://app:hunter22@db:5432/x", "postgres://app:[redacted]@db:5432/x"),
            ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [redacted]"),
            ("xoxb-1-abc and xapp-1-A", "[redacted] and [redacted]"),
            ("t=eyJhbGciOi.eyJzdWIi.c2ln", "t=[redacted]"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nok",
                "[redacted]\nok",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMII", "[redacted]"),
            ("given-value-1 here", "[redacted] here"),
            ("Plan: 0 to add, 0 to change", "Plan: 0 to add, 0 to change"),
            ("https://api.example/health 200", "https://api.example/health 200"),
        ] {
            assert_eq!(redact(said, ["given-value-1", "200"]), left);
        }
    }
}
