//! One-time codes (TOTP, RFC 6238: SHA-1, 30 s, 6 digits), asked besides the press where there is no way back. A chat
//! session can be stolen; the telephone that makes the codes is not stolen with it.
//!
//! Here: what a right code is, and the [`Confirmation`] that the rules want to see. Who is enrolled, that a code counts
//! once and that tries are counted is kept by the store, and asked there by the engine alone: the tidy test sees to it
//! that nobody else makes a [`Confirmation`].

use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, TOTP};

use super::ids::PersonId;
use super::time::{Span, Timestamp};

/// Digits of a code.
pub const DIGITS: usize = 6;
/// How long a code is the one that is shown.
pub const PERIOD: Span = Span::seconds(30);
/// Bytes of a secret, as RFC 4226 recommends.
pub const SECRET: usize = 20;
/// Wrong codes in a row after which no code counts for [`LOCK`].
pub const TRIES: u32 = 5;
/// How long no code counts then.
pub const LOCK: Span = Span::minutes(5);

/// What codes are made from. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The secret of these bytes; `None` if they are not as many as there should be.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == SECRET).then_some(Self(bytes))
    }

    /// Its bytes, for sealing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app that cannot read the QR code.
    pub fn base32(&self) -> String {
        totp_rs::Secret::Raw(self.0.clone()).to_encoded().to_string()
    }

    /// The code of a period, if the library takes the secret; it takes all that [`Secret::new`] takes.
    fn code(&self, step: i64) -> Option<String> {
        let seconds = PERIOD.ms() / 1000;
        let totp = TOTP::new(Algorithm::SHA1, DIGITS, 0, seconds, self.0.clone()).ok()?;
        Some(totp.generate(u64::try_from(step).ok()?.checked_mul(seconds)?))
    }
}

/// A code as it was typed. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed(String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

impl Typed {
    /// What was typed, without the blanks that apps show between the digits.
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_whitespace()).take(DIGITS + 1).collect())
    }
}

/// Why a code does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It is not the code of now, of the period before or of the one after.
    Differs,
    /// It was right, of this period, and this one or a later one has counted already.
    Used(i64),
}

/// The period of which the code is. `used`: the latest of which one has counted. Clocks may differ by one period.
/// Every comparison takes the same time, whatever was typed.
///
/// # Errors
/// When it does not count.
pub fn check(secret: &Secret, typed: &Typed, now: Timestamp, used: i64) -> Result<i64, Wrong> {
    let period = i64::try_from(PERIOD.ms()).unwrap_or(i64::MAX);
    let present = now.0.div_euclid(period);
    let right = |step: &i64| {
        let code = secret.code(*step).unwrap_or_default();
        !code.is_empty() && bool::from(code.as_bytes().ct_eq(typed.0.as_bytes()))
    };
    let steps: Vec<i64> = [present - 1, present, present + 1].into_iter().filter(right).collect();
    match (steps.iter().find(|step| **step > used), steps.last()) {
        (Some(step), _) => Ok(*step),
        (None, Some(step)) => Err(Wrong::Used(*step)),
        (None, None) => Err(Wrong::Differs),
    }
}

/// What is known of a person's codes for one request: that one has counted, or that they have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    person: PersonId,
    how: How,
}

/// See [`Confirmation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A code has counted.
    Code,
    /// The person is not enrolled.
    NotEnrolled,
}

impl Confirmation {
    /// A code of this person has counted, and counts never again.
    pub(crate) fn by_code(person: &PersonId) -> Self {
        Self { person: person.clone(), how: How::Code }
    }

    /// It was looked up, and this person has none.
    pub(crate) fn not_enrolled(person: &PersonId) -> Self {
        Self { person: person.clone(), how: How::NotEnrolled }
    }

    /// What is known, if it is about this person.
    pub fn of(&self, person: &PersonId) -> Option<How> {
        (self.person == *person).then_some(self.how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's examples.
    fn rfc() -> Secret {
        Secret::new(b"12345678901234567890".to_vec()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    fn says(typed: &str, seconds: i64, used: i64) -> Result<i64, Wrong> {
        check(&rfc(), &Typed::new(typed), at(seconds), used)
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six of the eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(says(code, seconds, 0), Ok(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_secret_is_its_twenty_bytes_and_as_people_type_them() {
        assert_eq!(rfc().expose(), b"12345678901234567890");
        assert_eq!(rfc().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!([19, 21].map(|bytes| Secret::new(vec![1; bytes])), [None, None]);
    }

    #[test]
    fn clocks_may_differ_by_one_period_and_no_more() {
        let step = 1_111_111_109 / 30;
        for (seconds, right) in [
            (step * 30 - 31, false),
            (step * 30 - 30, true),
            (step * 30, true),
            (step * 30 + 59, true),
            (step * 30 + 60, false),
        ] {
            let expected = if right { Ok(step) } else { Err(Wrong::Differs) };
            assert_eq!(says("081804", seconds, 0), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_once_and_no_earlier_one_after_it() {
        let step = 1_111_111_109 / 30;
        assert_eq!(says("081804", step * 30, step - 1), Ok(step));
        assert_eq!(says("081804", step * 30, step), Err(Wrong::Used(step)));
        assert_eq!(says("081804", step * 30, step + 1), Err(Wrong::Used(step)));
    }

    #[test]
    fn blanks_are_taken_and_anything_else_differs() {
        assert_eq!(says(" 081 804\n", 1_111_111_109, 0), Ok(1_111_111_109 / 30));
        for typed in ["", "81804", "0818045", "081804 081804", "O81804", "081-804", "０８１８０４"]
        {
            assert_eq!(says(typed, 1_111_111_109, 0), Err(Wrong::Differs), "{typed}");
        }
    }

    #[test]
    fn debug_shows_neither_secret_nor_code() {
        let shown = format!("{:?} {:?}", rfc(), Typed::new("081804"));
        assert!(!shown.contains("081804") && !shown.contains("49") && !shown.contains("1234"));
    }
}
