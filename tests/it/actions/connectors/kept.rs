//! A connector's secret where it is kept: in Vault, in Secrets Manager. Where it cannot be had, what is wrong is told,
//! without it, and nothing is asked of the system it is for.

use dr_buddy::actions::{AwsSettings, HttpSecret, HttpSettings, LookError, find_secret};
use serde_json::{Value, json};

use super::{SECRET, Server, says, shipped, step, step_with, written};
use crate::actions::permissions::User;
use crate::actions::settings_at;
use crate::harness::{ROOT, Vault, guarded, sdk_config, vault};

const OWN: &str = r#"
id: tickets
url: "${tickets.api}"
auth: {bearer: {secret: tickets}}
operations:
  read:
    about: Read
    danger: reads
    method: GET
    path: /ticket
    facts: {state: {from: body.state, example: open}}
"#;

/// Vault, as dr-buddy's settings say it.
struct Set<'a> {
    vault: &'a str,
    token: &'a str,
    aws: AwsSettings,
}

/// What becomes of a question to a system whose secret is kept there; and whether the system was given the secret.
async fn asked(place: &str, set: Set<'_>) -> Result<(), LookError> {
    let server = Server::start(|_| says(200, &json!({"state": "open"}))).await;
    let read = |name: &str| match name {
        "DR_BUDDY_VAULT" => Some(set.vault.to_owned()),
        "DR_BUDDY_VAULT_TOKEN" => Some(set.token.to_owned()),
        _ => None,
    };
    let kept = find_secret(place, &read, &set.aws, &HttpSettings::default()).unwrap();
    assert!(!format!("{kept:?}").contains(set.token), "{kept:?}");
    let secret = HttpSecret { kept, origin: server.base.clone() };
    let http =
        HttpSettings { secrets: [("tickets".to_owned(), secret)].into(), ..Default::default() };
    let step = step_with(&written(OWN), "read", &server.base, json!({}), http);
    let seen = step.action.preview(&step.call()).await;
    let all = format!("{seen:?}{}", seen.as_ref().err().map(LookError::said).unwrap_or_default());
    assert!(!all.contains(SECRET) && !all.contains(set.token), "{all}");
    let given: Vec<_> =
        server.asked().iter().map(|one| one.headers["authorization"].clone()).collect();
    let expected = if seen.is_ok() { vec![format!("Bearer {SECRET}")] } else { vec![] };
    assert_eq!(given, expected);
    seen.map(drop)
}

async fn in_vault(vault: &Vault, token: &str, place: &str) -> Result<(), LookError> {
    asked(place, Set { vault: &vault.base, token, aws: AwsSettings::default() }).await
}

#[tokio::test]
async fn rusty_vault_gives_a_connector_its_secret_or_it_is_told_why_not() {
    let vault = vault().await;
    vault.keep("luneo/tickets", &json!({"token": SECRET, "number": 7})).await;
    let ask = |place: &'static str| in_vault(&vault, &vault.token, place);
    assert_eq!(ask("vault1:secret/luneo/tickets#token").await, Ok(()));
    let not_kept = |key: &str, path: &str| {
        Err(LookError::Unsafe { detail: format!("trouble.not_kept {key} | vault ({path})") })
    };
    assert_eq!(ask("vault1:secret/none#token").await, not_kept("token", "secret/none"));
    assert_eq!(ask("vault1:elsewhere/x#token").await, not_kept("token", "elsewhere/x"));
    for key in ["other", "number"] {
        let place = format!("vault1:secret/luneo/tickets#{key}");
        let seen = in_vault(&vault, &vault.token, &place).await;
        assert_eq!(seen, not_kept(key, "secret/luneo/tickets"));
    }
    // Where it is of the other version, there is nothing.
    let place = "vault2:secret/luneo/tickets#token";
    assert_eq!(ask(place).await, not_kept("token", "secret/luneo/tickets"));

    let place = "vault1:secret/luneo/tickets#token";
    let refused = |seen: Result<(), LookError>, status: &str| match seen {
        Err(LookError::Refused { system, detail }) => {
            assert_eq!(system, "vault (secret/luneo/tickets)");
            assert_eq!(detail, format!("told.status {status}"));
        }
        other => panic!("{other:?}"),
    };
    refused(in_vault(&vault, "a-token-of-nobody", place).await, "403");
    vault.seal().await;
    refused(ask(place).await, "503");
    vault.open().await;
    assert_eq!(ask(place).await, Ok(()));

    let (base, token) = (vault.base.clone(), vault.token.clone());
    drop(vault);
    let seen = asked(place, Set { vault: &base, token: &token, aws: AwsSettings::default() }).await;
    assert!(matches!(seen, Err(LookError::Unreachable { .. })), "{seen:?}");
}

