//! The application that is failed over, and the documents that describe it.
//!
//! It plays what stands behind the load balancer of the DR region (127.0.0.2) and what the public meets (127.0.0.1).
//! Both follow the emulator: a write is taken only where the database's writer is, and the public is answered only
//! once the PRIMARY record leads to the DR side. So the checks of the runbook prove something here too.
#![expect(clippy::disallowed_methods, reason = "ends with the value that holds it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_route53::types::ResourceRecordSetFailover;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dr_buddy::domain::environment::Environment;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::people::{ANTOINE, LEO, MIA, ROOM};
use crate::harness::{ALIAS_ZONE, AwsWorld, alias};

/// Where nobody answers: the primary region's load balancer.
pub(crate) const PRIMARY_LB: &str = "127.0.0.3";
/// The DR region's load balancer.
pub(crate) const DR_LB: &str = "127.0.0.2";

const REGION: [(&str, &str); 1] = [("x-region", "us-east-1")];

/// The running application.
#[derive(Debug)]
pub(crate) struct Shop {
    port: u16,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[derive(Clone)]
struct Shared {
    world: Arc<AwsWorld>,
    rows: Arc<Mutex<BTreeMap<String, Bytes>>>,
    is_public: bool,
}

impl Shared {
    async fn is_open(&self) -> bool {
        !self.is_public || primary_target(&self.world).await.contains(DR_LB)
    }
}

/// Where the one PRIMARY record leads.
pub(crate) async fn primary_target(world: &AwsWorld) -> String {
    let records = world.record_set().await;
    let mut primary = records
        .iter()
        .filter(|record| record.failover() == Some(&ResourceRecordSetFailover::Primary));
    let found = primary.next().and_then(|record| record.alias_target());
    assert!(primary.next().is_none(), "one PRIMARY record: {records:?}");
    found.expect("it is an alias").dns_name().to_owned()
}

impl Shop {
    /// Points the records of the seeded world at this application, and starts it.
    pub(crate) async fn open(world: &Arc<AwsWorld>) -> Self {
        let records = [
            alias("eu", ResourceRecordSetFailover::Primary, PRIMARY_LB),
            alias("us", ResourceRecordSetFailover::Secondary, DR_LB),
        ];
        world.upsert(records).await;
        let (public, dr) = loop {
            let public = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
            let port = public.local_addr().expect("it is bound").port();
            // Both must have the same port; another process may have this one there.
            if let Ok(dr) = TcpListener::bind((DR_LB, port)).await {
                break (public, dr);
            }
        };
        let port = public.local_addr().expect("it is bound").port();
        let rows = Arc::default();
        let serve = |listener, is_public| {
            let shared = Shared { world: Arc::clone(world), rows: Arc::clone(&rows), is_public };
            let router = Router::new()
                .route("/health", get(health))
                .route("/canary/{run}", get(read).put(write))
                .with_state(shared);
            tokio::spawn(async move {
                axum::serve(listener, router).await.expect("it serves until aborted");
            })
        };
        Self { port, tasks: [serve(public, true), serve(dr, false)] }
    }

