//! The form that opens a run: what is asked, how it looks, what came back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::filled::{CALLBACK, Filled};
use super::handle::{Inbound, Reply, beside};
use super::render::{self, LABEL, TITLE};
use super::sender::Sender;
use crate::catalog::{DEFAULT_RUNBOOK, Voice};
use crate::desk::{Answer, Desk, Wish, unread};
use crate::domain::actor::Actor;
use crate::domain::comms::{self, city, declare};
use crate::domain::environment::EnvironmentKind;
use crate::domain::ids::PersonId;
use crate::domain::offer::{Board, Offer};
use crate::domain::run::decide::may_start;
use crate::domain::run::declared::{Declared, Field, Severity};
use crate::domain::run::limits::IMPACT;
use crate::domain::run::{Kind, Run};
use crate::domain::runbook::Runbook;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Most options of a select.
const OPTIONS: usize = 100;
/// Characters of an option's name and of the line below it.
const OPTION: usize = 75;

impl Inbound {
    /// Opens the form for somebody who may start a run, with what is known from an offer of alerts, if it is because of
    /// one. Whether it opened.
    pub(super) async fn opens_start(&self, sender: &Sender, offer: Option<u64>) -> bool {
        let by = self.actor(sender);
        if may_start(&self.desk.environment, &by).is_err() {
            return false;
        }
        let inbound = self.clone();
        let view = async move {
            inbound.meet(&by).await;
            let desk = &inbound.desk;
            let open = desk.open_run().await;
            let open = open.map_err(|error| unread(&error))?;
            let now = desk.engine.clock.now();
            let offered = match offer {
                Some(offer) => Some((desk.offered(offer).await?, offer)),
                None => None,
            };
            let offered = offered.as_ref().and_then(|(board, id)| Some((board, board.offer(*id)?)));
            Ok(view(desk, &by, open.as_ref(), offered, now))
        };
        self.open_then(sender.clone(), Text::key("start.title"), view).await
    }

    /// Opens the run that the form asks for, or says beside the field what is wrong.
    pub(super) async fn declared(&self, key: &str, sender: &Sender, filled: &Filled) -> Reply {
        let by = self.actor(sender);
        self.meet(&by).await;
        let voice = self.desk.voice_of(&by);
        let mut wish = match self.wish(sender, filled) {
            Ok(wish) => wish,
            Err((field, text)) => return beside(&voice, field, &text),
        };
        if let Some(offer) = filled.offer {
            match self.desk.alerts_of(offer).await {
                Ok(alerts) => wish.declared.alerts = alerts,
                Err(error) => return beside(&voice, Field::Runbook, &unread(&error)),
            }
        }
        let (answer, field) = self.desk.declare(key, &by, wish).await;
        match answer {
            Answer::Done { text, .. } => {
                let view = render::note(&voice, &Text::key("start.title"), &text);
                Reply::With(json!({ "response_action": "update", "view": view }))
            }
            Answer::CodeAsked(text) | Answer::Refused(text) | Answer::Failed(text) => {
                beside(&voice, field.unwrap_or(Field::Runbook), &text)
            }
        }
    }

    fn wish<'a>(&self, sender: &Sender, filled: &'a Filled) -> Result<Wish<'a>, (Field, Text)> {
        let missing = |field| (field, Text::key("start.choose"));
        let kind = filled.kind.as_deref();
        let kind = Kind::ALL.into_iter().find(|one| Some(one.name()) == kind);
        let impact = filled.impact.and_then(|seconds| seconds.checked_mul(1000));
        let mut declared = Declared {
            severity: filled.severity.as_deref().and_then(Severity::parse),
            affected: filled.affected.iter().cloned().collect(),
            ..Declared::default()
        };
        for (role, user) in &filled.roles {
            let person = self.person(sender, user).ok_or_else(|| {
                let name = vec![("name", Text::raw(format!("@{user}")))];
                (Field::Role(*role), Text::Key("refused.no_such_person", name))
            })?;
            declared.roles.insert(*role, person);
        }
        Ok(Wish {
            runbook: filled.runbook.as_deref(),
            kind: kind.ok_or_else(|| missing(Field::Kind))?,
            impact_at: impact.map(Timestamp).ok_or_else(|| missing(Field::Impact))?,
            declared,
        })
    }

    fn person(&self, sender: &Sender, user: &str) -> Option<PersonId> {
        let team = sender.home.as_deref().or(sender.team.as_deref());
        self.desk.slack_actor(team, user).person().cloned()
    }
}

/// The form, filled as far as anything is known.
fn view(
    desk: &Desk,
    by: &Actor,
    open: Option<&Run>,
    offered: Option<(&Board, &Offer)>,
    now: Timestamp,
) -> Value {
    let voice = &desk.voice_of(by);
    let zone = &desk.environment.chat.time_zone;
    let mut lines = intro(desk, open);
    lines.extend(offered.map(|(board, offer)| comms::offered(board, offer, zone)));
    let mut blocks = render::sections(voice, &lines);
    blocks.push(runbook(voice, desk));
    blocks.push(kind(voice, desk));
    // What rang first is the first guess at when it began; the form says that it can be earlier.
    let since = offered.map_or(now, |(board, offer)| board.first_at(offer));
    blocks.push(impact(voice, desk, since.max(now.minus(IMPACT))));
    blocks.push(severity(voice));
    blocks.extend(affected(voice, desk));
    for (role, person) in declare::roles(&desk.environment, desk.catalog.runbooks.values()) {
        let name = Text::Named(format!("role.{}", role.name()), vec![]);
        let mut element = json!({ "type": "users_select" });
        if let Some(slack) = person.and_then(|person| person.slack.as_deref()) {
            element = render::with(element, "initial_user", slack);
        }
        let label = Text::Key("start.role", vec![("role", name)]);
        blocks.push(input(voice, Field::Role(role), &label, element, true));
    }
    let footer = voice.mrkdwn(&Text::key("start.footer"));
    let footer = json!({ "type": "mrkdwn", "text": footer });
    blocks.push(json!({ "type": "context", "elements": [footer] }));
    let word = |key| render::plain(&voice.plain(&Text::key(key)), TITLE);
    json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": offered.map_or_else(String::new, |(_, offer)| offer.id.to_string()),
        "title": word("start.title"),
        "submit": word("start.send"),
        "close": word("form.cancel"),
        "blocks": blocks,
    })
}

