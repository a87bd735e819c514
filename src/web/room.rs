//! The war room: run card, open steps, settled ones, timeline.
//!
//! One element, `#live`, holds all that changes; [`live`] renders it alone, and the script swaps it when the server
//! says that something happened. What waits for people comes before everything that is settled, in the document as on
//! the screen, so that a phone, a screen reader and a printer meet it first.

use maud::{Markup, html};
use serde_json::Value;

use crate::domain::time::Span;
use crate::web::blockkit::{self, Surface};
use crate::web::frame::{Frame, clock_text, document};
use crate::web::mrkdwn;

pub use crate::domain::run::Kind;

/// How a kind of run looks: its class, which is also its name.
pub(super) fn class(kind: Kind) -> &'static str {
    kind.name()
}

/// The message key of a kind's name.
pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Incident => "page.kind.incident",
        Kind::Exercise => "page.kind.exercise",
        Kind::Tabletop => "page.kind.tabletop",
    }
}

/// The message key of the warning over every rehearsal.
pub(super) fn banner(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Incident => None,
        Kind::Exercise => Some("page.banner.exercise"),
        Kind::Tabletop => Some("page.banner.tabletop"),
    }
}

/// Where the subject of a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// People are awaited.
    Waiting,
    /// It runs.
    Running,
    /// Started, outcome unknown.
    InDoubt,
    /// It failed: before it is settled, somebody must choose.
    Failed,
    /// Nothing answered: a risk, and no failure of the step.
    Unreachable,
    /// It cannot be seen what it would change: nothing was tried, and nothing failed.
    Blind,
    /// Somebody said no: nothing was tried, and somebody must choose.
    Declined,
    /// It was put back, and somebody must choose.
    Undone,
    /// Done, and its effect was proven: the only green there is.
    Proven,
    /// Done or decided by people's word.
    Done,
    /// Left out, with a reason.
    Skipped,
}

impl Standing {
    /// Class and message key.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Waiting => ("waiting", "page.state.waiting"),
            Self::Running => ("running", "page.state.running"),
            Self::InDoubt => ("in-doubt", "page.state.in_doubt"),
            Self::Failed => ("failed", "page.state.failed"),
            Self::Unreachable => ("unreachable", "page.state.unreachable"),
            Self::Blind => ("blind", "page.state.blind"),
            Self::Declined => ("declined", "page.state.declined"),
            Self::Undone => ("undone", "page.state.undone"),
            Self::Proven => ("proven", "page.state.proven"),
            Self::Done => ("done", "page.state.done"),
            Self::Skipped => ("skipped", "page.state.skipped"),
        }
    }

    /// A sign besides word and colour.
    fn sign(self) -> &'static str {
        match self {
            Self::Waiting => "○ ",
            Self::Running => "▶\u{fe0e} ",
            Self::InDoubt => "? ",
            Self::Failed => "✖\u{fe0e} ",
            Self::Blind => "∅ ",
            Self::Declined => "⊘ ",
            Self::Undone => "↩\u{fe0e} ",
            Self::Unreachable => "⚠\u{fe0e} ",
            Self::Proven => "✔\u{fe0e} ",
            Self::Done | Self::Skipped => "",
        }
    }
}

/// A card: a message of the run in Block Kit.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a> {
    /// Stable name, such as the message key; keeps unfolded what was unfolded, and is the anchor `#card-{key}`.
    pub key: &'a str,
    /// Where it stands.
    pub standing: Standing,
    /// One line that says it all (mrkdwn): the folded card, and what a screen reader hears of a new open step.
    pub line: &'a str,
    /// When it opened or ended, in words.
    pub when: &'a str,
    /// Epoch milliseconds since when it waits or runs, if a clock shall tick.
    pub since_ms: Option<i64>,
    /// The message.
    pub blocks: &'a [Value],
}

/// The clock of the run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Impact began, epoch milliseconds (of the run's time, which a demo may speed up).
    pub since_ms: i64,
    /// The run's time at rendering; the end of the run when it is closed.
    pub now_ms: i64,
    /// How fast the run's time goes; 0 when it stands still.
    pub speed: f64,
    /// The target.
    pub rto_ms: Option<i64>,
    /// Whether the service is back: then the clock stands at how long that took.
    pub is_back: bool,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the chain.
    pub seq: u64,
    /// When, in UTC.
    pub time: String,
    /// What and who (mrkdwn).
    pub what: String,
}

/// The timeline, newest first, already filtered and cut to a page.
#[derive(Debug, Clone, Copy)]
pub struct Timeline<'a> {
    /// Its entries.
    pub entries: &'a [Entry],
    /// What it is filtered by; empty for everything.
    pub filter: &'a str,
    /// Where older entries are, if any are left.
    pub older: Option<&'a str>,
}

