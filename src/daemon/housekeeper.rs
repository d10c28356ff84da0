//! Deletes history and finished deliveries that are older than the configuration keeps.
//!
//! In small batches with pauses between them, so that a poll or a delivery never waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::store::{Store, StoreError};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3_600);
/// The first look comes late enough to leave the start to more urgent work.
const FIRST: Duration = Duration::from_secs(60);
/// Rows of a kind deleted in one transaction.
const BATCH: usize = 500;
/// The pause between two batches.
const PAUSE: Duration = Duration::from_millis(200);

/// What the housekeeper works with.
#[derive(Debug)]
pub(crate) struct Housekeeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// Says how long things are kept.
    pub(crate) config: watch::Receiver<Arc<Config>>,
}

impl Housekeeper {
    /// Prunes now and then until `drain` is cancelled.
    pub(crate) async fn run(self, drain: CancellationToken) -> Result<(), StoreError> {
        let mut wait = FIRST;
        loop {
            let due = self.clock.monotonic() + wait;
            tokio::select! {
                () = drain.cancelled() => return Ok(()),
                () = self.clock.sleep_until(due) => {}
            }
            wait = match self.prune().await {
                Ok(BATCH..) => PAUSE,
                Ok(_) => EVERY,
                Err(StoreError::Failed { doing, reason }) => {
                    tracing::warn!(
                        "old history is not deleted, trying again later: could not {doing}: {reason}"
                    );
                    EVERY
                }
                Err(lost) => return Err(lost),
            };
        }
    }

    async fn prune(&self) -> Result<usize, StoreError> {
        let keep = self.config.borrow().storage.keep;
        let before = self.clock.now().minus(keep);
        self.store.prune(before, BATCH).await
    }
}
