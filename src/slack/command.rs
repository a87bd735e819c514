//! The grammar of `/dr` and of mentions. Help is made from the same list.

use crate::domain::actor::Role;
use crate::domain::run::Kind;
use crate::domain::value::Language;

/// What somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What can be done from here, with buttons.
    Menu,
    /// Open a run, by a form that asks what is needed.
    Declare,
    /// Open a run.
    Start {
        /// Of this runbook, or the default one.
        runbook: Option<String>,
        /// Of this kind.
        kind: Kind,
    },
    /// What is happening.
    Status,
    /// What the asker can do now.
    Next,
    /// The last entries of the record.
    Timeline,
    /// Add to the timeline.
    Note(String),
    /// Go on duty for a role.
    Take(Role),
    /// Put somebody on duty for a role.
    Assign {
        /// Which role.
        role: Role,
        /// Whom.
        whom: Whom,
    },
    /// Let nothing new begin.
    Hold(String),
    /// Go on.
    Resume,
    /// End the run.
    Close(String),
    /// Go on with a further runbook.
    Attach(String),
    /// What can be started.
    Runbooks,
    /// Be answered in this language.
    Lang(Language),
    /// List the commands.
    Help,
}

/// Somebody who was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// By a mention: a Slack user id.
    Mention(String),
    /// By the name that the environment file uses.
    Name(String),
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
    /// A command without what it needs.
    Incomplete {
        /// How it is typed.
        usage: &'static str,
    },
    /// No such role.
    UnknownRole {
        /// What was typed.
        word: String,
    },
    /// No language that we speak.
    UnknownLanguage {
        /// What was typed.
        word: String,
    },
}

/// Every command: its word, how it is typed, the message key of what it does.
pub const ALL: [(&str, &str, &str); 15] = [
    ("start", "start [runbook] [incident|exercise|tabletop]", "command.help.start"),
    ("status", "status", "command.help.status"),
    ("next", "next", "command.help.next"),
    ("note", "note <text>", "command.help.note"),
    ("timeline", "timeline", "command.help.timeline"),
    ("take", "take <role>", "command.help.take"),
    ("assign", "assign <role> @somebody", "command.help.assign"),
    ("handover", "handover @somebody", "command.help.handover"),
    ("hold", "hold <reason>", "command.help.hold"),
    ("resume", "resume", "command.help.resume"),
    ("attach", "attach <runbook>", "command.help.attach"),
    ("close", "close [reason]", "command.help.close"),
    ("runbooks", "runbooks", "command.help.runbooks"),
    ("lang", "lang fr|en", "command.help.lang"),
    ("help", "help", "command.help.help"),
];

/// Reads what was typed after `/dr` or the mention.
///
/// # Errors
/// When it is no command, or not a whole one.
pub fn parse(text: &str) -> Result<Command, NotACommand> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (typed, rest) = (word.to_lowercase(), rest.trim());
    let words = || needed(&typed, rest);
    Ok(match typed.as_str() {
        "" => Command::Menu,
        "help" | "aide" => Command::Help,
        "start" if rest.is_empty() => Command::Declare,
        "start" => start(rest),
        "status" => Command::Status,
        "next" => Command::Next,
        "timeline" => Command::Timeline,
        "note" => Command::Note(words()?),
        "take" => Command::Take(role(&words()?)?),
        "assign" => {
            let words = words()?;
            let (name, whom) = words.split_once(char::is_whitespace).unwrap_or((&words, ""));
            let role = role(name)?;
            Command::Assign { role, whom: somebody(&needed(&typed, whom.trim())?) }
        }
        "handover" => Command::Assign { role: Role::Ic, whom: somebody(&words()?) },
        "hold" => Command::Hold(words()?),
        "resume" => Command::Resume,
        "attach" => Command::Attach(words()?),
        "close" => Command::Close(rest.to_owned()),
        "runbooks" => Command::Runbooks,
        "lang" => {
            let words = words()?;
            let language = Language::parse(&words);
            Command::Lang(
                language.ok_or_else(|| NotACommand::UnknownLanguage { word: shortened(&words) })?,
            )
        }
        other => {
            let names = ALL.iter().map(|(name, ..)| *name);
            return Err(NotACommand::Unknown {
                word: shortened(word),
                near: nearest(other, names),
            });
        }
    })
}

