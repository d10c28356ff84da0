//! A small picture (SVG) that says whether a creator is live, for other people's pages.
//!
//! Pure. It holds no script and asks nobody for anything; its text is escaped and bounded.
//! Widths are estimated and the text is fitted to them, since no font is at hand here.

use super::feed::escaped;
use super::views::State;
use crate::domain::text::one_line;

/// The media type of the badge.
pub const MEDIA_TYPE: &str = "image/svg+xml; charset=utf-8";

/// The longest text on either side, in characters.
const MAX_CHARS: usize = 40;

/// White text on it has a contrast of 4.5 at least (WCAG AA).
fn colour(state: State) -> &'static str {
    match state {
        State::Live => "#d2042d",
        State::Offline => "#5b6470",
        State::Unknown => "#6b6b6b",
    }
}

/// A badge with `label` on its left and `state` on its right.
pub fn render(label: &str, state: State) -> String {
    let label: String = one_line(label).chars().take(MAX_CHARS).collect();
    let word = state.label();
    let (left, right) = (width(&label), width(word));
    let (total, text_left, text_right) = (left + right, left - 12, right - 12);
    let (middle_left, middle_right) = (left / 2, left + right / 2);
    let (label, colour) = (escaped(&label), colour(state));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"20\" role=\"img\" \
         aria-label=\"{label}: {word}\">\n\
         <title>{label}: {word}</title>\n\
         <clipPath id=\"r\"><rect width=\"{total}\" height=\"20\" rx=\"3\"/></clipPath>\n\
         <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#333\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g>\n\
         <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" \
         font-size=\"11\">\
         <text x=\"{middle_left}\" y=\"14\" textLength=\"{text_left}\">{label}</text>\
         <text x=\"{middle_right}\" y=\"14\" textLength=\"{text_right}\">{word}</text></g>\n\
         </svg>\n"
    )
}

/// Pixels that `text` takes at 11 pixels, six on each side included.
fn width(text: &str) -> usize {
    let of = |c: char| match c {
        'i' | 'j' | 'l' | 'f' | 't' | 'r' | '.' | ' ' => 5,
        'm' | 'w' | 'M' | 'W' => 11,
        c if c.is_ascii() => 7,
        _ => 12,
    };
    12 + text.chars().map(of).sum::<usize>().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::feed::tests::HOSTILE;
    use super::*;

    #[test]
    fn a_badge_says_who_and_whether_live() {
        insta::assert_snapshot!(render("khaby.lame", State::Live));
        for state in [State::Live, State::Offline, State::Unknown] {
            let svg = render("ada", state);
            assert_eq!(svg.matches(&format!("ada: {}", state.label())).count(), 2);
            assert!(svg.contains(colour(state)));
        }
    }

    #[test]
    fn a_hostile_label_stays_text_and_short() {
        let svg = render(HOSTILE, State::Offline);
        assert!(svg.contains("<title>&lt;/title&gt;&lt;script&gt;"), "{svg}");
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'));
        let endless = render(&"W".repeat(1_000_000), State::Offline);
        assert!(endless.len() < 2_000);
        assert!(render("", State::Unknown).contains("textLength=\"1\""));
    }

    /// The relative luminance of `#rrggbb`, by WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn white_can_be_read_on_every_colour() {
        for state in [State::Live, State::Offline, State::Unknown] {
            let contrast = 1.05 / (luminance(colour(state)) + 0.05);
            assert!(contrast >= 4.5, "{state:?}: {contrast}");
        }
    }
}
