//! Does what somebody typed, and says what came of it to them alone. What concerns a run goes to the one that is open.

use tracing::info;

use super::command::{self, Command, NotACommand, Whom, Word};
use super::menu::{self, Menu, menu};
use super::said::Said;
use super::sender::Sender;
use crate::desk::{Desk, unread};
use crate::domain::actor::{Actor, Role};
use crate::domain::comms;
use crate::domain::ids::{PersonId, RunId};
use crate::domain::report::timeline;
use crate::domain::run::decide::{decide, may_start};
use crate::domain::run::{Request, Run};
use crate::domain::text::Text;

/// How many entries of the record are shown.
const ENTRIES: u64 = 15;

/// Does what was typed; `page`: the address of the war room in the browser.
pub(super) async fn obey(
    desk: &Desk,
    key: &str,
    by: &Actor,
    (sender, page): (&Sender, Option<&str>),
    text: &str,
) -> Said {
    let command = match command::parse(text) {
        Ok(command) => command,
        Err(error) => return Said::new(desk, by, &misunderstood(error)),
    };
    match command {
        Command::Menu => menu(desk, by, vec![Text::key("command.help.title")]).await,
        Command::Declare => match may_start(&desk.environment, by) {
            Ok(()) => {
                let lines = [Text::key("menu.press_start")];
                menu::said(&desk.voice_of(by), &lines, &[Menu::Start])
            }
            Err(refusal) => Said::new(desk, by, &refusal.text()),
        },
        Command::Start { runbook, kind } => {
            let now = desk.engine.clock.now();
            let answer = desk.start(key, by, runbook.as_deref(), kind, now).await;
            Said::new(desk, by, answer.text())
        }
        Command::Status => {
            seen(desk, by).await.map_or_else(|said| said, |run| status(desk, by, &run, page))
        }
        Command::Next => seen(desk, by).await.map_or_else(|said| said, |run| next(desk, by, &run)),
        Command::Timeline => match seen(desk, by).await {
            Ok(run) => entries(desk, by, &run).await,
            Err(said) => said,
        },
        Command::Note(text) => ask(desk, key, by, &Request::Note { text }).await,
        Command::Take(role) => ask(desk, key, by, &Request::TakeRole { role, person: None }).await,
        Command::Assign { role, whom } => assign(desk, key, by, sender, role, &whom).await,
        Command::Hold(reason) => ask(desk, key, by, &Request::Hold { reason }).await,
        Command::Resume => ask(desk, key, by, &Request::Resume).await,
        Command::Attach(runbook) => attach(desk, key, by, &runbook).await,
        Command::Close(reason) => ask(desk, key, by, &Request::Close { reason }).await,
        Command::Runbooks => runbooks(desk, by),
        Command::Doctor { .. } => doctor(desk, by).await,
        Command::Stats => stats(desk, by).await,
        Command::Lang(language) => {
            let text = desk.speak(by, language).await;
            Said::new(desk, by, &text)
        }
        Command::Help => help(desk, by).await,
    }
}

fn misunderstood(error: NotACommand) -> Text {
    match error {
        NotACommand::Unknown { word, near } => {
            let near = Text::raw(near.unwrap_or_default());
            Text::Key("command.unknown", vec![("word", Text::raw(word)), ("near", near)])
        }
        NotACommand::Incomplete { usage } => {
            Text::Key("command.incomplete", vec![("usage", Text::raw(usage))])
        }
        NotACommand::UnknownRole { word } => {
            let roles = Role::ALL.map(|role| Text::raw(role.name())).to_vec();
            let args = vec![("word", Text::raw(word)), ("roles", Text::List(roles))];
            Text::Key("command.unknown_role", args)
        }
        NotACommand::UnknownLanguage { word } => {
            Text::Key("command.unknown_language", vec![("word", Text::raw(word))])
        }
    }
}

async fn ask(desk: &Desk, key: &str, by: &Actor, request: &Request) -> Said {
    let answer = desk.ask_open_run(key, by, request).await;
    Said::new(desk, by, answer.text())
}

async fn attach(desk: &Desk, key: &str, by: &Actor, id: &str) -> Said {
    match desk.catalog.runbook_named(id) {
        Ok(runbook) => {
            let runbook = Box::new(runbook.clone());
            ask(desk, key, by, &Request::Attach { runbook }).await
        }
        Err(text) => {
            info!(actor = ?by, refusal = ?text, "Refused to attach a runbook");
            Said::new(desk, by, &text)
        }
    }
}

async fn assign(
    desk: &Desk,
    key: &str,
    by: &Actor,
    sender: &Sender,
    role: Role,
    whom: &Whom,
) -> Said {
    let person = match whom {
        Whom::Mention(user) => {
            let team = sender.home.as_deref().or(sender.team.as_deref());
            desk.slack_actor(team, user).person().cloned()
        }
        Whom::Name(name) => PersonId::parse(name).ok(),
    };
    match person {
        Some(person) => ask(desk, key, by, &Request::TakeRole { role, person: Some(person) }).await,
        None => {
            let (Whom::Mention(name) | Whom::Name(name)) = whom;
            info!(actor = ?by, "Refused to put an unknown person on duty");
            let args = vec![("name", Text::raw(name))];
            Said::new(desk, by, &Text::Key("refused.no_such_person", args))
        }
    }
}

