//! `dr-buddy demo --script`: four people play the demo over its own pages, and the transcript is printed. What they
//! press is what the page shows them; nothing goes around it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::demo::Folder;
use super::serve::Ended;
use crate::app::App;
use crate::catalog::{Catalog, CatalogSources, Voice};
use crate::cli::runbook;
use crate::desk::Desk;
use crate::domain::comms::{self, Block};
use crate::domain::ids::RunId;
use crate::domain::report::{critical_path, loss, measures, timeline};
use crate::domain::run::log::{self, Recorded};
use crate::domain::run::{Event, Run};
use crate::domain::text::Text;
use crate::domain::value::Language;

/// Longest it may take, in real time.
const LIMIT: Duration = Duration::from_secs(180);
/// How often people look at the page.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Plays it.
///
/// # Errors
/// When `out` cannot be written.
pub async fn play(speed: u32, language: Language, out: &mut dyn Write) -> io::Result<Ended> {
    let catalog = match Catalog::load(&CatalogSources::default()) {
        Ok(catalog) => catalog,
        Err(found) => {
            runbook::report(&found, out)?;
            return Ok(Ended::Misconfigured);
        }
    };
    let folder = Folder::new()?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (app, desk) = match App::demo(listen, &folder.0, catalog, speed).await {
        Ok(started) => started,
        Err(error) => {
            writeln!(out, "{error:#}")?;
            return Ok(Ended::Badly);
        }
    };
    let mut stage = Stage {
        base: format!("http://{}", app.address),
        http: reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(io::Error::other)?,
        desk,
        language,
        told: 0,
        shown: BTreeSet::new(),
        has_pressed_twice: false,
    };
    let played = tokio::time::timeout(LIMIT, stage.play(out)).await;
    let ended = app.stop().await;
    match played {
        Ok(Ok(())) => Ok(ended.into()),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            writeln!(out, "The run was not closed within {} s", LIMIT.as_secs())?;
            Ok(Ended::Badly)
        }
    }
}

struct Stage {
    base: String,
    http: reqwest::Client,
    desk: Desk,
    language: Language,
    told: u64,
    shown: BTreeSet<String>,
    has_pressed_twice: bool,
}

/// What a page offers: buttons as (action, value), and the token its forms carry.
struct Offer {
    token: String,
    buttons: Vec<(String, String)>,
}

