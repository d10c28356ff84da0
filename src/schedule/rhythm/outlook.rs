//! What a rhythm foretells: the intensity of starts, half hour by half hour.
//!
//! A view on what was learned, made for one decision and then dropped. It learns nothing.

use super::{BINS_PER_BLOCK, Tables};
use crate::schedule::population::{CLASSES, Population, since_end_class};
use crate::schedule::week::{BIN_MINUTES, BINS, DAY_BINS, WeekMask};

/// Shape parameter of the gamma prior of one half hour of the week: weekly slots are few and reliable.
const SLOT_SHAPE: f32 = 0.005;
/// What the settings say of a creator's hours.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::schedule) struct Hours<'a> {
    pub(in crate::schedule) open: Option<&'a WeekMask>,
    /// UTC offset in minutes, if a time zone is known.
    pub(in crate::schedule) utc_offset: Option<i16>,
}

/// The intensity of a creator's starts over the week, ready to be asked bin by bin.
#[derive(Debug)]
pub(in crate::schedule) struct Outlook<'a> {
    pub(super) tables: Option<&'a Tables>,
    pub(super) hours: Hours<'a>,
    pub(super) uniform: f32,
    pub(super) day: f32,
    pub(super) week: f32,
    /// Share of each of the first two habits among the two.
    pub(super) prior: [f32; 2],
    /// `48 / mass`, and what the evening prior is worth.
    pub(super) per_day: f32,
    pub(super) evening: f32,
    /// Starts a minute, and in half an hour.
    pub(in crate::schedule) rate: f32,
    pub(super) per_bin: f32,
    pub(super) since_end: f32,
    pub(super) factors: [f32; CLASSES],
}

impl Outlook<'_> {
    /// Starts a minute in `bin`, `ahead` minutes after the time this outlook was made for.
    pub(in crate::schedule) fn intensity(&self, bin: usize, ahead: f32) -> f32 {
        self.rate * self.shape(bin, ahead)
    }

    /// Starts a minute in each bin, whenever the last stream was.
    pub(in crate::schedule) fn week(&self, population: &Population) -> Box<[f32; BINS]> {
        let usual = self.rate * population.mean_since_end_factor(self.rate);
        let mut week = Box::new([0.0; BINS]);
        for (bin, starts) in week.iter_mut().enumerate() {
            if self.hours.open.is_none_or(|open| open.contains(bin)) {
                *starts = usual * self.habitual(bin);
            }
        }
        week
    }

    /// The same relative to the mean rate.
    pub(super) fn shape(&self, bin: usize, ahead: f32) -> f32 {
        if self.hours.open.is_some_and(|open| !open.contains(bin)) {
            return 0.0;
        }
        self.habitual(bin) * self.factors[since_end_class(self.since_end + ahead)]
    }

    fn habitual(&self, bin: usize) -> f32 {
        let day = self.day_shape(bin);
        let Some(tables) = self.tables else {
            return self.uniform + self.day * day;
        };
        self.uniform + self.day * day + self.week * self.slot(tables, bin, day)
    }

    pub(super) fn day_shape(&self, bin: usize) -> f32 {
        let learned = self
            .tables
            .map_or(0.0, |t| t.day[bin % DAY_BINS] * self.per_day);
        match self.hours.utc_offset {
            Some(offset) => learned + self.evening * evening(bin, offset),
            None => learned,
        }
    }

    /// Posterior mean of a half hour with a gamma prior around the other habits' word:
    /// `mu (alpha + starts) / (alpha + mu exposures)`, relative to the mean rate.
    pub(super) fn slot(&self, tables: &Tables, bin: usize, day: f32) -> f32 {
        let relative = self.prior[0] + self.prior[1] * day;
        let seen = tables.seen[bin / BINS_PER_BLOCK] * self.per_bin * relative;
        relative * (SLOT_SHAPE + tables.week[bin]) / (SLOT_SHAPE + seen)
    }
}

/// A plain evening, mean 1: two thirds of all starts between 17 and 24 o'clock local time.
pub(super) fn evening(bin: usize, utc_offset: i16) -> f32 {
    let minute = bin as f32 * BIN_MINUTES + f32::from(utc_offset);
    let hour = minute.rem_euclid(1_440.0) / 60.0;
    if hour >= 17.0 {
        2.3
    } else if hour >= 9.0 {
        0.75
    } else {
        0.21
    }
}
