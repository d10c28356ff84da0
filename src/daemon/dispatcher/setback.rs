//! Notices that the wall clock was set back, by which deliveries would wait too long.
//!
//! Due times are wall time, since they outlive the process. Pure: both times are arguments.

use std::time::Duration;

use crate::config::Webhook;
use crate::domain::Timestamp;
use crate::domain::retry::RetrySchedule;
use crate::webhook::outcome::LONGEST_PAUSE;

/// The wall clock against the monotonic one, as one lane saw them last.
#[derive(Debug, Clone)]
pub(super) struct Setback {
    longest: Vec<Duration>,
    /// Wall time less monotonic time, in milliseconds; `None` before the first look.
    lead: Option<i64>,
}

/// What a clock that is being disciplined loses without anybody noticing.
const TOLERATED: i64 = 1_000;

impl Setback {
    pub(super) fn of(webhook: &Webhook) -> Self {
        Self {
            longest: longest(&webhook.retry),
            lead: None,
        }
    }

    /// The longest wait after so many attempts: the schedule's own, or a pause that was asked for.
    pub(super) fn longest(&self) -> Vec<Duration> {
        self.longest.clone()
    }

    /// Whether to look for deliveries that wait too long: at the first time, and after a setback.
    pub(super) fn is_due(&mut self, now: Timestamp, monotonic: Duration) -> bool {
        let lead = lead(now, monotonic);
        let due = self.lead.is_none_or(|last| lead < last - TOLERATED);
        if !due {
            self.lead = Some(lead);
        }
        due
    }

    /// They were looked for.
    pub(super) fn done(&mut self, now: Timestamp, monotonic: Duration) {
        self.lead = Some(lead(now, monotonic));
    }
}

fn lead(now: Timestamp, monotonic: Duration) -> i64 {
    let monotonic = i64::try_from(monotonic.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(monotonic)
}

fn longest(schedule: &RetrySchedule) -> Vec<Duration> {
    // A new delivery waits for nothing.
    let mut longest = vec![Duration::ZERO];
    let attempts = 1_u32..;
    let waits = attempts.map_while(|n| schedule.delay(n, 1.0));
    longest.extend(waits.map(|wait| wait.max(LONGEST_PAUSE)));
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_772_217_402_000 + second * 1_000)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn setback(schedule: &RetrySchedule) -> Setback {
        Setback {
            longest: longest(schedule),
            lead: None,
        }
    }

    #[test]
    fn it_is_due_at_first_and_after_each_setback_until_it_is_done() {
        let mut setback = setback(&RetrySchedule::default());
        assert!(setback.is_due(at(0), secs(10)));
        assert!(setback.is_due(at(1), secs(11)), "it was not done yet");
        setback.done(at(1), secs(11));
        assert!(!setback.is_due(at(5), secs(15)));
        // A jump forward is none, and what follows it is measured from there.
        assert!(!setback.is_due(at(3_605), secs(15)));
        assert!(setback.is_due(at(3_603), secs(15)));
        setback.done(at(3_603), secs(15));
        assert!(
            !setback.is_due(at(3_604), secs(17)),
            "one second is nothing"
        );
    }

    #[test]
    fn nothing_waits_before_its_first_attempt_nor_longer_than_its_schedule_or_a_pause() {
        let longest = setback(&RetrySchedule::new(vec![secs(5), secs(7_200)])).longest();
        assert_eq!(longest, [secs(0), LONGEST_PAUSE, secs(8_640)]);
    }
}
