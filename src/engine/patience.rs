//! How long things may take, in real time. One place, because the times only make sense together: a worker that was
//! stopped for a while must find its own time over before anybody else finds its lease over.

use std::time::Duration;

use crate::domain::run::limits::LATE_EFFECT;
use crate::domain::time::Span;

/// The limits an engine works with. Tests of the whole have less patience, in the same proportions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long an effect is ours. Longer than `call_by` and `call` together, so that whoever finds an attempt open
    /// after it finds its call over.
    pub lease: Duration,
    /// A call goes out within so long of the lease being taken, or not at all.
    pub call_by: Duration,
    /// Longest a call may take before its outcome is unknown, the looks it makes itself included.
    pub call: Duration,
    /// Longest a look may take; the dead region's clients give up earlier by themselves.
    pub look: Duration,
    /// "Nothing was started" is not concluded earlier than so long after the doubt: the other side may show it late.
    pub never_after: Duration,
    /// How long what was seen of a user group is taken for granted.
    pub group: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(240),
            call_by: Duration::from_secs(90),
            call: Duration::from_secs(60),
            look: Duration::from_secs(20),
            never_after: Duration::from_millis(LATE_EFFECT.ms()),
            group: Duration::from_secs(60),
        }
    }
}

/// The same time in the unit of the domain.
pub(super) fn span(duration: Duration) -> Span {
    Span(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_finds_a_lease_over_whose_call_is_not() {
        let patience = Patience::default();
        assert!(patience.call_by + patience.call < patience.lease);
    }
}