/// How the time was spent, measured.
#[derive(Debug, Clone, Copy)]
pub struct Split<'a> {
    /// Part, measured, target or typical, evidence.
    pub rows: &'a [[String; 4]],
    /// The last row.
    pub total: &'a [String; 4],
    /// The chain of steps that decided it, a line each.
    pub path: &'a [String],
    /// What is known of the loss, a line each.
    pub losses: &'a [String],
}

/// The war room of a run.
#[derive(Debug, Clone, Copy)]
pub struct Room<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// Where its buttons lead; `read_only` for a closed run.
    pub surface: Surface<'a>,
    /// Kind of the run.
    pub kind: Kind,
    /// Name of the run.
    pub title: &'a str,
    /// Where it acts, such as `prod · 1111…1111 · eu-west-1 → us-east-1`.
    pub place: &'a str,
    /// Its clock; absent before impact is known.
    pub clock: Option<Clock>,
    /// The run card.
    pub run_card: &'a [Value],
    /// What is open, most urgent first.
    pub open: &'a [Card<'a>],
    /// What is settled, newest first.
    pub stream: &'a [Card<'a>],
    /// The timeline.
    pub timeline: Timeline<'a>,
    /// How the time was spent, once measured.
    pub split: Option<Split<'a>>,
}

/// Renders the whole page.
#[must_use]
pub fn room(room: Room<'_>) -> Markup {
    let (say, base) = (room.frame.say, room.surface.base);
    let content = html! {
        p #offline.offline role="status" hidden data-lost=(say("page.connection_lost"))
            data-back=(say("page.connection_back")) {}
        p #news.unseen aria-live="polite" data-new=(say("page.new_open")) {}
        noscript { p.offline { (say("page.no_script")) " " a href=(base) { (say("page.reload")) } } }
        div #stage data-events={ (base) "/events" } data-fragment={ (base) "/live" } {
            (live(room))
        }
    };
    document(room.frame, "page-room", &content)
}

/// Renders what changes: the answer to `GET {base}/live`.
#[must_use]
pub fn live(room: Room<'_>) -> Markup {
    let say = room.frame.say;
    html! {
        div #live class=(class(room.kind)) {
            (strip(room))
            main #main.areas {
                section #open aria-labelledby="open-title" {
                    h2 #open-title { (say("page.open_steps")) }
                    @for card in room.open { (open_card(room, *card)) }
                    @if room.surface.read_only { p.quiet { (say("page.closed")) } }
                    @else if room.open.is_empty() { p.quiet { (say("page.nothing_open")) } }
                    @if let Some(split) = room.split { (split_table(room, split)) }
                }
                section.run aria-label=(say("page.run")) {
                    div.card { (blockkit::blocks(room.surface, room.run_card)) }
                }
                section #stream aria-labelledby="stream-title" hidden[room.stream.is_empty()] {
                    h2 #stream-title { (say("page.stream")) }
                    @for card in room.stream { (folded_card(room, *card)) }
                }
                div.right { (timeline(room)) }
            }
        }
    }
}

/// The line that never leaves the screen: kind, run, clock, how much is open.
fn strip(room: Room<'_>) -> Markup {
    let say = room.frame.say;
    html! {
        header.strip {
            div.strip-line {
                p.kind { (say(word(room.kind))) }
                h1 { (room.title) " " span.place { (room.place) } }
                @if let Some(clock) = room.clock { (run_clock(room, clock)) }
                @if !room.open.is_empty() {
                    a.jump href="#open" { (say("page.open_count")) " " strong { (room.open.len()) } }
                }
            }
            @if let Some(banner) = banner(room.kind) { p.banner { (say(banner)) } }
        }
    }
}

fn run_clock(room: Room<'_>, clock: Clock) -> Markup {
    let say = room.frame.say;
    let elapsed = clock.now_ms.saturating_sub(clock.since_ms).max(0);
    let late = clock.rto_ms.is_some_and(|rto| elapsed > rto);
    html! {
        div.clock {
            p {
                span.quiet { (say(if clock.is_back { "page.back_after" } else { "page.elapsed" })) " " }
                strong.time { (ticking(room, clock.since_ms)) }
                @if let Some(rto) = clock.rto_ms {
                    span.quiet { " / " (say("page.rto")) " " (Span(u64::try_from(rto).unwrap_or(0)).spoken()) }
                    " "
                    span.late hidden[!late] data-late-after=(rto) {
                        (say("page.rto_passed")) " "
                        span.late-by { (clock_text(elapsed.saturating_sub(rto))) }
                    }
                }
            }
            @if let Some(rto) = clock.rto_ms {
                progress max=(rto) value=(elapsed.min(rto)) data-elapsed=(clock.since_ms)
                    aria-label=(say("page.rto_used")) {}
            }
        }
    }
}

