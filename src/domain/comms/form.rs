//! What is asked when a press is not enough: a text, a one-time code, and what they will be used for.

use super::button::{Ask, Press};
use super::{banner, clock, first_change, update};
use crate::domain::action::Repeat;
use crate::domain::code::Typed;
use crate::domain::run::decide::agrees_to;
use crate::domain::run::state::Run;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A form with a text input, one for a code, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What sending it means.
    pub press: Press,
    /// Its title, short.
    pub title: Text,
    /// What will follow.
    pub intro: Vec<Text>,
    /// What to write, if words are asked for.
    pub words: Option<Words>,
    /// What to type, if a one-time code is asked for.
    pub code: Option<Text>,
}

/// The input for words.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// What to write.
    pub label: Text,
    /// Whether it may be left empty.
    pub optional: bool,
    /// What stands there to begin with.
    pub initial: Option<Text>,
}

/// What a person wrote into a form; nothing where they only pressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The words.
    pub words: String,
    /// The code, if the form had a place for one.
    pub code: Option<Typed>,
}

impl Written {
    /// Words alone.
    pub fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), code: None }
    }
}

/// The form behind a button that wants words, or a code of this person; `None` for one that wants neither.
pub fn form(run: &Run, press: &Press, asks_code: bool, now: Timestamp) -> Option<Form> {
    let key = match press.ask {
        Ask::NoGo => "form.no-go",
        Ask::Disagree => "form.disagree",
        Ask::Reject => "form.reject",
        Ask::BreakGlass => "form.break-glass",
        Ask::Skip => "form.skip",
        Ask::MarkDone => "form.mark-done",
        Ask::StartAgain => "form.start-again",
        Ask::Undo => "form.undo",
        Ask::Hold => "form.hold",
        Ask::Note => "form.note",
        Ask::Say => "form.say",
        Ask::Close => "form.close",
        Ask::Run
        | Ask::Approve
        | Ask::Done
        | Ask::Go
        | Ask::Retry
        | Ask::LookAgain
        | Ask::Take
        | Ask::PutOff
        | Ask::Resume
            if asks_code =>
        {
            "form.code"
        }
        Ask::Run
        | Ask::Approve
        | Ask::Done
        | Ask::Go
        | Ask::Retry
        | Ask::LookAgain
        | Ask::Take
        | Ask::PutOff
        | Ask::Resume => return None,
    };
    let mut intro = vec![banner(run)];
    if let Some(step) = press.step.as_ref().and_then(|step| run.runbook.step(step)) {
        intro.push(Text::Key("form.step", vec![("step", (&step.title).into())]));
    }
    if asks_code {
        intro.extend(exactly(run, press));
    }
    intro.push(Text::key(key));
    if press.ask == Ask::StartAgain {
        intro.extend(second_call(run, press));
    }
    intro.push(Text::Key(
        "form.on_record",
        vec![("run", Text::raw(&run.id)), ("at", clock(run, now))],
    ));
    Some(Form {
        press: press.clone(),
        title: if press.ask.wants_words() {
            Text::Named(format!("form.title.{}", press.ask.name()), vec![])
        } else {
            Text::key("form.title.code")
        },
        intro,
        words: press.ask.wants_words().then(|| Words {
            label: Text::key(if matches!(press.ask, Ask::Note | Ask::Say) {
                "form.text"
            } else {
                "form.reason"
            }),
            optional: press.ask.words_may_be_empty(),
            initial: press.update.as_ref().and_then(|update| update::words(run, update, now)),
        }),
        code: asks_code.then(|| Text::key("form.code_label")),
    })
}

/// Whether a press says yes to what is shown, so that a code may be asked for.
pub fn agrees(press: &Press) -> bool {
    press.request("").is_ok_and(|request| agrees_to(&request).is_some())
}

/// What a second call comes to, should the first one have happened after all.
fn second_call(run: &Run, press: &Press) -> Option<Text> {
    let step = run.runbook.step(press.step.as_ref()?)?;
    match step.action.spec()?.repeat {
        Repeat::Token => Some(Text::key("form.second_call.token")),
        Repeat::NamesState => Some(Text::key("form.second_call.names_state")),
        Repeat::ActsAgain => Some(Text::key("form.second_call.acts_again")),
        Repeat::ReadsOnly => None,
    }
}

/// What is agreed to: its first line, and the digest that the press carries.
fn exactly(run: &Run, press: &Press) -> Option<Text> {
    let digest = press.digest.as_ref()?;
    let (_, at) = run.step(press.step.as_ref()?)?;
    let shown = at.shown.as_ref().filter(|shown| shown.digest == *digest)?;
    let mut args = first_change(&shown.preview);
    args.push(("digest", Text::raw(digest.short())));
    Some(Text::Key("form.exactly", args))
}
