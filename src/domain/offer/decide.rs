//! What follows from a request about alerts.

use super::{Board, Declined, End, Event, Goes, OWED, Request};
use crate::domain::actor::Actor;
use crate::domain::alert::Alert;
use crate::domain::environment::Environment;
use crate::domain::ids::{Digest, RunId};
use crate::domain::run::decide::may_start;
use crate::domain::time::Timestamp;

/// Decides what follows. Changes nothing.
///
/// # Errors
/// When it is understood and declined.
pub fn decide(
    board: &Board,
    environment: &Environment,
    request: &Request,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Declined> {
    match request {
        Request::Hear { alerts, run } => Ok(hear(board, alerts, run.as_ref(), now)),
        Request::Dismiss { offer } => {
            may_start(environment, by)
                .map_err(|refusal| Declined::NotAllowed(Box::new(refusal)))?;
            let by = by.person().ok_or(Declined::NoSuchOffer)?.clone();
            let offer = match board.is_open(*offer) {
                Ok(offer) => offer.id,
                // Whoever says so twice has said so.
                Err(Declined::Ended(End::NoIncident { by: before, .. })) if before == by => {
                    return Ok(vec![]);
                }
                Err(declined) => return Err(declined),
            };
            Ok(vec![Event::Ended { offer, end: End::NoIncident { by, at: now } }])
        }
        Request::RunOpen { run, knows } => Ok(run_open(board, run, knows)),
        Request::Taken { seq } => {
            Ok(settled(board, *seq).map(|(event, _)| event).into_iter().collect())
        }
        Request::NotTaken { seq } => Ok(match settled(board, *seq) {
            None => vec![],
            Some((event, alert)) if alert.is_over => vec![event],
            Some((event, alert)) => {
                vec![event, Event::Heard { goes: goes(board, &alert, now), alert }]
            }
        }),
    }
}

fn hear(board: &Board, alerts: &[Alert], run: Option<&RunId>, now: Timestamp) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut has_new_offer = false;
    // A group may say twice what rings in two of its parts.
    let mut names = Vec::new();
    for alert in alerts {
        let name = alert.name();
        if names.contains(&name) {
            continue;
        }
        names.push(name);
        let goes = match run {
            // That something is over which the run never heard of is nothing to it.
            Some(_) if alert.is_over && !board.alerts.contains_key(&alert.key()) => Goes::Stays,
            Some(run) if board.owed.len() < OWED => Goes::Run(run.clone()),
            Some(_) => Goes::Stays,
            None => match goes(board, alert, now) {
                // The first of a group makes the offer that the others join.
                Goes::NewOffer if has_new_offer => Goes::Stays,
                goes @ (Goes::NewOffer | Goes::Offer(_) | Goes::Run(_) | Goes::Stays) => goes,
            },
        };
        has_new_offer |= goes == Goes::NewOffer;
        events.push(Event::Heard { alert: alert.clone(), goes });
    }
    join(board, events)
}

/// Those that stayed behind because their group's first made an offer join that.
fn join(board: &Board, mut events: Vec<Event>) -> Vec<Event> {
    let first = (board.seq + 1..).zip(&events).find_map(|(seq, event)| {
        matches!(event, Event::Heard { goes: Goes::NewOffer, .. }).then_some(seq)
    });
    let Some(first) = first else { return events };
    for (seq, event) in (board.seq + 1..).zip(&mut events) {
        if let Event::Heard { alert, goes: goes @ Goes::Stays } = event
            && seq > first
            && !alert.is_over
            && !is_over_since(board, alert)
        {
            *goes = Goes::Offer(first);
        }
    }
    events
}

/// Whether it is known that a ring is over: news of that came first.
fn is_over_since(board: &Board, alert: &Alert) -> bool {
    let known = board.alerts.get(&alert.key());
    known.is_some_and(|known| {
        let newer = known.alert.is_over && known.alert.at >= alert.at;
        newer || known.over_at.is_some_and(|over| over >= alert.at)
    })
}

fn goes(board: &Board, alert: &Alert, now: Timestamp) -> Goes {
    if alert.is_over || is_over_since(board, alert) {
        return Goes::Stays;
    }
    board.takes_in(now).map_or(Goes::NewOffer, |offer| Goes::Offer(offer.id))
}

/// What is offered is answered by a run, whoever opened it and however: it is told what it does not know yet.
fn run_open(board: &Board, run: &RunId, knows: &[Digest]) -> Vec<Event> {
    let Some(offer) = board.offers.last().filter(|offer| offer.end.is_none()) else {
        return vec![];
    };
    let end = Event::Ended { offer: offer.id, end: End::Run(run.clone()) };
    let unknown = board
        .members(offer)
        .into_iter()
        .filter(|known| known.rings() && !knows.contains(&known.alert.key()));
    let owes = unknown.take(OWED.saturating_sub(board.owed.len()));
    let owes = owes.map(|known| Event::Owes { run: run.clone(), alert: known.alert.clone() });
    std::iter::once(end).chain(owes).collect()
}

fn settled(board: &Board, seq: u64) -> Option<(Event, Alert)> {
    let owed = board.owed.iter().find(|owed| owed.seq == seq)?;
    Some((Event::Settled { seq }, owed.alert.clone()))
}
