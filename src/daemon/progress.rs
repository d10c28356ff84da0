//! When a loop last got on: written by the loop, read by whoever is asked for its health.
//!
//! A loop that hangs cannot say so; the age of its last beat says it. Nothing here decides
//! how old is too old.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Clock;

/// One loop's last sign of progress; clones share it.
#[derive(Debug, Clone)]
pub struct Progress {
    clock: Clock,
    /// Milliseconds on the clock's monotonic side.
    last: Arc<AtomicU64>,
}

impl Progress {
    /// A loop that makes progress now.
    pub fn new(clock: Clock) -> Self {
        let progress = Self {
            clock,
            last: Arc::default(),
        };
        progress.beat();
        progress
    }

    /// The loop got on.
    pub fn beat(&self) {
        self.beat_at(self.clock.monotonic());
    }

    /// The loop got on at `at`, on the clock's monotonic side; an earlier beat changes nothing.
    pub fn beat_at(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis, Ordering::Relaxed);
    }

    /// The last beat, on the clock's monotonic side.
    pub fn last(&self) -> Duration {
        Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// How long ago the last beat was, at `now` on the clock's monotonic side.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn the_age_counts_from_the_last_beat_of_any_clone() {
        let clock = Clock::simulated(Timestamp::from_millis(0));
        let progress = Progress::new(clock.clone());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(progress.age(clock.monotonic()), Duration::from_secs(7));
        progress.clone().beat();
        assert_eq!(progress.age(clock.monotonic()), Duration::ZERO);
        progress.beat_at(Duration::from_secs(3));
        assert_eq!(progress.last(), Duration::from_secs(7));
    }
}
