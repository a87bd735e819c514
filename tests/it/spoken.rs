//! Sentences stand in `prompts/`, where they are reviewed and said in every language, and not in the code. Every string
//! of the code that reads like one is found here, wherever it stands, but for what the table below names: texts for those
//! who run dr-buddy or write its documents, and what systems say.

use crate::tidy::{Source, code, nothing, sources};

/// Whose strings people in a room do not read, and why not. Every row must be needed.
const OTHERS: [(&str, &str); 33] = [
    ("src/actions/aws/", "operators: why an action touches nothing, beside the words of AWS"),
    ("src/actions/connections.rs", "operators: what is set wrongly"),
    ("src/actions/dns/", "operators: what is set wrongly"),
    ("src/actions/doctor/", "operators: why a check could not look, beside the words of systems"),
    ("src/actions/exec/", "operators: why a program is not run"),
    ("src/actions/http/", "operators: why an endpoint is not asked"),
    ("src/actions/keepers.rs", "operators: what is set wrongly"),
    (
        "src/actions/kube/",
        "operators: why an action touches nothing, beside the words of Kubernetes",
    ),
    ("src/actions/sql/", "databases: what they are asked"),
    ("src/actions/policy.rs", "operators: the policies to apply"),
    ("src/app.rs", "operators: why it does not start"),
    ("src/config/", "operators: what is set wrongly"),
    ("src/domain/alert/read.rs", "senders of alerts: what is not as documented"),
    ("src/hooks/", "senders of alerts, and operators: why nothing was taken"),
    ("src/main.rs", "operators: what is typed wrongly"),
    ("src/catalog/", "authors: what is wrong in a document"),
    ("src/cli/demo.rs", "operators: where the demo is"),
    ("src/cli/evidence.rs", "auditors: what is wrong with a bundle"),
    ("src/cli/runbook.rs", "authors: which runbooks there are"),
    ("src/cli/script.rs", "tests: how the demo ended"),
    ("src/cli/serve.rs", "operators: why it does not start"),
    ("src/domain/action/", "authors: the descriptions in the schema"),
    ("src/domain/connector/", "authors: what is wrong in a connector"),
    ("src/domain/environment/", "authors: what is wrong in an environment"),
    ("src/domain/ids.rs", "authors: what an id may be"),
    ("src/domain/run/log.rs", "auditors: where a record is broken"),
    ("src/domain/runbook/", "authors: what is wrong in a runbook"),
    ("src/domain/yaml/", "authors: what is wrong in a document"),
    ("src/slack/calls.rs", "operators: logs of calls"),
    ("src/slack/payload.rs", "operators: logs of what cannot be read"),
    ("src/slack/socket/", "operators: logs of connections"),
    ("src/store/", "operators: logs of the database"),
    ("src/web/door.rs", "operators: what health says"),
];

/// What is written to the log, or never at all.
const NOT_SAID: [&str; 13] = [
    "error!(",
    "warn!(",
    "info!(",
    "debug!(",
    "expect(",
    "#[error(",
    "#[expect(",
    "panic!(",
    "place(",
    "unreachable!(",
    "assert!(",
    "assert_eq!(",
    "assert_ne!(",
];

