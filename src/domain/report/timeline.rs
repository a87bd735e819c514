//! One line per event. The timeline *is* the events; nothing is added by hand.

use crate::domain::actor::Actor;
use crate::domain::alert::Alert;
use crate::domain::code;
use crate::domain::ids::StepId;
use crate::domain::run::chat::{Chat, News, Source, Words};
use crate::domain::run::declared::{Declared, Severity};
use crate::domain::run::groups;
use crate::domain::run::log::Recorded;
use crate::domain::run::protocol::{Event, Start, Voided};
use crate::domain::run::refusal::{roles, verdict_text};
use crate::domain::run::state::{Choice, Doubt, Proof, Run, Skip};
use crate::domain::run::update::{Told, UpdateId};
use crate::domain::runbook::Step;
use crate::domain::text::{Text, trouble};
use crate::domain::time::Timestamp;

type Args = Vec<(&'static str, Text)>;

const ACCEPTED: &str = "timeline.done_accepted";

/// What happened, in a sentence.
pub fn line(run: &Run, recorded: &Recorded) -> Text {
    let (mut key, mut args) = sentence(&recorded.entry.event);
    let step = recorded.entry.event.step().and_then(|step| run.runbook.step(step));
    key = step.map_or(key, |step| told_of(step, key));
    if let Event::RunStarted(start) = &recorded.entry.event {
        args.push(("impact", impact(start, recorded.entry.at)));
    }
    args.push(("by", who(&recorded.entry.by)));
    if let Event::Chat { source, .. } = &recorded.entry.event {
        let note = run.chat_note(source);
        let author = note.and_then(|note| note.author.as_ref());
        args.push(("author", author.map_or_else(|| Text::key("word.somebody"), who)));
        args.push(("excerpt", Text::raw(note.map_or("", |note| &note.excerpt))));
    }
    if let Some(step) = recorded.entry.event.step() {
        args.push(("step", title(run, step)));
    }
    Text::Key(key, args)
}

/// A look, a decision and what people do are not told in the words of what acts.
fn told_of(step: &Step, key: &'static str) -> &'static str {
    let action = &step.action;
    match key {
        ACCEPTED if action.only_reads() => "timeline.done_read",
        "timeline.preview_shown" if action.is_human() => "timeline.asked",
        "timeline.done_people" if action.is_decision() => "timeline.done_decided",
        "timeline.approval_given" if action.is_human() => "timeline.done_said",
        key => key,
    }
}

/// When the service was hit; with the day, if that was another.
fn impact(start: &Start, started_at: Timestamp) -> Text {
    let (at, zone) = (start.impact_at, &start.environment.chat.time_zone);
    let time = at.clock_in(zone);
    if at.date() == started_at.date() {
        time.into()
    } else {
        format!("{} {time}", at.date()).into()
    }
}

/// Who did it.
pub fn who(by: &Actor) -> Text {
    match by {
        Actor::Person { id, .. } => id.into(),
        Actor::Stranger { name, .. } => Text::raw(name),
        Actor::Engine => Text::key("word.bot"),
    }
}

fn title(run: &Run, step: &StepId) -> Text {
    run.runbook.step(step).map_or_else(|| Text::raw(step), |step| (&step.title).into())
}

#[expect(clippy::too_many_lines, reason = "one table, an arm for each event")]
fn sentence(event: &Event) -> (&'static str, Args) {
    match event {
        Event::RunStarted(start) => ("timeline.run_started", started(start)),
        Event::StepOpened { when_unknown: None, .. } => ("timeline.step_opened", vec![]),
        Event::StepOpened { when_unknown: Some(what), .. } => {
            ("timeline.step_opened_unknown", vec![("what", Text::raw(what))])
        }
        Event::StepReopened { reason, .. } => ("timeline.step_reopened", reason_arg(reason)),
        Event::PreviewAsked { .. } => ("timeline.preview_asked", vec![]),
        Event::PreviewShown { shown, .. } => {
            ("timeline.preview_shown", vec![("digest", Text::raw(shown.digest.short()))])
        }
        Event::PreviewFailed { error, .. } => {
            ("timeline.preview_failed", vec![("error", Text::seen(error))])
        }
        Event::ApprovalGiven { digest, .. } => {
            ("timeline.approval_given", vec![("digest", Text::raw(digest.short()))])
        }
        Event::CodeConfirmed { .. } => ("timeline.code_confirmed", vec![]),
        Event::CodesLocked { person, until, .. } => (
            "timeline.codes_locked",
            vec![
                ("person", person.into()),
                ("tries", Text::raw(code::TRIES)),
                ("until", Text::raw(until.time_of_day())),
            ],
        ),
        Event::GlassBroken { reason, .. } => ("timeline.glass_broken", reason_arg(reason)),
        Event::ApprovalsVoided { why, .. } => voided(why),
        Event::StepApproved { attempt, .. } => {
            ("timeline.step_approved", vec![("attempt", Text::raw(attempt))])
        }
        Event::VoteCast { choice, words, .. } => {
            let key = match choice {
                Choice::Go => "timeline.voted_go",
                Choice::NoGo => "timeline.voted_no_go",
            };
            (key, vec![("words", Text::raw(words))])
        }
        Event::DissentVoiced { words, .. } => {
            ("timeline.dissent_voiced", vec![("words", Text::raw(words))])
        }
        Event::StepDeclined { reason, .. } => ("timeline.step_declined", reason_arg(reason)),
        Event::AttemptStarted { attempt, digest, .. } => (
            "timeline.attempt_started",
            vec![("attempt", Text::raw(attempt)), ("digest", Text::raw(digest.short()))],
        ),
        Event::CallAccepted { evidence, .. } => {
            let request = evidence.get("request_id").and_then(serde_json::Value::as_str);
            ("timeline.call_accepted", vec![("request", Text::raw(request.unwrap_or("")))])
        }
        Event::OutcomeUnknown { why, .. } => doubt(why),
        Event::OutcomeProbed { seen, .. } => {
            let looks = Text::key(seen.happened.key());
            ("timeline.outcome_probed", vec![("saw", Text::seen(&seen.saw)), ("looks", looks)])
        }
        Event::ProbeAsked { .. } => ("timeline.probe_asked", vec![]),
        Event::StepDone { how, .. } => done(how),
        Event::StepFailed { error, unreachable, .. } => {
            let key =
                if *unreachable { "timeline.step_unreachable" } else { "timeline.step_failed" };
            (key, vec![("error", Text::seen(error))])
        }
        Event::StepSkipped { why, .. } => match why {
            Skip::When { condition } => {
                ("timeline.skipped_when", vec![("condition", Text::raw(condition))])
            }
            Skip::NotNeeded => ("timeline.skipped_not_needed", vec![]),
            Skip::Person { reason, .. } => ("timeline.skipped_by_person", reason_arg(reason)),
        },
        Event::UndoAsked { reason, .. } => ("timeline.undo_asked", reason_arg(reason)),
        Event::StepUndone { .. } => ("timeline.step_undone", vec![]),
        Event::PeopleCalled { people, unmanned, waited, .. } => (
            "timeline.people_called",
            vec![
                ("who", Text::people(people)),
                ("unmanned", roles(unmanned)),
                ("waited", Text::raw(waited.clock())),
            ],
        ),
        Event::StepLate { worst, .. } => {
            ("timeline.step_late", vec![("worst", Text::raw(worst.clock()))])
        }
        Event::RoleTaken { role, person, from } => (
            "timeline.role_taken",
            vec![
                ("role", roles(&[*role])),
                ("person", person.into()),
                ("from", from.as_ref().map_or_else(|| Text::raw(""), Text::from)),
            ],
        ),
        Event::RunbookAttached { runbook } => {
            ("timeline.runbook_attached", vec![("runbook", (&runbook.title).into())])
        }
        Event::RunHeld { reason } => ("timeline.run_held", reason_arg(reason)),
        Event::RunResumed {} => ("timeline.run_resumed", vec![]),
        Event::NoteAdded { text } => ("timeline.note_added", vec![("text", Text::raw(text))]),
        Event::Chat { source, what } => chat(source, what),
        Event::Alerted { alert: what } => {
            let key = if what.is_over { "timeline.alert_over" } else { "timeline.alerted" };
            (key, vec![("alert", alert(what))])
        }
        Event::GroupSeen { group, people, unknown } => (
            "timeline.group_seen",
            vec![
                ("group", Text::raw(group)),
                ("who", Text::people(people)),
                ("unknown", Text::raw(unknown)),
            ],
        ),
        Event::GroupUnread { group, why, read_at } => (
            "timeline.group_unread",
            vec![
                ("group", Text::raw(group)),
                ("why", groups::why(Some(why))),
                ("at", Text::raw(read_at.map_or_else(String::new, Timestamp::time_of_day))),
            ],
        ),
        Event::Update { update, what } => told(update, what),
        Event::RunClosed { reason } => ("timeline.run_closed", reason_arg(reason)),
    }
}

fn told(update: &UpdateId, what: &Told) -> (&'static str, Args) {
    let mut args =
        vec![("audience", Text::raw(&update.audience)), ("number", Text::raw(update.number))];
    let key = match what {
        Told::Drafted { due_at } => {
            args.push(("at", Text::raw(due_at.time_of_day())));
            "timeline.update_drafted"
        }
        Told::PutOff { until } => {
            args.push(("at", Text::raw(until.time_of_day())));
            "timeline.update_put_off"
        }
        Told::Out { words: None } => "timeline.update_out",
        Told::Out { words: Some(words) } => {
            args.push(("text", Text::raw(words)));
            "timeline.update_said"
        }
        Told::Overdue => "timeline.update_overdue",
    };
    (key, args)
}

/// `Grafana 03:02:11 UTC: ApiDown: no answer`.
fn alert(alert: &Alert) -> Text {
    let args = vec![
        ("vendor", Text::raw(alert.vendor.title())),
        ("at", Text::raw(alert.at.time_of_day())),
        ("title", Text::raw(&alert.title)),
    ];
    Text::Key("alert.line", args)
}

fn chat(source: &Source, what: &Chat) -> (&'static str, Args) {
    let words = |words: &Words| {
        vec![
            ("at", Text::raw(source.at().time_of_day())),
            ("text", Text::raw(&words.text)),
            ("link", Text::raw(words.link.as_deref().unwrap_or_default())),
        ]
    };
    match what {
        Chat::Marked(None) => ("timeline.chat_marked", vec![]),
        Chat::Marked(Some(said)) => ("timeline.chat_marked_read", words(said)),
        Chat::Unmarked => ("timeline.chat_unmarked", vec![]),
        Chat::Followed(News::Read(said)) => ("timeline.chat_read", words(said)),
        Chat::Followed(News::Unread(why)) => {
            let why = why.as_deref().unwrap_or_default();
            ("timeline.chat_unread", vec![("why", Text::raw(why))])
        }
        Chat::Followed(News::Edited(text)) => {
            ("timeline.chat_edited", vec![("text", Text::raw(text))])
        }
        Chat::Followed(News::Deleted(_)) => ("timeline.chat_deleted", vec![]),
    }
}

fn started(start: &Start) -> Args {
    let Declared { severity, affected, roles: on_duty, alerts } = &start.declared;
    let on_duty = on_duty.iter().map(|(role, person)| {
        Text::Key("timeline.on_duty", vec![("role", roles(&[*role])), ("person", person.into())])
    });
    vec![
        ("title", (&start.runbook.title).into()),
        ("kind", Text::Named(format!("kind.{}", start.kind.name()), vec![])),
        ("environment", Text::raw(&start.environment.id)),
        ("severity", severity.map_or_else(|| Text::raw(""), Severity::text)),
        ("affected", Text::List(affected.iter().map(Text::raw).collect())),
        ("on_duty", Text::List(on_duty.collect())),
        ("alerts", Text::List(alerts.iter().map(alert).collect())),
    ]
}

fn reason_arg(reason: &str) -> Args {
    vec![("reason", Text::raw(reason))]
}

fn voided(why: &Voided) -> (&'static str, Args) {
    match why {
        Voided::Changed { differences } => {
            let differences = differences.iter().map(|difference| {
                let (was, is) = (&difference.was, &difference.is);
                if difference.what.starts_with("trouble.") {
                    return Text::seen(&trouble(&difference.what, is, ""));
                }
                let parts = [("what", &difference.what), ("now", was), ("after", is)];
                let parts = parts.map(|(name, text)| (name, Text::seen(text)));
                Text::Key("step.change.plain", parts.to_vec())
            });
            ("timeline.voided_changed", vec![("differences", Text::List(differences.collect()))])
        }
        Voided::Guard { verdict } => {
            ("timeline.voided_guard", vec![("verdict", verdict_text(verdict))])
        }
        Voided::Expired => ("timeline.voided_expired", vec![]),
        Voided::Unseen { error } => ("timeline.voided_unseen", vec![("error", Text::seen(error))]),
    }
}

fn doubt(why: &Doubt) -> (&'static str, Args) {
    match why {
        Doubt::NoAnswer { error } => {
            ("timeline.doubt_no_answer", vec![("error", Text::seen(error))])
        }
        Doubt::Interrupted => ("timeline.doubt_interrupted", vec![]),
        Doubt::NotProven { saw } => ("timeline.doubt_not_proven", vec![("saw", Text::seen(saw))]),
    }
}

fn done(how: &Proof) -> (&'static str, Args) {
    match how {
        Proof::Seen => ("timeline.done_seen", vec![]),
        Proof::Accepted => (ACCEPTED, vec![]),
        Proof::People => ("timeline.done_people", vec![]),
        Proof::Word { reason, .. } => ("timeline.done_word", reason_arg(reason)),
    }
}
