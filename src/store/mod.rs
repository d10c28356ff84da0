//! What must survive: creators' states, events, deliveries and history.
//!
//! One trait the size of its callers' needs. A [`Change`] is one transaction: state, events
//! and deliveries together or not at all. The deliveries table is the queue; there is no
//! second one. A storage error is never an observation: callers keep what they have and
//! try again.

pub mod history;
pub mod log;
pub mod sqlite;
pub mod streak;

#[cfg(test)]
pub(crate) mod contract;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use self::history::PollMark;
use self::log::{DeliveryFilter, Status};
use self::streak::Streak;
use crate::config::WebhookId;
use crate::domain::credits::Told;
use crate::domain::event::InstallationId;
use crate::domain::identity::Identity;
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::{CreatorState, Transition};
use crate::domain::{Event, EventId, EventType, Timestamp, Timing, Username};

/// Where a debug build can be told to abort: `TALLYLIGHT_ABORT_AT=NAME`, or `NAME:3` for the third time.
///
/// `before_commit`: everything is written and nothing is durable. `after_commit`: all of it
/// is durable and nobody has been told. Of a batch each name is passed once. Between two
/// operations of one batch lies `batch.between_operations`.
pub const ABORT_POINTS: &[&str] = &[
    "transition.before_commit",
    "transition.after_commit",
    "checkpoint.before_commit",
    "checkpoint.after_commit",
    "settle.before_commit",
    "settle.after_commit",
    "migration.before_commit",
    "migration.after_commit",
    "batch.between_operations",
];

/// A store that several tasks use at once.
///
/// A call that is dropped before it returns may still be carried out.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Names this store in event ids; made when the store was.
    fn installation(&self) -> &InstallationId;

    /// What was known when the program stopped.
    async fn load(&self) -> Result<Snapshot, StoreError>;

    /// Stores one change whole: durable when this returns, or not stored at all.
    ///
    /// The same change again, after an unknown outcome, stores nothing twice. A different
    /// event under a sequence that is taken, and a creator whose sequence would go back, are
    /// refused with [`StoreError::Corrupt`].
    async fn commit(&self, change: Change) -> Result<(), StoreError>;

    /// Stores what quiet polls learnt, all in one transaction.
    ///
    /// Times alone: `None` leaves what is stored, phase and sequence are not touched. A
    /// creator that is not known yet begins in phase unknown.
    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError>;

    /// Every stream that is kept, of all creators, in order of its start.
    async fn past_streams(&self) -> Result<Vec<PastStream>, StoreError>;

    /// The deliveries of `webhook` whose turn it is: due by `now`, at most one for each
    /// creator, the oldest pending one; soonest due first.
    async fn due(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// When the next delivery of `webhook` whose turn it is falls due, past or future.
    async fn next_due_at(&self, webhook: &WebhookId) -> Result<Option<Timestamp>, StoreError>;

    /// How many deliveries are pending, over all webhooks.
    async fn pending(&self) -> Result<u64, StoreError>;

    /// Stores what came of one attempt, and moves the queue of its creator on.
    ///
    /// In the same transaction the attempt moves the webhook's failure clock, and each of
    /// `alerts` is stored, unless one of its type was for this webhook within the hour. Of a
    /// delivery that is not pending (any more) nothing is stored, and a warning logged.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Sends again: puts at most `limit` of the deliveries that `filter` means back into their
    /// queues, due at `now`, in order of their numbers; their numbers.
    ///
    /// One that ended is pending again, behind what is older and before what is younger of its
    /// webhook and creator. Its schedule begins anew for a few attempts, whatever it had used
    /// up, and if they fail it is again what it was. One that is pending is only brought
    /// forward, by an attempt that its schedule does not count. Empty `statuses` mean all.
    /// Bounded by `limit` alone: page with `after`, the last number that was returned.
    async fn replay(
        &self,
        filter: DeliveryFilter,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError>;

    /// Brings forward the deliveries of `webhook` that wait longer than a delivery may: the
    /// clock was set back; how many.
    ///
    /// After `n` counted attempts one waits `longest[n]` from `now` at most; the last entry is
    /// for all beyond.
    async fn pull_in(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        longest: Vec<Duration>,
    ) -> Result<usize, StoreError>;

    /// The webhooks that were disabled and not enabled since.
    async fn disabled_webhooks(&self) -> Result<Vec<DisabledWebhook>, StoreError>;

    /// The failure clock of every webhook that was ever sent to.
    async fn webhook_health(&self) -> Result<Vec<WebhookHealth>, StoreError>;

    /// Stores that `webhook` takes part again, with its failures forgotten.
    async fn enable_webhook(&self, webhook: &WebhookId) -> Result<(), StoreError>;

    /// Deletes at most `limit` rows of a kind of what is expired; how many went.
    ///
    /// Call it again while it returns more than zero. Pending deliveries and their events,
    /// running streams and states stay, whatever their age.
    async fn prune(&self, expired: Expired, limit: usize) -> Result<usize, StoreError>;

    /// Changes its value with each commit that may have added deliveries.
    fn outbox(&self) -> watch::Receiver<u64>;

    /// Ends the store: what was accepted is written, the file is left whole, and every later
    /// call is answered with [`StoreError::Closed`]. Closing twice is fine.
    async fn close(&self) -> Result<(), StoreError>;
}

/// What was known when the program stopped.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Every creator ever polled, on the watchlist or not.
    pub creators: Vec<StoredCreator>,
    /// What made the monitor degraded, and since when.
    pub degraded: BTreeMap<DegradedReason, Timestamp>,
    /// What the learned schedule knew of creators, as it wrote it.
    pub learning: Vec<(Username, String)>,
    /// What the learned schedule knew of all creators together, as it wrote it.
    pub population: Option<String>,
    /// What was known of sweeps, as the poller wrote it.
    pub sweeps: Option<String>,
    /// Credits used in the last billing months.
    pub spending: Vec<Spending>,
    /// Who is behind each username, of whom anything is known.
    pub identities: Vec<(Username, Identity)>,
    /// What was told of the credits.
    pub credits_told: Told,
}

