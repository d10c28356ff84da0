//! What a lane knows of its receiver: breaker and failure clock, and what others are to hear.
//!
//! Pure but for the lock around it, which the lane holds. The store keeps the same clock by
//! the same rule, so a start goes on where the last run ended.

use std::time::Duration;

use super::breaker::{Breaker, Change, FAILURES, Leave};
use crate::domain::Timestamp;
use crate::store::Attempt;
use crate::store::streak::Streak;
use crate::web::views::LaneState;

/// One receiver's condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    breaker: Breaker,
    streak: Streak,
}

/// What an attempt changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Learnt {
    pub(super) breaker: Option<Change>,
    /// It has had no 2xx since then: too long to go on.
    pub(super) given_up: Option<Timestamp>,
}

impl Condition {
    /// Goes on from what was stored; a receiver that kept failing is probed first.
    pub(super) fn restored(streak: Streak, slots: usize, now: Duration) -> Self {
        let breaker = if streak.failures >= FAILURES {
            Breaker::probing(slots, now)
        } else {
            Breaker::closed(slots)
        };
        Self { breaker, streak }
    }

    /// So many attempts may run from now on, once the receiver is well.
    pub(super) fn resize(&mut self, slots: usize) {
        self.breaker.resize(slots);
    }

    pub(super) fn leave(&self, now: Duration) -> Leave {
        self.breaker.leave(now)
    }

    /// The first failure since the last 2xx.
    pub(super) fn failing_since(&self) -> Option<Timestamp> {
        self.streak.failing.map(|(first, _)| first)
    }

    /// The receiver's condition in a word.
    pub(super) fn state(&self) -> LaneState {
        if self.breaker.is_open() {
            LaneState::Failing
        } else {
            LaneState::Healthy
        }
    }

    /// Takes note of an attempt that has just ended, `now` by the monotonic clock.
    pub(super) fn take(&mut self, attempt: &Attempt, now: Duration) -> Learnt {
        if !attempt.was_sent() {
            return Learnt::default();
        }
        let delivered = attempt.error.is_none();
        self.streak.take(attempt.ended_at(), delivered);
        let breaker = match (delivered, attempt.status) {
            (true, _) => self.breaker.succeeded(),
            // A receiver that limits its callers is well; the lane pauses as it asks.
            (false, Some(429)) => None,
            (false, _) => self.breaker.failed(now),
        };
        Learnt {
            breaker,
            given_up: self.streak.too_long(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timing;

    fn attempt(status: Option<u16>, error: Option<&'static str>) -> Attempt {
        Attempt {
            started_at: Timestamp::from_millis(1_772_217_402_000),
            took: Duration::from_secs(1),
            timing: Timing::default(),
            status,
            error,
            answer: Vec::new(),
        }
    }

    fn after(attempt: &Attempt, times: u32) -> Condition {
        let mut condition = Condition::restored(Streak::default(), 4, Duration::ZERO);
        for _ in 0..times {
            condition.take(attempt, Duration::ZERO);
        }
        condition
    }

    #[test]
    fn failures_open_it_but_not_a_limit_nor_a_body_that_was_never_sent() {
        let wait = Leave::Wait(Duration::from_secs(30));
        let cases = [
            (attempt(Some(500), Some("http_5xx")), wait),
            (attempt(Some(503), Some("http_5xx")), wait),
            (attempt(None, Some("timeout")), wait),
            (attempt(Some(429), Some("http_4xx")), Leave::Claim(4)),
            (attempt(None, Some("format")), Leave::Claim(4)),
        ];
        for (attempt, leave) in cases {
            let condition = after(&attempt, FAILURES);
            assert_eq!(condition.leave(Duration::ZERO), leave, "{attempt:?}");
        }
        let unsent = after(&attempt(None, Some("format")), 9);
        assert_eq!(unsent.failing_since(), None);
        let limited = after(&attempt(Some(429), Some("http_4xx")), 9);
        assert!(limited.failing_since().is_some());
    }

    #[test]
    fn after_a_restart_a_receiver_that_kept_failing_is_probed_first() {
        let failing = after(&attempt(None, Some("reset")), FAILURES).streak;
        let now = Duration::from_secs(7);
        let restored = Condition::restored(failing, 4, now);
        assert_eq!(restored.leave(now), Leave::Claim(1));
        let well = Condition::restored(Streak::default(), 4, now);
        assert_eq!(well.leave(now), Leave::Claim(4));
    }
}
