//! The people, who press what the cards offer until the run is closed; whatever becomes of the product meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dr_buddy::domain::run::state::{Doubt, Happened};
use dr_buddy::domain::run::{Run, StepRun, StepState};
use dr_buddy::domain::runbook::condition::Verdict;
use serde_json::json;
use tokio::time::Instant;

use super::world::{SECRET, Server, World};
use crate::conversation::people::{ANTOINE, Button, MIA, ROOM, buttons};
use crate::conversation::raw::interaction;
use crate::harness::{http, signed};

/// Before somebody presses the same button again.
const AGAIN: Duration = Duration::from_millis(1200);
/// After this many presses in vain somebody looks again.
const IN_VAIN: u32 = 5;
/// Rounds between notes.
const NOTE_EVERY: u32 = 12;

/// What they remember.
pub(super) struct Team<'w> {
    world: &'w World,
    client: reqwest::Client,
    pressed: BTreeMap<(String, String, String), (Instant, u32)>,
    stamp: u64,
    rounds: u32,
    started: Option<Instant>,
    /// Every delivery is made twice at once, and the one before it once more.
    repeats: bool,
    before: Option<(&'static str, String)>,
    /// Notes that were answered with "noted".
    pub(super) noted: BTreeSet<String>,
    /// Deliveries made.
    pub(super) deliveries: u32,
    /// Deliveries that were answered that nothing was done.
    pub(super) failed: u32,
}

impl<'w> Team<'w> {
    /// People in this world.
    pub(super) fn of(world: &'w World) -> Self {
        Self {
            world,
            client: http(),
            pressed: BTreeMap::new(),
            stamp: 0,
            rounds: 0,
            started: None,
            repeats: false,
            before: None,
            noted: BTreeSet::new(),
            deliveries: 0,
            failed: 0,
        }
    }

    /// The same, with a Slack that repeats what it delivers.
    pub(super) fn with_repeats(self) -> Self {
        Self { repeats: true, ..self }
    }

    /// Looks at every card once and presses what is to be pressed; whether everything is over.
    pub(super) async fn round(&mut self, server: &Server) -> bool {
        self.rounds += 1;
        let Some(run) = self.world.run().await else {
            if self.started.is_none_or(|at| at.elapsed() > AGAIN) {
                self.started = Some(Instant::now());
                self.type_dr(server, "start region-failover").await;
            }
            return false;
        };
        if run.is_closed() {
            return self.world.is_quiet().await;
        }
        if self.rounds.is_multiple_of(NOTE_EVERY) {
            let note = format!("note {}", self.rounds);
            let answer = self.type_dr(server, &format!("note {note}")).await;
            if answer.is_some_and(|text| text.contains("Noté")) {
                self.noted.insert(note);
            }
        }
        let mut cards: Vec<Button> =
            self.world.slack.messages().values().flat_map(buttons).collect();
        cards.dedup();
        for button in cards {
            let step = button.value.split('|').nth(1).unwrap_or_default();
            for user in self.who_presses(&run, &button.action, step) {
                self.press(server, user, &button).await;
            }
        }
        false
    }

