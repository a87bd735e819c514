//! `dr-buddy run`: drive a run from a terminal, for the hour in which Slack is down. The same store, rules and words;
//! the person is known by a token of their own, and the record says that it came from here.

use std::io::{self, BufRead, Write};

use super::plain;
use super::serve::Ended;
use crate::desk::{Answer, Desk};
use crate::domain::actor::Actor;
use crate::domain::actor::Role;
use crate::domain::code::Typed;
use crate::domain::comms::{self, Ask, Press, Written, form};
use crate::domain::ids::{RunId, StepId};
use crate::domain::report::{critical_path, forecast, loss};
use crate::domain::run::update::UpdateId;
use crate::domain::run::{Run, StepState};
use crate::domain::text::Text;

/// Digits of the digest that are typed to agree.
const TYPED: usize = 6;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `list`, `show`, or the name of a button.
    pub verb: String,
    /// About which step, if it is about one.
    pub step: Option<String>,
    /// About which role, if it is about one.
    pub role: Option<String>,
    /// The words it wants.
    pub words: String,
    /// In which run; the open one unless told.
    pub run: Option<String>,
    /// The first digits of the digest, so that nobody is asked to type them.
    pub digest: Option<String>,
}

/// Does what is asked.
///
/// # Errors
/// When the terminal cannot be read or written.
pub async fn run(
    desk: &Desk,
    by: &Actor,
    wish: &Wish,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    if wish.verb == "list" {
        return list(desk, by, out).await;
    }
    let Some(run) = find(desk, wish).await? else {
        return refuse(desk, by, &Text::key("refused.no_run"), out);
    };
    if wish.verb == "show" {
        let ended = show(desk, by, &run, wish, out)?;
        if wish.step.is_none() {
            path(desk, by, &run, out).await?;
        }
        return Ok(ended);
    }
    let Some(ask) = Ask::ALL.into_iter().find(|ask| ask.name() == wish.verb) else {
        let all: Vec<_> = Ask::ALL.iter().map(|ask| ask.name()).collect();
        writeln!(out, "run list | show | {}", all.join(" | "))?;
        return Ok(Ended::Misconfigured);
    };
    let Some(press) = press(desk, by, &run, ask, wish, input, out)? else {
        return Ok(Ended::Refused);
    };
    let mut written = Written::words(&wish.words);
    let mut answer = desk.press(&key(), by, &press, &written).await;
    if matches!(answer, Answer::CodeAsked(_)) {
        written.code = Some(ask_code(desk, by, input, out)?);
        answer = desk.press(&key(), by, &press, &written).await;
    }
    match answer {
        Answer::Done { text, .. } => {
            writeln!(out, "{}", desk.voice_of(by).plain(&text))?;
            Ok(Ended::Well)
        }
        Answer::CodeAsked(text) | Answer::Refused(text) => refuse(desk, by, &text, out),
        Answer::Failed(text) => {
            writeln!(out, "{}", desk.voice_of(by).plain(&text))?;
            Ok(Ended::Badly)
        }
    }
}

/// A second press is a request of its own.
pub(super) fn key() -> String {
    format!("cli/{}", uuid::Uuid::new_v4())
}

