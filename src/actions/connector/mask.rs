//! Takes secrets out of what another system said: some give back what they were sent.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// What stands in its place.
const GONE: &str = "[hidden]";
/// Shorter ones are in every word.
const SHORTEST: usize = 4;

/// `text` without any of the secrets.
pub(super) fn text(text: &str, secrets: &[SecretString]) -> String {
    let hidden = secrets.iter().map(ExposeSecret::expose_secret);
    hidden
        .filter(|secret| secret.len() >= SHORTEST)
        .fold(text.to_owned(), |text, secret| text.replace(secret, GONE))
}

/// `value` without any of the secrets, in keys and in values.
pub(super) fn value(value: &Value, secrets: &[SecretString]) -> Value {
    match value {
        Value::String(one) => text(one, secrets).into(),
        Value::Array(items) => items.iter().map(|item| self::value(item, secrets)).collect(),
        Value::Object(all) => {
            let one =
                |(key, item): (&String, &Value)| (text(key, secrets), self::value(item, secrets));
            Value::Object(all.iter().map(one).collect::<Map<_, _>>())
        }
        // A secret may be nothing but digits.
        Value::Number(number) if text(&number.to_string(), secrets) == GONE => GONE.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_a_secret_stays_wherever_it_stands() {
        let secrets = [SecretString::from("hunter2-hunter2"), "12345678".to_owned().into()];
        let said = json!({"a": ["x hunter2-hunter2 y"], "hunter2-hunter2": 12_345_678, "n": 1, "ok": true});
        let left = value(&said, &secrets);
        assert_eq!(
            left,
            json!({"a": ["x [hidden] y"], "[hidden]": "[hidden]", "n": 1, "ok": true})
        );
        assert_eq!(
            text("abc", &["abc".to_owned().into()]),
            "abc",
            "three letters are in every word"
        );
    }
}
