//! Which alerts are taken, beside those of vendors who have a secret: the topics on which alarms are said.

use serde::{Deserialize, Serialize};

use crate::domain::yaml::reader::{self, Mapping};
use crate::domain::yaml::shape::{Field, Shape, field};
use crate::domain::yaml::{Problems, quoted};

const ALERTS: &[Field<'_>] = &[field("topics", Shape::Texts)
    .required()
    .doc("ARNs of SNS topics: `[arn:aws:sns:eu-west-1:111111111111:alarms]`")];

/// Which alerts are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// The topics of SNS on which `CloudWatch` says what rings, by their ARNs.
    #[serde(default)]
    pub topics: Vec<String>,
}

impl Alerts {
    /// Whether none are.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

/// Reads the section.
pub(super) fn read(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Alerts> {
    let Some(node) = mapping.get("alerts") else { return Some(Alerts::default()) };
    let alerts = Mapping::read(node, "`alerts`", ALERTS, problems)?;
    let mut topics = Vec::new();
    for node in alerts.list("topics", Shape::Texts, problems) {
        let Some(topic) = reader::text(node, "topics", Shape::Text, problems) else { continue };
        let parts: Vec<&str> = topic.split(':').collect();
        let is_topic = matches!(*parts.as_slice(), ["arn", _, "sns", region, account, name]
            if !region.is_empty() && !account.is_empty() && !name.is_empty());
        if is_topic {
            topics.push(topic.to_owned());
        } else {
            let message = format!("{} is not the ARN of an SNS topic", quoted(topic));
            problems.add(node.at, message, "such as `arn:aws:sns:eu-west-1:111111111111:alarms`");
        }
    }
    Some(Alerts { topics })
}
