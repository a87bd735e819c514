//! Slack's mrkdwn as HTML.
//!
//! Safe by construction: text becomes pieces, pieces become maud markup, and maud escapes whatever is text. Only
//! `http` and `https` addresses become links. Markers inside code, links and mentions are opaque, as in Slack. What
//! does not parse is shown as it was written.

use maud::{Markup, html};

use crate::web::{Names, glyph};

/// Emphasis inside emphasis beyond this depth is shown as written.
const DEPTH: u8 = 6;

/// Renders a mrkdwn text: code blocks, quotes, lines and what stands within them.
#[must_use]
pub fn render(text: &str, names: Names<'_>) -> Markup {
    html! {
        @for (index, part) in text.split("```").enumerate() {
            @if index % 2 == 1 {
                pre { (flat(part.trim_matches('\n'), names)) }
            } @else {
                (paragraphs(part.trim_matches('\n'), names))
            }
        }
    }
}

/// Renders one line of mrkdwn without blocks of its own.
#[must_use]
pub fn line(text: &str, names: Names<'_>) -> Markup {
    emphasis(&pieces(text, names), 0)
}

/// Renders text that Slack calls `plain_text`: no marks, but emoji.
#[must_use]
pub fn plain(text: &str) -> Markup {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((sign, after)) = shortcode(rest) {
            out.push(Piece::Made(sign));
            rest = after;
        } else {
            out.push(character(first));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    emphasis(&out, DEPTH)
}

/// The words of a mrkdwn text without any mark, for titles and announcements.
#[must_use]
pub fn words(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| !matches!(c, '*' | '`' | '~') && glyph::of_char(*c).is_none())
        .collect();
    unescape(&kept).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a line is made of: characters that may still be marks, and what is finished.
enum Piece {
    Char(char),
    Made(Markup),
}

fn paragraphs(text: &str, names: Names<'_>) -> Markup {
    let lines: Vec<(bool, &str)> = text.lines().map(quoted).collect();
    html! {
        @for block in lines.chunk_by(|a, b| a.0 == b.0) {
            @let quote = block.first().is_some_and(|l| l.0);
            @if quote {
                blockquote { (broken_lines(block, names)) }
            } @else {
                (broken_lines(block, names))
            }
        }
    }
}

fn broken_lines(lines: &[(bool, &str)], names: Names<'_>) -> Markup {
    html! {
        @for (index, (_, text)) in lines.iter().enumerate() {
            @if index > 0 { br; }
            (line(text, names))
        }
    }
}

/// Whether a line is a quote, and the line without its mark.
fn quoted(text: &str) -> (bool, &str) {
    match text.strip_prefix("&gt;").or_else(|| text.strip_prefix('>')) {
        Some(rest) => (true, rest.strip_prefix(' ').unwrap_or(rest)),
        None => (false, text),
    }
}

/// Cuts a line into pieces: entities, code, emoji and mentions are made, the rest stays characters.
fn pieces(text: &str, names: Names<'_>) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let made = match first {
            '`' => code(rest),
            '<' => angle(rest, names),
            ':' => shortcode(rest),
            '&' => entity(rest).map(|(c, after)| (html! { (c) }, after)),
            _ => None,
        };
        if let Some((markup, after)) = made {
            out.push(Piece::Made(markup));
            rest = after;
        } else {
            out.push(character(first));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

fn character(c: char) -> Piece {
    glyph::of_char(c).map_or(Piece::Char(c), Piece::Made)
}

/// Applies `*`, `_` and `~` to pieces.
fn emphasis(pieces: &[Piece], depth: u8) -> Markup {
    let mut out = Vec::new();
    let mut run = String::new();
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let close = match piece {
            Piece::Char(mark @ ('*' | '_' | '~')) if depth < DEPTH => {
                closing(pieces, at, *mark).map(|end| (*mark, end))
            }
            Piece::Char(_) | Piece::Made(_) => None,
        };
        if let Some((mark, end)) = close {
            out.push(unbroken(&std::mem::take(&mut run)));
            let inner = emphasis(pieces.get(at + 1..end).unwrap_or_default(), depth + 1);
            out.push(match mark {
                '*' => html! { strong { (inner) } },
                '_' => html! { em { (inner) } },
                _ => html! { s { (inner) } },
            });
            at = end + 1;
            continue;
        }
        match piece {
            Piece::Char('\u{fe0f}') => {} // asks for a colour picture; the sign is drawn already
            Piece::Char(c) => run.push(*c),
            Piece::Made(markup) => {
                out.push(unbroken(&std::mem::take(&mut run)));
                out.push(html! { (markup) });
            }
        }
        at += 1;
    }
    out.push(unbroken(&run));
    html! { @for part in &out { (part) } }
}

/// Text in which short names with hyphens and digits, such as `us-east-1`, are never broken over two lines.
fn unbroken(text: &str) -> Markup {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_name = |word: &str| {
        word.len() <= 24 && word.contains('-') && word.chars().any(|c| c.is_ascii_digit())
    };
    let chars: Vec<char> = text.chars().collect();
    html! {
        @for word in chars.chunk_by(|a, b| in_name(*a) == in_name(*b)) {
            @let word: String = word.iter().collect();
            @if is_name(&word) { span.whole { (word) } } @else { (word) }
        }
    }
}

/// Where the emphasis opened at `open` ends, if it opens at all.
fn closing(pieces: &[Piece], open: usize, mark: char) -> Option<usize> {
    let before = open.checked_sub(1).and_then(|i| pieces.get(i));
    let opens = !is_word(before) && !is_space_or_end(pieces.get(open + 1));
    if !opens {
        return None;
    }
    let mut end = open + 2;
    while let Some(piece) = pieces.get(end) {
        let closes = matches!(piece, Piece::Char(c) if *c == mark)
            && !is_space_or_end(pieces.get(end - 1))
            && !is_word(pieces.get(end + 1));
        if closes {
            return Some(end);
        }
        end += 1;
    }
    None
}

fn is_word(piece: Option<&Piece>) -> bool {
    matches!(piece, Some(Piece::Char(c)) if c.is_alphanumeric())
}

fn is_space_or_end(piece: Option<&Piece>) -> bool {
    match piece {
        Some(Piece::Char(c)) => c.is_whitespace(),
        Some(Piece::Made(_)) => false,
        None => true,
    }
}

fn code(text: &str) -> Option<(Markup, &str)> {
    let (inner, after) = text.strip_prefix('`')?.split_once('`')?;
    let short = inner.len() <= 28;
    (!inner.is_empty()).then(|| (html! { code.whole[short] { (unescape(inner)) } }, after))
}

fn shortcode(text: &str) -> Option<(Markup, &str)> {
    let (name, after) = text.strip_prefix(':')?.split_once(':')?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        return None;
    }
    glyph::of_shortcode(name).map(|sign| (sign, after))
}

