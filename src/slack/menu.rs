//! The buttons that belong to no run: what somebody who knows no words begins with.

use serde_json::{Value, json};

use super::render;
use super::said::Said;
use crate::catalog::Voice;
use crate::desk::Desk;
use crate::domain::actor::Actor;
use crate::domain::comms;
use crate::domain::text::Text;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Open the form that starts a run.
    Start,
    /// What is happening.
    Status,
    /// What waits for whoever presses.
    Next,
}

impl Menu {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Start, Self::Status, Self::Next];

    /// The word that does the same when it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Status => "status",
            Self::Next => "next",
        }
    }

    /// What stands on a button as its `action_id`.
    pub fn action_id(self) -> String {
        format!("menu-{}", self.word())
    }

    /// Reads what [`Self::action_id`] wrote.
    pub fn parse(action_id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|menu| menu.action_id() == action_id)
    }

    /// The button, as Block Kit.
    pub fn button(self, voice: &Voice<'_>, is_primary: bool) -> Value {
        let label = voice.plain(&Text::Named(format!("menu.{}", self.word()), vec![]));
        let button = json!({
            "type": "button",
            "action_id": self.action_id(),
            "text": render::plain(&label, render::LABEL),
        });
        if is_primary { render::with(button, "style", "primary") } else { button }
    }
}

/// These lines, and below them these buttons, the first of which is the expected one.
pub(super) fn said(voice: &Voice<'_>, lines: &[Text], menus: &[Menu]) -> Said {
    let mut blocks = render::sections(voice, lines);
    let buttons = menus.iter().enumerate().map(|(at, menu)| menu.button(voice, at == 0));
    let buttons: Vec<_> = buttons.collect();
    if !buttons.is_empty() {
        blocks.push(json!({ "type": "actions", "elements": buttons }));
    }
    let lines: Vec<_> = lines.iter().map(|line| voice.mrkdwn(line)).collect();
    Said { text: lines.join("\n"), blocks }
}

/// What `/dr` alone answers: where things stand, and what can be pressed.
pub(super) async fn menu(desk: &Desk, by: &Actor, mut lines: Vec<Text>) -> Said {
    let voice = desk.voice_of(by);
    if let Actor::Stranger { name, .. } = by {
        lines.push(Text::Key("refused.stranger", vec![("name", Text::raw(name))]));
        return said(&voice, &lines, &[]);
    }
    let menus: &[Menu] = match desk.open_run().await {
        Ok(Some(run)) => {
            lines.push(comms::run_card(&run, desk.engine.clock.now()).summary);
            &[Menu::Next, Menu::Status, Menu::Start]
        }
        Ok(None) => {
            lines.push(Text::key("menu.none"));
            &[Menu::Start]
        }
        Err(_) => &[Menu::Start, Menu::Status, Menu::Next],
    };
    said(&voice, &lines, menus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::command;

    #[test]
    fn every_button_reads_back_and_is_a_word_too() {
        for menu in Menu::ALL {
            assert_eq!(Menu::parse(&menu.action_id()), Some(menu));
            assert!(command::parse(menu.word()).is_ok());
        }
        assert_eq!(Menu::parse("menu-"), None);
        assert_eq!(Menu::parse("run"), None);
    }
}
