//! A stand-in for what no emulator of AWS knows: ElastiCache Global Datastores.
//!
//! It speaks the query protocol, keeps a little state, takes its time over a failover, refuses what AWS refuses, and passes
//! every other call on to an emulator. Its replies are held against botocore's own parser (`tests/judge/aws.py`).

#![expect(clippy::disallowed_methods, reason = "the stand-in ends with the value that holds it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The Global Datastore it holds.
pub(crate) const DATASTORE: &str = "ldgnf-shop";
/// Its members: group and region; the first is the primary in the beginning.
pub(crate) const GROUPS: [(&str, &str); 2] =
    [("shop-redis-eu", "eu-west-1"), ("shop-redis-us", "us-east-1")];

/// How often it says that it is being modified.
const LOOKS_UNTIL_SETTLED: u32 = 2;

#[derive(Debug)]
struct Datastore {
    members: Vec<(&'static str, &'static str)>,
    primary: &'static str,
    /// Who is the primary once it is settled.
    coming: &'static str,
    busy: u32,
    replies: Vec<Value>,
}

/// A running stand-in.
#[derive(Debug)]
pub(crate) struct StandIn {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    state: Arc<Mutex<Datastore>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    to: String,
    client: reqwest::Client,
    state: Arc<Mutex<Datastore>>,
}

impl StandIn {
    /// Listens in front of an emulator.
    pub(crate) async fn before(to: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = Arc::new(Mutex::new(Datastore {
            members: GROUPS.to_vec(),
            primary: GROUPS[0].0,
            coming: GROUPS[0].0,
            busy: 0,
            replies: vec![],
        }));
        let shared = Shared { to: to.to_owned(), client: super::http(), state: Arc::clone(&state) };
        let router = Router::new().fallback(answer).with_state(shared);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until aborted");
        });
        Self { endpoint, state, task }
    }

    /// Every reply it made up, for the judge: operation, status, body.
    pub(crate) fn replies(&self) -> Vec<Value> {
        self.state.lock().expect("nobody panics while holding it").replies.clone()
    }
}

async fn answer(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("requests are small");
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let action = form.get("Action").cloned().unwrap_or_default();
    let made = {
        let mut state = shared.state.lock().expect("nobody panics while holding it");
        let made = state.answer(&action, &form, &region_of(&head));
        if let Some((status, body)) = &made {
            let reply = json!({
                "service": "elasticache", "operation": action, "status": status.as_u16(), "body": body,
            });
            state.replies.push(reply);
        }
        made
    };
    match made {
        Some((status, body)) => {
            let headers = [("content-type", "text/xml"), ("x-amzn-requestid", "stand-in-1")];
            (status, headers, body).into_response()
        }
        None => pass(&shared, &head, body).await,
    }
}

/// The region a call was signed for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn region_of(head: &axum::http::request::Parts) -> String {
    let signed = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    signed.and_then(|value| value.split('/').nth(2)).unwrap_or_default().to_owned()
}

async fn pass(shared: &Shared, head: &axum::http::request::Parts, body: Bytes) -> Response<Body> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = head.headers.clone();
    headers.remove("content-length");
    let to = format!("{}{path}", shared.to);
    let sent = shared.client.request(head.method.clone(), to).headers(headers).body(body).send();
    let Ok(answer) = sent.await else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::builder().status(answer.status());
    for name in ["content-type", "x-amzn-requestid", "x-amz-request-id"] {
        if let Some(value) = answer.headers().get(name) {
            response = response.header(name, value);
        }
    }
    let bytes = answer.bytes().await.expect("the emulator answers whole");
    response.body(Body::from(bytes)).expect("it came from a response")
}

impl Datastore {
    fn answer(
        &mut self,
        action: &str,
        form: &BTreeMap<String, String>,
        region: &str,
    ) -> Option<(StatusCode, String)> {
        let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let known = given("GlobalReplicationGroupId") == DATASTORE;
        match action {
            "DescribeGlobalReplicationGroups"
            | "FailoverGlobalReplicationGroup"
            | "DisassociateGlobalReplicationGroup"
                if !known =>
            {
                Some(refused(
                    StatusCode::NOT_FOUND,
                    "GlobalReplicationGroupNotFoundFault",
                    "no such Global Datastore",
                ))
            }
            "DescribeGlobalReplicationGroups" => {
                self.busy = self.busy.saturating_sub(1);
                if self.busy == 0 {
                    self.primary = self.coming;
                }
                let all =
                    format!("<GlobalReplicationGroups>{}</GlobalReplicationGroups>", self.xml());
                Some(done(action, &all))
            }
            "FailoverGlobalReplicationGroup" | "DisassociateGlobalReplicationGroup"
                if self.busy > 0 =>
            {
                Some(refused(
                    StatusCode::BAD_REQUEST,
                    "InvalidGlobalReplicationGroupState",
                    "the Global Datastore is being modified",
                ))
            }
            "FailoverGlobalReplicationGroup" => {
                let wanted = (given("PrimaryReplicationGroupId"), given("PrimaryRegion"));
                if wanted.1 != region {
                    let why = "called in another region than the new primary's";
                    return Some(refused(StatusCode::BAD_REQUEST, "InvalidParameterValue", why));
                }
                let Some(member) = self.members.iter().find(|member| **member == wanted) else {
                    let why = "the new primary is not a member in that region";
                    return Some(refused(StatusCode::BAD_REQUEST, "InvalidParameterValue", why));
                };
                (self.coming, self.busy) = (member.0, LOOKS_UNTIL_SETTLED);
                Some(done(action, &self.xml()))
            }
            "DisassociateGlobalReplicationGroup" => {
                let wanted = (given("ReplicationGroupId"), given("ReplicationGroupRegion"));
                if self.primary == wanted.0 || !self.members.contains(&wanted) {
                    let why = "only a secondary member can leave";
                    return Some(refused(StatusCode::BAD_REQUEST, "InvalidParameterValue", why));
                }
                self.members.retain(|member| *member != wanted);
                self.busy = LOOKS_UNTIL_SETTLED;
                Some(done(action, &self.xml()))
            }
            _ => None,
        }
    }

    fn xml(&self) -> String {
        let status = match (self.busy, self.members.len()) {
            (1.., _) => "modifying",
            (0, 1) => "primary-only",
            (0, _) => "available",
        };
        let member = |(group, region): &(&str, &str)| {
            let role = if *group == self.primary { "PRIMARY" } else { "SECONDARY" };
            format!(
                "<GlobalReplicationGroupMember><ReplicationGroupId>{group}</ReplicationGroupId>\
                 <ReplicationGroupRegion>{region}</ReplicationGroupRegion><Role>{role}</Role>\
                 <AutomaticFailover>enabled</AutomaticFailover><Status>associated</Status>\
                 </GlobalReplicationGroupMember>"
            )
        };
        let members: String = self.members.iter().map(member).collect();
        format!(
            "<GlobalReplicationGroup><GlobalReplicationGroupId>{DATASTORE}</GlobalReplicationGroupId>\
             <Status>{status}</Status><Engine>redis</Engine><Members>{members}</Members>\
             </GlobalReplicationGroup>"
        )
    }
}

fn done(action: &str, result: &str) -> (StatusCode, String) {
    let body = format!(
        "<{action}Response xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\">\
         <{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>stand-in-1</RequestId></ResponseMetadata></{action}Response>"
    );
    (StatusCode::OK, body)
}

fn refused(status: StatusCode, code: &str, message: &str) -> (StatusCode, String) {
    let body = format!(
        "<ErrorResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>stand-in-1</RequestId></ErrorResponse>"
    );
    (status, body)
}
