//! Seals the secrets of one-time codes (AES-256-GCM) with a key that is not in the database: who has a copy of the
//! database has no codes. What is sealed is bound to the person and the environment it was sealed for.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::domain::code::{SECRET, Secret};
use crate::domain::ids::{EnvironmentId, PersonId};

/// Bytes of a key.
pub const KEY: usize = 32;
/// What is sealed begins with it; another way to seal gets another one.
const VERSION: &str = "1:";

/// Seals and opens. `Debug` shows no key.
pub struct Seal(LessSafeKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// The system gave no random bytes, or the library would not seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes to seal with")]
pub struct NotSealed;

impl Seal {
    /// The seal of a key in hexadecimal; `None` if it is not 32 bytes of that.
    pub fn of_hex(key: &str) -> Option<Self> {
        let key = hex::decode(key.trim()).ok().filter(|key| key.len() == KEY)?;
        UnboundKey::new(&AES_256_GCM, &key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Seals a secret.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn close(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        secret: &Secret,
    ) -> Result<String, NotSealed> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| NotSealed)?;
        let mut bytes = secret.expose().to_vec();
        let whose = Aad::from(whose(environment, person));
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce_of, whose, &mut bytes).map_err(|_| NotSealed)?;
        Ok(format!("{VERSION}{}{}", hex::encode(nonce), hex::encode(bytes)))
    }

    /// Opens what was sealed for this person; `None` if it was sealed with another key, for somebody else, or changed.
    pub fn open(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        sealed: &str,
    ) -> Option<Secret> {
        let mut bytes = hex::decode(sealed.strip_prefix(VERSION)?).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let whose = Aad::from(whose(environment, person));
        let opened = self.0.open_in_place(nonce, whose, sealed).ok()?;
        Secret::new(opened.to_vec())
    }
}

fn whose(environment: &EnvironmentId, person: &PersonId) -> String {
    // Neither has a slash in it.
    format!("dr-buddy/code/{environment}/{person}")
}

/// A new secret.
///
/// # Errors
/// When there are no random bytes.
pub fn new_secret() -> Result<Secret, NotSealed> {
    let mut bytes = vec![0; SECRET];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NotSealed)?;
    Secret::new(bytes).ok_or(NotSealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn seal() -> Seal {
        Seal::of_hex(HEX).unwrap()
    }

    fn whose(environment: &str, person: &str) -> (EnvironmentId, PersonId) {
        (EnvironmentId::parse(environment).unwrap(), PersonId::parse(person).unwrap())
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_for_the_same_person_and_no_other() {
        let secret = new_secret().unwrap();
        let (prod, mia) = whose("prod", "mia");
        let sealed = seal().close(&prod, &mia, &secret).unwrap();
        assert_eq!(seal().open(&prod, &mia, &sealed), Some(secret.clone()));
        assert!(!sealed.contains(&hex::encode(secret.expose())));
        assert_ne!(sealed, seal().close(&prod, &mia, &secret).unwrap(), "no nonce twice");
        let (staging, leo) = whose("staging", "leo");
        assert_eq!(seal().open(&prod, &leo, &sealed), None);
        assert_eq!(seal().open(&staging, &mia, &sealed), None);
        let other = Seal::of_hex(&HEX.replace("1f", "1e")).unwrap();
        assert_eq!(other.open(&prod, &mia, &sealed), None);
        for changed in [sealed.replace("1:", "2:"), format!("{sealed}00"), sealed[..20].to_owned()]
        {
            assert_eq!(seal().open(&prod, &mia, &changed), None, "{changed}");
        }
    }

    #[test]
    fn a_key_is_32_bytes_in_hexadecimal_and_never_shown() {
        assert!(Seal::of_hex(&format!("{HEX}\n")).is_some());
        for wrong in ["", "0001", "password", &HEX[1..], &format!("{HEX}00")] {
            assert!(Seal::of_hex(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{:?}", seal()), "Seal(…)");
    }
}
