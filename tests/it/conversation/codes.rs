//! One-time codes against a stolen session: people are enrolled on the terminal, asked in Slack, in the browser and on
//! the terminal alike, and a code that was seen, guessed or used is worth nothing.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use dr_buddy::domain::run::Event;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Secret, TOTP};

use super::people::{ANTOINE, Button, MIA};
use super::shop::excerpt;
use super::stage::{Script, Stage, TOKEN};
use crate::harness::{Delivery, DeliveryKind, Door, eventually, now_s};

const STEP: &str = "promote-database";
/// Not at a point of no return: here the runbook asks everybody.
const DECISION: &str = "sign-off";
const MIAS: &str = "mia-0123456789abcd";
const KEY: &str = "8f0d2c6b4a19e37505c1f2d3b4a5968778695a4b3c2d1e0f00112233445566aa";

fn script(door: Door) -> Script {
    let decision = format!(
        "  - id: {DECISION}\n    title: {{en: Sign off, fr: Valider}}\n    phase: promotion\n    owner: ic\n    \
         action: {{human.decide: {{question: {{en: Go?, fr: On y va ?}}}}}}\n    \
         gate: {{people: 2, roles: [ic, db], expires: 10m}}\n    code: required\n    typical: 1m\n    worst: 5m\n"
    );
    let runbooks = vec![("promotion.yaml", excerpt("promotion", &[STEP]) + &decision)];
    let more = vec![("DR_BUDDY_SEAL_KEY", KEY.to_owned())];
    Script { runbooks, door, more, ..Script::default() }
}

/// The authenticator app on somebody's phone.
struct Phone {
    base32: String,
    used: i64,
}

impl Phone {
    fn code(&self, period: i64) -> String {
        let bytes = Secret::Encoded(self.base32.clone()).to_bytes().expect("it is base32");
        let totp = TOTP::new(Algorithm::SHA1, 6, 0, 30, bytes).expect("a secret");
        totp.generate(u64::try_from(period * 30).expect("after 1970"))
    }

    fn now() -> i64 {
        i64::try_from(now_s()).expect("it fits")
    }

    /// A code that has not been used, as early as there may be one: so the next need not be waited for.
    async fn next(&mut self) -> String {
        self.used = eventually("a code that was not used", 40, || async {
            // One of the period before is good for some seconds yet, or not taken.
            let first = (Self::now() - 25).div_euclid(30);
            let next = first.max(self.used + 1);
            (next <= Self::now().div_euclid(30) + 1).then_some(next)
        })
        .await;
        self.code(self.used)
    }

    /// The one that was used last.
    fn again(&self) -> String {
        self.code(self.used)
    }
}

