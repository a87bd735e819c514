//! Whether the steps of the runbooks may do in the clusters what they do: every verb on every kind in every namespace that
//! a step names, asked of the API server of its context.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::rights::{REACH, Rights, Verdict, Verdicts};
use super::uses::{StepKey, Use, uses};
use super::{Check, Look, Place};
use crate::actions::kube::{Access, may, plural_of};
use crate::actions::registry::Purpose;
use crate::actions::{LookError, Permission};

/// The kinds that run pods; which of them a step touches its workloads say.
const WORKLOADS: [(&str, &str); 4] = [
    ("deployment", "deployments.apps"),
    ("rollout", "rollouts.argoproj.io"),
    ("statefulset", "statefulsets.apps"),
    ("daemonset", "daemonsets.apps"),
];

/// Steps, and the role that holds what they need.
type Held = (BTreeSet<StepKey>, &'static str);

impl Rights {
    pub(super) async fn ask_clusters(&self, place: Place<'_>) -> Verdicts {
        let mut contexts: BTreeMap<String, BTreeMap<Access, Held>> = BTreeMap::new();
        let mut all = vec![];
        for (one, plural) in join_all(uses(place).into_iter().map(|one| self.named(one))).await {
            let text = |name: &str| one.with.get(name).and_then(Value::as_str);
            let (Some(context), Some(namespace)) = (text("context"), text("namespace")) else {
                continue;
            };
            let Some(action) = self.actions.real(one.action) else { continue };
            let needs = action.permissions();
            let plural = match plural {
                Ok(plural) => plural,
                Err(error) => {
                    let held = (BTreeSet::from([one.step]), role(Purpose::Look));
                    all.push(untold(context, namespace, &held, error));
                    continue;
                }
            };
            for (needs, purpose) in [(needs.look, Purpose::Look), (needs.act, Purpose::Act)] {
                for rule in rules(needs, plural.as_deref(), &one.with) {
                    let Some(access) = Access::of(&rule, namespace) else { continue };
                    let asked = contexts.entry(context.to_owned()).or_default();
                    let held =
                        asked.entry(access).or_insert_with(|| (BTreeSet::new(), role(purpose)));
                    held.0.insert(one.step.clone());
                }
            }
        }
        let asked = contexts.iter().map(|(context, asked)| async move {
            let questions: Vec<&Access> = asked.keys().collect();
            let answers = may(&self.kube, context, &questions).await;
            let answer = |(number, (access, held)): (usize, (&Access, &Held))| {
                let answer =
                    answers.get(number).cloned().unwrap_or_else(|| Err(no_answer(context)));
                verdict(context, access, held, answer)
            };
            asked.iter().enumerate().map(answer).collect::<Vec<Verdict>>()
        });
        all.extend(join_all(asked).await.concat());
        Verdicts { all: once_each(all), blind: None }
    }

    /// The step with what its cluster calls the objects of its kind, if it is of a kind of its own.
    async fn named<'a>(&self, one: Use<'a>) -> (Use<'a>, Result<Option<String>, LookError>) {
        let context = one.with.get("context").and_then(Value::as_str);
        let plural = match context.zip(kind_in(&one.with)) {
            Some((context, kind)) => plural_of(&self.kube, context, kind).await.map(Some),
            None => Ok(None),
        };
        (one, plural)
    }
}

fn no_answer(context: &str) -> LookError {
    let system = format!("cluster {context}");
    LookError::Unreachable { system, detail: "no answer".to_owned() }
}

fn untold(context: &str, namespace: &str, held: &Held, error: LookError) -> Verdict {
    let (name, on) = (String::new(), format!("{namespace} {context}"));
    Verdict { name, on, steps: held.0.clone(), holder: held.1, denied: Err(error) }
}

fn verdict(
    context: &str,
    access: &Access,
    (steps, holder): &Held,
    allowed: Result<bool, LookError>,
) -> Verdict {
    Verdict {
        name: access.rule(),
        on: format!("{} {context}", access.namespace),
        steps: steps.clone(),
        holder,
        denied: allowed.map(|allowed| (!allowed).then_some("doctor.saw.not_allowed")),
    }
}

/// A cluster of which nothing could be asked is one finding, of all its steps, and not one for every verb.
fn once_each(all: Vec<Verdict>) -> Vec<Verdict> {
    let mut once: Vec<Verdict> = vec![];
    for verdict in all {
        if verdict.denied.is_ok() {
            once.push(verdict);
        } else if let Some(same) = once.iter_mut().find(|one| one.denied == verdict.denied) {
            same.steps.extend(verdict.steps);
        } else {
            once.push(Verdict { name: String::new(), ..verdict });
        }
    }
    once
}

