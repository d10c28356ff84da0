//! What a person is told of an event, before any format has touched it.
//!
//! Reads the standard body. Texts are on one line and bounded, addresses are `http(s)`
//! and whole; nothing is escaped yet: each format does that at its own door.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use crate::domain::text::{self, MAX_URL_BYTES, bounded, one_line};
use crate::domain::{EventType, Timestamp};

/// The longest name in a headline, in UTF-16 units.
const MAX_NAME: usize = 60;

/// An event as a message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) mood: Mood,
    pub(super) at: Timestamp,
    /// Who and what, in one sentence.
    pub(super) headline: String,
    /// The stream's title, or what went wrong.
    pub(super) text: Option<String>,
    /// Where to look.
    pub(super) url: Option<String>,
    /// The stream's cover.
    pub(super) image: Option<String>,
    pub(super) facts: Vec<(&'static str, Fact)>,
}

/// What colour a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Somebody is live.
    Live,
    /// A stream is over.
    Over,
    /// Something to know.
    Plain,
    /// Somebody should act.
    Alarm,
    /// Nobody needs to act any more.
    Relief,
}

/// One value beside the text.
#[derive(Debug)]
pub(super) enum Fact {
    Text(String),
    Count(u64),
    Moment(Timestamp),
    Span(Duration),
}

impl Message {
    /// `None` for what is no event of this program.
    pub(super) fn read(event: &Value) -> Option<Self> {
        let kind: EventType = event["type"].as_str()?.parse().ok()?;
        let data = &event["data"];
        let (mood, headline) = headline(kind, data);
        Some(Self {
            mood,
            at: moment(&event["timestamp"])?,
            headline: bounded(&headline),
            text: text_of(kind, data),
            url: url_of(kind, data),
            image: address(&data["stream"]["cover_url"]).filter(|_| kind != EventType::StreamEnded),
            facts: facts(kind, data),
        })
    }
}

fn headline(kind: EventType, data: &Value) -> (Mood, String) {
    let who = who(&data["creator"]);
    let webhook = text(&data["webhook"]).unwrap_or_default();
    let again = if data["resumed"] == true {
        " again"
    } else {
        ""
    };
    match kind {
        EventType::StreamStarted => (Mood::Live, format!("{who} is live{again}")),
        EventType::StreamEnded => (Mood::Over, format!("{who} is no longer live")),
        EventType::StreamUpdated => (Mood::Plain, format!("{who} changed the title")),
        EventType::StreamSampled => (Mood::Plain, format!("{who} is still live")),
        EventType::CreatorMissing => (Mood::Alarm, format!("TikTok knows no {who}")),
        EventType::CreatorRenamed => (Mood::Plain, format!("{who} has a new username")),
        EventType::MonitorDegraded => (
            Mood::Alarm,
            "tallylight gets no trustworthy answers".to_owned(),
        ),
        EventType::MonitorRecovered => (
            Mood::Relief,
            "tallylight gets trustworthy answers again".to_owned(),
        ),
        EventType::CreditsLow => (Mood::Alarm, "tallylight runs out of credits".to_owned()),
        EventType::WebhookFailing => (Mood::Alarm, format!("Webhook {webhook} keeps failing")),
        EventType::WebhookDisabled => (Mood::Alarm, format!("Webhook {webhook} was disabled")),
        EventType::WebhookTest => (
            Mood::Plain,
            format!("Test by tallylight: webhook {webhook} works"),
        ),
    }
}

/// The username stands beside the name: names are free text and easily those of others.
fn who(creator: &Value) -> String {
    let username = text(&creator["username"]).unwrap_or_default();
    match text(&creator["name"]) {
        // TikTok allows 30 characters; a longer one would push away what happened.
        Some(name) => format!("{} (@{username})", cut(&name, MAX_NAME)),
        None => format!("@{username}"),
    }
}

fn text_of(kind: EventType, data: &Value) -> Option<String> {
    match kind {
        EventType::MonitorDegraded | EventType::MonitorRecovered => text(&data["detail"]),
        EventType::WebhookFailing | EventType::WebhookDisabled => text(&data["last_error"]),
        _ => text(&data["stream"]["title"]),
    }
}

