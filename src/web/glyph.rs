//! Emoji as drawn signs.
//!
//! A shortcode or an emoji character becomes either a plain text sign that every font has, or a small inline drawing
//! in the colour of its text, so that a page looks the same on every machine and shouts on none. Signs never carry
//! the meaning alone; the words beside them do.

use maud::{Markup, html};

/// How a sign is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A character every font has, kept from turning into a colour picture.
    Text(&'static str),
    /// A filled disc; the class says in which colour.
    Disc(&'static str),
    /// A drawing on a 16 by 16 grid, stroked.
    Path(&'static str),
}

const HOURGLASS: Sign = Sign::Path("M4 1.5h8M4 14.5h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14");
const NEXT: Sign = Sign::Path("M3 3.5 7.5 8 3 12.5M8 3.5 12.5 8 8 12.5M14 3v10");
const QUESTION: Sign = Sign::Path(
    "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M6 6.2a2 2 0 1 1 2.8 1.9Q8 8.5 8 9.4M8 11.4v.6",
);
const LOCK: Sign = Sign::Path("M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5");
const NOTE: Sign = Sign::Path("M3.5 1.5h9v13h-9zM6 5h4M6 8h4M6 11h2.5");
const PAUSE: Sign = Sign::Path("M5.5 3v10M10.5 3v10");
const STOP: Sign = Sign::Path("M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM5 8h6");
const PIN: Sign = Sign::Path("M10 1.5 14.5 6 11 7 9 12 4 7l5-2zM6.5 9.5 1.5 14.5");
const BELL: Sign = Sign::Path("M3 12h10l-1.5-2V7a3.5 3.5 0 0 0-7 0v3zM6.8 14h2.4");
const MEGAPHONE: Sign = Sign::Path("M2.5 6.5v3h2.5l6 3.5v-10l-6 3.5zM13.5 6v4M5 9.5v4h2");
const AGAIN: Sign = Sign::Path("M13.5 8a5.5 5.5 0 1 1-1.7-4M12.5 1v3.2H9.3");

const BANG: Sign = Sign::Path("M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M8 4.5v4.2M8 11v.6");
const FLAG: Sign = Sign::Path("M4 14.5v-13h8.5L10.5 5l2 3.5H4");
const HAND: Sign = Sign::Path(
    "M4 9V5.2a1 1 0 0 1 2 0V8M6 7.5V2.7a1 1 0 0 1 2 0v4.8M8 7.5V3.2a1 1 0 0 1 2 0v4.5M10 8V4.7a1 1 0 0 1 2 0V10a4.5 4.5 0 0 1-8.3 2.4L2 9.6",
);
const HAMMER: Sign = Sign::Path("M2.5 13.5 8 8M6.5 4.5 9 2l5 5-2.5 2.5zM8 8l1.5-1.5");
const SCALES: Sign = Sign::Path("M8 1.5v13M5 14.5h6M2.5 4h11M4 4 2 9h4zM12 4l-2 5h4z");
const BACK: Sign = Sign::Path("M6.5 2.5 2.5 6.5l4 4M2.5 6.5H10a3.5 3.5 0 0 1 0 7H7");

/// Shortcode, character, sign. A `\u{0}` stands for "no character of its own".
const SIGNS: &[(&str, char, Sign)] = &[
    ("white_check_mark", '\u{2705}', Sign::Text("✔\u{fe0e}")),
    ("heavy_check_mark", '✔', Sign::Text("✔\u{fe0e}")),
    ("x", '\u{274c}', Sign::Text("✖\u{fe0e}")),
    ("heavy_multiplication_x", '✖', Sign::Text("✖\u{fe0e}")),
    ("warning", '⚠', Sign::Text("⚠\u{fe0e}")),
    ("arrow_forward", '▶', Sign::Text("▶\u{fe0e}")),
    ("arrow_right", '\u{27a1}', Sign::Text("→")),
    ("red_circle", '🔴', Sign::Disc("disc-danger")),
    ("large_yellow_circle", '🟡', Sign::Disc("disc-exercise")),
    ("white_circle", '⚪', Sign::Disc("disc-hollow")),
    ("large_blue_circle", '🔵', Sign::Disc("disc-plain")),
    ("rotating_light", '🚨', Sign::Disc("disc-danger")),
    ("hourglass_flowing_sand", '⏳', HOURGLASS),
    ("hourglass", '⌛', HOURGLASS),
    ("black_right_pointing_double_triangle_with_vertical_bar", '⏭', NEXT),
    ("question", '❓', QUESTION),
    ("grey_question", '❔', QUESTION),
    ("exclamation", '❗', BANG),
    ("checkered_flag", '🏁', FLAG),
    ("raised_hand", '✋', HAND),
    ("hammer", '🔨', HAMMER),
    ("scales", '⚖', SCALES),
    ("leftwards_arrow_with_hook", '↩', BACK),
    ("lock", '🔒', LOCK),
    ("memo", '📝', NOTE),
    ("double_vertical_bar", '⏸', PAUSE),
    ("octagonal_sign", '🛑', STOP),
    ("no_entry", '⛔', STOP),
    ("pushpin", '📌', PIN),
    ("bell", '🔔', BELL),
    ("mega", '📣', MEGAPHONE),
    ("repeat", '🔁', AGAIN),
    ("arrows_counterclockwise", '🔄', AGAIN),
];

/// The sign of a shortcode such as `warning` (without its colons).
#[must_use]
pub fn of_shortcode(name: &str) -> Option<Markup> {
    SIGNS.iter().find(|(code, _, _)| *code == name).map(|(_, _, sign)| draw(*sign))
}

/// The sign of an emoji character.
#[must_use]
pub fn of_char(character: char) -> Option<Markup> {
    SIGNS.iter().find(|(_, own, _)| *own == character).map(|(_, _, sign)| draw(*sign))
}

fn draw(sign: Sign) -> Markup {
    match sign {
        Sign::Text(text) => html! { span.sign { (text) } },
        Sign::Disc(class) => html! { span class={ "disc " (class) } aria-hidden="true" {} },
        Sign::Path(path) => html! {
            svg.drawn viewBox="0 0 16 16" aria-hidden="true" focusable="false" { path d=(path) {} }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_emoji_is_drawn_and_an_unknown_one_is_not() {
        assert_eq!(of_shortcode("warning").unwrap().into_string(), of_char('⚠').unwrap().0);
        assert!(of_char('🔴').unwrap().0.contains("disc-danger"));
        assert!(of_shortcode("unicorn_face").is_none());
        assert!(of_char('a').is_none());
    }
}
