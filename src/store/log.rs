//! The log of deliveries as a person reads it: what was sent when, and what came of it.

use std::time::Duration;

use super::{Attempt, DeliveryId};
use crate::config::WebhookId;
use crate::domain::{EventId, EventType, Timestamp, Timing, Username};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// To be sent, or tried again.
    Pending,
    /// A 2xx came.
    Delivered,
    /// No attempt is left.
    Failed,
    /// Too old when its turn came.
    Expired,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Expired];

    /// The name in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Which deliveries are meant; what is `None` or empty leaves all.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// This one.
    pub id: Option<DeliveryId>,
    /// Of this webhook.
    pub webhook: Option<String>,
    /// With one of these statuses.
    pub statuses: Vec<Status>,
    /// Of events detected at this time or later.
    pub since: Option<Timestamp>,
    /// Of events detected before this time.
    pub until: Option<Timestamp>,
    /// About this creator.
    pub creator: Option<Username>,
    /// With a higher number than this.
    pub after: Option<DeliveryId>,
    /// With a lower number than this.
    pub before: Option<DeliveryId>,
}

impl DeliveryFilter {
    /// That one delivery.
    pub fn only(id: DeliveryId) -> Self {
        Self {
            id: Some(id),
            ..Self::default()
        }
    }
}

/// A delivery as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its number: deliveries of one line were made in the order of their numbers.
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// The event's id: `webhook-id`.
    pub event: EventId,
    /// The event's type.
    pub kind: EventType,
    /// Whom the event concerns.
    pub creator: Option<Username>,
    /// When the event was detected.
    pub event_at: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Attempts made, replays among them.
    pub attempts: u32,
    /// When the next attempt falls due, while pending.
    pub due_at: Timestamp,
    /// When it ended, if it has.
    pub finished_at: Option<Timestamp>,
    /// The last attempt's HTTP status.
    pub last_status: Option<u16>,
    /// The last attempt's error class.
    pub last_error: Option<String>,
}

/// One attempt of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Where that time went.
    pub timing: Timing,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The error class; `None` for a 2xx.
    pub error: Option<String>,
    /// At most 4 KiB of the answer: hostile bytes.
    pub answer: Vec<u8>,
}

/// What came of a replay by hand. It uses up none of the delivery's attempts.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Which delivery; it is not pending.
    pub delivery: DeliveryId,
    /// The attempt. Without an error the delivery counts as delivered; else its status stays.
    pub attempt: Attempt,
    /// The address that was tried, as a hash.
    pub url_hash: String,
}
