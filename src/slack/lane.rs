//! Who speaks next in a channel, and when. Pure: the times come from the caller.
//!
//! Slack takes about one message a second per channel, and fifty edits a minute of a workspace. What asks somebody goes
//! before what only tells, and that before the upkeep of cards; of the edits in a minute, some are kept for what asks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::channel::Urgency;
use crate::faults;

/// Between two messages of a channel.
const BETWEEN: Duration = Duration::from_secs(1);
/// Between two edits that keep one card up to date.
const BETWEEN_UPKEEP: Duration = Duration::from_secs(4);
const MINUTE: Duration = Duration::from_secs(60);
/// Edits a minute, of the fifty that Slack promises: all of them, and those that only keep cards up to date.
const EDITS: usize = 45;
const UPKEEP: usize = 30;

/// As long as it takes; in tests of the whole, as much less as their clock is faster.
fn scaled(time: Duration) -> Duration {
    time / faults::speed()
}

/// A place in the queue of a channel: the urgent first, then the first come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    urgency: Urgency,
    number: u64,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errand {
    /// How urgent it is.
    pub(super) urgency: Urgency,
    /// Of an edit: when the message was edited last, if it was.
    pub(super) edit: Option<Option<Instant>>,
}

/// What a ticket gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is its turn, and the ticket is used up.
    Go,
    /// Not before then.
    At(Instant),
    /// Somebody else goes now.
    Behind,
}

/// The queues of a workspace.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<String, Lane>,
    /// The edits of the last minute.
    edits: VecDeque<Instant>,
    /// No edit before then.
    no_edit_before: Option<Instant>,
    tickets: u64,
}

#[derive(Debug, Default)]
struct Lane {
    free_at: Option<Instant>,
    /// After Slack asked to wait, what asks is handed in again first.
    edits_at: Option<Instant>,
    waiting: BTreeMap<Ticket, Errand>,
}

