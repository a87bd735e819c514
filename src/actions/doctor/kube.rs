//! The clusters: reached, with the kinds that the runbooks speak of, and with everything that would have to start.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::tools::{Looks, Must, Row, Tools, each, instant, or_absent, said};
use super::{Look, Place};
use crate::actions::aws::ANYTHING;
use crate::actions::fence::context_inside;
use crate::actions::kube::{object_path, peek, workload_path};
use crate::actions::{LookError, Permission};

const ROLLOUTS: &str = "argoproj.io/v1alpha1";
/// The newest first.
const SECRETS: [&str; 2] = ["external-secrets.io/v1", "external-secrets.io/v1beta1"];
const WORKLOADS: &[Permission] =
    &[Permission::Kube("get deployments.apps"), Permission::Kube("get rollouts.argoproj.io")];

pub(super) const ALL: &[Row] = &[
    Row { name: "kube_dr", look: |tools, place| Box::pin(reach_dr(tools, place)), needs: &[] },
    Row {
        name: "kube_primary",
        look: |tools, place| Box::pin(reach_primary(tools, place)),
        needs: &[],
    },
    Row { name: "kube_kinds", look: |tools, place| Box::pin(kinds(tools, place)), needs: &[] },
    Row {
        name: "workloads",
        look: |tools, place| Box::pin(workloads(tools, place)),
        needs: WORKLOADS,
    },
    Row { name: "images", look: |tools, place| Box::pin(images(tools, place)), needs: WORKLOADS },
    Row {
        name: "images_stored",
        look: |tools, place| Box::pin(stored(tools, place)),
        needs: &[Permission::Aws("ecr:DescribeImages", ANYTHING)],
    },
    Row {
        name: "external_secrets",
        look: |tools, place| Box::pin(secrets(tools, place)),
        needs: &[Permission::Kube("get externalsecrets.external-secrets.io")],
    },
    Row {
        name: "argocd",
        look: |tools, place| Box::pin(argocd(tools, place)),
        needs: &[Permission::Kube("get appprojects.argoproj.io")],
    },
];

const DR: &str = "/eks/dr/ctx";
const PRIMARY: &str = "/eks/primary/ctx";

/// Asks a cluster of the environment; nothing where it has none.
async fn ask(
    tools: &Tools,
    place: Place<'_>,
    context: &str,
    paths: &[String],
) -> Result<Option<Vec<Option<Value>>>, LookError> {
    let Some(context) = place.text(context) else { return Ok(None) };
    context_inside(place.environment, context)?;
    peek(&tools.settings.kube, context, paths).await.map(Some)
}

/// D18: the other region's API server is ready.
async fn reach_dr(tools: &Tools, place: Place<'_>) -> Looks {
    reach(tools, place, DR).await
}

/// D18: and so is this one's, while there is one.
async fn reach_primary(tools: &Tools, place: Place<'_>) -> Looks {
    reach(tools, place, PRIMARY).await
}

async fn reach(tools: &Tools, place: Place<'_>, context: &str) -> Looks {
    let Some(found) = ask(tools, place, context, &["/readyz".to_owned()]).await? else {
        return Ok(vec![]);
    };
    let ready = found.into_iter().flatten().next().and_then(|one| said(&one, ""));
    Ok(vec![Must::of("").be("readyz", ready, "ok").look()])
}

/// Every workload that the environment names, once.
fn named(place: Place<'_>) -> BTreeSet<&str> {
    let lists = ["/k8s/writers", "/k8s/api", "/k8s/workers/all"];
    lists.into_iter().flat_map(|list| place.texts(list)).collect()
}

/// D18, D23, D44: the API server there knows the kinds that runbooks change.
async fn kinds(tools: &Tools, place: Place<'_>) -> Looks {
    let mut wanted = vec![];
    if named(place).iter().any(|one| one.starts_with("rollout/")) {
        wanted.push(("Rollout", &[ROLLOUTS] as &[&str]));
    }
    if !place.texts("/k8s/external_secrets").is_empty() {
        wanted.push(("ExternalSecret", &SECRETS));
    }
    if place.text("/argocd/project").is_some() {
        wanted.push(("AppProject", &[ROLLOUTS]));
    }
    let mut looks = vec![];
    for (kind, versions) in wanted {
        let paths: Vec<String> = versions.iter().map(|one| format!("/apis/{one}")).collect();
        let Some(found) = ask(tools, place, DR, &paths).await? else { return Ok(vec![]) };
        let mut lists = found.iter().flatten().flat_map(|list| each(list, "/resources"));
        let is_served = lists.any(|one| said(one, "/kind").as_deref() == Some(kind));
        looks.push(Must::of(kind).there(kind, is_served).look());
    }
    Ok(looks)
}

