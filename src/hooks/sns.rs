//! What SNS sends: a notification, or the question whether a subscription is meant. Both are signed with a certificate
//! that SNS itself shows at an address in the message; so that address must be SNS's own, in the region of a topic that
//! the environment names, before anybody goes there. The same holds for the address that confirms a subscription.

use std::path::Path;

use serde_json::Value;
use tracing::{info, warn};
use url::Url;

use super::certificate::{Certificates, Hash};
use super::{Refused, is_timely, json};
use crate::actions::base64;
use crate::domain::alert::{Alert, Vendor, read};
use crate::domain::time::{Span, Timestamp};

/// SNS delivers again for an hour at most.
const OLDEST: Span = Span::minutes(75);

/// The topics that are listened to, and the certificates that were seen.
#[derive(Debug)]
pub(super) struct Sns {
    topics: Vec<String>,
    certificates: Certificates,
}

/// A message as it came.
#[derive(Debug)]
struct Message<'a> {
    body: &'a Value,
    kind: &'a str,
    topic: &'a str,
}

fn forged(why: &'static str) -> Refused {
    Refused::Forged("SNS", why)
}

impl<'a> Message<'a> {
    fn read(body: &'a Value) -> Result<Self, Refused> {
        let part = |name| body.get(name).and_then(Value::as_str);
        let missing = read::Unread::Shape("message (is raw message delivery on?)", "SNS");
        let (Some(kind), Some(topic)) = (part("Type"), part("TopicArn")) else {
            return Err(missing.into());
        };
        Ok(Self { body, kind, topic })
    }

    fn part(&self, name: &str) -> Option<&'a str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// What is signed, in its order; of each its name and its value.
    fn signed(&self) -> Result<String, Refused> {
        let names: &[&str] = match self.kind {
            "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
            }
            _ => return Err(read::Unread::Part("Type").into()),
        };
        let mut signed = String::new();
        for name in names {
            match self.part(name) {
                Some(value) => signed.push_str(&format!("{name}\n{value}\n")),
                None if *name == "Subject" => {}
                None => return Err(forged("a part that is signed is missing")),
            }
        }
        Ok(signed)
    }
}

/// `sns.eu-west-1.amazonaws.com` of a topic; nothing of what is no topic.
fn host(topic: &str) -> Option<String> {
    let mut parts = topic.split(':');
    let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let region = parts.next().filter(|region| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !region.is_empty() && region.chars().all(plain)
    })?;
    let end = match partition {
        "aws" | "aws-us-gov" => "amazonaws.com",
        "aws-cn" => "amazonaws.com.cn",
        _ => return None,
    };
    (arn == "arn" && service == "sns").then(|| format!("sns.{region}.{end}"))
}

/// An address of SNS itself, in the region of the topic.
fn at_sns(address: Option<&str>, topic: &str) -> Option<Url> {
    let url: Url = address?.parse().ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    let is_theirs = url.scheme() == "https" && url.host_str() == host(topic).as_deref();
    (is_plain && is_theirs).then_some(url)
}

impl Sns {
    pub(super) fn new(topics: Vec<String>, extra_ca: Option<&Path>) -> Result<Self, String> {
        Ok(Self { topics, certificates: Certificates::new(extra_ca)? })
    }

    pub(super) fn has_topics(&self) -> bool {
        !self.topics.is_empty()
    }

    /// What a message says, once it is proven to be SNS's; a subscription is confirmed.
    pub(super) async fn read(&self, body: &[u8], now: Timestamp) -> Result<Vec<Alert>, Refused> {
        let body = json(body)?;
        let message = Message::read(&body)?;
        if !self.topics.iter().any(|topic| topic == message.topic) {
            return Err(Refused::OtherTopic);
        }
        self.prove(&message, now).await?;
        match message.kind {
            "Notification" => Ok(read::cloudwatch(message.part("Message").unwrap_or_default())?),
            "SubscriptionConfirmation" => self.confirm(&message).await.map(|()| vec![]),
            _ => {
                warn!(
                    topic = message.topic,
                    "Somebody ended the subscription of a topic of alarms"
                );
                Ok(vec![])
            }
        }
    }

