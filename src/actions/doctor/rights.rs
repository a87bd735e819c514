//! Whether the steps of the runbooks may do at AWS what they do: every permission of every step that may open, asked of
//! IAM on the very things that the step names, without a call being made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use super::resources::{KEY, REPLICATION_ROLE, SECRET, bare, filled};
use super::uses::{Missing, StepKey, Use, names, uses};
use super::{Check, LONGEST, Look, Place};
use crate::actions::aws::{Aws, Decision, Question, principal, replication_role, unbound};
use crate::actions::registry::{Actions, Purpose};
use crate::actions::{LookError, Permission};
use crate::domain::environment::Environment;
use crate::domain::text::told;

/// What to do where IAM does not say: a key.
pub(super) const ASK: &str = "doctor.permissions.ask";
/// What to do where an API server does not say: a key.
pub(super) const REACH: &str = "doctor.cluster_permissions.ask";
/// What to do where it is not known who we are, or we are somebody else.
pub(super) const IDENTITY: &str = "doctor.identity.remedy";

/// Questions to IAM at a time: it is one for the whole account, and throttles.
const AT_ONCE: usize = 4;

/// What one examination has found out about permissions, for every check that asks.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) aws: OnceCell<Verdicts>,
    pub(super) kube: OnceCell<Verdicts>,
    /// Of all checks that ask IAM.
    room: Semaphore,
}

impl Default for Known {
    fn default() -> Self {
        Self { aws: OnceCell::new(), kube: OnceCell::new(), room: Semaphore::new(AT_ONCE) }
    }
}

impl Known {
    /// Asks IAM about calls of a principal on a thing, when there is room.
    pub(super) async fn simulate(
        &self,
        aws: &Aws,
        (principal, on, calls): (&str, &Question, &[&str]),
    ) -> Result<BTreeMap<String, Decision>, LookError> {
        let _room = self.room.acquire().await;
        aws.simulate(principal, on, calls).await
    }
}

/// What was found of every permission.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pub(super) all: Vec<Verdict>,
    /// Nothing could be asked.
    pub(super) blind: Option<Blind>,
}

/// Why nothing could be asked.
#[derive(Debug)]
pub(super) struct Blind {
    pub(super) error: LookError,
    /// What to do about that: a key.
    pub(super) remedy: &'static str,
    /// Of which steps it is not known whether they are allowed.
    pub(super) steps: BTreeSet<StepKey>,
}

/// What was found of one permission on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `rds:FailoverGlobalCluster`, `patch deployments.apps/scale`.
    pub(super) name: String,
    /// An ARN; namespace and context.
    pub(super) on: String,
    pub(super) steps: BTreeSet<StepKey>,
    /// The file, or the role, that holds it.
    pub(super) holder: &'static str,
    /// Why not, as a key of what is said; `None`: it is allowed.
    pub(super) denied: Result<Option<&'static str>, LookError>,
}

impl Verdicts {
    /// As findings: what is missing, what could not be asked; where all is well, how much.
    /// `ask` is what to do where one thing could not be asked.
    pub(super) fn looks(&self, ask: &'static str) -> Vec<Look> {
        if let Some(Blind { error, remedy, .. }) = &self.blind {
            return vec![Look::blind("", error).mended_by(remedy)];
        }
        let look = |verdict: &Verdict| {
            let subject = format!("{} {}", verdict.name, verdict.on);
            let subject = subject.trim();
            match &verdict.denied {
                Ok(None) => None,
                Ok(Some(why)) => {
                    let args = [
                        ("permission", verdict.name.as_str()),
                        ("on", &verdict.on),
                        ("steps", &names(&verdict.steps)),
                        ("holder", verdict.holder),
                    ];
                    Some(Look::bad(subject, why, &args))
                }
                Err(error) => Some(Look::blind(subject, error).mended_by(ask)),
            }
        };
        let looks: Vec<Look> = self.all.iter().filter_map(look).collect();
        if looks.is_empty() && !self.all.is_empty() {
            let count = self.all.len().to_string();
            return vec![Look::good("", "doctor.saw.allowed", &[("count", &count)])];
        }
        looks
    }

