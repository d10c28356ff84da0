//! `discord`: an embed, as a Discord webhook takes it.
//!
//! Mentions are off for the whole message and every mark of Markdown is escaped, so a
//! title can neither ping anybody nor hide a link. Texts stay below Discord's limits,
//! since one field too long would cost the whole message.

use serde_json::{Value, json};

use super::message::{Fact, Message, Mood, escaped_within, grouped, spoken};

// https://discord.com/developers/docs/resources/message#embed-object-embed-limits
const MAX_CONTENT: usize = 2_000;
const MAX_TITLE: usize = 256;
const MAX_DESCRIPTION: usize = 2_048;
const MAX_FIELD: usize = 1_024;

pub(super) fn write(message: &Message) -> Value {
    let mut embed = json!({
        "title": escaped(&message.headline, MAX_TITLE),
        "color": colour(message.mood),
        "timestamp": message.at,
        "fields": message.facts.iter().map(field).collect::<Vec<_>>(),
        "footer": { "text": "tallylight" },
    });
    if let Some(text) = &message.text {
        embed["description"] = escaped(text, MAX_DESCRIPTION).into();
    }
    if let Some(url) = &message.url {
        embed["url"] = url.as_str().into();
    }
    if let Some(url) = &message.image {
        embed["image"] = json!({ "url": url });
    }
    json!({
        // What a phone shows; an embed alone is an empty notification.
        "content": escaped(&message.headline, MAX_CONTENT),
        "embeds": [embed],
        "allowed_mentions": { "parse": [] },
    })
}

fn field((name, fact): &(&'static str, Fact)) -> Value {
    let value = match fact {
        Fact::Text(text) => escaped(text, MAX_FIELD),
        Fact::Count(count) => grouped(*count),
        // Discord shows it in the reader's own time.
        Fact::Moment(at) => format!("<t:{}:f>", at.as_seconds()),
        Fact::Span(span) => spoken(*span),
    };
    json!({ "name": name, "value": value, "inline": true })
}

/// Discord takes a backslash before any ASCII punctuation; links, mentions and emoji begin with some.
fn escaped(text: &str, most: usize) -> String {
    escaped_within(text, most, |c, out| {
        if c.is_ascii_punctuation() && !matches!(c, ',' | '.' | '\'' | '"' | '?' | '!' | ';' | '%')
        {
            out.push('\\');
        }
        out.push(c);
    })
}

fn colour(mood: Mood) -> u32 {
    match mood {
        Mood::Live => 0x00FE_2C55,
        Mood::Over => 0x0080_8080,
        Mood::Plain => 0x0025_F4EE,
        Mood::Alarm => 0x00E6_7E22,
        Mood::Relief => 0x002E_CC71,
    }
}
