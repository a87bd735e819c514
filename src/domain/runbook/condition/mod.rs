//! Conditions: CEL in three values. What is not known is not false and never true: an absent or null operand makes
//! the condition [`Verdict::Unknown`], unless the rest of it decides alone (`false && x`, `true || x`).
//!
//! Comprehensions (`exists`, `all`, `map` …) may not be nested: five hundred characters of nested ones could count to
//! ten to the tenth, and a guard is evaluated on the critical path.

mod names;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, LiteralValue};
use cel::parser::{Expression, PrattParser};
use cel::{Context, Env, ExecutionError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::environment::Environment;

pub use self::names::{Reference, References};
use self::names::{depth, nesting};

/// Longest condition, in characters.
pub const MAX_CONDITION: usize = 500;
/// Limits of the parser: the library's other parser, made by a generator, takes 130 KiB of stack per bracket.
const MAX_DEPTH: u16 = 32;
const MAX_NODES: usize = 400;
/// Deepest tree that is evaluated: in debug a level takes 35 KiB of stack, and a chain of `+` is as deep as it is long.
const MAX_TREE: usize = 24;
/// The names a condition may begin with.
pub const ROOTS: [&str; 5] = ["facts", "env", "regions", "steps", "run"];
/// The functions a condition may call, beside operators.
pub const FUNCTIONS: [&str; 13] = [
    "has",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "string",
    "int",
    "double",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
];

/// What a condition comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be said; here is what is unknown.
    Unknown(String),
}

/// What conditions can speak of. Absent values and nulls are unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// What the step's probe reported.
    pub facts: Value,
    /// The environment's document.
    pub env: Value,
    /// `{primary, dr}`.
    pub regions: Value,
    /// By step id: `{state, facts}`.
    pub steps: Value,
    /// `{id, kind}`.
    pub run: Value,
}

impl Scope {
    fn roots(&self) -> Roots<'_> {
        let [facts, env, regions, steps, run] = ROOTS;
        [
            (facts, &self.facts),
            (env, &self.env),
            (regions, &self.regions),
            (steps, &self.steps),
            (run, &self.run),
        ]
    }
}

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCondition(pub String);

/// Evaluates `source`. Total: whatever is wrong with it is unknown, with the reason.
pub fn evaluate(source: &str, scope: &Scope) -> Verdict {
    resolve(source, scope.roots())
}

/// Whether this environment alone says that the condition never holds: nothing that is measured or done could change it.
pub fn never(source: &str, environment: &Environment) -> bool {
    let regions = serde_json::json!(environment.regions);
    let [facts, env, of_regions, steps, run] = ROOTS;
    let nothing = &Value::Null;
    let roots = [
        (facts, nothing),
        (env, &environment.document),
        (of_regions, &regions),
        (steps, nothing),
        (run, nothing),
    ];
    resolve(source, roots) == Verdict::False
}

/// CEL's own functions: to gather them takes longer than to evaluate.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// The names a condition may begin with, and what each stands for.
type Roots<'a> = [(&'static str, &'a Value); 5];

fn resolve(source: &str, roots: Roots<'_>) -> Verdict {
    let program = match compile(source) {
        Ok(program) => program,
        Err(BadCondition(why)) => return Verdict::Unknown(why),
    };
    let read = References::of(&program);
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    for (name, value) in roots {
        // What was never measured stays undeclared: `!has(facts.x)` must not hold because there are no facts yet.
        if let Some(value) = declared(&read, name, value) {
            context.add_variable_from_value(name, value);
        }
    }
    match cel::Value::resolve(&program, &context) {
        Ok(cel::Value::Bool(true)) => Verdict::True,
        Ok(cel::Value::Bool(false)) => Verdict::False,
        Ok(_) => Verdict::Unknown(format!("`{source}` is neither true nor false")),
        Err(error) => Verdict::Unknown(unknown(&read, roots, &error)),
    }
}

/// What `source` reads and calls, or why it is not a condition.
pub fn references(source: &str) -> Result<References, BadCondition> {
    let program = compile(source)?;
    if !may_be_bool(&program.expr) {
        return Err(BadCondition("the condition is neither true nor false".to_owned()));
    }
    Ok(References::of(&program))
}

fn compile(source: &str) -> Result<Expression, BadCondition> {
    if source.chars().count() > MAX_CONDITION {
        return Err(BadCondition(format!(
            "the condition is longer than {MAX_CONDITION} characters"
        )));
    }
    let parser =
        PrattParser::new().max_recursion_depth(MAX_DEPTH).max_expression_node_count(MAX_NODES);
    let program = parser.parse(source).map_err(|errors| {
        let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
        BadCondition(format!("this is not CEL: {}", first.lines().next().unwrap_or("syntax error")))
    })?;
    if depth(&program) > MAX_TREE {
        return Err(BadCondition("the condition is nested too deeply".to_owned()));
    }
    if nesting(&program) > 1 {
        return Err(BadCondition(
            "`exists`, `all`, `map` and `filter` may not be nested".to_owned(),
        ));
    }
    Ok(program)
}