    async fn prove(&self, message: &Message<'_>, now: Timestamp) -> Result<(), Refused> {
        let signed = message.signed()?;
        let hash = match message.part("SignatureVersion") {
            Some("1") => Hash::Sha1,
            Some("2") => Hash::Sha256,
            Some(_) | None => return Err(forged("its SignatureVersion is neither 1 nor 2")),
        };
        let signature = message.part("Signature").and_then(|text| base64::decode(text).ok());
        let signature = signature.ok_or_else(|| forged("its Signature is not base64"))?;
        let at = message.part("Timestamp").and_then(Timestamp::parse);
        if !at.is_some_and(|at| is_timely(at, now, OLDEST)) {
            return Err(forged("its Timestamp is too old, or ahead of us"));
        }
        let url = at_sns(message.part("SigningCertURL"), message.topic)
            .filter(|url| url.path().ends_with(".pem") && url.query().is_none())
            .ok_or_else(|| forged("its SigningCertURL is not at SNS in the topic's region"))?;
        if self.certificates.signed(&url, hash, signed.as_bytes(), &signature, now).await? {
            Ok(())
        } else {
            Err(forged("its Signature is not SNS's"))
        }
    }

    /// By the address in the message: signed, and still asked to be SNS's own.
    async fn confirm(&self, message: &Message<'_>) -> Result<(), Refused> {
        let url = at_sns(message.part("SubscribeURL"), message.topic);
        let confirms = |url: &Url| {
            let mut pairs = url.query_pairs();
            let is_for = |name: &str, value: &str| {
                url.query_pairs().any(|(one, other)| one == name && other == value)
            };
            pairs.any(|(name, value)| name == "Action" && value == "ConfirmSubscription")
                && is_for("TopicArn", message.topic)
        };
        let url = url.filter(confirms);
        let url =
            url.ok_or_else(|| forged("its SubscribeURL is not at SNS in the topic's region"))?;
        self.certificates.get(&url).await?;
        info!(topic = message.topic, vendor = Vendor::Sns.name(), "Confirmed a subscription");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:dr-alarms";

    #[test]
    fn only_sns_itself_in_the_region_of_the_topic_is_asked() {
        let ours = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem";
        assert!(at_sns(Some(ours), TOPIC).is_some());
        for other in [
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
            "https://u:p@sns.eu-west-1.amazonaws.com/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "",
        ] {
            assert!(at_sns(Some(other), TOPIC).is_none(), "{other}");
        }
        let cn = "arn:aws-cn:sns:cn-north-1:111111111111:a";
        assert!(at_sns(Some("https://sns.cn-north-1.amazonaws.com.cn/a.pem"), cn).is_some());
        for wrong in ["arn:aws:sns::1:a", "arn:aws:sqs:eu-west-1:1:a", "a", "arn:aws:sns:e/x:1:a"] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_signed_is_in_the_order_of_the_documentation() {
        let mut body = json!({
            "Type": "Notification", "MessageId": "m", "TopicArn": TOPIC, "Message": "text\nof two lines",
            "Timestamp": "2026-11-20T14:02:11.000Z",
        });
        let signed = |body: &Value| Message::read(body).unwrap().signed();
        let wanted = format!(
            "Message\ntext\nof two lines\nMessageId\nm\nTimestamp\n2026-11-20T14:02:11.000Z\nTopicArn\n{TOPIC}\nType\nNotification\n"
        );
        assert_eq!(signed(&body).unwrap(), wanted);
        body["Subject"] = json!("s");
        assert!(signed(&body).unwrap().contains("MessageId\nm\nSubject\ns\nTimestamp\n"));
        body["Type"] = json!("SubscriptionConfirmation");
        assert!(matches!(signed(&body), Err(Refused::Forged(..))), "no token");
        body["Type"] = json!("Surprise");
        assert!(matches!(signed(&body), Err(Refused::Unread(_))));
    }
}
