//! Servers with what the actions work on. A server is started once and then emptied and filled again for every rig, which
//! takes a tenth of a start; taps and stand-ins are new each time.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use dr_buddy::actions::Actions;
use futures_util::FutureExt;
use reqwest::Method;
use roxmltree::Node;
use serde_json::Value;

use super::rigs::{Judge, RIGS, Rig};
use super::seeds::{self, Seeds, ask, call_target};
use super::{ACCOUNT, MOTO_ACCOUNT, Step, aws_at, environment};
use crate::harness::{AwsWorld, Ministack, Moto, StandIn, Tap, ministack, moto};

/// A server with what the action works on.
pub(super) enum Bed {
    Ministack(Box<(Ministack, AwsWorld)>),
    Moto(Box<(Moto, Seeds)>),
    /// What no emulator knows, in front of one.
    StandIn(Box<(Ministack, StandIn, Tap)>),
}

impl Bed {
    pub(super) async fn new(judge: Judge) -> Self {
        match judge {
            Judge::Ministack => Self::shop_in(ministack().await).await,
            Judge::Moto => Self::seeded(moto().await).await,
            Judge::StandIn => Self::in_front_of(ministack().await).await,
        }
    }

    /// The same server, as if it had just been started, and a tap that has seen nothing.
    pub(super) async fn renewed(self) -> Self {
        match self {
            Self::Ministack(both) => Self::shop_in(both.0.renewed().await).await,
            Self::Moto(both) => Self::seeded(both.0.renewed().await).await,
            Self::StandIn(all) => Self::in_front_of(all.0.renewed().await).await,
        }
    }

    /// The shop in this server.
    pub(super) async fn shop_in(server: Ministack) -> Self {
        let world = AwsWorld::seed(&server).await;
        world.upsert([seeds::www()]).await;
        seeds::of_ministack(&server.direct).await;
        Self::Ministack(Box::new((server, world)))
    }

    async fn seeded(server: Moto) -> Self {
        let seeds = seeds::of_moto(&server.direct).await;
        Self::Moto(Box::new((server, seeds)))
    }

    async fn in_front_of(server: Ministack) -> Self {
        seeds::of_ministack(&server.direct).await;
        let stand_in = StandIn::before(&server.direct).await;
        let tap = Tap::before(&stand_in.endpoint).await;
        Self::StandIn(Box::new((server, stand_in, tap)))
    }

    pub(super) fn shop(&self) -> &AwsWorld {
        match self {
            Self::Ministack(both) => &both.1,
            Self::Moto(_) | Self::StandIn(_) => panic!("the shop is in ministack"),
        }
    }

    pub(super) fn seeds(&self) -> &Seeds {
        match self {
            Self::Moto(both) => &both.1,
            Self::Ministack(_) | Self::StandIn(_) => panic!("these are in moto"),
        }
    }

    pub(super) fn tap(&self) -> &Tap {
        match self {
            Self::Ministack(both) => &both.0.tap,
            Self::Moto(both) => &both.0.tap,
            Self::StandIn(all) => &all.2,
        }
    }

    /// The server itself, past the tap.
    fn direct(&self) -> &str {
        match self {
            Self::Ministack(both) => &both.0.direct,
            Self::Moto(both) => &both.0.direct,
            Self::StandIn(all) => &all.1.endpoint,
        }
    }

    pub(super) fn account(&self) -> &'static str {
        match self {
            Self::Ministack(_) | Self::StandIn(_) => ACCOUNT,
            Self::Moto(_) => MOTO_ACCOUNT,
        }
    }

    pub(super) fn step(&self, rig: &Rig) -> Step {
        let actions: Actions = aws_at(&self.tap().endpoint);
        let mut step = Step::new(&actions, rig.name, (rig.with)(self));
        step.environment = environment(self.account());
        step
    }

    /// What the server itself says of what the rig's action works on, whatever the product makes of it.
    pub(super) async fn raw(&self, rig: &Rig) -> Vec<String> {
        let mut all = vec![];
        for question in (rig.raw)(self) {
            all.push(question.of(self.direct()).await);
        }
        all
    }
}

