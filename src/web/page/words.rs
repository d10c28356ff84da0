//! How times, spans, counts and strangers' words are written on a page.
//!
//! A stranger's text stands in a `bdi` of its own: it is escaped, and marks that turn the
//! direction of writing end with it.

use std::time::Duration;

use maud::{Markup, html};

use crate::domain::{Timestamp, Username, text};
use crate::web::chart::minute;

/// `45 s`, `3 min`, `2 h 5 min`, `4 d 3 h`: the two largest units, rounded down.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A poll to come; one that is overdue by little is simply due.
pub(super) fn due(at: Timestamp, now: Timestamp) -> Markup {
    let words = match at.since(now).as_secs() {
        0 => "now".to_owned(),
        _ => format!("in {}", span(at.since(now))),
    };
    html! { time data-due="" datetime=(at) title=(at) { (words) } }
}

/// So many seconds; none for what is no span.
pub(super) fn seconds(value: impl Into<f64>) -> Duration {
    Duration::try_from_secs_f64(value.into()).unwrap_or_default()
}

/// A moment, by its distance from `now`; the script keeps the words true while the page is open.
pub(super) fn moment(at: Timestamp, now: Timestamp) -> Markup {
    let words = if at > now {
        format!("in {}", span(at.since(now)))
    } else {
        format!("{} ago", span(now.since(at)))
    };
    html! { time datetime=(at) title=(at) { (words) } }
}

/// How long something has been going on.
pub(super) fn since(at: Timestamp, now: Timestamp) -> Markup {
    html! { time data-since="" datetime=(at) title=(at) { (span(now.since(at))) } }
}

/// A moment, or a dash.
pub(super) fn moment_or_dash(at: Option<Timestamp>, now: Timestamp) -> Markup {
    html! { @match at { Some(at) => (moment(at, now)), None => "–" } }
}

/// A moment by the clock, in UTC; the script leaves it as it is.
pub(super) fn exact(at: Timestamp) -> Markup {
    html! { time data-exact="" datetime=(at) title=(at) { (minute(at)) } }
}

/// A creator, with the way to its page.
pub(super) fn creator(name: &Username) -> Markup {
    html! { a href={ "/creators/" (name) } { "@" (name) } }
}

/// A number, or a dash.
pub(super) fn number_or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "–".to_owned(), grouped)
}

/// `1 234 567`, with narrow spaces that do not break.
pub(super) fn grouped(number: u64) -> String {
    text::grouped(&number.to_string(), '\u{202f}')
}

/// A share of a whole as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The address of a stream if it is at TikTok: nothing else becomes a link.
pub(super) fn watchable(url: &str) -> Option<&str> {
    Some(url).filter(|url| {
        url.starts_with("https://www.tiktok.com/") && url.bytes().all(|b| b.is_ascii_graphic())
    })
}

/// The address of a picture, if it can be shown.
pub(super) fn picture(url: &str) -> Option<&str> {
    Some(url).filter(|url| url.starts_with("https://") && url.bytes().all(|b| b.is_ascii_graphic()))
}

/// A stream's title, or that it has none.
pub(super) fn title(title: Option<&str>) -> Markup {
    html! { @match title { Some(title) => (strange(title)), None => em { "no title" } } }
}

/// A stranger's text; what cannot be drawn becomes a space.
pub(super) fn strange(text: &str) -> Markup {
    let drawn: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    html! { bdi { (drawn) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_their_two_largest_units() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (7_500, "2 h 5 min"),
            (86_400, "1 d"),
            (356_400, "4 d 3 h"),
        ];
        for (seconds, words) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (42_600_000, "42\u{202f}600\u{202f}000"),
        ];
        for (number, words) in cases {
            assert_eq!(grouped(number), words);
        }
    }

    #[test]
    fn a_strangers_text_is_escaped_and_kept_apart() {
        let text = strange("<img src=x onerror=alert(1)>\u{202e}").into_string();
        assert_eq!(
            text,
            "<bdi>&lt;img src=x onerror=alert(1)&gt;\u{202e}</bdi>"
        );
    }

    #[test]
    fn only_streams_at_tiktok_become_links() {
        assert!(watchable("https://www.tiktok.com/@ada/live").is_some());
        for url in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "http://www.tiktok.com/@ada/live",
            "https://www.tiktok.com.evil.example/",
            "https://www.tiktok.com@evil.example/",
            "https://evil.example/https://www.tiktok.com/",
            "//www.tiktok.com/@ada/live",
            "https://www.tiktok.com/@ada\nx",
            " https://www.tiktok.com/",
            "",
        ] {
            assert!(watchable(url).is_none(), "{url:?}");
        }
        for url in [
            "javascript:alert(1)",
            "data:image/svg+xml,<svg/>",
            "http://a.example/",
        ] {
            assert!(picture(url).is_none(), "{url:?}");
        }
    }

    #[test]
    fn what_is_to_come_and_what_is_past_are_told_apart() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        assert!(moment(at(100), at(40)).0.contains("in 1 min"));
        assert!(moment(at(40), at(100)).0.contains("1 min ago"));
    }
}
