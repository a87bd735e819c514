//! Alerts of monitoring systems, as they come in: what rings, since when, and whether it is over. How a vendor says that is
//! in [`read`]; who vouches for it is for the door. What follows from one is decided in [`offer`](super::offer).
//!
//! A subject (an alarm, a fingerprint, an incident) rings at times and is over at times, and what is true of it follows
//! from the latest of both: so the order in which news of it arrives, and how often, changes nothing.

pub mod read;

use serde::{Deserialize, Serialize};

use super::ids::Digest;
use super::text::cut;
use super::time::Timestamp;

/// Facts of one alert that are kept.
const FACTS: usize = 8;
/// Characters of a title, and of a fact.
const TITLE: usize = 200;
const FACT: usize = 160;
/// Bytes of a link that is kept.
const LINK: usize = 500;

/// Who sends alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// CloudWatch alarms, through SNS.
    Sns,
    /// `PagerDuty`'s webhooks v3.
    PagerDuty,
    /// Prometheus's Alertmanager.
    Alertmanager,
    /// Grafana's alerting.
    Grafana,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sns, Self::PagerDuty, Self::Alertmanager, Self::Grafana];

    /// Its name: the end of its address, and in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sns => "sns",
            Self::PagerDuty => "pagerduty",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
        }
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sns => "CloudWatch",
            Self::PagerDuty => "PagerDuty",
            Self::Alertmanager => "Alertmanager",
            Self::Grafana => "Grafana",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == text)
    }
}

/// One piece of news: something rings since then, or is over since then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Who says so.
    pub vendor: Vendor,
    /// What rings, as the vendor names it.
    pub subject: String,
    /// Since when it rings, or is over, by the vendor's clock.
    pub at: Timestamp,
    /// Whether it is over.
    pub is_over: bool,
    /// In a line.
    pub title: String,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// Where more of it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Alert {
    /// One without facts.
    pub fn new(vendor: Vendor, subject: &str, at: Timestamp, is_over: bool) -> Self {
        let subject = subject.to_owned();
        Self { vendor, subject, at, is_over, title: String::new(), facts: Vec::new(), link: None }
    }

    /// The same with this title; its subject in place of an empty one.
    #[must_use]
    pub fn titled(self, title: &str) -> Self {
        let title = if title.trim().is_empty() { &self.subject } else { title };
        Self { title: cut(&one_line(title), TITLE), ..self }
    }

    /// The same with a fact, unless there is nothing to say, or enough was said.
    #[must_use]
    pub fn fact(mut self, name: &str, value: &str) -> Self {
        if self.facts.len() < FACTS && !value.trim().is_empty() {
            self.facts.push((cut(&one_line(name), TITLE), cut(&one_line(value), FACT)));
        }
        self
    }

    /// The same with a link, if it is one that people can open.
    #[must_use]
    pub fn linked(self, link: &str) -> Self {
        let opens = link.starts_with("https://") || link.starts_with("http://");
        let plain = !link.contains(|c: char| c.is_whitespace() || "<>|`".contains(c));
        let link = (opens && plain && link.len() <= LINK).then(|| link.to_owned());
        Self { link, ..self }
    }

    /// Names what rings, whenever it does.
    pub fn key(&self) -> Digest {
        Digest::of(format!("{}|{}", self.vendor.name(), self.subject).as_bytes())
    }

    /// Names this piece of news: delivered again, it has the same name.
    pub fn name(&self) -> String {
        let state = if self.is_over { "over" } else { "rings" };
        let named = format!("{}|{state}|{}", self.key(), self.at.0);
        Digest::of(named.as_bytes()).to_string()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivery_has_the_same_name_and_another_ring_another() {
        let ring = |at| Alert::new(Vendor::Grafana, "f1", Timestamp(at), false);
        assert_eq!(ring(1).name(), ring(1).titled("another title").name());
        assert_ne!(ring(1).name(), ring(2).name());
        assert_ne!(ring(1).name(), Alert { is_over: true, ..ring(1) }.name());
        assert_eq!(ring(1).key(), ring(2).key());
        let other = Alert::new(Vendor::Alertmanager, "f1", Timestamp(1), false);
        assert_ne!(ring(1).key(), other.key());
    }

    #[test]
    fn what_is_kept_of_one_is_bounded_and_stands_in_a_line() {
        let alert = Alert::new(Vendor::Sns, "a", Timestamp(0), false);
        let alert =
            (0..20).fold(alert, |alert, n| alert.fact(&format!("n{n}"), &"v\n".repeat(500)));
        assert_eq!(alert.facts.len(), FACTS);
        assert!(alert.facts.iter().all(|(_, value)| value.chars().count() <= FACT));
        assert_eq!(alert.clone().titled(" \n").title, "a");
        assert!(!alert.clone().titled("a\nb").title.contains('\n'));
        for link in ["javascript:alert(1)", "https://a|b", "https://x y"] {
            assert_eq!(alert.clone().linked(link).link, None, "{link}");
        }
        assert!(alert.linked("https://x.example/a?b=1").link.is_some());
    }

    #[test]
    fn vendors_read_back() {
        for vendor in Vendor::ALL {
            assert_eq!(Vendor::parse(vendor.name()), Some(vendor));
            assert_eq!(serde_json::to_value(vendor).unwrap(), vendor.name());
        }
    }
}
