//! What an error of the AWS SDK means for us; the one place that decides it.
//!
//! The question is never "should this be retried" but "may it have happened". Only three things say that it has not: no
//! connection was made, no credentials were found, or the service answered with an error code. Everything else
//! (time-outs, connections cut, 5xx, answers that cannot be read) leaves it open. Only `Display` of an error is used:
//! its `Debug` holds the raw answer.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};

use crate::actions::params::clip;
use crate::actions::{LookError, Outcome};

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) enum Failure {
    /// No connection: nothing was sent.
    NotConnected(String),
    /// An answer with a code: understood and not done.
    Refused {
        /// The service's code: `AccessDenied`.
        code: String,
        /// Its message.
        message: String,
    },
    /// It may have been received, and it may have been done.
    Unclear(String),
}

/// Codes that say "not now" whatever the HTTP status is: not executed.
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "EndpointTemporarilyUnavailableException",
];

/// Codes that speak of an earlier call of ours: whether the step's effect is there is for the probe to say.
const MAYBE_OURS: &[&str] = &[
    "InvalidGlobalClusterStateFault",
    "InvalidGlobalClusterState",
    "InvalidDBClusterStateFault",
    "InvalidDBClusterState",
    "ResourceExistsException",
    "ResourceInUseException",
    "InvalidGlobalReplicationGroupState",
    "InvalidReplicationGroupState",
];

impl Failure {
    /// We did not send it ourselves.
    pub(super) fn not_sent(why: &LookError) -> Self {
        Self::Refused { code: "NotSent".into(), message: clip(&why.to_string()) }
    }

    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(early) = before_the_wire(error) {
            return early;
        }
        match error {
            SdkError::ConstructionFailure(_) => {
                Self::Refused { code: "NotSent".into(), message: causes(error) }
            }
            SdkError::TimeoutError(_) => Self::Unclear("no answer in time".into()),
            SdkError::ResponseError(answer) => {
                let status = answer.raw().status().as_u16();
                Self::Unclear(format!("HTTP {status} with an answer that cannot be read"))
            }
            SdkError::ServiceError(answer) => {
                let (status, said) = (answer.raw().status().as_u16(), answer.err().meta());
                Self::of_answer(status, said.code(), said.message())
            }
            // `_`: whatever the SDK adds one day.
            SdkError::DispatchFailure(_) | _ => {
                Self::Unclear(format!("connection lost: {}", causes(error)))
            }
        }
    }

    pub(super) fn of_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let message = clip(message.unwrap_or("no message"));
        let Some(code) = code else {
            return Self::Unclear(format!("HTTP {status} without a code"));
        };
        let refused = (400..500).contains(&status) && !code.starts_with("RequestTimeout");
        if refused || THROTTLED.contains(&code) {
            Self::Refused { code: code.to_owned(), message }
        } else {
            Self::Unclear(format!("HTTP {status} {code}: {message}"))
        }
    }

    /// "Not now": nothing was done, and nothing was said of what was asked.
    pub(super) fn is_throttled(&self) -> bool {
        match self {
            Self::Refused { code, .. } => THROTTLED.contains(&code.as_str()),
            Self::NotConnected(_) | Self::Unclear(_) => false,
        }
    }

    /// For a call that only reads.
    pub(in crate::actions) fn look(self, system: String) -> LookError {
        let is_throttled = self.is_throttled();
        match self {
            Self::Refused { code, message } if is_throttled => {
                LookError::Unreachable { system, detail: format!("{code}: {message}") }
            }
            Self::NotConnected(detail) | Self::Unclear(detail) => {
                LookError::Unreachable { system, detail }
            }
            Self::Refused { code, message } => {
                LookError::Refused { system, detail: format!("{code}: {message}") }
            }
        }
    }

    /// For a call that changes something.
    pub(super) fn outcome(self, system: String) -> Outcome {
        match self {
            Self::NotConnected(detail) => {
                Outcome::Failed { error: LookError::Unreachable { system, detail } }
            }
            Self::Refused { code, message } if MAYBE_OURS.contains(&code.as_str()) => {
                let evidence = json!({"system": system, "code": code});
                Outcome::Unknown { error: format!("{system}: {code}: {message}"), evidence }
            }
            Self::Refused { code, message } => {
                let detail = format!("{code}: {message}");
                Outcome::Failed { error: LookError::Refused { system, detail } }
            }
            Self::Unclear(detail) => {
                let evidence: Value = json!({"system": system});
                Outcome::Unknown { error: format!("{system}: {detail}"), evidence }
            }
        }
    }
}

/// Errors that happen before the first byte of the request leaves.
fn before_the_wire(error: &(dyn Error + 'static)) -> Option<Failure> {
    chain(error).find_map(|cause| {
        if cause.downcast_ref::<CredentialsError>().is_some() {
            // Providers may put what they read into the deeper causes: not shown.
            let message = "no AWS credentials could be loaded".to_owned();
            return Some(Failure::Refused { code: "NoCredentials".into(), message });
        }
        let hyper = cause.downcast_ref::<hyper_util::client::legacy::Error>()?;
        hyper.is_connect().then(|| Failure::NotConnected(causes(cause)))
    })
}

fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + 'a {
    std::iter::successors(Some(error), |&error| error.source())
}

fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.dedup();
    clip(&texts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_a_code_says_that_nothing_was_done() {
        let refused = |status, code| {
            matches!(Failure::of_answer(status, code, None), Failure::Refused { .. })
        };
        assert!(refused(403, Some("AccessDenied")));
        assert!(refused(400, Some("Throttling")));
        assert!(refused(503, Some("SlowDown")));
        assert!(!refused(500, Some("InternalFailure")));
        assert!(!refused(503, Some("ServiceUnavailable")));
        assert!(!refused(400, Some("RequestTimeoutException")));
        assert!(!refused(407, None), "a proxy answered, not the service");
    }

    #[test]
    fn who_is_told_to_wait_has_seen_nothing_and_who_is_refused_has() {
        let looked = |code| Failure::of_answer(400, Some(code), None).look("iam".into());
        assert!(matches!(looked("Throttling"), LookError::Unreachable { .. }));
        assert!(matches!(looked("AccessDenied"), LookError::Refused { .. }));
        let acted = Failure::of_answer(400, Some("Throttling"), None).outcome("iam".into());
        assert!(matches!(acted, Outcome::Failed { .. }), "it certainly did nothing");
    }

    #[test]
    fn a_state_that_an_earlier_call_of_ours_may_have_caused_is_not_a_failure() {
        let failure =
            Failure::of_answer(400, Some("InvalidGlobalClusterStateFault"), Some("failing-over"));
        assert!(matches!(failure.outcome("rds in us-east-1".into()), Outcome::Unknown { .. }));
    }
}