impl Lanes {
    /// Queues.
    pub(super) fn enter(&mut self, channel: &str, errand: Errand) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket { urgency: errand.urgency, number: self.tickets };
        self.lanes.entry(channel.to_owned()).or_default().waiting.insert(ticket, errand);
        ticket
    }

    /// Gives a ticket up.
    pub(super) fn leave(&mut self, channel: &str, ticket: Ticket) {
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.waiting.remove(&ticket);
        }
    }

    /// Whether it is the turn of this ticket.
    pub(super) fn next(&mut self, channel: &str, ticket: Ticket, now: Instant) -> Next {
        while self.edits.front().is_some_and(|edit| *edit + scaled(MINUTE) <= now) {
            self.edits.pop_front();
        }
        let Some(lane) = self.lanes.get(channel) else { return Next::Go };
        if let Some(free_at) = lane.free_at.filter(|free_at| *free_at > now) {
            return Next::At(free_at);
        }
        let mut soonest: Option<Instant> = None;
        for (waiting, errand) in &lane.waiting {
            let mut ripe_at = self.ripe_at(errand, now);
            if errand.urgency != Urgency::Asks {
                ripe_at = lane.edits_at.map_or(ripe_at, |then| then.max(ripe_at));
            }
            if ripe_at > now {
                soonest = Some(soonest.map_or(ripe_at, |soonest| soonest.min(ripe_at)));
            } else if *waiting == ticket {
                let is_edit = errand.edit.is_some();
                self.go(channel, ticket, is_edit, now);
                return Next::Go;
            } else {
                return Next::Behind;
            }
        }
        soonest.map_or(Next::Go, Next::At)
    }

    fn go(&mut self, channel: &str, ticket: Ticket, is_edit: bool, now: Instant) {
        if is_edit {
            self.edits.push_back(now);
        }
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.waiting.remove(&ticket);
            lane.free_at = Some(now + scaled(BETWEEN));
        }
    }

    /// When an errand may go as far as its own message and the edits of the workspace are concerned.
    fn ripe_at(&self, errand: &Errand, now: Instant) -> Instant {
        let Some(last) = errand.edit else { return now };
        let (most, apart) = match errand.urgency {
            Urgency::Asks | Urgency::Tells => (EDITS, Duration::ZERO),
            Urgency::Upkeep => (UPKEEP, scaled(BETWEEN_UPKEEP)),
        };
        let with_room = self.edits.len().checked_sub(most).and_then(|over| self.edits.get(over));
        let times = [
            last.map(|last| last + apart),
            with_room.map(|edit| *edit + scaled(MINUTE)),
            self.no_edit_before,
        ];
        times.into_iter().flatten().fold(now, Instant::max)
    }

    /// Slack asks to wait: nothing is posted or edited in the channel before then.
    pub(super) fn stop(&mut self, channel: &str, until: Instant) {
        let lane = self.lanes.entry(channel.to_owned()).or_default();
        lane.free_at = lane.free_at.max(Some(until));
        lane.edits_at = lane.edits_at.max(Some(until + scaled(BETWEEN)));
    }

    /// Slack asks to wait: nothing is edited in the workspace before then. Posts go on.
    pub(super) fn stop_edits(&mut self, until: Instant) {
        self.no_edit_before = self.no_edit_before.max(Some(until));
    }

    /// How long nothing may be edited: Slack may have asked to wait since a turn was given.
    pub(super) fn no_edit_for(&self, now: Instant) -> Option<Duration> {
        self.no_edit_before.filter(|until| *until > now).map(|until| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Errand = Errand { urgency: Urgency::Asks, edit: None };
    const TELL: Errand = Errand { urgency: Urgency::Tells, edit: Some(None) };
    const UPKEEP_OF_CARD: Errand = Errand { urgency: Urgency::Upkeep, edit: Some(None) };

    fn second(start: Instant, n: u64) -> Instant {
        start + Duration::from_secs(n)
    }

    #[test]
    fn what_asks_goes_first_however_many_wait() {
        let (mut lanes, start) = (Lanes::default(), Instant::now());
        let upkeep: Vec<_> = (0..100).map(|_| lanes.enter("C1", UPKEEP_OF_CARD)).collect();
        let tell = lanes.enter("C1", TELL);
        let asks = [lanes.enter("C1", ASK), lanes.enter("C1", ASK)];
        assert_eq!(lanes.next("C1", upkeep[0], start), Next::Behind);
        assert_eq!(lanes.next("C1", tell, start), Next::Behind);
        assert_eq!(lanes.next("C1", asks[1], start), Next::Behind);
        assert_eq!(lanes.next("C1", asks[0], start), Next::Go);
        assert_eq!(lanes.next("C1", asks[1], start), Next::At(second(start, 1)));
        assert_eq!(lanes.next("C1", asks[1], second(start, 1)), Next::Go);
        assert_eq!(lanes.next("C1", upkeep[0], second(start, 2)), Next::Behind);
        assert_eq!(lanes.next("C1", tell, second(start, 2)), Next::Go);
        // Who gives up holds up nobody.
        lanes.leave("C1", upkeep[0]);
        assert_eq!(lanes.next("C1", upkeep[1], second(start, 3)), Next::Go);
        let elsewhere = lanes.enter("C2", UPKEEP_OF_CARD);
        assert_eq!(lanes.next("C2", elsewhere, start), Next::Go);
    }

    #[test]
    fn a_card_is_kept_up_to_date_every_four_seconds_and_holds_up_nobody_meanwhile() {
        let (mut lanes, start) = (Lanes::default(), Instant::now());
        let edited = Errand { edit: Some(Some(start)), ..UPKEEP_OF_CARD };
        let card = lanes.enter("C1", edited);
        assert_eq!(lanes.next("C1", card, second(start, 1)), Next::At(second(start, 4)));
        let other = lanes.enter("C1", UPKEEP_OF_CARD);
        assert_eq!(lanes.next("C1", other, second(start, 1)), Next::Go);
        assert_eq!(lanes.next("C1", card, second(start, 4)), Next::Go);
    }

    #[test]
    fn when_slack_asks_to_wait_the_whole_channel_waits() {
        let (mut lanes, start) = (Lanes::default(), Instant::now());
        lanes.stop("C1", second(start, 30));
        lanes.stop("C1", second(start, 5));
        let ask = lanes.enter("C1", ASK);
        assert_eq!(lanes.next("C1", ask, start), Next::At(second(start, 30)));
        lanes.leave("C1", ask);
        let tell = lanes.enter("C1", TELL);
        assert_eq!(lanes.next("C1", tell, second(start, 30)), Next::At(second(start, 31)));
        let asked_again = lanes.enter("C1", ASK);
        assert_eq!(lanes.next("C1", asked_again, second(start, 30)), Next::Go);
        let elsewhere = lanes.enter("C2", ASK);
        assert_eq!(lanes.next("C2", elsewhere, start), Next::Go);
        assert_eq!(lanes.no_edit_for(start), None);
        lanes.stop_edits(second(start, 60));
        assert_eq!(lanes.no_edit_for(second(start, 59)), Some(Duration::from_secs(1)));
        assert_eq!(lanes.no_edit_for(second(start, 60)), None);
        let edit = lanes.enter("C2", TELL);
        assert_eq!(lanes.next("C2", edit, second(start, 1)), Next::At(second(start, 60)));
        let post = lanes.enter("C2", ASK);
        assert_eq!(lanes.next("C2", post, second(start, 1)), Next::Go);
    }

    #[test]
    fn edits_stay_below_what_slack_promises_and_some_are_kept_for_what_asks() {
        let (mut lanes, start) = (Lanes::default(), Instant::now());
        let mut edit = |errand: Errand, channel: String, now| {
            let ticket = lanes.enter(&channel, errand);
            let next = lanes.next(&channel, ticket, now);
            lanes.leave(&channel, ticket);
            next
        };
        for n in 0..UPKEEP {
            assert_eq!(edit(UPKEEP_OF_CARD, format!("C{n}"), start), Next::Go);
        }
        assert_eq!(edit(UPKEEP_OF_CARD, "D".to_owned(), start), Next::At(second(start, 60)));
        let asks = Errand { urgency: Urgency::Asks, edit: Some(None) };
        for n in UPKEEP..EDITS {
            assert_eq!(edit(asks, format!("C{n}"), second(start, 1)), Next::Go);
        }
        assert_eq!(edit(asks, "D".to_owned(), second(start, 1)), Next::At(second(start, 60)));
        assert_eq!(edit(asks, "D".to_owned(), second(start, 60)), Next::Go);
        assert_eq!(edit(ASK, "E".to_owned(), start), Next::Go, "posts are counted by channel");
    }
}