    /// The environment file of this world.
    pub(crate) fn environment(&self, world: &AwsWorld, namespace: &str) -> String {
        let AwsWorld { account, global_cluster, primary_arn, dr_arn, .. } = world;
        let AwsWorld { primary_host, dr_host, secret, zone, .. } = world;
        let port = self.port;
        let name = "api.shop.test";
        format!(
            r#"id: shop
kind: staging
account: "{account}"
regions: {{primary: eu-west-1, dr: us-east-1}}
objectives: {{rto: 30m, rpo: 5m}}
chat: {{war_room: {ROOM}, language: en, time_zone: Europe/Paris, run_prefix: OPS-DR-SHOP}}
people:
  - {{id: antoine, name: Antoine Dupuis, slack: {ANTOINE}, roles: [ic, db, platform], language: fr}}
  - {{id: mia, name: Mia Lemaire, slack: {MIA}, roles: [db, platform], language: en}}
  - {{id: leo, name: Léo Martin, slack: {LEO}, slack_team: T01TEST, roles: [platform, app, scribe], language: fr}}
aurora:
  present: true
  app_uses_global_endpoint: false
  global: {global_cluster}
  primary: {{id: shop-eu, arn: "{primary_arn}", endpoint: {primary_host}}}
  dr: {{id: shop-us, arn: "{dr_arn}", endpoint: {dr_host}}}
secrets: {{mode: region_local, database_url: {secret}, key: DATABASE_URL}}
eks: {{primary: {{ctx: eu}}, dr: {{ctx: us}}}}
k8s:
  ns: {namespace}
  writers: [deployment/ai-worker, deployment/billing-worker, deployment/shop-api]
  api: [deployment/shop-api]
alb:
  primary: {{dns: {PRIMARY_LB}, zone: {ALIAS_ZONE}}}
  dr: {{dns: {DR_LB}, zone: {ALIAS_ZONE}}}
dns: {{zone: {zone}, name: {name}, primary_set: eu, dr_set: us}}
app:
  health_url: http://localhost:{port}/health
  canary_url: http://localhost:{port}/canary
"#
        )
    }
}

/// The environment file as the product reads it.
pub(crate) fn checked(text: &str) -> Environment {
    dr_buddy::domain::environment::check("shop.yaml", text)
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

async fn health(State(shared): State<Shared>) -> Response {
    match shared.is_open().await {
        true => (REGION, "{\"ok\":true}").into_response(),
        false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn write(State(shared): State<Shared>, Path(run): Path<String>, body: Bytes) -> StatusCode {
    if shared.world.writer_arn().await != shared.world.dr_arn || !shared.is_open().await {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    shared.rows.lock().expect("nobody panics while holding it").insert(run, body);
    StatusCode::CREATED
}

async fn read(State(shared): State<Shared>, Path(run): Path<String>) -> Response {
    let row = shared.rows.lock().expect("nobody panics while holding it").get(&run).cloned();
    match row.filter(|_| !shared.is_public) {
        Some(_) => (REGION, "{\"found\": true}").into_response(),
        None => (StatusCode::NOT_FOUND, REGION).into_response(),
    }
}

/// What stands in the `when` of a step that needs something this world does not have.
const ELSEWHERE: [&str; 3] = ["has(env.", "== 'replica'", "app_uses_global_endpoint &&"];

/// The shipped runbook as far as this world has what its steps need: whoever is killed at every place of a run should not
/// be killed at what is left out.
fn here() -> String {
    let shipped = include_str!("../../../prompts/runbooks/region-failover.yaml");
    let (head, steps) = shipped.split_once("\nsteps:\n").expect("it has steps");
    let mut gone = Vec::new();
    let mut kept = String::new();
    for step in steps.split("  - id: ").skip(1) {
        let when =
            step.split_once("\n    when:").and_then(|(_, rest)| rest.split_once("\n    action:"));
        let when = when.map_or("", |(when, _)| when);
        match ELSEWHERE.iter().any(|part| when.contains(part)) {
            true => gone.push(step.lines().next().expect("it has an id")),
            false => kept.push_str(&format!("  - id: {step}")),
        }
    }
    let mut text = String::new();
    for line in kept.lines() {
        let list =
            ["    needs: [", "        seen: ["].into_iter().find(|start| line.starts_with(start));
        let fallback =
            line.strip_prefix("    on_failure: {fallback: ").map(|id| &id[..id.len() - 1]);
        match (list, fallback) {
            (Some(start), _) => {
                let ids = line[start.len()..].trim_end_matches(']').split(", ");
                let ids: Vec<&str> = ids.filter(|id| !gone.contains(id)).collect();
                text.push_str(&format!("{start}{}]\n", ids.join(", ")));
            }
            (None, Some(id)) if gone.contains(&id) => {}
            (None, _) => text.push_str(&format!("{line}\n")),
        }
    }
    let mut whole = String::new();
    for phase in head.split("  - id: ") {
        let id = phase.lines().next().expect("it has an id");
        let is_first = whole.is_empty();
        if is_first || text.contains(&format!("    phase: {id}\n")) {
            whole.push_str(if is_first { "" } else { "  - id: " });
            whole.push_str(phase);
        }
    }
    format!("{whole}\nsteps:\n{text}")
}

/// The runbook of this world, with shorter looks at what must stay as it is, for a secret that is a JSON object.
pub(crate) fn runbook() -> String {
    let shipped = here();
    let secret = "        secret: \"${secrets.database_url}\"\n";
    assert!(shipped.contains(secret));
    let keyed = format!("{secret}        key: \"${{secrets.key}}\"\n");
    let mut parts = shipped.split("hold_for: ");
    let mut text = parts.next().expect("there is always one").to_owned();
    for part in parts {
        text.push_str("hold_for: 1s");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    text.replace(secret, &keyed)
}

/// A runbook of these steps of the shipped one, all open at once.
pub(crate) fn excerpt(id: &str, steps: &[&str]) -> String {
    let whole = runbook();
    let restored_by = steps.last().expect("there is a step");
    let mut text = format!(
        "id: {id}\ntitle: {{en: Excerpt, fr: Extrait}}\nrestored_by: {restored_by}\n\
         phases: [{{id: {id}, title: {{en: All, fr: Tout}}}}]\nsteps:\n"
    );
    for step in steps {
        let start = whole.find(&format!("  - id: {step}\n")).expect("there is such a step");
        let (first, rest) = whole[start..].split_once('\n').expect("it has lines");
        text.push_str(first);
        text.push_str(&format!("\n    phase: {id}\n"));
        let body = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
        for line in body {
            let own = ["    needs:", "    phase:", "    on_failure: {fallback"];
            if !own.iter().any(|own| line.starts_with(own)) {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}
