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

/// The alarms that the environment names, of both regions.
async fn named(tools: &Tools, place: Place<'_>) -> Result<Vec<Value>, LookError> {
    let names = place.texts("/watch/alarms");
    if names.is_empty() {
        return Ok(vec![]);
    }
    let with = json!({"AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]});
    let regions = &place.environment.regions;
    let target = "GraniteServiceVersion20100801.DescribeAlarms";
    let ask = |region| tools.json("monitoring", "1.0", region, target, &with);
    let (one, other) = tokio::try_join!(ask(&regions.primary), ask(&regions.dr))?;
    let of = |found: &Value| -> Vec<Value> {
        let kinds = ["/MetricAlarms", "/CompositeAlarms"];
        kinds.iter().flat_map(|kind| each(found, kind)).cloned().collect()
    };
    Ok([of(&one), of(&other)].concat())
}

/// D36: each is there, rings somewhere, and has something to look at.
async fn alarms(tools: &Tools, place: Place<'_>) -> Looks {
    let all = named(tools, place).await?;
    let look = |name: &str| {
        let found = all.iter().find(|one| said(one, "/AlarmName").as_deref() == Some(name));
        let Some(found) = found else {
            return Look::bad(name, "doctor.saw.missing", &[("what", name)]);
        };
        let state = said(found, "/StateValue");
        let has_data = state.as_deref().is_some_and(|state| state != "INSUFFICIENT_DATA");
        Must::of(name)
            .be("ActionsEnabled", said(found, "/ActionsEnabled"), "true")
            .there("AlarmActions", !each(found, "/AlarmActions").is_empty())
            .hold("StateValue", state, "OK, ALARM", has_data)
            .look()
    };
    Ok(place.texts("/watch/alarms").into_iter().map(look).collect())
}

/// D36: and where it rings, somebody listens.
async fn listeners(tools: &Tools, place: Place<'_>) -> Looks {
    let all = named(tools, place).await?;
    let topics: BTreeSet<String> = all
        .iter()
        .flat_map(|one| each(one, "/AlarmActions"))
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
