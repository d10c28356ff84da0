//! Deletes history and finished deliveries that are older than the configuration keeps.
//!
//! In small batches with pauses between them, so that a poll or a delivery never waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, ScheduleKind};
use crate::store::{Expired, Store, StoreError};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3_600);
/// The first look comes late enough to leave the start to more urgent work.
const FIRST: Duration = Duration::from_secs(60);
/// Rows of a kind deleted in one transaction: tens of milliseconds that a commit may have to wait.
const BATCH: usize = 100;
/// The pause between two batches.
const PAUSE: Duration = Duration::from_millis(100);

/// How long streams are kept for the learned schedule, which reads its rhythms off them at every
/// start: a start of that age weighs a sixth of a new one (half-life 35 days).
const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);

/// How long `schedule` needs streams for.
pub(crate) fn remembered(schedule: ScheduleKind) -> Duration {
    match schedule {
        ScheduleKind::Learned => REMEMBERED,
        ScheduleKind::Fixed => Duration::ZERO,
    }
}

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
        let now = self.clock.now();
        let (keep, schedule) = {
            let config = self.config.borrow();
            (config.storage.keep, config.polling.schedule)
        };
        let expired = Expired {
            history: now.minus(keep),
            streams: now.minus(keep.max(remembered(schedule))),
        };
        self.store.prune(expired, BATCH).await
    }
}
