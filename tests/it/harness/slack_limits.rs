//! Slack's limits on Block Kit, as Slack answers them (docs.slack.dev/reference/block-kit).

use std::collections::HashSet;

use serde_json::Value;

/// Where blocks are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// At most 50 blocks.
    Message,
    /// At most 100 blocks.
    View,
}

/// Everything Slack would refuse, each with its JSON pointer. Empty: accepted.
pub(crate) fn violations(blocks: &[Value], surface: Surface) -> Vec<String> {
    let mut found = Vec::new();
    let most = match surface {
        Surface::Message => 50,
        Surface::View => 100,
    };
    if blocks.len() > most {
        found.push(format!("no more than {most} items allowed [json-pointer:/blocks]"));
    }
    let mut block_ids = HashSet::new();
    for (index, block) in blocks.iter().enumerate() {
        let at = format!("/blocks/{index}");
        if let Some(id) = block["block_id"].as_str() {
            limit(&mut found, &format!("{at}/block_id"), id, 255);
            if !block_ids.insert(id) {
                found.push(format!("block_id `{id}` already exists [json-pointer:{at}/block_id]"));
            }
        }
        check_block(&mut found, &at, block);
    }
    found
}

fn limit(found: &mut Vec<String>, at: &str, text: &str, most: usize) {
    if text.chars().count() > most {
        found.push(format!("must be less than {} characters [json-pointer:{at}]", most + 1));
    }
}

fn text(found: &mut Vec<String>, at: &str, object: &Value, most: usize) {
    match object["text"].as_str() {
        None => found.push(format!("missing required field: text [json-pointer:{at}]")),
        Some("") => found.push(format!("must be more than 0 characters [json-pointer:{at}/text]")),
        Some(words) => limit(found, &format!("{at}/text"), words, most),
    }
}

fn plain(found: &mut Vec<String>, at: &str, object: &Value, most: usize) {
    if object["type"] != "plain_text" {
        found.push(format!("must be plain_text [json-pointer:{at}/type]"));
    }
    text(found, at, object, most);
}

fn check_block(found: &mut Vec<String>, at: &str, block: &Value) {
    match block["type"].as_str().unwrap_or_default() {
        "section" => section(found, at, block),
        "header" => plain(found, &format!("{at}/text"), &block["text"], 150),
        "actions" => elements(found, at, block, 25),
        "context" => elements(found, at, block, 10),
        "input" => {
            plain(found, &format!("{at}/label"), &block["label"], 2000);
            element(found, &format!("{at}/element"), &block["element"]);
        }
        "markdown" => match block["text"].as_str() {
            None => found.push(format!("missing required field: text [json-pointer:{at}]")),
            Some(words) => limit(found, &format!("{at}/text"), words, 12_000),
        },
        "divider" | "image" | "rich_text" | "table" | "video" | "file" => {}
        other => found.push(format!("unsupported type: {other} [json-pointer:{at}/type]")),
    }
}

fn section(found: &mut Vec<String>, at: &str, block: &Value) {
    let fields = block["fields"].as_array();
    if block.get("text").is_none() && fields.is_none() {
        found.push(format!("missing required field: text or fields [json-pointer:{at}]"));
    }
    if let Some(object) = block.get("text") {
        text(found, &format!("{at}/text"), object, 3000);
    }
    let fields = fields.map(Vec::as_slice).unwrap_or_default();
    if fields.len() > 10 {
        found.push(format!("no more than 10 items allowed [json-pointer:{at}/fields]"));
    }
    for (index, field) in fields.iter().enumerate() {
        text(found, &format!("{at}/fields/{index}"), field, 2000);
    }
    if let Some(accessory) = block.get("accessory") {
        element(found, &format!("{at}/accessory"), accessory);
    }
}

fn elements(found: &mut Vec<String>, at: &str, block: &Value, most: usize) {
    let elements = block["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
    if elements.is_empty() {
        found.push(format!("must have at least 1 item [json-pointer:{at}/elements]"));
    }
    if elements.len() > most {
        found.push(format!("no more than {most} items allowed [json-pointer:{at}/elements]"));
    }
    let mut action_ids = HashSet::new();
    for (index, one) in elements.iter().enumerate() {
        let at = format!("{at}/elements/{index}");
        element(found, &at, one);
        if let Some(id) = one["action_id"].as_str().filter(|id| !action_ids.insert(*id)) {
            found.push(format!("action_id `{id}` already exists [json-pointer:{at}/action_id]"));
        }
    }
}

fn element(found: &mut Vec<String>, at: &str, element: &Value) {
    if let Some(id) = element["action_id"].as_str() {
        limit(found, &format!("{at}/action_id"), id, 255);
    }
    match element["type"].as_str().unwrap_or_default() {
        "button" => button(found, at, element),
        "static_select" | "multi_static_select" => options(found, at, element, 100),
        "overflow" => options(found, at, element, 5),
        "radio_buttons" | "checkboxes" => options(found, at, element, 10),
        "mrkdwn" | "plain_text" => text(found, at, element, 3000),
        _ => {}
    }
    if let Some(confirm) = element.get("confirm") {
        let at = format!("{at}/confirm");
        plain(found, &format!("{at}/title"), &confirm["title"], 100);
        text(found, &format!("{at}/text"), &confirm["text"], 300);
        plain(found, &format!("{at}/confirm"), &confirm["confirm"], 30);
        plain(found, &format!("{at}/deny"), &confirm["deny"], 30);
    }
}

fn button(found: &mut Vec<String>, at: &str, button: &Value) {
    plain(found, &format!("{at}/text"), &button["text"], 75);
    limit(found, &format!("{at}/value"), button["value"].as_str().unwrap_or_default(), 2000);
    limit(found, &format!("{at}/url"), button["url"].as_str().unwrap_or_default(), 3000);
    if !matches!(button["style"].as_str(), None | Some("primary" | "danger")) {
        found.push(format!("must be primary or danger [json-pointer:{at}/style]"));
    }
}

fn options(found: &mut Vec<String>, at: &str, element: &Value, most: usize) {
    let options = element["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    if options.is_empty() || options.len() > most {
        found.push(format!("must have 1 to {most} items [json-pointer:{at}/options]"));
    }
    for (index, option) in options.iter().enumerate() {
        let at = format!("{at}/options/{index}");
        text(found, &format!("{at}/text"), &option["text"], 75);
        limit(found, &format!("{at}/value"), option["value"].as_str().unwrap_or_default(), 150);
    }
}
