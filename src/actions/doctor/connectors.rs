//! The systems behind connectors that the environment has: does each answer, and does it know us? Where its file names a
//! question, that is asked; else no secret leaves us, and only that it answers is seen.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::{Method, Url};
use serde_json::Value;

use super::tools::{Looks, Row, Tools};
use super::{Look, Place, steps};
use crate::actions::LookError;
use crate::actions::connector;
use crate::actions::http::{Answer, Sending, http_url};
use crate::domain::connector::{Auth, Connector, Other};
use crate::domain::readiness::{Seen, Severity};
use crate::domain::runbook::{Step, condition, template};

/// Longest that a system may take which is only asked whether it is there.
const PATIENCE_MS: u64 = 8000;
const BY_SECRET: &str = "doctor.connectors.secret";

pub(super) const ALL: &[Row] = &[Row {
    name: "connectors",
    look: |tools, place| Box::pin(systems(tools, place)),
    // What it may do, the token of its own system says.
    needs: &[],
}];

async fn systems(tools: &Tools, place: Place<'_>) -> Looks {
    let scope = template::scope(place.environment, "doctor", "incident");
    let looks = tools.settings.connectors.iter().filter_map(|connector| {
        // An environment that does not say where it is has none.
        let url = template::fill(&Value::String(connector.base.url.clone()), &scope).ok()?;
        let url = url.as_str()?.to_owned();
        let scope = &scope;
        Some(async move {
            let look = match &connector.doctor {
                Some(ask) => asked(tools, place, connector, (ask, scope)).await,
                None => found(tools, connector, &url).await,
            };
            let look = look.unwrap_or_else(|error| blind(&connector.id, &error));
            if is_needed(place, connector) { look.that_blocks() } else { look }
        })
    });
    Ok(join_all(looks).await)
}

/// Whether a step that holds the others up asks it for something.
fn is_needed(place: Place<'_>, connector: &Connector) -> bool {
    let opens = |step: &Step| {
        !step.when.as_ref().is_some_and(|when| condition::never(when, place.environment))
    };
    let asks = |step: &Step| step.action.name.split('.').next() == Some(connector.id.as_str());
    place.runbooks.iter().any(|runbook| {
        let blocks = |step: &Step| steps::severity(runbook, step) == Severity::Block;
        runbook.steps.iter().any(|step| asks(step) && blocks(step) && opens(step))
    })
}

/// A secret that cannot be had was looked for, and is missing; a system that does not answer was not seen.
fn blind(id: &str, error: &LookError) -> Look {
    match error {
        LookError::Unreachable { .. } => Look::blind(id, error),
        LookError::Refused { .. } | LookError::Unsafe { .. } => {
            let args = [("why", error.said())];
            let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
            Look::bad(id, "doctor.saw.blind", &args).mended_by(BY_SECRET)
        }
    }
}

/// Asks what its file says.
async fn asked(
    tools: &Tools,
    place: Place<'_>,
    connector: &Connector,
    (ask, scope): (&Other, &Value),
) -> Result<Look, LookError> {
    let id = connector.id.as_str();
    let name = format!("{id}.{}", ask.operation);
    let all = connector::all(&Arc::new(connector.clone()), &tools.settings.http, &tools.aws);
    let action = all.into_iter().find(|(one, _)| *one == name).map(|(_, action)| action);
    let (Some(action), Some(operation)) = (action, connector.operation(&ask.operation)) else {
        return Ok(Look::bad(id, "doctor.saw.missing", &[("what", &name)]));
    };
    let with = match template::fill(&Value::Object(ask.with.clone()), scope) {
        Ok(with) => with,
        Err(missing) => {
            let missing: Vec<String> = missing.iter().map(|one| one.template.clone()).collect();
            return Ok(Look::bad(id, "doctor.saw.missing", &[("what", &missing.join(", "))]));
        }
    };
    let facts = tools.facts(place, &action, with).await?;
    let status = facts.get("status").and_then(Value::as_u64).unwrap_or_default();
    let told = |wanted: fn(&Value) -> bool| {
        operation.facts.keys().filter_map(|fact| facts.get(fact)).any(wanted)
    };
    // It answers, and says no: our token is not active, our account may not look.
    let (is_no, is_answer) = (told(|fact| *fact == Value::Bool(false)), told(|_| true));
    let said = status.to_string();
    let args = [("status", said.as_str())];
    Ok(match status {
        _ if is_no || matches!(status, 401 | 403) => {
            Look::bad(id, "doctor.saw.not_known", &args).mended_by(BY_SECRET)
        }
        408 | 429 | 500.. => Look::new(id, Seen::Unknown, "doctor.saw.status", &args),
        _ if is_answer => {
            Look::good(id, "doctor.saw.fine", &[("what", &format!("{name}: HTTP {status}"))])
        }
        _ => Look::bad(id, "doctor.saw.not_expected", &args),
    })
}

/// Looks whether it has its secrets and is there, and sends it none.
async fn found(tools: &Tools, connector: &Connector, url: &str) -> Result<Look, LookError> {
    let (id, settings) = (connector.id.as_str(), &tools.settings.http);
    let url: Url = http_url(url)?;
    let in_bodies = connector.operations.values().flat_map(|one| one.body_secrets.values());
    let own = connector.base.auth.as_ref().and_then(Auth::secret);
    for name in in_bodies.map(String::as_str).chain(own) {
        drop(settings.secret(name, &url)?.kept.read(name).await?);
    }
    let answer = Answer::of(Sending::new(Method::HEAD, &url, PATIENCE_MS).within(settings).await);
    if answer.status.is_none() {
        let system = url.host_str().unwrap_or(id).to_owned();
        return Err(LookError::Unreachable { system, detail: answer.trouble.unwrap_or_default() });
    }
    Ok(Look::good(id, "doctor.saw.answers", &[]))
}
