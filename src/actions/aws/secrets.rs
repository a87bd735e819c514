//! `secretsmanager.replace_host`: another host in the connection URL of a secret.
//!
//! The value is read into memory where it is needed and dropped there: neither it nor a digest of it is returned,
//! logged or put into an error. People see host names only. The write carries the call's token, so that the second of
//! two equal writes does nothing; a token that is already there with another value is for the probe to judge. The way
//! back moves `AWSCURRENT` to the version that was seen, which writes no value at all.

use futures_util::FutureExt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::RequestId;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::url_host::{host_of, with_host};
use super::{Aws, Failure, Purpose};
use crate::actions::fence::{arn_inside, region_inside};
use crate::actions::params::{failed, json_of, optional_text, put, request, text, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;

const CURRENT: &str = "AWSCURRENT";

/// Replaces the host.
#[derive(Debug)]
pub(in crate::actions) struct ReplaceHost {
    aws: Arc<Aws>,
}

/// Exactly what is sent, but for the value, which never leaves the function that sends it: it is the value of
/// `from_version` with `host` instead of `from_host`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", deny_unknown_fields)]
enum Request {
    PutSecretValue {
        place: Place,
        from_version: String,
        from_host: String,
        host: String,
        token: String,
    },
    UpdateSecretVersionStage {
        place: Place,
        move_to: String,
        remove_from: String,
        host: String,
    },
}

/// Which secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    service: String,
    account: String,
    region: String,
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// A secret as it is, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct World {
    is_replica_of: Option<String>,
    version: Option<String>,
    versions: Vec<String>,
    rotates: bool,
}

impl World {
    fn of(secret: &DescribeSecretOutput, region: &str) -> Self {
        let stages = secret.version_ids_to_stages();
        let current = stages.and_then(|stages| {
            stages
                .iter()
                .find(|(_, stages)| stages.iter().any(|s| s == CURRENT))
                .map(|(id, _)| id.clone())
        });
        Self {
            is_replica_of: secret
                .primary_region()
                .filter(|primary| *primary != region)
                .map(Into::into),
            version: current,
            versions: stages.map(|stages| stages.keys().cloned().collect()).unwrap_or_default(),
            rotates: secret.rotation_enabled() == Some(true),
        }
    }
}

impl ReplaceHost {
    pub(in crate::actions) fn new(aws: Arc<Aws>) -> Self {
        Self { aws }
    }

    fn place(call: &Call<'_>) -> Result<Place, LookError> {
        let place = Place {
            service: "secretsmanager".into(),
            account: call.environment.account.clone(),
            region: text(call, "region")?.to_owned(),
            secret: text(call, "secret")?.to_owned(),
            key: optional_text(call, "key").map(Into::into),
        };
        Self::check(call, &place)?;
        Ok(place)
    }

    fn check(call: &Call<'_>, place: &Place) -> Result<(), LookError> {
        if place.account != call.environment.account {
            return Err(unsafe_because("the request is of another account"));
        }
        region_inside(call.environment, &place.region)?;
        if place.secret.starts_with("arn:") {
            let arn = arn_inside(call.environment, "secretsmanager", &place.secret)?;
            if arn.region != place.region {
                let detail =
                    format!("the ARN is of {}, the step says {}", arn.region, place.region);
                return Err(unsafe_because(detail));
            }
        }
        Ok(())
    }

    async fn look(&self, place: &Place) -> Result<World, LookError> {
        let client = self.aws.secrets(&place.region, Purpose::Look).await;
        let asked = client.describe_secret().secret_id(&place.secret).send().boxed().await;
        let answer = asked.map_err(|error| Failure::of(&error).look(system(place)))?;
        Ok(World::of(&answer, &place.region))
    }

