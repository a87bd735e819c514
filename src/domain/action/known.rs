//! The actions there are.

use std::sync::{Arc, LazyLock};

use super::{ActionSpec, TABLES};

static BUILT_IN: LazyLock<Vec<Arc<ActionSpec>>> = LazyLock::new(|| {
    TABLES.into_iter().flatten().map(|row| Arc::new(ActionSpec::of(row))).collect()
});

/// The action of this build that has this name.
pub fn find(name: &str) -> Option<&'static ActionSpec> {
    all().find(|spec| spec.name == name)
}

/// Every action of this build.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    BUILT_IN.iter().map(|spec| &**spec)
}

/// What a runbook may name: the actions of this build, and the operations of connectors.
#[derive(Debug, Clone, Default)]
pub struct Known {
    connectors: Vec<Arc<ActionSpec>>,
}

impl Known {
    /// The actions of this build and these.
    pub fn with(connectors: impl IntoIterator<Item = ActionSpec>) -> Self {
        Self { connectors: connectors.into_iter().map(Arc::new).collect() }
    }

    /// The action of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<ActionSpec>> {
        self.all().find(|spec| spec.name == name)
    }

    /// Every action.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ActionSpec>> {
        BUILT_IN.iter().chain(&self.connectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Danger, Repeat};

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
