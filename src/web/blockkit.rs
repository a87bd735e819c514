//! Block Kit as HTML: the same messages and the same buttons as in chat.
//!
//! Reads any JSON: what it does not know it shows by its text, and what has no text it leaves out. A button is a
//! plain form, so that it works without a script; one that asks back unfolds the question beneath itself, and the
//! place where it was then says "no". Dangerous buttons stand apart, after all others, whatever order they came in.

use std::fmt;

use maud::{Markup, html};
use serde_json::Value;

use crate::web::{Names, Say, mrkdwn};

/// Buttons whose `action_id` begins so open a form first (in chat: a modal).
pub const ASK: &str = "ask-";

/// Blocks, fields or elements beyond this number in one list are not drawn.
const MOST: usize = 100;

/// Where blocks are drawn, and with whose words.
#[derive(Clone, Copy)]
pub struct Surface<'a> {
    /// Address of the run without a slash at its end, such as `/run/OPS-DR-2026-11-20`.
    pub base: &'a str,
    /// Token against forged forms; goes back in the hidden field `token`.
    pub token: &'a str,
    /// Names of people.
    pub names: Names<'a>,
    /// Words of the page itself.
    pub say: Say<'a>,
    /// Leaves every button out: closed runs, and blocks that stand inside a form.
    pub read_only: bool,
}

impl fmt::Debug for Surface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface")
            .field("base", &self.base)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

/// Renders the blocks of one message.
#[must_use]
pub fn blocks(surface: Surface<'_>, blocks: &[Value]) -> Markup {
    html! { @for one in blocks.iter().take(MOST) { (block(surface, one)) } }
}

/// The first words of a message: its header, else its first line of text. Empty when it has none.
#[must_use]
pub fn first_words(blocks: &[Value]) -> String {
    let text = blocks.iter().map(|b| string(b, "/text/text")).find(|t| !t.trim().is_empty());
    text.and_then(|t| t.lines().next()).map(mrkdwn::words).unwrap_or_default()
}

fn block(surface: Surface<'_>, block: &Value) -> Markup {
    match string(block, "/type") {
        "header" => html! { h3 { (text(surface, block.get("text"))) } },
        "divider" => html! { hr; },
        "section" => section(surface, block),
        "context" => html! {
            div.context {
                @for element in list(block, "elements") { p { (text(surface, Some(element))) } }
            }
        },
        "actions" => actions(surface, list(block, "elements")),
        "rich_text" => html! { div.rich { (rich(surface, list(block, "elements"))) } },
        "image" => html! { p.context { (string(block, "/alt_text")) } },
        _ => fallback(surface, block),
    }
}

fn section(surface: Surface<'_>, block: &Value) -> Markup {
    let fields = list(block, "fields");
    let accessory = block.get("accessory");
    html! {
        div.section {
            div.said {
                @if let Some(said) = block.get("text") { div.text { (text(surface, Some(said))) } }
                @if !fields.is_empty() {
                    div.fields {
                        @for field in fields { div.field { (text(surface, Some(field))) } }
                    }
                }
            }
            @if let Some(accessory) = accessory { (actions(surface, std::slice::from_ref(accessory))) }
        }
    }
}

/// Text of an unknown block or element, however it is wrapped.
fn fallback(surface: Surface<'_>, value: &Value) -> Markup {
    let found = [value.get("text"), value.get("fallback"), value.get("alt_text")];
    html! {
        @if let Some(found) = found.into_iter().flatten().next() {
            p { (text(surface, Some(found))) }
        }
    }
}

/// A text object, a bare string, or an element of a context.
fn text(surface: Surface<'_>, value: Option<&Value>) -> Markup {
    match value {
        Some(Value::String(words)) => mrkdwn::render(words, surface.names),
        Some(object) => {
            let words = string(object, "/text");
            match string(object, "/type") {
                "plain_text" => mrkdwn::plain(words),
                "image" => html! { (string(object, "/alt_text")) },
                _ => mrkdwn::render(words, surface.names),
            }
        }
        None => html! {},
    }
}