/// Where it will run, and what is open there already.
fn intro(desk: &Desk, open: Option<&Run>) -> Vec<Text> {
    let environment = &desk.environment;
    let kind = Text::key(match environment.kind {
        EnvironmentKind::Production => "environment.production",
        EnvironmentKind::Staging => "environment.staging",
    });
    let mut lines = vec![Text::Key(
        "start.environment",
        vec![
            ("environment", Text::raw(&environment.id)),
            ("kind", kind),
            ("account", Text::raw(&environment.account)),
            ("primary", Text::raw(&environment.regions.primary)),
            ("dr", Text::raw(&environment.regions.dr)),
        ],
    )];
    lines.extend(open.map(|run| {
        let kind = Text::Named(format!("kind.{}", run.kind.name()), vec![]);
        Text::Key("start.open", vec![("run", Text::raw(&run.id)), ("kind", kind)])
    }));
    lines
}

fn input(voice: &Voice<'_>, field: Field, label: &Text, element: Value, optional: bool) -> Value {
    json!({
        "type": "input",
        "block_id": field.name(),
        "optional": optional,
        "label": render::plain(&voice.plain(label), LABEL),
        "element": render::with(element, "action_id", field.name()),
    })
}

fn option(voice: &Voice<'_>, value: &str, name: &Text, means: Option<&Text>) -> Value {
    let option = json!({ "text": render::plain(&voice.plain(name), OPTION), "value": value });
    match means {
        Some(means) => {
            render::with(option, "description", render::plain(&voice.plain(means), OPTION))
        }
        None => option,
    }
}

/// The default one first and chosen.
fn runbook(voice: &Voice<'_>, desk: &Desk) -> Value {
    let mut all: Vec<&Runbook> = desk.catalog.runbooks.values().collect();
    all.sort_by_key(|runbook| runbook.id.as_str() != DEFAULT_RUNBOOK);
    let named =
        |runbook: &&Runbook| option(voice, runbook.id.as_str(), &Text::from(&runbook.title), None);
    let options: Vec<_> = all.iter().take(OPTIONS).map(named).collect();
    let element =
        json!({ "type": "static_select", "initial_option": options.first(), "options": options });
    input(voice, Field::Runbook, &Text::key("start.runbook"), element, false)
}

fn kind(voice: &Voice<'_>, desk: &Desk) -> Value {
    let named = |kind: Kind| {
        let name = Text::Named(format!("kind.{}", kind.name()), vec![]);
        let means = Text::Named(format!("start.kind.{}", kind.name()), vec![]);
        option(voice, kind.name(), &name, Some(&means))
    };
    let options: Vec<_> = declare::kinds(&desk.environment).into_iter().map(named).collect();
    let element =
        json!({ "type": "radio_buttons", "initial_option": options.first(), "options": options });
    input(voice, Field::Kind, &Text::key("start.kind"), element, false)
}

/// Slack shows its reader's own zone; the team's stands beside it.
fn impact(voice: &Voice<'_>, desk: &Desk, now: Timestamp) -> Value {
    let zone = &desk.environment.chat.time_zone;
    let minute = now.0.div_euclid(60_000) * 60;
    let element = json!({ "type": "datetimepicker", "initial_date_time": minute });
    let block = input(voice, Field::Impact, &Text::key("start.impact"), element, false);
    let args = vec![
        ("utc", Text::raw(now.minute_in("UTC").unwrap_or_default())),
        ("local", Text::raw(now.minute_in(zone).unwrap_or_default())),
        ("city", Text::raw(city(zone))),
    ];
    let hint = voice.plain(&Text::Key("start.impact_hint", args));
    render::with(block, "hint", render::plain(&hint, 2000))
}

fn severity(voice: &Voice<'_>) -> Value {
    let named = |severity: Severity| {
        let means = Text::Named(format!("start.severity.{}", severity.name()), vec![]);
        option(voice, severity.name(), &severity.text(), Some(&means))
    };
    let options: Vec<_> = Severity::ALL.into_iter().map(named).collect();
    let element = json!({ "type": "radio_buttons", "options": options });
    input(voice, Field::Severity, &Text::key("start.severity"), element, true)
}

fn affected(voice: &Voice<'_>, desk: &Desk) -> Option<Value> {
    let systems: BTreeSet<&str> = desk.environment.systems().into_iter().collect();
    let options: Vec<_> = systems
        .into_iter()
        .take(OPTIONS)
        .map(|name| option(voice, name, &Text::raw(name), None))
        .collect();
    if options.is_empty() {
        return None;
    }
    let element = json!({ "type": "multi_static_select", "options": options });
    Some(input(voice, Field::Affected, &Text::key("start.affected"), element, true))
}
