//! How a stored event is written for its receiver. Pure.
//!
//! The store holds the standard JSON; the other formats are made of it at each attempt,
//! from nothing else, so a retry sends the same bytes. What strangers wrote can neither
//! ping anybody nor change the look of a message, and no body exceeds [`MAX_BODY`].

mod discord;
mod message;
mod ntfy;
pub mod sample;
mod slack;
mod template;

use std::fmt;

use bytes::Bytes;
use reqwest::Url;
use serde_json::Value;

use self::message::Message;
use self::template::Template;
use crate::config::{Format, Webhook};

/// The largest body that is sent, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// A webhook's format, checked and ready.
pub(super) enum Formatter {
    Standard,
    Discord,
    Slack,
    Ntfy { topic: String },
    Template(Box<Template>),
}

/// Why an event cannot be written in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// What was stored is none of this program's events.
    #[error("the stored body is no event")]
    NotAnEvent,
    /// The body would exceed [`MAX_BODY`].
    #[error("the body would have {0} bytes, allowed are {MAX_BODY}")]
    TooLarge(usize),
    /// The template fails.
    #[error("the template {0}")]
    Template(String),
    /// An ntfy address without a topic at its end.
    #[error("the url needs the topic as its path: https://ntfy.sh/my-topic")]
    Topic,
}

impl Formatter {
    /// Checks what the format of `webhook` needs; `url` becomes the address that is posted to.
    pub(super) fn new(webhook: &Webhook, url: &mut Url) -> Result<Self, FormatError> {
        Ok(match webhook.format {
            Format::Standard => Self::Standard,
            Format::Discord => Self::Discord,
            Format::Slack => Self::Slack,
            Format::Ntfy => Self::Ntfy {
                topic: ntfy::split_topic(url).ok_or(FormatError::Topic)?,
            },
            Format::Template => {
                let source = webhook.template.as_ref().map_or("", |file| &*file.text);
                let template = Template::parse(source)?;
                template.check(&webhook.events)?;
                Self::Template(Box::new(template))
            }
        })
    }

    /// The body that is sent for the event whose standard body is `body`.
    pub(super) fn write(&self, body: &str) -> Result<Bytes, FormatError> {
        let written = match self {
            Self::Standard => body.to_owned(),
            Self::Discord => discord::write(&read_message(body)?).to_string(),
            Self::Slack => slack::write(&read_message(body)?).to_string(),
            Self::Ntfy { topic } => ntfy::write(topic, &read_message(body)?).to_string(),
            Self::Template(template) => template.render(&parse(body)?)?,
        };
        if written.len() > MAX_BODY {
            return Err(FormatError::TooLarge(written.len()));
        }
        Ok(written.into())
    }
}

fn parse(body: &str) -> Result<Value, FormatError> {
    serde_json::from_str(body).map_err(|_| FormatError::NotAnEvent)
}

fn read_message(body: &str) -> Result<Message, FormatError> {
    Message::read(&parse(body)?).ok_or(FormatError::NotAnEvent)
}

impl fmt::Debug for Formatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A topic is as good as a password.
        f.write_str(match self {
            Self::Standard => "Standard",
            Self::Discord => "Discord",
            Self::Slack => "Slack",
            Self::Ntfy { .. } => "Ntfy",
            Self::Template(_) => "Template",
        })
    }
}

#[cfg(test)]
mod tests;