fn actions(surface: Surface<'_>, elements: &[Value]) -> Markup {
    if surface.read_only {
        return html! {};
    }
    let buttons = || elements.iter().filter(|e| string(e, "/type") == "button");
    let others = elements.iter().filter(|e| string(e, "/type") != "button");
    let calm = || buttons().filter(|b| !is_dangerous(b));
    let grave = || buttons().filter(|b| is_dangerous(b));
    html! {
        @for other in others { (fallback(surface, other)) }
        @if buttons().next().is_some() {
            div.actions {
                @for one in calm() { (button(surface, one)) }
                @if grave().next().is_some() {
                    div.grave { @for one in grave() { (button(surface, one)) } }
                }
            }
        }
    }
}

fn is_dangerous(button: &Value) -> bool {
    string(button, "/style") == "danger"
}

fn button(surface: Surface<'_>, button: &Value) -> Markup {
    let label = mrkdwn::plain(string(button, "/text/text"));
    let action = string(button, "/action_id");
    let value = string(button, "/value");
    let url = string(button, "/url");
    let spoken = button.pointer("/accessibility_label").and_then(Value::as_str);
    let class = match string(button, "/style") {
        "primary" => "button primary",
        "danger" => "button danger",
        _ => "button",
    };
    if !url.is_empty() {
        return html! {
            @if mrkdwn::is_web_address(url) || is_own_path(url) {
                a class=(class) href=(url) rel="noopener noreferrer" aria-label=[spoken] { (label) }
            }
        };
    }
    if action.starts_with(ASK) {
        let href = ask_address(surface.base, action, value);
        return html! { a class=(class) href=(href) aria-label=[spoken] { (label) } };
    }
    if let Some(confirm) = button.get("confirm").filter(|c| c.is_object()) {
        return confirmed(surface, confirm, &label, class, (action, value));
    }
    html! {
        form method="post" action={ (surface.base) "/act" } {
            (hidden(surface, action, value))
            button type="submit" class=(class) aria-label=[spoken] { (label) }
        }
    }
}

/// A button that asks back. Opened, it shows the question below itself and turns into "no".
fn confirmed(
    surface: Surface<'_>,
    confirm: &Value,
    label: &Markup,
    class: &str,
    (action, value): (&str, &str),
) -> Markup {
    let yes = confirm.pointer("/confirm/text").and_then(Value::as_str);
    let no = confirm.pointer("/deny/text").and_then(Value::as_str);
    let grave = string(confirm, "/style") == "danger" || class.ends_with("danger");
    let yes_class = if grave { "button danger" } else { "button primary" };
    html! {
        details.confirm data-key={ "confirm " (action) " " (value) } {
            summary class=(class) {
                span.when-shut { (label) }
                span.when-open {
                    @if let Some(no) = no { (mrkdwn::plain(no)) } @else { ((surface.say)("page.cancel")) }
                }
            }
            div.question {
                p.asked { strong { (text(surface, confirm.get("title"))) } }
                div.text { (text(surface, confirm.get("text"))) }
                form method="post" action={ (surface.base) "/act" } {
                    (hidden(surface, action, value))
                    button type="submit" class=(yes_class) {
                        @if let Some(yes) = yes { (mrkdwn::plain(yes)) } @else { (label) }
                    }
                }
            }
        }
    }
}

fn hidden(surface: Surface<'_>, action: &str, value: &str) -> Markup {
    html! {
        input type="hidden" name="token" value=(surface.token);
        input type="hidden" name="action" value=(action);
        input type="hidden" name="value" value=(value);
    }
}

/// Where the form page of an asking button is.
#[must_use]
pub fn ask_address(base: &str, action: &str, value: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("action", action)
        .append_pair("value", value)
        .finish();
    format!("{base}/ask?{query}")
}

/// A path on this server: one slash, not two (which would name another host).
fn is_own_path(url: &str) -> bool {
    url.starts_with('/') && !url.starts_with("//") && !url.contains('\\')
}

