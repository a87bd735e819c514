//! Changes a board as the record says. Total: what is on the record has happened.

use super::{ALERTS, Board, End, Entry, Event, Goes, Known, OFFERS, Offer, Owed};
use crate::domain::alert::Alert;
use crate::domain::time::Timestamp;

/// Changes the board as the entry says.
pub fn apply(board: &mut Board, entry: &Entry) {
    board.seq += 1;
    let (seq, at) = (board.seq, entry.at);
    match &entry.event {
        Event::Heard { alert, goes } => heard(board, alert, goes, at),
        Event::Ended { offer, end } => {
            if let Some(offer) = board.offers.iter_mut().find(|one| one.id == *offer) {
                offer.end = Some(end.clone());
                offer.changed = seq;
            }
        }
        Event::Owes { run, alert } => {
            board.owed.push(Owed { seq, run: run.clone(), alert: alert.clone() });
        }
        Event::Settled { seq } => board.owed.retain(|owed| owed.seq != *seq),
    }
}

fn heard(board: &mut Board, alert: &Alert, goes: &Goes, at: Timestamp) {
    let seq = board.seq;
    let joins = match goes {
        Goes::NewOffer => {
            for before in board.offers.iter_mut().filter(|offer| offer.end.is_none()) {
                (before.end, before.changed) = (Some(End::Passed), seq);
            }
            let offer = Offer { id: seq, made_at: at, heard_at: at, changed: seq, end: None };
            board.offers.push(offer);
            let most = board.offers.len().saturating_sub(OFFERS);
            board.offers.drain(..most);
            Some(seq)
        }
        Goes::Offer(id) => Some(*id),
        Goes::Run(run) => {
            board.owed.push(Owed { seq, run: run.clone(), alert: alert.clone() });
            None
        }
        Goes::Stays => None,
    };
    let known = board.alerts.entry(alert.key()).or_insert_with(|| Known {
        alert: alert.clone(),
        over_at: None,
        first_at: alert.at,
        heard_at: at,
        offer: None,
    });
    known.hear(alert, at);
    if let Some(id) = joins {
        let was_elsewhere = known.offer != Some(id);
        known.offer = Some(id);
        known.first_at = if was_elsewhere { alert.at } else { known.first_at.min(alert.at) };
    }
    let belongs = known.offer;
    if let Some(offer) = board.offers.iter_mut().find(|offer| Some(offer.id) == belongs) {
        offer.changed = seq;
        if joins.is_some() {
            offer.heard_at = at;
        }
    }
    forget(board, alert);
}

impl Known {
    /// The latest ring and the latest end count, in whatever order they come.
    fn hear(&mut self, alert: &Alert, at: Timestamp) {
        self.heard_at = at;
        if alert.is_over {
            self.over_at = self.over_at.max(Some(alert.at));
            if self.alert.is_over && alert.at >= self.alert.at {
                self.alert = alert.clone();
            }
        } else if self.alert.is_over || alert.at >= self.alert.at {
            self.alert = alert.clone();
        }
    }
}

/// A board does not grow for ever. What is over goes first, then what was heard of least lately; never what came now.
fn forget(board: &mut Board, now: &Alert) {
    let newest = board.offers.last().map(|offer| offer.id);
    while board.alerts.len() > ALERTS {
        let others = board.alerts.iter().filter(|(key, _)| **key != now.key());
        let first = others.min_by_key(|(_, known)| {
            (known.rings(), known.offer.is_some() && known.offer == newest, known.heard_at)
        });
        let Some(key) = first.map(|(key, _)| key.clone()) else { return };
        board.alerts.remove(&key);
    }
}
