//! The two AWS emulators, each for what it judges well: ministack flips an Aurora writer, evaluates IAM and answers
//! with AWS's own typed errors; moto knows S3 policies and load balancers. Neither is AWS: a test's name says who judged.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Builder;
use tempfile::TempDir;

use super::child::{Child, free_port};
use super::tap::Tap;
use super::{eventually, http, tools};

/// A running ministack.
#[derive(Debug)]
pub(crate) struct Ministack {
    /// What the product is given: goes through [`Self::tap`].
    pub(crate) endpoint: String,
    /// The server itself, for asking it without being counted.
    pub(crate) direct: String,
    /// Counts and spoils the product's calls.
    pub(crate) tap: Tap,
    _child: Child,
    _folder: TempDir,
}

impl Ministack {
    /// The same server, emptied, behind a tap of its own.
    pub(crate) async fn renewed(self) -> Self {
        reset(&format!("{}/_ministack/reset", self.direct)).await;
        let tap = Tap::before(&self.direct).await;
        Self { endpoint: tap.endpoint.clone(), tap, ..self }
    }
}

async fn reset(url: &str) {
    let answer = http().post(url).send().await.expect("the emulator answers");
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
}

/// Starts ministack; a fresh world, about half a second.
pub(crate) async fn ministack() -> Ministack {
    start(&[]).await
}

/// The same, and nobody may do anything there but the account itself, whose key the SDK has for tests.
pub(crate) async fn guarded() -> Ministack {
    start(&[("AUTH", "true"), ("AWS_ACCESS_KEY_ID", ROOT.0), ("AWS_SECRET_ACCESS_KEY", ROOT.1)])
        .await
}

/// The key of the account itself, and its secret: those of the SDK's `test_credentials`.
pub(crate) const ROOT: (&str, &str) = ("ANOTREAL", "notrealrnrELgWzOk3IfjzDKtFBhDby");

async fn start(more: &[(&str, &str)]) -> Ministack {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let port_text = port.to_string();
    let own = [
        ("BIND_HOST", "127.0.0.1"),
        ("GATEWAY_PORT", port_text.as_str()),
        // Two more listeners, on all interfaces and fixed ports, that nobody needs here.
        ("SFTP_ENABLED", "0"),
        ("IOT_MTLS_ENABLED", "0"),
        ("MINISTACK_HOST", "127.0.0.1"),
    ];
    let environment = [&own[..], more].concat();
    let nothing: [&str; 0] = [];
    let child = Child::start(
        "ministack",
        folder.path(),
        &tools::python("ministack"),
        nothing,
        &environment,
    );
    let direct = format!("http://127.0.0.1:{port}");
    let child = ready(child, &format!("{direct}/_ministack/health")).await;
    let tap = Tap::before(&direct).await;
    Ministack { endpoint: tap.endpoint.clone(), direct, tap, _child: child, _folder: folder }
}

/// A running moto.
#[derive(Debug)]
pub(crate) struct Moto {
    /// The server itself, for seeding and asking it without being counted.
    pub(crate) direct: String,
    /// Counts and spoils the product's calls.
    pub(crate) tap: Tap,
    _child: Child,
    _folder: TempDir,
}

impl Moto {
    /// The same server, emptied, behind a tap of its own.
    pub(crate) async fn renewed(self) -> Self {
        reset(&format!("{}/moto-api/reset", self.direct)).await;
        let tap = Tap::before(&self.direct).await;
        Self { tap, ..self }
    }
}

/// Starts moto; a fresh world, about a second.
pub(crate) async fn moto() -> Moto {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port().to_string();
    let arguments = ["-H", "127.0.0.1", "-p", &port];
    let child = Child::start("moto", folder.path(), &tools::python("moto_server"), arguments, &[]);
    let direct = format!("http://127.0.0.1:{port}");
    let child = ready(child, &format!("{direct}/moto-api/data.json")).await;
    let tap = Tap::before(&direct).await;
    Moto { direct, tap, _child: child, _folder: folder }
}

/// Waits until `url` answers 200, or the child has ended.
pub(crate) async fn ready(mut child: Child, url: &str) -> Child {
    let client = http();
    eventually(&format!("{url} answers"), 60, || {
        child.must_live();
        let asked = client.get(url).timeout(Duration::from_secs(5)).send();
        async { asked.await.ok().filter(|answer| answer.status().is_success()).map(drop) }
    })
    .await;
    child
}

/// A configuration for the SDK clients: an emulator, a region, credentials that open nothing.
pub(crate) async fn sdk_config(endpoint: &str, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .test_credentials()
        .load()
        .await
}

#[tokio::test]
async fn moto_answers_the_sdk() {
    let moto = moto().await;
    let config = sdk_config(&moto.direct, "eu-west-1").await;
    let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some("123456789012"));
}
