//! Every action by its name: what does it, and what pretends it in a tabletop.
//!
//! A new one is a line in [`Actions::new`], beside its row in [`crate::domain::action`] and its two files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::aws::{
    Aurora, Aws, AwsSettings, Backfill, CheckMetric, CheckTargets, CloseGroup, Detach, DetachGroup,
    FailoverGlobal, Job, Latch, Pin, Promote, PromoteReplica, PromoteSecret, PutPolicy,
    ReplaceHost, ReserveCapacity, ScaleNodes, SetAlarm, SetReplication, SetRoutingControl, SetTtl,
    Setting, StartAutomation, StartExperiment, SwapRoles,
};
use super::connections::Connections;
use super::connector;
use super::dns::{self, DnsSettings};
use super::exec::{Exec, ExecSettings};
use super::http::{Canary, Change, Check, HttpSettings};
use super::human::Human;
use super::kube::{KubeSettings, Object, Restart, Scale, SuspendCronJobs, Sync, WaitReady};
use super::redis::{self, Drained};
use super::simulated::connector::Pretended;
use super::simulated::{self, Pretend};
use super::sql;
use super::{Action, Permission};
use crate::domain::connector::Connector;
use crate::domain::ids::Digest;
use crate::domain::run::Kind;
use crate::domain::runbook::ActionCall;

/// How to reach the outside systems.
#[derive(Debug, Clone, Default)]
pub struct ActionSettings {
    /// AWS.
    pub aws: AwsSettings,
    /// Kubernetes.
    pub kube: KubeSettings,
    /// Endpoints that are checked, and those that may be changed.
    pub http: HttpSettings,
    /// Name servers and resolvers.
    pub dns: DnsSettings,
    /// Databases, by name.
    pub connections: Connections,
    /// Programs that may be run.
    pub exec: ExecSettings,
    /// Systems that are documents.
    pub connectors: Vec<Connector>,
}

/// The implementations, by the names of [`crate::domain::action::all`].
#[derive(Debug, Clone)]
pub struct Actions {
    all: BTreeMap<String, Pair>,
}

/// Actions whose permissions are a policy of their own, so that nobody holds them by the way.
const LAST_RESORTS: [&str; 3] = ["aurora.detach", "elasticache.detach", "route53.swap_roles"];

/// Actions that break something for an exercise: no part of what an incident may do.
const DRILLS: [&str; 3] = ["cloudwatch.set_alarm", "fis.start_experiment", "s3.put_policy"];

/// What does it, what pretends it, and of a connector's operation what both were made from.
#[derive(Debug, Clone)]
struct Pair {
    source: Option<Digest>,
    real: Arc<dyn Action>,
    pretended: Arc<dyn Action>,
}

/// An action and its stand-in.
fn line(name: &'static str, real: impl Action + 'static, pretend: impl Pretend + 'static) -> Line {
    let pretended = Arc::new(simulated::of(name, pretend));
    (name.to_owned(), Pair { source: None, real: Arc::new(real), pretended })
}

/// What people do is the same in a tabletop.
fn people(name: &'static str, what: &'static str) -> Line {
    let human: Arc<dyn Action> = Arc::new(Human { what });
    (name.to_owned(), Pair { source: None, real: Arc::clone(&human), pretended: human })
}

/// The operations of a connector.
fn operations(connector: Connector, settings: &HttpSettings, aws: &Arc<Aws>) -> Vec<Line> {
    let connector = Arc::new(connector);
    let all = connector::all(&connector, settings, aws);
    let one = |(name, real): (String, connector::Operations)| {
        let own = name.split_once('.').map_or("", |(_, own)| own).to_owned();
        let source = Some(connector.source(&own));
        let pretend = Pretended { connector: Arc::clone(&connector), name: own };
        let pretended: Arc<dyn Action> = Arc::new(simulated::of(&name, pretend));
        (name, Pair { source, real: Arc::new(real), pretended })
    };
    all.into_iter().map(one).collect()
}

/// A name, what does it, and what pretends it.
type Line = (String, Pair);

/// What keeps data at AWS.
fn stores(on: &Arc<Aws>) -> Vec<Line> {
    use simulated::{aurora, elasticache, secrets};
    let aws = || Arc::clone(on);
    vec![
        line("aurora.failover", Aurora::failover(aws()), aurora::Move { lossy: true }),
        line("aurora.switchover", Aurora::switchover(aws()), aurora::Move { lossy: false }),
        line("aurora.detach", Detach::action(aws()), aurora::DETACH),
        line("rds.promote_read_replica", PromoteReplica::action(aws()), aurora::PROMOTE_REPLICA),
        line(
            "elasticache.failover_global",
            FailoverGlobal::action(aws()),
            elasticache::FAILOVER_GLOBAL,
        ),
        line("elasticache.detach", DetachGroup::action(aws()), elasticache::DETACH),
        line("elasticache.promote", Promote::action(aws()), elasticache::PROMOTE),
        line(
            "secretsmanager.promote_replica",
            PromoteSecret::action(aws()),
            secrets::PROMOTE_REPLICA,
        ),
        line("secretsmanager.replace_host", ReplaceHost::new(aws()), secrets::ReplaceHost),
    ]
}