    /// The value of one version, for as long as the caller keeps it.
    async fn value(&self, place: &Place, version: &str) -> Result<SecretString, LookError> {
        let client = self.aws.secrets(&place.region, Purpose::Look).await;
        let asked = client.get_secret_value().secret_id(&place.secret).version_id(version);
        let answer =
            asked.send().boxed().await.map_err(|error| Failure::of(&error).look(system(place)))?;
        match (answer.version_id, answer.secret_string) {
            (Some(read), Some(value)) if read == version => Ok(SecretString::from(value)),
            (Some(read), Some(value)) => {
                drop(SecretString::from(value));
                Err(unsafe_because(format!("asked for version {version}, was given {read}")))
            }
            (_, None) => Err(unsafe_because("the secret is binary, not a text with a URL")),
            (None, Some(value)) => {
                drop(SecretString::from(value));
                Err(unsafe_because("the secret's value came without a version"))
            }
        }
    }

    async fn host(&self, place: &Place, version: &str) -> Result<String, LookError> {
        let value = self.value(place, version).await?;
        host_of(&value, place.key.as_deref()).map_err(|bad| unsafe_because(bad.to_string()))
    }

    fn forward(call: &Call<'_>, place: Place, now: Now) -> Result<(Request, String), LookError> {
        let host = text(call, "host")?.to_owned();
        // Also proves that the new name is one, without anything being sent.
        let sample = SecretString::from("a://b".to_owned());
        with_host(&sample, None, &host).map_err(|bad| unsafe_because(bad.to_string()))?;
        let request = Request::PutSecretValue {
            place,
            from_version: now.version,
            from_host: now.host,
            host: host.clone(),
            token: call.token.to_string(),
        };
        Ok((request, host))
    }

    async fn back(
        &self,
        call: &Call<'_>,
        place: Place,
        now: Now,
        versions: &[String],
    ) -> Result<(Request, String), LookError> {
        let lost = || unsafe_because("it was not recorded what the secret was before");
        let (before, done) = call.before.zip(call.done).ok_or_else(lost)?;
        let Ok(Request::PutSecretValue { place: done_to, token: ours, .. }) =
            request(&done.request)
        else {
            return Err(lost());
        };
        let known =
            |name: &str| before.binding.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let (version, host) = known("version").zip(known("host")).ok_or_else(lost)?;
        if done_to != place {
            return Err(unsafe_because("the step was done to another secret"));
        }
        if now.version != ours && now.version != version {
            let detail = format!(
                "version {} was written after this step's {ours}: going back would lose it",
                now.version
            );
            return Err(unsafe_because(detail));
        }
        if !versions.contains(&version) {
            let detail = format!("version {version}, to go back to, is no longer kept");
            return Err(unsafe_because(detail));
        }
        let request = Request::UpdateSecretVersionStage {
            place,
            move_to: version,
            remove_from: now.version,
            host: host.clone(),
        };
        Ok((request, host))
    }

    /// Everything that must hold right before the call. Gives who we are.
    async fn ready(&self, call: &Call<'_>, place: &Place) -> Result<String, LookError> {
        Self::check(call, place)?;
        self.aws.caller_matches(call.environment, &place.region).await
    }

    async fn put(&self, call: &Call<'_>, request: &Request) -> Result<Value, Outcome> {
        let Request::PutSecretValue { place, from_version, from_host, host, token } = request
        else {
            return Err(failed(unsafe_because("not a request that writes a value")));
        };
        let world = self.look(place).await.map_err(failed)?;
        if world.version.as_ref() != Some(from_version) {
            let detail = format!("version {from_version} is no longer the current one");
            return Err(failed(unsafe_because(detail)));
        }
        let refuse = |bad: super::url_host::BadUrl| failed(unsafe_because(bad.to_string()));
        let value = self.value(place, from_version).await.map_err(failed)?;
        if host_of(&value, place.key.as_deref()).map_err(refuse)? != *from_host {
            return Err(failed(unsafe_because("the host is no longer the one that was shown")));
        }
        let value = with_host(&value, place.key.as_deref(), host).map_err(refuse)?;
        let caller = self.ready(call, place).await.map_err(failed)?;
        let client = self.aws.secrets(&place.region, Purpose::Act).await;
        let write = client
            .put_secret_value()
            .secret_id(&place.secret)
            .client_request_token(token)
            .secret_string(value.expose_secret())
            .send();
        drop(value);
        match write.boxed().await {
            Ok(answer) => Ok(json!({
                "service": place.service, "operation": "PutSecretValue", "region": place.region,
                "secret": place.secret, "version": answer.version_id(),
                "request_id": answer.request_id(), "caller": caller,
            })),
            Err(error) => Err(Failure::of(&error).outcome(system(place))),
        }
    }

