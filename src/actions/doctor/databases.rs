//! What the other side says of itself: the database that waits, and the application there.

use serde_json::{Map, Value, json};

use super::tools::{Looks, Must, Row, Tools, number, or_absent, said};
use super::{Look, Place};
use crate::actions::{LookError, http, sql};

pub(super) const ALL: &[Row] = &[
    Row { name: "database_dr", look: |tools, place| Box::pin(waits(tools, place)), needs: &[] },
    Row { name: "heartbeat", look: |tools, place| Box::pin(heartbeat(tools, place)), needs: &[] },
    Row { name: "deep_health", look: |tools, place| Box::pin(health(tools, place)), needs: &[] },
];

/// One question to the DR database; nothing where nobody answers.
async fn ask(
    tools: &Tools,
    place: Place<'_>,
    connection: &str,
    probe: &str,
) -> Result<Option<Value>, LookError> {
    let action = sql::Check::action(tools.settings.connections.clone());
    let with = json!({"connection": connection, "probe": probe, "timeout": "5s"});
    let facts: Map<String, Value> = tools.facts(place, &action, with).await?;
    let answers = facts.get("reachable") == Some(&json!(true));
    Ok(answers.then_some(Value::Object(facts)))
}

/// D47: it answers us, and takes no writes.
async fn waits(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(connection) = place.text("/aurora/dr/connection") else { return Ok(vec![]) };
    let Some(facts) = ask(tools, place, connection, "writable").await? else {
        return Ok(vec![Look::silent("")]);
    };
    Ok(vec![Must::of("").be("writable", said(&facts, "/writable"), "false").look()])
}

/// D48: what was written a moment ago is there.
async fn heartbeat(tools: &Tools, place: Place<'_>) -> Looks {
    let is_promised = place.value("/aurora/dr/heartbeat") == Some(&Value::Bool(true));
    let Some(connection) = place.text("/aurora/dr/connection").filter(|_| is_promised) else {
        return Ok(vec![]);
    };
    let Some(facts) = ask(tools, place, connection, "heartbeat").await? else {
        return Ok(vec![Look::silent("")]);
    };
    let age = number(&facts, "/lag_s");
    let holds = age.is_some_and(|age| age < 10.0);
    let age = age.map(|age| format!("{age:.0} s"));
    Ok(vec![Must::of("").hold("dr_buddy_heartbeat", or_absent(age), "< 10 s", holds).look()])
}

/// D47: asked directly, the application there says that it only reads.
async fn health(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(url), Some(dns)) = (place.text("/app/deep_health_url"), place.text("/alb/dr/dns"))
    else {
        return Ok(vec![]);
    };
    let action = http::Check::new(tools.settings.http.clone());
    let with = json!({"url": url, "resolve_to": dns, "timeout": "5s"});
    let facts = Value::Object(tools.facts(place, &action, with).await?);
    if facts.get("reachable") != Some(&json!(true)) {
        return Ok(vec![Look::silent("")]);
    }
    let role = said(&facts, "/body/redis/role");
    let is_replica = matches!(role.as_deref(), Some("replica" | "slave"));
    let mut must = Must::of("").be("HTTP", said(&facts, "/status"), "200").be(
        "db.writable",
        or_absent(said(&facts, "/body/db/writable")),
        "false",
    );
    if place.value("/redis").is_some() {
        must = must.hold("redis.role", or_absent(role), "replica", is_replica);
    }
    Ok(vec![must.look()])
}