/// Traffic, room and the rest at AWS.
fn services(on: &Arc<Aws>) -> Vec<Line> {
    use simulated::{looks, route53, services};
    let aws = || Arc::clone(on);
    vec![
        line("route53.latch", Latch::action(aws()), route53::LATCH),
        line("arc.set_routing_control", SetRoutingControl::action(aws()), route53::ROUTING_CONTROL),
        line("s3.set_replication", SetReplication::action(aws()), services::SET_REPLICATION),
        line("s3.backfill", Backfill::action(aws()), services::BACKFILL),
        line("s3.put_policy", PutPolicy::action(aws()), services::PUT_POLICY),
        line("eks.scale_nodes", ScaleNodes::action(aws()), services::SCALE_NODES),
        line("alb.reserve_capacity", ReserveCapacity::action(aws()), services::RESERVE_CAPACITY),
        line("ec2.close_security_group", CloseGroup::action(aws()), services::CLOSE_GROUP),
        line("cloudwatch.check", CheckMetric::action(aws()), looks::CHECK_METRIC),
        line("elbv2.check_targets", CheckTargets::action(aws()), looks::CHECK_TARGETS),
        line("cloudwatch.set_alarm", SetAlarm::action(aws()), services::SET_ALARM),
        line("ssm.start_automation", StartAutomation::action(aws()), services::START_AUTOMATION),
        line("fis.start_experiment", StartExperiment::action(aws()), services::START_EXPERIMENT),
        line("route53.pin", Pin::action(aws()), route53::Pin),
        line("route53.swap_roles", SwapRoles::action(aws()), route53::SWAP_ROLES),
        line("route53.set_ttl", SetTtl::action(aws()), route53::SET_TTL),
    ]
}

/// Clusters, programs, endpoints, databases, people.
fn elsewhere(settings: ActionSettings) -> Vec<Line> {
    use simulated::{exec, http, kube, kube_state};
    let (clusters, databases) = (|| settings.kube.clone(), || settings.connections.clone());
    vec![
        line("k8s.scale", Scale::new(clusters()), kube::Scale),
        line("k8s.restart", Restart::new(clusters()), kube::Restart),
        line("k8s.apply", Object::apply(clusters()), kube_state::APPLY),
        line("k8s.patch", Object::patch(clusters()), kube_state::PATCH),
        line(
            "k8s.suspend_cronjobs",
            SuspendCronJobs::new(clusters()),
            kube_state::SUSPEND_CRONJOBS,
        ),
        line("k8s.wait_ready", WaitReady::new(clusters()), kube_state::WaitReady),
        line("external_secrets.sync", Sync::new(clusters()), kube_state::SYNC),
        line("exec.check", Exec::check(settings.exec.clone()), exec::Run),
        line("exec", Exec::act(settings.exec), exec::Run),
        line("http.check", Check::new(settings.http.clone()), http::Check),
        line("http.canary", Canary::new(settings.http.clone()), http::Canary),
        line("http.request", Change::new(settings.http), http::REQUEST),
        line("dns.check", dns::Check::action(settings.dns), simulated::dns::CHECK),
        line("sql.check", sql::Check::action(databases()), simulated::sql::CHECK),
        line("sql.canary", sql::Canary::new(databases()), simulated::sql::Canary),
        line("redis.check", redis::Check::action(databases()), simulated::redis::CHECK),
        line("bullmq.drained", Drained::action(databases()), simulated::redis::DRAINED),
        people("human.task", "task"),
        people("human.decide", "decide"),
    ]
}

impl Actions {
    /// Connects to nothing: clients are made when they are needed.
    pub fn new(mut settings: ActionSettings) -> Self {
        let aws = Arc::new(Aws::new(settings.aws.clone()));
        let connectors = std::mem::take(&mut settings.connectors).into_iter();
        let connectors: Vec<Line> =
            connectors.flat_map(|one| operations(one, &settings.http, &aws)).collect();
        let all = stores(&aws).into_iter().chain(services(&aws)).chain(elsewhere(settings));
        Self { all: all.chain(connectors).collect() }
    }

