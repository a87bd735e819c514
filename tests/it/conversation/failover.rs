//! A whole region failover, by three people, until it is closed; then the servers say what became of it.

use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::comms::step_card;
use dr_buddy::domain::ids::StepId;
use dr_buddy::domain::report::timeline;
use dr_buddy::domain::run::Event;
use dr_buddy::domain::value::Language;
use dr_buddy::slack::render;
use serde_json::json;

use super::people::{ANTOINE, LEO, MIA, buttons};
use super::record::Record;
use super::shop::{DR_LB, primary_target};
use super::stage::{Script, Stage, TOKEN, WRITERS};
use crate::harness::{Deliveries, Door, http};

/// What people press, in order: step, button, and the two who press.
const PLAY: [(&str, &str, [&str; 2]); 10] = [
    ("freeze-controllers", "done", [LEO, ANTOINE]),
    ("decide-go", "go", [ANTOINE, MIA]),
    ("fence-primary", "run", [LEO, MIA]),
    ("promote-database", "approve", [ANTOINE, MIA]),
    ("replace-database-url", "approve", [MIA, LEO]),
    ("restart-api", "run", [LEO, ANTOINE]),
    ("prove-write", "run", [MIA, ANTOINE]),
    ("decide-traffic", "go", [MIA, LEO]),
    ("pin-dns", "approve", [ANTOINE, LEO]),
    ("stand-down", "done", [ANTOINE, ANTOINE]),
];

/// Steps that two people must agree to.
const BY_TWO: [&str; 3] = ["promote-database", "replace-database-url", "pin-dns"];

/// The run is closed through its form.
async fn close(stage: &Stage) -> Record {
    stage
        .recorded(
            "everything is settled",
            |event| matches!(event, Event::StepDone { step, .. } if step.as_str() == "stand-down"),
        )
        .await;
    let close = stage.button("ask-close", "").await;
    stage.write(ANTOINE, &close, "").await;
    stage.recorded("the run is closed", |event| matches!(event, Event::RunClosed { .. })).await
}

/// Asks the servers, not the product.
async fn assert_each_effect_once(stage: &Stage) {
    let Stage { aws, world, kube, namespace, .. } = stage;
    assert_eq!(world.writer_arn().await, world.dr_arn);
    assert_eq!(aws.tap.count("FailoverGlobalCluster"), 1, "{:?}", aws.tap.calls());
    assert_eq!(aws.tap.count("SwitchoverGlobalCluster"), 0);

    assert_eq!(aws.tap.count("PutSecretValue"), 1);
    let secret = world.secret_value(&world.dr).await;
    let before = world.secret_value(&world.primary).await;
    let url = before["DATABASE_URL"].as_str().expect("it has one");
    assert!(
        url.contains(&format!("@{}:", world.primary_host)),
        "the old region's own is left alone"
    );
    let mut expected = before.clone();
    expected["DATABASE_URL"] = url.replace(&world.primary_host, &world.dr_host).into();
    assert_eq!(secret, expected);
    assert_eq!(world.secret_versions(&world.dr).await.len(), 2);
    assert_eq!(world.secret_versions(&world.primary).await.len(), 1);

    let changes = format!("POST /2013-04-01/hostedzone/{}/rrset", world.zone);
    assert_eq!(aws.tap.count(&changes), 1, "{:?}", aws.tap.calls());
    assert!(primary_target(world).await.starts_with(DR_LB));
    assert_eq!(world.record_set().await.len(), 2);

    for (name, _) in WRITERS {
        assert_eq!(kube.replicas("eu", namespace, name).await, 0, "{name}");
        let generation = kube.get("eu", namespace, name).await.metadata.generation;
        assert_eq!(generation, Some(2), "{name} was changed once");
    }
    let api = kube.get("us", namespace, "shop-api").await;
    assert_eq!(api.metadata.generation, Some(2), "restarted once: {api:?}");
    let marks = kube.template_annotations("us", namespace, "shop-api").await;
    assert!(marks.contains_key("kubectl.kubernetes.io/restartedAt"));
    assert_eq!(kube.replicas("us", namespace, "shop-api").await, 2);
}

fn assert_each_attempt_once(record: &Record) {
    for step in record.run.steps.keys() {
        let step = step.as_str();
        let began = record.attempts(step);
        assert!(began <= 1, "`{step}` was begun {began} times");
    }
    assert_eq!(record.count(|event| matches!(event, Event::OutcomeUnknown { .. })), 0);
    assert_eq!(record.count(|event| matches!(event, Event::ApprovalsVoided { .. })), 0);
    for step in BY_TWO {
        let mut people: Vec<_> = record
            .events
            .iter()
            .filter(|one| {
                matches!(&one.entry.event, Event::ApprovalGiven { step: of, .. } if of.as_str() == step)
            })
            .map(|one| one.entry.by.person().expect("people approve"))
            .collect();
        people.sort();
        people.dedup();
        assert_eq!(people.len(), 2, "`{step}` was approved by {people:?}");
    }
    let fenced = record.run.steps.iter().find(|(step, _)| step.as_str() == "fence-verdict");
    assert_eq!(fenced.expect("there is one").1.state.name(), "skipped");
}