/// The workloads of a side, in the order of their names.
async fn all_of(
    tools: &Tools,
    place: Place<'_>,
    context: &str,
) -> Result<Vec<(String, Option<Value>)>, LookError> {
    let Some(namespace) = place.text("/k8s/ns") else { return Ok(vec![]) };
    let names = named(place);
    let paths: Result<Vec<String>, LookError> =
        names.iter().map(|name| workload_path(namespace, name)).collect();
    let found = ask(tools, place, context, &paths?).await?.unwrap_or_default();
    Ok(names.into_iter().map(ToOwned::to_owned).zip(found).collect())
}

/// The same, each with the images that it would start; where it is not known which, none. A Rollout may lead to a
/// Deployment that holds its template.
async fn with_images(
    tools: &Tools,
    place: Place<'_>,
    context: &str,
) -> Result<Vec<(String, Option<Vec<String>>)>, LookError> {
    let all = all_of(tools, place, context).await?;
    let mut found = vec![];
    for (name, workload) in all {
        let led = workload.as_ref().and_then(|one| leads_to(place, one)).transpose()?;
        let template = match led {
            None => None,
            Some(path) => ask(tools, place, context, &[path]).await?.unwrap_or_default().pop(),
        };
        let workload = template.flatten().or(workload);
        found.push((name, workload.as_ref().map(images_of)));
    }
    Ok(found)
}

/// The path of what holds a workload's template, where that is not the workload itself.
fn leads_to(place: Place<'_>, workload: &Value) -> Option<Result<String, LookError>> {
    let name = said(workload, "/spec/workloadRef/name")?;
    let kind = said(workload, "/spec/workloadRef/kind")?.to_ascii_lowercase();
    Some(workload_path(place.text("/k8s/ns")?, &format!("{kind}/{name}")))
}

/// D19: everything that would have to start is there.
async fn workloads(tools: &Tools, place: Place<'_>) -> Looks {
    let all = all_of(tools, place, DR).await?;
    let look = |(name, found): &(String, Option<Value>)| {
        Must::of(name).there(name, found.is_some()).look()
    };
    Ok(all.iter().map(look).collect())
}

/// The images of a workload, of what it starts with too.
fn images_of(workload: &Value) -> Vec<String> {
    let kinds = ["/spec/template/spec/initContainers", "/spec/template/spec/containers"];
    let containers = kinds.into_iter().flat_map(|kind| each(workload, kind));
    containers.filter_map(|one| said(one, "/image")).collect()
}

/// D19: what would start is what runs: the same names and tags, from whatever registry.
async fn images(tools: &Tools, place: Place<'_>) -> Looks {
    if place.text(PRIMARY).is_none() {
        return Ok(vec![]);
    }
    let (here, there) =
        tokio::try_join!(with_images(tools, place, PRIMARY), with_images(tools, place, DR))?;
    let pairs = here.iter().zip(&there).filter_map(|((name, here), (_, there))| {
        // What is missing is said by another check.
        Some((name, here.as_ref()?, there.as_ref()?))
    });
    Ok(pairs.map(|(name, here, there)| same_images(name, here, there)).collect())
}

fn same_images(name: &str, here: &[String], there: &[String]) -> Look {
    let short = |images: &[String]| {
        let short = images.iter().map(|image| image.rsplit('/').next().unwrap_or(image));
        let short: Vec<&str> = short.collect();
        (!short.is_empty()).then(|| short.join(" "))
    };
    let wanted = short(here);
    let is = short(there).filter(|_| wanted.is_some());
    Must::of(name).be("image", is, wanted.as_deref().unwrap_or("?")).look()
}