/// All rigs, those of different judges at the same time, each on its judge's server as if that had just been started. Then
/// which failed, so that one run tells everything.
pub(super) async fn for_every_rig(check: impl AsyncFn(&'static Rig, &Bed)) {
    for_every(true, check).await;
}

/// The same on servers that keep what the rigs before did there: for checks that change nothing.
pub(super) async fn for_every_rig_at_rest(check: impl AsyncFn(&'static Rig, &Bed)) {
    for_every(false, check).await;
}

async fn for_every(anew: bool, check: impl AsyncFn(&'static Rig, &Bed)) {
    let failed = RefCell::new(vec![]);
    let all_of = async |judge: Judge| {
        let mut bed = None;
        for rig in RIGS.iter().filter(|rig| rig.judge == judge) {
            let next = match bed.take() {
                None => Bed::new(judge).await,
                Some(bed) if !anew => bed,
                Some(bed) => Bed::renewed(bed).await,
            };
            if AssertUnwindSafe(check(rig, &next)).catch_unwind().await.is_err() {
                failed.borrow_mut().push(rig.name);
            }
            bed = Some(next);
        }
    };
    tokio::join!(
        Box::pin(all_of(Judge::Ministack)),
        Box::pin(all_of(Judge::Moto)),
        Box::pin(all_of(Judge::StandIn)),
    );
    let failed = failed.into_inner();
    assert!(failed.is_empty(), "these failed, see above: {failed:?}");
}

/// A question to a server itself.
pub(super) struct Ask {
    service: &'static str,
    region: &'static str,
    how: How,
}

enum How {
    /// A path that is read.
    Get(String),
    /// A call of the query protocol.
    Form(String),
    /// A call of a JSON protocol, and what it is given.
    Json(&'static str, Value),
}

impl Ask {
    pub(super) fn get(service: &'static str, region: &'static str, path: &str) -> Self {
        Self { service, region, how: How::Get(path.to_owned()) }
    }

    pub(super) fn form(service: &'static str, region: &'static str, form: &str) -> Self {
        Self { service, region, how: How::Form(form.to_owned()) }
    }

    /// In us-east-1.
    pub(super) fn json(service: &'static str, action: &'static str, with: Value) -> Self {
        Self { service, region: "us-east-1", how: How::Json(action, with) }
    }

    async fn of(self, server: &str) -> String {
        let Self { service, region, how } = self;
        let answer = match how {
            How::Get(path) => ask(server, service, region, Method::GET, &path, String::new()).await,
            How::Form(form) => seeds::form(server, service, region, form).await,
            How::Json(action, with) => call_target(server, service, region, action, &with).await,
        };
        lasting(&answer)
    }
}

/// What is another at every call or every look, and no part of what the action works on: ids of calls and of rules that are
/// written again, when something was touched, how far an experiment is.
const PASSING: [&str; 11] = [
    "RequestId",
    "requestId",
    "securityGroupRuleId",
    "LastModified",
    "modifiedAt",
    "state",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "AlarmConfigurationUpdatedTimestamp",
    "LastAccessedDate",
    "LatestRestorableTime",
];

/// An answer without what passes, and in an order of its own: servers list in any order.
fn lasting(answer: &str) -> String {
    if let Ok(document) = roxmltree::Document::parse(answer) {
        return of_xml(document.root_element());
    }
    serde_json::from_str(answer).map_or_else(|_| answer.to_owned(), |value| of_json(&value))
}

fn of_xml(node: Node<'_, '_>) -> String {
    let name = node.tag_name().name();
    let children = node.children().filter(Node::is_element);
    let children = children.filter(|one| !PASSING.contains(&one.tag_name().name()));
    let mut children: Vec<String> = children.map(of_xml).collect();
    children.sort();
    let text = node.text().unwrap_or_default().trim();
    format!("{name}({text}{})", children.join(" "))
}

fn of_json(value: &Value) -> String {
    match value {
        Value::Object(all) => {
            let lasting = all.iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
            let mut parts: Vec<String> =
                lasting.map(|(name, value)| format!("{name}={}", of_json(value))).collect();
            parts.sort();
            format!("({})", parts.join(" "))
        }
        Value::Array(all) => {
            let mut parts: Vec<String> = all.iter().map(of_json).collect();
            parts.sort();
            format!("[{}]", parts.join(" "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[test]
fn what_passes_and_in_which_order_it_is_told_is_no_difference_and_who_has_what_is_one() {
    let xml = |first: &str, second: &str, id: u8| {
        format!("<A xmlns='x'><RequestId>{id}</RequestId><L><m>{first}</m><m>{second}</m></L></A>")
    };
    let (eu, us) = ("<id>eu</id><role>PRIMARY</role>", "<id>us</id><role>SECONDARY</role>");
    assert_eq!(lasting(&xml(eu, us, 1)), lasting(&xml(us, eu, 2)));
    let swapped = ("<id>eu</id><role>SECONDARY</role>", "<id>us</id><role>PRIMARY</role>");
    assert_ne!(lasting(&xml(eu, us, 1)), lasting(&xml(swapped.0, swapped.1, 1)));
    let json = r#"{"modifiedAt": 1, "all": [{"a": 1, "b": 2}, {"a": 2, "b": 1}]}"#;
    assert_eq!(lasting(json), lasting(&json.replace("At\": 1", "At\": 2")));
    assert_ne!(lasting(json), lasting(&json.replace("\"b\": 2", "\"b\": 3")));
}
