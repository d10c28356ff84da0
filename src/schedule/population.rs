//! What is learned over all creators together: a prior for each single one.
//!
//! Pooled, never decayed: how often people stream, how long, how the chance of a start
//! depends on the time since the last end, how the chance of an end depends on a stream's
//! age. No time of day is pooled: that would learn our own polling times.

use serde::{Deserialize, Serialize};

/// Number of classes of an age.
pub(super) const CLASSES: usize = 8;

/// Upper bounds of the time since the last known end, in minutes.
const SINCE_END: [f32; CLASSES - 1] = [20.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0];
/// Upper bounds of a stream's age, in mean durations of its creator.
const AGE: [f32; CLASSES - 1] = [0.1, 0.25, 0.5, 0.8, 1.2, 1.8, 2.7];

/// Events that each ratio is worth before any are counted: ratio 1.
const SINCE_END_PRIOR: f64 = 30.0;
const HAZARD_PRIOR: f64 = 20.0;

/// Chance of an end per mean length by class of age, if the logarithms of lengths spread by 0.8.
const LOG_NORMAL_HAZARD: [f64; CLASSES] = [0.07, 0.59, 1.16, 1.36, 1.33, 1.21, 1.04, 0.83];

/// Sums over all creators. Plain numbers, to be stored as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    hits: f64,
    weeks: f64,
    duration_minutes: f64,
    durations: f64,
    /// Starts found, and expected without regard to the time since the last end.
    starts: [(f64, f64); CLASSES],
    /// Ends, and mean durations under observation.
    ends: [(f64, f64); CLASSES],
}

impl Default for Population {
    fn default() -> Self {
        Self {
            // 3 starts a week worth 20 weeks; 90 minutes worth 20 streams.
            hits: 60.0,
            weeks: 20.0,
            duration_minutes: 1_800.0,
            durations: 20.0,
            starts: [(0.0, 0.0); CLASSES],
            ends: [(0.0, 0.0); CLASSES],
        }
    }
}

impl Population {
    /// Starts per creator and week.
    pub(super) fn rate(&self) -> f32 {
        narrow(self.hits / self.weeks)
    }

    /// Mean duration of a stream, in minutes.
    pub(super) fn mean_duration(&self) -> f32 {
        narrow(self.duration_minutes / self.durations)
    }

    /// How much of the rate was learned, in `[0, 1]`; the rest was assumed.
    pub(super) fn evidence(&self) -> f64 {
        1.0 - (Self::default().weeks / self.weeks).clamp(0.0, 1.0)
    }

    /// By how much starts are more likely than on average, by class of time since the last end.
    pub(super) fn since_end_factors(&self) -> [f32; CLASSES] {
        self.starts
            .map(|(seen, expected)| narrow((seen + SINCE_END_PRIOR) / (expected + SINCE_END_PRIOR)))
    }

    /// Chance of an end per mean duration, for a stream of `age` mean durations.
    pub(super) fn hazard(&self, age: f32) -> f32 {
        let (ends, risk) = self.ends[class_of(&AGE, age)];
        narrow((ends + HAZARD_PRIOR) / (risk + HAZARD_PRIOR))
    }

    /// The same before anything is known: of log-normal lengths, not of exponential ones.
    ///
    /// For forecasts alone. The rule was measured with [`Population::hazard`].
    pub(super) fn typical_hazard(&self, age: f64) -> f64 {
        let class = class_of(&AGE, narrow(age));
        let (ends, risk) = self.ends[class];
        (ends + HAZARD_PRIOR * LOG_NORMAL_HAZARD[class]) / (risk + HAZARD_PRIOR)
    }

    /// By how much starts are likelier than without regard to the time since the last end, over
    /// all times at which a creator of `rate` starts a minute is offline.
    pub(super) fn mean_since_end_factor(&self, rate: f32) -> f32 {
        let mut after = 1.0;
        let mut mean = 0.0;
        let bounds = SINCE_END.into_iter().chain([f32::INFINITY]);
        for (factor, bound) in self.since_end_factors().into_iter().zip(bounds) {
            let later = (-rate * bound).exp();
            mean += factor * (after - later);
            after = later;
        }
        mean
    }

    pub(super) fn count_exposure(&mut self, hits: f32, weeks: f32) {
        self.hits += f64::from(hits);
        self.weeks += f64::from(weeks);
    }

    pub(super) fn count_expected_starts(&mut self, expected: &[f32; CLASSES]) {
        for (class, expected) in self.starts.iter_mut().zip(expected) {
            class.1 += f64::from(*expected);
        }
    }

    pub(super) fn count_start(&mut self, minutes_since_end: f32) {
        self.starts[since_end_class(minutes_since_end)].0 += 1.0;
    }

    /// A stream of `minutes` that was first seen `found` minutes old; its creator's mean is `mean`.
    pub(super) fn count_duration(&mut self, minutes: f32, found: f32, mean: f32) {
        self.duration_minutes += f64::from(minutes);
        self.durations += 1.0;
        let (from, to) = (found / mean, minutes / mean);
        let mut low = 0.0;
        for (class, high) in self.ends.iter_mut().zip(AGE.into_iter().chain([f32::MAX])) {
            class.1 += f64::from((to.min(high) - from.max(low)).max(0.0));
            low = high;
        }
        self.ends[class_of(&AGE, to)].0 += 1.0;
    }
}

/// The class of a time since the last end.
pub(super) fn since_end_class(minutes: f32) -> usize {
    class_of(&SINCE_END, minutes)
}

fn class_of(bounds: &[f32; CLASSES - 1], value: f32) -> usize {
    bounds.iter().filter(|&&bound| value >= bound).count()
}

#[expect(clippy::cast_possible_truncation, reason = "tables are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "bounds and priors are exact")]
mod tests {
    use super::*;

    #[test]
    fn hazards_count_only_the_time_under_observation() {
        let mut population = Population::default();
        for _ in 0..1_000 {
            // Seen first at half a mean, over at a whole one.
            population.count_duration(90.0, 45.0, 90.0);
        }
        assert!(
            (population.hazard(0.05) - 1.0).abs() < 1e-6,
            "never watched"
        );
        assert!(population.hazard(0.6) < 0.1, "watched, and nobody ended");
        assert!(population.hazard(1.0) > 3.0, "everybody ended");
    }

    #[test]
    fn what_is_learned_of_starts_after_an_end_moves_from_one_to_the_ratio_seen() {
        let mut population = Population::default();
        assert!(population.since_end_factors().iter().all(|&f| f == 1.0));
        let mut expected = [0.0; CLASSES];
        expected[since_end_class(30.0)] = 1.0;
        for _ in 0..3_000 {
            population.count_expected_starts(&expected);
            population.count_start(5.0);
        }
        let factors = population.since_end_factors();
        assert!(factors[1] < 0.02 && factors[0] > 50.0, "{factors:?}");
    }
}
