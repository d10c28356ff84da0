//! The failure clock of a webhook: since when it has had no 2xx. Pure.
//!
//! Kept with each settlement in the same transaction, so a restart does not reset it.
//! Attempts that ran beside each other may be taken in any order.

use std::time::Duration;

use crate::domain::Timestamp;

/// From the first failure to the last, without a 2xx between, until a webhook is disabled.
///
/// Counted from the first failure: a quiet webhook whose last 2xx is a week old gets its five days too.
pub const DISABLED_AFTER: Duration = Duration::from_secs(120 * 3_600);
/// Attempts of one webhook end at most this long out of order.
const OUT_OF_ORDER: Duration = Duration::from_secs(60);

/// A webhook's failures since its last 2xx.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streak {
    /// When it last answered with a 2xx.
    pub last_success_at: Option<Timestamp>,
    /// The first failure since then, and the last.
    pub failing: Option<(Timestamp, Timestamp)>,
    /// Failures since then.
    pub failures: u32,
}

impl Streak {
    /// Takes note of an attempt that ended at `at`.
    pub fn take(&mut self, at: Timestamp, delivered: bool) {
        if delivered {
            self.succeeded(at);
        } else {
            self.failed(at);
        }
    }

    fn succeeded(&mut self, at: Timestamp) {
        self.last_success_at = self.last_success_at.max(Some(at));
        match self.failing {
            Some((_, last)) if last > at && last.since(at) <= OUT_OF_ORDER => {
                self.failing = Some((last, last));
                self.failures = 1;
            }
            _ => {
                self.failing = None;
                self.failures = 0;
            }
        }
    }

    fn failed(&mut self, at: Timestamp) {
        match self.last_success_at {
            Some(success) if success > at && success.since(at) <= OUT_OF_ORDER => return,
            // The clock went back: what it said before counts no more.
            Some(success) if success > at => *self = Self::default(),
            _ => {}
        }
        let (first, last) = self.failing.unwrap_or((at, at));
        self.failing = Some((first.min(at), last.max(at)));
        self.failures = self.failures.saturating_add(1);
    }

    /// Since when it fails, if that is long enough to disable it.
    pub fn too_long(&self) -> Option<Timestamp> {
        let (first, last) = self.failing?;
        (last.since(first) >= DISABLED_AFTER).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_millis(1_772_217_402_000 + hour * 3_600_000)
    }

    fn after(attempts: &[(i64, bool)]) -> Streak {
        let mut streak = Streak::default();
        for (at, delivered) in attempts {
            streak.take(hour(*at), *delivered);
        }
        streak
    }

    #[test]
    fn five_days_of_failures_are_too_long_and_one_failure_never_is() {
        assert_eq!(after(&[(0, false)]).too_long(), None);
        assert_eq!(after(&[(0, false), (119, false)]).too_long(), None);
        let five_days = after(&[(0, false), (60, false), (120, false)]);
        assert_eq!(five_days.too_long(), Some(hour(0)));
        // A quiet webhook: its last success is long ago, its first failure is not.
        assert_eq!(
            after(&[(0, true), (500, false), (501, false)]).too_long(),
            None
        );
    }

    #[test]
    fn a_success_begins_the_count_anew() {
        let streak = after(&[(0, false), (100, false), (119, true), (121, false)]);
        assert_eq!(streak.failing, Some((hour(121), hour(121))));
        assert_eq!(streak.failures, 1);
        assert_eq!(after(&[(0, false), (119, true)]).failing, None);
    }

    #[test]
    fn attempts_beside_each_other_may_be_taken_in_any_order() {
        let second = |n| hour(0).plus(Duration::from_secs(n));
        let mut early = after(&[(-130, false)]);
        early.take(second(2), true);
        early.take(second(1), false);
        assert_eq!((early.failing, early.too_long()), (None, None));
        let mut late = after(&[(-130, false)]);
        late.take(second(2), false);
        late.take(second(1), true);
        assert_eq!(late.failing, Some((second(2), second(2))));
    }

    #[test]
    fn a_clock_that_went_back_does_not_stop_the_count() {
        let mut streak = after(&[(100_000, true)]);
        streak.take(hour(0), false);
        streak.take(hour(121), false);
        assert_eq!(streak.too_long(), Some(hour(0)));
    }
}