/// D19: and can be pulled there: the region's own registry has it.
async fn stored(tools: &Tools, place: Place<'_>) -> Looks {
    let all = with_images(tools, place, DR).await?;
    let images: BTreeSet<String> = all.into_iter().filter_map(|(_, one)| one).flatten().collect();
    let mut looks = vec![];
    for image in images {
        // `111111111111.dkr.ecr.us-east-1.amazonaws.com/shop:1`; other registries are not ours to ask.
        let Some((registry, rest)) = image.split_once('/') else { continue };
        let parts: Vec<&str> = registry.split('.').collect();
        let [account, "dkr", "ecr", region, ..] = parts.as_slice() else { continue };
        let (repository, id) = match (rest.split_once('@'), rest.rsplit_once(':')) {
            (Some((name, digest)), _) => (name, json!({"imageDigest": digest})),
            (None, Some((name, tag))) => (name, json!({"imageTag": tag})),
            (None, None) => (rest, json!({"imageTag": "latest"})),
        };
        let with = json!({"registryId": account, "repositoryName": repository, "imageIds": [id]});
        let target = "AmazonEC2ContainerRegistry_V20150921.DescribeImages";
        looks.push(match tools.json("ecr", "1.1", region, target, &with).await {
            Ok(found) => {
                let is_there = !each(&found, "/imageDetails").is_empty();
                Must::of(rest)
                    .be("region", Some((*region).to_owned()), &place.environment.regions.dr)
                    .there(rest, is_there)
                    .look()
            }
            Err(error) => Look::blind(rest, &error),
        });
    }
    Ok(looks)
}

/// D23: the operator there has read its secrets lately, and well.
async fn secrets(tools: &Tools, place: Place<'_>) -> Looks {
    let names = place.texts("/k8s/external_secrets");
    let Some(namespace) = place.text("/k8s/ns").filter(|_| !names.is_empty()) else {
        return Ok(vec![]);
    };
    let mut looks = vec![];
    for name in names {
        let paths: Result<Vec<String>, LookError> = SECRETS
            .iter()
            .map(|version| object_path(version, namespace, ("externalsecrets", name)))
            .collect();
        let Some(found) = ask(tools, place, DR, &paths?).await? else { return Ok(vec![]) };
        looks.push(match found.into_iter().flatten().next() {
            Some(found) => refreshed(place, name, &found),
            None => Look::bad(name, "doctor.saw.missing", &[("what", name)]),
        });
    }
    Ok(looks)
}

fn refreshed(place: Place<'_>, name: &str, found: &Value) -> Look {
    let conditions = each(found, "/status/conditions").into_iter();
    let mut ready = conditions.filter(|one| said(one, "/type").as_deref() == Some("Ready"));
    let ready = ready.next().and_then(|one| said(one, "/status"));
    let must = Must::of(name).be("Ready", or_absent(ready), "True");
    let interval = said(found, "/spec/refreshInterval").unwrap_or_else(|| "1h".into());
    let interval: Option<jiff::SignedDuration> = interval.parse().ok();
    let interval = interval.and_then(|one| u64::try_from(one.as_millis()).ok()).unwrap_or(0);
    // Zero: it is read once, and then only when it is told to.
    if interval == 0 {
        return must.look();
    }
    let age = instant(found, "/status/refreshTime").map(|at| place.now.since(at));
    let most = crate::domain::time::Span(interval.saturating_mul(2));
    let holds = age.is_some_and(|age| age <= most);
    let is = age.map(|age| format!("-{}", age.spoken()));
    must.hold("refreshTime", or_absent(is), &format!("≥ -{}", most.spoken()), holds).look()
}

/// D44: the project whose windows are closed meanwhile is there.
async fn argocd(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(namespace), Some(project)) =
        (place.text("/argocd/namespace"), place.text("/argocd/project"))
    else {
        return Ok(vec![]);
    };
    let path = object_path(ROLLOUTS, namespace, ("appprojects", project))?;
    let Some(found) = ask(tools, place, DR, &[path]).await? else { return Ok(vec![]) };
    let is_there = found.into_iter().flatten().next().is_some();
    Ok(vec![Must::of("").there(project, is_there).look()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::readiness::Seen;

    #[test]
    fn images_are_the_same_by_name_and_tag_and_none_are_not_the_same_as_none() {
        let workload = json!({"spec": {"template": {"spec": {
            "initContainers": [{"image": "eu.test/migrate:1"}], "containers": [{"image": "eu.test/api:1"}],
        }}}});
        let eu = images_of(&workload);
        assert_eq!(eu, ["eu.test/migrate:1", "eu.test/api:1"]);
        let us = |tag: &str| vec![format!("us.test/migrate:{tag}"), "us.test/api:1".to_owned()];
        let seen = |here: &[String], there: &[String]| same_images("api", here, there).seen;
        assert_eq!((seen(&eu, &us("1")), seen(&eu, &us("2"))), (Seen::Good, Seen::Bad));
        assert_eq!((seen(&[], &[]), seen(&[], &eu), seen(&eu, &[])), {
            let unknown = Seen::Unknown;
            (unknown, unknown, unknown)
        });
    }
}