impl Stage {
    /// Somebody at the terminal; `types` says what they type when a code is asked for, having read what is there.
    fn terminal(
        &self,
        token: &str,
        args: &[&str],
        types: impl FnOnce(&str) -> String,
    ) -> (Option<i32>, String) {
        let mut child = Command::new(Path::new(env!("CARGO_BIN_EXE_dr-buddy")))
            .args(args)
            .envs(self.settings())
            .env("DR_BUDDY_WEB_TOKENS", format!("antoine={TOKEN},mia={MIAS}"))
            .env("DR_BUDDY_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (mut typed, mut said) = (Some(types), Vec::new());
        let mut out = child.stdout.take().expect("piped");
        let mut byte = [0];
        while out.read(&mut byte).expect("it can be read") == 1 {
            said.extend(byte);
            let asks = said.ends_with(b" now: ") || said.ends_with("maintenant\u{a0}: ".as_bytes());
            if let (true, Some(types)) = (asks, if asks { typed.take() } else { None }) {
                let line = types(&String::from_utf8_lossy(&said)) + "\n";
                child.stdin.take().expect("piped").write_all(line.as_bytes()).expect("it reads");
            }
        }
        let code = child.wait().expect("it ends").code();
        (code, String::from_utf8(said).expect("text"))
    }

    /// Enrols somebody, with the phone that scanned what was shown.
    fn enrol(&self, token: &str, person: &str) -> Phone {
        let mut phone = Phone { base32: String::new(), used: 0 };
        let (code, said) = self.terminal(token, &["enrol", person], |shown| {
            phone.base32 = base32(shown);
            phone.used = (Phone::now() - 25).div_euclid(30);
            phone.again()
        });
        assert_eq!(code, Some(0), "{said}");
        let uri = format!("otpauth://totp/dr-buddy:{person}@shop?secret={}", phone.base32);
        assert!(said.contains(&uri) && said.contains('█'), "{said}");
        phone
    }

    /// Somebody presses a button; the form that opens, of which nothing is recorded.
    async fn asked(&self, user: &str, button: &Button) -> Value {
        let opened = self.slack.called("views.open").await;
        let before = self.events().await;
        self.press(user, button).await;
        eventually("the form opens", 20, || async {
            (self.slack.called("views.open").await > opened).then_some(())
        })
        .await;
        assert_eq!(self.events().await, before, "a press alone is nothing");
        eventually("the form is there", 15, || self.slack.modal()).await
    }

    /// What the form on top answers to what is typed.
    async fn types(&self, user: &str, code: &str, words: Option<&str>) -> Value {
        let input = |value| json!({ "type": "plain_text_input", "value": value });
        let mut inputs = vec![("code", "code", input(code))];
        inputs.extend(words.map(|words| ("words", "words", input(words))));
        self.slack.submit_modal(user, &inputs).await;
        // The room's own messages are delivered too.
        let sent = |one: &Delivery| {
            one.kind == DeliveryKind::Interaction && one.payload()["type"] == "view_submission"
        };
        let last = self.slack.deliveries().into_iter().rfind(sent).expect("it was delivered");
        serde_json::from_str(&last.answers[0].body).unwrap_or(Value::Null)
    }

    async fn counted(&self, of: impl Fn(&Event) -> bool) -> usize {
        self.record().await.map_or(0, |record| record.count(of))
    }

    async fn codes(&self) -> usize {
        self.counted(|event| matches!(event, Event::CodeConfirmed { .. })).await
    }
}

/// The secret as it is shown to be typed in: a line of 32 letters and digits.
fn base32(shown: &str) -> String {
    let is_secret = |line: &&str| {
        line.len() == 32 && line.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    shown.lines().find(is_secret).expect("it is shown").to_owned()
}

#[tokio::test]
async fn a_stolen_session_alone_passes_no_point_of_no_return() {
    story(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_a_stolen_session_passes_none_either() {
    story(Door::Socket).await;
}

async fn story(door: Door) {
    let stage = Stage::open(script(door)).await;
    stage.type_dr(ANTOINE, "start promotion").await;
    let go = stage.button("go", DECISION).await;
    nobody_is_enrolled(&stage, &go).await;
    let (mut antoine, mut mia) = enrolments(&stage);

    // The form repeats what is agreed to, in the language of whoever is asked.
    let form = stage.asked(ANTOINE, &go).await;
    assert_eq!(form["title"]["text"], "Code à usage unique");
    let form = form.to_string();
    assert!(form.contains(&go.digest()[..8]) && form.contains("six chiffres"), "{form}");
    let wrong = stage.types(ANTOINE, &mia.code(mia.used + 1), None).await;
    let told = wrong["errors"]["code"].as_str().unwrap_or_default();
    assert!(told.contains("Ce n’est pas le code du moment"), "{wrong}");
    assert_eq!(stage.codes().await, 0);
    let right = antoine.next().await;
    assert_eq!(stage.types(ANTOINE, &right, None).await, Value::Null);
    assert_eq!(stage.codes().await, 1);
    let go_cast = |event: &Event| matches!(event, Event::VoteCast { .. });
    assert_eq!(stage.counted(go_cast).await, 1);

    // What counted once was perhaps read over a shoulder.
    let run = stage.button("approve", STEP).await;
    stage.asked(ANTOINE, &run).await;
    let used = stage.types(ANTOINE, &antoine.again(), None).await;
    assert!(
        used["errors"]["code"].as_str().unwrap_or_default().contains("a déjà compté"),
        "{used}"
    );
    in_the_browser(&stage, &mut antoine, &run).await;
    assert_eq!(stage.codes().await, 2);

    alone(&stage, &mut mia).await;
    assert_eq!(stage.codes().await, 3);
    too_many(&stage, &mut mia).await;
    assert_eq!(stage.aws.tap.count("FailoverGlobalCluster"), 0);
    no_secret_anywhere(&stage, &[&antoine, &mia]).await;
    taken_away(&stage).await;
    stage.judged(&format!("codes ({door:?})")).await;
}

/// A second factor does not go in silence: the open run has it on its record.
async fn taken_away(stage: &Stage) {
    let never = |_: &str| panic!("nothing is asked");
    let noted =
        |event: &Event| matches!(event, Event::NoteAdded { text } if text.contains("codes"));
    let (code, said) = stage.terminal(MIAS, &["enrol", "antoine", "--remove"], never);
    assert!(code == Some(2) && said.contains("incident commander"), "{said}");
    assert_eq!(stage.counted(noted).await, 0);
    let (code, said) = stage.terminal(TOKEN, &["enrol", "mia", "--remove"], never);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(stage.counted(noted).await, 1);
    let record = stage.record().await.expect("there is one");
    let (by, text) = record
        .events
        .iter()
        .find_map(|one| {
            let Event::NoteAdded { text } = &one.entry.event else { return None };
            Some((one.entry.by.person()?.as_str(), text))
        })
        .expect("it is there");
    assert!(by == "antoine" && text.contains("Mia"), "{by}: {text}");
    let (code, _) = stage.terminal(TOKEN, &["enrol", "mia", "--remove"], never);
    assert_eq!((code, stage.counted(noted).await), (Some(2), 1), "there is nothing to take away");
}

/// Where the runbook requires a code, who has none cannot agree, and is told how to get some.
async fn nobody_is_enrolled(stage: &Stage, go: &Button) {
    let before = stage.events().await;
    stage.press(MIA, go).await;
    stage.whispered(MIA, "`dr-buddy enrol mia`").await;
    stage.press(ANTOINE, go).await;
    stage.whispered(ANTOINE, "vous n’en avez pas").await;
    assert_eq!(stage.events().await, before);
}

fn enrolments(stage: &Stage) -> (Phone, Phone) {
    let never = |_: &str| panic!("nothing is asked");
    let (code, said) = stage.terminal(MIAS, &["enrol", "antoine"], never);
    assert!(code == Some(2) && said.contains("incident commander"), "{said}");
    let (code, said) = stage.terminal(TOKEN, &["enrol", "antoine"], |shown| {
        let phone = Phone { base32: base32(shown), used: Phone::now().div_euclid(30) - 20 };
        phone.again()
    });
    assert!(code == Some(2) && said.contains("Personne n’a été inscrit"), "{said}");
    let (_, said) = stage.terminal(MIAS, &["enrol", "--list"], never);
    assert!(said.contains("Nobody"), "{said}");
    let phones = (stage.enrol(TOKEN, "antoine"), stage.enrol(MIAS, "mia"));
    let (code, said) = stage.terminal(MIAS, &["enrol", "mia"], never);
    assert!(code == Some(2) && said.contains("already"), "{said}");
    phones
}

/// The same rules behind the pages: a press shows the form, and only a code sends it.
async fn in_the_browser(stage: &Stage, antoine: &mut Phone, run: &Button) {
    let none = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(none).no_proxy().build().expect("a client");
    let form = |fields: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let send = |path: String, cookie: String, body: String| {
        let post = http.post(format!("{}{path}", stage.base)).header("cookie", cookie);
        post.header("content-type", "application/x-www-form-urlencoded").body(body).send()
    };
    let signed_in = send("/sign-in".into(), String::new(), form(&[("secret", TOKEN)])).await;
    let signed_in = signed_in.expect("it answers");
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let room = format!("/runs/{}", stage.run().await);
    let get = http.get(format!("{}{room}", stage.base)).header("cookie", &cookie);
    let page = get.send().await.expect("it answers").text().await.expect("text");
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a form");
    let token = rest.split_once('"').expect("a value").0.to_owned();

    let before = stage.events().await;
    let act = [("token", token.as_str()), ("action", "approve"), ("value", &run.value)];
    let asked = send(format!("{room}/act"), cookie.clone(), form(&act)).await.expect("it answers");
    let asked = asked.text().await.expect("text");
    assert!(asked.contains("name=\"code.code\"") && asked.contains("six chiffres"), "{asked}");
    let sent = |code: &str| {
        form(&[
            ("token", token.as_str()),
            ("callback_id", "approve"),
            ("private_metadata", &run.value),
            ("code.code", code),
        ])
    };
    for (code, told) in [("", "Ce n’est pas le code"), (antoine.again().as_str(), "a déjà compté")]
    {
        let refused = send(format!("{room}/submit"), cookie.clone(), sent(code)).await;
        let refused = refused.expect("it answers").text().await.expect("text");
        assert!(refused.contains(told), "{refused}");
        assert!(code.is_empty() || !refused.contains(code), "a code is not shown again");
    }
    assert_eq!(stage.events().await, before);
    let right = antoine.next().await;
    let taken = send(format!("{room}/submit"), cookie, sent(&right)).await.expect("it answers");
    assert_eq!(taken.status(), 303);
    let approved = |event: &Event| matches!(event, Event::ApprovalGiven { .. });
    assert_eq!(stage.counted(approved).await, 1);
}

/// Breaking the glass asks for the code in the form that asks for the reason.
async fn alone(stage: &Stage, mia: &mut Phone) {
    let glass = stage.button("ask-break-glass", DECISION).await;
    let form = stage.asked(MIA, &glass).await.to_string();
    assert!(form.contains("\"words\"") && form.contains("\"code\""), "{form}");
    let before = stage.events().await;
    let wrong = stage.types(MIA, "12 34 56", Some("nobody else is awake")).await;
    let told = wrong["errors"]["code"].as_str().unwrap_or_default();
    assert!(told.contains("That is not the code of now"), "{wrong}");
    assert_eq!(stage.events().await, before);
    let right = mia.next().await;
    assert_eq!(stage.types(MIA, &right, Some("nobody else is awake")).await, Value::Null);
    let broken = |event: &Event| matches!(event, Event::GlassBroken { .. });
    assert_eq!(stage.counted(broken).await, 1);
}

/// Guessing ends after five tries, wherever they are made, and everybody reads of it.
async fn too_many(stage: &Stage, mia: &mut Phone) {
    let approve = stage.button("approve", STEP).await;
    let digest = &approve.digest()[..6];
    let args = ["run", "approve", "--step", STEP, "--digest", digest];
    let (code, said) = stage.terminal(MIAS, &args, |_| "000000".to_owned());
    assert!(code == Some(2) && said.contains("That is not the code of now"), "{said}");
    stage.asked(MIA, &approve).await;
    for left in ["3 more wrong ones", "2 more wrong ones", "One more wrong one,"] {
        let wrong = stage.types(MIA, "000000", None).await.to_string();
        assert!(wrong.contains(left), "{wrong}");
    }
    let last = stage.types(MIA, "000000", None).await.to_string();
    assert!(last.contains("Too many wrong codes in your name"), "{last}");
    stage.in_the_room("5 wrong one-time codes in the name of").await;
    let right = mia.next().await;
    let locked = stage.types(MIA, &right, None).await.to_string();
    assert!(locked.contains("Too many wrong codes in your name"), "{locked}");
    let approved = |event: &Event| matches!(event, Event::ApprovalGiven { .. });
    assert_eq!(stage.counted(approved).await, 1, "the other one's");
    let told = |event: &Event| matches!(event, Event::CodesLocked { .. });
    assert_eq!(stage.counted(told).await, 1);
}

/// Neither the database, nor the log, nor the evidence holds a secret in clear, or the key.
async fn no_secret_anywhere(stage: &Stage, phones: &[&Phone]) {
    let evidence = tempfile::tempdir().expect("a folder");
    let to = evidence.path().join("evidence");
    let run = stage.run().await.to_string();
    let args = ["evidence", "export", &run, "--to", to.to_str().expect("text")];
    let (code, said) = stage.terminal("", &args, |_| panic!("nothing is asked"));
    assert_eq!(code, Some(0), "{said}");
    let mut texts = vec![("log".to_owned(), stage.log().into_bytes())];
    let mut folders = vec![to];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path())
        {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                texts.push((entry.display().to_string(), std::fs::read(&entry).unwrap()));
            }
        }
    }
    for end in ["", "-wal"] {
        let file = format!("{}{end}", stage.database.display());
        texts.push((file.clone(), std::fs::read(&file).expect("it is there")));
    }
    let database = texts.iter().filter(|(name, _)| name.ends_with("-wal"));
    assert!(database.clone().all(|(_, text)| holds(text, b"codes")), "the right file is read");
    for phone in phones {
        let bytes = Secret::Encoded(phone.base32.clone()).to_bytes().expect("it is base32");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for (name, text) in &texts {
            for secret in
                [bytes.as_slice(), hex.as_bytes(), phone.base32.as_bytes(), KEY.as_bytes()]
            {
                assert!(!holds(text, secret), "{name} holds a secret");
            }
        }
    }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
