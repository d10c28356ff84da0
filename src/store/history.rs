//! The past as people and programs read it: streams, samples, events, polls, deliveries.
//!
//! Reads only, in bounded pages, beside the writer and never through it. A page is continued
//! by its [`Cursor`], a place between two rows and not a count of them, so that what is added
//! or pruned in between neither repeats nor hides a row.

mod cursor;
mod polls;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::cursor::{BadCursor, Cursor};
pub use self::polls::{Look, PollMark};
use super::log::{AttemptRecord, DeliveryFilter, DeliveryRecord};
use super::{DeliveryId, StoreError};
use crate::config::WebhookId;
use crate::domain::tracker::{EndReason, Visibility};
use crate::domain::{EventId, EventType, RoomId, Timestamp, Username};

/// The most rows that one page holds, whatever is asked for.
pub const MAX_PAGE: usize = 1_000;

/// A store whose past can be read while it is written to.
#[async_trait]
pub trait History: fmt::Debug + Send + Sync {
    /// Streams in order of their beginning.
    async fn streams(&self, query: StreamQuery) -> Result<Page<StreamRecord>, StoreError>;

    /// The streams of one room, the oldest first: more than one if it ended and came back.
    async fn room(&self, room: &RoomId) -> Result<Vec<StreamRecord>, StoreError>;

    /// Audience samples, the oldest first.
    async fn samples(&self, query: SampleQuery) -> Result<Page<SampleRecord>, StoreError>;

    /// What was announced, the newest first, without samples and changed titles.
    async fn events(&self, query: EventQuery) -> Result<Page<EventRecord>, StoreError>;

    /// How late the latest starts were noticed, at most `limit`, the newest first; of one
    /// creator or of all. Streams that were running before the first poll are left out.
    async fn delays(
        &self,
        creator: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<DetectionDelay>, StoreError>;

    /// The latest polls of `creator`, the oldest first; behind by one checkpoint at most.
    async fn polls(&self, creator: &Username) -> Result<Vec<PollMark>, StoreError>;

    /// Deliveries, the newest first; the next page has [`DeliveryFilter::before`] at the last one's number.
    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// One delivery with its body and every attempt; `None` for an unknown number.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryDetail>, StoreError>;

    /// What is pending, for each webhook that has something pending.
    async fn backlogs(&self) -> Result<Vec<Backlog>, StoreError>;
}

/// Rows, and where they go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// Which end of the past comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// For people.
    #[default]
    NewestFirst,
    /// For exports.
    OldestFirst,
}

/// Which streams are meant by what they are doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamState {
    /// All.
    #[default]
    Any,
    /// Those without an end. A creator that left the watchlist while live has one for ever:
    /// [`StreamRecord::last_seen_at`] tells.
    Running,
}

/// Which streams, and in which order.
#[derive(Debug, Clone, Default)]
pub struct StreamQuery {
    /// Of this creator.
    pub creator: Option<Username>,
    /// That began at this time or later.
    pub since: Option<Timestamp>,
    /// That began before this time.
    pub until: Option<Timestamp>,
    /// Running ones alone, or all.
    pub state: StreamState,
    /// Which come first.
    pub order: Order,
    /// Behind the page that gave this cursor, which was asked for in the same order.
    pub after: Option<Cursor>,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: usize,
}

/// Which samples; always the oldest first.
#[derive(Debug, Clone, Default)]
pub struct SampleQuery {
    /// Of what.
    pub of: SamplesOf,
    /// Counted at this time or later.
    pub since: Option<Timestamp>,
    /// Counted before this time.
    pub until: Option<Timestamp>,
    /// Behind the page that gave this cursor.
    pub after: Option<Cursor>,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: usize,
}

/// What was sampled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SamplesOf {
    /// Every stream, interleaved by time.
    #[default]
    All,
    /// One creator's streams, one after the other.
    Creator(Username),
    /// One stream.
    Stream(StreamId),
    /// The streams of one room, one after the other.
    Room(RoomId),
}

/// Which events; always the newest first.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// About this creator.
    pub creator: Option<Username>,
    /// Behind the page that gave this cursor.
    pub after: Option<Cursor>,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: usize,
}

/// A stored stream's number; a room that ended and came back has one for each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub i64);

/// How the beginning of a stream is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeganBy {
    /// The stream says so itself.
    ItsOwnWord,
    /// It does not say; this is the first poll that saw it.
    FirstSeen,
}

/// A stream as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its number.
    pub id: StreamId,
    /// Whose.
    pub creator: Username,
    /// Its room, if what is stored can be one.
    pub room: Option<RoomId>,
    /// Its latest title: a stranger's text.
    pub title: Option<String>,
    /// When it began by its own word.
    pub started_at: Option<Timestamp>,
    /// The first poll that saw it.
    pub first_seen_at: Timestamp,
    /// The last poll that saw it live: the true end lies after this.
    pub last_seen_at: Timestamp,
    /// The first poll that saw it over: the true end lies before this. `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// How its end is known.
    pub end_reason: Option<EndReason>,
    /// The largest audience counted; `None` if none was.
    pub peak_viewers: Option<u64>,
    /// The mean audience.
    pub average_viewers: Option<u64>,
    /// Who ever came, by its own word.
    pub views: Option<u64>,
    /// Audience samples that are kept.
    pub samples: u64,
    /// Whether the outside heard of it.
    pub visibility: Visibility,
    /// It was running before the creator was first asked for.
    pub already_live: bool,
    /// It continued the stream before.
    pub resumed: bool,
}

impl StreamRecord {
    /// When it began, as far as known; see [`StreamRecord::began_by`].
    pub fn began_at(&self) -> Timestamp {
        self.started_at.unwrap_or(self.first_seen_at)
    }

    /// How that is known.
    pub fn began_by(&self) -> BeganBy {
        match self.started_at {
            Some(_) => BeganBy::ItsOwnWord,
            None => BeganBy::FirstSeen,
        }
    }

    /// From its beginning to the first poll that saw it over; `None` while it runs.
    pub fn duration(&self) -> Option<Duration> {
        self.ended_at.map(|end| end.since(self.began_at()))
    }

    /// From its start to the first poll that saw it; `None` if it does not say when it started.
    pub fn detection_delay(&self) -> Option<Duration> {
        self.started_at.map(|start| self.first_seen_at.since(start))
    }
}

/// One audience sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRecord {
    /// Of which stream.
    pub stream: StreamId,
    /// Whose.
    pub creator: Username,
    /// The stream's room, if what is stored can be one.
    pub room: Option<RoomId>,
    /// When it was counted.
    pub at: Timestamp,
    /// How many watched.
    pub viewers: u64,
}

/// One event as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its id: `webhook-id`.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// Whom it concerns; `None` for the monitor's own.
    pub creator: Option<Username>,
    /// Which of the creator's starts and ends it is.
    pub sequence: Option<u64>,
    /// When it was detected.
    pub at: Timestamp,
}

/// How late one start was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectionDelay {
    /// Of which stream.
    pub stream: StreamId,
    /// When it was noticed.
    pub noticed_at: Timestamp,
    /// How long after it had started.
    pub delay: Duration,
}

/// One delivery with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDetail {
    /// As it is listed.
    pub record: DeliveryRecord,
    /// The event's body, byte for byte.
    pub body: String,
    /// Every attempt, the oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// What one webhook has not heard yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Which webhook.
    pub webhook: WebhookId,
    /// How many deliveries are pending.
    pub pending: u64,
    /// When the event of the oldest of them was detected.
    pub oldest_event_at: Timestamp,
}