/// A stranger is told so, and nothing about any run.
fn stranger(desk: &Desk, by: &Actor) -> Option<Said> {
    let name = match by {
        Actor::Person { .. } => return None,
        Actor::Stranger { name, .. } => name.as_str(),
        Actor::Engine => "",
    };
    let text = Text::Key("refused.stranger", vec![("name", Text::raw(name))]);
    Some(Said::new(desk, by, &text))
}

/// The timeline of this run, as the button on its card asks for it.
pub(super) async fn timeline_of(desk: &Desk, by: &Actor, run: &RunId) -> Said {
    if let Some(said) = stranger(desk, by) {
        return said;
    }
    match desk.engine.store.run(run).await {
        Ok(Some(stored)) => entries(desk, by, &stored.run).await,
        Ok(None) => {
            let run = vec![("run", Text::raw(run))];
            Said::new(desk, by, &Text::Key("refused.no_such_run", run))
        }
        Err(error) => Said::new(desk, by, &unread(&error)),
    }
}

/// The open run, as far as the asker may see it.
async fn seen(desk: &Desk, by: &Actor) -> Result<Run, Said> {
    if let Some(said) = stranger(desk, by) {
        return Err(said);
    }
    match desk.open_run().await {
        Ok(Some(run)) => Ok(run),
        Ok(None) => {
            let lines = [Text::key("command.status.none")];
            Err(menu::said(&desk.voice_of(by), &lines, &[Menu::Start]))
        }
        Err(error) => Err(Said::new(desk, by, &unread(&error))),
    }
}

fn status(desk: &Desk, by: &Actor, run: &Run, page: Option<&str>) -> Said {
    let card = comms::run_card(run, desk.engine.clock.now());
    Said::in_channel(&desk.voice_of(by), &card, page)
}

/// The card, with its buttons, of what waits for the asker; else who is waited for.
fn next(desk: &Desk, by: &Actor, run: &Run) -> Said {
    let voice = desk.voice_of(by);
    let now = desk.engine.clock.now();
    let mine = by.person().and_then(|person| run.waits_for(person).next());
    match mine.and_then(|step| comms::step_card(run, &step.id, now)) {
        Some(card) => Said::message(&voice, &card),
        None => ending(desk, by, run).unwrap_or_else(|| {
            let mut lines = vec![Text::key("home.waiting.none")];
            lines.extend(comms::waiting(run, now));
            Said::lines(&voice, &lines)
        }),
    }
}

/// The button that ends the run, when nothing is left to do, for those who may.
pub(super) fn ending(desk: &Desk, by: &Actor, run: &Run) -> Option<Said> {
    let now = desk.engine.clock.now();
    let close = Request::Close { reason: String::new() };
    let offer = comms::ending(run, now).filter(|_| decide(run, &close, by, now).is_ok())?;
    Some(Said::message(&desk.voice_of(by), &offer))
}

async fn entries(desk: &Desk, by: &Actor, run: &Run) -> Said {
    let from = run.seq.saturating_sub(ENTRIES);
    let limit = u32::try_from(ENTRIES).unwrap_or(u32::MAX);
    match desk.engine.store.record(&run.id, from, limit).await {
        Ok(events) => {
            let lines: Vec<_> = events
                .iter()
                .map(|event| {
                    let at = comms::clock(run, event.entry.at);
                    let what = timeline::line(run, event);
                    Text::Key("command.timeline.line", vec![("at", at), ("what", what)])
                })
                .collect();
            Said::list(&desk.voice_of(by), &lines)
        }
        Err(error) => Said::new(desk, by, &unread(&error)),
    }
}

fn runbooks(desk: &Desk, by: &Actor) -> Said {
    let mut lines = vec![Text::key("command.runbooks.title")];
    lines.extend(desk.catalog.runbooks.values().map(|runbook| {
        let (id, title) = (Text::raw(&runbook.id), (&runbook.title).into());
        Text::Key("command.runbooks.line", vec![("id", id), ("title", title)])
    }));
    Said::lines(&desk.voice_of(by), &lines)
}

/// What the doctor saw last, for people of the team.
pub(super) async fn doctor(desk: &Desk, by: &Actor) -> Said {
    if let Some(said) = stranger(desk, by) {
        return said;
    }
    if desk.engine.doctor.is_none() {
        return Said::new(desk, by, &Text::key("doctor.off"));
    }
    match desk.reports().await {
        Ok(reports) => {
            let (zone, now) = (&desk.environment.chat.time_zone, desk.engine.clock.now());
            let lines = comms::readiness_lines(&reports, zone, now);
            Said::list(&desk.voice_of(by), &lines)
        }
        Err(error) => Said::new(desk, by, &unread(&error)),
    }
}

/// The figures over all runs, for people of the team.
async fn stats(desk: &Desk, by: &Actor) -> Said {
    if let Some(said) = stranger(desk, by) {
        return said;
    }
    match desk.stats(&desk.environment.id).await {
        Ok(stats) => Said::list(&desk.voice_of(by), &comms::stats(&stats)),
        Err(error) => Said::new(desk, by, &unread(&error)),
    }
}

async fn help(desk: &Desk, by: &Actor) -> Said {
    let mut lines = vec![Text::key("command.help.title")];
    lines.extend(Word::ALL.into_iter().map(|word| {
        let (usage, what) = word.help();
        let args = vec![("usage", Text::raw(usage)), ("what", Text::key(what))];
        Text::Key("command.help.line", args)
    }));
    lines.push(Text::key("command.help.mention"));
    menu(desk, by, lines).await
}
