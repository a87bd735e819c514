//! Messages on a terminal: 80 columns, no markup.

use crate::catalog::Voice;
use crate::domain::comms::{Block, Message};

const COLUMNS: usize = 80;

/// The message as text, without its buttons.
pub(super) fn text(voice: &Voice<'_>, message: &Message) -> String {
    let mut out = String::new();
    for block in &message.blocks {
        match block {
            Block::Heading(text) => add(&mut out, &voice.plain(text).to_uppercase()),
            Block::Banner(line) => add(&mut out, &voice.plain(line).replace('*', "")),
            Block::Lines(lines) | Block::Small(lines) => {
                for line in lines {
                    add(&mut out, &voice.plain(line).replace(['*', '`'], ""));
                }
            }
            Block::Rule => add(&mut out, &"─".repeat(COLUMNS)),
            Block::Buttons(_) | Block::Views(_) | Block::Offer(_) => {}
        }
    }
    out
}

/// The names of the buttons: the verbs that can be asked now.
pub(super) fn verbs(message: &Message) -> Vec<&'static str> {
    let buttons = message.blocks.iter().filter_map(|block| match block {
        Block::Buttons(buttons) => Some(buttons),
        Block::Banner(_)
        | Block::Heading(_)
        | Block::Lines(_)
        | Block::Small(_)
        | Block::Rule
        | Block::Views(_)
        | Block::Offer(_) => None,
    });
    buttons.flatten().map(|button| button.press.ask.name()).collect()
}

pub(super) fn add(out: &mut String, text: &str) {
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let width = word.chars().count();
            if column > 0 && column + 1 + width > COLUMNS {
                out.push_str("\n  ");
                column = 2;
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += width;
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_within_eighty_columns_and_keep_every_word() {
        let mut out = String::new();
        let text = "word ".repeat(60);
        add(&mut out, &text);
        assert!(out.lines().all(|line| line.chars().count() <= COLUMNS), "{out}");
        assert_eq!(out.split_whitespace().count(), 60);
    }
}
