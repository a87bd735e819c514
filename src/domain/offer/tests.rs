use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::actor::Surface;
use crate::domain::alert::Vendor;
use crate::domain::environment::{Environment, check};
use crate::domain::ids::PersonId;

const NOW: Timestamp = Timestamp(1_795_184_000_000);

fn environment() -> Environment {
    const TEXT: &str = include_str!("../../../deploy/environments/prod.yaml");
    check("prod.yaml", TEXT).unwrap()
}

/// What a board does, with everything that came in known again as the store knows it.
struct Desk {
    environment: Environment,
    board: Board,
    names: BTreeSet<String>,
}

impl Desk {
    fn new() -> Self {
        Self { environment: environment(), board: Board::default(), names: BTreeSet::new() }
    }

    fn ask(&mut self, by: &Actor, request: &Request, at: Timestamp) -> Result<usize, Declined> {
        let events = decide(&self.board, &self.environment, request, by, at)?;
        let number = events.len();
        for event in events {
            apply(&mut self.board, &Entry { at, by: by.clone(), event });
        }
        Ok(number)
    }

    fn hear(&mut self, alerts: &[Alert], run: Option<&RunId>, at: Timestamp) -> usize {
        let fresh = |alert: &&Alert| !self.names.contains(&alert.name());
        let alerts: Vec<Alert> = alerts.iter().filter(fresh).cloned().collect();
        self.names.extend(alerts.iter().map(Alert::name));
        self.ask(&Actor::Engine, &Request::Hear { alerts, run: run.cloned() }, at).unwrap()
    }

    fn newest(&self) -> &Offer {
        self.board.offers.last().unwrap()
    }

    fn subjects(&self, offer: &Offer) -> Vec<&str> {
        let members = self.board.members(offer).into_iter();
        members.map(|known| known.alert.subject.as_str()).collect()
    }
}

fn alert(subject: &str, seconds: i64, is_over: bool) -> Alert {
    let at = Timestamp(NOW.0 + seconds * 1000);
    Alert::new(Vendor::Grafana, subject, at, is_over).titled(subject)
}

fn rings(subject: &str, seconds: i64) -> Alert {
    alert(subject, seconds, false)
}

fn run(name: &str) -> RunId {
    RunId::parse(name).unwrap()
}

fn person(environment: &Environment, may: bool) -> Actor {
    let all = environment
        .people
        .iter()
        .map(|person| Actor::Person { id: person.id.clone(), via: Surface::Slack });
    let may_start = crate::domain::run::decide::may_start;
    all.into_iter().find(|by| may_start(environment, by).is_ok() == may).unwrap()
}

#[test]
fn several_alerts_within_the_window_are_one_offer_and_a_later_one_is_another() {
    let mut desk = Desk::new();
    desk.hear(&[rings("b", -30), rings("a", -60)], None, NOW);
    desk.hear(&[rings("c", 60)], None, NOW.plus(WINDOW));
    assert_eq!(desk.board.offers.len(), 1);
    assert_eq!(desk.subjects(desk.newest()), ["a", "b", "c"]);
    assert_eq!(desk.board.first_at(desk.newest()), NOW.minus(Span::seconds(60)));
    let first = desk.newest().id;
    desk.hear(&[rings("d", 9000)], None, NOW.plus(WINDOW).plus(WINDOW).plus(Span(1)));
    assert_eq!(desk.subjects(desk.newest()), ["d"]);
    assert_eq!(desk.board.is_open(first), Err(Declined::Ended(End::Passed)));
}

#[test]
fn a_redelivery_is_nothing_new() {
    let mut desk = Desk::new();
    assert_eq!(desk.hear(&[rings("a", 0), rings("a", 0)], None, NOW), 1);
    let before = desk.board.clone();
    assert_eq!(desk.hear(&[rings("a", 0)], None, NOW.plus(WINDOW)), 0);
    assert_eq!(desk.board, before);
}

#[test]
fn what_is_over_cannot_be_taken_up_and_what_rings_again_can() {
    let mut desk = Desk::new();
    desk.hear(&[rings("a", 0)], None, NOW);
    let id = desk.newest().id;
    desk.hear(&[alert("a", 5, true)], None, NOW.plus(Span::seconds(6)));
    assert_eq!(desk.board.is_open(id), Err(Declined::Over));
    desk.hear(&[rings("a", 9)], None, NOW.plus(Span::seconds(9)));
    assert!(desk.board.is_open(id).is_ok(), "within the window it is the same");
    assert_eq!(desk.board.first_at(desk.newest()), NOW, "and it rang first then");
}