/// One of the three characters Slack escapes.
fn entity(text: &str) -> Option<(char, &str)> {
    [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')]
        .iter()
        .find_map(|(name, c)| text.strip_prefix(name).map(|after| (*c, after)))
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Anything between angle brackets: a mention, a date, a link.
fn angle<'t>(text: &'t str, names: Names<'_>) -> Option<(Markup, &'t str)> {
    let (inner, after) = text.strip_prefix('<')?.split_once('>')?;
    let (target, label) = match inner.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (inner, None),
    };
    let label_or = |other: &str| unescape(label.unwrap_or(other));
    let made = if let Some(user) = target.strip_prefix('@') {
        let name = names(user).unwrap_or_else(|| label_or(user));
        html! { span.who { "@" (name.trim_start_matches('@')) } }
    } else if let Some(channel) = target.strip_prefix('#') {
        html! { span.who { "#" (label_or(channel)) } }
    } else if target.starts_with("!date^") {
        html! { time { (label_or("")) } }
    } else if let Some(special) = target.strip_prefix('!') {
        let special = special.split('^').next().unwrap_or_default();
        html! { span.who { "@" (label_or(special).trim_start_matches('@')) } }
    } else if is_web_address(target) {
        html! { a href=(unescape(target)) rel="noopener noreferrer" { (label_or(target)) } }
    } else if let Some(address) = target.strip_prefix("mailto:") {
        html! { (label_or(address)) }
    } else {
        return None;
    };
    Some((made, after))
}

