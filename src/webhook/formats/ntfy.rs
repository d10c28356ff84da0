//! `ntfy`: a message as ntfy's JSON publishing takes it.
//!
//! The topic is the path of the configured address and travels in the body, so strangers'
//! text never becomes a header. Markdown stays off: the text is shown as it is.

use reqwest::Url;
use serde_json::{Value, json};

use super::message::{Fact, Message, Mood, cut, dated, grouped, spoken};

const MAX_TITLE: usize = 250;
/// A longer message would become an attachment (4,096 bytes; a unit has at most 3).
const MAX_MESSAGE: usize = 1_200;
/// <https://docs.ntfy.sh/publish/#topic-names>
const MAX_TOPIC: usize = 64;

/// Takes the topic off `url`: JSON is published to the server's root.
pub(super) fn split_topic(url: &mut Url) -> Option<String> {
    let topic = url.path().trim_matches('/').to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !(1..=MAX_TOPIC).contains(&topic.len()) || !topic.chars().all(allowed) {
        return None;
    }
    url.set_path("/");
    Some(topic)
}

pub(super) fn write(topic: &str, message: &Message) -> Value {
    let (priority, tag) = urgency(message.mood);
    let lines = message.text.iter().cloned();
    let lines: Vec<String> = lines.chain(message.facts.iter().map(line)).collect();
    // An empty message would be shown as `triggered`.
    let text = if lines.is_empty() {
        message.headline.clone()
    } else {
        lines.join("\n")
    };
    let mut body = json!({
        "topic": topic,
        "title": cut(&message.headline, MAX_TITLE),
        "message": cut(&text, MAX_MESSAGE),
        "priority": priority,
        "tags": [tag],
        "markdown": false,
    });
    if let Some(url) = &message.url {
        body["click"] = url.as_str().into();
    }
    body
}

fn line((name, fact): &(&'static str, Fact)) -> String {
    match fact {
        Fact::Text(text) => format!("{name}: {text}"),
        Fact::Count(count) => format!("{name}: {}", grouped(*count)),
        Fact::Moment(at) => format!("{name}: {}", dated(*at)),
        Fact::Span(span) => format!("{name}: {}", spoken(*span)),
    }
}

/// From 1 to 5 with 3 as usual, and the name of an emoji.
fn urgency(mood: Mood) -> (u8, &'static str) {
    match mood {
        Mood::Live => (4, "red_circle"),
        Mood::Over => (2, "black_circle"),
        Mood::Plain => (3, "information_source"),
        Mood::Alarm => (4, "warning"),
        Mood::Relief => (3, "white_check_mark"),
    }
}
