//! Which region a step cannot do without: where the control plane, the cluster or the server is that it talks to.
//!
//! Told from its preview where there is one, which names the region of its call; else from its parameters, and from where
//! in the environment file they stand.

use serde_json::{Map, Value};

use crate::actions::aws::ROUTE53_REGION;
use crate::domain::environment::Environment;
use crate::domain::run::preview::Preview;
use crate::domain::runbook::{Runbook, Step, template};

/// What a step talks to, and where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) what: String,
    pub(super) region: String,
}

/// Everything a step talks to, as far as it is known where that is.
pub(super) fn needs(
    environment: &Environment,
    step: &Step,
    with: &Map<String, Value>,
    preview: Option<&Preview>,
) -> Vec<Need> {
    let name = step.action.name.as_str();
    let asked = |name: &str| preview.and_then(|one| one.request.get(name)).and_then(Value::as_str);
    let given = |name: &str| with.get(name).and_then(Value::as_str);
    let at = |value: Option<&str>| value.and_then(|value| place(environment, value));
    let regions = match name.split('.').next().unwrap_or_default() {
        "human" | "dns" | "exec" => vec![],
        // AWS takes it to both: what the old writer has not sent yet is waited for.
        "aurora" if name == "aurora.switchover" => {
            let regions = &environment.regions;
            vec![Some(regions.primary.clone()), Some(regions.dr.clone())]
        }
        "route53" if name != "route53.latch" => vec![Some(ROUTE53_REGION.to_owned())],
        "k8s" | "external_secrets" => vec![at(given("context"))],
        "sql" | "redis" | "bullmq" => vec![at(given("connection"))],
        "http" => vec![at(given("resolve_to")).or_else(|| at(given("url")))],
        _ => {
            let named = asked("region").or_else(|| given("region")).map(ToOwned::to_owned);
            let arn = || with.values().filter_map(Value::as_str).find_map(|value| at(Some(value)));
            vec![named.or_else(arn)]
        }
    };
    let what = match (asked("service"), asked("operation")) {
        (Some(service), Some(operation)) => format!("{service}:{operation}"),
        (None | Some(_), None | Some(_)) => name.to_owned(),
    };
    let need = |region| Need { what: what.clone(), region };
    regions.into_iter().flatten().map(need).collect()
}

/// Where the runbook brings the service: the regions of the database clusters that it makes writers.
pub(super) fn leads_into(environment: &Environment, runbook: &Runbook, region: &str) -> bool {
    let moves = |step: &&Step| step.action.name.starts_with("aurora.");
    let targets = runbook.steps.iter().filter(moves).filter_map(|step| {
        let template = step.action.with.get("target")?.as_str()?;
        let path = template.strip_prefix("${").and_then(|path| path.strip_suffix('}'));
        match path {
            Some(path) => template::find(&environment.document, path)?.as_str(),
            None => Some(template),
        }
    });
    let mut places = targets.filter_map(|target| place(environment, target));
    places.next().is_some_and(|first| first == region && places.all(|other| other == region))
}

/// The region of an ARN, a host name, a context or a connection: as it says itself, or as the environment file does.
fn place(environment: &Environment, value: &str) -> Option<String> {
    let regions = [&environment.regions.primary, &environment.regions.dr];
    let says = |region: &&&String| value.split([':', '.', '/']).any(|part| part == region.as_str());
    let said = regions.iter().find(says).map(|region| (*region).clone());
    said.or_else(|| {
        side(&environment.document, value, None).map(|side| match side {
            Side::Primary => environment.regions.primary.clone(),
            Side::Dr => environment.regions.dr.clone(),
        })
    })
}

/// A side of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Primary,
    Dr,
}

/// Under which key the value stands: `eks.dr.ctx`, `redis.primary_connection`.
fn side(document: &Value, value: &str, under: Option<Side>) -> Option<Side> {
    match document {
        Value::String(text) if text == value => under,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        Value::Array(items) => items.iter().find_map(|item| side(item, value, under)),
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            let own = match key.split('_').next().unwrap_or_default() {
                "primary" => Some(Side::Primary),
                "dr" => Some(Side::Dr),
                _ => under,
            };
            side(item, value, own)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, CatalogSources};
    use crate::domain::ids::{EnvironmentId, RunbookId};

    fn catalog() -> Catalog {
        Catalog::load(&CatalogSources::default()).unwrap()
    }

    /// The regions that this step of the shipped runbooks needs in production.
    fn regions(runbook: &str, step: &str) -> Vec<String> {
        let catalog = catalog();
        let prod = catalog.environment(&EnvironmentId::parse("prod").unwrap()).unwrap();
        let runbook = catalog.runbook(&RunbookId::parse(runbook).unwrap()).unwrap();
        let step = runbook.steps.iter().find(|one| one.id.as_str() == step).unwrap();
        let scope = template::scope(prod, "doctor", "incident");
        let filled = template::fill(&Value::Object(step.action.with.clone()), &scope).unwrap();
        let with = filled.as_object().unwrap();
        needs(prod, step, with, None).into_iter().map(|need| need.region).collect()
    }

    #[test]
    fn every_kind_of_step_says_where_its_other_side_is() {
        for (step, expected) in [
            ("promote-database", &["us-east-1"][..]),
            ("fence-primary", &["eu-west-1"]),
            ("scale-dr-nodes", &["us-east-1"]),
            ("cut-database-access", &["eu-west-1"]),
            ("assess-primary", &["eu-west-1"]),
            ("assess-lag", &["us-east-1"]),
            ("prove-redis", &["us-east-1"]),
            ("pin-dns", &["us-east-1"]),
            ("latch-dns", &["us-east-1"]),
            ("decide-go", &[]),
        ] {
            assert_eq!(regions("region-failover", step), expected, "{step}");
        }
        let both = regions("region-failback", "return-database");
        assert_eq!(both, ["eu-west-1", "us-east-1"], "a switchover needs both sides");
    }

    #[test]
    fn a_runbook_leads_to_where_the_writer_goes() {
        let catalog = catalog();
        let prod = catalog.environment(&EnvironmentId::parse("prod").unwrap()).unwrap();
        let leads = |runbook: &str, region| {
            leads_into(prod, catalog.runbook(&RunbookId::parse(runbook).unwrap()).unwrap(), region)
        };
        assert!(leads("region-failover", "us-east-1") && !leads("region-failover", "eu-west-1"));
        assert!(leads("region-failback", "eu-west-1") && !leads("region-failback", "us-east-1"));
    }
}
