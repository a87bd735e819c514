//! What the tests stand on: independent servers of other people's making, started for real, and asked directly.
//!
//! Every starter returns a value that ends its server when dropped; all servers also end with the test binary, however
//! it ends. Nothing is skipped: a tool that is missing panics with the command that installs it. Each file ends with
//! tests that prove its own starter, so that a red conversation test can be told from a broken test bed.

mod aws;
mod aws_world;
mod certificates;
mod child;
mod fake_groups;
mod fake_slack;
mod fake_sockets;
mod judge;
mod kube;
mod kubelet;
mod local_slack;
mod mariadb;
mod nsd;
mod postgres;
mod redis;
mod relay;
mod screens;
mod signing;
mod slack_limits;
mod slack_rates;
mod slack_schedule;
mod stand_in;
mod tap;
mod tls;
mod tools;
mod vault;

#[expect(unused_imports, reason = "the surface of the harness; its own tests use the modules")]
pub(crate) use self::{
    aws::{Ministack, Moto, ROOT, guarded, ministack, moto, ready, sdk_config},
    aws_world::{ALIAS_ZONE, AwsWorld, RECORD, alias},
    child::{Child, free_port},
    fake_groups::FakeGroups,
    fake_slack::{Call, FakeSlack, Fault, fake_slack},
    fake_sockets::{Ack, FakeSockets, Meeting, Say, fake_sockets},
    judge::{findings, judge, judge_aws},
    kube::{Kube, kube, write_plain_kubeconfig},
    kubelet::{Kubelet, kubelet},
    local_slack::{AppPaths, Channel, Click, LocalSlack, SlackSetup, SlackUser, local_slack},
    mariadb::{MariaDb, mariadb},
    nsd::{Nsd, nsd, port_of},
    postgres::{Postgres, postgres},
    redis::{PASSWORD, Redis, redis},
    relay::{Deliveries, Delivery, DeliveryKind, Door},
    screens::{Scheme, Shot, screens},
    signing::{now_s, signed, signed_at},
    slack_limits::{Surface, violations},
    stand_in::{
        AUTOMATION, At, CACHE, CONTROLS, Canned, DATASTORE, GROUPS, LOAD_BALANCER, REPLICA, StandIn,
    },
    tap::{Tampering, Tap, cut, name_of},
    tls::{Shown, Tls},
    tools::{debian, npm, prism, repository, specification},
    vault::{Vault, vault},
};

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Waits until `look` sees something, at most `seconds`.
pub(crate) async fn eventually<T, F>(what: &str, seconds: u64, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let seen = timeout(Duration::from_secs(seconds), async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    seen.await.unwrap_or_else(|_| panic!("waited {seconds} s in vain: {what}"))
}

/// A plain HTTP client with a timeout. It trusts nobody: reading the system's roots takes longer than what it is for.
pub(crate) fn http() -> reqwest::Client {
    crypto();
    reqwest::Client::builder()
        .tls_certs_only([])
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
        .expect("the client has no options that can fail")
}

/// Makes ring the process's TLS provider; the second caller finds it done.
pub(crate) fn crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
