//! Who is looking. In the demo one chooses; in `serve` each person has a token of their own. A name typed into a page
//! is never believed.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use secrecy::{ExposeSecret, SecretString};
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
        /// Per person.
        tokens: Vec<(PersonId, SecretString)>,
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
                let cookie = cookie?;
                let (id, _) = cookie.split_once('.')?;
                let (id, secret) = tokens.iter().find(|(person, _)| person.as_str() == id)?;
                let expected = session(id, secret);
                same(&cookie, &expected).then_some(())?;
                let person = environment.person(id)?.clone();
                let form_token = Digest::of(format!("form {expected}").as_bytes()).to_string();
                Some(Visitor { person, form_token })
            }
        }
    }

    /// The session cookie for whoever has this token.
    pub fn sign_in(&self, secret: &str) -> Option<String> {
        match self {
            Self::Demo { .. } => None,
            Self::Tokens { tokens, .. } => {
                let is_it =
                    |(_, token): &&(PersonId, SecretString)| same(token.expose_secret(), secret);
                tokens.iter().find(is_it).map(|(id, token)| session(id, token))
            }
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

/// `person.digest`: made from the token, so that it lasts over a restart and ends when the token is changed.
fn session(person: &PersonId, token: &SecretString) -> String {
    let text = format!("dr-buddy session\n{person}\n{}", token.expose_secret());
    format!("{person}.{}", Digest::of(text.as_bytes()))
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

/// The language the visitor chose, or their own, or the war room's.
pub fn language(headers: &HeaderMap, visitor: Option<&Visitor>, room: Language) -> Language {
    cookie(headers, LANGUAGE)
        .and_then(|code| Language::parse(&code))
        .or_else(|| visitor.and_then(|visitor| visitor.person.language))
        .unwrap_or(room)
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
        let tokens = vec![(mia, SecretString::from("a-long-secret-of-mia".to_owned()))];
        let access = Access::Tokens { tokens, secure: true };
        let environment = demo();
        assert!(access.visitor(&HeaderMap::new(), &environment).is_none());
        assert!(access.visitor(&with("dr_buddy_session=mia"), &environment).is_none());
        assert!(access.visitor(&with("dr_buddy_session=mia.0000"), &environment).is_none());
        assert_eq!(access.sign_in("mia"), None);
        let session = access.sign_in("a-long-secret-of-mia").unwrap();
        assert!(!session.contains("secret"));
        let visitor =
            access.visitor(&with(&format!("x=1; dr_buddy_session={session}")), &environment);
        assert_eq!(visitor.unwrap().person.id.as_str(), "mia");
        let forged = session.replace("mia.", "antoine.");
        assert!(
            access.visitor(&with(&format!("dr_buddy_session={forged}")), &environment).is_none()
        );
    }
}
