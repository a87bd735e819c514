//! What a step can do: one [`ActionSpec`] per action. A row here is what the runbook check, the schema, the gates and
//! the cards know of an action; the doing is in `crate::actions`, under the same name. One file per outside system, here
//! and there; a test there demands that every row has an implementation and a tabletop stand-in.

mod aurora;
mod capacity;
mod dns;
mod elasticache;
mod exec;
mod http;
mod human;
mod jobs;
mod kube;
mod looks;
mod redis;
mod route53;
mod s3;
mod secrets;
mod sql;

use super::yaml::shape::Field;

/// How bad a mistake is; decides the weakest gate a runbook may put before the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Changes nothing outside: no gate needed.
    Reads,
    /// Changes something that is put back easily: one person confirms.
    Changes,
    /// Data or all traffic: two different people.
    Grave,
}

/// Why a second call is harmless, or that it is not: whoever starts a step in doubt again is told. Nothing ever starts
/// again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The API takes an idempotency token; ours comes from run, step and preview.
    Token,
    /// The call names the wanted state, so the second one changes nothing.
    NamesState,
    /// A second call may act again.
    ActsAgain,
    /// Nothing is changed.
    ReadsOnly,
}

/// Whether there is a way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// There is; it asks for the same approvals.
    Possible,
    /// There is none, for the reason with this message key.
    None(&'static str),
}

/// Everything the rules know about an action.
#[derive(Debug)]
pub struct ActionSpec {
    /// As documents write it: `aurora.failover`.
    pub name: &'static str,
    /// One line, for the schema.
    pub about: &'static str,
    /// Its parameters.
    pub parameters: &'static [Field],
    /// The facts its probe reports; conditions may name these as `facts.<name>`.
    pub facts: &'static [&'static str],
    /// How bad a mistake is.
    pub danger: Danger,
    /// Why a repeat is harmless, or not.
    pub repeat: Repeat,
    /// The way back.
    pub undo: Undo,
}

/// The action of this name.
pub fn find(name: &str) -> Option<&'static ActionSpec> {
    all().find(|spec| spec.name == name)
}

/// The tables, in the order people read about them.
const TABLES: [&[ActionSpec]; 15] = [
    aurora::ALL,
    elasticache::ALL,
    route53::ALL,
    secrets::ALL,
    s3::ALL,
    capacity::ALL,
    jobs::ALL,
    looks::ALL,
    kube::ALL,
    http::ALL,
    dns::ALL,
    sql::ALL,
    redis::ALL,
    exec::ALL,
    human::ALL,
];

/// Every action.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    TABLES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_only_what_changes_nothing_needs_no_word_on_repeats() {
        for (index, spec) in all().enumerate() {
            assert!(all().take(index).all(|other| other.name != spec.name), "{}", spec.name);
            // What people do and decide is grave and calls nothing.
            let calls_nothing = spec.danger == Danger::Reads || spec.name.starts_with("human.");
            assert_eq!(calls_nothing, spec.repeat == Repeat::ReadsOnly, "{}", spec.name);
        }
        assert!(find("aurora.failover").is_some());
        assert!(find("aurora.fail").is_none());
    }
}
