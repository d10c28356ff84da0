//! Text that strangers write, made safe to carry and to print.
//!
//! Titles and names arrive with markup, escape sequences, right-to-left marks and
//! in any length. [`bounded`] limits what is kept; [`Printable`] is the only way such
//! text reaches a terminal or a log line. Formats with rules of their own (HTML,
//! Discord, CSV) escape at their own door.

use std::fmt::{self, Write as _};

/// The longest stream title, display name or error detail kept, in characters.
pub const MAX_CHARS: usize = 500;

/// The longest URL kept, in bytes; a longer one is dropped, since half a URL is none.
pub const MAX_URL_BYTES: usize = 2_048;

/// `text` cut to [`MAX_CHARS`] characters, with `…` as the last one where it was cut.
pub fn bounded(text: &str) -> String {
    if text.chars().nth(MAX_CHARS).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(MAX_CHARS - 1).collect();
    cut.push('…');
    cut
}

/// `digits` in groups of three from the right, with `mark` between them.
pub fn grouped(digits: &str, mark: char) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

/// `text` on one line, without control, invisible and direction-changing characters.
///
/// For receivers where people read it: they see what was written, and nothing else moves.
pub fn one_line(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_invisible(*c));
    let blanked: String = visible
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    blanked.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Shows `text` on one line with control and direction-changing characters escaped.
///
/// Newlines, escape sequences, bidirectional overrides and zero-width characters become
/// `\u{..}`, so a title can neither forge a log line nor recolour a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() || is_invisible(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Characters that change the direction of text, break lines or cannot be seen.
///
/// U+200D (zero-width joiner) is left alone: emoji of several people need it.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_marked() {
        let cut = bounded(&"ü".repeat(2_000_000));
        assert_eq!(cut.chars().count(), MAX_CHARS);
        assert!(cut.ends_with('…'));
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"x".repeat(MAX_CHARS)), "x".repeat(MAX_CHARS));
    }

    #[test]
    fn one_line_keeps_what_can_be_read() {
        let hostile = " a\r\n\u{1b}[31mred\u{202e}evil\u{200b}\u{2028}z  ";
        assert_eq!(one_line(hostile), "a [31mredevilz");
        assert_eq!(one_line("👩\u{200d}👩 día"), "👩\u{200d}👩 día");
        assert_eq!(one_line("\n\u{200b}"), "");
    }

    #[test]
    fn escapes_lines_colours_and_directions_and_leaves_emoji() {
        let hostile = "a\n\u{1b}[31mred\u{202e}evil\u{200b}";
        let shown = Printable(hostile).to_string();
        assert_eq!(shown, "a\\u{a}\\u{1b}[31mred\\u{202e}evil\\u{200b}");
        let family = "👩\u{200d}👩\u{200d}👧 día";
        assert_eq!(Printable(family).to_string(), family);
    }
}
