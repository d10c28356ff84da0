//! When a lane whose receiver keeps failing may try again. Pure: `now` is an argument.
//!
//! Closed, it lets as many attempts run as the lane has slots. After five failures in a row
//! it opens: one delivery at a time probes the receiver, the rest burn no attempts. The
//! first 2xx closes it, and the slots come back one doubling for each further 2xx.

use std::time::Duration;

/// Failures in a row that open it.
pub(super) const FAILURES: u32 = 5;
/// The wait before the first probe; each failed one doubles it.
const FIRST_PROBE: Duration = Duration::from_secs(30);
/// The longest wait between probes.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// One lane's breaker; times are monotonic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Breaker {
    slots: usize,
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many attempts may run.
    Closed(usize),
    /// One attempt may run from `probe_at` on.
    Open { probe_at: Duration, wait: Duration },
}

/// What changed with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It opened, or stays open: the next probe comes in this long.
    Opened(Duration),
    Reopened(Duration),
    /// The receiver answers again.
    Closed,
}

/// What a lane may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Have so many attempts under way.
    Claim(usize),
    /// Nothing until then.
    Wait(Duration),
}

impl Breaker {
    /// Closed, for a lane of `slots`.
    pub(super) fn closed(slots: usize) -> Self {
        Self {
            slots,
            failures: 0,
            state: State::Closed(slots),
        }
    }

    /// Open, for a lane that had failed so often when the program stopped: it probes at once.
    pub(super) fn probing(slots: usize, now: Duration) -> Self {
        Self {
            slots,
            failures: FAILURES,
            state: State::Open {
                probe_at: now,
                wait: FIRST_PROBE,
            },
        }
    }

    /// Another number of slots; a lane that was let run in full is so again.
    pub(super) fn resize(&mut self, slots: usize) {
        if let State::Closed(allowed) = &mut self.state {
            let in_full = *allowed == self.slots;
            *allowed = if in_full {
                slots
            } else {
                (*allowed).min(slots)
            };
        }
        self.slots = slots;
    }

    /// Whether the receiver keeps failing.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    pub(super) fn leave(&self, now: Duration) -> Leave {
        match self.state {
            State::Closed(slots) => Leave::Claim(slots),
            State::Open { probe_at, .. } if probe_at <= now => Leave::Claim(1),
            State::Open { probe_at, .. } => Leave::Wait(probe_at),
        }
    }

    /// Takes note of a 2xx.
    pub(super) fn succeeded(&mut self) -> Option<Change> {
        self.failures = 0;
        let (slots, change) = match self.state {
            State::Closed(slots) => (slots.saturating_mul(2).min(self.slots), None),
            State::Open { .. } => (1, Some(Change::Closed)),
        };
        self.state = State::Closed(slots);
        change
    }

    /// Takes note of a failure that ended `now`.
    pub(super) fn failed(&mut self, now: Duration) -> Option<Change> {
        self.failures = self.failures.saturating_add(1);
        match self.state {
            State::Closed(_) if self.failures < FAILURES => None,
            State::Closed(_) => {
                self.open(now, FIRST_PROBE);
                Some(Change::Opened(FIRST_PROBE))
            }
            // Begun before it opened: tells nothing that is not known.
            State::Open { probe_at, .. } if now < probe_at => None,
            State::Open { wait, .. } => {
                let wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                self.open(now, wait);
                Some(Change::Reopened(wait))
            }
        }
    }

    fn open(&mut self, now: Duration, wait: Duration) {
        self.state = State::Open {
            probe_at: now.saturating_add(wait),
            wait,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_between_does_not_let_them() {
        let mut breaker = Breaker::closed(4);
        for _ in 0..10 {
            for _ in 0..4 {
                assert_eq!(breaker.failed(secs(0)), None);
            }
            assert_eq!(breaker.succeeded(), None);
        }
        for _ in 0..4 {
            assert_eq!(breaker.leave(secs(0)), Leave::Claim(4));
            breaker.failed(secs(0));
        }
        assert_eq!(breaker.failed(secs(0)), Some(Change::Opened(secs(30))));
        assert_eq!(breaker.leave(secs(29)), Leave::Wait(secs(30)));
        assert_eq!(breaker.leave(secs(30)), Leave::Claim(1));
    }

    #[test]
    fn the_wait_doubles_with_each_failed_probe_up_to_a_quarter_of_an_hour() {
        let mut breaker = Breaker::probing(4, secs(0));
        let mut now = secs(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert_eq!(breaker.leave(now), Leave::Claim(1));
            breaker.failed(now);
            let Leave::Wait(until) = breaker.leave(now) else {
                panic!("it did not stay open");
            };
            waits.push(until.saturating_sub(now).as_secs());
            // Attempts from before it opened change nothing.
            assert_eq!(breaker.failed(now + secs(1)), None);
            now = until;
        }
        assert_eq!(waits, [60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn the_first_success_closes_it_and_the_slots_come_back_gently() {
        let mut breaker = Breaker::probing(6, secs(0));
        let mut slots = Vec::new();
        assert_eq!(breaker.succeeded(), Some(Change::Closed));
        for _ in 0..5 {
            let Leave::Claim(now) = breaker.leave(secs(0)) else {
                panic!("it is open");
            };
            slots.push(now);
            assert_eq!(breaker.succeeded(), None);
        }
        assert_eq!(slots, [1, 2, 4, 6, 6]);
    }
}