    /// Adds what the steps lack.
    fn lacks(&self, ask: &'static str, missing: &mut Missing) {
        let mut unasked = |step: &StepKey, error: &LookError, remedy| {
            let lack = missing.entry(step.clone()).or_default();
            lack.unasked.get_or_insert_with(|| (error.said(), remedy));
        };
        if let Some(Blind { error, remedy, steps }) = &self.blind {
            steps.iter().for_each(|step| unasked(step, error, remedy));
        }
        for one in &self.all {
            if let Err(error) = &one.denied {
                one.steps.iter().for_each(|step| unasked(step, error, ask));
            }
        }
        for one in self.all.iter().filter(|one| matches!(one.denied, Ok(Some(_)))) {
            for step in &one.steps {
                let lack = missing.entry(step.clone()).or_default();
                lack.denied.push(format!("{} {}", one.name, one.on));
            }
        }
    }
}

/// Asks, once an examination.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) aws: Arc<Aws>,
    pub(super) kube: crate::actions::KubeSettings,
    pub(super) actions: Actions,
}

impl Rights {
    /// What steps are not allowed, and of which it could not be asked.
    pub(super) async fn missing(&self, place: Place<'_>) -> Missing {
        let (aws, kube) = tokio::join!(
            timeout(LONGEST, Box::pin(self.at_aws(place))),
            timeout(LONGEST, Box::pin(self.in_clusters(place))),
        );
        let late = |system: &str, remedy, need: fn(&Permission) -> bool| {
            let detail = told("told.no_time", &[&LONGEST.as_secs().to_string()]);
            let error = LookError::Unreachable { system: system.to_owned(), detail };
            let steps = self.in_need(place, need).into_iter().map(|one| one.step).collect();
            Verdicts { all: vec![], blind: Some(Blind { error, remedy, steps }) }
        };
        let mut missing = Missing::new();
        match aws {
            Ok(aws) => aws.lacks(ASK, &mut missing),
            Err(_) => late("iam", ASK, is_of_aws).lacks(ASK, &mut missing),
        }
        match kube {
            Ok(kube) => kube.lacks(REACH, &mut missing),
            Err(_) => late("kubernetes", REACH, is_of_kube).lacks(REACH, &mut missing),
        }
        missing
    }