#[test]
fn an_end_that_comes_before_its_ring_offers_nothing() {
    let mut desk = Desk::new();
    desk.hear(&[alert("a", 5, true)], None, NOW);
    desk.hear(&[rings("a", 0)], None, NOW);
    assert_eq!(desk.board.offers, []);
    desk.hear(&[rings("a", 7)], None, NOW);
    assert_eq!(desk.board.offers.len(), 1);
}

#[test]
fn who_may_open_a_run_says_that_it_is_no_incident_and_nobody_else() {
    let mut desk = Desk::new();
    desk.hear(&[rings("a", 0)], None, NOW);
    let offer = desk.newest().id;
    let mut other = desk.environment.people[0].clone();
    (other.id, other.roles) = (PersonId::parse("observer").unwrap(), vec![]);
    desk.environment.people.push(other);
    let [may, may_not] = [true, false].map(|may| person(&desk.environment, may));
    let stranger = Actor::Stranger { name: "U0".to_owned(), via: Surface::Slack };
    let dismiss = Request::Dismiss { offer };
    for by in [&may_not, &stranger, &Actor::Engine] {
        assert!(matches!(desk.ask(by, &dismiss, NOW), Err(Declined::NotAllowed(_))), "{by:?}");
    }
    assert_eq!(desk.ask(&may, &dismiss, NOW), Ok(1));
    assert_eq!(desk.ask(&may, &dismiss, NOW), Ok(0), "twice is once");
    assert_eq!(desk.ask(&may, &Request::Dismiss { offer: 99 }, NOW), Err(Declined::NoSuchOffer));
    // What rings afterwards was not meant.
    desk.hear(&[rings("b", 1)], None, NOW);
    assert_ne!(desk.newest().id, offer);
    assert_eq!(desk.subjects(desk.newest()), ["b"]);
}

#[test]
fn a_run_takes_what_was_offered_and_what_rings_and_gives_it_back_when_it_is_closed() {
    let mut desk = Desk::new();
    desk.hear(&[rings("a", 0), rings("b", 1), rings("c", 2)], None, NOW);
    desk.hear(&[alert("c", 3, true)], None, NOW);
    let (offer, run) = (desk.newest().id, run("OPS-1"));
    let open = Request::RunOpen { run: run.clone(), knows: vec![rings("a", 0).key()] };
    desk.ask(&Actor::Engine, &open, NOW).unwrap();
    assert_eq!(desk.board.is_open(offer), Err(Declined::Ended(End::Run(run.clone()))));
    let owed = |desk: &Desk| -> Vec<String> {
        desk.board.owed.iter().map(|owed| owed.alert.subject.clone()).collect()
    };
    assert_eq!(owed(&desk), ["b"], "what it knows, and what is over, it is not told");
    assert_eq!(desk.ask(&Actor::Engine, &open, NOW), Ok(0), "once");
    desk.hear(&[rings("d", 4), alert("e", 4, true)], Some(&run), NOW);
    desk.hear(&[alert("a", 5, true)], Some(&run), NOW);
    assert_eq!(owed(&desk), ["b", "d", "a"]);
    assert_eq!(desk.board.offers.len(), 1, "nothing is offered while a run is open");
    let seqs: Vec<u64> = desk.board.owed.iter().map(|owed| owed.seq).collect();
    desk.ask(&Actor::Engine, &Request::Taken { seq: seqs[0] }, NOW).unwrap();
    desk.ask(&Actor::Engine, &Request::NotTaken { seq: seqs[1] }, NOW).unwrap();
    desk.ask(&Actor::Engine, &Request::NotTaken { seq: seqs[2] }, NOW).unwrap();
    assert_eq!(desk.ask(&Actor::Engine, &Request::NotTaken { seq: seqs[2] }, NOW), Ok(0));
    assert_eq!(owed(&desk), [""; 0]);
    assert_eq!(desk.subjects(desk.newest()), ["d"], "what still rings is offered");
}

