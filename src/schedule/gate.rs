//! Whether asking makes sense at all, for everybody at once.
//!
//! Open: polls run. Paused: the source asked for fewer requests. Suspended: the key or
//! the credits are refused, so one probe now and then replaces all polls.

use std::time::Duration;

use crate::domain::observation::{Observation, Remedy};
use crate::domain::retry::doubling;

/// The pause after a 429 without `Retry-After`, and its cap with one.
const PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// The wait before the first probe, and the longest.
const FIRST_PROBE: Duration = Duration::from_mins(1);
const LONGEST_PROBE: Duration = Duration::from_mins(30);

/// Times are on the monotonic clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gate {
    /// Polls run.
    #[default]
    Open,
    /// No poll until then.
    Paused {
        /// When polls run again.
        until: Duration,
    },
    /// No poll but one probe at a time.
    Suspended {
        /// Probes refused so far, the poll that began it included.
        refusals: u32,
        /// When the next probe may start.
        probe_at: Duration,
        /// Whether a probe is under way.
        probing: bool,
    },
}

/// What the gate says to a poll that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Go.
    Free,
    /// Go, as the one that tries whether the suspension is over.
    Probe,
    /// Not before this time; `None` while a probe is under way.
    Closed(Option<Duration>),
}

impl Gate {
    /// What a poll that is due at `now` may do.
    pub fn passage(&self, now: Duration) -> Passage {
        match *self {
            Self::Open => Passage::Free,
            Self::Paused { until } if now >= until => Passage::Free,
            Self::Paused { until } => Passage::Closed(Some(until)),
            Self::Suspended { probing: true, .. } => Passage::Closed(None),
            Self::Suspended { probe_at, .. } if now >= probe_at => Passage::Probe,
            Self::Suspended { probe_at, .. } => Passage::Closed(Some(probe_at)),
        }
    }

    /// A probe has started.
    pub fn probe_started(&mut self) {
        if let Self::Suspended { probing, .. } = self {
            *probing = true;
        }
    }

    /// Takes the outcome of a poll; `probe` tells whether it was the gate's own.
    ///
    /// Polls that were under way when the gate closed come back late: their refusals
    /// neither count as probes nor prolong anything.
    pub fn observe(&mut self, observation: &Observation, probe: bool, now: Duration) {
        let remedy = match observation {
            // A poll from before the gate closed is back late: it ends nothing.
            Observation::Live(_) | Observation::Offline if self.is_shut_to(probe, now) => return,
            Observation::Live(_) | Observation::Offline => {
                *self = Self::Open;
                return;
            }
            Observation::Unclear(unclear) => (unclear.cause.remedy(), unclear.retry_after),
        };
        match (remedy, *self) {
            ((Remedy::Suspend, _), Self::Suspended { refusals, .. }) if probe => {
                *self = Self::suspended(refusals.saturating_add(1), now);
            }
            // Any other answer to a probe leaves the question open: ask again as late as before.
            (_, Self::Suspended { refusals, .. }) if probe => {
                *self = Self::suspended(refusals, now);
            }
            ((Remedy::RetrySoon | Remedy::ComeBack, _), _) | (_, Self::Suspended { .. }) => {}
            ((Remedy::Suspend, _), _) => *self = Self::suspended(1, now),
            ((Remedy::Pause, wish), _) => {
                let until = now + wish.unwrap_or(PAUSE).min(LONGEST_PAUSE);
                *self = Self::Paused { until };
            }
        }
    }

    /// Whether no poll of this kind can have started since the gate closed.
    pub fn is_shut_to(self, probe: bool, now: Duration) -> bool {
        match self {
            Self::Open => false,
            Self::Paused { until } => now < until,
            Self::Suspended { .. } => !probe,
        }
    }

