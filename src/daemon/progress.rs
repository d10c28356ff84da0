//! When a loop last made progress: what health is computed from.
//!
//! The loop says so; whoever asks computes the age. A loop that hangs cannot keep the
//! answer green.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Clock;

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
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// How long ago the loop went round.
    pub fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.clock.monotonic().saturating_sub(last)
    }
}