/// One creator as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCreator {
    /// Who.
    pub username: Username,
    /// The state machine's state.
    pub state: CreatorState,
    /// When the next poll was planned.
    pub next_poll_at: Option<Timestamp>,
}

/// One transaction.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The creator that changed, if one did.
    pub creator: Option<CreatorChange>,
    /// What makes the monitor degraded from now on, if that changed.
    pub degraded: Option<BTreeMap<DegradedReason, Timestamp>>,
    /// Who is behind these usernames from now on; an id that was another's is not any more.
    pub identities: Vec<IdentityChange>,
    /// What was told of the credits, if that changed.
    pub credits_told: Option<Told>,
    /// What the outside hears of it, in order.
    pub events: Vec<Outgoing>,
}

/// Who is behind a username from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityChange {
    /// The username.
    pub username: Username,
    /// Who is behind it.
    pub identity: Identity,
    /// The name it had before: its streams that are over, and what was learnt of it, go with it.
    pub inherits_from: Option<Username>,
}

/// A creator that changed.
#[derive(Debug, Clone)]
pub struct CreatorChange {
    /// Its row from now on.
    pub row: StoredCreator,
    /// What happened, announced or silent, in order: becomes streams and samples.
    pub transitions: Vec<Transition>,
}

/// An event and who is to hear of it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The event.
    pub event: Event,
    /// One delivery for each.
    pub webhooks: Vec<WebhookId>,
}

/// What polls learnt that no transaction had to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// What quiet polls learnt.
    pub creators: Vec<Learnt>,
    /// What the learned schedule knows of all creators together; `None` leaves it as it is.
    pub population: Option<String>,
    /// What is known of sweeps; `None` leaves it as it is.
    pub sweeps: Option<String>,
    /// Credits used in the last billing months; a month that is not among them is left as it is.
    pub spending: Vec<Spending>,
    /// What polls said, for pages that show each of them.
    pub polls: PollLog,
    /// Ids and profile calls to add to what is known; nothing is replaced or taken away.
    pub identities: Vec<(Username, Identity)>,
}

/// Polls since the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollLog {
    /// Polls of one creator that are kept, older ones are forgotten.
    pub keep: usize,
    /// For each creator that was polled, the oldest first. Of one that is not known nothing is kept.
    pub polled: Vec<(Username, Vec<PollMark>)>,
}

/// What quiet polls learnt of one creator; `None` leaves a value as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// Who.
    pub username: Username,
    /// When the first poll of all was made.
    pub first_poll_at: Option<Timestamp>,
    /// When the last certain answer was given.
    pub last_answer_at: Option<Timestamp>,
    /// When the next poll is planned.
    pub next_poll_at: Option<Timestamp>,
    /// What the learned schedule knows beyond the creator's streams, in its own words.
    pub learning: Option<String>,
}

