//! Words and ids that several sections of an environment file are made of.

use crate::domain::value::Language;
use crate::domain::yaml::reader::Mapping;
use crate::domain::yaml::tree::Place;
use crate::domain::yaml::{Problems, near, quoted};

/// How a language is written.
pub(super) const LANGUAGES: [(&str, Language); 2] = [("en", Language::En), ("fr", Language::Fr)];

/// One of a few words.
pub(super) fn word<T: Copy>(
    mapping: Mapping<'_>,
    key: &str,
    known: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let (text, at) = mapping.text(key, problems)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let hint = near(&text, known.iter().map(|(word, _)| *word));
        problems.add(at, format!("unknown {key} {}", quoted(&text)), hint);
    }
    found
}

/// What ids of channels begin with.
pub(super) const CHANNELS: [char; 3] = ['C', 'G', 'D'];

/// An id as Slack makes them: one of these letters, then capitals and digits. Names change, and most methods refuse them.
pub(super) fn is_slack_id(id: &str, begin: &[char], at: Place, problems: &mut Problems) -> bool {
    let rest = id.strip_prefix(begin).unwrap_or_default();
    let is_id =
        rest.len() >= 2 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if !is_id {
        let hint =
            format!("an id such as `{}012ABCDEF`, never a name", begin.first().unwrap_or(&'T'));
        problems.add(at, format!("{} is not one of Slack's ids", quoted(id)), hint);
    }
    is_id
}
