//! The rate limit: the generic cell rate algorithm (GCRA) in its virtual scheduling form.
//!
//! <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>. One number of state: the
//! theoretical arrival time of the next request. The burst lets a timer that fires a
//! little late catch up without ever passing the rate over a longer time.

use std::time::Duration;

/// Lets at most `rate` requests a second pass, times on the monotonic clock.
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// Seconds between requests at the full rate, as a duration.
    spacing: Duration,
    /// How far ahead of the spacing a request may be.
    tolerance: Duration,
    /// When the next request would be due at the full rate.
    theoretical: Duration,
}

impl RateLimit {
    /// `per_second` requests, of which at most `burst` (at least 1) may start at once.
    pub fn new(per_second: f64, burst: u32) -> Self {
        let spacing = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX);
        Self {
            spacing,
            tolerance: spacing.saturating_mul(burst.saturating_sub(1)),
            theoretical: Duration::ZERO,
        }
    }

    /// Another rate and burst from `now` on; what passed before counts as it would have under it.
    pub fn change(&mut self, per_second: f64, burst: u32, now: Duration) {
        let next = Self::new(per_second, burst);
        let theoretical = self.theoretical.min(now.saturating_add(next.spacing));
        *self = Self {
            theoretical,
            ..next
        };
    }

    /// When the next request may start: `now` or later.
    pub fn earliest(&self, now: Duration) -> Duration {
        self.theoretical.saturating_sub(self.tolerance).max(now)
    }

    /// Counts a request that starts at `now`; `false`, and nothing counted, if it may not start yet.
    pub fn try_pass(&mut self, now: Duration) -> bool {
        if self.earliest(now) > now {
            return false;
        }
        self.theoretical = self.theoretical.max(now).saturating_add(self.spacing);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_too_early_is_refused_and_costs_nothing() {
        let mut limit = RateLimit::new(10.0, 1);
        let ms = Duration::from_millis;
        assert!(limit.try_pass(ms(0)));
        assert!(!limit.try_pass(ms(99)));
        assert_eq!(limit.earliest(ms(50)), ms(100));
        assert!(limit.try_pass(ms(100)));
        // Idle time earns no more than the burst.
        assert!(limit.try_pass(ms(5_000)));
        assert!(!limit.try_pass(ms(5_001)));
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_rate_and_burst_allow(
            waits in prop::collection::vec(0_u64..120, 1..300), burst in 1_u32..5
        ) {
            let mut limit = RateLimit::new(20.0, burst);
            let mut now = Duration::ZERO;
            let mut passed = Vec::new();
            for wait in waits {
                now += Duration::from_millis(wait);
                if limit.try_pass(now) {
                    passed.push(now);
                }
            }
            for (i, start) in passed.iter().enumerate() {
                for (j, end) in passed.iter().enumerate().skip(i) {
                    let allowed = (*end).checked_sub(*start).unwrap().as_secs_f64() * 20.0 + f64::from(burst) + 1e-6;
                    prop_assert!((j - i + 1) as f64 <= allowed);
                }
            }
        }
    }
}