/// `RustyVault` has no version 2: a stand-in answers as Vault documents it, and sees that it is asked so.
#[tokio::test]
async fn a_stand_in_gives_a_secret_of_version_2() {
    let stand_in = Server::start(|asked| {
        let is_right = asked.path == "/v1/secret/data/luneo/tickets"
            && asked.headers["x-vault-token"] == "the-token-of-vault";
        let data =
            json!({"data": {"token": SECRET}, "metadata": {"version": 2, "destroyed": false}});
        if is_right { says(200, &json!({"data": data})) } else { says(404, &json!({"errors": []})) }
    })
    .await;
    let set = |token| Set { vault: &stand_in.base, token, aws: AwsSettings::default() };
    let place = "vault2:secret/luneo/tickets#token";
    assert_eq!(asked(place, set("the-token-of-vault")).await, Ok(()));
    assert!(asked(place, set("another-token")).await.is_err());
}

#[tokio::test]
async fn ministack_gives_a_connector_its_secret_or_it_is_told_why_not() {
    let server = guarded().await;
    let client =
        aws_sdk_secretsmanager::Client::new(&sdk_config(&server.direct, "us-east-1").await);
    let text = json!({"token": SECRET, "number": 7}).to_string();
    client.create_secret().name("luneo/tickets").secret_string(text).send().await.unwrap();
    let plain = client.create_secret().name("luneo/plain").secret_string(SECRET);
    plain.send().await.unwrap();
    let set = |(key, secret): (&str, &str)| Set {
        vault: "http://127.0.0.1:1",
        token: "the-token-of-vault",
        aws: settings_at(&server.direct, (key, secret)).aws,
    };
    let ask = |place: &'static str| asked(place, set(ROOT));
    assert_eq!(ask("secretsmanager:us-east-1/luneo/tickets#token").await, Ok(()));
    assert_eq!(ask("secretsmanager:us-east-1/luneo/plain").await, Ok(()));
    let not_kept = |what: &str, place: &str| {
        Err(LookError::Unsafe {
            detail: format!("trouble.not_kept {what} | secretsmanager in us-east-1{place}"),
        })
    };
    let none = ask("secretsmanager:us-east-1/luneo/none#token").await;
    assert_eq!(none, not_kept("luneo/none", ""));
    for (place, key, secret) in [
        ("secretsmanager:us-east-1/luneo/tickets#other", "other", "luneo/tickets"),
        ("secretsmanager:us-east-1/luneo/tickets#number", "number", "luneo/tickets"),
        // What is no JSON object has no keys, and must not be shown for it.
        ("secretsmanager:us-east-1/luneo/plain#token", "token", "luneo/plain"),
    ] {
        assert_eq!(ask(place).await, not_kept(key, &format!(" ({secret})")), "{place}");
    }

    let nobody = User::at(&server, "nobody").await;
    let place = "secretsmanager:us-east-1/luneo/tickets#token";
    let denied = asked(place, set((&nobody.key.0, &nobody.key.1))).await;
    let Err(LookError::Refused { system, detail }) = &denied else { panic!("{denied:?}") };
    assert_eq!(system, "secretsmanager in us-east-1 (luneo/tickets)");
    assert!(detail.starts_with("AccessDenied"), "{detail}");

    let aws = settings_at("http://127.0.0.1:1", ROOT).aws;
    let gone = Set { vault: "http://127.0.0.1:1", token: "the-token-of-vault", aws };
    let seen = asked(place, gone).await;
    assert!(matches!(seen, Err(LookError::Unreachable { .. })), "{seen:?}");
}

#[tokio::test]
async fn rusty_vault_answers_the_connector_vault() {
    let vault = vault().await;
    vault.keep("luneo/database", &json!({"url": SECRET, "user": "app"})).await;
    let connector = shipped("vault");
    let ask = |name: &'static str, token: &str, with: Value| {
        let http = super::settings(&connector, &vault.base, token);
        let step = step_with(&connector, name, &vault.base, with, http);
        async move { step.preview().await.facts }
    };
    let secret = json!({"mount": "secret", "secret": "luneo/database"});
    let facts = ask("keys", &vault.token, secret.clone()).await;
    assert_eq!((&facts["status"], &facts["keys"]), (&json!(200), &json!(["url", "user"])));
    assert!(!json!(facts).to_string().contains(SECRET), "{facts:?}");
    let facts = ask("token", &vault.token, json!({})).await;
    assert_eq!((&facts["ttl_s"], &facts["policies"]), (&json!(0), &json!(["root"])));
    assert!(!json!(facts).to_string().contains(&vault.token), "{facts:?}");
    let denied = ask("keys", "a-token-of-nobody", secret.clone()).await;
    assert_eq!((&denied["status"], denied.get("keys")), (&json!(403), None));
    let with = json!({"mount": "secret", "secret": "luneo/none"});
    let absent = ask("keys", &vault.token, with).await;
    assert_eq!((&absent["status"], absent.get("keys")), (&json!(404), None), "{absent:?}");
    // It has neither; nothing is guessed.
    for (name, with) in [("health", json!({})), ("metadata", secret.clone())] {
        let absent = ask(name, &vault.token, with).await;
        assert_eq!((&absent["status"], absent.len()), (&json!(404), 3), "{name}: {absent:?}");
    }
    vault.seal().await;
    let sealed = step(&connector, "keys", &vault.base, secret);
    let sealed = sealed.action.preview(&sealed.call()).await;
    assert!(format!("{sealed:?}").contains("503"), "{sealed:?}");
}
