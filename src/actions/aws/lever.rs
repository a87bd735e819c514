//! What the AWS actions have in common that move one thing from one state to another with one call.
//!
//! A [`Lever`] says which thing, how it is read and what is sent. What keeps the promise is here, once: account and region
//! are compared before showing and before sending, the request is written down whole and nothing is filled in
//! after the approval, one call goes out without retries, and what it was answered with is in the evidence.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Aws, Failure, ROUTE53_REGION};
use crate::actions::fence::region_inside;
use crate::actions::params::{failed, json_of, request, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Preview, Remark};

/// One thing at one service, and the call that moves it.
#[async_trait]
pub(in crate::actions) trait Lever: Debug + Send + Sync + 'static {
    /// The thing as it is.
    type State: Send + Sync;
    /// What is sent besides service, operation, region and account; and what was there before, where there is a way back.
    type Parameters: Serialize + DeserializeOwned + Clone + Debug + Send + Sync;

    /// As the SDK and IAM call it: `rds`.
    const SERVICE: &'static str;
    /// The call: `PromoteReadReplicaDBCluster`.
    const OPERATION: &'static str;

    /// The call for these parameters, where going back is another one.
    fn operation(&self, _parameters: &Self::Parameters) -> &'static str {
        Self::OPERATION
    }

    /// The region whose endpoint is called.
    fn region(&self, call: &Call<'_>) -> Result<String, LookError>;

    /// Reads the thing; `asked` is what was asked for, once there is a preview.
    async fn look(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        asked: Option<&Self::Parameters>,
    ) -> Result<Self::State, LookError>;

    /// What the step asks for, forward or back, or why that must not be touched.
    fn wanted(
        &self,
        call: &Call<'_>,
        state: &Self::State,
    ) -> Result<Wanted<Self::Parameters>, LookError>;

    /// The facts its row in the table of actions names; what could not be read is absent.
    fn facts(&self, state: &Self::State) -> Map<String, Value>;

    /// The state in one line.
    fn saw(&self, state: &Self::State) -> String;

    /// Whether `asked` is how it is.
    fn happened(&self, state: &Self::State, asked: &Self::Parameters) -> Happened;

    /// Sends exactly this, once. Gives what an auditor asks for: request id, change id. No secrets.
    async fn send(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        request: &Request<Self::Parameters>,
    ) -> Result<Value, Failure>;

    /// What it needs, apart for looking and for doing.
    fn permissions(&self) -> Permissions;
}

/// What a step asks for.
#[derive(Debug)]
pub(in crate::actions) struct Wanted<P> {
    /// What the call is made on, for the line that says it: `of orders-us`, `(1 UPSERT) in zone Z1`.
    pub(super) on: String,
    /// What is sent.
    pub(super) parameters: P,
    /// The facts it was made for: another value at the moment of the call voids the approval.
    pub(super) binding: Map<String, Value>,
    /// Now → after.
    pub(super) changes: Vec<Change>,
    /// What people should know first.
    pub(super) remarks: Vec<Remark>,
}

/// Exactly what is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Request<P> {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) parameters: P,
}

/// What was sent by the attempt that is put back.
pub(super) fn saved<P: DeserializeOwned>(call: &Call<'_>) -> Result<P, LookError> {
    let before = call.before.and_then(|before| request::<Request<P>>(&before.request).ok());
    let before =
        before.ok_or_else(|| unsafe_because("it was not recorded what was there before"))?;
    Ok(before.parameters)
}

/// A lever as an action.
#[derive(Debug)]
pub(in crate::actions) struct Pulled<L> {
    aws: Arc<Aws>,
    lever: L,
}

impl<L: Lever> Pulled<L> {
    pub(super) fn new(aws: Arc<Aws>, lever: L) -> Self {
        Self { aws, lever }
    }

    /// Everything that must hold right before the call. Gives who we are.
    async fn ready(
        &self,
        call: &Call<'_>,
        request: &Request<L::Parameters>,
    ) -> Result<String, LookError> {
        let operation = self.lever.operation(&request.parameters);
        let is_ours = request.service == L::SERVICE && request.operation == operation;
        if !is_ours || request.account != call.environment.account {
            return Err(unsafe_because("the request is of another action or another account"));
        }
        self.inside(call, &request.region)?;
        self.aws.caller_matches(call.environment, &request.region).await
    }

    /// Refuses regions that are not the environment's; Route 53 has one endpoint for all.
    fn inside(&self, call: &Call<'_>, region: &str) -> Result<(), LookError> {
        if L::SERVICE == "route53" && region == ROUTE53_REGION {
            return Ok(());
        }
        region_inside(call.environment, region)
    }
}

#[async_trait]
impl<L: Lever> Action for Pulled<L> {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let region = self.lever.region(call)?;
        self.inside(call, &region)?;
        let state = self.lever.look(&self.aws, call, None).await?;
        let wanted = self.lever.wanted(call, &state)?;
        let caller = self.aws.caller_matches(call.environment, &region).await?;
        let Wanted { on, parameters, binding, changes, remarks } = wanted;
        let account = call.environment.account.clone();
        let operation = self.lever.operation(&parameters).to_owned();
        let service = L::SERVICE.to_owned();
        let calls =
            vec![format!("{service}:{operation} {on} in {region}, account {account}, as {caller}")];
        let request = Request { service, operation, region, account, parameters };
        let facts = self.lever.facts(&state);
        Ok(Preview { request: json_of(&request), binding, facts, changes, calls, remarks })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let asked = request::<Request<L::Parameters>>(value).ok().map(|request| request.parameters);
        match self.lever.look(&self.aws, call, asked.as_ref()).await {
            Ok(state) => Probe {
                happened: asked
                    .map_or(Happened::Unknown, |asked| self.lever.happened(&state, &asked)),
                facts: self.lever.facts(&state),
                saw: self.lever.saw(&state),
            },
            Err(error) => Probe::blind(&error),
        }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let request: Request<L::Parameters> = match request(approved.request()) {
            Ok(request) => request,
            Err(error) => return failed(error),
        };
        let caller = match self.ready(call, &request).await {
            Ok(caller) => caller,
            Err(error) => return failed(error),
        };
        match self.lever.send(&self.aws, call, &request).await {
            Ok(answer) => {
                let mut evidence = json!({
                    "service": request.service, "operation": request.operation,
                    "region": request.region, "caller": caller,
                });
                if let (Some(all), Value::Object(answer)) = (evidence.as_object_mut(), answer) {
                    all.extend(answer);
                }
                Outcome::Accepted { evidence }
            }
            Err(failure) => failure.outcome(format!("{} in {}", L::SERVICE, request.region)),
        }
    }

    fn permissions(&self) -> Permissions {
        self.lever.permissions()
    }
}
