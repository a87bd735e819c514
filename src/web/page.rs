//! The pages besides the war room: start, form, sign-in, message.

use maud::{Markup, html};

use crate::web::blockkit::Surface;
use crate::web::form::{self, Form};
use crate::web::frame::{Frame, Message, document, message as notice};
use crate::web::mrkdwn;
use crate::web::room::{Kind, banner, class, word};

/// The first page: what is happening, and the one button that starts the run.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// The scene, as somebody who is woken would hear it; absent where no run is offered.
    pub scene: Option<Scene<'a>>,
    /// How ready everything was when it was looked at last (mrkdwn), where anything looks.
    pub readiness: Option<&'a str>,
    /// Runs that are open, newest first.
    pub open: &'a [RunLine],
    /// Runs that are closed, newest first.
    pub closed: &'a [RunLine],
}

/// What is happening, told on the first page.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Which kind of run the button starts.
    pub kind: Kind,
    /// One sentence.
    pub headline: &'a str,
    /// What is seen: when or where, and what (mrkdwn).
    pub facts: &'a [(String, String)],
    /// What the button says.
    pub button: &'a str,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// Address of its room.
    pub href: String,
    /// Kind of the run.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// Where it stands, in words.
    pub standing: String,
    /// When it started, in words.
    pub when: String,
}

/// Renders the first page.
#[must_use]
pub fn start(start: Start<'_>) -> Markup {
    let frame = start.frame;
    let content = html! {
        main #main.narrow {
            @if let Some(scene) = start.scene { (the_scene(frame, scene)) }
            @else { h1 { ((frame.say)("page.runs")) } }
            @if let Some(readiness) = start.readiness {
                p.quiet { (mrkdwn::line(readiness, frame.names)) }
            }
            (runs(frame, "page.open_runs", start.open))
            (runs(frame, "page.closed_runs", start.closed))
            @if start.scene.is_none() && start.open.is_empty() && start.closed.is_empty() {
                p.quiet { ((frame.say)("page.no_runs")) }
            }
        }
    };
    document(frame, "page-start", &content)
}

fn the_scene(frame: Frame<'_>, scene: Scene<'_>) -> Markup {
    html! {
        section class={ "scene " (class(scene.kind)) } {
            p.kind { ((frame.say)(word(scene.kind))) }
            h1 { (mrkdwn::line(scene.headline, frame.names)) }
            @if let Some(banner) = banner(scene.kind) { p.quiet { ((frame.say)(banner)) } }
            dl.facts {
                @for (label, fact) in scene.facts {
                    div { dt { (label) } dd { (mrkdwn::render(fact, frame.names)) } }
                }
            }
            form method="post" action="/start" {
                input type="hidden" name="token" value=(frame.token);
                button.button.primary.big type="submit" { (scene.button) }
            }
            p.quiet { ((frame.say)("page.start_is_safe")) }
        }
    }
}

fn runs(frame: Frame<'_>, title: &str, runs: &[RunLine]) -> Markup {
    html! {
        @if !runs.is_empty() {
            section.runs {
                h2 { ((frame.say)(title)) }
                ul {
                    @for run in runs {
                        li { a href=(run.href) {
                            span.kind class=(class(run.kind)) { ((frame.say)(word(run.kind))) }
                            strong { (run.title) }
                            span.quiet { (run.standing) " · " (run.when) }
                        } }
                    }
                }
            }
        }
    }
}

/// Renders the page of a form, the modal's twin.
#[must_use]
pub fn form(frame: Frame<'_>, surface: Surface<'_>, form: Form<'_>) -> Markup {
    let content = html! {
        main #main.narrow {
            p.back { a href=(form.back) { "← " ((frame.say)("page.back")) } }
            div.card { (form::render(surface, form)) }
        }
    };
    document(frame, "page-form", &content)
}

/// Renders the sign-in page: a person's own token, typed or pasted. `back` is where one wanted to go.
#[must_use]
pub fn sign_in(frame: Frame<'_>, back: &str, refused: Option<Message<'_>>) -> Markup {
    let say = frame.say;
    let content = html! {
        main #main.narrow {
            @if let Some(said) = refused { (notice(frame, said)) }
            div.card {
                h1 { (say("page.sign_in")) }
                p { (say("page.sign_in_why")) }
                form.sheet method="post" action="/sign-in" {
                    input type="hidden" name="token" value=(frame.token);
                    input type="hidden" name="back" value=(back);
                    div.asked-for {
                        label for="secret" { (say("page.your_token")) }
                        input type="password" id="secret" name="secret" required
                            autocomplete="current-password" spellcheck="false";
                    }
                    div.actions { button.button.primary type="submit" { (say("page.sign_in")) } }
                }
            }
        }
    };
    document(frame, "page-sign-in", &content)
}

/// Renders a page that says one thing: a refusal, a fault. `back` is where the link leads.
#[must_use]
pub fn message(frame: Frame<'_>, message: Message<'_>, back: &str) -> Markup {
    let content = html! {
        main #main.narrow {
            (notice(frame, message))
            p.back { a.button href=(back) { "← " ((frame.say)("page.back")) } }
        }
    };
    document(frame, "page-message", &content)
}
