//! The grammar of `/dr` and of mentions. Help is made from the same list.

use crate::domain::run::Kind;

/// What somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Open a run.
    Start {
        /// Of this runbook, or the default one.
        runbook: Option<String>,
        /// Of this kind.
        kind: Kind,
    },
    /// What is happening.
    Status,
    /// Add to the timeline.
    Note(String),
    /// List the commands.
    Help,
}

/// Not a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotACommand {
    /// No such word; perhaps this one was meant.
    Unknown {
        /// What was typed.
        word: String,
        /// The nearest command.
        near: Option<&'static str>,
    },
    /// A note without words.
    EmptyNote,
}

/// Every command: its word, how it is typed, the message key of what it does.
pub const ALL: [(&str, &str, &str); 4] = [
    ("start", "start [runbook] [incident|exercise|tabletop]", "command.help.start"),
    ("status", "status", "command.help.status"),
    ("note", "note <text>", "command.help.note"),
    ("help", "help", "command.help.help"),
];

/// Reads what was typed after `/dr` or the mention.
///
/// # Errors
/// When it is no command.
pub fn parse(text: &str) -> Result<Command, NotACommand> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match word.to_lowercase().as_str() {
        "" | "help" | "aide" => Ok(Command::Help),
        "status" => Ok(Command::Status),
        "note" if rest.trim().is_empty() => Err(NotACommand::EmptyNote),
        "note" => Ok(Command::Note(rest.trim().to_owned())),
        "start" => Ok(start(rest)),
        other => {
            let near = ALL
                .iter()
                .map(|(name, ..)| (strsim::damerau_levenshtein(name, other), *name))
                .min()
                .filter(|(distance, _)| *distance <= 2)
                .map(|(_, name)| name);
            let word = word.chars().take(40).collect();
            Err(NotACommand::Unknown { word, near })
        }
    }
}

/// The words of `start` in any order: a kind is a kind, anything else names the runbook.
fn start(rest: &str) -> Command {
    let mut runbook = None;
    let mut kind = Kind::Incident;
    for word in rest.split_whitespace() {
        match Kind::ALL.into_iter().find(|kind| kind.name() == word.to_lowercase()) {
            Some(named) => kind = named,
            None => runbook = Some(word.to_owned()),
        }
    }
    Command::Start { runbook, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_loosely() {
        let start = |runbook: Option<&str>, kind| {
            Ok(Command::Start { runbook: runbook.map(str::to_owned), kind })
        };
        assert_eq!(parse("start"), start(None, Kind::Incident));
        assert_eq!(parse("  Start tabletop  "), start(None, Kind::Tabletop));
        assert_eq!(
            parse("start region-failover exercise"),
            start(Some("region-failover"), Kind::Exercise)
        );
        assert_eq!(parse(""), Ok(Command::Help));
        assert_eq!(parse("note  db is slow"), Ok(Command::Note("db is slow".into())));
        assert_eq!(parse("note "), Err(NotACommand::EmptyNote));
        assert_eq!(
            parse("statsu"),
            Err(NotACommand::Unknown { word: "statsu".into(), near: Some("status") })
        );
        assert_eq!(
            parse("format c:"),
            Err(NotACommand::Unknown { word: "format".into(), near: None })
        );
    }

    #[test]
    fn every_listed_command_is_understood() {
        for (word, ..) in ALL {
            assert!(parse(&format!("{word} x")).is_ok(), "{word}");
        }
    }
}
