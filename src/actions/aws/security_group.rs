//! `ec2.close_security_group`: nobody opens a new connection to this port any more: the fence where Kubernetes does not
//! answer.
//!
//! Connections that are open may live on. Rules get another id when they come back, so they are told by what they allow.

use async_trait::async_trait;
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

use super::lever::Request;
use super::setting::{Seen, Set, Setting};
use super::wire::{Ask, child};
use super::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::params::{text, unsafe_because, whole};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Takes the rules away that open one port.
#[derive(Debug, Default)]
pub(in crate::actions) struct CloseGroup;

/// From the names of a described rule to those of a rule that is written, and where they stand in it.
const SOURCES: [(&str, &str); 3] = [
    ("cidrIpv4", "IpRanges.1.CidrIp"),
    ("cidrIpv6", "Ipv6Ranges.1.CidrIpv6"),
    ("prefixListId", "PrefixListIds.1.PrefixListId"),
];

fn ask(region: &str, action: &str, with: &[(String, String)]) -> Ask {
    Ask::form("ec2", "2016-11-15", region, action, with)
}

/// A rule as the parameters that write it, without the number in front of them.
fn rule(node: Node<'_, '_>) -> Option<Map<String, Value>> {
    let mut rule = Map::new();
    rule.insert("IpProtocol".into(), json!(child(node, "ipProtocol")?));
    for (from, to) in [("fromPort", "FromPort"), ("toPort", "ToPort")] {
        rule.insert(to.into(), json!(child(node, from)?));
    }
    let source =
        SOURCES.into_iter().find_map(|(from, to)| Some((to, child(node, from)?.to_owned())));
    let referenced = node.children().find(|one| one.tag_name().name() == "referencedGroupInfo");
    let peered = referenced.is_some_and(|group| child(group, "vpcPeeringConnectionId").is_some());
    // Of a network beyond a peering we could not write it again as it was.
    let group = referenced.filter(|_| !peered).and_then(|group| child(group, "groupId"));
    let (name, value) = source.or_else(|| Some(("Groups.1.GroupId", group?.to_owned())))?;
    let of = name.split_once('.')?.0.to_owned();
    rule.insert(name.to_owned(), json!(value));
    if let Some(description) = child(node, "description").filter(|text| !text.is_empty()) {
        rule.insert(format!("{of}.1.Description"), json!(description));
    }
    Some(rule)
}

/// The rules that open this port, in a fixed order; refuses one that opens more, which nobody meant to close.
fn opening(xml: &str, port: u32) -> Result<Vec<Value>, LookError> {
    let unreadable = |_| unsafe_because("EC2's answer is not XML: nothing is sent");
    let document = Document::parse(xml).map_err(unreadable)?;
    let mut found = vec![];
    for node in document.descendants().filter(|node| child(*node, "securityGroupRuleId").is_some())
    {
        let number = |name: &str| child(node, name).and_then(|text| text.parse::<i64>().ok());
        let (from, to) = (number("fromPort").unwrap_or(-1), number("toPort").unwrap_or(-1));
        let is_ours = from == to && from == i64::from(port);
        let covers = (from..=to).contains(&i64::from(port)) || from == -1;
        let is_tcp = ["tcp", "6", "-1"].contains(&child(node, "ipProtocol").unwrap_or_default());
        if child(node, "isEgress") == Some("true") || !covers || !is_tcp {
            continue;
        }
        let id = child(node, "securityGroupRuleId").unwrap_or_default();
        let rule = rule(node).filter(|_| is_ours).ok_or_else(|| {
            unsafe_because(format!(
                "rule {id} opens more than port {port}: make it a rule of its own first"
            ))
        })?;
        found.push(Value::Object(rule));
    }
    found.sort_by_key(Value::to_string);
    Ok(found)
}

#[async_trait]
impl Setting for CloseGroup {
    const SERVICE: &'static str = "ec2";
    const OPERATION: &'static str = "RevokeSecurityGroupIngress";
    const OF: &'static [&'static str] = &["group"];
    const FACT: &'static str = "rules";

    fn operation(&self, to: &Value) -> &'static str {
        let closes = to.as_array().is_none_or(Vec::is_empty);
        if closes { Self::OPERATION } else { "AuthorizeSecurityGroupIngress" }
    }

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let region = text(call, "region")?;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let with = [
            pair("Filter.1.Name", "group-id"),
            pair("Filter.1.Value.1", text(call, "group")?),
            pair("MaxResults", "1000"),
        ];
        let ask = ask(region, "DescribeSecurityGroupRules", &with);
        let answer = aws.ask(Purpose::Look, &ask).await;
        let answer = answer.map_err(|failure| failure.look(format!("ec2 in {region}")))?;
        let rules = opening(&answer.body, whole(call, "port")?)?;
        let line =
            if rules.is_empty() { "closed".to_owned() } else { format!("{} rules", rules.len()) };
        let facts = Map::from_iter([("is_closed".to_owned(), json!(rules.is_empty()))]);
        Ok(Seen { now: Value::Array(rules), is_settled: Some(true), facts, line: Some(line) })
    }

    fn to(&self, _call: &Call<'_>, _seen: &Seen) -> Result<Value, LookError> {
        Ok(json!([]))
    }

    fn shown(&self, value: &Value) -> String {
        let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let one = |rule: &Value| {
            let source = rule.as_object().and_then(|rule| {
                rule.iter().find(|(name, _)| name.contains('.') && !name.ends_with("Description"))
            });
            let port = rule.get("FromPort").and_then(Value::as_str).unwrap_or("?");
            format!("{port} from {}", source.and_then(|(_, value)| value.as_str()).unwrap_or("?"))
        };
        if all.is_empty() {
            "closed".into()
        } else {
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }

    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![Remark::new("remark.ec2.tracked", &[])]
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        // To close: what was there goes. To open again: the same comes back.
        let rules = if self.operation(&set.to) == Self::OPERATION { &set.from } else { &set.to };
        let mut with = vec![("GroupId".to_owned(), set.part("group").to_owned())];
        for (place, rule) in rules.as_array().into_iter().flatten().enumerate() {
            for (name, value) in rule.as_object().into_iter().flatten() {
                let value = value.as_str().unwrap_or_default().to_owned();
                with.push((format!("IpPermissions.{}.{name}", place + 1), value));
            }
        }
        let ask = ask(&request.region, self.operation(&set.to), &with);
        Ok(aws.ask(Purpose::Act, &ask).await?.evidence())
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &["arn:aws:ec2:*:ACCOUNT_ID:security-group/SECURITY_GROUP_ID"];
        Permissions {
            look: &[Permission::Aws("ec2:DescribeSecurityGroupRules", ANYTHING)],
            act: &[
                Permission::Aws("ec2:RevokeSecurityGroupIngress", ON),
                Permission::Aws("ec2:AuthorizeSecurityGroupIngress", ON),
            ],
        }
    }
}