    async fn restage(&self, call: &Call<'_>, request: &Request) -> Result<Value, Outcome> {
        let Request::UpdateSecretVersionStage { place, move_to, remove_from, .. } = request else {
            return Err(failed(unsafe_because("not a request that goes back")));
        };
        let caller = self.ready(call, place).await.map_err(failed)?;
        let client = self.aws.secrets(&place.region, Purpose::Act).await;
        let write = client
            .update_secret_version_stage()
            .secret_id(&place.secret)
            .version_stage(CURRENT)
            .move_to_version_id(move_to)
            .remove_from_version_id(remove_from)
            .send();
        match write.boxed().await {
            Ok(answer) => Ok(json!({
                "service": place.service, "operation": "UpdateSecretVersionStage",
                "region": place.region, "secret": place.secret, "version": move_to,
                "request_id": answer.request_id(), "caller": caller,
            })),
            Err(error) => Err(Failure::of(&error).outcome(system(place))),
        }
    }
}

/// What the secret holds now.
struct Now {
    version: String,
    host: String,
}

#[async_trait]
impl Action for ReplaceHost {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let place = Self::place(call)?;
        let world = self.look(&place).await?;
        if let Some(primary) = &world.is_replica_of {
            let detail = format!(
                "`{}` in {} is a replica of {primary} and cannot be changed there: change it in {primary}, \
                 or stop the replication first (secretsmanager:StopReplicationToReplica)",
                place.secret, place.region
            );
            return Err(unsafe_because(detail));
        }
        let version =
            world.version.clone().ok_or_else(|| unsafe_because("no version is AWSCURRENT"))?;
        let host = self.host(&place, &version).await?;
        let mut binding = Map::new();
        put(&mut binding, "version", Some(version.clone()));
        put(&mut binding, "host", Some(host.clone()));
        let now = Now { version: version.clone(), host: host.clone() };
        let (request, after) = match call.direction {
            Direction::Do => Self::forward(call, place.clone(), now)?,
            Direction::Undo => self.back(call, place.clone(), now, &world.versions).await?,
        };
        let caller = self.aws.caller_matches(call.environment, &place.region).await?;
        let operation = match &request {
            Request::PutSecretValue { .. } => "PutSecretValue",
            Request::UpdateSecretVersionStage { .. } => "UpdateSecretVersionStage",
        };
        let mut remarks = vec![Remark::new("remark.secret.pods_restart", &[])];
        if host == after {
            remarks.push(Remark::new("remark.secret.same_host", &[("host", &after)]));
        }
        if world.rotates {
            remarks.push(Remark::new("remark.secret.rotates", &[]));
        }
        Ok(Preview {
            request: json_of(&request),
            facts: facts(Some(&world), Some(&host), &call.token.to_string()),
            binding,
            changes: vec![
                Change {
                    what: told("told.host", &[&place.secret]),
                    now: host,
                    after: after.clone(),
                },
                Change {
                    what: told("told.rest", &[]),
                    now: told("told.not_shown", &[]),
                    after: told("told.unchanged", &[]),
                },
            ],
            calls: vec![format!(
                "secretsmanager:{operation} in {}, account {}, as {caller}",
                place.region, place.account
            )],
            remarks,
        })
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let asked = request::<Request>(value);
        let place = match &asked {
            Ok(
                Request::PutSecretValue { place, .. }
                | Request::UpdateSecretVersionStage { place, .. },
            ) => Ok(place.clone()),
            Err(_) => Self::place(call),
        };
        let place = match place {
            Ok(place) => place,
            Err(error) => return Probe::blind(&error),
        };
        if let Err(error) = Self::check(call, &place) {
            return Probe::blind(&error);
        }
        let world = match self.look(&place).await {
            Ok(world) => world,
            Err(error) => return Probe::blind(&error),
        };
        let host = match &world.version {
            Some(version) => self.host(&place, version).await.ok(),
            None => None,
        };
        let token = match &asked {
            Ok(Request::PutSecretValue { token, .. }) => token.clone(),
            _ => call.token.to_string(),
        };
        Probe {
            happened: asked.map_or(Happened::Unknown, |request| happened(&request, &world)),
            facts: facts(Some(&world), host.as_deref(), &token),
            saw: told(
                "told.secret",
                &[
                    host.as_deref().unwrap_or("told.unknown"),
                    world.version.as_deref().unwrap_or("told.unknown"),
                ],
            ),
        }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let request: Request = match request(approved.request()) {
            Ok(request) => request,
            Err(error) => return failed(error),
        };
        let ended = match &request {
            Request::PutSecretValue { .. } => self.put(call, &request).await,
            Request::UpdateSecretVersionStage { .. } => self.restage(call, &request).await,
        };
        ended.map_or_else(|outcome| outcome, |evidence| Outcome::Accepted { evidence })
    }

    fn permissions(&self) -> Permissions {
        const KEY: &[&str] = &["arn:aws:kms:*:ACCOUNT_ID:key/SECRETS_KEY_ID"];
        const SECRET: &[&str] = &["arn:aws:secretsmanager:*:ACCOUNT_ID:secret:SECRET_PREFIX-*"];
        Permissions {
            look: &[
                Permission::Aws("kms:Decrypt", KEY),
                Permission::Aws("secretsmanager:DescribeSecret", SECRET),
                Permission::Aws("secretsmanager:GetSecretValue", SECRET),
            ],
            act: &[
                Permission::Aws("kms:Decrypt", KEY),
                Permission::Aws("kms:GenerateDataKey", KEY),
                Permission::Aws("secretsmanager:DescribeSecret", SECRET),
                Permission::Aws("secretsmanager:GetSecretValue", SECRET),
                Permission::Aws("secretsmanager:PutSecretValue", SECRET),
                Permission::Aws("secretsmanager:UpdateSecretVersionStage", SECRET),
            ],
        }
    }
}

