//! Who is looking. In the demo one chooses; in `serve` each person has a token of their own. A name typed into a page
//! is never believed.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use subtle::ConstantTimeEq;

use crate::domain::environment::{Environment, Person};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::value::Language;

/// The cookie that says who.
pub const SESSION: &str = "dr_buddy_session";
/// The cookie that says in which language.
pub const LANGUAGE: &str = "dr_buddy_lang";

/// Who may come in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Anybody on this machine, as any of the team: the demo.
    Demo {
        /// Guards the forms of this process against those of other sites.
        seal: String,
    },
    /// Those who have a token.
    Tokens {
        /// Per person, the SHA-256 of their token.
        tokens: Vec<(PersonId, Digest)>,
        /// Cookies only over TLS.
        secure: bool,
    },
}

/// The visitor.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who.
    pub person: Person,
    /// What their forms carry.
    pub form_token: String,
}

impl Access {
    /// Who the cookies say it is; `None`: sign in first.
    pub fn visitor(&self, headers: &HeaderMap, environment: &Environment) -> Option<Visitor> {
        let cookie = cookie(headers, SESSION);
        match self {
            Self::Demo { seal } => {
                let chosen = cookie.and_then(|name| PersonId::parse(&name).ok());
                let chosen = chosen.and_then(|id| environment.person(&id));
                let person = chosen.or_else(|| environment.people.first())?.clone();
                Some(Visitor { person, form_token: seal.clone() })
            }
            Self::Tokens { tokens, .. } => {
                let secret = String::from_utf8(hex::decode(cookie?).ok()?).ok()?;
                let id = holder(tokens, &secret)?;
                let person = environment.person(id)?.clone();
                let form_token = Digest::of(format!("form {secret}").as_bytes()).to_string();
                Some(Visitor { person, form_token })
            }
        }
    }

    /// The session cookie for whoever has this token: the token itself, so that it lasts over a restart and ends when
    /// the token is changed.
    pub fn session(&self, secret: &str) -> Option<String> {
        match self {
            Self::Demo { .. } => None,
            Self::Tokens { tokens, .. } => holder(tokens, secret).map(|_| hex::encode(secret)),
        }
    }

    /// The attributes of cookies.
    pub fn cookie(&self, name: &str, value: &str) -> String {
        let secure = match self {
            Self::Tokens { secure: true, .. } => "; Secure",
            Self::Tokens { secure: false, .. } | Self::Demo { .. } => "",
        };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
    }

    /// Whether this is the demo.
    pub fn is_demo(&self) -> bool {
        matches!(self, Self::Demo { .. })
    }
}

/// Whose token this is. Only digests are kept: whoever reads the settings cannot act with them.
pub fn holder<'a>(tokens: &'a [(PersonId, Digest)], secret: &str) -> Option<&'a PersonId> {
    let digest = Digest::of(secret.as_bytes());
    tokens.iter().find(|(_, token)| same(token.as_str(), digest.as_str())).map(|(id, _)| id)
}

/// Compares in a time that tells nothing.
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// The language that was chosen on the page.
pub fn language(headers: &HeaderMap) -> Option<Language> {
    Language::parse(&cookie(headers, LANGUAGE)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::environment;

    fn demo() -> Environment {
        environment::check("demo.yaml", include_str!("../../deploy/environments/demo.yaml"))
            .unwrap()
    }

    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn only_a_token_opens_the_room_and_a_typed_name_does_not() {
        let mia = PersonId::parse("mia").unwrap();
        let tokens = vec![(mia, Digest::of(b"a-long-secret-of-mia"))];
        let access = Access::Tokens { tokens, secure: true };
        let environment = demo();
        let visitor = |cookie: &str| access.visitor(&with(cookie), &environment);
        assert!(access.visitor(&HeaderMap::new(), &environment).is_none());
        assert!(visitor("dr_buddy_session=mia").is_none());
        let digest = Digest::of(b"a-long-secret-of-mia");
        assert!(visitor(&format!("dr_buddy_session={digest}")).is_none());
        assert_eq!(access.session("mia"), None);
        let session = access.session("a-long-secret-of-mia").unwrap();
        let found = visitor(&format!("x=1; dr_buddy_session={session}")).unwrap();
        assert_eq!(found.person.id.as_str(), "mia");
        assert!(!found.form_token.contains("secret"));
    }
}
