//! What is said, before it has a language: a message key with arguments, resolved against `prompts/messages` by the
//! surface that speaks. Words never stand in code.

use super::ids::PersonId;
use super::value::Localized;

/// A piece of text that can be said in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// A sentence of the catalog.
    Key(&'static str, Vec<(&'static str, Self)>),
    /// A sentence of the catalog whose key comes from data (an action's remark, a role's name).
    Named(String, Vec<(String, Self)>),
    /// A text of the runbook, which is written in every language.
    Said(Localized),
    /// A name, number or text of the outside world; escaped where it is shown.
    Raw(String),
    /// A person, mentioned as the surface does it.
    Person(PersonId),
    /// A channel of the chat, by its id or name; a link where the surface has one.
    Channel(String),
    /// Several, with commas.
    List(Vec<Self>),
}

impl Text {
    /// A sentence without arguments.
    pub fn key(key: &'static str) -> Self {
        Self::Key(key, Vec::new())
    }

    /// A text of the outside world.
    pub fn raw(text: impl std::fmt::Display) -> Self {
        Self::Raw(text.to_string())
    }

    /// A text of the outside world as people can read it: each ARN as name and region. The record keeps the whole.
    pub fn seen(text: &str) -> Self {
        Self::Raw(without_arns(text))
    }

    /// Several people.
    pub fn people<'a>(ids: impl IntoIterator<Item = &'a PersonId>) -> Self {
        Self::List(ids.into_iter().cloned().map(Self::Person).collect())
    }
}

/// `arn:aws:rds:us-east-1:111111111111:cluster:a` becomes `a (us-east-1)`.
fn without_arns(text: &str) -> String {
    let mut parts = text.split("arn:aws");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | ')' | '`');
        let (arn, rest) = part.split_at(part.find(ends).unwrap_or(part.len()));
        let (arn, colon) = arn.strip_suffix(':').map_or((arn, ""), |arn| (arn, ":"));
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        match fields.as_slice() {
            [_, _, region, _, resource] | [_, _, region, _, _, resource] => {
                let name = resource.rsplit([':', '/']).next().unwrap_or(resource);
                out.push_str(name);
                if !region.is_empty() {
                    out.push_str(&format!(" ({region})"));
                }
            }
            _ => out.push_str(&format!("arn:aws{arn}")),
        }
        out.push_str(colon);
        out.push_str(rest);
    }
    out
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Raw(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Raw(text)
    }
}

impl From<&Localized> for Text {
    fn from(text: &Localized) -> Self {
        Self::Said(text.clone())
    }
}

impl From<&PersonId> for Text {
    fn from(id: &PersonId) -> Self {
        Self::Person(id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_shown_as_name_and_region_and_nothing_else_changes() {
        for (text, shown) in [
            (
                "no answer from arn:aws:eks:eu-west-1:111111111111:cluster/main: timed out",
                "no answer from main (eu-west-1): timed out",
            ),
            ("a = arn:aws:rds:us-east-1:111111111111:cluster:b, c = 1", "a = b (us-east-1), c = 1"),
            ("`arn:aws:route53:::hostedzone/Z1`", "`Z1`"),
            ("arn:aws", "arn:aws"),
            ("arn:aws:x", "arn:aws:x"),
            ("plain: text", "plain: text"),
        ] {
            assert_eq!(Text::seen(text), Text::raw(shown));
        }
    }
}
