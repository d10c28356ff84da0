//! `slack`: blocks, as a Slack incoming webhook takes them.
//!
//! Strangers' texts stand in `plain_text` alone, with `&`, `<` and `>` escaped, so neither
//! mentions nor links nor marks come out of them. No picture: Slack refuses a message whose
//! picture it cannot fetch, and covers expire.

use serde_json::{Value, json};

use super::message::{Fact, Message, dated, escaped_within, grouped, spoken};

// https://docs.slack.dev/reference/block-kit/blocks/
const MAX_HEADER: usize = 150;
const MAX_SECTION: usize = 3_000;
const MAX_FIELD: usize = 2_000;

pub(super) fn write(message: &Message) -> Value {
    let mut blocks =
        vec![json!({ "type": "header", "text": plain(&message.headline, MAX_HEADER) })];
    if let Some(text) = &message.text {
        blocks.push(json!({ "type": "section", "text": plain(text, MAX_SECTION) }));
    }
    if !message.facts.is_empty() {
        let fields: Vec<_> = message.facts.iter().map(field).collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if let Some(url) = &message.url {
        blocks.push(json!({ "type": "context", "elements": [link(url)] }));
    }
    json!({
        "text": escaped(&message.headline, MAX_SECTION),
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": escaped(text, most), "emoji": false })
}

fn field((name, fact): &(&'static str, Fact)) -> Value {
    match fact {
        Fact::Text(text) => plain(&format!("{name}: {text}"), MAX_FIELD),
        Fact::Count(count) => plain(&format!("{name}: {}", grouped(*count)), MAX_FIELD),
        Fact::Span(span) => plain(&format!("{name}: {}", spoken(*span)), MAX_FIELD),
        // Slack shows it in the reader's own time.
        Fact::Moment(at) => json!({
            "type": "mrkdwn",
            "text": format!(
                "{name}: <!date^{}^{{date_short_pretty}} {{time}}|{}>",
                at.as_seconds(),
                dated(*at)
            ),
        }),
    }
}

/// In an address the marks that would end the link have no place.
fn link(url: &str) -> Value {
    let url = url.replace('&', "&amp;").replace('<', "%3C");
    let url = url.replace('>', "%3E").replace('|', "%7C");
    json!({ "type": "mrkdwn", "text": format!("<{url}|Open on TikTok>"), "verbatim": true })
}

fn escaped(text: &str, most: usize) -> String {
    escaped_within(text, most, |c, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    })
}
