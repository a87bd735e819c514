//! Messages and forms as Block Kit, within Slack's limits. The war room in the browser shows the same JSON.

use serde_json::{Value, json};

use crate::catalog::Voice;
use crate::desk::Answer;
use crate::domain::comms::{Block, Button, Form, Message, Press, Style, Written};
use crate::domain::ids::RunId;
use crate::domain::text::{Text, cut};

/// Characters of a section's text; Slack's limit is 3000.
const SECTION: usize = 2900;
/// Characters of a heading.
const HEADING: usize = 150;
/// Characters of a button's label, and of the buttons of a confirm dialog.
pub(super) const LABEL: usize = 75;
const CONFIRM_LABEL: usize = 30;
/// Characters of a confirm dialog's text.
const CONFIRM: usize = 300;
/// Characters of a form's title.
pub(super) const TITLE: usize = 24;
/// Blocks of a message; Slack's limit is 50.
const BLOCKS: usize = 48;
/// Elements of a context block.
const SMALL: usize = 10;

/// What opens the timeline, and what leads to the page, as `action_id`.
pub const TIMELINE: &str = "timeline";
/// See [`TIMELINE`].
pub const PAGE: &str = "open-page";

/// What answers an offer of alerts, as `action_id`: an incident, or none.
pub const OFFER: [&str; 2] = ["offer-declare", "offer-dismiss"];

/// The blocks of a message, where all of the run is in sight.
pub fn blocks(voice: &Voice<'_>, message: &Message) -> Vec<Value> {
    fitted(message.blocks.iter().flat_map(|part| block(voice, part)).collect())
}

/// The same in a channel, with ways to the rest of the run; `page`: the address of the war room in the browser.
pub fn in_channel(voice: &Voice<'_>, message: &Message, page: Option<&str>) -> Vec<Value> {
    let part = |part: &Block| match part {
        Block::Views(run) => vec![views(voice, run, page)],
        Block::Banner(_)
        | Block::Heading(_)
        | Block::Lines(_)
        | Block::Small(_)
        | Block::Rule
        | Block::Offer(_)
        | Block::Buttons(_) => block(voice, part),
    };
    fitted(message.blocks.iter().flat_map(part).collect())
}

fn fitted(mut blocks: Vec<Value>) -> Vec<Value> {
    // Too many: text goes, from the end; buttons stay.
    while blocks.len() > BLOCKS {
        let last_text = blocks.iter().rposition(|block| block["type"] != "actions");
        blocks.remove(last_text.unwrap_or(BLOCKS));
    }
    blocks
}

/// The line for notifications and screen readers.
pub fn summary(voice: &Voice<'_>, message: &Message) -> String {
    cut_mrkdwn(&voice.mrkdwn(&message.summary), SECTION)
}

fn block(voice: &Voice<'_>, part: &Block) -> Vec<Value> {
    match part {
        Block::Heading(text) => {
            let text = cut(&voice.plain(text), HEADING);
            vec![json!({"type": "header", "text": {"type": "plain_text", "text": text}})]
        }
        Block::Lines(lines) => sections(voice, lines),
        Block::Banner(line) => {
            vec![json!({"type": "context", "elements": [mrkdwn(voice, line)]})]
        }
        Block::Small(lines) => {
            let elements: Vec<_> =
                lines.iter().take(SMALL).map(|line| mrkdwn(voice, line)).collect();
            vec![json!({"type": "context", "elements": elements})]
        }
        Block::Rule => vec![json!({"type": "divider"})],
        Block::Views(_) => vec![],
        Block::Offer(id) => vec![answers(voice, *id)],
        Block::Buttons(buttons) if buttons.is_empty() => vec![],
        Block::Buttons(buttons) => {
            let elements: Vec<_> =
                buttons.iter().map(|button| self::button(voice, button)).collect();
            vec![json!({"type": "actions", "elements": elements})]
        }
    }
}

fn answers(voice: &Voice<'_>, offer: u64) -> Value {
    let [declare, dismiss] = OFFER;
    let button = |action: &str, label| {
        let label = plain(&voice.plain(&Text::key(label)), LABEL);
        json!({"type": "button", "action_id": action, "text": label, "value": offer.to_string()})
    };
    let declare = with(button(declare, "button.offer-declare"), "style", "primary");
    json!({"type": "actions", "elements": [declare, button(dismiss, "button.offer-dismiss")]})
}

fn views(voice: &Voice<'_>, run: &RunId, page: Option<&str>) -> Value {
    let button = |action: &str, label| {
        let label = plain(&voice.plain(&Text::key(label)), LABEL);
        json!({"type": "button", "action_id": action, "text": label, "value": run})
    };
    let mut elements = vec![button(TIMELINE, "button.timeline")];
    elements.extend(
        page.map(|page| {
            with(button(PAGE, "button.open-page"), "url", format!("{page}/runs/{run}"))
        }),
    );
    json!({"type": "actions", "elements": elements})
}

/// Lines in as few sections as their length allows.
pub(super) fn sections(voice: &Voice<'_>, lines: &[Text]) -> Vec<Value> {
    let mut sections: Vec<String> = Vec::new();
    for line in lines.iter().map(|line| cut_mrkdwn(&voice.mrkdwn(line), SECTION)) {
        match sections.last_mut() {
            Some(last) if last.chars().count() + line.chars().count() < SECTION => {
                last.push('\n');
                last.push_str(&line);
            }
            Some(_) | None => sections.push(line),
        }
    }
    let sections = sections.into_iter().filter(|text| !text.trim().is_empty());
    sections
        .map(|text| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}))
        .collect()
}

