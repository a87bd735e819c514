//! The records that send users here or there, and what turns them.

use reqwest::Method;
use serde_json::Value;

use super::tools::{Looks, Must, Row, Tools, each, number, or_absent, said};
use super::{Look, Place};
use crate::actions::aws::{Ask, ROUTE53_REGION};
use crate::actions::params::unsafe_because;
use crate::actions::{LookError, Permission};

const ZONE: &[Permission] =
    &[Permission::Aws("route53:ListResourceRecordSets", &["arn:aws:route53:::hostedzone/ZONE_ID"])];

pub(super) const ALL: &[Row] = &[
    Row { name: "dns_records", look: |tools, place| Box::pin(records(tools, place)), needs: ZONE },
    Row {
        name: "dns_health_check",
        look: |tools, place| Box::pin(health_check(tools, place)),
        needs: &[
            Permission::Aws(
                "route53:ListResourceRecordSets",
                &["arn:aws:route53:::hostedzone/ZONE_ID"],
            ),
            Permission::Aws("route53:GetHealthCheck", &["arn:aws:route53:::healthcheck/*"]),
        ],
    },
    Row { name: "dns_ttl", look: |tools, place| Box::pin(ttl(tools, place)), needs: ZONE },
];

/// Asks Route 53 at a path; ids stand in it.
async fn ask(
    tools: &Tools,
    (before, id, after): (&str, &str, &str),
    query: &[(&str, &str)],
) -> Result<Value, LookError> {
    if !id.chars().all(|one| one.is_ascii_alphanumeric() || one == '-') {
        return Err(unsafe_because(format!("`{id}` is no id of Route 53")));
    }
    let path = format!("/2013-04-01/{before}/{id}{after}");
    let mut ask = Ask::rest("route53", ROUTE53_REGION, Method::GET, &path).at("route53".to_owned());
    for (name, value) in query {
        ask = ask.query(name, value);
    }
    Ok(tools.document("route53".into(), &ask, &[]).await?.unwrap_or_default())
}

/// A name as it is compared.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// The address records of the environment's name.
async fn of_name(tools: &Tools, place: Place<'_>) -> Option<Result<Vec<Value>, LookError>> {
    let (zone, name) = (place.text("/dns/zone")?, place.text("/dns/name")?);
    // From that name on: its own records are the first.
    let from = [("name", name), ("maxitems", "100")];
    let found = match ask(tools, ("hostedzone", zone, "/rrset"), &from).await {
        Ok(found) => found,
        Err(error) => return Some(Err(error)),
    };
    let all = each(&found, "/ResourceRecordSets/ResourceRecordSet").into_iter();
    let is_ours = |one: &&Value| {
        said(one, "/Name").is_some_and(|found| same(&found, name))
            && ["A", "AAAA", "CNAME"].contains(&said(one, "/Type").unwrap_or_default().as_str())
    };
    Some(Ok(all.filter(is_ours).cloned().collect()))
}

fn of_role<'a>(all: &'a [Value], role: &str) -> Vec<&'a Value> {
    let is_it = |one: &&Value| said(one, "/Failover").as_deref() == Some(role);
    all.iter().filter(is_it).filter(|one| said(one, "/Type").as_deref() == Some("A")).collect()
}

/// D27: one PRIMARY and one SECONDARY, each with its name, its load balancer, and its load balancer's own zone.
async fn records(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(all) = of_name(tools, place).await else { return Ok(vec![]) };
    let all = all?;
    let mut looks = vec![];
    for (role, set, side) in [("PRIMARY", "primary_set", "primary"), ("SECONDARY", "dr_set", "dr")]
    {
        let found = of_role(&all, role);
        let count = found.len();
        let mut must = Must::of(role).hold(role, Some(count.to_string()), "1", count == 1);
        if let Some(one) = found.first() {
            if let Some(set) = place.text(&format!("/dns/{set}")) {
                must = must.be("SetIdentifier", or_absent(said(one, "/SetIdentifier")), set);
            }
            if let Some(zone) = place.text(&format!("/alb/{side}/zone")) {
                must = must.be(
                    "AliasTarget HostedZoneId",
                    or_absent(said(one, "/AliasTarget/HostedZoneId")),
                    zone,
                );
            }
            if let Some(dns) = place.text(&format!("/alb/{side}/dns")) {
                let is = said(one, "/AliasTarget/DNSName");
                let holds = is.as_deref().is_some_and(|is| same(is, dns));
                must = must.hold("AliasTarget DNSName", or_absent(is), dns, holds);
            }
            let healthy = said(one, "/AliasTarget/EvaluateTargetHealth");
            must = must.be("EvaluateTargetHealth", or_absent(healthy), "true");
        }
        looks.push(must.look());
    }
    Ok(looks)
}

/// D28: the PRIMARY is withdrawn by the latch, and fast.
async fn health_check(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(bucket), Some(key)) = (place.text("/dns/latch/bucket"), place.text("/dns/latch/key"))
    else {
        return Ok(vec![]);
    };
    let Some(all) = of_name(tools, place).await else { return Ok(vec![]) };
    let all = all?;
    let id = of_role(&all, "PRIMARY").first().and_then(|one| said(one, "/HealthCheckId"));
    let Some(id) = id else {
        return Ok(vec![Look::bad("", "doctor.saw.missing", &[("what", "HealthCheckId")])]);
    };
    let found = ask(tools, ("healthcheck", &id, ""), &[]).await?;
    let of = |what: &str| said(&found, &format!("/HealthCheck/HealthCheckConfig/{what}"));
    let most = |what: &str, most: f64| {
        let is = number(&found, &format!("/HealthCheck/HealthCheckConfig/{what}"));
        (or_absent(of(what)), is.is_some_and(|is| is <= most))
    };
    let (host, path) = (of("FullyQualifiedDomainName"), of("ResourcePath"));
    let is_latch = host.as_deref().is_some_and(|host| host.starts_with(&format!("{bucket}.")))
        && path.as_deref().is_some_and(|path| path.trim_start_matches('/') == key);
    let place_of =
        |host: Option<String>, path: Option<String>| Some(host? + &path.unwrap_or_default());
    // What is not said is not so.
    let flag = |what: &str| Some(of(what).map_or("false".into(), |is| is.to_ascii_lowercase()));
    let (interval, is_often) = most("RequestInterval", 10.0);
    let (threshold, is_soon) = most("FailureThreshold", 3.0);
    Ok(vec![
        Must::of("")
            .be("Inverted", flag("Inverted"), "true")
            .be("Disabled", flag("Disabled"), "false")
            .hold("URL", or_absent(place_of(host, path)), &format!("{bucket}…/{key}"), is_latch)
            .hold("RequestInterval", interval, "≤ 10 s", is_often)
            .hold("FailureThreshold", threshold, "≤ 3", is_soon)
            .look(),
    ])
}

/// D28: what is no alias is forgotten within a minute.
async fn ttl(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(all) = of_name(tools, place).await else { return Ok(vec![]) };
    let longest = all?.iter().filter_map(|one| number(one, "/TTL")).max_by(f64::total_cmp);
    let Some(longest) = longest else {
        return Ok(vec![Look::good("", "doctor.saw.fine", &[("what", "AliasTarget")])]);
    };
    let holds = longest <= 60.0;
    Ok(vec![Must::of("").hold("TTL", Some(format!("{longest} s")), "≤ 60 s", holds).look()])
}
