//! Commands that work on the database itself: what they share in finding it and the person.

use std::io::{self, Write};
use std::path::PathBuf;

use super::args::{Draft, Table};
use super::run::Wish;
use super::serve::Ended;
use super::{enrol, evidence, report, run, runbook, stats};
use crate::app::App;
use crate::catalog::{Catalog, Voice};
use crate::config::{Local, Read};
use crate::desk::Desk;
use crate::domain::actor::{Actor, Surface};
use crate::domain::environment::Person;
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::domain::run::log::Recorded;
use crate::domain::text::{Text, cut};
use crate::domain::value::Language;

/// How many runs are named to whoever asks for one that is not there.
const NEWEST: u32 = 5;

async fn open(read: Read<'_>, out: &mut dyn Write) -> io::Result<Result<(Local, Desk), Ended>> {
    let local = match Local::read(read) {
        Ok(local) => local,
        Err(wrong) => {
            for line in &wrong {
                writeln!(out, "{line}")?;
            }
            return Ok(Err(Ended::Misconfigured));
        }
    };
    let catalog = match Catalog::load(&local.sources) {
        Ok(catalog) => catalog,
        Err(found) => {
            runbook::report(&found, out)?;
            return Ok(Err(Ended::Misconfigured));
        }
    };
    match App::desk(&local, catalog).await {
        Ok(desk) => Ok(Ok((local, desk))),
        Err(error) => {
            writeln!(out, "{error:#}")?;
            Ok(Err(Ended::Badly))
        }
    }
}

/// `dr-buddy run …`
///
/// # Errors
/// When the terminal cannot be read or written.
pub async fn run(read: Read<'_>, wish: &Wish, out: &mut dyn Write) -> io::Result<Ended> {
    let (local, desk) = match open(read, out).await? {
        Ok(opened) => opened,
        Err(ended) => return Ok(ended),
    };
    let Some(person) = me(&local, &desk, out).await? else { return Ok(Ended::Refused) };
    let by: Actor = Desk::actor(person, Surface::Cli);
    let mut input = io::BufReader::new(io::stdin());
    run::run(&desk, &by, wish, &mut input, out).await
}

/// `dr-buddy enrol …`
///
/// # Errors
/// When the terminal cannot be read or written, or the database not be reached.
pub async fn enrol(
    read: Read<'_>,
    whom: Option<&str>,
    wish: enrol::Wish,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let (local, desk) = match open(read, out).await? {
        Ok(opened) => opened,
        Err(ended) => return Ok(ended),
    };
    let Some(person) = me(&local, &desk, out).await? else { return Ok(Ended::Refused) };
    let mut input = io::BufReader::new(io::stdin());
    enrol::enrol(&desk, person, whom, wish, &mut input, out).await
}

/// The person of the token, in whose language everything is said from now on; who is told so if there is none.
async fn me<'a>(
    local: &Local,
    desk: &'a Desk,
    out: &mut dyn Write,
) -> io::Result<Option<&'a Person>> {
    let person = local.person.as_ref().and_then(|id| desk.environment.person(id));
    match person {
        Some(person) => drop(desk.recall(&Desk::actor(person, Surface::Cli)).await),
        None => writeln!(out, "{}", desk.room_voice().plain(&Text::key("cli.no_token")))?,
    }
    Ok(person)
}

/// `dr-buddy evidence export RUN`
///
/// # Errors
/// When `out` cannot be written.
pub async fn export(
    read: Read<'_>,
    run: &str,
    to: Option<PathBuf>,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let (_, desk) = match open(read, out).await? {
        Ok(opened) => opened,
        Err(ended) => return Ok(ended),
    };
    let voice = desk.room_voice();
    let Some((run, record)) = recorded(&desk, run, &voice, out).await? else {
        return Ok(Ended::Refused);
    };
    let folder = to.unwrap_or_else(|| PathBuf::from("logs/incidents").join(run.id.as_str()));
    match evidence::export(&run, &record, &voice, &folder) {
        Ok(()) => {
            writeln!(out, "{}", folder.display())?;
            Ok(Ended::Well)
        }
        Err(error) => {
            writeln!(out, "{}: {error}", folder.display())?;
            Ok(Ended::Badly)
        }
    }
}

/// `dr-buddy stats`
///
/// # Errors
/// When `out` cannot be written, or the database not be read.
pub async fn stats(
    read: Read<'_>,
    environment: Option<&str>,
    format: Table,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let (_, desk) = match open(read, out).await? {
        Ok(opened) => opened,
        Err(ended) => return Ok(ended),
    };
    let wanted = environment.unwrap_or(desk.environment.id.as_str());
    match desk.catalog.environment_named(wanted) {
        Ok(environment) => {
            let found = desk.stats(&environment.id).await.map_err(io::Error::other)?;
            stats::write(&desk.room_voice(), &found, format, out)?;
            Ok(Ended::Well)
        }
        Err(text) => {
            writeln!(out, "{}", desk.room_voice().plain(&text))?;
            Ok(Ended::Refused)
        }
    }
}

/// `dr-buddy report RUN`
///
/// # Errors
/// When `out` cannot be written.
pub async fn report(
    read: Read<'_>,
    run: &str,
    language: Language,
    format: Draft,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let (_, desk) = match open(read, out).await? {
        Ok(opened) => opened,
        Err(ended) => return Ok(ended),
    };
    let voice = desk.catalog.texts.voice(language, Some(&desk.environment));
    let Some((run, record)) = recorded(&desk, run, &voice, out).await? else {
        return Ok(Ended::Refused);
    };
    report::report(&desk.catalog, &run, &record, language, format, out)
}

/// The run of this id with its record; whoever asks is told so if there is none, and which there are.
async fn recorded(
    desk: &Desk,
    run: &str,
    voice: &Voice<'_>,
    out: &mut dyn Write,
) -> io::Result<Option<(Run, Vec<Recorded>)>> {
    let store = &desk.engine.store;
    let stored = match RunId::parse(run) {
        Ok(id) => store.run(&id).await.map_err(io::Error::other)?,
        Err(_) => None,
    };
    let Some(stored) = stored else {
        let newest = store.runs(NEWEST).await.map_err(io::Error::other)?;
        let newest = newest.iter().map(|run| Text::raw(&run.id)).collect();
        let args = vec![("run", Text::raw(cut(run, 60))), ("newest", Text::List(newest))];
        writeln!(out, "{}", voice.plain(&Text::Key("cli.no_such_run", args)))?;
        return Ok(None);
    };
    let record = store.record(&stored.run.id, 0, u32::MAX).await.map_err(io::Error::other)?;
    Ok(Some((stored.run, record)))
}