/// A root as the condition sees it: only the fields it reads, where it names them. An environment has hundreds, and
/// to hand them all over takes longer than to evaluate.
fn declared(read: &References, root: &str, value: &Value) -> Option<cel::Value> {
    let paths = read.values.iter().filter(|one| one.path.first().is_some_and(|it| it == root));
    let fields: Option<BTreeSet<&str>> =
        paths.map(|one| one.path.get(1).map(String::as_str)).collect();
    match (value, fields) {
        (Value::Object(map), Some(fields)) => {
            let read = fields.into_iter().filter_map(|key| map.get_key_value(key));
            Some(object(read))
        }
        (_, Some(fields)) if fields.is_empty() => None,
        (_, _) => known(value),
    }
}

fn object<'a>(entries: impl IntoIterator<Item = (&'a String, &'a Value)>) -> cel::Value {
    let known = entries.into_iter().filter_map(|(key, value)| Some((key.clone(), known(value)?)));
    cel::Value::Map(known.collect::<HashMap<String, cel::Value>>().into())
}

/// The value without its nulls; `None` if it is null, or a list that holds one (its other elements would move up).
fn known(value: &Value) -> Option<cel::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => cel::Value::Int(whole),
            (None, Some(float)) => cel::Value::Float(float),
            (None, None) => return None,
        },
        Value::String(text) => cel::Value::String(text.clone().into()),
        Value::Array(items) => {
            cel::Value::List(items.iter().map(known).collect::<Option<Vec<_>>>()?.into())
        }
        Value::Object(map) => object(map),
    })
}

/// Names the first value that is not there; the library's error only knows the last part of its name.
fn unknown(read: &References, roots: Roots<'_>, error: &ExecutionError) -> String {
    let missing = read.values.iter().filter(|one| !one.is_tested).find(|one| {
        let Some((root, rest)) = one.path.split_first() else { return false };
        let value = roots.into_iter().find(|(name, _)| name == root).map(|(_, value)| value);
        let leaf = rest.iter().try_fold(value.unwrap_or(&Value::Null), |value, key| value.get(key));
        leaf.is_none_or(|leaf| known(leaf).is_none())
    });
    match missing {
        Some(reference) => reference.path.join("."),
        None => error.to_string().chars().take(200).collect(),
    }
}