/// What a command cannot do without.
fn needed(typed: &str, rest: &str) -> Result<String, NotACommand> {
    if rest.is_empty() {
        let usage =
            ALL.iter().find(|(name, ..)| *name == typed).map_or("help", |(_, usage, _)| usage);
        return Err(NotACommand::Incomplete { usage });
    }
    Ok(rest.to_owned())
}

fn role(word: &str) -> Result<Role, NotACommand> {
    let typed = word.to_lowercase();
    Role::parse(&typed).ok_or_else(|| NotACommand::UnknownRole { word: shortened(word) })
}

/// `<@U0123|mia>`, `@mia` or `mia`.
fn somebody(text: &str) -> Whom {
    let mention = text.strip_prefix("<@").and_then(|text| text.strip_suffix('>'));
    match mention {
        Some(mention) => {
            let id = mention.split_once('|').map_or(mention, |(id, _)| id);
            Whom::Mention(id.to_owned())
        }
        None => Whom::Name(text.trim_start_matches('@').to_owned()),
    }
}

fn shortened(word: &str) -> String {
    word.chars().take(40).collect()
}

fn nearest(word: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let near = names.map(|name| (strsim::damerau_levenshtein(name, word), name)).min();
    near.filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
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
        assert_eq!(parse(" start "), Ok(Command::Declare));
        assert_eq!(parse("start incident"), start(None, Kind::Incident));
        assert_eq!(parse("  Start tabletop  "), start(None, Kind::Tabletop));
        assert_eq!(
            parse("start region-failover exercise"),
            start(Some("region-failover"), Kind::Exercise)
        );
        assert_eq!(parse(" "), Ok(Command::Menu));
        assert_eq!(parse("note  db is slow"), Ok(Command::Note("db is slow".into())));
        assert_eq!(parse("take DB"), Ok(Command::Take(Role::Db)));
        assert_eq!(parse("lang FR"), Ok(Command::Lang(Language::Fr)));
        assert_eq!(parse("lang english"), Ok(Command::Lang(Language::En)));
        assert_eq!(parse("close"), Ok(Command::Close(String::new())));
        assert_eq!(parse("close  all is well "), Ok(Command::Close("all is well".into())));
    }

    #[test]
    fn people_are_named_as_slack_and_as_the_file_name_them() {
        let assign = |role, whom| Ok(Command::Assign { role, whom });
        let mention = || Whom::Mention("U0MIA".to_owned());
        let name = || Whom::Name("mia".to_owned());
        assert_eq!(parse("assign db <@U0MIA|mia>"), assign(Role::Db, mention()));
        assert_eq!(parse("assign db <@U0MIA>"), assign(Role::Db, mention()));
        assert_eq!(parse("assign comms   @mia"), assign(Role::Comms, name()));
        assert_eq!(parse("handover mia"), assign(Role::Ic, name()));
    }

    #[test]
    fn what_is_not_whole_is_shown_how() {
        let usage = |text| match parse(text) {
            Err(NotACommand::Incomplete { usage }) => usage,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(usage("note "), "note <text>");
        assert_eq!(usage("hold"), "hold <reason>");
        assert_eq!(usage("take"), "take <role>");
        assert_eq!(usage("assign"), "assign <role> @somebody");
        assert_eq!(usage("assign db"), "assign <role> @somebody");
        assert_eq!(usage("handover"), "handover @somebody");
        assert_eq!(usage("lang"), "lang fr|en");
        let german = NotACommand::UnknownLanguage { word: "de".into() };
        assert_eq!(parse("lang de"), Err(german));
        let king = NotACommand::UnknownRole { word: "king".into() };
        assert_eq!(parse("take king"), Err(king.clone()));
        assert_eq!(parse("assign king @mia"), Err(king));
        let near = |word: &str, near| Err(NotACommand::Unknown { word: word.into(), near });
        assert_eq!(parse("statsu"), near("statsu", Some("status")));
        assert_eq!(parse("format c:"), near("format", None));
    }

    #[test]
    fn every_listed_command_is_understood() {
        for (word, usage, _) in ALL {
            assert!(usage.starts_with(word));
            let example = usage.replace("<role>", "db").replace(['<', '>', '[', ']'], "");
            assert!(parse(&example).is_ok(), "{example}");
        }
    }
}