    /// The steps whose actions need something of the kind.
    fn in_need<'a>(&self, place: Place<'a>, kind: fn(&Permission) -> bool) -> Vec<Use<'a>> {
        let is_in_need = |one: &Use<'_>| {
            let Some(action) = self.actions.real(one.action) else { return false };
            let needs = action.permissions();
            needs.look.iter().chain(needs.act).any(kind)
        };
        uses(place).into_iter().filter(is_in_need).collect()
    }

    pub(super) async fn at_aws<'a>(&self, place: Place<'a>) -> &'a Verdicts {
        place.known.aws.get_or_init(|| Box::pin(self.ask_iam(place))).await
    }

    pub(super) async fn in_clusters<'a>(&self, place: Place<'a>) -> &'a Verdicts {
        place.known.kube.get_or_init(|| Box::pin(self.ask_clusters(place))).await
    }

    async fn ask_iam(&self, place: Place<'_>) -> Verdicts {
        let uses = self.in_need(place, is_of_aws);
        if uses.is_empty() {
            return Verdicts::default();
        }
        let environment = place.environment;
        let caller = match self.aws.caller_matches(environment, &environment.regions.dr).await {
            Ok(caller) => caller,
            Err(error) => {
                let steps = uses.into_iter().map(|one| one.step).collect();
                let blind = Some(Blind { error, remedy: IDENTITY, steps });
                return Verdicts { all: vec![], blind };
            }
        };
        if let Some(error) = unbound(&caller) {
            // Not for a program, but no step fails for it: whoever it is may everything.
            let blind = Some(Blind { error, remedy: IDENTITY, steps: BTreeSet::new() });
            return Verdicts { all: vec![], blind };
        }
        let principal = principal(&caller, own_role(environment));
        let known = join_all(uses.into_iter().map(|one| self.known(environment, one))).await;
        let mut needs = Needs::default();
        for (one, error) in &known {
            self.needs(one, error.as_ref(), environment, &mut needs);
        }
        needs.ask(place.known, &self.aws, &principal).await
    }

    /// The step with what no parameter says of the things it works on, and why that could not be read.
    async fn known<'a>(
        &self,
        environment: &Environment,
        mut one: Use<'a>,
    ) -> (Use<'a>, Option<LookError>) {
        let text = |name: &str| one.with.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let region = text("region").unwrap_or_default();
        let (found, error) = if let (Some(secret), true) = (text("secret"), !region.is_empty()) {
            let (arn, key, error) = self.secret(environment, &region, &secret).await;
            let key = key.map(|key| (KEY, key));
            (key.into_iter().chain([(SECRET, json!(arn))]).collect::<Vec<_>>(), error)
        } else if let ("s3.set_replication", Some(bucket)) = (one.action, text("bucket")) {
            match replication_role(&self.aws, environment, &region, &bucket).await {
                Ok(role) => (vec![(REPLICATION_ROLE, json!(role))], None),
                Err(error) => (vec![], Some(error)),
            }
        } else {
            (vec![], None)
        };
        one.with.extend(found.into_iter().map(|(name, value)| (bare(name).to_owned(), value)));
        (one, error)
    }

    /// A secret's ARN and its key: null for AWS's own key, `None` for one that could not be read.
    async fn secret(
        &self,
        environment: &Environment,
        region: &str,
        secret: &str,
    ) -> (String, Option<Value>, Option<LookError>) {
        let account = &environment.account;
        match self.aws.described(region, secret).await {
            Ok((arn, key)) => {
                let key = match key {
                    None => Some(Value::Null),
                    Some(key) if key.ends_with("alias/aws/secretsmanager") => Some(Value::Null),
                    Some(key) if key.contains("alias/") => None,
                    Some(key) if key.starts_with("arn:") => Some(json!(key)),
                    Some(key) => Some(json!(format!("arn:aws:kms:{region}:{account}:key/{key}"))),
                };
                (arn, key, None)
            }
            Err(error) => {
                // AWS puts a dash and six letters behind the name.
                let named =
                    format!("arn:aws:secretsmanager:{region}:{account}:secret:{secret}-??????");
                let arn = if secret.starts_with("arn:") { secret.to_owned() } else { named };
                (arn, None, Some(error))
            }
        }
    }

    /// Adds what a step needs.
    fn needs(
        &self,
        one: &Use<'_>,
        error: Option<&LookError>,
        environment: &Environment,
        needs: &mut Needs,
    ) {
        let Some(action) = self.actions.real(one.action) else { return };
        let (all, acts) = (action.permissions(), Actions::acts_for(one.action).file());
        let look = all.look.iter().map(|need| (need, Purpose::Look.file()));
        for (need, file) in look.chain(all.act.iter().map(|need| (need, acts))) {
            let (name, on, context) = match need {
                Permission::Aws(name, on) => (*name, filled(on, &one.with, environment), vec![]),
                Permission::Records(edits) => {
                    (RECORDS, filled(&[ZONE], &one.with, environment), conditions(one, edits))
                }
                Permission::Kube(_) => continue,
            };
            match on {
                Some(on) => {
                    for on in on {
                        let question = Question { on, context: context.clone() };
                        let held = needs
                            .asked
                            .entry((question, name))
                            .or_insert_with(|| Held { steps: BTreeSet::new(), file });
                        held.steps.insert(one.step.clone());
                    }
                }
                None => needs.untold.push(Verdict {
                    name: name.to_owned(),
                    on: String::new(),
                    steps: BTreeSet::from([one.step.clone()]),
                    holder: file,
                    denied: Err(error.cloned().unwrap_or_else(|| untold(name))),
                }),
            }
        }
    }
}

fn is_of_kube(need: &Permission) -> bool {
    matches!(need, Permission::Kube(_))
}

fn is_of_aws(need: &Permission) -> bool {
    !is_of_kube(need)
}

fn untold(name: &str) -> LookError {
    LookError::Refused { system: name.to_owned(), detail: told("told.unknown", &[]) }
}

/// The role that the environment says dr-buddy has.
pub(super) fn own_role(environment: &Environment) -> Option<&str> {
    environment.document.get("role").and_then(Value::as_str)
}

