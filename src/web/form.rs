//! A modal as a page: the form that an asking button opens, drawn from the view that chat would get.
//!
//! Inputs are native ones, so that a phone shows its own pickers. Each is named `{block_id}.{action_id}`; an input
//! that chooses several sends its name several times. What is wrong with an answer stands at its input.

use maud::{Markup, html};
use serde_json::Value;

use crate::web::blockkit::{self, Surface, list, string};
use crate::web::mrkdwn;

/// A form to fill in.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// The modal view: title, submit, close, `callback_id`, `private_metadata`, blocks.
    pub view: &'a Value,
    /// People who may be picked: Slack user id and name.
    pub people: &'a [(String, String)],
    /// What was sent before, by input name, so that a refused form keeps its words.
    pub sent: &'a [(String, String)],
    /// What is wrong, by block id, in the reader's language.
    pub errors: &'a [(String, String)],
    /// Where "close" leads; usually the room.
    pub back: &'a str,
}

/// Renders the form, its title included. It posts to `{base}/submit`.
#[must_use]
pub fn render(surface: Surface<'_>, form: Form<'_>) -> Markup {
    let inside = Surface { read_only: true, ..surface };
    let submit = string(form.view, "/submit/text");
    let close = string(form.view, "/close/text");
    let or = |text: &str, key: &str| {
        if text.is_empty() { (surface.say)(key) } else { text.to_owned() }
    };
    html! {
        h1 { (mrkdwn::plain(string(form.view, "/title/text"))) }
        form.sheet method="post" action={ (surface.base) "/submit" } {
            input type="hidden" name="token" value=(surface.token);
            input type="hidden" name="callback_id" value=(string(form.view, "/callback_id"));
            input type="hidden" name="private_metadata" value=(string(form.view, "/private_metadata"));
            @for block in list(form.view, "blocks") {
                @if string(block, "/type") == "input" { (input_block(surface, form, block)) }
                @else { (blockkit::blocks(inside, std::slice::from_ref(block))) }
            }
            div.actions {
                button.button.primary type="submit" { (mrkdwn::plain(&or(submit, "page.send"))) }
                a.button href=(form.back) { (mrkdwn::plain(&or(close, "page.cancel"))) }
            }
        }
    }
}

/// One input with its label, hint and error.
fn input_block(surface: Surface<'_>, form: Form<'_>, block: &Value) -> Markup {
    let block_id = string(block, "/block_id");
    let input = Input {
        name: format!("{block_id}.{}", string(block, "/element/action_id")),
        optional: block.get("optional") == Some(&Value::Bool(true)),
        element: block.get("element").unwrap_or(&Value::Null),
        form,
    };
    let hint = string(block, "/hint/text");
    let error = form.errors.iter().find(|(id, _)| id == block_id).map(|(_, words)| words);
    let label = html! {
        (mrkdwn::plain(string(block, "/label/text")))
        @if input.optional { span.optional { " " ((surface.say)("page.optional")) } }
    };
    let under = html! {
        @if !hint.is_empty() { p.hint id={ (input.name) ".hint" } { (mrkdwn::plain(hint)) } }
        @if let Some(error) = error { p.wrong id={ (input.name) ".wrong" } { "✖\u{fe0e} " (error) } }
    };
    html! {
        @if input.is_group() {
            fieldset.asked-for { legend { (label) } (input.choices(surface)) (under) }
        } @else {
            div.asked-for { label for=(input.name) { (label) } (input.single(surface)) (under) }
        }
    }
}

/// An input element on its way to HTML.
struct Input<'a> {
    name: String,
    optional: bool,
    element: &'a Value,
    form: Form<'a>,
}

