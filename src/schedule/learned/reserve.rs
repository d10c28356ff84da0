//! What is kept back for promises until the month ends.
//!
//! Each creator's claims are counted from its own last answer: the mean of all is right far
//! from the month's end, and too little near it, where several fall due at once.

use super::creator::{Creator, Phase};
use super::{Learned, Moment};
use crate::domain::Timestamp;

/// Beyond one for each gap that is left, a creator claims at most: a poll that is due, and the
/// confirmation of an end.
const MOST_BESIDE: f64 = 2.0;
/// Of more creators than these the mean is right to the end, and a decision must not count them all.
const MANY: usize = 1_000;

impl Learned {
    /// Whether `left` credits are all needed for what is promised until the month ends.
    pub(super) fn is_reserved(&self, left: u64, now: Timestamp) -> bool {
        let (left, minutes_left) = (left as f64, self.ledger.minutes_left(now));
        let mean = minutes_left * self.plan.promised_per_minute;
        let most = mean + MOST_BESIDE * self.creators.len() as f64;
        // Far from the end there is no need to count.
        if left > most + margin(most) {
            return false;
        }
        if self.creators.len() > MANY {
            return left <= mean + margin(mean);
        }
        #[expect(clippy::cast_possible_truncation, reason = "minutes of a month")]
        let minutes_left = minutes_left as f32;
        let watched = self.creators.iter().filter(|one| one.watched);
        let claims: f64 = watched
            .map(|one| f64::from(self.claims(one, now.into(), minutes_left)))
            .sum();
        left <= claims + margin(claims)
    }

    /// Credits that are promised to `one` in the next `minutes_left`.
    fn claims(&self, one: &Creator, now: Moment, minutes_left: f32) -> f32 {
        let gap = self.promised_gap(one);
        let due = (gap - one.waited(now)).max(0.0);
        let closed = if one.is_live() {
            None
        } else {
            one.opens_in(now.plus_minutes(due))
        };
        let ahead = minutes_left - due - closed.unwrap_or(0.0);
        let promised = if ahead > 0.0 {
            1.0 + (ahead / gap).floor()
        } else {
            0.0
        };
        promised
            + match one.phase {
                Phase::Ending { .. } => 1.0,
                // The promised poll may find the end, which is then confirmed.
                Phase::Live { .. } => promised.min(1.0),
                Phase::Unknown | Phase::Offline => 0.0,
            }
    }
}

/// For polls that have to be made again, and for streams found by promised polls: both come by chance.
fn margin(claims: f64) -> f64 {
    claims.sqrt()
}
