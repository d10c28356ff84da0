//! When a page is worth its credit: the rule for one creator, with a set in its place.
//!
//! Pure arithmetic on the members' outlooks; what is believed of them and what is spent is
//! not its job.

use crate::schedule::allocation::threshold;
use crate::schedule::rhythm::Outlook;
use crate::schedule::week::{BIN_MINUTES, BINS, Moment};

/// Steps of the search, in minutes: a sixteenth of the time ahead, within bounds.
const STEPS: (f32, f32) = (1.0, 15.0);

/// A member that is offline as far as known.
#[derive(Debug)]
pub(in crate::schedule) struct Hidden<'a> {
    pub(in crate::schedule) outlook: Outlook<'a>,
    /// Worth of a hit.
    pub(in crate::schedule) weight: f32,
    /// Mean minutes of a stream.
    pub(in crate::schedule) mean: f32,
    /// Of a stream begun since the last sweep.
    pub(in crate::schedule) chance: f32,
}

/// What all members that are live, and flagged while live, are worth together.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::schedule) struct Shown {
    /// The worth of knowing now which of them have ended.
    pub(in crate::schedule) value: f32,
    /// Its growth, a minute.
    pub(in crate::schedule) growth: f32,
    /// The worth of all their ends.
    pub(in crate::schedule) limit: f32,
}

/// The terms of trade.
#[derive(Debug, Clone, Copy)]
pub(in crate::schedule) struct Terms {
    pub(in crate::schedule) recall: f32,
    /// Minutes from a start to its flag.
    pub(in crate::schedule) lag: f32,
    /// The chance of a flag on a creator who is not live; each costs a poll.
    pub(in crate::schedule) false_flags: f32,
    pub(in crate::schedule) price: f32,
}

/// Minutes from `from` until a sweep is worth its price and that of the polls it brings, `None` if
/// not within `horizon`.
pub(in crate::schedule) fn worth_in(
    hidden: &mut [Hidden<'_>],
    shown: Shown,
    terms: Terms,
    from: Moment,
    horizon: f32,
) -> Option<f32> {
    let price = terms.price * (1.0 + terms.false_flags * hidden.len() as f32);
    // A stream found by a flag costs its poll.
    let share = terms.recall * (1.0 - terms.price).max(0.0);
    let mut time = 0.0_f32;
    while time < horizon {
        let bin = bin_after(from, time);
        let step = (time / 16.0).clamp(STEPS.0, STEPS.1);
        let (mut value, mut limit) = (shown.value + shown.growth * time, shown.limit);
        value = value.min(shown.limit);
        for one in &mut *hidden {
            let intensity = one.outlook.intensity(bin, time);
            let full = intensity * one.mean;
            value += share * one.weight * (one.chance - intensity * terms.lag).max(0.0);
            limit += share * one.weight * full;
            one.chance = full + (one.chance - full) * (-step / one.mean).exp();
        }
        if value >= threshold(price, limit) {
            return Some(time);
        }
        time += step;
    }
    None
}

fn bin_after(from: Moment, minutes: f32) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bins of a horizon of days"
    )]
    let bins = ((from.into_bin() + minutes) / BIN_MINUTES) as usize;
    (from.bin() + bins) % BINS
}
