//! Forms: opened once by a trigger that is young enough, filled later.

use std::time::Duration;

use serde_json::{Value, json};

use super::Inner;
use super::methods::{blocks, refuse};
use crate::harness::slack_limits::Surface;

pub(super) fn view(inner: &mut Inner, arguments: &Value) -> Value {
    let trigger = arguments["trigger_id"].as_str().unwrap_or_default();
    match inner.triggers.remove(trigger) {
        None => return refuse("invalid_trigger_id"),
        Some(made) if made.elapsed() > Duration::from_secs(3) => {
            return refuse("expired_trigger_id");
        }
        Some(_) => {}
    }
    inner.next += 1;
    let id = format!("V{}", inner.next);
    let shown = shown(&id, arguments);
    if shown["ok"] == true {
        inner.views.insert(id);
    }
    shown
}

pub(super) fn refilled(inner: &mut Inner, arguments: &Value) -> Value {
    let id = arguments["view_id"].as_str().unwrap_or_default();
    if inner.views.contains(id) { shown(id, arguments) } else { refuse("not_found") }
}

fn shown(id: &str, arguments: &Value) -> Value {
    let mut view = arguments["view"].clone();
    let title = view["title"]["text"].as_str().unwrap_or_default().chars().count();
    if !(1..=24).contains(&title)
        || view["private_metadata"].as_str().unwrap_or_default().len() > 3000
    {
        return refuse("invalid_arguments");
    }
    if let Err(refused) = blocks(&view["blocks"], Surface::View) {
        return refused;
    }
    view["id"] = json!(id);
    view["state"] = json!({ "values": {} });
    json!({ "ok": true, "view": view })
}
