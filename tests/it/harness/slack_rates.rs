//! How often Slack may be called (docs.slack.dev/apis/web-api/rate-limits): every call that would be too many is kept,
//! and so is every call made before the time that a 429 asked for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// About one a second and channel; short bursts are tolerated.
const POSTS: usize = 65;
const POSTS_AT_ONCE: usize = 3;

/// How often a method may be called in a minute, of the workspace.
fn tier(method: &str) -> usize {
    match method {
        "chat.postMessage" => usize::MAX,
        "chat.postEphemeral" | "views.open" | "views.update" | "users.info" | "auth.test" => 100,
        "usergroups.users.list" => 20,
        _ => 50,
    }
}

/// What was called when.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    calls: BTreeMap<String, Vec<Instant>>,
    stopped: BTreeMap<String, Instant>,
    pub(crate) violations: Vec<String>,
}

/// What a limit counts: the posts of a channel, and else the calls of a method.
fn counted(method: &str, channel: &str) -> String {
    match method {
        "chat.postMessage" => format!("{method} in {channel}"),
        _ => method.to_owned(),
    }
}

impl Rates {
    pub(crate) fn called(&mut self, method: &str, channel: &str, now: Instant) {
        let what = counted(method, channel);
        if self.stopped.get(&what).is_some_and(|until| now < *until) {
            self.violations.push(format!("{what}: called before Retry-After was over"));
        }
        let calls = self.calls.entry(what.clone()).or_default();
        calls.push(now);
        let within =
            |span: Duration| calls.iter().filter(move |at| now.duration_since(**at) < span);
        let a_minute = within(MINUTE).count();
        let at_once = within(Duration::from_millis(900)).count();
        let is_post = method == "chat.postMessage";
        let most = if is_post { POSTS } else { tier(method) };
        if a_minute > most || (is_post && at_once > POSTS_AT_ONCE) {
            self.violations.push(format!("{what}: {a_minute} a minute, {at_once} at once"));
        }
    }

    /// The most calls within a minute, of what is counted.
    pub(crate) fn busiest(&self) -> BTreeMap<String, usize> {
        let within = |calls: &[Instant], from: &Instant| {
            calls.iter().filter(|at| *at >= from && at.duration_since(*from) < MINUTE).count()
        };
        let most = |calls: &[Instant]| calls.iter().map(|from| within(calls, from)).max();
        self.calls.iter().map(|(what, calls)| (what.clone(), most(calls).unwrap_or(0))).collect()
    }

    pub(crate) fn stop(&mut self, method: &str, channel: &str, until: Instant) {
        self.stopped.insert(counted(method, channel), until);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the times are counted from now")]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_is_too_often_and_too_early() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for n in 0..50 {
            rates.called("chat.update", "C1", now + Duration::from_millis(n));
        }
        for n in 0..60 {
            rates.called("chat.postMessage", "C1", now + Duration::from_secs(n));
        }
        assert!(rates.violations.is_empty(), "{:?}", rates.violations);
        rates.called("chat.update", "C2", now + Duration::from_secs(59));
        assert_eq!(rates.violations.len(), 1);
        rates.called("chat.update", "C2", now + MINUTE + MINUTE);
        assert_eq!(rates.violations.len(), 1);
        rates.stop("chat.postMessage", "C1", now + Duration::from_secs(100));
        rates.called("chat.postMessage", "C2", now + Duration::from_secs(99));
        assert_eq!(rates.violations.len(), 1);
        rates.called("chat.postMessage", "C1", now + Duration::from_secs(99));
        assert_eq!(rates.violations.len(), 2);
        for _ in 0..4 {
            rates.called("chat.postMessage", "C3", now);
        }
        assert_eq!(rates.violations.len(), 3);
    }
}
