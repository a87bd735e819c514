//! `RustyVault`, which speaks Vault's API. It has version 1 of the key-value engine, at `secret`, and neither version 2
//! nor `sys/health`; whoever has a token may do everything.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::child::{Child, free_port};
use super::{http, ready, tools};

/// A running Vault, open; gone when dropped.
#[derive(Debug)]
pub(crate) struct Vault {
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    /// May do everything.
    pub(crate) token: String,
    key: String,
    _child: Child,
    _folder: TempDir,
}

/// Starts one, makes it, opens it.
pub(crate) async fn vault() -> Vault {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a plain path").to_owned();
    let address = format!("127.0.0.1:{}", free_port());
    let config = format!(
        "storage \"file\" {{\n  path = \"{path}/data\"\n}}\nlistener \"tcp\" {{\n  address = \"{address}\"\n  \
         tls_disable = true\n}}\nwork_dir = \"{path}/work/\"\nlog_level = \"error\"\n"
    );
    std::fs::write(folder.path().join("vault.hcl"), config).expect("it can be written");
    let arguments = ["server", "--config", "vault.hcl"];
    let child = Child::start("vault", folder.path(), &tools::vault(), arguments, &[]);
    let base = format!("http://{address}");
    let child = ready(child, &format!("{base}/v1/sys/init")).await;
    let shares = json!({"secret_shares": 1, "secret_threshold": 1});
    let made = asked(&base, "", "sys/init", &shares).await;
    let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
    let (key, token) = (text(&made["keys"][0]), text(&made["root_token"]));
    let vault = Vault { base, token, key, _child: child, _folder: folder };
    vault.open().await;
    vault
}

async fn asked(base: &str, token: &str, path: &str, body: &Value) -> Value {
    let request = http().request(Method::PUT, format!("{base}/v1/{path}"));
    let answer =
        request.header("x-vault-token", token).json(body).send().await.expect("it answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap_or(Value::Null)
}

impl Vault {
    /// Writes a secret of `secret`.
    pub(crate) async fn keep(&self, path: &str, data: &Value) {
        asked(&self.base, &self.token, &format!("secret/{path}"), data).await;
    }

    /// Seals it: it answers, and gives nothing.
    pub(crate) async fn seal(&self) {
        asked(&self.base, &self.token, "sys/seal", &json!({})).await;
    }

    pub(crate) async fn open(&self) {
        asked(&self.base, &self.token, "sys/unseal", &json!({"key": self.key})).await;
    }
}

#[tokio::test]
async fn what_vault_keeps_it_gives_to_whoever_has_the_token() {
    let vault = vault().await;
    vault.keep("a/b", &json!({"c": "d"})).await;
    let read = |token: String| {
        let request = http().get(format!("{}/v1/secret/a/b", vault.base));
        async move { request.header("x-vault-token", token).send().await.unwrap() }
    };
    let body: Value = read(vault.token.clone()).await.json().await.unwrap();
    assert_eq!(body["data"]["c"], "d");
    assert_eq!(read("x".into()).await.status(), 403);
    vault.seal().await;
    assert_eq!(read(vault.token.clone()).await.status(), 503);
    vault.open().await;
    assert_eq!(read(vault.token.clone()).await.status(), 200);
}
