//! What a step names must lie inside the environment it acts on: its account, its two regions.

use super::LookError;
use super::params::unsafe_because;
use crate::domain::environment::Environment;
use crate::domain::text::told;

/// Refuses a region that is not one of the environment's two.
pub(super) fn region_inside(environment: &Environment, region: &str) -> Result<(), LookError> {
    let regions = &environment.regions;
    if region == regions.primary || region == regions.dr {
        return Ok(());
    }
    let id = environment.id.as_str();
    Err(unsafe_because(told("trouble.other_region", &[region, id, &regions.primary, &regions.dr])))
}

/// The parts of an ARN that we need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arn {
    pub(super) region: String,
    pub(super) resource: String,
}

/// Refuses a cluster whose kubeconfig context is an EKS ARN of another account or region; other names say nothing.
pub(super) fn context_inside(environment: &Environment, context: &str) -> Result<(), LookError> {
    if context.starts_with("arn:") {
        arn_inside(environment, "eks", context).map(drop)
    } else {
        Ok(())
    }
}

/// Parses an ARN of `service` and refuses one of another account or region than the environment's.
pub(super) fn arn_inside(
    environment: &Environment,
    service: &str,
    text: &str,
) -> Result<Arn, LookError> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [prefix, _partition, of_service, region, account, resource] = parts.as_slice() else {
        return Err(unsafe_because(told("trouble.no_arn", &[text])));
    };
    if *prefix != "arn" || *of_service != service || resource.is_empty() {
        return Err(unsafe_because(told("trouble.no_arn_of", &[text, service])));
    }
    if *account != environment.account {
        let id = environment.id.as_str();
        let args = [text, account, id, &environment.account];
        return Err(unsafe_because(told("trouble.other_account", &args)));
    }
    region_inside(environment, region)?;
    Ok(Arn { region: (*region).to_owned(), resource: (*resource).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Text;

    #[test]
    fn a_context_of_another_account_or_region_is_refused() {
        let text = include_str!("../../deploy/environments/demo.yaml");
        let demo = crate::domain::environment::check("demo.yaml", text).unwrap();
        let of = |region: &str, account: &str| {
            context_inside(&demo, &format!("arn:aws:eks:{region}:{account}:cluster/c"))
        };
        assert_eq!(of("us-east-1", "000000000000"), Ok(()));
        assert!(of("us-east-1", "111111111111").is_err());
        assert!(of("ap-south-1", "000000000000").is_err());
        assert_eq!(context_inside(&demo, "kind-local"), Ok(()));
        let said = of("us-east-1", "111111111111").unwrap_err().said();
        let Text::Key(key, args) = Text::seen(&said) else { panic!("no sentence of ours: {said}") };
        assert_eq!(key, "trouble.other_account");
        assert!(args.contains(&("ours", Text::raw("000000000000"))), "{args:?}");
        let said = of("ap-south-1", "000000000000").unwrap_err().said();
        assert!(matches!(Text::seen(&said), Text::Key("trouble.other_region", _)), "{said}");
    }
}