/// Whether the outermost operation can give true or false at all.
fn may_be_bool(expr: &Expr) -> bool {
    match expr {
        Expr::Unspecified | Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => false,
        Expr::Literal(literal) => matches!(literal, LiteralValue::Boolean(_)),
        Expr::Call(call) => !matches!(
            call.func_name.as_str(),
            "_+_" | "_-_" | "_*_" | "_/_" | "_%_" | "-_" | "size" | "string" | "int" | "double"
        ),
        Expr::Comprehension(_) | Expr::Ident(_) | Expr::Select(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope {
            facts: json!({"writer": "eu", "n": 3, "big": 1.5, "nil": null, "list": [1, null], "ok": true}),
            env: json!({"aurora": {"present": true}, "tags": ["a", "b"]}),
            regions: json!({"primary": "eu", "dr": "us"}),
            steps: json!({"fence-primary": {"state": "done", "facts": {"replicas": 0}}}),
            run: Value::Null,
        }
    }

    #[test]
    fn a_condition_is_true_false_or_unknown() {
        for source in [
            "facts.writer == regions.primary",
            "facts.n >= 3 && facts.n < 4",
            "facts.n == 3",
            "facts.big > 1.0",
            "env.aurora.present",
            "steps['fence-primary'].state in ['done', 'skipped']",
            "'a' in env.tags",
            "true || facts.gone == 1",
            "facts.gone == 1 || true",
            "!has(facts.gone)",
            "size(env.tags) == 2",
            "env.tags.exists(tag, tag == 'b')",
            "steps['fence-primary'].facts.replicas == 0",
            "!has(facts.nil)",
        ] {
            assert_eq!(evaluate(source, &scope()), Verdict::True, "{source}");
        }
        for source in [
            "facts.writer == regions.dr",
            "false && facts.gone",
            "facts.gone == 1 && false",
            "facts.n != 3",
        ] {
            assert_eq!(evaluate(source, &scope()), Verdict::False, "{source}");
        }
        for (source, what) in [
            ("facts.gone == 1", "facts.gone"),
            ("facts.nil == null", "facts.nil"),
            ("facts.nil != 'x'", "facts.nil"),
            ("size(facts.list) == 2", "facts.list"),
            ("!(facts.gone == 1)", "facts.gone"),
            ("facts.gone ? true : true", "facts.gone"),
            ("size(env.tags) == facts.gone", "facts.gone"),
            ("run.kind == 'incident'", "run.kind"),
            ("steps['other'].state != 'failed'", "steps.other.state"),
            ("facts.n + 1", "neither true nor false"),
            ("facts.n > 'x'", ""),
            ("facts.n == ", "not CEL"),
            ("[1].all(a, [1].all(b, true))", "nested"),
        ] {
            match evaluate(source, &scope()) {
                Verdict::Unknown(why) => assert!(why.contains(what), "{source}: {why}"),
                known @ (Verdict::True | Verdict::False) => panic!("{source}: {known:?}"),
            }
        }
        let nothing = evaluate("!has(facts.operation)", &Scope::default());
        assert!(matches!(nothing, Verdict::Unknown(_)), "{nothing:?}");
    }

    #[test]
    fn references_are_paths_functions_and_what_is_only_tested() {
        let found =
            references("has(facts.a.b) && steps['x'].facts[env.key].startsWith('y')").unwrap();
        let path = |segments: &[&str], is_tested, is_open| Reference {
            path: segments.iter().map(|&s| s.to_owned()).collect(),
            is_tested,
            is_open,
        };
        let values = [
            path(&["env", "key"], false, false),
            path(&["facts", "a", "b"], true, false),
            path(&["steps", "x", "facts"], false, true),
        ];
        assert_eq!(found.values, BTreeSet::from(values));
        assert_eq!(found.functions, BTreeSet::from(["startsWith".to_owned()]));
        assert_eq!(references("env.tags.all(t, t != '')").unwrap().values.len(), 1);
        assert!(
            references("'text'").is_err()
                && references("1 + 1").is_err()
                && references("").is_err()
        );
        assert!(references(&"!".repeat(501)).is_err());
        let sum = |parts: usize| format!("{} == 0", vec!["1"; parts].join("+"));
        assert!(references(&sum(20)).is_ok() && references(&sum(200)).is_err());
        let long = |length: usize| format!("{}true", " ".repeat(length - 4));
        assert!(references(&long(500)).is_ok() && references(&long(501)).is_err());
    }

    /// As if every root were handed over whole.
    fn whole(source: &str, scope: &Scope) -> Option<bool> {
        let program = compile(source).ok()?;
        let mut context = Context::default();
        let known =
            scope.roots().into_iter().filter_map(|(name, value)| Some((name, known(value)?)));
        known.for_each(|(name, value)| context.add_variable_from_value(name, value));
        match cel::Value::resolve(&program, &context) {
            Ok(cel::Value::Bool(flag)) => Some(flag),
            Ok(_) | Err(_) => None,
        }
    }

    fn flag(verdict: &Verdict) -> Option<bool> {
        match verdict {
            Verdict::True => Some(true),
            Verdict::False => Some(false),
            Verdict::Unknown(_) => None,
        }
    }

    #[test]
    fn it_comes_to_the_same_as_if_it_were_handed_everything() {
        for source in [
            "env.exists(key, key == 'tags')",
            "size(env) == 2 && 'aurora' in env",
            "steps.all(id, steps[id].state == 'done')",
            "has(env.tags) && size(facts) == 4",
            "env[facts.ok ? 'tags' : 'x'].exists(env, env == 'b') && facts['n'] == 3 && env['tags'] == ['a', 'b']",
        ] {
            let found = evaluate(source, &scope());
            assert_eq!(flag(&found), whole(source, &scope()), "{source}: {found:?}");
            assert_eq!(found, Verdict::True, "{source}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(source in "\\PC{0,60}") {
            evaluate(&source, &scope());
            references(&source).ok();
        }

        #[test]
        fn no_sequence_of_words_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
            "facts", "env", ".", "x", "n", "[", "]", "(", ")", "{", "}", "?", ":", "&&", "||", "!", "-", "==", "<", "in",
            "'a'", "1", "9223372036854775807", "1.5", "1u", "b'x'", "has", "all", "map", ",", "%", "/", "0", "size",
            "null", "int", "string", "+", "*", "\"", "\\", "r'", "'''", "list", "0x", "1e999", "dyn", "timestamp",
        ]), 0..40), glue in prop::sample::select(vec!["", " "])) {
            let source = words.join(glue);
            let found = evaluate(&source, &scope());
            prop_assert_eq!(flag(&found), whole(&source, &scope()), "{}", source);
            references(&source).ok();
        }

        #[test]
        fn no_repetition_makes_it_panic(word in prop::sample::select(vec![
            "!", "-", "(", "[", "{", "a.", "a[", "1+", "!(", "a?", "'", "f(", "{1:", "a&&", "a||", "a?a:", "[[", "-(-",
        ]), n in 1usize..260) {
            evaluate(&word.repeat(n), &scope());
            references(&format!("{}true", word.repeat(n))).ok();
        }
    }
}
