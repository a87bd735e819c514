//! One-time codes: what is typed counts once, what is wrong is counted, and too many wrong ones lock.

use super::{ENVIRONMENT, RUNBOOK, Rig, START, the_step, who};
use crate::domain::action::Known;
use crate::domain::code::{Secret, Typed};
use crate::domain::environment;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::run::protocol::Event;
use crate::domain::run::{Refusal, Request};
use crate::domain::runbook::check::check;
use crate::domain::time::Span;
use crate::engine::seal::Seal;
use crate::engine::{Asked, SubmitError};
use crate::store::codes::Enrolment;

const BYTES: &[u8] = b"12345678901234567890";

/// A step past which there is no way back is shown; Ana has codes.
async fn enrolled() -> Rig {
    let environment = environment::check("rig.yaml", ENVIRONMENT).unwrap();
    let text = RUNBOOK.replace("nag: 60m,", "nag: 60m, point_of_no_return: true,");
    let runbook =
        check("rig.yaml", &text, &Known::default(), std::slice::from_ref(&environment)).unwrap();
    let mut rig = Rig::with(environment, runbook).await;
    rig.sealed_with(Some(seal()));
    let (place, ana) = (EnvironmentId::parse("rig").unwrap(), PersonId::parse("ana").unwrap());
    let secret = Secret::new(BYTES.to_vec()).unwrap();
    let sealed = seal().close(&place, &ana, &secret).unwrap();
    let enrolment =
        Enrolment { environment: &place, person: &ana, sealed: &sealed, at: START, used: 0 };
    assert!(rig.store.enrol(&enrolment).await.unwrap());
    rig.settle().await;
    rig
}

fn seal() -> Seal {
    Seal::of_hex(&"17".repeat(32)).unwrap()
}

/// What Ana's telephone shows.
fn shown(rig: &Rig) -> String {
    use crate::engine::clock::Clock;
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 0, 30, BYTES.to_vec()).unwrap();
    totp.generate(u64::try_from(rig.clock.now().0 / 1000).unwrap())
}

impl Rig {
    /// Ana agrees, with this code.
    async fn type_code(&self, typed: Option<&str>) -> Option<Refusal> {
        let digest = self.state().await.steps[&the_step()].shown.clone().unwrap().digest;
        let request = Request::Approve { step: the_step(), digest };
        let key = format!("typed/{}", uuid::Uuid::new_v4());
        let (by, typed) = (who("ana"), typed.map(Typed::new));
        let asked = Asked { key: &key, request: &request, by: &by, settles: None };
        match self.engine.submit_with(&self.run, asked, typed.as_ref()).await {
            Ok(_) => None,
            Err(SubmitError::Refused(refusal)) => Some(*refusal),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_right_code_counts_and_none_is_asked_for() {
    let rig = enrolled().await;
    assert!(matches!(rig.type_code(None).await, Some(Refusal::CodeMissing { .. })));
    assert_eq!(rig.type_code(Some(&shown(&rig))).await, None);
    assert_eq!(rig.count(|event| matches!(event, Event::CodeConfirmed { .. })).await, 1);
}

#[tokio::test]
async fn the_fifth_wrong_code_locks_and_the_room_is_told() {
    let rig = enrolled().await;
    let locked = |event: &Event| matches!(event, Event::CodesLocked { .. });
    for left in [4, 3, 2, 1] {
        assert_eq!(rig.type_code(Some("x")).await, Some(Refusal::CodeWrong { left }));
    }
    assert_eq!(rig.count(locked).await, 0);
    let until = START.plus(Span::minutes(5));
    assert_eq!(rig.type_code(Some("x")).await, Some(Refusal::CodesLocked { until }));
    assert_eq!(rig.count(locked).await, 1);
    let right = shown(&rig);
    assert_eq!(rig.type_code(Some(&right)).await, Some(Refusal::CodesLocked { until }));
    rig.clock.pass(Span::minutes(5));
    assert_eq!(rig.type_code(Some(&shown(&rig))).await, None);
}

#[tokio::test]
async fn without_the_key_they_were_sealed_with_no_code_counts() {
    let mut rig = enrolled().await;
    rig.sealed_with(Seal::of_hex(&"18".repeat(32)));
    assert_eq!(rig.type_code(Some(&shown(&rig))).await, Some(Refusal::CodesSealed));
    rig.sealed_with(None);
    assert_eq!(rig.type_code(Some(&shown(&rig))).await, Some(Refusal::CodesSealed));
}
