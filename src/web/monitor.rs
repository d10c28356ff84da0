//! The seam between the daemon and whoever looks at it.
//!
//! The daemon implements [`Monitor`]; pages and API depend on nothing else of it. Every
//! answer comes in bounded time and is bounded in size, however many ask at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::broadcast;

use super::views::{Change, CreatorDetail, CreatorPage, CreatorQuery, Lane, Overview};
use crate::domain::Username;

/// Changes that a reader may be behind before it loses the oldest.
const CHANGES_KEPT: usize = 1_024;

/// The running daemon, as seen from outside.
#[async_trait]
pub trait Monitor: fmt::Debug + Send + Sync {
    /// Everything at a glance; up to a second old, since all readers share one.
    async fn overview(&self) -> Result<Arc<Overview>, Unavailable>;

    /// One page of the watchlist, by name; at most [`CreatorQuery::MOST`] creators.
    async fn creators(&self, query: CreatorQuery) -> Result<CreatorPage, Unavailable>;

    /// One creator, with what was learned of it; `None` if it is not watched.
    async fn creator(&self, username: &Username) -> Result<Option<CreatorDetail>, Unavailable>;

    /// Has a creator polled as soon as rate and budget let; `false` if it is not watched.
    async fn poll_now(&self, username: &Username) -> Result<bool, Unavailable>;

    /// Every webhook of the configuration, in its order; up to a second old. Asks the store.
    async fn webhooks(&self) -> Result<Arc<Vec<Lane>>, Unavailable>;

    /// What a month of credits buys by what is known now, and what `creator` gets of it; `None`
    /// if that creator is not watched. The document that `tallylight plan --json` prints; seconds of
    /// work, one at a time. `want` is the mean delay whose cheapest plan is looked for.
    async fn plan(
        &self,
        creator: Option<Username>,
        want: Option<Duration>,
    ) -> Result<Option<Value>, Unavailable>;

    /// When each loop last made progress. Asks nobody: a loop that hangs cannot hide it.
    fn loops(&self) -> Vec<LoopAge>;

    /// What happens from now on.
    fn changes(&self) -> broadcast::Receiver<Arc<Change>>;
}

/// Why the daemon gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// It is stopping.
    #[error("the daemon is stopping")]
    Stopped,
    /// It did not answer within the time allowed.
    #[error("the {0} did not answer in time")]
    Busy(&'static str),
    /// The store could not be asked.
    #[error("{0}")]
    Store(String),
}

/// One loop's sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopAge {
    /// Which loop.
    pub name: &'static str,
    /// Since its last progress.
    pub age: Duration,
}

impl LoopAge {
    /// A loop without progress for so long hangs: the slowest goes round every ten seconds.
    pub const LONGEST: Duration = Duration::from_secs(30);

    /// Whether the loop has stopped going round.
    pub fn hangs(&self) -> bool {
        self.age > Self::LONGEST
    }
}

/// Where changes are told; clones share it.
///
/// Bounded: a reader that lags behind loses the oldest and is told how many
/// ([`broadcast::error::RecvError::Lagged`]). Telling never waits.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Arc<Change>>);

impl Changes {
    /// Tells whoever listens.
    pub fn tell(&self, change: Change) {
        // Nobody listening is fine.
        let _ = self.0.send(Arc::new(change));
    }

    /// Everything told from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Change>> {
        self.0.subscribe()
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANGES_KEPT))
    }
}