impl Stage {
    fn voice(&self) -> Voice<'_> {
        self.desk.voice(self.language)
    }

    async fn play(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let token = self.offer("antoine", "/").await?.token;
        let started = self.post("antoine", "/start", &[("token", &token)]).await?;
        let run = started.rsplit('/').next().unwrap_or_default().to_owned();
        let run = RunId::parse(&run).map_err(io::Error::other)?;
        let room = format!("/runs/{run}");
        loop {
            let state = self.state(&run).await?;
            self.tell(&state, out).await?;
            if state.is_closed() {
                return self.sum_up(&state, out).await;
            }
            if !self.someone_acts(&room, out).await? {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn state(&self, run: &RunId) -> io::Result<Run> {
        let stored = self.desk.engine.store.run(run).await.map_err(io::Error::other)?;
        stored.map(|stored| stored.run).ok_or_else(|| io::Error::other("the run is gone"))
    }

    /// The first of the four who finds something to press, presses it.
    async fn someone_acts(&mut self, room: &str, out: &mut dyn Write) -> io::Result<bool> {
        if self.all_settled(room).await? {
            return self.close(room).await.map(|()| true);
        }
        let offer = self.offer("leo", room).await?;
        for (action, value) in &offer.buttons {
            let people: &[&str] = match action.as_str() {
                "approve" if self.is_first(room, value).await? => &["antoine"],
                "run" if value.contains("|fence-primary|") || value.contains("|restart-api|") => {
                    &["leo"]
                }
                "run" | "go" => &["antoine"],
                "approve" => &["mia"],
                "retry" if value.contains("|pin-dns|") => &["leo"],
                "done" => &[self.owner(room, value).await?],
                _ => continue,
            };
            for person in people {
                if self.press(person, room, action, value, out).await? {
                    if action == "go" {
                        self.press("mia", room, action, value, out).await?;
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether nobody has agreed to the step of this button yet.
    async fn is_first(&self, room: &str, value: &str) -> io::Result<bool> {
        let run = room.rsplit('/').next().unwrap_or_default();
        let run = self.state(&RunId::parse(run).map_err(io::Error::other)?).await?;
        let step = value.split('|').nth(1).unwrap_or_default();
        let mut steps = run.each_step();
        Ok(steps.any(|(one, at)| one.id.as_str() == step && at.approvals.is_empty()))
    }

    /// Who holds the role that looks after the step of this button.
    async fn owner(&self, room: &str, value: &str) -> io::Result<&'static str> {
        let run = room.rsplit('/').next().unwrap_or_default();
        let run = self.state(&RunId::parse(run).map_err(io::Error::other)?).await?;
        let step = value.split('|').nth(1).unwrap_or_default();
        let owner = run.each_step().find(|(one, _)| one.id.as_str() == step);
        let holds = |id: &&str| {
            let mut people = run.environment.people.iter();
            let person = people.find(|person| person.id.as_str() == *id);
            let roles = owner.map(|(step, _)| [step.owner]);
            person.zip(roles).is_some_and(|(person, roles)| person.holds_one_of(&roles))
        };
        Ok(["leo", "mia", "antoine", "clara"].into_iter().find(holds).unwrap_or("antoine"))
    }

    async fn all_settled(&self, room: &str) -> io::Result<bool> {
        let run = room.rsplit('/').next().unwrap_or_default();
        let run = self.state(&RunId::parse(run).map_err(io::Error::other)?).await?;
        Ok(run.runbook.steps.iter().all(|step| run.is_settled(&step.id)))
    }

    /// Presses as the page would; true if it was recorded. The first approval is pressed twice, to see it refused.
    async fn press(
        &mut self,
        person: &str,
        room: &str,
        action: &str,
        value: &str,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        let token = self.offer(person, room).await?.token;
        let form = [("token", token.as_str()), ("action", action), ("value", value)];
        let answer = self.post(person, &format!("{room}/act"), &form).await?;
        let recorded = answer.starts_with("/runs/");
        if !recorded {
            writeln!(out, "    ✋ {person} ({action}): {answer}")?;
        } else if action == "approve" && person == "antoine" && !self.has_pressed_twice {
            self.has_pressed_twice = true;
            let again = self.post(person, &format!("{room}/act"), &form).await?;
            writeln!(out, "    ✋ {person} ({action}): {again}")?;
        }
        Ok(recorded)
    }

    async fn close(&self, room: &str) -> io::Result<()> {
        let token = self.offer("antoine", room).await?.token;
        let run = room.rsplit('/').next().unwrap_or_default();
        let value = format!("{run}||");
        let form = [
            ("token", token.as_str()),
            ("callback_id", "ask-close"),
            ("private_metadata", &value),
            ("words.words", ""),
        ];
        self.post("antoine", &format!("{room}/submit"), &form).await.map(drop)
    }

    async fn offer(&self, person: &str, path: &str) -> io::Result<Offer> {
        let page = self
            .http
            .get(format!("{}{path}", self.base))
            .header("cookie", format!("dr_buddy_session={person}"))
            .send()
            .await
            .map_err(io::Error::other)?;
        let page = page.text().await.map_err(io::Error::other)?;
        Ok(Offer {
            token: after(&page, "name=\"token\" value=\"").unwrap_or_default(),
            buttons: pairs(&page),
        })
    }

    /// Where the answer leads, or what it says.
    async fn post(&self, person: &str, path: &str, form: &[(&str, &str)]) -> io::Result<String> {
        let body: String =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let answer = self
            .http
            .post(format!("{}{path}", self.base))
            .header(
                "cookie",
                format!("dr_buddy_session={person}; dr_buddy_lang={}", self.language.code()),
            )
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .map_err(io::Error::other)?;
        let location = answer.headers().get("location").and_then(|to| to.to_str().ok());
        if let Some(location) = location {
            return Ok(location.to_owned());
        }
        let page = answer.text().await.map_err(io::Error::other)?;
        let main = page.split_once("<main").map_or(page.as_str(), |(_, main)| main);
        Ok(words_of(main.split_once('>').map_or(main, |(_, main)| main)))
    }

    /// Prints what was recorded since the last look, and each question with what it would change.
    async fn tell(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        let record = self.desk.engine.store.record(&run.id, self.told, u32::MAX).await;
        let record = record.map_err(io::Error::other)?;
        for recorded in &record {
            let at = recorded.entry.at.time_of_day();
            let line = self.voice().plain(&timeline::line(run, recorded));
            writeln!(out, "{at}Z  {}", line.replace(['*', '`'], ""))?;
            self.told = recorded.seq;
            if let Event::PreviewShown { step, shown, .. } = &recorded.entry.event
                && run.steps.get(step).is_some_and(|at| !at.state.is_in_flight())
                && self.shown.insert(shown.digest.to_string())
            {
                self.ask(run, step, out)?;
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        run: &Run,
        step: &crate::domain::ids::StepId,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let now = self.desk.engine.clock.now();
        let Some(card) = comms::step_card(run, step, now) else { return Ok(()) };
        for block in &card.blocks {
            let lines = match block {
                Block::Lines(lines) => lines,
                Block::Banner(_)
                | Block::Heading(_)
                | Block::Small(_)
                | Block::Rule
                | Block::Buttons(_)
                | Block::Views(_)
                | Block::Offer(_) => continue,
            };
            for line in lines {
                let text = self.voice().plain(line).replace(['*', '`'], "");
                for line in text.lines() {
                    writeln!(out, "    │ {line}")?;
                }
            }
        }
        Ok(())
    }

    async fn sum_up(&self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        let record = self.desk.engine.store.record(&run.id, 0, u32::MAX).await;
        let record: Vec<Recorded> = record.map_err(io::Error::other)?;
        let now = self.desk.engine.clock.now();
        let voice = self.voice();
        let say = |key| voice.plain(&Text::key(key));
        writeln!(out)?;
        if let Some(measures) = measures::measure(&record, now) {
            let measured = measures.rto.map_or_else(|| "?".to_owned(), |rto| rto.clock());
            writeln!(
                out,
                "{}: {measured}  (RTO {})",
                say("demo.split.total"),
                measures.target.spoken()
            )?;
            writeln!(out, "    {:<34} {:>8}", say("demo.split.detect"), measures.detect.clock())?;
            for phase in &measures.phases {
                let title = voice.plain(&Text::from(&phase.title));
                let people = Text::Key(
                    "demo.split.people",
                    vec![
                        ("waited", phase.waited.clock().into()),
                        ("worked", phase.worked.clock().into()),
                        ("together", "".into()),
                    ],
                );
                writeln!(
                    out,
                    "    {title:<34} {:>8}   {}",
                    phase.share.clock(),
                    voice.plain(&people)
                )?;
            }
        }
        if let Some(legs) = critical_path::critical_path(&record) {
            writeln!(out, "{}", say("cli.path"))?;
            for line in critical_path::lines(run, &legs) {
                writeln!(out, "    {}", voice.plain(&line))?;
            }
        }
        writeln!(out, "{}", say("cli.loss"))?;
        for line in loss::lines(&loss::losses(&record)) {
            writeln!(out, "    {}", voice.plain(&line))?;
        }
        let chain = match log::verify(&run.id, &record) {
            Ok(()) => "demo.chain.whole",
            Err(_) => "demo.chain.broken",
        };
        let head = record.last().map_or("", |last| last.hash.short()).to_owned();
        let args = vec![("count", Text::raw(record.len())), ("head", Text::raw(head))];
        writeln!(out, "{}", voice.plain(&Text::Key(chain, args)))
    }
}

/// What stands between `start` and the next quote.
fn after(page: &str, start: &str) -> Option<String> {
    let (_, rest) = page.split_once(start)?;
    rest.split_once('"').map(|(value, _)| unescaped(value))
}

/// The buttons of a page: each form's `action` and `value`.
fn pairs(page: &str) -> Vec<(String, String)> {
    let forms = page.split("name=\"action\" value=\"").skip(1);
    forms
        .filter_map(|form| {
            let (action, rest) = form.split_once('"')?;
            Some((unescaped(action), after(rest, "name=\"value\" value=\"")?))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A page's words without its tags.
fn words_of(html: &str) -> String {
    let mut words = String::new();
    for part in html.split('<') {
        let text = part.split_once('>').map_or("", |(_, text)| text);
        words.push_str(text);
        words.push(' ');
    }
    let words = unescaped(&words);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
