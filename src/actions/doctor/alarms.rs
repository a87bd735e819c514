//! Alarms: somebody is told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::tools::{Looks, Must, Row, Tools, each, said};
use super::{Look, Place};
use crate::actions::aws::ANYTHING;
use crate::actions::{LookError, Permission};

const ALARMS: Permission = Permission::Aws("cloudwatch:DescribeAlarms", ANYTHING);

pub(super) const ALL: &[Row] = &[
    Row { name: "alarms", look: |tools, place| Box::pin(alarms(tools, place)), needs: &[ALARMS] },
    Row {
        name: "alarm_listeners",
        look: |tools, place| Box::pin(listeners(tools, place)),
        needs: &[
            ALARMS,
            Permission::Aws("sns:ListSubscriptionsByTopic", &["arn:aws:sns:*:ACCOUNT_ID:*"]),
        ],
    },
];

/// The alarms that the environment names, each with its region: both may have one of a name.
async fn named<'a>(tools: &Tools, place: Place<'a>) -> Result<Vec<(&'a str, Value)>, LookError> {
    let names = place.texts("/watch/alarms");
    if names.is_empty() {
        return Ok(vec![]);
    }
    let kinds = ["MetricAlarm", "CompositeAlarm"];
    let with = json!({"AlarmNames": names, "AlarmTypes": kinds, "MaxRecords": 100});
    let regions = &place.environment.regions;
    let target = "GraniteServiceVersion20100801.DescribeAlarms";
    let ask = |region| tools.json("monitoring", "1.0", region, target, &with);
    let (one, other) = tokio::try_join!(ask(&regions.primary), ask(&regions.dr))?;
    let of = |region: &'a str, found: &Value| -> Vec<(&'a str, Value)> {
        let kinds = ["/MetricAlarms", "/CompositeAlarms"];
        let all = kinds.iter().flat_map(|kind| each(found, kind)).cloned();
        all.map(|one| (region, one)).collect()
    };
    Ok([of(&regions.primary, &one), of(&regions.dr, &other)].concat())
}

/// D36: each is there, rings somewhere, and has something to look at.
async fn alarms(tools: &Tools, place: Place<'_>) -> Looks {
    let all = named(tools, place).await?;
    Ok(place.texts("/watch/alarms").into_iter().flat_map(|name| judged(name, &all)).collect())
}

/// Every alarm of this name.
fn judged(name: &str, all: &[(&str, Value)]) -> Vec<Look> {
    let is_it = |(_, one): &&(&str, Value)| said(one, "/AlarmName").as_deref() == Some(name);
    let found: Vec<_> = all.iter().filter(is_it).collect();
    if found.is_empty() {
        return vec![Look::bad(name, "doctor.saw.missing", &[("what", name)])];
    }
    let look = |(region, one): &&(&str, Value)| {
        let state = said(one, "/StateValue");
        let has_data = state.as_deref().is_some_and(|state| state != "INSUFFICIENT_DATA");
        Must::of(&format!("{name} ({region})"))
            .be("ActionsEnabled", said(one, "/ActionsEnabled"), "true")
            .there("AlarmActions", !each(one, "/AlarmActions").is_empty())
            .hold("StateValue", state, "OK, ALARM", has_data)
            .look()
    };
    found.iter().map(look).collect()
}

/// D36: and where it rings, somebody listens.
async fn listeners(tools: &Tools, place: Place<'_>) -> Looks {
    let all = named(tools, place).await?;
    let topics: BTreeSet<String> = all
        .iter()
        .flat_map(|(_, one)| each(one, "/AlarmActions"))
        .filter_map(|one| said(one, ""))
        .filter(|arn| arn.starts_with("arn:aws:sns:"))
        .collect();
    let mut looks = vec![];
    for topic in topics {
        let region = topic.split(':').nth(3).unwrap_or_default().to_owned();
        let with = [("TopicArn", topic.as_str())];
        let action = "ListSubscriptionsByTopic";
        looks.push(match tools.form(("sns", "2010-03-31"), &region, action, &with).await {
            Ok(found) => {
                let all = each(&found, "/Subscriptions/member").into_iter();
                let confirmed = all
                    .filter_map(|one| said(one, "/SubscriptionArn"))
                    .filter(|arn| arn.starts_with("arn:"))
                    .count();
                let is = Some(confirmed.to_string());
                Must::of(&topic).hold("Subscriptions", is, "≥ 1", confirmed >= 1).look()
            }
            Err(error) => Look::blind(&topic, &error),
        });
    }
    Ok(looks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::readiness::Seen;

    #[test]
    fn each_alarm_of_a_name_is_judged_wherever_it_is() {
        let alarm = |state: &str| {
            json!({
                "AlarmName": "lag", "ActionsEnabled": true, "AlarmActions": ["arn:a"], "StateValue": state,
            })
        };
        let (eu, us) = (("eu-west-1", alarm("OK")), ("us-east-1", alarm("INSUFFICIENT_DATA")));
        let seen = |all: &[(&str, Value)]| {
            let looks = judged("lag", all).into_iter();
            looks.map(|look| (look.subject, look.seen)).collect::<Vec<_>>()
        };
        let [one, other] = ["lag (eu-west-1)", "lag (us-east-1)"].map(str::to_owned);
        assert_eq!(seen(&[eu, us.clone()]), [(one, Seen::Good), (other.clone(), Seen::Bad)]);
        assert_eq!(seen(&[us]), [(other, Seen::Bad)]);
        assert_eq!(seen(&[]), [("lag".to_owned(), Seen::Bad)]);
    }
}