    fn suspended(refusals: u32, now: Duration) -> Self {
        let probe_at = now + doubling(refusals, FIRST_PROBE, LONGEST_PROBE);
        Self::Suspended {
            refusals,
            probe_at,
            probing: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cause, Unclear};

    const MINUTE: Duration = Duration::from_secs(60);

    fn unclear(cause: Cause) -> Observation {
        Observation::Unclear(Unclear::new(cause, ""))
    }

    #[test]
    fn a_refused_key_leaves_one_probe_after_1_2_4_8_16_30_30_minutes() {
        let mut gate = Gate::Open;
        let mut now = MINUTE;
        gate.observe(&unclear(Cause::KeyRefused), false, now);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let Passage::Closed(Some(until)) = gate.passage(now) else {
                panic!("{gate:?}")
            };
            waits.push(until.checked_sub(now).unwrap().as_secs() / 60);
            now = until;
            assert_eq!(gate.passage(now), Passage::Probe);
            gate.probe_started();
            assert_eq!(
                gate.passage(now),
                Passage::Closed(None),
                "one probe at a time"
            );
            gate.observe(&unclear(Cause::CreditsExhausted), true, now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        gate.observe(&Observation::Offline, true, now);
        assert_eq!(gate.passage(now), Passage::Free);
    }

    #[test]
    fn late_refusals_of_polls_under_way_do_not_count_as_probes() {
        let mut gate = Gate::Open;
        for _ in 0..16 {
            gate.observe(&unclear(Cause::KeyRefused), false, MINUTE);
        }
        assert_eq!(gate.passage(MINUTE), Passage::Closed(Some(2 * MINUTE)));
    }

    #[test]
    fn a_probe_that_meets_a_passing_fault_neither_opens_nor_doubles() {
        let mut gate = Gate::Open;
        gate.observe(&unclear(Cause::KeyRefused), false, MINUTE);
        gate.probe_started();
        gate.observe(&unclear(Cause::Timeout), true, 2 * MINUTE);
        assert_eq!(gate.passage(2 * MINUTE), Passage::Closed(Some(3 * MINUTE)));
    }

    #[test]
    fn a_429_pauses_everybody_for_as_long_as_it_says_but_not_for_ever() {
        for (wish, pause) in [(None, 60), (Some(7), 7), (Some(999_999), 3_600)] {
            let mut gate = Gate::Open;
            let mut limited = Unclear::new(Cause::RateLimited, "");
            limited.retry_after = wish.map(Duration::from_secs);
            gate.observe(&Observation::Unclear(limited), false, MINUTE);
            let until = MINUTE + Duration::from_secs(pause);
            assert_eq!(gate.passage(MINUTE), Passage::Closed(Some(until)));
            assert_eq!(gate.passage(until), Passage::Free);
        }
    }

    #[test]
    fn an_answer_to_a_poll_from_before_the_gate_closed_opens_nothing() {
        let mut gate = Gate::Open;
        let mut limited = Unclear::new(Cause::RateLimited, "");
        limited.retry_after = Some(MINUTE);
        gate.observe(&Observation::Unclear(limited), false, MINUTE);
        gate.observe(&Observation::Offline, false, MINUTE);
        assert_eq!(gate.passage(MINUTE), Passage::Closed(Some(2 * MINUTE)));
        gate.observe(&Observation::Offline, false, 2 * MINUTE);
        assert_eq!(gate, Gate::Open);

        gate.observe(&unclear(Cause::KeyRefused), false, MINUTE);
        gate.observe(&Observation::Offline, false, MINUTE);
        assert_eq!(gate.passage(MINUTE), Passage::Closed(Some(2 * MINUTE)));
    }

    #[test]
    fn faults_of_one_creator_close_nothing() {
        let mut gate = Gate::Open;
        for cause in [
            Cause::Timeout,
            Cause::Malformed,
            Cause::NotTheApi,
            Cause::InvalidUsername,
        ] {
            gate.observe(&unclear(cause), false, MINUTE);
        }
        assert_eq!(gate, Gate::Open);
    }
}