impl Input<'_> {
    fn kind(&self) -> &str {
        string(self.element, "/type")
    }

    /// Several controls under one label.
    fn is_group(&self) -> bool {
        matches!(
            self.kind(),
            "radio_buttons" | "checkboxes" | "multi_users_select" | "multi_static_select"
        )
    }

    /// What was sent before under this name; else what the view proposes.
    fn words(&self, proposed: &str) -> String {
        let sent = self.form.sent.iter().find(|(name, _)| *name == self.name);
        sent.map_or_else(|| proposed.to_owned(), |(_, words)| words.clone())
    }

    fn is_chosen(&self, value: &str) -> bool {
        let sent = || self.form.sent.iter().filter(|(name, _)| *name == self.name);
        if sent().next().is_some() {
            return sent().any(|(_, words)| words == value);
        }
        let initial = |name: &str| list(self.element, name);
        string(self.element, "/initial_option/value") == value
            || string(self.element, "/initial_user") == value
            || initial("initial_options").iter().any(|o| string(o, "/value") == value)
            || initial("initial_users").iter().any(|u| u.as_str() == Some(value))
    }

    fn single(&self, surface: Surface<'_>) -> Markup {
        let placeholder = string(self.element, "/placeholder/text");
        let placeholder = (!placeholder.is_empty()).then_some(placeholder);
        let longest = self.element.get("max_length").and_then(Value::as_u64).unwrap_or(3000);
        let shortest = self.element.get("min_length").and_then(Value::as_u64);
        let name = &self.name;
        let typed = |kind: &str, initial: &str| {
            html! {
                input type=(kind) id=(name) name=(name) value=(self.words(string(self.element, initial)))
                    required[!self.optional] placeholder=[placeholder] autocomplete="off";
            }
        };
        match self.kind() {
            "static_select" => self.select(surface, &options(self.element)),
            "users_select" => self.select(surface, self.form.people),
            "datepicker" => typed("date", "/initial_date"),
            "timepicker" => typed("time", "/initial_time"),
            "number_input" => typed("number", "/initial_value"),
            "email_text_input" => typed("email", "/initial_value"),
            "url_text_input" => typed("url", "/initial_value"),
            "plain_text_input" if self.element.get("multiline") == Some(&Value::Bool(true)) => {
                html! {
                    textarea id=(name) name=(name) rows="4" required[!self.optional] placeholder=[placeholder]
                        minlength=[shortest] maxlength=(longest) {
                        "\n" (self.words(string(self.element, "/initial_value")))
                    }
                }
            }
            _ => html! {
                input type="text" id=(name) name=(name) required[!self.optional] placeholder=[placeholder]
                    minlength=[shortest] maxlength=(longest) autocomplete="off"
                    value=(self.words(string(self.element, "/initial_value")));
            },
        }
    }

    fn select(&self, surface: Surface<'_>, options: &[(String, String)]) -> Markup {
        let nothing = !options.iter().any(|(value, _)| self.is_chosen(value));
        html! {
            select id=(self.name) name=(self.name) required[!self.optional] {
                @if nothing || self.optional {
                    option value="" selected[nothing] { ((surface.say)("page.choose")) }
                }
                @for (value, label) in options {
                    option value=(value) selected[self.is_chosen(value)] { (label) }
                }
            }
        }
    }

    fn choices(&self, surface: Surface<'_>) -> Markup {
        let one = self.kind() == "radio_buttons";
        let options = if self.kind() == "multi_users_select" {
            self.form.people.to_vec()
        } else {
            options(self.element)
        };
        let described = |value: &str| {
            let found = list(self.element, "options").iter().find(|o| string(o, "/value") == value);
            found.map(|o| string(o, "/description/text")).unwrap_or_default().to_owned()
        };
        html! {
            div.choices {
                @for (value, label) in &options {
                    label.choice {
                        input type=(if one { "radio" } else { "checkbox" }) name=(self.name) value=(value)
                            checked[self.is_chosen(value)] required[one && !self.optional];
                        span {
                            (mrkdwn::line(label, surface.names))
                            @let more = described(value);
                            @if !more.is_empty() { br; span.hint { (mrkdwn::line(&more, surface.names)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Value and label of each option, those in groups included.
fn options(element: &Value) -> Vec<(String, String)> {
    let grouped = list(element, "option_groups").iter().flat_map(|group| list(group, "options"));
    let all = list(element, "options").iter().chain(grouped);
    all.map(|o| (string(o, "/value").to_owned(), string(o, "/text/text").to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn drawn(view: &Value, sent: &[(String, String)], errors: &[(String, String)]) -> String {
        let surface = Surface {
            base: "/run/R1",
            token: "t0k",
            names: &|_| None,
            say: &|key| key.to_owned(),
            read_only: false,
        };
        let people = [("U1".to_owned(), "mia".to_owned()), ("U2".to_owned(), "leo".to_owned())];
        render(surface, Form { view, people: &people, sent, errors, back: "/run/R1" }).into_string()
    }

    fn with(element: &Value) -> Value {
        json!({"callback_id": "skip", "private_metadata": "m<e>ta", "title": {"text": "Skip"}, "blocks": [
            {"type": "input", "block_id": "why", "label": {"text": "Reason"}, "element": element}]})
    }

    #[test]
    fn hidden_fields_carry_the_view_back() {
        let html =
            drawn(&with(&json!({"type": "plain_text_input", "action_id": "text"})), &[], &[]);
        assert!(html.contains("action=\"/run/R1/submit\""));
        assert!(html.contains("name=\"callback_id\" value=\"skip\""));
        assert!(html.contains("name=\"private_metadata\" value=\"m&lt;e&gt;ta\""));
        assert!(html.contains("name=\"why.text\" required"), "{html}");
    }

    #[test]
    fn a_refused_form_keeps_what_was_written_and_says_what_is_wrong() {
        let view =
            with(&json!({"type": "plain_text_input", "action_id": "text", "multiline": true}));
        let sent = [("why.text".to_owned(), "too</textarea>short".to_owned())];
        let html = drawn(&view, &sent, &[("why".to_owned(), "longer".to_owned())]);
        assert!(html.contains("too&lt;/textarea&gt;short</textarea>"));
        assert!(html.contains("longer</p>"));
    }

    #[test]
    fn choices_are_native_and_repeat_their_name() {
        let options =
            json!([{"value": "a", "text": {"text": "A"}}, {"value": "b", "text": {"text": "B"}}]);
        let radio = drawn(
            &with(&json!({"type": "radio_buttons", "action_id": "x", "options": options,
                "initial_option": {"value": "b"}})),
            &[],
            &[],
        );
        assert!(radio.contains("type=\"radio\" name=\"why.x\" value=\"b\" checked"));
        let users = drawn(
            &with(
                &json!({"type": "multi_users_select", "action_id": "x", "initial_users": ["U2"]}),
            ),
            &[],
            &[],
        );
        assert!(users.contains("type=\"checkbox\" name=\"why.x\" value=\"U2\" checked"));
        let select = drawn(
            &with(&json!({"type": "static_select", "action_id": "x", "options": options})),
            &[],
            &[],
        );
        assert!(select.contains("<option value=\"\" selected>page.choose</option>"));
    }

    proptest! {
        #[test]
        fn no_view_panics_or_writes_a_script(kind in "plain_text_input|static_select|checkboxes|radio_buttons|date.?",
            word in "<script>|\"><script|.{0,20}") {
            let html = drawn(&with(&json!({"type": kind, "action_id": word, "initial_value": word,
                "placeholder": {"text": word}, "options": [{"value": word, "text": {"text": word}}, word],
                "initial_options": word})), &[], &[(word.clone(), word.clone())]);
            prop_assert!(!html.to_lowercase().contains("<script"));
        }
    }
}
