//! Secrets: the same in both regions, but for the host they lead to. No value leaves this file, nor a digest of one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tools::{Looks, Must, Row, Tools, each, said};
use super::{Look, Place};
use crate::actions::{LookError, Permission};

const SECRETS: &[&str] = &["arn:aws:secretsmanager:*:ACCOUNT_ID:secret:SECRET_PREFIX-*"];
const KEY: &[&str] = &["arn:aws:kms:*:ACCOUNT_ID:key/SECRETS_KEY_ID"];
/// Where the environment names a secret.
const NAMED: [&str; 2] = ["/secrets/database_url", "/secrets/redis_url"];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "secrets_in_sync",
        look: |tools, place| Box::pin(in_sync(tools, place)),
        needs: &[
            Permission::Aws("secretsmanager:DescribeSecret", SECRETS),
            Permission::Aws("secretsmanager:GetSecretValue", SECRETS),
            Permission::Aws("kms:Decrypt", KEY),
        ],
    },
    Row {
        name: "secrets_rotation",
        look: |tools, place| Box::pin(rotation(tools, place)),
        needs: &[Permission::Aws("secretsmanager:DescribeSecret", SECRETS)],
    },
];

async fn ask(tools: &Tools, region: &str, action: &str, id: &str) -> Result<Value, LookError> {
    let target = format!("secretsmanager.{action}");
    tools.json("secretsmanager", "1.1", region, &target, &json!({"SecretId": id})).await
}

/// D20: replicas are in sync; secrets of their own say the same.
async fn in_sync(tools: &Tools, place: Place<'_>) -> Looks {
    let mut looks = vec![];
    for id in NAMED.iter().filter_map(|key| place.text(key)) {
        let look = match place.text("/secrets/mode") {
            Some("replica") => replica(tools, place, id).await,
            Some(_) | None => compared(tools, place, id).await,
        };
        looks.push(look.unwrap_or_else(|error| Look::blind(id, &error)));
    }
    Ok(looks)
}

async fn replica(tools: &Tools, place: Place<'_>, id: &str) -> Result<Look, LookError> {
    let regions = &place.environment.regions;
    let found = ask(tools, &regions.primary, "DescribeSecret", id).await?;
    let copies = each(&found, "/ReplicationStatus").into_iter();
    let mut ours = copies.filter(|one| said(one, "/Region").as_ref() == Some(&regions.dr));
    let status = ours.next().and_then(|one| said(one, "/Status"));
    Ok(Must::of(id).there(&regions.dr, status.is_some()).be("Status", status, "InSync").look())
}

async fn compared(tools: &Tools, place: Place<'_>, id: &str) -> Result<Look, LookError> {
    let regions = &place.environment.regions;
    let (one, other) = tokio::try_join!(
        ask(tools, &regions.primary, "GetSecretValue", id),
        ask(tools, &regions.dr, "GetSecretValue", id)
    )?;
    let of = |value: &Value| said(value, "/SecretString").map(|text| parts(&text));
    let (one, other) = (of(&one).unwrap_or_default(), of(&other).unwrap_or_default());
    let names = one.keys().chain(other.keys());
    let different = names.filter(|name| one.get(*name) != other.get(*name));
    let different: std::collections::BTreeSet<&str> = different.map(String::as_str).collect();
    if different.is_empty() && !one.is_empty() {
        return Ok(Look::good(id, "doctor.saw.same", &[("what", id)]));
    }
    let names: Vec<&str> = different.into_iter().collect();
    Ok(Look::bad(id, "doctor.saw.different", &[("what", &names.join(", "))]))
}

/// The parts of a value by their names, each URL without its host.
fn parts(value: &str) -> BTreeMap<String, String> {
    // One host for all of them; a text that is no URL, or one that takes none, stays as it is.
    let elsewhere = |text: &str| {
        let mut url = url::Url::parse(text).ok().filter(url::Url::has_host)?;
        url.set_host(Some("host")).ok()?;
        Some(url.to_string())
    };
    let plain = |text: &str| elsewhere(text).unwrap_or_else(|| text.to_owned());
    match serde_json::from_str::<BTreeMap<String, Value>>(value) {
        Ok(all) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), plain);
            all.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        }
        Err(_) => BTreeMap::from([("SecretString".to_owned(), plain(value))]),
    }
}

/// D21: nobody changes it by himself, least of all between an approval and its call.
async fn rotation(tools: &Tools, place: Place<'_>) -> Looks {
    let mut looks = vec![];
    for id in NAMED.iter().filter_map(|key| place.text(key)) {
        let found = ask(tools, &place.environment.regions.dr, "DescribeSecret", id).await;
        looks.push(match found {
            Ok(found) => {
                let rotates = said(&found, "/RotationEnabled").unwrap_or_else(|| "false".into());
                Must::of(id).be("RotationEnabled", Some(rotates), "false").look()
            }
            Err(error) => Look::blind(id, &error),
        });
    }
    Ok(looks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_lead_elsewhere_and_nothing_else_may_differ() {
        let of = |host: &str, password: &str| {
            parts(&format!(r#"{{"URL": "postgres://u:{password}@{host}:5432/x", "POOL": 20}}"#))
        };
        assert_eq!(of("eu.example", "a"), of("us.example", "a"));
        assert_ne!(of("eu.example", "a"), of("eu.example", "b"));
        assert_eq!(parts("redis://:p@one/0"), parts("redis://:p@two/0"));
        assert_ne!(parts("plain"), parts("other"));
    }
}