    /// Until everything is over.
    pub(super) async fn carry_on(&mut self, server: &mut Server) {
        let begun = Instant::now();
        while !self.round(server).await {
            server.child.must_live();
            assert!(begun.elapsed() < Duration::from_secs(120), "{}", self.stuck().await);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Where it stands, for a test that waits in vain.
    pub(super) async fn stuck(&self) -> String {
        let Some(run) = self.world.run().await else { return "nothing was started".to_owned() };
        let states: Vec<_> = run.steps.iter().map(|(id, at)| (id, &at.state)).collect();
        format!("it does not end: {states:#?} {:?}", self.world.store.next_due().await)
    }

    fn who_presses(&self, run: &Run, action: &str, step: &str) -> &'static [&'static str] {
        if action == "ask-close" {
            return if is_settled(run) { &[ANTOINE] } else { &[] };
        }
        let found = run.steps.iter().find(|(id, _)| id.as_str() == step);
        let Some((_, at)) = found else { return &[] };
        match action {
            "run" | "approve" => &[ANTOINE, MIA],
            "go" if step == "fence-verdict" && !is_fenced(run) => &[],
            "go" => &[ANTOINE, MIA],
            "done" | "retry" => &[ANTOINE],
            "ask-start-again" if may_start_again(step, at) => &[ANTOINE],
            "look-again" if self.should_look(step, at) => &[MIA],
            _ => &[],
        }
    }

    fn should_look(&self, step: &str, at: &StepRun) -> bool {
        if let StepState::InDoubt { seen, .. } = &at.state {
            return seen.is_some() && !may_start_again(step, at);
        }
        if at.state != StepState::Ready {
            return matches!(at.state, StepState::Blind { .. });
        }
        let guard = at.shown.as_ref().and_then(|shown| shown.guard.as_ref());
        let digest = at.shown.as_ref().map(|shown| shown.digest.as_str());
        let vain = |(key, (_, times)): (&(String, String, String), &(Instant, u32))| {
            digest.is_some_and(|digest| key.2.ends_with(digest)) && *times >= IN_VAIN
        };
        guard.is_some_and(|guard| *guard != Verdict::True) || self.pressed.iter().any(vain)
    }

    async fn press(&mut self, server: &Server, user: &str, button: &Button) {
        let key = (user.to_owned(), button.action.clone(), button.value.clone());
        let now = Instant::now();
        let (last, times) = self.pressed.get(&key).copied().unwrap_or((now, 0));
        // A card that nobody remembers keeps its buttons; people come to leave it alone.
        let wait = if times > IN_VAIN { AGAIN * 8 } else { AGAIN };
        if times > 0 && now - last < wait {
            return;
        }
        self.pressed.insert(key, (now, times + 1));
        self.stamp += 1;
        let stamp = format!("{}.1", self.stamp);
        let who = json!({ "id": user, "team_id": "T01TEST" });
        let payload = if button.action.starts_with("ask-") {
            let words = json!({ "words": { "words": { "value": "we looked" } } });
            json!({
                "type": "view_submission", "user": who, "team": { "id": "T01TEST" },
                "view": { "callback_id": button.action, "private_metadata": button.value,
                    "id": stamp, "state": { "values": words } },
            })
        } else {
            json!({
                "type": "block_actions", "user": who, "team": { "id": "T01TEST" },
                "channel": { "id": ROOM }, "trigger_id": stamp,
                "actions": [{ "type": "button", "action_id": button.action,
                    "value": button.value, "action_ts": stamp }],
            })
        };
        self.deliver(server, "interactions", interaction(&payload)).await;
    }

    async fn type_dr(&mut self, server: &Server, text: &str) -> Option<String> {
        self.stamp += 1;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("command", "/dr").append_pair("text", text);
        form.append_pair("user_id", ANTOINE).append_pair("team_id", "T01TEST");
        form.append_pair("channel_id", ROOM).append_pair("trigger_id", &self.stamp.to_string());
        let body = form.finish();
        self.deliver(server, "commands", body).await
    }

    /// The answer, if there was one and it was 200.
    async fn deliver(
        &mut self,
        server: &Server,
        door: &'static str,
        body: String,
    ) -> Option<String> {
        self.deliveries += 1;
        if !self.repeats {
            return self.send(server, door, &body).await;
        }
        let first = self.request(server, door, &body).send();
        let (_, second) = tokio::join!(first, self.send(server, door, &body));
        let before = self.before.replace((door, body));
        if let Some((door, body)) = before {
            self.send(server, door, &body).await;
        }
        second
    }

    async fn send(&mut self, server: &Server, door: &str, body: &str) -> Option<String> {
        let answer = self.request(server, door, body).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        // A command is answered in words.
        self.failed += u32::from(status.is_server_error() || text.contains("la base n’a pas pu"));
        status.is_success().then_some(text)
    }

    fn request(&self, server: &Server, door: &str, body: &str) -> reqwest::RequestBuilder {
        let mut request = self
            .client
            .post(format!("{}/slack/{door}", server.base))
            .timeout(Duration::from_secs(3))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        for (name, value) in signed(SECRET, body.as_bytes()) {
            request = request.header(name, value);
        }
        request
    }
}

fn is_settled(run: &Run) -> bool {
    run.steps.values().all(|at| matches!(at.state.name(), "done" | "skipped"))
}

fn is_fenced(run: &Run) -> bool {
    let fence = run.steps.iter().find(|(id, _)| id.as_str() == "fence-primary");
    fence.is_some_and(|(_, at)| matches!(at.state, StepState::Done { .. }))
}

/// People start again what certainly did not happen; and, of what names the state it wants, what happened in part.
fn may_start_again(step: &str, at: &StepRun) -> bool {
    let StepState::InDoubt { why, seen: Some(seen), .. } = &at.state else { return false };
    let is_harmless = ["fence-primary", "restart-api", "prove-write"].contains(&step);
    let in_part = is_harmless && !matches!(why, Doubt::NotProven { .. });
    seen.happened == Happened::Never || (seen.happened == Happened::Unknown && in_part)
}