/// Whether an address may become a link.
#[must_use]
pub fn is_web_address(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
        && !address.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The text of a code block: entities and angle brackets resolved to their words, nothing else touched.
fn flat(text: &str, names: Names<'_>) -> Markup {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((markup, after)) = angle(rest, names) {
            out.push(markup);
            rest = after;
        } else if let Some((c, after)) = entity(rest) {
            out.push(html! { (c) });
            rest = after;
        } else {
            out.push(html! { (first) });
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    html! { @for part in &out { (part) } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let names = |id: &str| (id == "U1").then(|| "mia".to_owned());
        render(text, &names).into_string()
    }

    #[test]
    fn marks_become_elements() {
        assert_eq!(
            shown("*a* _b_ ~c~ `d*e*`"),
            "<strong>a</strong> <em>b</em> <s>c</s> <code class=\"whole\">d*e*</code>"
        );
        assert_eq!(shown("*a _b_ c*"), "<strong>a <em>b</em> c</strong>");
        assert_eq!(shown("2 * 3 * 4 snake_case_name a*b*"), "2 * 3 * 4 snake_case_name a*b*");
        assert_eq!(shown("*open"), "*open");
    }

    #[test]
    fn lines_quotes_and_code_blocks_keep_their_shape() {
        assert_eq!(shown("a\nb"), "a<br>b");
        assert_eq!(shown("&gt; a\n> b\nc"), "<blockquote>a<br>b</blockquote>c");
        assert_eq!(shown("x\n```\n*a*\n&lt;b&gt;\n```"), "x<pre>*a*\n&lt;b&gt;</pre>");
    }

    #[test]
    fn angle_brackets_become_names_dates_and_safe_links_only() {
        assert_eq!(shown("<@U1>"), "<span class=\"who\">@mia</span>");
        assert_eq!(
            shown("<@U2|leo> <@U3>"),
            "<span class=\"who\">@leo</span> <span class=\"who\">@U3</span>"
        );
        assert_eq!(shown("<!date^1^{time}|14:20 UTC>"), "<time>14:20 UTC</time>");
        assert_eq!(shown("<!here>"), "<span class=\"who\">@here</span>");
        assert_eq!(
            shown("<https://a.example/?x=1&amp;y=2|see *it*>"),
            "<a href=\"https://a.example/?x=1&amp;y=2\" rel=\"noopener noreferrer\">see *it*</a>"
        );
        assert_eq!(shown("<javascript:alert(1)|x>"), "&lt;javascript:alert(1)|x&gt;");
        assert!(!shown("<https://a\" onclick=\"b|x>").contains("onclick=\"b"));
    }

    #[test]
    fn short_names_are_never_broken_over_lines() {
        assert_eq!(shown("to us-east-1."), "to <span class=\"whole\">us-east-1</span>.");
        assert_eq!(shown("best-effort"), "best-effort");
    }

    #[test]
    fn escapes_of_slack_are_read_once() {
        assert_eq!(shown("a &amp;&lt;b&gt; &amp;lt;"), "a &amp;&lt;b&gt; &amp;lt;");
        assert_eq!(shown("<b>a</b>"), "&lt;b&gt;a&lt;/b&gt;");
    }

    #[test]
    fn emoji_are_signs_and_unknown_ones_stay() {
        assert_eq!(shown(":warning: ⚠\u{fe0f}").matches("⚠\u{fe0e}").count(), 2);
        assert_eq!(shown("12:30:45 :unicorn:"), "12:30:45 :unicorn:");
        assert_eq!(words("*Promote* `x` &amp; ⚠ go"), "Promote x & go");
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_tag(text in r#"[<>&;|*_~`:@!^"'/ a-z\n]{0,80}|.{0,60}"#) {
            for evil in [text.clone(), format!("{text}<script>{text}"), format!("<http://{text}|<script>")] {
                let html = shown(&evil).to_lowercase();
                prop_assert!(!html.contains("<script"), "{html}");
                for tag in html.split('<').skip(1) {
                    let ours = ["strong", "em", "s>", "code", "pre", "blockquote", "br>", "a ", "span", "time", "svg",
                        "path", "/"];
                    prop_assert!(ours.iter().any(|o| tag.starts_with(o)), "{html}");
                }
            }
        }
    }
}
