//! What is said, before it has a language: a message key with arguments, resolved against `prompts/messages` by the
//! surface that speaks. Words never stand in code.

use super::ids::PersonId;
use super::value::{Language, Localized};

/// What goes wrong, what was seen and what would change in dr-buddy's own words, recorded where else the words of a
/// system stand; each with the names of its arguments.
const OURS: [(&str, &[&str]); 123] = [
    ("trouble.unreachable", &["what", "detail"]),
    ("trouble.refused", &["what", "detail"]),
    ("trouble.no_action", &["what"]),
    ("trouble.other_connector", &["what"]),
    ("trouble.not_in_environment", &["what"]),
    ("trouble.too_late", &[]),
    ("trouble.not_shown", &[]),
    ("trouble.not_approved", &[]),
    ("trouble.no_answer", &["what"]),
    ("trouble.cut", &[]),
    ("trouble.no_return", &["what"]),
    ("trouble.already_so", &["what"]),
    ("trouble.busy", &["what"]),
    ("trouble.unknown_state", &["what"]),
    ("trouble.other_region", &["region", "environment", "primary", "dr"]),
    ("trouble.other_account", &["what", "account", "environment", "ours"]),
    ("trouble.no_arn", &["what"]),
    ("trouble.no_arn_of", &["what", "service"]),
    ("trouble.no_parameter", &["name"]),
    ("trouble.no_list", &["name"]),
    ("trouble.no_number", &["name"]),
    ("trouble.no_request", &["why"]),
    ("trouble.no_file", &["name"]),
    ("trouble.not_kept", &["what", "place"]),
    ("trouble.no_connection", &["name"]),
    ("trouble.other_system", &["name"]),
    ("trouble.no_url", &["name"]),
    ("trouble.moved", &["was", "is"]),
    ("trouble.one_of", &["one", "other"]),
    ("trouble.no_name", &["what"]),
    ("trouble.no_server", &["what"]),
    ("trouble.no_type", &["what"]),
    ("trouble.no_probe", &["name"]),
    ("trouble.no_select", &[]),
    ("trouble.no_row", &[]),
    ("trouble.long_row", &[]),
    ("trouble.many_rows", &[]),
    ("trouble.unnamed_column", &["name"]),
    ("trouble.queues", &["most"]),
    ("trouble.no_method", &["method"]),
    ("trouble.no_origin", &["origin"]),
    ("trouble.no_header", &["name"]),
    ("trouble.secret_header", &["name"]),
    ("trouble.no_secret", &["name"]),
    ("trouble.other_origin", &["name", "wanted", "origin"]),
    ("trouble.no_key", &[]),
    ("trouble.no_pointer", &[]),
    ("trouble.no_undo", &[]),
    ("trouble.was_so", &[]),
    ("told.replicas", &["what"]),
    ("told.restarted_at", &["what"]),
    ("told.pods", &["what"]),
    ("told.host", &["what"]),
    ("told.rest", &[]),
    ("told.not_shown", &[]),
    ("told.unchanged", &[]),
    ("told.never", &[]),
    ("told.unknown", &[]),
    ("told.nothing", &[]),
    ("told.looking", &[]),
    ("told.read_only", &[]),
    ("told.nothing_outside", &[]),
    ("told.running", &["count"]),
    ("told.new", &["count", "at"]),
    ("told.replica_of", &["status", "source"]),
    ("told.no_replica", &["status"]),
    ("told.datastore", &["region", "status"]),
    ("told.writer", &["region"]),
    ("told.writer_busy", &["region", "operation", "to"]),
    ("told.http", &["status", "region", "ms"]),
    ("told.no_region", &[]),
    ("told.no_answer", &["why"]),
    ("told.certificate_expired", &["why"]),
    ("told.certificate_other", &["why"]),
    ("told.certificate_stranger", &["why"]),
    ("told.certificate_bad", &["why"]),
    ("told.half", &[]),
    ("told.huge", &["most"]),
    ("told.page", &["status"]),
    ("told.redirected", &["where"]),
    ("told.too_many", &["seconds"]),
    ("told.too_often", &["what"]),
    ("told.status", &["status", "said"]),
    ("told.dns", &["primary", "secondary"]),
    ("told.scaled", &["name", "replicas", "ready"]),
    ("told.updated", &["name", "ready", "of"]),
    ("told.secret", &["host", "version"]),
    ("told.no_time", &["seconds"]),
    ("told.timed_out", &["seconds"]),
    ("told.answers", &["matching", "asked", "silent"]),
    ("told.sql", &["value", "what"]),
    ("told.row", &["token"]),
    ("told.redis", &["role", "replicas", "lag"]),
    ("told.queues", &["left", "seen", "asked"]),
    ("trouble.owned", &["owners"]),
    ("trouble.other_namespace", &["what", "elsewhere", "namespace"]),
    ("trouble.secret_values", &["what", "keys"]),
    ("trouble.program_time", &["asked", "most"]),
    ("trouble.program_unknown", &["what", "known"]),
    ("trouble.program_missing", &["what", "path"]),
    ("trouble.program_denied", &["what"]),
    ("told.absent", &[]),
    ("told.there", &[]),
    ("told.created", &[]),
    ("told.deleted", &[]),
    ("told.as_wanted", &["what"]),
    ("told.as_asked", &[]),
    ("told.as_before", &[]),
    ("told.differs", &["what", "count"]),
    ("told.not_there", &["what"]),
    ("told.suspended", &["what"]),
    ("told.cronjobs", &["suspended", "total", "running"]),
    ("told.synced_at", &["what"]),
    ("told.after", &["at"]),
    ("told.secret_ready", &["name", "at"]),
    ("told.secret_not_ready", &["name", "at"]),
    ("told.exited", &["program", "code", "seconds"]),
    ("told.stopped", &["program", "seconds"]),
    ("told.no_outcome", &[]),
    ("told.metric", &["source", "value", "age"]),
    ("told.no_metric", &["source"]),
    ("told.targets", &["healthy", "targets"]),
    ("trouble.many_series", &["what", "region", "most"]),
];
/// Longest word that is compared with names.
const LONGEST_WORD: usize = 64;
/// Between two arguments.
const APART: &str = " | ";

