//! What is being written, told by the store that is watched, and the places inside of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::place;
use crate::domain::run::MessageKey;

/// What is being written, and what of it people wait for.
static WRITING: Mutex<(String, String)> = Mutex::new((String::new(), String::new()));

fn last() -> MutexGuard<'static, (String, String)> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what is being written from now on, and whether somebody waits for an answer after it.
pub fn writing(what: &str, is_asked: bool) {
    what.clone_into(&mut last().0);
    if is_asked {
        what.clone_into(&mut last().1);
    }
}

/// A place inside the transaction that was begun last: written, but not committed.
pub fn inside() {
    let what = last().0.clone();
    place(format_args!("in the transaction of {what}"));
}

/// A place between what was recorded last of what people asked and its acknowledgement.
pub async fn answering<R>(response: R) -> R {
    let what = last().1.clone();
    place(format_args!("before an answer, after {what}"));
    response
}

/// Names a message: the same in every run, so without numbers.
pub fn message(key: &MessageKey) -> String {
    match key {
        MessageKey::Run | MessageKey::Step(_) => key.to_string(),
        MessageKey::Notice(_) => "notice".to_owned(),
        MessageKey::Update(update) => format!("update/{}", update.audience),
        MessageKey::Draft(update) => format!("draft/{}", update.audience),
        MessageKey::Back(_) => "back".to_owned(),
        MessageKey::Details(_) => "details".to_owned(),
    }
}
