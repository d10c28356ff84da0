//! When a loop last made progress: what health is computed from.
//!
//! The loop says so; whoever asks computes the age. A loop that hangs cannot keep the
//! answer green.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// One loop's sign of life; clones share it.
#[derive(Debug, Clone)]
pub struct Progress {
    clock: Clock,
    last: Arc<AtomicU64>,
}

impl Progress {
    /// Counts as alive from now.
    pub fn new(clock: Clock) -> Self {
        let progress = Self {
            clock,
            last: Arc::default(),
        };
        progress.beat();
        progress
    }

    /// The loop went round.
    pub fn beat(&self) {
        self.beat_at(self.clock.monotonic());
    }

    /// The loop went round at `at`, on the clock's monotonic side; an earlier beat changes nothing.
    pub fn beat_at(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis, Ordering::Relaxed);
    }

    /// The last beat, on the clock's monotonic side.
    pub fn last(&self) -> Duration {
        Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// How long ago the loop went round.
    pub fn age(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.last())
    }
}

/// A loop that made no progress for so long hangs: twice what the slowest may take while all is well.
pub const HUNG_AFTER: Duration = Duration::from_secs(20);

/// The loops without which nothing is noticed or told, by name.
#[derive(Debug, Clone)]
pub struct Loops(Arc<[(&'static str, Progress)]>);

impl Loops {
    /// Names that read well after "the".
    pub fn new(loops: impl IntoIterator<Item = (&'static str, Progress)>) -> Self {
        Self(loops.into_iter().collect())
    }

    /// Each loop with the age of its last progress.
    pub fn ages(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.0
            .iter()
            .map(|(name, progress)| (*name, progress.age()))
    }

    /// A loop that hangs, if one does.
    pub fn hung(&self) -> Option<&'static str> {
        self.ages()
            .find(|(_, age)| *age >= HUNG_AFTER)
            .map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn the_age_counts_from_the_last_beat_of_any_clone() {
        let clock = Clock::simulated(Timestamp::from_millis(0));
        let progress = Progress::new(clock);
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(progress.age(), Duration::from_secs(7));
        progress.clone().beat();
        assert_eq!(progress.age(), Duration::ZERO);
        progress.beat_at(Duration::from_secs(3));
        assert_eq!(progress.last(), Duration::from_secs(7));
    }
}