    /// These as the real ones, and no others.
    pub fn of(real: impl IntoIterator<Item = (&'static str, Arc<dyn Action>)>) -> Self {
        let mut all = Self::new(ActionSettings::default()).all;
        let pairs = real.into_iter().filter_map(|(name, real)| {
            let Pair { source, pretended, .. } = all.remove(name)?;
            Some((name.to_owned(), Pair { source, real, pretended }))
        });
        Self { all: pairs.collect() }
    }

    /// The implementation for a run of this kind: in a tabletop the pretended one, else the real one; never a mix.
    ///
    /// # Errors
    /// There is none, or its connector is not what it was when the run began.
    pub fn find(&self, kind: Kind, call: &ActionCall) -> Result<Arc<dyn Action>, Absent> {
        let pair = self.all.get(&call.name).ok_or(Absent::Unknown)?;
        if pair.source.as_ref() != call.source() {
            return Err(Absent::Changed);
        }
        Ok(Arc::clone(match kind {
            Kind::Tabletop => &pair.pretended,
            Kind::Incident | Kind::Exercise => &pair.real,
        }))
    }

    /// The real implementation of this action.
    pub fn real(&self, name: &str) -> Option<Arc<dyn Action>> {
        self.all.get(name).map(|pair| Arc::clone(&pair.real))
    }

    /// What the permissions of this action for doing are kept under.
    pub(super) fn acts_for(name: &str) -> Purpose {
        match name {
            name if LAST_RESORTS.contains(&name) => Purpose::LastResort,
            name if DRILLS.contains(&name) => Purpose::Drill,
            _ => Purpose::Act,
        }
    }

    /// Everything the real actions need: for looking, and for doing.
    pub fn permissions(&self, purpose: Purpose) -> BTreeSet<Permission> {
        let of = |name: &str, pair: &Pair| match purpose {
            Purpose::Look => pair.real.permissions().look,
            act if act == Self::acts_for(name) => pair.real.permissions().act,
            Purpose::Act | Purpose::LastResort | Purpose::Drill => &[],
        };
        self.all.iter().flat_map(|(name, pair)| of(name, pair).iter().copied()).collect()
    }
}

/// Why nobody can do what a step says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// There is no such action, or no such connector any more.
    Unknown,
    /// Its connector is another one than when the run began.
    Changed,
}

/// What a permission is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Preview and probe, on any day.
    Look,
    /// Run and undo, in an incident or exercise.
    Act,
    /// Run and undo of what no good runbook does: given only where it is wanted, best for an hour.
    LastResort,
    /// Run and undo of what breaks something: given where exercises are held, and not in production.
    Drill,
}

impl Purpose {
    /// The file in `deploy/aws` that holds its permissions.
    pub fn file(self) -> &'static str {
        match self {
            Self::Look => "look-policy.json",
            Self::Act => "act-policy.json",
            Self::LastResort => "last-resort-policy.json",
            Self::Drill => "drill-policy.json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action;

    fn actions() -> Actions {
        Actions::new(ActionSettings::default())
    }

    #[test]
    fn every_row_of_the_table_has_an_implementation_and_nothing_else_does() {
        let actions = actions();
        for spec in action::all() {
            assert!(actions.real(&spec.name).is_some(), "{}", spec.name);
        }
        assert_eq!(actions.all.len(), action::all().count());
        assert!(actions.real("aurora.fail").is_none());
    }

    #[test]
    fn a_step_that_was_frozen_with_another_connector_is_not_done() {
        let mut operation = action::find("http.request").unwrap().clone();
        operation.source = Some(Digest::of(b"as it was"));
        let frozen = ActionCall {
            name: "http.request".to_owned(),
            with: serde_json::Map::new(),
            operation: Some(Box::new(operation)),
        };
        let own = ActionCall { operation: None, ..frozen.clone() };
        let gone = ActionCall { name: "http.gone".to_owned(), ..frozen.clone() };
        let actions = actions();
        for kind in [Kind::Incident, Kind::Exercise, Kind::Tabletop] {
            let why = |call| actions.find(kind, call).err();
            assert_eq!(why(&own), None);
            assert_eq!(why(&frozen), Some(Absent::Changed));
            assert_eq!(why(&gone), Some(Absent::Unknown));
        }
    }

    #[test]
    fn every_action_that_changes_something_says_what_it_needs() {
        let actions = actions();
        // What these may do, the users and tokens of their own systems say, not AWS or Kubernetes.
        let others = ["human.", "http.", "dns.", "sql.", "redis.", "bullmq.", "exec"];
        for spec in action::all() {
            let needs = actions.real(&spec.name).unwrap().permissions();
            let is_other = others.iter().any(|system| spec.name.starts_with(system));
            let acts = !is_other && spec.danger != action::Danger::Reads;
            assert_eq!(
                (!needs.look.is_empty(), !needs.act.is_empty()),
                (!is_other, acts),
                "{}",
                spec.name
            );
        }
    }
}
