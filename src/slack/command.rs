//! The grammar of `/dr` and of mentions. Help is made from the same list.

use crate::domain::actor::Role;
use crate::domain::run::Kind;
use crate::domain::text::{cut, nearest};
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
    /// Whether the runbooks would work today.
    Doctor {
        /// Look again, instead of telling what was seen last.
        now: bool,
    },
    /// The figures over all runs.
    Stats,
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

/// The first word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// [`Command::Declare`], [`Command::Start`]
    Start,
    /// [`Command::Status`]
    Status,
    /// [`Command::Next`]
    Next,
    /// [`Command::Note`]
    Note,
    /// [`Command::Timeline`]
    Timeline,
    /// [`Command::Take`]
    Take,
    /// [`Command::Assign`]
    Assign,
    /// [`Command::Assign`]: of the commander
    Handover,
    /// [`Command::Hold`]
    Hold,
    /// [`Command::Resume`]
    Resume,
    /// [`Command::Attach`]
    Attach,
    /// [`Command::Close`]
    Close,
    /// [`Command::Runbooks`]
    Runbooks,
    /// [`Command::Doctor`]
    Doctor,
    /// [`Command::Stats`]
    Stats,
    /// [`Command::Lang`]
    Lang,
    /// [`Command::Help`]
    Help,
}

impl Word {
    /// All of them, as help lists them. What is not in here is not understood either.
    pub const ALL: [Self; 17] = [
        Self::Start,
        Self::Status,
        Self::Next,
        Self::Note,
        Self::Timeline,
        Self::Take,
        Self::Assign,
        Self::Handover,
        Self::Hold,
        Self::Resume,
        Self::Attach,
        Self::Close,
        Self::Runbooks,
        Self::Doctor,
        Self::Stats,
        Self::Lang,
        Self::Help,
    ];

    /// How it is typed, and the message key of what it does.
    pub fn help(self) -> (&'static str, &'static str) {
        match self {
            Self::Start => ("start [runbook] [incident|exercise|tabletop]", "command.help.start"),
            Self::Status => ("status", "command.help.status"),
            Self::Next => ("next", "command.help.next"),
            Self::Note => ("note <text>", "command.help.note"),
            Self::Timeline => ("timeline", "command.help.timeline"),
            Self::Take => ("take <role>", "command.help.take"),
            Self::Assign => ("assign <role> @somebody", "command.help.assign"),
            Self::Handover => ("handover @somebody", "command.help.handover"),
            Self::Hold => ("hold <reason>", "command.help.hold"),
            Self::Resume => ("resume", "command.help.resume"),
            Self::Attach => ("attach <runbook>", "command.help.attach"),
            Self::Close => ("close [reason]", "command.help.close"),
            Self::Runbooks => ("runbooks", "command.help.runbooks"),
            Self::Doctor => ("doctor [now]", "command.help.doctor"),
            Self::Stats => ("stats", "command.help.stats"),
            Self::Lang => ("lang fr|en", "command.help.lang"),
            Self::Help => ("help", "command.help.help"),
        }
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        let (usage, _) = self.help();
        usage.split_once(' ').map_or(usage, |(name, _)| name)
    }

    fn parse(typed: &str) -> Result<Self, NotACommand> {
        let name = match typed.to_lowercase() {
            aide if aide == "aide" => Self::Help.name().to_owned(),
            name => name,
        };
        Self::ALL.into_iter().find(|word| word.name() == name).ok_or_else(|| NotACommand::Unknown {
            word: shortened(typed),
            near: nearest(&name, Self::ALL.map(Self::name)),
        })
    }
}

/// Reads what was typed after `/dr` or the mention.
///
/// # Errors
/// When it is no command, or not a whole one.
pub fn parse(text: &str) -> Result<Command, NotACommand> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Command::Menu);
    }
    let (typed, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (word, rest) = (Word::parse(typed)?, rest.trim());
    let words = || needed(word, rest);
    Ok(match word {
        Word::Start if rest.is_empty() => Command::Declare,
        Word::Start => start(rest),
        Word::Status => Command::Status,
        Word::Next => Command::Next,
        Word::Note => Command::Note(words()?),
        Word::Timeline => Command::Timeline,
        Word::Take => Command::Take(role(&words()?)?),
        Word::Assign => {
            let words = words()?;
            let (name, whom) = words.split_once(char::is_whitespace).unwrap_or((&words, ""));
            let role = role(name)?;
            Command::Assign { role, whom: somebody(&needed(word, whom.trim())?) }
        }
        Word::Handover => Command::Assign { role: Role::Ic, whom: somebody(&words()?) },
        Word::Hold => Command::Hold(words()?),
        Word::Resume => Command::Resume,
        Word::Attach => Command::Attach(words()?),
        Word::Close => Command::Close(rest.to_owned()),
        Word::Runbooks => Command::Runbooks,
        Word::Doctor => Command::Doctor { now: rest.eq_ignore_ascii_case("now") },
        Word::Stats => Command::Stats,
        Word::Lang => {
            let words = words()?;
            let unknown = || NotACommand::UnknownLanguage { word: shortened(&words) };
            Command::Lang(Language::parse(&words).ok_or_else(unknown)?)
        }
        Word::Help => Command::Help,
    })
}

/// What a command cannot do without.
fn needed(word: Word, rest: &str) -> Result<String, NotACommand> {
    if rest.is_empty() {
        let (usage, _) = word.help();
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
    cut(word, 40)
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
        assert_eq!(parse("AIDE"), Ok(Command::Help));
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
        assert_eq!(parse("statusu"), near("statusu", Some("status")));
        assert_eq!(parse("format c:"), near("format", None));
    }

    #[test]
    fn every_listed_command_is_understood() {
        assert_eq!(Word::ALL.len(), Word::Help as usize + 1, "none is missing");
        for (index, word) in Word::ALL.into_iter().enumerate() {
            assert_eq!(word as usize, index);
            let (usage, _) = word.help();
            let example = usage.replace("<role>", "db").replace(['<', '>', '[', ']'], "");
            assert!(parse(&example).is_ok(), "{example}");
        }
    }
}