/// A duration that the script keeps going: since when, the server's now, and how fast time runs.
fn ticking(room: Room<'_>, since_ms: i64) -> Markup {
    html! {
        @if let Some(clock) = room.clock {
            span data-since=(since_ms) data-now=(clock.now_ms) data-speed=(clock.speed) {
                (clock_text(clock.now_ms.saturating_sub(since_ms)))
            }
        }
    }
}

fn state(room: Room<'_>, standing: Standing) -> Markup {
    let (class, word) = standing.words();
    html! {
        span class={ "state " (class) } {
            span aria-hidden="true" { (standing.sign()) } ((room.frame.say)(word))
        }
    }
}

fn open_card(room: Room<'_>, card: Card<'_>) -> Markup {
    let (class, _) = card.standing.words();
    html! {
        article class={ "card open " (class) } id={ "card-" (card.key) } data-open=(card.key)
            data-line=(mrkdwn::words(card.line)) {
            p.card-head {
                (state(room, card.standing))
                span.quiet { (card.when) }
                @if let Some(since) = card.since_ms {
                    span.time { ((room.frame.say)("page.for_so_long")) " " (ticking(room, since)) }
                }
            }
            (blockkit::blocks(room.surface, card.blocks))
        }
    }
}

fn folded_card(room: Room<'_>, card: Card<'_>) -> Markup {
    let (class, _) = card.standing.words();
    html! {
        details class={ "card folded " (class) } id={ "card-" (card.key) } data-key={ "card " (card.key) } {
            summary {
                (state(room, card.standing)) " "
                span.line { (mrkdwn::line(card.line, room.frame.names)) }
            }
            div.unfolded { (blockkit::blocks(room.surface, card.blocks)) }
        }
    }
}

fn split_table(room: Room<'_>, split: Split<'_>) -> Markup {
    let say = room.frame.say;
    let row = |cells: &[String; 4]| {
        let [part, measured, target, evidence] = cells;
        html! {
            tr { th scope="row" { (part) } td.time { (measured) } td.time { (target) } }
            @if !evidence.is_empty() {
                tr.evidence { td colspan="3" { (mrkdwn::line(evidence, room.frame.names)) } }
            }
        }
    };
    html! {
        section #split.card aria-labelledby="split-title" {
            h2 #split-title { (say("page.split")) }
            table {
                thead { tr {
                    th scope="col" { (say("page.split_part")) }
                    th.time scope="col" { (say("page.split_measured")) }
                    th.time scope="col" { (say("page.split_target")) }
                } }
                tbody { @for cells in split.rows { (row(cells)) } }
                tfoot { (row(split.total)) }
            }
            @if !split.path.is_empty() {
                h3 { (say("page.path")) }
                ol { @for leg in split.path { li { (leg) } } }
            }
            @if !split.losses.is_empty() {
                h3 { (say("page.loss")) }
                ul { @for loss in split.losses { li { (loss) } } }
            }
        }
    }
}

fn timeline(room: Room<'_>) -> Markup {
    let (say, shown) = (room.frame.say, room.timeline);
    html! {
        section #timeline.card aria-labelledby="timeline-title" {
            h2 #timeline-title { (say("page.timeline")) }
            form.filter role="search" method="get" action=(room.surface.base) {
                label for="filter" { (say("page.filter")) }
                input type="search" id="filter" name="q" value=(shown.filter) autocomplete="off";
                button.button.send type="submit" { (say("page.apply")) }
            }
            ol.entries {
                @for entry in shown.entries {
                    li id={ "entry-" (entry.seq) } {
                        span.time { (entry.time) }
                        div { (mrkdwn::line(&entry.what, room.frame.names)) }
                    }
                }
            }
            p.quiet #no-entry hidden[!shown.entries.is_empty()] { (say("page.no_entry")) }
            @if let Some(older) = shown.older { p { a href=(older) { (say("page.older")) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_must_tell_apart_has_a_word_and_a_sign_of_its_own() {
        let all = [
            Standing::Waiting,
            Standing::Running,
            Standing::InDoubt,
            Standing::Failed,
            Standing::Unreachable,
            Standing::Blind,
            Standing::Declined,
            Standing::Undone,
            Standing::Proven,
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[..index] {
                assert_ne!(one.sign(), other.sign(), "{one:?} {other:?}");
                assert_ne!(one.words(), other.words(), "{one:?} {other:?}");
            }
        }
    }
}
