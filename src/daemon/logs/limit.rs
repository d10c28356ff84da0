//! How often one place of the program may warn: so many lines a minute, and the rest counted.
//!
//! A fault that hits every creator is one fault. What is left out is in the store or in the
//! metrics; the log says how much it was. Lines below a warning are not limited: each of them
//! is something that happened.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::{Level, Metadata};

use crate::clock::Clock;

/// Lines of one place in a window.
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts lines by the place that writes them; there are only so many of these.
#[derive(Debug)]
pub(super) struct Limit {
    clock: Clock,
    places: Mutex<HashMap<Identifier, Window>>,
}

/// One place's lines.
#[derive(Debug, Default, Clone, Copy)]
struct Window {
    /// Monotonic.
    since: Duration,
    lines: u32,
    left_out: u64,
}

impl Limit {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            places: Mutex::default(),
        }
    }

    /// `None` if a line is to be left out; else how many like it were since the last one.
    pub(super) fn admit(&self, metadata: &Metadata<'_>) -> Option<u64> {
        if *metadata.level() > Level::WARN {
            return Some(0);
        }
        let now = self.clock.monotonic();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(metadata.callsite()).or_default().admit(now)
    }
}

impl Window {
    fn admit(&mut self, now: Duration) -> Option<u64> {
        if now.saturating_sub(self.since) >= WINDOW {
            (self.since, self.lines) = (now, 0);
        }
        if self.lines >= LINES {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_writes_twenty_lines_a_minute_and_counts_the_rest() {
        let mut window = Window::default();
        let mut written = 0;
        for millis in 0..59_000 {
            let admitted = window.admit(Duration::from_millis(millis));
            written += u32::from(admitted.is_some());
        }
        assert_eq!(written, LINES);
        let next = window.admit(WINDOW);
        assert_eq!(next, Some(59_000 - u64::from(LINES)));
        assert_eq!(window.admit(WINDOW), Some(0));
    }
}
