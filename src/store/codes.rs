//! Who has one-time codes, how often they were tried, and which have counted. Secrets come sealed and stay so.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::code;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::time::Timestamp;

/// A person gets codes.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// In which environment: its file says who that is.
    pub environment: &'a EnvironmentId,
    /// Who.
    pub person: &'a PersonId,
    /// The secret, sealed.
    pub sealed: &'a str,
    /// When.
    pub at: Timestamp,
    /// The period of the code that was shown to work; it and those before it count no more.
    pub used: i64,
}

/// A person who has codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub at: Timestamp,
    /// Until when none counts; long ago if none was refused.
    pub locked_until: Timestamp,
}

/// What became of a try, before the code is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The person has no codes.
    NotEnrolled,
    /// Too many were wrong: none counts until then.
    Locked(Timestamp),
    /// It is counted as wrong, until [`Codes::spend`] takes that back.
    Counted {
        /// The secret, sealed.
        sealed: String,
        /// The latest period of which a code has counted.
        used: i64,
        /// So many more wrong ones, and none counts. 0: this one was the last, and none counts until then.
        left: u32,
        /// See `left`.
        locked_until: Timestamp,
    },
}

/// The part of the store that keeps codes. Every method is one transaction, as in [`Store`](super::Store).
#[async_trait]
pub trait Codes: Send + Sync {
    /// Keeps an enrolment; false if the person has one.
    async fn enrol(&self, enrolment: &Enrolment<'_>) -> Result<bool, StoreError>;

    /// Ends an enrolment; false if there was none.
    async fn end_enrolment(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError>;

    /// Everybody who has codes, by name.
    async fn enrolled(&self, environment: &EnvironmentId) -> Result<Vec<Enrolled>, StoreError>;

    /// Whether a person has codes.
    async fn is_enrolled(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError>;

    /// Counts a try, before the code is looked at: so many at a time cannot get around the count.
    async fn try_code(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Tried, StoreError>;

    /// The code of this period counts, for the request of this key, and the tries before it are forgiven. False if one
    /// of it, or of a later one, has counted for another request.
    async fn spend(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        period: i64,
        key: &str,
    ) -> Result<bool, StoreError>;
}

pub(super) const ENROL: &str = "insert into codes (environment, person, sealed, enrolled_at, used, \
     used_by, wrong, locked_until) values ($1, $2, $3, $4, $5, '', 0, 0) \
     on conflict (environment, person) do nothing returning person";
pub(super) const END: &str =
    "delete from codes where environment = $1 and person = $2 returning person";
pub(super) const ALL: &str = "select person, enrolled_at, locked_until from codes \
     where environment = $1 order by person";
pub(super) const LOCKED: &str =
    "select locked_until from codes where environment = $1 and person = $2";
pub(super) const TRY: &str = "update codes \
     set wrong = case when wrong + 1 >= $4 then 0 else wrong + 1 end, \
     locked_until = case when wrong + 1 >= $4 then $5 else locked_until end \
     where environment = $1 and person = $2 and locked_until <= $3 \
     returning sealed, used, wrong, locked_until";
pub(super) const SPEND: &str = "update codes \
     set used = $3, used_by = $4, wrong = 0, locked_until = 0 \
     where environment = $1 and person = $2 and (used < $3 or (used = $3 and used_by = $4)) \
     returning person";

/// sealed, used, wrong, locked until
pub(super) type TriedRow = (String, i64, i64, i64);
/// person, enrolled at, locked until
pub(super) type EnrolledRow = (String, i64, i64);

pub(super) fn counted((sealed, used, wrong, locked_until): TriedRow, now: Timestamp) -> Tried {
    let locked_until = Timestamp(locked_until);
    let wrong = u32::try_from(wrong).unwrap_or(code::TRIES);
    let left = if locked_until > now { 0 } else { code::TRIES.saturating_sub(wrong) };
    Tried::Counted { sealed, used, left, locked_until }
}

/// What a try that was not counted means: there is a row that is locked, or none.
pub(super) fn not_counted(locked_until: Option<i64>) -> Tried {
    locked_until.map_or(Tried::NotEnrolled, |until| Tried::Locked(Timestamp(until)))
}

pub(super) fn everybody(rows: Vec<EnrolledRow>) -> Result<Vec<Enrolled>, StoreError> {
    let enrolled = |(person, at, locked_until): EnrolledRow| {
        let person = PersonId::parse(&person).map_err(|error| StoreError::Unreadable {
            what: "person",
            source: serde::de::Error::custom(error),
        })?;
        Ok(Enrolled { person, at: Timestamp(at), locked_until: Timestamp(locked_until) })
    };
    rows.into_iter().map(enrolled).collect()
}

/// How many tries a lock follows from, and until when it then is, as a database takes them.
pub(super) fn lock(now: Timestamp) -> (i64, i64) {
    (i64::from(code::TRIES), now.plus(code::LOCK).0)
}