/// The elements of a `rich_text` block, one level of lists and quotes, text with its style.
fn rich(surface: Surface<'_>, elements: &[Value]) -> Markup {
    html! {
        @for element in elements {
            @match string(element, "/type") {
                "rich_text_section" => { p { (rich_line(surface, element)) } }
                "rich_text_quote" => { blockquote { (rich_line(surface, element)) } }
                "rich_text_preformatted" => { pre { (rich_line(surface, element)) } }
                "rich_text_list" => {
                    ul { @for item in list(element, "elements") { li { (rich_line(surface, item)) } } }
                }
                _ => (fallback(surface, element)),
            }
        }
    }
}

fn rich_line(surface: Surface<'_>, line: &Value) -> Markup {
    html! {
        @for part in list(line, "elements") {
            @let words = string(part, "/text");
            @match string(part, "/type") {
                "link" => {
                    @let url = string(part, "/url");
                    @let label = if words.is_empty() { url } else { words };
                    @if mrkdwn::is_web_address(url) { a href=(url) rel="noopener noreferrer" { (label) } }
                    @else { (label) }
                }
                "user" => {
                    @let id = string(part, "/user_id");
                    span.who { "@" ((surface.names)(id).unwrap_or_else(|| id.to_owned())) }
                }
                "emoji" => (mrkdwn::plain(&format!(":{}:", string(part, "/name")))),
                "date" => time { (string(part, "/fallback")) },
                _ => {
                    @if part.pointer("/style/code") == Some(&Value::Bool(true)) { code { (words) } }
                    @else if part.pointer("/style/bold") == Some(&Value::Bool(true)) { strong { (words) } }
                    @else if part.pointer("/style/italic") == Some(&Value::Bool(true)) { em { (words) } }
                    @else if part.pointer("/style/strike") == Some(&Value::Bool(true)) { s { (words) } }
                    @else { (words) }
                }
            }
        }
    }
}