fn mrkdwn(voice: &Voice<'_>, text: &Text) -> Value {
    json!({"type": "mrkdwn", "text": cut_mrkdwn(&voice.mrkdwn(text), SECTION)})
}

pub(super) fn plain(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": cut(text, most)})
}

fn label(voice: &Voice<'_>, button: &Button) -> String {
    voice.plain(&button.press.label())
}

fn button(voice: &Voice<'_>, button: &Button) -> Value {
    let mut out = json!({
        "type": "button",
        "action_id": button.press.action_id(),
        "text": plain(&label(voice, button), LABEL),
        "value": button.press.value(),
    });
    let style = match button.style {
        Style::Plain => None,
        Style::Primary => Some("primary"),
        Style::Danger => Some("danger"),
    };
    if let (Some(map), Some(style)) = (out.as_object_mut(), style) {
        map.insert("style".to_owned(), json!(style));
    }
    if let (Some(map), Some(text)) = (out.as_object_mut(), &button.confirm) {
        let word = |key| voice.plain(&Text::key(key));
        let style = if button.style == Style::Danger { "danger" } else { "primary" };
        map.insert(
            "confirm".to_owned(),
            json!({
                "title": plain(&word("confirm.title"), 100),
                "text": plain(&voice.plain(text), CONFIRM),
                "confirm": plain(&word("confirm.yes"), CONFIRM_LABEL),
                "style": style,
                "deny": plain(&word("confirm.no"), CONFIRM_LABEL),
            }),
        );
    }
    out
}

/// The ids of a form's inputs, as block and as action: for words, and for a one-time code.
pub const WORDS: &str = "words";
/// See [`WORDS`].
pub const CODE: &str = "code";
/// Characters of a code's input: six digits, with blanks between them.
const CODE_LENGTH: usize = 12;

/// The input beside which the answer to a form stands: one that this form has.
pub fn at_fault(press: &Press, written: &Written, answer: &Answer) -> &'static str {
    let is_about_code = matches!(answer, Answer::CodeAsked(_)) && written.code.is_some();
    if is_about_code || !press.ask.wants_words() { CODE } else { WORDS }
}

/// A form as a modal. Its `callback_id` and `private_metadata` are the button that opened it.
pub fn view(voice: &Voice<'_>, form: &Form) -> Value {
    let mut blocks = sections(voice, &form.intro);
    if let Some(words) = &form.words {
        let initial = words.initial.as_ref();
        let initial = initial.map(|text| cut(&voice.plain(text), crate::domain::run::limits::TEXT));
        let mut element = json!({
            "type": "plain_text_input",
            "action_id": WORDS,
            "multiline": true,
            "max_length": crate::domain::run::limits::TEXT,
        });
        if let (Some(initial), Some(element)) = (initial, element.as_object_mut()) {
            element.insert("initial_value".to_owned(), initial.into());
        }
        blocks.push(json!({
            "type": "input",
            "block_id": WORDS,
            "optional": words.optional,
            "label": plain(&voice.plain(&words.label), 2000),
            "element": element,
        }));
    }
    if let Some(label) = &form.code {
        blocks.push(json!({
            "type": "input",
            "block_id": CODE,
            "optional": false,
            "label": plain(&voice.plain(label), 2000),
            "element": {
                "type": "plain_text_input",
                "action_id": CODE,
                "min_length": crate::domain::code::DIGITS,
                "max_length": CODE_LENGTH,
            },
        }));
    }
    // What is asked with words is done by its own word, not by "Send".
    let send = Text::key("form.send");
    let submit = if form.press.ask.wants_words() { &form.title } else { &send };
    json!({
        "type": "modal",
        "callback_id": form.press.action_id(),
        "private_metadata": form.press.value(),
        "title": plain(&voice.plain(&form.title), TITLE),
        "submit": plain(&voice.plain(submit), TITLE),
        "close": plain(&voice.plain(&Text::key("form.cancel")), TITLE),
        "blocks": blocks,
    })
}

/// The same with one more field.
pub(super) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
    object
}

/// A form without a question: a text to read, and a way out.
pub(super) fn note(voice: &Voice<'_>, title: &Text, text: &Text) -> Value {
    json!({
        "type": "modal",
        "title": plain(&voice.plain(title), TITLE),
        "close": plain(&voice.plain(&Text::key("form.close_it")), TITLE),
        "blocks": sections(voice, std::slice::from_ref(text)),
    })
}

/// Cut, but never through the middle of `&lt;` or `<@U1>`.
fn cut_mrkdwn(text: &str, most: usize) -> String {
    let mut cut = cut(text, most);
    if cut == text {
        return cut;
    }
    for (opens, closes) in [('&', ';'), ('<', '>')] {
        if let Some(open) = cut.rfind(opens).filter(|open| !cut[*open..].contains(closes)) {
            cut.truncate(open);
            cut.push('…');
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_goes_through_an_escape_or_a_mention() {
        assert_eq!(cut_mrkdwn("ab &lt;x", 6), "ab …");
        assert_eq!(cut_mrkdwn("ab &lt;x", 8), "ab &lt;x");
        assert_eq!(cut_mrkdwn("ab <@U123> c", 8), "ab …");
        assert_eq!(cut_mrkdwn("ab &lt;xyz", 9), "ab &lt;x…");
        assert_eq!(cut_mrkdwn("&amp;&amp;", 10), "&amp;&amp;");
    }
}
