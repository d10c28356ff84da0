//! The fixed schedule: everybody at a constant interval, each wait jittered.
//!
//! The first regular wait of a creator leads to its phase, a stable hash of its name, so
//! that ten thousand newcomers looked at in one burst do not come back in one.

use std::time::Duration;

use super::{NextPoll, Reason};
use crate::domain::retry::doubling;

/// What the last poll left a creator in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// Believed offline by its first certain answer.
    FirstAnswer,
    /// Believed offline.
    Offline,
    /// Believed live.
    Live,
    /// An end, or one change of a mass flip, waits for its confirmation.
    Confirming,
    /// So many polls in a row were unclear, at least one.
    Unclear(u32),
    /// The same of a creator believed live.
    UnclearWhileLive(u32),
}

/// The waits of one creator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// While offline.
    pub interval: Duration,
    /// While live.
    pub live_interval: Duration,
    /// Before a second answer that has to confirm a first.
    pub confirm_after: Duration,
    /// Largest share by which a wait differs from its base, in `[0, 0.5]`.
    pub jitter: f64,
    /// The creator's place in the interval, in `[0, 1)`.
    pub phase: f64,
    /// Whether the interval is the creator's own.
    pub pinned: bool,
}

/// The first wait after an unclear poll; doubles up to the interval.
const AFTER_UNCLEAR: Duration = Duration::from_mins(1);

/// The place of `username` in any interval: FNV-1a with a final mix, over 2^64. In `[0, 1)`.
///
/// <http://www.isthe.com/chongo/tech/comp/fnv/>, and `MurmurHash3`'s 64-bit finaliser, without
/// which names that differ in the last letter only would be neighbours.
pub fn phase_of(username: &str) -> f64 {
    let fnv = username
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    // The upper 52 bits are exact in an f64.
    ((mixed ^ (mixed >> 33)) >> 12) as f64 / (1_u64 << 52) as f64
}

impl Pace {
    /// When to poll next after a poll that ended at monotonic time `now`; `random` in `[0, 1)`.
    pub fn next(&self, situation: Situation, now: Duration, random: f64) -> NextPoll {
        let (wait, reason) = match situation {
            Situation::FirstAnswer => (self.until_phase(now), self.regular()),
            Situation::Offline => (self.jittered(self.interval, random), self.regular()),
            Situation::Live => (self.jittered(self.live_interval, random), Reason::Live),
            Situation::Confirming => (self.jittered(self.confirm_after, random), Reason::Confirm),
            Situation::Unclear(failures) => {
                (self.again(failures, self.interval, random), Reason::Retry)
            }
            Situation::UnclearWhileLive(failures) => (
                self.again(failures, self.live_interval, random),
                Reason::Retry,
            ),
        };
        NextPoll { wait, reason }
    }

    /// About a minute after the first unclear poll, doubling up to the usual wait.
    fn again(&self, failures: u32, usual: Duration, random: f64) -> Duration {
        self.jittered(doubling(failures, AFTER_UNCLEAR.min(usual), usual), random)
    }

    fn regular(&self) -> Reason {
        if self.pinned {
            Reason::Pinned
        } else {
            Reason::Interval
        }
    }

    /// `base` by up to `jitter` shorter or longer.
    fn jittered(&self, base: Duration, random: f64) -> Duration {
        base.mul_f64(1.0 + self.jitter * (2.0 * random - 1.0))
    }

    /// The wait until the creator's phase comes round: up to one interval.
    fn until_phase(&self, now: Duration) -> Duration {
        let interval = self.interval.as_secs_f64();
        let place = (now.as_secs_f64() / interval).fract();
        Duration::from_secs_f64((self.phase - place).rem_euclid(1.0) * interval)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(phase: f64) -> Pace {
        Pace {
            interval: Duration::from_secs(300),
            live_interval: Duration::from_secs(200),
            confirm_after: Duration::from_secs(45),
            jitter: 0.1,
            phase,
            pinned: false,
        }
    }

    #[test]
    fn phases_are_stable_and_spread_over_the_interval() {
        assert_eq!(
            phase_of("khaby.lame").to_bits(),
            phase_of("khaby.lame").to_bits()
        );
        let phases: Vec<f64> = (0..10_000)
            .map(|number| phase_of(&format!("creator{number}")))
            .collect();
        let tenths: Vec<usize> = (0..10)
            .map(|tenth| {
                let from = f64::from(tenth) / 10.0;
                phases
                    .iter()
                    .filter(|&&p| p >= from && p < from + 0.1)
                    .count()
            })
            .collect();
        assert!(
            tenths.iter().all(|&n| (900..1100).contains(&n)),
            "{tenths:?}"
        );
    }

    #[test]
    fn after_an_unclear_poll_a_creator_is_tried_after_1_2_4_minutes_and_then_as_usual() {
        let waits: Vec<_> = (1..=5)
            .map(|n| {
                pace(0.0)
                    .next(Situation::Unclear(n), Duration::ZERO, 0.5)
                    .wait
                    .as_secs()
            })
            .collect();
        assert_eq!(waits, [60, 120, 240, 300, 300]);
    }

    #[test]
    fn a_live_creator_waits_no_longer_than_its_live_interval_after_unclear_polls() {
        let rarely = Pace {
            interval: Duration::from_secs(7_200),
            ..pace(0.0)
        };
        let waits: Vec<_> = (1..=4)
            .map(|n| {
                rarely
                    .next(Situation::UnclearWhileLive(n), Duration::ZERO, 0.5)
                    .wait
                    .as_secs()
            })
            .collect();
        assert_eq!(waits, [60, 120, 200, 200]);
    }

    #[test]
    fn newcomers_of_one_burst_come_back_in_the_order_of_their_phases() {
        let now = Duration::from_secs(1_000_030);
        for phase in [0.0, 0.25, 0.999] {
            let next = pace(phase).next(Situation::FirstAnswer, now, 0.5);
            assert!(next.wait <= Duration::from_secs(300));
            let place = ((now + next.wait).as_secs_f64() / 300.0).fract();
            let distance = (place - phase).rem_euclid(1.0);
            assert!(!(1e-6..=1.0 - 1e-6).contains(&distance), "{place} {phase}");
        }
    }

    proptest! {
        #[test]
        fn every_wait_is_within_its_jitter(random in 0.0..1.0) {
            let cases = [
                (Situation::Offline, 300.0), (Situation::Live, 200.0), (Situation::Confirming, 45.0),
            ];
            for (situation, base) in cases {
                let wait = pace(0.3).next(situation, Duration::ZERO, random).wait.as_secs_f64();
                prop_assert!((wait / base - 1.0).abs() <= 0.1 + 1e-9);
            }
        }
    }
}
