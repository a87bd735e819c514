//! Whose App Home is to be published when: at once when somebody opens it, and again when a run has changed, for those
//! who opened theirs lately. Pure: the times come from the caller.
//!
//! Slack takes a hundred homes a minute, or some more; what changes in a moment is published once.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::Digest;

/// Between two homes.
const BETWEEN: Duration = Duration::from_millis(1500);
/// Between a change and what is shown of it, and so between two shows of the same home.
const COALESCED: Duration = Duration::from_secs(4);
/// How long after it was opened a home is kept up to date.
const WATCHED: Duration = Duration::from_secs(3600);
/// More than a large team; when there are more, the one that was opened longest ago is not kept up to date.
const MOST: usize = 300;

/// The homes that were opened lately.
#[derive(Debug, Default)]
pub(super) struct Homes {
    open: BTreeMap<Viewer, Home>,
    free_at: Option<Instant>,
}

/// Who looks at it: the workspace, if Slack said, and the user.
pub(super) type Viewer = (Option<String>, String);

#[derive(Debug)]
struct Home {
    opened_at: Instant,
    due: Option<Instant>,
    /// Of what it was made; opened again, it is shown again in any case.
    shows: Option<Digest>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// This home is to be published now.
    Publish(Viewer),
    /// Nothing before then.
    At(Instant),
    /// Nothing.
    Nothing,
}

impl Homes {
    /// Somebody opens theirs, or did something there.
    pub(super) fn opened(&mut self, viewer: Viewer, now: Instant) {
        self.open.retain(|_, home| now.duration_since(home.opened_at) < WATCHED);
        if self.open.len() >= MOST
            && let Some(oldest) = self.open.iter().min_by_key(|(_, home)| home.opened_at)
        {
            let oldest = oldest.0.clone();
            self.open.remove(&oldest);
        }
        self.open.insert(viewer, Home { opened_at: now, due: Some(now), shows: None });
    }

    /// Something has changed, perhaps.
    pub(super) fn changed(&mut self, now: Instant) {
        for home in self.open.values_mut() {
            let watched = now.duration_since(home.opened_at) < WATCHED;
            home.due = home.due.or(watched.then(|| now + COALESCED));
        }
    }

    /// Whose turn it is. What changes from then on makes it due again.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        let due = self.open.iter().filter_map(|(viewer, home)| Some((home.due?, viewer)));
        let Some((due, viewer)) = due.min() else { return Next::Nothing };
        let at = self.free_at.map_or(due, |free_at| due.max(free_at));
        if at > now {
            return Next::At(at);
        }
        let viewer = viewer.clone();
        if let Some(home) = self.open.get_mut(&viewer) {
            home.due = None;
        }
        Next::Publish(viewer)
    }

    /// It is about to be shown, made of this. False if it shows that already.
    pub(super) fn shows(&mut self, viewer: &Viewer, of: Digest, now: Instant) -> bool {
        let Some(home) = self.open.get_mut(viewer) else { return false };
        if home.shows.as_ref() == Some(&of) {
            return false;
        }
        home.shows = Some(of);
        self.free_at = Some(now + BETWEEN);
        true
    }

    /// It could not be shown: none before then, and this one anew.
    pub(super) fn failed(&mut self, viewer: &Viewer, again: Instant) {
        self.free_at = Some(again);
        if let Some(home) = self.open.get_mut(viewer) {
            (home.due, home.shows) = (Some(again), None);
        }
    }

    /// Slack does not take it; when it is opened again, it is tried again.
    pub(super) fn refused(&mut self, viewer: &Viewer) {
        self.open.remove(viewer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(name: &str) -> Viewer {
        (None, name.to_owned())
    }

    #[test]
    fn who_opens_is_served_first_and_changes_of_a_moment_are_shown_once() {
        let (mut homes, now) = (Homes::default(), Instant::now());
        assert_eq!(homes.next(now), Next::Nothing);
        homes.opened(viewer("a"), now);
        assert_eq!(homes.next(now), Next::Publish(viewer("a")));
        assert!(homes.shows(&viewer("a"), Digest::of(b"1"), now));
        assert_eq!(homes.next(now), Next::Nothing);
        for ms in [10, 20, 30] {
            homes.changed(now + Duration::from_millis(ms));
        }
        let later = now + Duration::from_millis(10) + COALESCED;
        assert_eq!(homes.next(now + BETWEEN), Next::At(later));
        homes.opened(viewer("b"), now + BETWEEN);
        assert_eq!(homes.next(now + BETWEEN), Next::Publish(viewer("b")));
        assert!(homes.shows(&viewer("b"), Digest::of(b"1"), now + BETWEEN));
        assert_eq!(homes.next(later), Next::Publish(viewer("a")));
        homes.changed(later);
        assert!(!homes.shows(&viewer("a"), Digest::of(b"1"), later), "it says that already");
        let again = later + COALESCED;
        assert_eq!(homes.next(later), Next::At(again), "what changes meanwhile is not lost");
        assert_eq!(homes.next(again), Next::Publish(viewer("a")));
        homes.refused(&viewer("a"));
        let later = again;
        assert!(
            !homes.shows(&viewer("a"), Digest::of(b"1"), later),
            "not before it is opened again"
        );
        assert_eq!(homes.next(later + BETWEEN), Next::Publish(viewer("b")));
        let later = later + BETWEEN;
        assert_eq!(homes.next(later), Next::Nothing);
    }

    #[test]
    fn never_more_than_forty_a_minute_and_not_before_slack_asks() {
        let (mut homes, now) = (Homes::default(), Instant::now());
        for n in 0..100 {
            homes.opened(viewer(&n.to_string()), now);
        }
        let mut shown = 0;
        for ms in 0..60_000 {
            let now = now + Duration::from_millis(ms);
            if let Next::Publish(viewer) = homes.next(now) {
                assert!(homes.shows(&viewer, Digest::of(b"1"), now));
                shown += 1;
            }
        }
        assert_eq!(shown, 40);
        let later = now + Duration::from_secs(60);
        homes.failed(&viewer("1"), later + Duration::from_secs(30));
        assert_eq!(homes.next(later), Next::At(later + Duration::from_secs(30)));
    }

    #[test]
    fn a_home_nobody_opened_for_an_hour_is_left_alone() {
        let (mut homes, now) = (Homes::default(), Instant::now());
        homes.opened(viewer("a"), now);
        assert_eq!(homes.next(now), Next::Publish(viewer("a")));
        assert!(homes.shows(&viewer("a"), Digest::of(b"1"), now));
        homes.changed(now + WATCHED);
        assert_eq!(homes.next(now + WATCHED + COALESCED), Next::Nothing);
        homes.opened(viewer("b"), now + WATCHED);
        assert_eq!(homes.open.len(), 1);
    }
}
