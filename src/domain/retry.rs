//! How long to wait before trying again. Pure: the random fraction is an argument.

use std::time::Duration;

/// Waits between attempts, in order; attempt `n` is followed by entry `n - 1`.
///
/// The default is the delivery schedule of Standard Webhooks' window with six attempts in
/// the first eight minutes: 15 attempts over 75 h 53 min.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// The largest share added to a wait at random, so that failures do not come back together.
const JITTER: f64 = 0.2;

impl RetrySchedule {
    /// A schedule of the given waits; empty means a single attempt.
    pub fn new(waits: Vec<Duration>) -> Self {
        Self(waits)
    }

    /// The wait after `failed` attempts (at least 1), or `None` when no attempt is left.
    ///
    /// `random` in `[0, 1)` adds up to 20 %; the wait is never shorter than the base.
    pub fn delay(&self, failed: u32, random: f64) -> Option<Duration> {
        let index = usize::try_from(failed.checked_sub(1)?).ok()?;
        let base = self.0.get(index)?;
        Some(base.mul_f64(1.0 + JITTER * random.clamp(0.0, 1.0)))
    }

    /// The waits themselves.
    pub fn waits(&self) -> &[Duration] {
        &self.0
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 3_600;
        let seconds = [
            5,
            15,
            45,
            2 * MINUTE,
            5 * MINUTE,
            15 * MINUTE,
            30 * MINUTE,
            HOUR,
            2 * HOUR,
            4 * HOUR,
            8 * HOUR,
            12 * HOUR,
            24 * HOUR,
            24 * HOUR,
        ];
        Self(seconds.map(Duration::from_secs).to_vec())
    }
}

/// The wait before the next try within one poll, after `failed` tries, or `None` after the third retry.
///
/// 0.5 s, 1 s, 2 s, each +-25 %: what the provider advises for passing faults.
pub fn poll_retry(failed: u32, random: f64) -> Option<Duration> {
    const FIRST: Duration = Duration::from_millis(500);
    (1..=3).contains(&failed).then(|| {
        FIRST
            .saturating_mul(1 << (failed - 1))
            .mul_f64(0.75 + 0.5 * random.clamp(0.0, 1.0))
    })
}

/// The wait after `failures` (at least 1) things of a kind in a row: `first`, doubling, at most `longest`.
pub fn doubling(failures: u32, first: Duration, longest: Duration) -> Duration {
    let factor = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    first.saturating_mul(factor.max(1)).min(longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_makes_fifteen_attempts_over_the_published_window() {
        let schedule = RetrySchedule::default();
        let total: Duration = (1..).map_while(|n| schedule.delay(n, 0.0)).sum();
        assert_eq!(schedule.waits().len() + 1, 15);
        let published = Duration::from_secs(75 * 3600 + 53 * 60 + 5);
        assert_eq!(total, published);
    }

    #[test]
    fn doubling_starts_at_the_first_and_stays_at_the_longest() {
        let minute = Duration::from_secs(60);
        let waits: Vec<u64> = (1..=7)
            .map(|n| doubling(n, minute, 30 * minute).as_secs() / 60)
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(doubling(u32::MAX, minute, 30 * minute), 30 * minute);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_its_base_nor_a_fifth_longer(n in 0_u32..40, random in 0.0..1.0) {
            let schedule = RetrySchedule::default();
            match schedule.delay(n, random) {
                Some(wait) => {
                    let base = schedule.waits()[n as usize - 1];
                    prop_assert!(wait >= base && wait <= base.mul_f64(1.2));
                }
                None => prop_assert!(n == 0 || n > 14),
            }
        }

        #[test]
        fn a_poll_is_retried_three_times_at_about_half_one_and_two_seconds(n in 0_u32..10, random in 0.0..1.0) {
            let wait = poll_retry(n, random).map(|w| w.as_secs_f64());
            prop_assert_eq!(wait.is_some(), (1..=3).contains(&n));
            if let Some(wait) = wait {
                let base = 0.5 * f64::from(1 << (n - 1));
                prop_assert!(wait >= 0.75 * base && wait <= 1.25 * base);
            }
        }
    }
}