/// A stream that is over has no page any more.
fn url_of(kind: EventType, data: &Value) -> Option<String> {
    let over = kind == EventType::StreamEnded;
    let live = address(&data["stream"]["url"]).filter(|_| !over);
    live.or_else(|| address(&data["creator"]["url"]))
}

fn facts(kind: EventType, data: &Value) -> Vec<(&'static str, Fact)> {
    let stream = &data["stream"];
    let named = |name, value: &Value| Some((name, Fact::Text(text(value)?)));
    let count = |name, value: &Value| Some((name, Fact::Count(value.as_u64()?)));
    let at = |name, value: &Value| Some((name, Fact::Moment(moment(value)?)));
    let found = match kind {
        EventType::StreamStarted | EventType::StreamSampled => vec![
            at("Started", &stream["started_at"]),
            count("Viewers", &stream["viewers"]),
        ],
        EventType::StreamEnded => vec![
            span("Length", &stream["duration_seconds"]),
            count("Peak viewers", &stream["peak_viewers"]),
            count("Average viewers", &stream["average_viewers"]),
        ],
        EventType::StreamUpdated => vec![named("Before", &data["previous_title"])],
        EventType::CreatorRenamed => vec![named("Before", &data["previous_username"])],
        EventType::MonitorDegraded | EventType::MonitorRecovered => vec![
            named("Reason", &data["reason"]),
            at("Since", &data["since"]),
        ],
        EventType::CreditsLow => vec![
            count("Used", &data["used"]),
            count("Remaining", &data["remaining"]),
            at("Renews", &data["renews_at"]),
        ],
        EventType::WebhookFailing | EventType::WebhookDisabled => {
            vec![at("Since", &data["since"])]
        }
        EventType::CreatorMissing | EventType::WebhookTest => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// A text with something to read in it.
fn text(value: &Value) -> Option<String> {
    let text = bounded(&one_line(value.as_str()?));
    (!text.is_empty()).then_some(text)
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn span(name: &'static str, value: &Value) -> Option<(&'static str, Fact)> {
    let span = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    Some((name, Fact::Span(span)))
}

/// An address that a chat accepts; one that it does not would cost the whole message.
fn address(value: &Value) -> Option<String> {
    let url = Url::parse(value.as_str()?).ok()?;
    let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = url.username().is_empty() && url.password().is_none();
    let text = String::from(url);
    (usable && plain && text.len() <= MAX_URL_BYTES).then_some(text)
}

/// In at most `most` UTF-16 units.
pub(super) fn cut(text: &str, most: usize) -> String {
    escaped_within(text, most, |c, out| out.push(c))
}

/// `1,234,567`
pub(super) fn grouped(number: u64) -> String {
    text::grouped(&number.to_string(), ',')
}

/// `2 h 05 min`, `45 s`
pub(super) fn spoken(span: Duration) -> String {
    let seconds = span.as_secs();
    let minutes = seconds / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

/// `2026-02-27 18:36 UTC`
pub(super) fn dated(at: Timestamp) -> String {
    let text = at.to_string();
    let minute: String = text.chars().take(16).collect();
    format!("{} UTC", minute.replace('T', " "))
}

/// The first characters of `text`, each as `escape` writes it, in at most `most` UTF-16 units.
///
/// Cut after escaping: the receivers count what arrives, and half an escape is none.
pub(super) fn escaped_within(
    text: &str,
    most: usize,
    escape: impl Fn(char, &mut String),
) -> String {
    const ELLIPSIS: char = '…';
    let mut written = String::new();
    let mut used = 0;
    let mut fits = 0;
    let mut piece = String::new();
    for c in text.chars() {
        piece.clear();
        escape(c, &mut piece);
        used += piece.encode_utf16().count();
        if used > most {
            written.truncate(fits);
            written.push(ELLIPSIS);
            return written;
        }
        written.push_str(&piece);
        if used < most {
            fits = written.len();
        }
    }
    written
}
