//! The one place that reads clocks: wall time for what is told, monotonic time for waits.
//!
//! A wall clock that jumps moves no wait. Under tokio's paused time both stand still
//! and move together.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else asks"
)]

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Timestamp;

/// Tells the time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    wall: Wall,
}

#[derive(Debug, Clone)]
enum Wall {
    System,
    Simulated { at_start: Timestamp },
}

impl Clock {
    /// The machine's clocks; monotonic time begins now.
    pub fn system() -> Self {
        Self {
            started: Instant::now(),
            wall: Wall::System,
        }
    }

    /// A wall clock that shows `at_start` now and runs with tokio's time.
    pub fn simulated(at_start: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            wall: Wall::Simulated { at_start },
        }
    }

    /// Wall time.
    pub fn now(&self) -> Timestamp {
        match self.wall {
            Wall::System => Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()),
            Wall::Simulated { at_start } => at_start.plus(self.monotonic()),
        }
    }

    /// Time since this clock was made; never goes back.
    pub fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until [`Clock::monotonic`] shows `due`.
    pub async fn sleep_until(&self, due: Duration) {
        match self.started.checked_add(due) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }
}