/// Letters and digits only: what is left when markup is gone.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// What the page shows to Antoine is what is on the record.
async fn assert_the_page_tells_the_record(stage: &Stage, record: &Record) {
    let form = format!("secret={TOKEN}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    // Makes the TLS provider known.
    drop(http());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("the client has no options that can fail");
    let sign_in = client.post(format!("{}/sign-in", stage.base)).header(kind.0, kind.1).body(form);
    let signed_in = sign_in.send().await.expect("it answers");
    let cookie = signed_in.headers().get("set-cookie");
    let cookie = match cookie {
        Some(cookie) => cookie.to_str().expect("it is text").to_owned(),
        None => panic!("no session: {signed_in:?}"),
    };
    let session = cookie.split(';').next().expect("it has a value");
    let url = format!("{}/runs/{}", stage.base, record.run.id);
    let cookie = format!("{session}; dr_buddy_lang=en");
    let page = client.get(url).header("cookie", cookie).send().await.expect("it answers");
    let page = page.text().await.expect("it is text");
    let mut words = String::new();
    for part in page.split('<') {
        words.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    let words = letters(
        &words.replace("&quot;", "").replace("&amp;", "").replace("&gt;", "").replace("&lt;", ""),
    );
    let catalog = Catalog::load(&CatalogSources::default()).expect("what is shipped is good");
    let environment = super::shop::checked(&stage.environment);
    let voice = catalog.texts.voice(Language::En, Some(&environment));
    for recorded in &record.events {
        let line = voice.plain(&timeline::line(&record.run, recorded));
        assert!(words.contains(&letters(&line)), "the page lacks `{line}`");
    }
}

/// What was asked, seen and said when it was decided, on the card without buttons.
async fn assert_the_decision_is_kept(stage: &Stage) {
    let card = stage.in_the_room("· GO ").await;
    assert!(buttons(&card).is_empty(), "{card:#}");
    let catalog = Catalog::load(&CatalogSources::default()).expect("what is shipped is good");
    let environment = super::shop::checked(&stage.environment);
    let record = stage.record().await.expect("there is one");
    let step = StepId::parse("decide-go").expect("an id");
    let french = step_card(&record.run, &step, record.run.seen_at).expect("it has opened");
    let voice = catalog.texts.voice(Language::Fr, Some(&environment));
    let french = json!(render::blocks(&voice, &french)).to_string();
    let kept = [ANTOINE, MIA, LEO, "HTTP 200", "trop tôt"];
    let (en, fr) =
        (["Do we fail over", "· GO ", "disagrees"], ["Basculons", "· GO à ", "pas d’accord"]);
    for (said, own) in [(card.to_string(), en), (french, fr)] {
        for part in kept.iter().chain(&own) {
            assert!(said.contains(part), "`{part}` is missing of {said}");
        }
    }
}

#[tokio::test]
async fn a_guided_failover_end_to_end() {
    guided(Door::Http).await;
}

#[tokio::test]
async fn a_guided_failover_by_socket_mode() {
    guided(Door::Socket).await;
}

async fn guided(door: Door) {
    let stage = Stage::open(Script { door, ..Script::default() }).await;
    stage.type_dr(ANTOINE, "start region-failover").await;
    for (step, action, [first, second]) in PLAY {
        let button = stage.button(action, step).await;
        if step == "decide-go" {
            stage.write(LEO, &stage.button("ask-disagree", step).await, "trop tôt").await;
        }
        stage.press(first, &button).await;
        if action == "go" {
            stage.press(second, &button).await;
        }
        if step == "decide-go" {
            assert_the_decision_is_kept(&stage).await;
        }
        if BY_TWO.contains(&step) {
            let approve = stage.button("approve", step).await;
            assert_eq!(approve.digest(), button.digest());
            if step == "promote-database" {
                stage.press(first, &approve).await;
                stage.whispered(first, "Ne compte pas deux fois").await;
                assert_eq!(stage.aws.tap.count("FailoverGlobalCluster"), 0);
            }
            stage.press(second, &approve).await;
        }
    }
    stage.type_dr(MIA, "status").await;
    let answer = stage.slack.deliveries().pop().expect("it was delivered").answers.remove(0);
    let run = stage.run().await;
    assert!(answer.body.contains(run.as_str()), "{answer:?}");
    let record = close(&stage).await;
    assert_each_effect_once(&stage).await;
    assert_each_attempt_once(&record);
    assert_the_page_tells_the_record(&stage, &record).await;
    let slow: Vec<_> = stage.slack.deliveries().into_iter().flat_map(|one| one.answers).collect();
    assert!(slow.iter().all(|answer| answer.status == 200 && answer.took_ms < 3000), "{slow:?}");
    stage.judged(&format!("a guided failover ({door:?})")).await;
}

#[tokio::test]
async fn doubled_deliveries_and_two_people_at_the_same_moment_change_nothing_twice() {
    doubled(Door::Http).await;
}

#[tokio::test]
async fn the_same_payload_by_both_doors_at_the_same_moment_changes_nothing_twice() {
    doubled(Door::Both).await;
}

async fn doubled(door: Door) {
    let stage = Stage::open(Script { door, ..Script::default() }).await;
    stage.slack.deliver(Deliveries::Doubled);
    let start = || stage.type_dr(ANTOINE, "start region-failover");
    tokio::join!(start(), stage.type_dr(MIA, "start region-failover"));
    for (step, action, people) in PLAY {
        let button = stage.button(action, step).await;
        stage.press_both(people, &button).await;
    }
    stage.type_dr(MIA, "note orders come in again").await;
    let record = close(&stage).await;
    assert_eq!(record.count(|event| matches!(event, Event::RunStarted(_))), 1);
    assert_eq!(record.count(|event| matches!(event, Event::NoteAdded { .. })), 1);
    assert_each_effect_once(&stage).await;
    assert_each_attempt_once(&record);
    let all = stage.slack.deliveries();
    assert!(all.iter().all(|one| one.answers.len() == 2), "every delivery was made twice");
    let statuses: Vec<u16> =
        all.iter().flat_map(|one| &one.answers).map(|one| one.status).collect();
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    stage.judged(&format!("a failover with everything doubled ({door:?})")).await;
}