fn happened(request: &Request, world: &World) -> Happened {
    let Some(current) = &world.version else { return Happened::Unknown };
    match request {
        Request::PutSecretValue { token, .. } if current == token => Happened::Done,
        // Written, and something else was written after it.
        Request::PutSecretValue { token, .. } if world.versions.contains(token) => {
            Happened::Unknown
        }
        Request::PutSecretValue { .. } => Happened::Never,
        Request::UpdateSecretVersionStage { move_to, .. } if current == move_to => Happened::Done,
        Request::UpdateSecretVersionStage { remove_from, .. } if current == remove_from => {
            Happened::Never
        }
        Request::UpdateSecretVersionStage { .. } => Happened::Unknown,
    }
}

fn facts(world: Option<&World>, host: Option<&str>, token: &str) -> Map<String, Value> {
    let mut facts = Map::new();
    put(&mut facts, "host", host);
    if let Some(world) = world {
        put(&mut facts, "version", world.version.clone());
        put(&mut facts, "is_replica", Some(world.is_replica_of.is_some()));
        put(&mut facts, "token_present", Some(world.versions.iter().any(|id| id == token)));
    }
    facts
}

fn system(place: &Place) -> String {
    format!("secretsmanager in {}", place.region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_token_as_the_current_version_is_done_and_as_an_old_one_is_unclear() {
        let place = Place {
            service: "secretsmanager".into(),
            account: "1".into(),
            region: "us-east-1".into(),
            secret: "s".into(),
            key: None,
        };
        let put = Request::PutSecretValue {
            place,
            from_version: "old".into(),
            from_host: "eu".into(),
            host: "us".into(),
            token: "ours".into(),
        };
        let world = |current: &str, all: &[&str]| World {
            is_replica_of: None,
            version: Some(current.into()),
            versions: all.iter().map(|id| (*id).to_owned()).collect(),
            rotates: false,
        };
        assert_eq!(happened(&put, &world("old", &["old"])), Happened::Never);
        assert_eq!(happened(&put, &world("ours", &["old", "ours"])), Happened::Done);
        assert_eq!(happened(&put, &world("newer", &["ours", "newer"])), Happened::Unknown);
        assert_eq!(request::<Request>(&json_of(&put)).unwrap(), put);
    }
}