/// Asks for a one-time code. It is typed, never an argument: those stand in the shell's history.
pub(super) fn ask_code(
    desk: &Desk,
    by: &Actor,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> io::Result<Typed> {
    write!(out, "{} ", desk.voice_of(by).plain(&Text::key("cli.type_code")))?;
    out.flush()?;
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(Typed::new(&line))
}

fn refuse(desk: &Desk, by: &Actor, text: &Text, out: &mut dyn Write) -> io::Result<Ended> {
    writeln!(out, "{}", desk.voice_of(by).plain(text))?;
    Ok(Ended::Refused)
}

async fn find(desk: &Desk, wish: &Wish) -> io::Result<Option<Run>> {
    match &wish.run {
        None => desk.open_run().await.map_err(io::Error::other),
        Some(id) => match RunId::parse(id) {
            Ok(id) => {
                let stored = desk.engine.store.run(&id).await.map_err(io::Error::other)?;
                Ok(stored.map(|stored| stored.run))
            }
            Err(_) => Ok(None),
        },
    }
}

async fn list(desk: &Desk, by: &Actor, out: &mut dyn Write) -> io::Result<Ended> {
    let now = desk.engine.clock.now();
    let runs = desk.engine.store.runs(50).await.map_err(io::Error::other)?;
    for run in &runs {
        let summary = comms::run_card(run, now).summary;
        writeln!(out, "{}  {}", run.id, desk.voice_of(by).plain(&summary))?;
    }
    Ok(Ended::Well)
}

fn show(desk: &Desk, by: &Actor, run: &Run, wish: &Wish, out: &mut dyn Write) -> io::Result<Ended> {
    let (voice, now) = (desk.voice_of(by), desk.engine.clock.now());
    match &wish.step {
        None => {
            write!(out, "{}", plain::text(&voice, &comms::run_card(run, now)))?;
            for update in run.drafts() {
                if let Some(card) = comms::draft(run, &update, now) {
                    write!(out, "\n[{update}] {}", plain::text(&voice, &card))?;
                }
            }
        }
        Some(step) => {
            let step = StepId::parse(step).ok();
            let card = step.as_ref().and_then(|step| comms::step_card(run, step, now));
            let Some(card) = card else {
                let step = Text::raw(wish.step.as_deref().unwrap_or_default());
                let text = Text::Key("refused.no_such_step", vec![("step", step)]);
                return refuse(desk, by, &text, out);
            };
            write!(out, "{}", plain::text(&voice, &card))?;
            writeln!(out, "[{}]", plain::verbs(&card).join("] ["))?;
        }
    }
    let doubt = run.steps.values().any(|at| matches!(at.state, StepState::InDoubt { .. }));
    Ok(if doubt { Ended::InDoubt } else { Ended::Well })
}

/// The chain of steps that decides when the service is back, or that decided it; and what is known of the loss.
async fn path(desk: &Desk, by: &Actor, run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let (voice, now) = (desk.voice_of(by), desk.engine.clock.now());
    let record = desk.engine.store.record(&run.id, 0, u32::MAX).await.map_err(io::Error::other)?;
    let path = if run.restored_at.is_none() {
        let ahead = forecast::critical_steps(run, now);
        ("cli.path_ahead", critical_path::lines_ahead(run, &ahead))
    } else {
        let legs = critical_path::critical_path(&record).unwrap_or_default();
        ("cli.path", critical_path::lines(run, &legs))
    };
    for (heading, lines) in [path, ("cli.loss", loss::lines(&loss::losses(&record)))] {
        if !lines.is_empty() {
            writeln!(out, "\n{}", voice.plain(&Text::key(heading)))?;
        }
        for line in &lines {
            writeln!(out, "- {}", voice.plain(line))?;
        }
    }
    Ok(())
}

/// The press that is meant. Agreeing shows the card and wants the first digits of its digest typed.
fn press(
    desk: &Desk,
    by: &Actor,
    run: &Run,
    ask: Ask,
    wish: &Wish,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> io::Result<Option<Press>> {
    if matches!(ask, Ask::Say | Ask::PutOff) {
        return of_update(desk, by, run, ask, wish, out);
    }
    let Some(name) = &wish.step else { return of_run(desk, by, run, ask, wish, out) };
    let found = StepId::parse(name).ok().filter(|step| run.steps.contains_key(step));
    let Some(step) = found else {
        let text = Text::Key("refused.no_such_step", vec![("step", Text::raw(name))]);
        refuse(desk, by, &text, out)?;
        return Ok(None);
    };
    // Exactly what the card offers may be asked: `done` of a step that is run, say, is no approval of it.
    let card = comms::step_card(run, &step, desk.engine.clock.now());
    let offered = card.as_ref().map(plain::verbs).unwrap_or_default();
    if !offered.contains(&ask.name()) {
        let args = vec![("verb", Text::raw(ask.name())), ("verbs", Text::raw(offered.join(", ")))];
        refuse(desk, by, &Text::Key("cli.not_offered", args), out)?;
        return Ok(None);
    }
    let shown = run.steps.get(&step).and_then(|at| at.shown.as_ref());
    let digest = shown.map(|shown| &shown.digest);
    let press = Press::of_step(ask, &run.id, &step, digest);
    if let (true, Some(digest)) = (form::agrees(&press), digest) {
        let typed = match &wish.digest {
            Some(typed) => typed.clone(),
            None => {
                let now = desk.engine.clock.now();
                let voice = desk.voice_of(by);
                if let Some(card) = comms::step_card(run, &step, now) {
                    write!(out, "{}", plain::text(&voice, &card))?;
                }
                let args = vec![("count", Text::raw(TYPED))];
                write!(out, "{} ", voice.plain(&Text::Key("cli.type_digest", args)))?;
                out.flush()?;
                let mut line = String::new();
                input.read_line(&mut line)?;
                line
            }
        };
        let typed = typed.trim();
        if typed.len() < TYPED || !digest.as_str().starts_with(typed) {
            refuse(desk, by, &Text::key("cli.digest_differs"), out)?;
            return Ok(None);
        }
    }
    Ok(Some(press))
}

/// The press that is meant about an update, which is named in place of a step.
fn of_update(
    desk: &Desk,
    by: &Actor,
    run: &Run,
    ask: Ask,
    wish: &Wish,
    out: &mut dyn Write,
) -> io::Result<Option<Press>> {
    if let Some(update) = wish.step.as_deref().and_then(UpdateId::parse) {
        return Ok(Some(Press::of_update(ask, &run.id, &update)));
    }
    let updates = Text::List(run.drafts().map(|update| Text::raw(&update)).collect());
    let args = vec![("verb", Text::raw(ask.name())), ("updates", updates)];
    refuse(desk, by, &Text::Key("cli.which_update", args), out)?;
    Ok(None)
}

/// The press that is meant without a step: about the run, or about a role. What is missing is asked for.
fn of_run(
    desk: &Desk,
    by: &Actor,
    run: &Run,
    ask: Ask,
    wish: &Wish,
    out: &mut dyn Write,
) -> io::Result<Option<Press>> {
    let role = wish.role.as_deref().and_then(Role::parse);
    let press = match role {
        Some(role) if ask == Ask::Take => Press::of_role(ask, &run.id, role),
        Some(_) | None => Press::of_run(ask, &run.id),
    };
    if press.request("").is_ok() {
        return Ok(Some(press));
    }
    let verb = ("verb", Text::raw(ask.name()));
    let list = |names: Vec<&str>| Text::List(names.into_iter().map(Text::raw).collect());
    let text = if ask == Ask::Take {
        let roles = list(Role::ALL.map(Role::name).to_vec());
        Text::Key("cli.which_role", vec![verb, ("roles", roles)])
    } else {
        let now = desk.engine.clock.now();
        let offers = |step: &StepId| {
            let card = comms::step_card(run, step, now);
            card.is_some_and(|card| plain::verbs(&card).contains(&ask.name()))
        };
        let steps = run.runbook.steps.iter().map(|step| &step.id).filter(|step| offers(step));
        let steps = list(steps.map(StepId::as_str).collect());
        Text::Key("cli.which_step", vec![verb, ("steps", steps)])
    };
    refuse(desk, by, &text, out)?;
    Ok(None)
}
