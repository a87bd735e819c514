//! What stands around every page: the document, the bar on top, messages to one person.

use std::fmt;

use maud::{DOCTYPE, Markup, html};

use crate::web::{Names, Say, mrkdwn};

/// The `Content-Security-Policy` these pages live under: nothing inline, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `/assets/style.css`, `text/css; charset=utf-8`.
pub const STYLE: &str = include_str!("assets/style.css");
/// `/assets/room.js`, `text/javascript; charset=utf-8`.
pub const SCRIPT: &str = include_str!("assets/room.js");
/// `/assets/icon.svg`, `image/svg+xml`.
pub const ICON: &str = include_str!("assets/icon.svg");

/// What every page needs to know.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Language code of the page, such as `en`.
    pub lang: &'a str,
    /// Title in the browser's tab; the product's name is added.
    pub title: &'a str,
    /// Words of the page.
    pub say: Say<'a>,
    /// Names of people.
    pub names: Names<'a>,
    /// Token against forged forms; goes back in the hidden field `token`.
    pub token: &'a str,
    /// The bar on top; absent before signing in.
    pub bar: Option<Bar<'a>>,
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("title", &self.title).finish_non_exhaustive()
    }
}

/// The bar on top of a page.
#[derive(Debug, Clone, Copy)]
pub struct Bar<'a> {
    /// Who is looking.
    pub who: Who<'a>,
    /// Speeds of the simulated time; empty where time is real.
    pub speeds: &'a [Choice],
    /// Languages on offer.
    pub languages: &'a [Choice],
    /// Path of this page, where the bar's forms come back to.
    pub here: &'a str,
}

/// Who is looking at a page.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// The demo: a viewer plays one of the team.
    ActsAs(&'a [Choice]),
    /// A person who proved who they are.
    SignedIn(&'a str),
}

/// One line of a select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is the present one.
    pub chosen: bool,
}

/// How grave a message to one person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Understood and declined; nothing changed.
    Refusal,
    /// Something does not work.
    Fault,
}

/// A message to one person: a refusal or a fault, in the reader's language.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// How grave it is.
    pub tone: Tone,
    /// What happened, why, and what to do next (mrkdwn).
    pub what: &'a str,
}

/// Wraps a page's content into the document.
#[must_use]
pub fn document(frame: Frame<'_>, class: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(frame.lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="same-origin";
                title { (frame.title) " · dr-buddy" }
                link rel="icon" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/style.css";
                script src="/assets/room.js" defer {}
            }
            body class=(class) {
                a.skip href="#main" { ((frame.say)("page.skip")) }
                @if let Some(shown) = frame.bar { (bar(frame, shown)) }
                (content)
            }
        }
    }
}

/// The bar: who one is, how fast time runs, which language.
fn bar(frame: Frame<'_>, bar: Bar<'_>) -> Markup {
    let say = frame.say;
    let hidden = html! {
        input type="hidden" name="token" value=(frame.token);
        input type="hidden" name="back" value=(bar.here);
    };
    html! {
        nav.bar aria-label=(say("page.bar")) {
            a.home href="/" { "dr-buddy" }
                @if bar.languages.len() > 1 {
                    form.language method="get" action=(bar.here) {
                        (select(say, "lang", &say("page.language"), bar.languages))
                    }
                }
            div.bar-forms {
                @match bar.who {
                    Who::ActsAs(people) => form method="post" action="/act-as" {
                        (hidden) (select(say, "person", &say("page.act_as"), people))
                    },
                    Who::SignedIn(name) => form method="post" action="/sign-out" {
                        (hidden)
                        span { (say("page.signed_in_as")) " " strong { (name) } } " "
                        button.button type="submit" { (say("page.sign_out")) }
                    },
                }
                @if !bar.speeds.is_empty() {
                    form method="post" action="/speed" {
                        (hidden) (select(say, "speed", &say("page.speed"), bar.speeds))
                    }
                }
            }
        }
    }
}

/// A labelled select; without a script a button sends it.
fn select(say: Say<'_>, name: &str, label: &str, choices: &[Choice]) -> Markup {
    html! {
        label { span { (label) }
            select name=(name) data-send="now" autocomplete="off" {
                @for choice in choices {
                    option value=(choice.value) selected[choice.chosen] { (choice.label) }
                }
            }
        }
        button.button.send type="submit" { (say("page.apply")) }
    }
}

/// Draws a message to one person.
#[must_use]
pub fn message(frame: Frame<'_>, message: Message<'_>) -> Markup {
    let (class, word) = match message.tone {
        Tone::Refusal => ("notice refusal", "page.refused"),
        Tone::Fault => ("notice fault", "page.fault"),
    };
    html! {
        section class=(class) role="status" {
            p.state { ((frame.say)(word)) }
            p.what { (mrkdwn::line(message.what, frame.names)) }
        }
    }
}

/// A span of time as a clock shows it: `1:32`, `1:04:09`.
#[must_use]
pub fn clock_text(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_hours_only_when_there_are_any() {
        assert_eq!(clock_text(92_000), "1:32");
        assert_eq!(clock_text(3_849_000), "1:04:09");
        assert_eq!(clock_text(-5), "0:00");
    }
}