/// What is recorded of a trouble of ours; [`Text::seen`] reads it. `what` and `detail` may be empty.
pub fn trouble(key: &str, what: &str, detail: &str) -> String {
    told(key, &[what, detail])
}

/// What is recorded of what an action saw or would change, where the words are ours; [`Text::seen`] reads it.
pub fn told(key: &str, args: &[&str]) -> String {
    let args = args.join(APART);
    let args = args.trim_end().trim_end_matches(APART.trim()).trim_end();
    format!("{key} {args}").trim_end().to_owned()
}

/// At most so many characters, with an ellipsis where something was cut.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The one of these names that was perhaps meant. A word that is like none of them is left alone.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Words of any length would do for strsim.
    let word = Some(word.to_lowercase()).filter(|word| word.len() <= LONGEST_WORD)?;
    let near = |name: &'a str| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name);
    let (distance, name) = names.into_iter().map(near).min()?;
    (distance <= 2.max(name.len() / 4)).then_some(name)
}

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
    /// Several, a line each.
    Lines(Vec<Self>),
    /// In this language, whatever the reader's is.
    In(Language, Box<Self>),
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
    /// What [`trouble`] and [`told`] wrote is said in the reader's language; several of them stand on a line each.
    pub fn seen(text: &str) -> Self {
        if text.starts_with("told.") && text.contains('\n') {
            return Self::List(text.lines().map(Self::seen).collect());
        }
        let (key, rest) = text.split_once(' ').unwrap_or((text, ""));
        let Some((key, names)) = OURS.into_iter().find(|(known, _)| *known == key) else {
            return Self::Raw(without_arns(text));
        };
        let mut args = rest.splitn(names.len().max(1), APART);
        let arg = |name: &&'static str| (*name, Self::seen(args.next().unwrap_or_default()));
        Self::Key(key, names.iter().map(arg).collect())
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
    fn our_own_trouble_is_a_sentence_and_what_only_looks_like_one_is_not() {
        let written = trouble("trouble.unreachable", "eks in eu-west-1", "timed out | twice");
        let Text::Key("trouble.unreachable", args) = Text::seen(&written) else {
            panic!("{written}")
        };
        let (what, detail) = (Text::raw("eks in eu-west-1"), Text::raw("timed out | twice"));
        assert_eq!(args, [("what", what), ("detail", detail)]);
        for (key, names) in OURS {
            let Text::Key(said, args) = Text::seen(&told(key, &[])) else { panic!("{key}") };
            assert_eq!((said, args.len()), (key, names.len()));
            assert!(args.iter().all(|(_, text)| *text == Text::raw("")), "{args:?}");
        }
        let unknown = told("told.secret", &["h", &told("told.unknown", &[])]);
        let args = vec![("host", Text::raw("h")), ("version", Text::key("told.unknown"))];
        assert_eq!(Text::seen(&unknown), Text::Key("told.secret", args));
        let two = [told("told.running", &["1"]), told("told.running", &["2"])];
        let Text::List(lines) = Text::seen(&two.join("\n")) else { panic!("{two:?}") };
        assert_eq!(lines, two.map(|line| Text::seen(&line)));
        for raw in ["trouble.other x", "trouble", "", "in trouble.cut"] {
            assert_eq!(Text::seen(raw), Text::raw(raw));
        }
    }

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

    #[test]
    fn what_is_too_long_is_cut_and_what_fits_is_left_whole() {
        assert_eq!(cut("éléphant", 8), "éléphant");
        assert_eq!(cut("éléphant", 4), "élé…");
        assert_eq!(cut("ab", 0), "…");
    }

    #[test]
    fn a_near_name_is_meant_and_a_far_one_is_not() {
        let names = ["status", "start", "region-failover"];
        assert_eq!(nearest("Statsu", names), Some("status"));
        assert_eq!(nearest("regionfailovr", names), Some("region-failover"));
        assert_eq!(nearest("format", names), None);
        assert_eq!(nearest(&"s".repeat(LONGEST_WORD + 1), names), None);
        assert_eq!(nearest("status", []), None);
    }
}
