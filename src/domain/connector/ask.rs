//! What is taken out of an answer: JMESPath, the query language of the AWS tools, which is total and reads nothing but
//! what it is given.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Fact;

/// Longest expression, in characters.
const LONGEST: usize = 500;

/// Why a text is not an expression.
pub(super) fn fault(expression: &str) -> Option<String> {
    if expression.chars().count() > LONGEST {
        return Some(format!("the expression is longer than {LONGEST} characters"));
    }
    let error = jmespath::compile(expression).err()?;
    Some(format!("this is not JMESPath: {}", error.reason))
}

/// What the expression finds; nothing if that is null, or the expression cannot be evaluated here.
pub fn find(expression: &str, answer: &Value) -> Option<Value> {
    let found = jmespath::compile(expression).ok()?.search(answer).ok()?;
    let value = serde_json::to_value(&*found).ok()?;
    (!value.is_null()).then_some(value)
}

/// Whether the expression holds; nothing if it is neither true nor false.
pub fn holds(expression: &str, answer: &Value) -> Option<bool> {
    find(expression, answer)?.as_bool()
}

/// The facts of an answer; what is not there is left out.
pub fn facts(wanted: &BTreeMap<String, Fact>, answer: &Value) -> Map<String, Value> {
    let found = |(name, fact): (&String, &Fact)| Some((name.clone(), find(&fact.from, answer)?));
    wanted.iter().filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_nothing_and_what_is_neither_true_nor_false_tells_nothing() {
        let answer = json!({"status": 200, "body": {"state": "active", "runs": [{"id": 7}, {"id": 8}], "nil": null}});
        assert_eq!(find("body.state", &answer), Some(json!("active")));
        assert_eq!(find("length(body.runs)", &answer), Some(json!(2)));
        assert_eq!(find("body.runs[].id", &answer), Some(json!([7, 8])));
        for nothing in ["body.gone", "body.nil", "length(body.gone)", "body.[", "unknown(body)"] {
            assert_eq!(find(nothing, &answer), None, "{nothing}");
        }
        assert_eq!(holds("body.state == 'active'", &answer), Some(true));
        assert_eq!(holds("body.gone == 'active'", &answer), Some(false));
        assert_eq!(holds("body.state", &answer), None);
        assert!(fault("body.state").is_none());
        assert!(fault("body.[").is_some_and(|why| why.contains("JMESPath")));
        assert!(fault(&"a".repeat(501)).is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(expression in "[a-z.\\[\\]|&!'`(){}*?@,:0-9 -]{0,40}") {
            find(&expression, &json!({"a": [1, {"b": "x"}]}));
            fault(&expression);
        }
    }
}
