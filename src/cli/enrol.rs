//! `dr-buddy enrol`: gives a person one-time codes, where they sit before the screen with their telephone. The secret is
//! shown here once, and kept only after a first code has shown that the telephone has it.

use std::io::{self, BufRead, Write};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tracing::{info, warn};

use super::run::{ask_code, key};
use super::serve::Ended;
use crate::desk::{Answer, Desk};
use crate::domain::actor::{Actor, Surface};
use crate::domain::code::{self, Secret};
use crate::domain::environment::Person;
use crate::domain::ids::PersonId;
use crate::domain::run::Request;
use crate::domain::run::decide::may_enrol;
use crate::domain::text::Text;
use crate::engine::seal::new_secret;
use crate::store::codes::Enrolment;

/// Which is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Codes for a person.
    Enrol,
    /// No codes any more.
    Remove,
    /// Who has some.
    List,
}

/// Does it for `me`.
///
/// # Errors
/// When the terminal cannot be read or written, or the database not be reached.
pub async fn enrol(
    desk: &Desk,
    me: &Person,
    whom: Option<&str>,
    wish: Wish,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let by = Desk::actor(me, Surface::Cli);
    if wish == Wish::List {
        return list(desk, &by, out).await;
    }
    let Some(name) = whom else {
        say(desk, &by, &Text::key("cli.enrol.whom"), out)?;
        return Ok(Ended::Misconfigured);
    };
    let found = PersonId::parse(name).ok();
    let Some(person) = found.as_ref().and_then(|id| desk.environment.person(id)) else {
        let text = Text::Key("cli.enrol.unknown", vec![("name", Text::raw(name))]);
        return refused(desk, &by, &text, out);
    };
    if may_enrol(&desk.environment, &by, &person.id).is_err() {
        return refused(desk, &by, &Text::key("cli.enrol.only"), out);
    }
    let whose = |key| {
        Text::Key(key, vec![("person", Text::raw(&person.name)), ("id", Text::raw(&person.id))])
    };
    let (store, environment) = (&desk.engine.store, &desk.environment.id);
    if wish == Wish::Remove {
        return remove(desk, &by, &person.id, whose, out).await;
    }
    let Some(seal) = &desk.engine.seal else {
        return refused(desk, &by, &Text::key("cli.enrol.no_key"), out);
    };
    if store.is_enrolled(environment, &person.id).await.map_err(io::Error::other)? {
        return refused(desk, &by, &whose("cli.enrol.already"), out);
    }
    let secret = new_secret().map_err(io::Error::other)?;
    say(desk, &by, &whose("cli.enrol.scan"), out)?;
    show(desk, person, &secret, out)?;
    let typed = ask_code(desk, &by, input, out)?;
    let now = desk.engine.clock.now();
    let Ok(used) = code::check(&secret, &typed, now, 0) else {
        return refused(desk, &by, &Text::key("cli.enrol.differs"), out);
    };
    let sealed = seal.close(environment, &person.id, &secret).map_err(io::Error::other)?;
    let enrolment = Enrolment { environment, person: &person.id, sealed: &sealed, at: now, used };
    if !store.enrol(&enrolment).await.map_err(io::Error::other)? {
        return refused(desk, &by, &whose("cli.enrol.already"), out);
    }
    info!(actor = ?by, "Enrolled `{}`", person.id);
    say(desk, &by, &whose("cli.enrol.done"), out)?;
    Ok(Ended::Well)
}

/// Takes the codes of this person away. An open run asks for one code fewer from then on: so that comes onto its record
/// before, or does not happen.
async fn remove(
    desk: &Desk,
    by: &Actor,
    person: &PersonId,
    whose: impl Fn(&'static str) -> Text,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let (store, environment) = (&desk.engine.store, &desk.environment.id);
    if !store.is_enrolled(environment, person).await.map_err(io::Error::other)? {
        return refused(desk, by, &whose("cli.enrol.none"), out);
    }
    if desk.open_run().await.map_err(io::Error::other)?.is_some() {
        let text = desk.room_voice().plain(&whose("cli.enrol.noted"));
        match desk.ask_open_run(&key(), by, &Request::Note { text }).await {
            Answer::Done { .. } => {}
            Answer::CodeAsked(text) | Answer::Refused(text) => {
                return refused(desk, by, &text, out);
            }
            Answer::Failed(text) => {
                say(desk, by, &text, out)?;
                return Ok(Ended::Badly);
            }
        }
    }
    warn!(actor = ?by, "Takes the one-time codes of `{person}` away");
    if !store.end_enrolment(environment, person).await.map_err(io::Error::other)? {
        return refused(desk, by, &whose("cli.enrol.none"), out);
    }
    say(desk, by, &whose("cli.enrol.removed"), out)?;
    Ok(Ended::Well)
}

async fn list(desk: &Desk, by: &Actor, out: &mut dyn Write) -> io::Result<Ended> {
    let enrolled = desk.engine.store.enrolled(&desk.environment.id).await;
    let enrolled = enrolled.map_err(io::Error::other)?;
    if enrolled.is_empty() {
        say(desk, by, &Text::key("cli.enrol.nobody"), out)?;
    }
    let now = desk.engine.clock.now();
    for one in enrolled {
        let locked = (one.locked_until > now).then(|| one.locked_until.time_of_day());
        let args = vec![
            ("person", Text::raw(&one.person)),
            ("at", Text::raw(one.at.rfc3339())),
            ("locked", Text::raw(locked.unwrap_or_default())),
        ];
        say(desk, by, &Text::Key("cli.enrol.line", args), out)?;
    }
    Ok(Ended::Well)
}

/// The secret as a picture, as an address, and to type in.
fn show(desk: &Desk, person: &Person, secret: &Secret, out: &mut dyn Write) -> io::Result<()> {
    let uri = uri(desk.environment.id.as_str(), person.id.as_str(), secret);
    if let Ok(picture) = QrCode::new(uri.as_bytes()) {
        // Dark terminals are light where paper is dark.
        let mut picture = picture.render::<Dense1x2>();
        let picture = picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        writeln!(out, "{picture}")?;
    }
    writeln!(out, "{uri}\n{}", secret.base32())
}

/// What authenticator apps read: <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>.
fn uri(environment: &str, person: &str, secret: &Secret) -> String {
    // Ids need no escape.
    let (digits, period) = (code::DIGITS, code::PERIOD.ms() / 1000);
    let secret = secret.base32();
    format!(
        "otpauth://totp/dr-buddy:{person}@{environment}?secret={secret}&issuer=dr-buddy\
         &algorithm=SHA1&digits={digits}&period={period}"
    )
}

fn say(desk: &Desk, by: &Actor, text: &Text, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", desk.voice_of(by).plain(text))
}

fn refused(desk: &Desk, by: &Actor, text: &Text, out: &mut dyn Write) -> io::Result<Ended> {
    say(desk, by, text, out)?;
    Ok(Ended::Refused)
}
