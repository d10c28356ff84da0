//! What the outside hears: event types, their ids and their bodies.
//!
//! A body is made once, when the transition is stored, and sent as it was stored ever
//! after. An id is derived from what happened, so a retried or repeated commit cannot
//! give one transition two names.

mod body;
mod notice;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::creator::Username;
use super::source_health::{DegradedReason, HealthChange};
use super::text::hex;
use super::time::Timestamp;
use super::tracker::{Transition, TransitionKind};
use body::{StreamData, envelope};
pub use notice::Subject;

/// Labels that the configuration gives a creator.
pub type Labels = BTreeMap<String, String>;

/// An event, ready to be stored and delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same on every try and replay.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// When it was detected.
    pub at: Timestamp,
    /// Whom it concerns; `None` for the monitor's own events.
    pub creator: Option<Username>,
    /// Which of the creator's starts and ends it is; `None` for every other event.
    pub sequence: Option<u64>,
    /// The JSON body, byte for byte as it is signed and sent in the `standard` format.
    pub body: String,
}

/// Names one event: `evt_` and 32 hexadecimal digits, no dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

/// Names one installation, so that a new store does not repeat the ids of an old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationId(String);

/// What happened to a webhook.
#[derive(Debug, Clone, Copy)]
pub struct WebhookNews<'a> {
    /// Its id.
    pub webhook: &'a str,
    /// Whether it was disabled, or only fails.
    pub disabled: bool,
    /// The first failure since its last 2xx.
    pub since: Timestamp,
    /// When this was noticed.
    pub at: Timestamp,
    /// Why the last attempt failed, printable.
    pub last_error: &'a str,
}

macro_rules! event_types {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// The types of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType { $(#[doc = $doc] $variant),* }

        impl EventType {
            /// Every type, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in bodies, in the configuration and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

event_types! {
    StreamStarted "stream.started" "A creator goes live.",
    StreamEnded "stream.ended" "The end is confirmed, or another room replaced the stream.",
    StreamUpdated "stream.updated" "The title changed.",
    StreamSampled "stream.sampled" "The audience was counted.",
    CreatorMissing "creator.missing" "The profile call says there is no such user.",
    CreatorRenamed "creator.renamed" "The same stable id under another username.",
    MonitorDegraded "monitor.degraded" "No trustworthy answers.",
    MonitorRecovered "monitor.recovered" "Trustworthy answers again.",
    CreditsLow "credits.low" "The budget runs out.",
    WebhookFailing "webhook.failing" "Another webhook keeps failing.",
    WebhookDisabled "webhook.disabled" "Another webhook was disabled.",
    WebhookTest "webhook.test" "Sent by `ping`.",
}

impl EventType {
    /// Whether the event is about one creator's stream.
    pub fn concerns_stream(self) -> bool {
        self.as_str().starts_with("stream.")
    }
}

/// The name is of no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no event type is called {0:?}")]
pub struct UnknownEventType(pub String);

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == name);
        found
            .copied()
            .ok_or_else(|| UnknownEventType(name.to_owned()))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl InstallationId {
    /// An id of the given random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }

    /// An id as it was stored.
    pub fn from_stored(id: String) -> Self {
        Self(id)
    }

    /// The id as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventId {
    /// An id as it was stored.
    pub fn from_stored(id: String) -> Self {
        Self(id)
    }

    /// The id as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 128 bits of SHA-256 over the parts, each ended by a zero byte.
    fn derive(installation: &InstallationId, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&installation.as_str()).chain(parts) {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(format!("evt_{}", hex(&hash.finalize()[..16])))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which event type a transition is.
pub fn type_of(transition: &Transition) -> EventType {
    match transition.kind {
        TransitionKind::Started => EventType::StreamStarted,
        TransitionKind::Ended { .. } => EventType::StreamEnded,
        TransitionKind::Updated { .. } => EventType::StreamUpdated,
        TransitionKind::Sampled => EventType::StreamSampled,
    }
}

impl Event {
    /// The event of a transition of `username`.
    pub fn of_transition(
        installation: &InstallationId,
        username: &Username,
        labels: &Labels,
        transition: &Transition,
    ) -> Self {
        let kind = type_of(transition);
        let counted = matches!(kind, EventType::StreamStarted | EventType::StreamEnded);
        // Starts and ends are named by the sequence alone: a commit that is tried again gives the same id.
        let moment = if counted {
            String::new()
        } else {
            transition.at.as_millis().to_string()
        };
        let sequence = transition.sequence.to_string();
        let parts = [kind.as_str(), username.as_str(), &sequence, &moment];
        Self {
            id: EventId::derive(installation, &parts),
            kind,
            at: transition.at,
            creator: Some(username.clone()),
            sequence: counted.then_some(transition.sequence),
            body: envelope(
                kind,
                transition.at,
                &StreamData::new(username, labels, transition),
            ),
        }
    }

    /// `monitor.degraded` or `monitor.recovered`.
    pub fn of_health(installation: &InstallationId, change: &HealthChange) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            reason: DegradedReason,
            since: Timestamp,
            detail: &'a str,
        }
        let kind = if change.recovered {
            EventType::MonitorRecovered
        } else {
            EventType::MonitorDegraded
        };
        let at = change.at;
        let moment = at.as_millis().to_string();
        let data = Data {
            reason: change.reason,
            since: change.since,
            detail: &change.detail,
        };
        Self {
            id: EventId::derive(
                installation,
                &[kind.as_str(), change.reason.label(), &moment],
            ),
            kind,
            at,
            creator: None,
            sequence: None,
            body: envelope(kind, at, &data),
        }
    }

    /// `webhook.failing` or `webhook.disabled`, for the other webhooks.
    pub fn of_webhook(installation: &InstallationId, news: &WebhookNews<'_>) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            webhook: &'a str,
            since: Timestamp,
            last_error: &'a str,
        }
        let kind = if news.disabled {
            EventType::WebhookDisabled
        } else {
            EventType::WebhookFailing
        };
        let moment = news.at.as_millis().to_string();
        let data = Data {
            webhook: news.webhook,
            since: news.since,
            last_error: news.last_error,
        };
        Self {
            id: EventId::derive(installation, &[kind.as_str(), news.webhook, &moment]),
            kind,
            at: news.at,
            creator: None,
            sequence: None,
            body: envelope(kind, news.at, &data),
        }
    }

    /// `webhook.test`, as `ping` sends it; `nonce` keeps two of the same millisecond apart.
    pub fn test(webhook: &str, at: Timestamp, nonce: [u8; 16]) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            webhook: &'a str,
        }
        let kind = EventType::WebhookTest;
        Self {
            id: EventId::derive(&InstallationId::from_bytes(nonce), &[kind.as_str()]),
            kind,
            at,
            creator: None,
            sequence: None,
            body: envelope(kind, at, &Data { webhook }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
