//! The demo as people see it: the program is started, played to four places where people look closely, and shown in a
//! desk's and a phone's window, in both languages and both colour schemes. The pictures are in `tests/output`; those of
//! the README are copies. A script error or a page wider than its window fails.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Child, Scheme, Shot, eventually, free_port, screens};
use serde_json::{Value, json};

const DESK: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);

/// The demo, and what its pages say.
struct Demo {
    _program: Child,
    _folder: tempfile::TempDir,
    base: String,
    http: reqwest::Client,
    room: String,
}

/// A button on a page: `run` or `ask-skip`, and its value.
type Offered = (String, String);

impl Demo {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port())).to_string();
        let program = Path::new(env!("CARGO_BIN_EXE_dr-buddy"));
        let arguments = ["demo", "--listen", &listen, "--speed", "60"];
        let mut program = Child::start("demo", folder.path(), program, arguments, &[]);
        crate::harness::crypto();
        let no_redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(no_redirect).no_proxy().build().unwrap();
        let base = format!("http://{listen}");
        eventually("the demo answers", 30, || {
            program.must_live();
            let get = http.get(&base).send();
            async { get.await.ok().filter(|answer| answer.status() != 503) }
        })
        .await;
        Self { _program: program, _folder: folder, base, http, room: String::new() }
    }

    async fn page(&self, person: &str, path: &str) -> String {
        let get = self.http.get(format!("{}{path}", self.base));
        let page = get.header("cookie", format!("dr_buddy_session={person}")).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert_eq!(page.matches("<script").count(), 1, "only the one in the head");
        assert!(!page.contains(" style=") && !page.contains(" onclick="), "nothing inline: {path}");
        page
    }

    /// Sends a form of the page; where the answer leads.
    async fn post(&self, person: &str, path: &str, fields: &[(&str, &str)]) -> Option<String> {
        let page = self.page(person, "/").await;
        let token = between(&page, "name=\"token\" value=\"");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &token).extend_pairs(fields);
        let post = self.http.post(format!("{}{path}", self.base)).body(form.finish());
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let answer =
            post.header("cookie", format!("dr_buddy_session={person}")).send().await.unwrap();
        answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned())
    }

    async fn speed(&self, speed: &str) {
        self.post("antoine", "/speed", &[("speed", speed), ("back", "/")]).await.unwrap();
    }

    async fn offers(&self) -> Vec<Offered> {
        let page = self.page("leo", &self.room).await;
        let forms = page.split("name=\"action\" value=\"").skip(1);
        forms.map(|form| (upto_quote(form), between(form, "name=\"value\" value=\""))).collect()
    }

    async fn press(&self, person: &str, (action, value): &Offered) {
        let fields = [("action", action.as_str()), ("value", value.as_str())];
        self.post(person, &format!("{}/act", self.room), &fields).await;
    }

    /// Plays until `action` is offered for `step`, and returns that button unpressed.
    async fn until(&self, action: &str, step: &str) -> Offered {
        eventually(&format!("{action} of {step} is offered"), 90, async || {
            let offers = self.offers().await;
            let is_it =
                |(name, value): &&Offered| name == action && value.contains(&format!("|{step}|"));
            if let Some(found) = offers.iter().find(is_it) {
                return Some(found.clone());
            }
            for offered in &offers {
                let people: &[&str] = match offered.0.as_str() {
                    "go" => &["antoine", "mia"],
                    "run" | "done" => &["antoine", "leo", "clara", "mia"],
                    "approve" => &["antoine", "mia"],
                    "retry" if offered.1.contains("|pin-dns|") => &["leo"],
                    _ => &[],
                };
                for person in people {
                    self.press(person, offered).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        })
        .await
    }

    async fn close(&self) {
        let value = format!("{}||", self.room.rsplit('/').next().unwrap());
        let fields =
            [("callback_id", "ask-close"), ("private_metadata", &*value), ("words.words", "")];
        let to = self.post("antoine", &format!("{}/submit", self.room), &fields).await;
        assert_eq!(to.as_deref(), Some(&*self.room), "the run is closed");
    }

    /// Shows a place in both windows, languages and colours, while time goes at its own pace.
    async fn look(&self, name: &str, path: &str, seen: &str) {
        self.speed("1").await;
        let shot = |window: &str, size, lang: &str, scheme, whole| {
            let act_as = json!({ "select": ["select[name=person]", "mia"] });
            let waits: Value = json!({ "wait": seen });
            Shot {
                url: format!("{}{path}?lang={lang}", self.base),
                file: format!("{name}-{window}.png"),
                size,
                scheme,
                whole,
                actions: vec![act_as, waits],
            }
        };
        let shots = [
            shot("desk", DESK, "en", Scheme::Light, false),
            shot("phone", PHONE, "en", Scheme::Light, false),
            shot("desk-fr-dark", DESK, "fr", Scheme::Dark, true),
            shot("phone-fr-dark", PHONE, "fr", Scheme::Dark, true),
        ];
        tokio::task::spawn_blocking(move || screens(&shots)).await.unwrap();
        self.speed("60").await;
    }
}

fn upto_quote(text: &str) -> String {
    text.split('"').next().unwrap_or_default().to_owned()
}

fn between(text: &str, start: &str) -> String {
    text.split_once(start).map(|(_, rest)| upto_quote(rest)).unwrap_or_default()
}

#[tokio::test]
async fn the_demo_is_fit_to_be_seen_at_a_desk_and_on_a_phone() {
    let mut demo = Demo::start().await;
    demo.look("start", "/", "form[action='/start'] button").await;

    demo.room = demo.post("antoine", "/start", &[]).await.expect("the run opens");
    let room = demo.room.clone();
    demo.until("go", "decide-go").await;
    demo.look("decision", &room, "#card-decide-go").await;

    let approve = demo.until("approve", "promote-database").await;
    demo.press("antoine", &approve).await;
    demo.look("approval", &room, "#card-promote-database .danger").await;

    demo.speed("1").await;
    demo.press("mia", &approve).await;
    demo.until("look-again", "promote-database").await;
    demo.look("in-doubt", &room, "#card-promote-database.in-doubt").await;

    let retry = eventually("the first attempt at the pin has failed", 90, async || {
        let mut offers = demo.offers().await.into_iter();
        let retry = offers.find(|(name, value)| name == "retry" && value.contains("|pin-dns|"));
        if retry.is_none() {
            play_on(&demo).await;
        }
        retry
    })
    .await;
    demo.look("failed", &room, "#card-pin-dns.failed").await;
    demo.press("leo", &retry).await;

    let done = demo.until("done", "stand-down").await;
    demo.press("antoine", &done).await;
    demo.close().await;
    demo.look("closed", &room, "#split").await;
}

/// Everybody presses what is offered, but nothing is tried again.
async fn play_on(demo: &Demo) {
    for offered in demo.offers().await {
        match offered.0.as_str() {
            "go" | "run" | "approve" | "done" => {
                for person in ["antoine", "leo", "mia", "clara"] {
                    demo.press(person, &offered).await;
                }
            }
            _ => {}
        }
    }
}