/// The string literals of the code, each without the breaks of its lines; those of [`NOT_SAID`] left out.
fn literals(code: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), code);
    // How many brackets are open within something that is not said.
    let mut unsaid = 0_usize;
    while let Some(c) = rest.chars().next() {
        if unsaid == 0
            && let Some(start) = NOT_SAID.iter().find(|start| rest.starts_with(**start))
        {
            (unsaid, rest) = (1, &rest[start.len()..]);
        } else if let Some(after) = rest.strip_prefix("'\"'") {
            rest = after;
        } else if let Some(text) = rest.strip_prefix("r#\"") {
            rest = text.split_once("\"#").map_or("", |(_, after)| after);
        } else if let Some(text) = rest.strip_prefix('"') {
            let (literal, after) = literal(text);
            if unsaid == 0 {
                found.push(literal);
            }
            rest = after;
        } else {
            match c {
                '(' if unsaid > 0 => unsaid += 1,
                ')' => unsaid = unsaid.saturating_sub(1),
                _ => {}
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

/// Up to the closing quote, and what comes after it.
fn literal(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => return (out, &text[at + 1..]),
            '\\' => match rest.next() {
                // A string goes on in the next line, without its indentation.
                Some((_, '\n')) => {
                    let after = rest.as_str().trim_start();
                    let skipped = rest.as_str().len() - after.len();
                    rest.by_ref().take(skipped).for_each(drop);
                }
                Some((_, escaped)) => out.push(if escaped == 'n' { ' ' } else { escaped }),
                None => {}
            },
            c => out.push(c),
        }
    }
    (out, "")
}

/// Three words or more, and not much besides. What is filled in, and what stands in code marks, is no word.
fn is_sentence(text: &str) -> bool {
    let without = |text: &str, opens: char, closes: char| -> String {
        let mut parts = text.split(opens);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |all, part| {
            all + "0" + part.split_once(closes).map_or("", |(_, after)| after)
        })
    };
    let text = without(text, '{', '}');
    let text: String = text.split('`').step_by(2).collect::<Vec<_>>().join("0");
    let is_word = |word: &&str| {
        let word = word.trim_end_matches([',', '.', ':', ';', '?', '!', '…']);
        word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || "'’".contains(c))
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = words.iter().filter(|word| is_word(word)).count();
    plain >= 3 && plain * 2 >= words.len()
}

/// SQL, policies of a page and how a command is typed are no sentences.
fn is_code(text: &str) -> bool {
    let sql = ["select ", "insert ", "update ", "delete ", "create "];
    sql.iter().any(|sql| text.starts_with(sql)) || text.contains("-src ") || text.contains(" | ")
}

fn sentences(source: &Source) -> Vec<String> {
    let all = literals(&code(&source.text)).into_iter();
    all.filter(|text| is_sentence(text) && !is_code(text))
        .map(|text| format!("{}: “{text}”", source.path))
        .collect()
}

#[test]
fn every_sentence_that_people_read_is_in_the_prompts() {
    let all = sources("src");
    let all = all.iter().filter(|source| !source.path.contains("/tests/"));
    let (mut found, mut needed) = (Vec::new(), std::collections::BTreeSet::new());
    for source in all {
        let sentences = sentences(source);
        let other = OTHERS.iter().find(|(start, _)| source.path.starts_with(start));
        match other {
            Some((start, _)) if !sentences.is_empty() => drop(needed.insert(*start)),
            Some(_) => {}
            None => found.extend(sentences),
        }
    }
    nothing(found);
    let idle = OTHERS.iter().filter(|(start, _)| !needed.contains(start));
    nothing(idle.map(|(start, _)| format!("{start} needs no row")).collect());
}

#[test]
fn a_sentence_is_found_however_it_is_written() {
    let found = |text: &str| {
        sentences(&Source { path: "src/web/x.rs".into(), text: text.to_owned() }).len()
    };
    for text in [
        "p { \"Nothing waits for anybody now\" }",
        "say(\"no answer within {} s\", 3)",
        "say(\n    \"the step has\\\n     failed twice\"\n)",
        "warn!(\"quiet {}\", f(\"x\")); say(\"look at the card\")",
        "let quote = '\"'; say(\"one of the two\")",
    ] {
        assert_eq!(found(text), 1, "{text}");
    }
    for text in [
        "warn!(run.id = %id, \"Could not pin the card (of {})\", f(\"one two three\"))",
        "#[error(\"could not look at it\")] enum X {}",
        "say(\"run.line.ready\"); say(\"page two\")",
        "// say(\"nothing is said here\")",
        "sqlx::query(\"select id from runs where id = $1\")",
        "say(\"run list | show | approve\")",
        "class(\"card open wide-80 x2\")",
    ] {
        assert_eq!(found(text), 0, "{text}");
    }
}
