//! The real actions against servers of other people's making. What counts is what those servers say afterwards, and
//! how many calls arrived at them; an action's own report is only compared with that.

mod aurora;
mod bed;
mod connectors;
mod contract;
mod dns;
mod exec;
mod experiments;
mod external_secrets;
mod http;
mod kube;
mod kube_contract;
mod kube_look;
mod kube_objects;
mod kube_permissions;
mod looks;
mod permissions;
mod reach;
mod redis;
mod request;
mod rigs;
mod route53;
mod secrets;
pub(crate) mod seeds;
mod sql;
mod tabletop;

use std::sync::Arc;
use std::time::Duration;

use dr_buddy::actions::{
    Action, ActionSettings, Actions, AwsCredentials, AwsLimits, AwsSettings, Call, LookError,
    Outcome, Probe,
};
use dr_buddy::domain::environment::Environment;
use dr_buddy::domain::ids::{RunId, StepId};
use dr_buddy::domain::run::preview::{Approved, Direction, Preview, Subject, digest};
use dr_buddy::domain::time::{Span, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::harness::{Ministack, ROOT};

/// The account of ministack.
const ACCOUNT: &str = "000000000000";
/// The account of moto.
const MOTO_ACCOUNT: &str = "123456789012";

/// One step of a run, driven by hand.
struct Step {
    action: Arc<dyn Action>,
    run: RunId,
    step: StepId,
    environment: Environment,
    with: Map<String, Value>,
    direction: Direction,
    before: Option<Preview>,
    token: Uuid,
    past: Vec<Value>,
    impact_at: Timestamp,
}

impl Step {
    fn new(actions: &Actions, name: &str, with: Value) -> Self {
        let Value::Object(with) = with else { panic!("parameters are an object") };
        Self {
            action: actions.real(name).expect("there is one"),
            run: RunId::parse("OPS-DR-1").unwrap(),
            step: StepId::parse("the-step").unwrap(),
            environment: environment(ACCOUNT),
            with,
            direction: Direction::Do,
            before: None,
            token: Uuid::from_u128(7),
            past: vec![],
            impact_at: Timestamp(1_795_183_900_000),
        }
    }

    fn call(&self) -> Call<'_> {
        Call {
            attempt: 1,
            run: &self.run,
            step: &self.step,
            environment: &self.environment,
            with: &self.with,
            direction: self.direction,
            before: self.before.as_ref(),
            done: self.before.as_ref(),
            opened_at: Timestamp(1_795_184_300_000),
            takes: Span::seconds(60),
            started_at: Timestamp(1_795_184_000_000),
            impact_at: self.impact_at,
            token: self.token,
            now: Timestamp(1_795_184_360_000),
            past: &self.past,
        }
    }

    async fn preview(&self) -> Preview {
        self.action.preview(&self.call()).await.expect("it can be previewed")
    }

    async fn refusal(&self) -> String {
        match self.action.preview(&self.call()).await {
            Err(LookError::Unsafe { detail }) => detail,
            other => panic!("this should have been unsafe: {other:?}"),
        }
    }

    async fn probe(&self, preview: &Preview) -> Probe {
        self.action.probe(&self.call(), &preview.request).await
    }

    /// Approves exactly this preview and runs it.
    async fn run(&mut self, preview: &Preview) -> Outcome {
        let id = &self.environment.id;
        let subject = Subject {
            run: &self.run,
            step: &self.step,
            number: 1,
            direction: self.direction,
            environment: id,
            account: &self.environment.account,
        };
        let agreed = digest(subject, preview);
        let approved = Approved::check(subject, &agreed, preview, preview.clone()).unwrap();
        let outcome = self.action.run(&self.call(), &approved).await;
        if let Outcome::Accepted { evidence } | Outcome::Unknown { evidence, .. } = &outcome {
            self.past.push(evidence.clone());
        }
        outcome
    }

    /// The way back from `done`.
    fn back(mut self, done: Preview) -> Self {
        self.direction = Direction::Undo;
        self.before = Some(done);
        self.token = Uuid::from_u128(8);
        self
    }
}

fn environment(account: &str) -> Environment {
    serde_json::from_value(json!({
        "id": "staging", "kind": "staging", "account": account,
        "regions": {"primary": "eu-west-1", "dr": "us-east-1"},
        "objectives": {"rto": "1h", "rpo": "5m"},
        "chat": {"war_room": "C0ROOM", "language": "en", "time_zone": "UTC", "run_prefix": "OPS-DR"},
        "people": [], "document": {},
    }))
    .expect("it is an environment")
}

/// Short patience, so that a server that hangs does not hold the tests up.
fn aws(server: &Ministack) -> Actions {
    aws_at(&server.endpoint)
}

fn aws_at(endpoint: &str) -> Actions {
    Actions::new(settings_at(endpoint, ROOT))
}

/// AWS there, by the key and its secret.
fn settings_at(endpoint: &str, (key, secret): (&str, &str)) -> ActionSettings {
    let aws = AwsSettings {
        endpoint_url: Some(endpoint.to_owned()),
        credentials: AwsCredentials::Static {
            access_key_id: key.into(),
            secret_access_key: secret.to_owned().into(),
        },
        limits: AwsLimits {
            connect: Duration::from_secs(1),
            look: Duration::from_secs(10),
            act: Duration::from_secs(2),
        },
    };
    ActionSettings { aws, ..ActionSettings::default() }
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown { .. })
}

fn is_failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { .. })
}
