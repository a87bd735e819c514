//! Names of things, one type each, checked where they enter.

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct BadId {
    what: &'static str,
    text: String,
    rule: &'static str,
}

fn is_slug(text: &str) -> bool {
    text.len() <= 48
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_group(text: &str) -> bool {
    let rest = text.strip_prefix('S').unwrap_or_default();
    (2..=31).contains(&rest.len())
        && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $ok:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the text, or says which rule it breaks.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                if $ok(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let text = text.chars().take(80).collect();
                    Err(BadId { what: $what, text, rule: $rule })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// A step of a runbook, as the document names it: `promote-database`.
    StepId, "step id", is_slug, "lower-case letters, digits and `-`, starting with a letter, at most 48"
);
id!(
    /// A phase of a runbook: `data`.
    PhaseId, "phase id", is_slug, "lower-case letters, digits and `-`, starting with a letter, at most 48"
);
id!(
    /// A runbook: `region-failover`.
    RunbookId, "runbook id", is_slug, "lower-case letters, digits and `-`, starting with a letter, at most 48"
);
id!(
    /// An environment: `prod`, `staging`.
    EnvironmentId, "environment id", is_slug, "lower-case letters, digits and `-`, starting with a letter, at most 48"
);
id!(
    /// A run: `OPS-DR-2026-11-20-7f3a2c`.
    RunId, "run id", is_name, "letters, digits, `-`, `_` and `.`, at most 64"
);
id!(
    /// A person of an environment's `people`: `antoine`. Surfaces map their own identities to it.
    PersonId, "person id", is_slug, "lower-case letters, digits and `-`, starting with a letter, at most 48"
);

id!(
    /// An audience of an environment: `management`.
    AudienceId, "audience", is_slug, "lower-case letters, digits and `-`, starting with a letter, at most 48"
);
id!(
    /// A user group of Slack: `S012ABCDEF`. Never its handle, which people change.
    GroupId, "Slack user group", is_group, "`S`, then capitals and digits, such as `S012ABCDEF`, never a handle"
);

/// The SHA-256 of exactly what people are shown and agree to, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }

    /// Parses 64 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 64 && text.chars().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            let text = text.chars().take(80).collect();
            Err(BadId { what: "digest", text, rule: "64 lower-case hex digits" })
        }
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, for people to compare.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_where_they_enter() {
        assert!(StepId::parse("promote-database").is_ok());
        for bad in ["", "Promote", "1st", "a_b", "a-", &"a".repeat(49), "é"] {
            assert!(StepId::parse(bad).is_err(), "{bad}");
        }
        assert!(RunId::parse("OPS-DR-2026-11-20-7f3a2c").is_ok());
        assert!(RunId::parse("a b").is_err());
        assert!(serde_json::from_str::<StepId>("\"No\"").is_err());
    }

    #[test]
    fn a_group_is_named_by_its_id_and_never_by_its_handle() {
        assert!(GroupId::parse("S012ABCDEF").is_ok());
        for bad in ["", "S", "S1", "@db", "db-team", "s012abcdef", "U012ABCDEF", "<!subteam^S012>"]
        {
            assert!(GroupId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_is_sixty_four_hex_digits() {
        let digest = Digest::of(b"exactly this");
        assert_eq!(Digest::parse(digest.as_str()), Ok(digest.clone()));
        assert_eq!(Digest::of(b"").short(), "e3b0c442");
        assert!(Digest::parse(digest.short()).is_err());
        assert!(Digest::parse(&digest.as_str().to_uppercase()).is_err());
    }
}
