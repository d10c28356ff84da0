//! The week as the schedule sees it: 336 bins of half an hour, UTC, and seconds since 1970.
//!
//! Not a calendar: months are [`ledger`](super::ledger)'s. A creator's hours in a time zone
//! of its own arrive here already converted, as a mask over the week.

use crate::domain::Timestamp;

/// Bins of a week.
pub const BINS: usize = 336;
/// Bins of a day.
pub const DAY_BINS: usize = 48;
/// The first bin of Monday: bin 0 begins on a Thursday, as 1970 did.
pub const MONDAY: usize = 4 * DAY_BINS;
/// Minutes in a bin.
pub const BIN_MINUTES: f32 = 30.0;
/// Minutes in a week.
pub const WEEK_MINUTES: f32 = 10_080.0;

const BIN_SECONDS: u32 = 1_800;
const WEEK_SECONDS: u32 = 604_800;
const DAY_SECONDS: u32 = 86_400;

/// Whole seconds since 1970, enough until 2106 and half the size of a [`Timestamp`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u32);

impl Moment {
    /// Minutes from `earlier` to this; 0 if it is not earlier.
    pub(super) fn minutes_since(self, earlier: Self) -> f32 {
        self.0.saturating_sub(earlier.0) as f32 / 60.0
    }

    /// This moment less `minutes`.
    pub(super) fn minus_minutes(self, minutes: f32) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and so should this"
        )]
        Self(self.0.saturating_sub((minutes * 60.0) as u32))
    }

    /// This moment plus `minutes`.
    pub(super) fn plus_minutes(self, minutes: f32) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and so should this"
        )]
        Self(self.0.saturating_add((minutes * 60.0) as u32))
    }

    /// Halfway between this and `other`.
    pub(super) fn midpoint(self, other: Self) -> Self {
        Self(self.0.midpoint(other.0))
    }

    /// The bin this lies in.
    pub(super) fn bin(self) -> usize {
        (self.0 % WEEK_SECONDS / BIN_SECONDS) as usize
    }

    /// Minutes since the bin began.
    pub(super) fn into_bin(self) -> f32 {
        (self.0 % BIN_SECONDS) as f32 / 60.0
    }

    /// Minutes since the week began.
    pub(super) fn of_week(self) -> f32 {
        (self.0 % WEEK_SECONDS) as f32 / 60.0
    }

    /// Minutes since the day began.
    pub(super) fn of_day(self) -> f32 {
        (self.0 % DAY_SECONDS) as f32 / 60.0
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(u32::try_from(at.as_seconds().max(0)).unwrap_or(u32::MAX))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        Self::from_millis(i64::from(moment.0) * 1000)
    }
}

/// A set of bins of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekMask([u64; BINS.div_ceil(64)]);

impl WeekMask {
    /// The bins for which `open` says so; bin 0 begins on Thursday 00:00 UTC, as 1970 did.
    pub fn from_fn(mut open: impl FnMut(usize) -> bool) -> Self {
        let mut words = [0; BINS.div_ceil(64)];
        for bin in (0..BINS).filter(|&bin| open(bin)) {
            words[bin / 64] |= 1 << (bin % 64);
        }
        Self(words)
    }

    /// Whether `bin` is in the set.
    pub fn contains(&self, bin: usize) -> bool {
        self.0[bin / 64] >> (bin % 64) & 1 == 1
    }

    /// Minutes from `at` until the set is entered; 0 inside, `None` if the set is empty.
    pub(super) fn opens_in(&self, at: Moment) -> Option<f32> {
        let ahead = (0..BINS).find(|ahead| self.contains((at.bin() + ahead) % BINS))?;
        Some((ahead as f32 * BIN_MINUTES - at.into_bin()).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_begin_on_thursday_midnight_and_hold_half_an_hour() {
        let at = |seconds: i64| Moment::from(Timestamp::from_millis(seconds * 1000));
        assert_eq!((at(0).bin(), at(1_799).bin(), at(1_800).bin()), (0, 0, 1));
        assert_eq!(at(604_800 - 1).bin(), BINS - 1);
        assert_eq!(at(-5), at(0));
        assert_eq!(at(i64::MAX / 2_000), Moment(u32::MAX));
    }

    #[test]
    fn a_mask_says_when_it_opens() {
        let evening = WeekMask::from_fn(|bin| bin % DAY_BINS >= 40);
        let at = |minutes: i64| Moment::from(Timestamp::from_millis(minutes * 60_000));
        assert_eq!(evening.opens_in(at(21 * 60)), Some(0.0));
        assert_eq!(evening.opens_in(at(19 * 60 + 45)), Some(15.0));
        assert_eq!(WeekMask::from_fn(|_| false).opens_in(at(0)), None);
    }
}