#[test]
fn a_board_does_not_grow_for_ever() {
    let mut desk = Desk::new();
    for n in 0..1000 {
        let at = NOW.plus(Span::minutes(n * 20));
        desk.hear(&[rings(&format!("s{n}"), i64::try_from(n).unwrap())], None, at);
    }
    assert_eq!((desk.board.alerts.len(), desk.board.offers.len()), (ALERTS, OFFERS));
    assert_eq!(desk.subjects(desk.newest()), ["s999"]);
    let run = run("OPS-1");
    let many: Vec<Alert> = (0..1000).map(|n| rings(&format!("t{n}"), 0)).collect();
    for part in many.chunks(50) {
        desk.hear(part, Some(&run), NOW);
    }
    assert!(desk.board.owed.len() < OWED + 50);
}

/// What anybody can tell of a board, apart from numbers and times of arrival.
fn seen(board: &Board) -> (Vec<(String, i64, bool)>, Vec<String>) {
    let all = board.alerts.values();
    let all = all.map(|known| (known.alert.subject.clone(), known.alert.at.0, known.rings()));
    let open = board.offers.last().filter(|offer| board.is_open(offer.id).is_ok());
    let members = open.into_iter().flat_map(|offer| board.members(offer));
    let members = members.filter(|known| known.rings());
    let mut members: Vec<String> = members.map(|known| known.alert.subject.clone()).collect();
    members.sort();
    (all.collect(), members)
}

proptest! {
    #[test]
    fn the_order_of_news_and_how_often_it_comes_change_nothing(
        news in proptest::collection::vec((0..4u8, 0..60i64, any::<bool>()), 1..25),
        order in any::<prop::sample::Index>(), seed in any::<u64>(), again in any::<u8>(),
    ) {
        let news: Vec<Alert> =
            news.iter().map(|(s, at, over)| alert(&format!("s{s}"), *at, *over)).collect();
        let mut one = Desk::new();
        for alert in &news {
            one.hear(std::slice::from_ref(alert), None, NOW);
        }
        let mut shuffled = news.clone();
        // Fisher and Yates, with a seed.
        let mut state = seed | 1;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        let from = order.index(shuffled.len());
        let repeated: Vec<Alert> = shuffled[from..].to_vec();
        let mut other = Desk::new();
        // In one group, one by one, and some of it again.
        other.hear(&shuffled[..from], None, NOW);
        for alert in repeated.iter().chain(shuffled.iter().take(usize::from(again))) {
            other.hear(std::slice::from_ref(alert), None, NOW);
        }
        prop_assert_eq!(seen(&one.board), seen(&other.board));
        let ringing = one.board.alerts.values().filter(|known| known.rings()).count();
        prop_assert_eq!(seen(&one.board).1.len(), ringing, "all that rings is offered, once");
    }

    #[test]
    fn whatever_happens_at_most_one_offer_is_open_and_a_closed_one_stays_closed(
        acts in proptest::collection::vec((0..5u8, 0..5u8, 0..2000u64), 1..40),
    ) {
        let mut desk = Desk::new();
        let may = person(&desk.environment, true);
        let (mut now, mut ended) = (NOW, BTreeSet::new());
        for (act, subject, later) in acts {
            now = now.plus(Span::seconds(later));
            let seconds = i64::try_from(now.since(NOW).ms() / 1000).unwrap();
            let name = format!("s{subject}");
            let newest = desk.board.offers.last().map_or(0, |offer| offer.id);
            let owed = desk.board.owed.first().map_or(0, |owed| owed.seq);
            match act {
                0 => drop(desk.hear(&[rings(&name, seconds)], None, now)),
                1 => drop(desk.hear(&[alert(&name, seconds, true)], None, now)),
                2 => drop(desk.ask(&may, &Request::Dismiss { offer: newest }, now)),
                3 => {
                    let open = Request::RunOpen { run: run("OPS-1"), knows: vec![] };
                    drop(desk.ask(&Actor::Engine, &open, now));
                }
                _ => drop(desk.ask(&Actor::Engine, &Request::NotTaken { seq: owed }, now)),
            }
            let open = desk.board.offers.iter().filter(|offer| offer.end.is_none());
            prop_assert!(open.clone().count() <= 1);
            for offer in open {
                prop_assert!(!ended.contains(&offer.id));
            }
            ended.extend(desk.board.offers.iter().filter(|one| one.end.is_some()).map(|one| one.id));
            let text = serde_json::to_string(&desk.board).unwrap();
            prop_assert_eq!(serde_json::from_str::<Board>(&text).unwrap(), desk.board.clone());
        }
    }
}
