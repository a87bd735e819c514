//! Jira, GitHub and Argo CD, judged by Prism on the vendors' own descriptions of their APIs.

use std::path::PathBuf;
use std::time::Duration;

use dr_buddy::actions::{LookError, Outcome};
use dr_buddy::domain::connector::Connector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{step, written};
use crate::actions::{is_accepted, is_failed};
use crate::harness::{Child, eventually, free_port, npm, prism, specification};

/// Prism on a description.
struct Judge {
    base: String,
    _child: Child,
    _folder: TempDir,
}

async fn judge(specification: PathBuf) -> Judge {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let arguments = ["mock", "-d", "-h", "127.0.0.1", "-p", &port, specification.to_str().unwrap()];
    let child = Child::start("prism", folder.path(), &prism(), arguments, &[]);
    let base = format!("http://127.0.0.1:{port}");
    eventually("Prism listens", 240, || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.ok()
    })
    .await;
    Judge { base, _child: child, _folder: folder }
}

/// Every one of these operations is accepted; `not` are the ones that the description has not.
async fn accepts(connector: &Connector, judge: &Judge, all: &[(&str, Value)], not: &[&str]) {
    let mut names: Vec<&str> =
        all.iter().map(|(name, _)| *name).chain(not.iter().copied()).collect();
    names.sort_unstable();
    let known: Vec<&str> = connector.operations.keys().map(String::as_str).collect();
    assert_eq!(names, known, "every operation of `{}` is judged", connector.id);
    for (name, with) in all {
        let mut step = step(connector, name, &judge.base, with.clone());
        let preview = step.preview().await;
        let outcome = step.run(&preview).await;
        assert!(is_accepted(&outcome), "{name}: {outcome:?}");
    }
}

/// This operation of a connector that is written wrongly is refused as the description says.
async fn refuses(text: &str, wrong: (&str, &str), judge: &Judge, name: &str, with: Value) {
    assert!(text.contains(wrong.0), "{}", wrong.0);
    let connector = written(&text.replace(wrong.0, wrong.1));
    let mut step = step(&connector, name, &judge.base, with);
    let preview = match step.action.preview(&step.call()).await {
        Ok(preview) => preview,
        Err(error) => panic!("{name}: {error:?}"),
    };
    let outcome = step.run(&preview).await;
    let Outcome::Failed { error: LookError::Refused { detail, .. } } = &outcome else {
        panic!("{name}: {outcome:?}");
    };
    assert!(is_failed(&outcome) && (detail.contains("422") || detail.contains("400")), "{detail}");
}

const GITHUB: &str = include_str!("../../../../prompts/connectors/github.yaml");
const JIRA: &str = include_str!("../../../../prompts/connectors/jira.yaml");
const ARGOCD: &str = include_str!("../../../../prompts/connectors/argocd.yaml");

#[tokio::test]
async fn prism_accepts_every_operation_of_github_and_refuses_a_wrong_one() {
    let description = npm().join("node_modules/@octokit/openapi/generated/api.github.com.json");
    let judge = judge(description).await;
    let workflow = json!({"repository": "luneo/luneo-platform", "workflow": "deploy.yml"});
    let run = json!({"repository": "luneo/luneo-platform", "run": 42});
    let all = [
        ("workflow", workflow.clone()),
        ("disable_workflow", workflow.clone()),
        ("enable_workflow", workflow.clone()),
        ("runs", workflow.clone()),
        ("run", run.clone()),
        ("cancel_run", run),
        ("rate_limit", json!({})),
    ];
    accepts(&written(GITHUB), &judge, &all, &[]).await;
    let wrong = ("status: {default: in_progress", "status: {default: sleeping");
    refuses(GITHUB, wrong, &judge, "runs", workflow).await;
}

#[tokio::test]
async fn prism_accepts_every_operation_of_jira_and_refuses_a_wrong_one() {
    let judge = judge(specification("jira-cloud-v3.openapi.json")).await;
    let ticket = json!({"project": "OPS", "summary": "OPS-DR", "text": "since 10:00"});
    let mut action = ticket.clone();
    action["owner"] = "5b10a2844c20165700ede21g".into();
    action["due"] = "2026-12-20".into();
    let all = [
        ("myself", json!({})),
        ("issue", json!({"issue": "OPS-1"})),
        ("create_issue", ticket),
        ("create_action", action),
        ("comment", json!({"issue": "OPS-1", "text": "writer is us-east-1"})),
        ("comment_of", json!({"issue": "OPS-1", "comment": "10001"})),
        ("transition", json!({"issue": "OPS-1", "transition": "5", "to": "Done"})),
        ("links", json!({"issue": "OPS-1"})),
        ("link", json!({"issue": "OPS-1", "url": "https://dr.example.com/", "title": "Evidence"})),
    ];
    // What tickets are found by is younger than the description: a stand-in judges it, in `documented`. So the looks
    // of what is found by it tell nothing here, and must not be taken for a no.
    accepts(&written(JIRA), &judge, &all, &["find"]).await;
    let with = json!({"issue": "OPS-1", "url": "https://dr.example.com/", "title": "Evidence"});
    let wrong = ("object: {url: \"${with.url}\", title: \"${with.title}\"}", "subject: {}");
    refuses(JIRA, wrong, &judge, "link", with).await;
}

#[tokio::test]
async fn prism_accepts_every_operation_of_argocd_and_refuses_a_wrong_one() {
    let judge = judge(specification("argo-cd.swagger.json")).await;
    let application = json!({"application": "luneo-api"});
    let sync = json!({"application": "luneo-api", "revision": "v2", "previous": "v1"});
    let all = [
        ("application", application.clone()),
        ("freeze", application.clone()),
        ("thaw", application),
        ("sync", sync.clone()),
        ("may_get", json!({})),
    ];
    accepts(&written(ARGOCD), &judge, &all, &[]).await;
    let wrong = ("prune: \"${with.prune}\"", "prune: \"yes\"");
    refuses(ARGOCD, wrong, &judge, "sync", sync).await;
}
