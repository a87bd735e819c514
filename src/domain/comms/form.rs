//! What is asked when words are needed: one text, and what it will be used for.

use super::button::{Ask, Press};
use super::clock;
use crate::domain::run::state::Run;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A form with one text input.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What sending it means.
    pub press: Press,
    /// Its title, short.
    pub title: Text,
    /// What will follow.
    pub intro: Vec<Text>,
    /// What to write.
    pub label: Text,
    /// Whether it may be left empty.
    pub optional: bool,
}

/// The form behind a button that wants words; `None` for one that does not.
pub fn form(run: &Run, press: &Press, now: Timestamp) -> Option<Form> {
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
        Ask::Close => "form.close",
        Ask::Run
        | Ask::Approve
        | Ask::Done
        | Ask::Go
        | Ask::Retry
        | Ask::LookAgain
        | Ask::Take
        | Ask::Resume => return None,
    };
    let mut intro = Vec::new();
    if let Some(step) = press.step.as_ref().and_then(|step| run.runbook.step(step)) {
        intro.push(Text::Key("form.step", vec![("step", (&step.title).into())]));
    }
    intro.push(Text::key(key));
    intro.push(Text::Key(
        "form.on_record",
        vec![("run", Text::raw(&run.id)), ("at", clock(run, now))],
    ));
    Some(Form {
        press: press.clone(),
        title: Text::Named(format!("form.title.{}", press.ask.name()), vec![]),
        intro,
        label: Text::key(if press.ask == Ask::Note { "form.text" } else { "form.reason" }),
        optional: press.ask.words_may_be_empty(),
    })
}
