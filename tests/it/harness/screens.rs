//! Screenshots of pages, taken by Debian's Chromium into `tests/output` (never committed) to be looked at.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::tools;

/// The colours a reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// One picture.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    /// The page.
    pub(crate) url: String,
    /// `start-phone.png`, in `tests/output`.
    pub(crate) file: String,
    /// The window: 1280x800 for a desk, 390x844 for a phone.
    pub(crate) size: (u32, u32),
    /// The colours.
    pub(crate) scheme: Scheme,
    /// Whether the whole page is shown, and not only what the window shows of it.
    pub(crate) whole: bool,
    /// What to do first, in order: `{click: SELECTOR}`, `{fill: [SELECTOR, TEXT]}`, `{select: [SELECTOR, VALUE]}`,
    /// `{press: KEY}`, `{wait: SELECTOR}`, `{waitText: TEXT}`. Each waits for its element, at most 15 s.
    pub(crate) actions: Vec<Value>,
}

/// Takes the pictures, each with a fresh page, and returns their paths. A script error
/// fails it, and so does a page that must be scrolled sideways.
pub(crate) fn screens(shots: &[Shot]) -> Vec<PathBuf> {
    let output = tools::repository().join("tests/output");
    fs::create_dir_all(&output).expect("a folder");
    let list: Vec<Value> = shots
        .iter()
        .map(|shot| {
            let scheme = match shot.scheme {
                Scheme::Light => "light",
                Scheme::Dark => "dark",
            };
            json!({
                "url": shot.url, "file": output.join(&shot.file), "width": shot.size.0,
                "height": shot.size.1, "colorScheme": scheme, "fullPage": shot.whole, "actions": shot.actions,
            })
        })
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("shots.json");
    fs::write(&file, json!(list).to_string()).expect("it can be written");
    let ran = Command::new(tools::debian("node"))
        .arg(tools::repository().join("tests/screens/shoot.mjs"))
        .args([tools::npm(), tools::debian("chromium"), file])
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "the pictures were not taken:\n{said}");
    shots.iter().map(|shot| output.join(&shot.file)).collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Html;
    use axum::routing::get;

    use super::*;

    const PAGE: &str = "<!doctype html><meta name=viewport content='width=device-width'>\
        <style>body{background:#fff}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}</style>\
        <button onclick=\"document.body.append('the run is open')\">Start</button>";

    #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
    #[tokio::test]
    async fn chromium_shows_a_page_at_the_size_of_a_phone_after_a_click() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let page = Router::new().route("/", get(|| async { Html(PAGE) }));
        drop(tokio::spawn(async move { axum::serve(listener, page).await }));
        let shot = |file: &str, size, scheme, actions| Shot {
            url: url.clone(),
            file: file.into(),
            size,
            scheme,
            whole: false,
            actions,
        };
        let click = vec![json!({ "click": "button" }), json!({ "waitText": "the run is open" })];
        let shots = [
            shot("testbed-desk.png", (1280, 800), Scheme::Light, vec![]),
            shot("testbed-phone.png", (390, 844), Scheme::Dark, click),
        ];
        let files = tokio::task::spawn_blocking(move || screens(&shots)).await.unwrap();
        let width = |file: &PathBuf| {
            let png = fs::read(file).unwrap();
            assert_eq!(&png[1..4], b"PNG");
            u32::from_be_bytes(png[16..20].try_into().unwrap())
        };
        assert_eq!(files.iter().map(width).collect::<Vec<_>>(), [1280, 390]);
    }
}