fn role(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Look => "dr-buddy-look",
        Purpose::Act | Purpose::LastResort | Purpose::Drill => "dr-buddy-act",
    }
}

/// Of what an action needs, what a step with these parameters does: `patch deployments.apps/scale`. An object of a kind
/// that the action does not know beforehand (`kind`) needs the same verbs as one it knows.
fn rules(needs: &[Permission], kind: Option<&str>, with: &Map<String, Value>) -> BTreeSet<String> {
    let rules = needs.iter().filter_map(|need| match need {
        Permission::Kube(rule) => rule.split_once(' '),
        Permission::Aws(..) | Permission::Records(_) => None,
    });
    if let Some(kind) = kind {
        return rules.map(|(verb, _)| format!("{verb} {kind}")).collect();
    }
    let named = with
        .get("workloads")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).map(kind_of).collect::<Vec<&str>>());
    let is_done = |(verb, resource): &(&str, &str)| {
        let plural = resource.split_once('/').map_or(*resource, |(plural, _)| plural);
        let Some((kind, _)) = WORKLOADS.iter().find(|(_, known)| *known == plural) else {
            return true;
        };
        // By name each is read by itself; by label they are listed.
        named.as_ref().is_none_or(|named| named.contains(kind) && *verb != "list")
    };
    rules.filter(is_done).map(|(verb, resource)| format!("{verb} {resource}")).collect()
}

/// The kind of `rollout/api`; a bare name is a Deployment.
fn kind_of(workload: &str) -> &str {
    workload.split_once('/').map_or("deployment", |(kind, _)| kind)
}

/// API version and kind, of a step that names them for its object.
fn kind_in(with: &Map<String, Value>) -> Option<(&str, &str)> {
    let manifest = with.get("manifest").and_then(Value::as_object);
    let (map, version) = manifest.map_or((with, "api_version"), |map| (map, "apiVersion"));
    Some((map.get(version)?.as_str()?, map.get("kind")?.as_str()?))
}

/// The steps may do what they do in the clusters.
#[derive(Debug)]
pub(super) struct Accessible(pub(super) Arc<Rights>);

#[async_trait]
impl Check for Accessible {
    fn name(&self) -> &'static str {
        "cluster_permissions"
    }

    async fn look(&self, place: Place<'_>) -> Vec<Look> {
        self.0.in_clusters(place).await.looks(REACH)
    }

    /// Everybody may ask what they may.
    fn permissions(&self) -> &'static [Permission] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(needs: &[&'static str], kind: Option<&str>, with: Value) -> Vec<String> {
        let needs: Vec<Permission> = needs.iter().copied().map(Permission::Kube).collect();
        rules(&needs, kind, with.as_object().unwrap()).into_iter().collect()
    }

    #[test]
    fn only_what_the_step_does_is_asked() {
        let scale = [
            "get deployments.apps",
            "patch deployments.apps/scale",
            "patch rollouts.argoproj.io/scale",
            "list pods",
        ];
        let found = of(&scale, None, json!({"workloads": ["rollout/api"]}));
        assert_eq!(found, ["list pods", "patch rollouts.argoproj.io/scale"]);
        let found = of(&scale, None, json!({"workloads": ["api"]}));
        assert_eq!(found, ["get deployments.apps", "list pods", "patch deployments.apps/scale"]);
        let ready = ["get deployments.apps", "list deployments.apps"];
        assert_eq!(of(&ready, None, json!({"workloads": ["api"]})), ["get deployments.apps"]);
        assert_eq!(of(&ready, None, json!({"selector": "app=a"})).len(), 2);
    }

    #[test]
    fn an_object_is_asked_about_by_its_own_kind() {
        let object = ["get configmaps", "patch configmaps"];
        let project = json!({"api_version": "argoproj.io/v1alpha1", "kind": "AppProject"});
        assert_eq!(
            kind_in(project.as_object().unwrap()),
            Some(("argoproj.io/v1alpha1", "AppProject"))
        );
        let found = of(&object, Some("appprojects.argoproj.io"), project);
        assert_eq!(found, ["get appprojects.argoproj.io", "patch appprojects.argoproj.io"]);
        let manifest = json!({"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}});
        assert_eq!(kind_in(manifest.as_object().unwrap()), Some(("v1", "ConfigMap")));
        assert_eq!(of(&object, Some("configmaps"), manifest), object);
        assert_eq!(kind_in(&Map::new()), None);
    }
}