/// Credits used in one billing month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// When the month began.
    pub period: Timestamp,
    /// How many.
    pub credits: u64,
}

/// A stream of the past, or one that is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStream {
    /// Whose.
    pub creator: Username,
    /// When it began: its own word, else when it was first seen.
    pub began_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// It continued the stream before.
    pub resumed: bool,
}

/// A stored delivery's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(pub i64);

/// A delivery whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// The event's id: `webhook-id`.
    pub event: EventId,
    /// The event's type.
    pub kind: EventType,
    /// Whom the event concerns.
    pub creator: Option<Username>,
    /// The event's body, byte for byte.
    pub body: String,
    /// When the event was detected.
    pub event_at: Timestamp,
    /// Attempts made so far.
    pub attempts: u32,
    /// How many of them its schedule does not count, since a person asked for what followed.
    pub spared: u32,
    /// What it was when a person asked for it again; `None` if nobody did.
    pub replay_of: Option<Status>,
    /// When the next attempt falls due.
    pub due_at: Timestamp,
}

impl Delivery {
    /// Attempts made so far, as its schedule counts them.
    pub fn counted_attempts(&self) -> u32 {
        self.attempts.saturating_sub(self.spared)
    }
}

/// What came of one attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The attempt itself; `None` if none was made (the delivery expired).
    pub attempt: Option<Attempt>,
    /// What becomes of the delivery.
    pub fate: Fate,
    /// Why the webhook takes no further part, if that is what the answer means.
    pub disable: Option<DisabledWebhook>,
    /// The address that was tried, as a hash: failures at another one do not count.
    pub url_hash: String,
    /// Until when its receiver asked to be left alone, if it did.
    pub paused_until: Option<Timestamp>,
    /// What others are to hear of this webhook.
    pub alerts: Vec<Outgoing>,
}

/// How a webhook has fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookHealth {
    /// Which one.
    pub webhook: WebhookId,
    /// The address that was tried, as a hash.
    pub url_hash: String,
    /// Its failures since the last 2xx there.
    pub streak: Streak,
    /// Until when it asked to be left alone, the last time that it did.
    pub paused_until: Option<Timestamp>,
}

/// One attempt, for the log of attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Where that time went.
    pub timing: Timing,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, from a closed set; `None` for a 2xx.
    pub error: Option<&'static str>,
    /// What was read of the answer, at most 4 KiB.
    pub answer: Vec<u8>,
}

impl Attempt {
    /// When it ended.
    pub fn ended_at(&self) -> Timestamp {
        self.started_at.plus(self.took)
    }

    /// Whether a request went out: else it says nothing of the receiver.
    pub fn was_sent(&self) -> bool {
        self.error != Some("format")
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A 2xx: done.
    Delivered,
    /// Tried again at this time; the creator's later deliveries wait behind it.
    Retry(Timestamp),
    /// Attempts used up: kept in the log (a replay as what it was before), the creator's next
    /// delivery moves up.
    Failed,
    /// Too old to be worth sending: kept in the log, the next moves up.
    Expired,
}

/// A webhook that takes no part until a person acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledWebhook {
    /// Which one.
    pub webhook: WebhookId,
    /// Since when.
    pub since: Timestamp,
    /// The address that was disabled, as a hash: another address takes part again.
    pub url_hash: String,
    /// One sentence for a person.
    pub reason: String,
}

/// What need not be kept any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Samples, events and finished deliveries from before this.
    pub history: Timestamp,
    /// Streams that ended before this, once their samples are gone.
    pub streams: Timestamp,
}

/// Why the store cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon has the file.
    #[error(
        "the store {path} is in use by another tallylight (process {holder}); two daemons must not share one file"
    )]
    Locked {
        /// The file.
        path: String,
        /// The other process's number, or `unknown`.
        holder: String,
    },
    /// A newer program wrote the file.
    #[error(
        "the store {path} has schema version {found}, this tallylight knows versions up to {known}; use the newer tallylight, or another file"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The file or its directory cannot be used.
    #[error("cannot open the store {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A copy of the store could not be made.
    #[error("cannot back the store up to {path}: {reason}")]
    Backup {
        /// The copy.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The file holds something that this program did not write.
    #[error("the store holds {0}")]
    Corrupt(String),
    /// A statement failed; worth trying again.
    #[error("the store could not {doing}: {reason}")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        reason: String,
    },
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
}
