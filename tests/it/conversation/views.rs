//! From the card of the run to the rest of it: the timeline, for whoever asks, and the page, where it has an address.

use super::people::{ANTOINE, Button, MIA, ROOM, STRANGER, buttons};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Delivery, DeliveryKind, Door};

const STEP: &str = "pin-dns";
const PAGE: &str = "https://dr.example.com";

async fn stage(door: Door, page: Option<&str>) -> Stage {
    let runbooks = vec![("pin.yaml", excerpt("pin", &[STEP]))];
    let page = page.map(|page| ("DR_BUDDY_PAGE_URL", page.to_owned()));
    let more = page.into_iter().collect();
    Stage::open(Script { runbooks, door, more, ..Script::default() }).await
}

impl Stage {
    /// A button of the run's card by its action.
    async fn view(&self, action: &str) -> Option<Button> {
        let card = self.in_the_room("\"timeline\"").await;
        buttons(&card).into_iter().find(|button| button.action == action)
    }

    /// What the app answered to the last press.
    fn answered(&self) -> Vec<(u16, String)> {
        let pressed = |one: &Delivery| one.kind == DeliveryKind::Interaction;
        let last = self.slack.deliveries().into_iter().rfind(pressed).expect("it was delivered");
        last.answers.into_iter().map(|answer| (answer.status, answer.body)).collect()
    }
}

#[tokio::test]
async fn the_card_opens_the_timeline_and_leads_to_the_page() {
    seen(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_as_well() {
    seen(Door::Socket).await;
}

async fn seen(door: Door) {
    let stage = stage(door, Some(PAGE)).await;
    stage.told(ANTOINE, "start pin", "Démarrer n’a rien modifié").await;
    let run = stage.run().await;
    let timeline = stage.view("timeline").await.expect("the card has it");
    stage.press(MIA, &timeline).await;
    let said = stage.whispered(MIA, "started “Excerpt”").await;
    stage.told(MIA, "timeline", said.lines().next().expect("a line")).await;
    stage.press(STRANGER, &timeline).await;
    stage.whispered(STRANGER, "I do not know you").await;

    // The browser opens the page by itself; Slack is told that all is well, and nobody anything.
    let page = stage.view("open-page").await.expect("the page has an address");
    let card = stage.in_the_room("\"open-page\"").await.to_string();
    assert!(card.contains(&format!("\"{PAGE}/runs/{run}\"")), "{card}");
    let (events, told) = (stage.events().await, stage.slack.ephemeral_to(MIA, ROOM).await.len());
    for user in [MIA, STRANGER] {
        stage.press(user, &page).await;
        assert_eq!(stage.answered(), [(200, String::new())], "{door:?}");
    }
    assert_eq!(stage.events().await, events);
    assert_eq!(stage.slack.ephemeral_to(MIA, ROOM).await.len(), told);

    // One gets there by `/dr status` as well; and when the run is closed.
    stage.told(MIA, "status", &format!("{PAGE}/runs/{run}")).await;
    stage.told(ANTOINE, "close only tried", "Consigné dans").await;
    let closed = stage.in_the_room("*Closed* by").await;
    let timeline = buttons(&closed).into_iter().find(|button| button.action == "timeline");
    stage.press(ANTOINE, &timeline.expect("the card still has it")).await;
    stage.whispered(ANTOINE, "clôt l’exécution").await;
    stage.judged("ways to the rest of a run").await;
}

#[tokio::test]
async fn without_an_address_no_card_leads_to_a_page() {
    let stage = stage(Door::Http, None).await;
    stage.told(ANTOINE, "start pin", "Démarrer n’a rien modifié").await;
    assert!(stage.view("timeline").await.is_some());
    assert_eq!(stage.view("open-page").await, None);
}