/// The string at a JSON pointer, or nothing.
pub(super) fn string<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list under a name, or nothing; never longer than is drawn.
pub(super) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let all = value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.get(..MOST).unwrap_or(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn drawn(values: &[Value]) -> String {
        let surface = Surface {
            base: "/run/R1",
            token: "t0k",
            names: &|id| (id == "U1").then(|| "mia".to_owned()),
            say: &|key| key.to_owned(),
            read_only: false,
        };
        blocks(surface, values).into_string()
    }

    fn one_button(extra: &Value) -> String {
        let mut button = json!({"type": "button", "text": {"type": "plain_text", "text": "Go"},
            "action_id": "approve", "value": "s1|7f3a"});
        for (key, value) in extra.as_object().unwrap() {
            button[key] = value.clone();
        }
        drawn(&[json!({"type": "actions", "elements": [button]})])
    }

    #[test]
    fn a_button_is_a_form_that_posts_its_action_and_value() {
        let html = one_button(&json!({"style": "primary"}));
        insta::assert_snapshot!(html, @r#"<div class="actions"><form method="post" action="/run/R1/act"><input type="hidden" name="token" value="t0k"><input type="hidden" name="action" value="approve"><input type="hidden" name="value" value="s1|7f3a"><button type="submit" class="button primary">Go</button></form></div>"#);
    }

    #[test]
    fn a_button_with_a_question_posts_only_from_below_the_question() {
        let html = one_button(
            &json!({"confirm": {"title": {"type": "plain_text", "text": "Sure?"},
            "text": {"type": "mrkdwn", "text": "*no* undo"}, "confirm": {"type": "plain_text", "text": "Yes"},
            "deny": {"type": "plain_text", "text": "No"}}}),
        );
        let (before, after) = html.split_once("</summary>").unwrap();
        assert!(!before.contains("<form"));
        assert!(before.contains("<span class=\"when-open\">No</span>"));
        assert!(after.contains("<strong>no</strong> undo"));
        assert!(after.contains("<button type=\"submit\" class=\"button primary\">Yes</button>"));
    }

    #[test]
    fn an_asking_button_and_an_address_are_links() {
        let html = one_button(&json!({"action_id": "ask-skip", "value": "a&b"}));
        assert!(html.contains("href=\"/run/R1/ask?action=ask-skip&amp;value=a%26b\""), "{html}");
        assert!(
            one_button(&json!({"url": "https://a.example"})).contains("href=\"https://a.example\"")
        );
        assert!(one_button(&json!({"url": "/run/R1"})).contains("href=\"/run/R1\""));
        assert!(!one_button(&json!({"url": "javascript:alert(1)"})).contains("href"));
        assert!(!one_button(&json!({"url": "//evil.example"})).contains("href"));
    }

    #[test]
    fn dangerous_buttons_stand_after_all_others() {
        let button = |id: &str, style: &str| {
            json!({"type": "button", "action_id": id, "style": style,
                "text": {"type": "plain_text", "text": id}})
        };
        let html = drawn(&[json!({"type": "actions",
            "elements": [button("wipe", "danger"), button("look", "primary"), button("note", "")]})]);
        let at = |word: &str| html.find(&format!(">{word}<")).unwrap();
        assert!(at("look") < at("note") && at("note") < at("wipe"));
        assert!(html.find("class=\"grave\"").unwrap() < at("wipe"));
    }

    #[test]
    fn unknown_blocks_show_their_text() {
        assert!(
            drawn(&[json!({"type": "hologram", "text": {"type": "mrkdwn", "text": "*seen*"}})])
                .contains("<strong>seen</strong>")
        );
        assert!(drawn(&[json!({"type": "hologram", "text": "bare"})]).contains("bare"));
        assert_eq!(drawn(&[json!(null), json!(3), json!({"type": []})]), "");
    }

    #[test]
    fn first_words_are_the_header_without_marks() {
        let said = [
            json!({"type": "section", "text": {"type": "mrkdwn", "text": "*Promote* Aurora\nmore"}}),
        ];
        assert_eq!(first_words(&said), "Promote Aurora");
        assert_eq!(first_words(&[]), "");
    }

    /// Words that appear in Block Kit, and words that attack it.
    fn word() -> impl Strategy<Value = String> {
        let known = prop::sample::select(vec![
            "type",
            "text",
            "fields",
            "elements",
            "accessory",
            "confirm",
            "title",
            "deny",
            "style",
            "value",
            "url",
            "action_id",
            "header",
            "section",
            "context",
            "divider",
            "actions",
            "button",
            "mrkdwn",
            "plain_text",
            "danger",
            "ask-x",
            "rich_text",
            "rich_text_section",
            "rich_text_list",
            "link",
            "user",
            "user_id",
            "code",
            "<script>alert(1)</script>",
            "\"><script",
            "<https://x|<script>>",
            "javascript:alert(1)",
            "`<script`",
        ]);
        prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,12}"]
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            word().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((word(), inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// Well-formed buttons and sections around hostile words: what arbitrary JSON seldom hits.
    fn near_block() -> impl Strategy<Value = Value> {
        (word(), word(), word(), any_json()).prop_map(|(a, b, c, any)| {
            json!({"type": "section", "text": {"type": "mrkdwn", "text": a}, "fields": [any, {"text": b}],
                "accessory": {"type": "button", "text": {"text": c}, "action_id": a, "value": b, "url": any,
                    "confirm": {"title": {"text": a}, "text": {"text": b}, "confirm": {"text": c}}}})
        })
    }

    proptest! {
        #[test]
        fn no_json_panics_or_writes_a_script(values in prop::collection::vec(prop_oneof![any_json(), near_block()], 0..4)) {
            let html = drawn(&values).to_lowercase();
            prop_assert!(!html.contains("<script"), "{html}");
            prop_assert!(!html.contains("href=\"javascript"), "{html}");
        }
    }
}
