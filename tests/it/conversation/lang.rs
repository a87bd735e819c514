//! Each is answered in their own language: the one they chose, over restarts; else the one that Slack says. The cards of
//! the room stay in the room's.

use std::time::Duration;

use super::people::{ANTOINE, LEO, MIA, ROOM, STRANGER};
use super::shop::excerpt;
use super::stage::{Script, Stage, TOKEN};
use crate::harness::{Door, Fault, eventually, fake_slack, http};

const STEP: &str = "pin-dns";

#[tokio::test]
async fn who_chooses_a_language_is_answered_in_it() {
    chosen(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_as_well() {
    chosen(Door::Socket).await;
}

async fn chosen(door: Door) {
    let runbooks = vec![("pin.yaml", excerpt("pin", &[STEP]))];
    let stage = Stage::open(Script { runbooks, door, ..Script::default() }).await;
    stage.told(MIA, "status", "No run is open").await;
    stage.told(MIA, "lang", "/dr lang fr|en").await;
    stage.told(MIA, "lang de", "I do not speak `de`").await;
    stage.told(MIA, "lang fr", "Je vous réponds désormais en français").await;
    stage.told(MIA, "status", "Aucune exécution ouverte").await;
    assert_eq!(page(&stage, "").await, "fr", "as the environment file says of him");
    stage.told(ANTOINE, "lang english", "I answer you in English from now on").await;
    assert_eq!(page(&stage, "").await, "en", "the page answers him as Slack does");
    assert_eq!(page(&stage, "; dr_buddy_lang=fr").await, "fr", "unless he chose there");
    stage.told(LEO, "status", "Aucune exécution ouverte").await;
    stage.told(STRANGER, "lang fr", "I do not know you").await;
    stage.kill();
    stage.start().await;
    stage.told(MIA, "resume", "Aucune exécution ouverte").await;
    stage.told(ANTOINE, "start pin", "Starting has changed nothing").await;

    // Forms and refusals are hers; the card everybody sees is the room's.
    let run = stage.button("approve", STEP).await;
    stage.in_the_room("Started by").await;
    let hold = stage.button("ask-hold", "").await;
    stage.press(MIA, &hold).await;
    let form = eventually("the form opens", 15, || stage.slack.modal()).await;
    assert_eq!(form["submit"]["text"], "Suspendre l’exécution", "{form}");
    stage.press(ANTOINE, &run).await;
    stage.button("approve", STEP).await;
    stage.press(ANTOINE, &run).await;
    stage.whispered(ANTOINE, "Not counted twice").await;
    stage.judged("languages").await;
}

/// The language of the first page, as Antoine sees it with this besides his session.
async fn page(stage: &Stage, chosen: &str) -> String {
    let session: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let cookie = format!("dr_buddy_session={session}{chosen}");
    let page = http().get(&stage.base).header("cookie", cookie).send().await;
    let page = page.expect("it answers").text().await.expect("it is text");
    let (_, lang) = page.split_once("<html lang=\"").expect("it has one");
    lang.chars().take_while(|c| *c != '"').collect()
}

#[tokio::test]
async fn else_slack_is_asked_once_and_never_waited_for() {
    let slack = fake_slack("xoxb-test-token", &[(ANTOINE, "antoine"), (STRANGER, "eve")]).await;
    slack.speaks(STRANGER, "fr-CA");
    let script = Script { api_url: Some(slack.api_url.clone()), ..Script::default() };
    let stage = Stage::open(script).await;
    let asks = async |user: &str, trigger: u32| {
        let body = format!(
            "command=%2Fdr&text=status&user_id={user}&team_id=T01TEST&channel_id={ROOM}&trigger_id={trigger}"
        );
        let asked = tokio::time::Instant::now();
        let (status, answer) = stage.send("commands", body).await;
        assert_eq!(status, 200);
        (answer, asked.elapsed())
    };
    assert!(asks(STRANGER, 1).await.0.contains("Je ne vous connais pas"));
    assert!(asks(STRANGER, 2).await.0.contains("Je ne vous connais pas"));
    // Of Antoine the environment file says it.
    assert!(asks(ANTOINE, 3).await.0.contains("Aucune exécution ouverte"));
    let asked = || slack.calls().into_iter().filter(|call| call.method == "users.info").count();
    assert_eq!(asked(), 1);

    // Slack does not say, or not soon: the answer comes all the same, in the language of the room.
    slack.spoil_next("users.info", Fault::Delay(Duration::from_secs(5)));
    let (answer, took) = asks("U0LATE", 4).await;
    assert!(answer.contains("I do not know you"), "{answer}");
    assert!(took < Duration::from_millis(2500), "{took:?}");
    slack.spoil_next("users.info", Fault::Error("missing_scope".into()));
    assert!(asks("U0NOBODY", 5).await.0.contains("I do not know you"));
    assert!(asks("U0NOBODY", 6).await.0.contains("I do not know you"));
    assert_eq!(asked(), 3);
    slack.no_violation();
}