const RECORDS: &str = "route53:ChangeResourceRecordSets";
const ZONE: &str = "arn:aws:route53:::hostedzone/ZONE_ID";

/// What the policies' conditions are held against, as Route 53 would fill it.
fn conditions(one: &Use<'_>, edits: &[&str]) -> Vec<(&'static str, Vec<String>)> {
    let text = |name: &str| one.with.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = text("name").trim_end_matches('.').to_ascii_lowercase();
    let kind = Some(text("record_type")).filter(|kind| !kind.is_empty()).unwrap_or("A");
    let edits = edits.iter().map(|edit| (*edit).to_owned()).collect();
    vec![
        ("route53:ChangeResourceRecordSetsNormalizedRecordNames", vec![name]),
        ("route53:ChangeResourceRecordSetsRecordTypes", vec![kind.to_owned()]),
        ("route53:ChangeResourceRecordSetsActions", edits),
    ]
}

#[derive(Debug)]
struct Held {
    steps: BTreeSet<StepKey>,
    /// The file of the first purpose that needs it: what is looked at with, before what is done with.
    file: &'static str,
}

/// What is needed, each once.
#[derive(Debug, Default)]
struct Needs {
    asked: BTreeMap<(Question, &'static str), Held>,
    untold: Vec<Verdict>,
}

impl Needs {
    /// One question to IAM for each thing.
    async fn ask(self, known: &Known, aws: &Aws, principal: &str) -> Verdicts {
        let mut questions: BTreeMap<&Question, Vec<&str>> = BTreeMap::new();
        for (question, name) in self.asked.keys() {
            questions.entry(question).or_default().push(name);
        }
        let questions: Vec<(&Question, Vec<&str>)> = questions.into_iter().collect();
        let asked = questions.iter().map(|(on, names)| known.simulate(aws, (principal, on, names)));
        let said = join_all(asked).await;
        let answers: BTreeMap<_, _> =
            questions.iter().map(|(question, _)| *question).zip(said).collect();
        // The same refusal for everything is said once.
        let mut errors = answers.values().map(|answer| answer.as_ref().err());
        if let Some(Some(first)) = errors.next()
            && errors.all(|error| error.is_some())
        {
            let held = self.asked.values().map(|held| &held.steps);
            let untold = self.untold.iter().map(|one| &one.steps);
            let steps = held.chain(untold).flatten().cloned().collect();
            let blind = Some(Blind { error: first.clone(), remedy: ASK, steps });
            return Verdicts { all: vec![], blind };
        }
        let verdict = |((question, name), held): (&(Question, &'static str), &Held)| Verdict {
            name: (*name).to_owned(),
            on: question.on.clone(),
            steps: held.steps.clone(),
            holder: held.file,
            denied: match answers.get(question) {
                Some(Ok(said)) => said.get(*name).map(denied).ok_or_else(|| untold(name)),
                Some(Err(error)) => Err(error.clone()),
                None => Err(untold(name)),
            },
        };
        let mut all: Vec<Verdict> = self.asked.iter().map(verdict).collect();
        all.extend(self.untold);
        Verdicts { all, blind: None }
    }
}

fn denied(decision: &Decision) -> Option<&'static str> {
    match decision {
        Decision::Allowed => None,
        Decision::Implicit => Some("doctor.saw.not_allowed"),
        Decision::Explicit => Some("doctor.saw.denied"),
        Decision::Boundary => Some("doctor.saw.boundary"),
        Decision::Organization => Some("doctor.saw.organization"),
    }
}

/// The steps may do what they do at AWS.
#[derive(Debug)]
pub(super) struct Permitted(pub(super) Arc<Rights>);

#[async_trait]
impl Check for Permitted {
    fn name(&self) -> &'static str {
        "permissions"
    }

    async fn look(&self, place: Place<'_>) -> Vec<Look> {
        self.0.at_aws(place).await.looks(ASK)
    }

    fn permissions(&self) -> &'static [Permission] {
        &[Permission::Aws("iam:SimulatePrincipalPolicy", OWN)]
    }
}

/// The role that dr-buddy itself has.
pub(super) const OWN: &[&str] = &["arn:aws:iam::ACCOUNT_ID:role/DR_BUDDY_ROLE"];
