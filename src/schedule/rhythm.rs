//! What is learned of one creator: when it starts to stream, how often, how long.
//!
//! A mixture of three habits (none, an hour of the day, a weekly slot), each believed as far
//! as it foretold the starts found. Exposure is counted, not calendar time: what was never
//! polled is no evidence of absence. Tables are allocated with the first start found.

use super::population::{CLASSES, Population, since_end_class};
use super::week::{BIN_MINUTES, BINS, DAY_BINS, Moment, WEEK_MINUTES};

mod outlook;
pub(super) use outlook::{Hours, Outlook};

/// Blocks of the week for which exposure is kept: 6 hours each.
pub(super) const BLOCKS: usize = 28;
const BINS_PER_BLOCK: usize = BINS / BLOCKS;

/// Half-lives, in minutes.
const TABLES_HALF_LIFE: f32 = 5.0 * WEEK_MINUTES;
const RATE_HALF_LIFE: f32 = 4.0 * WEEK_MINUTES;
/// Starts after which evidence for a habit is worth half.
const HABIT_HALF_LIFE: f32 = 40.0;
/// Share of starts that follow no habit whatever was learned.
const FLOOR: f32 = 0.02;
/// Streams that the pooled mean duration is worth, and weeks that the pooled rate is.
const DURATION_PRIOR: f32 = 5.0;
const RATE_PRIOR_WEEKS: f32 = 1.0;
/// Spread of a start around its habit, in minutes.
const WEEK_SIGMA: f32 = 20.0;
const DAY_SIGMA: f32 = 90.0;
/// Exposure older than this adds nothing: a stream that old has ended.
const LONGEST_EXPOSURE: f32 = 2_880.0;
/// What a creator's first poll says of the past.
const FIRST_EXPOSURE: f32 = 1_440.0;

/// The three habits: none, an hour of the day, a weekly slot.
pub(super) const HABITS: usize = 3;

#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) week: [f32; BINS],
    pub(super) day: [f32; DAY_BINS],
    /// Times that each half hour of a block was seen to be without a start, on average.
    pub(super) seen: [f32; BLOCKS],
}

#[derive(Debug, Clone, Default)]
pub(super) struct Rhythm {
    tables: Option<Box<Tables>>,
    /// Starts in the tables, decayed.
    mass: f32,
    learned_at: Moment,
    /// Evidence for each habit, above the prior of 1.
    pub(super) habits: [f32; HABITS],
    /// Starts found and weeks of exposure, both as of `counted_at`, decayed.
    pub(super) hits: f32,
    pub(super) weeks: f32,
    pub(super) counted_at: Moment,
    /// Starts expected and not found since the last sign of life.
    pub(super) silence: f32,
    pub(super) duration_minutes: f32,
    pub(super) durations: f32,
    pub(super) last_end: Moment,
}

/// The time about which a poll or a sweep says something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The one before; `None` if this is the first.
    pub(super) since: Option<Moment>,
    pub(super) now: Moment,
    /// The share of streams that it would have shown.
    pub(super) share: f32,
}

/// What one poll says about the time before it.
struct Exposure {
    /// Minutes at the mean rate.
    weighted: f32,
    since_end: [f32; CLASSES],
}

impl Rhythm {
    /// Nothing known, counted from `now`.
    pub(super) fn new(now: Moment) -> Self {
        Self {
            counted_at: now,
            ..Self::default()
        }
    }

    /// Whether nothing was ever learned.
    pub(super) fn is_blank(&self) -> bool {
        self.tables.is_none() && self.weeks == 0.0 && self.durations == 0.0
    }

    /// Streams that were seen to end.
    pub(super) fn streams_seen(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let seen = self.durations as u32;
        seen
    }

    /// Mean duration of this creator's streams, in minutes.
    pub(super) fn mean_duration(&self, population: &Population) -> f32 {
        let sum = DURATION_PRIOR * population.mean_duration() + self.duration_minutes;
        (sum / (DURATION_PRIOR + self.durations)).clamp(5.0, 480.0)
    }

    /// Starts a week, as believed at `now`.
    pub(super) fn rate(&self, population: &Population, now: Moment) -> f32 {
        let decay = half_lives(now.minutes_since(self.counted_at), RATE_HALF_LIFE);
        let starts = RATE_PRIOR_WEEKS * population.rate() + self.hits * decay;
        starts / (RATE_PRIOR_WEEKS + self.weeks * decay) * self.presence()
    }

    /// The longer the silence, the likelier the creator is away, has moved or given up.
    fn presence(&self) -> f32 {
        if self.silence <= 0.5 {
            return 1.0;
        }
        (1.0 / (1.0 + 0.02 * (self.silence.min(30.0).exp() - 1.0))).max(0.03)
    }

    fn weights(&self) -> [f32; HABITS] {
        let sum: f32 = self.habits.iter().map(|own| 1.0 + own).sum();
        self.habits.map(|own| (1.0 + own) / sum)
    }

    /// The intensity of starts from `from` on.
    pub(super) fn outlook<'a>(
        &'a self,
        population: &Population,
        hours: Hours<'a>,
        from: Moment,
    ) -> Outlook<'a> {
        let rate = self.rate(population, from) / WEEK_MINUTES;
        let [none, day, week] = self.weights();
        let known = 1.0 - FLOOR;
        let prior_mass = if hours.utc_offset.is_some() { 1.0 } else { 0.0 };
        let (uniform, day_weight, week) = match (&self.tables, prior_mass > 0.0) {
            (Some(_), _) => (known * none + FLOOR, known * day, known * week),
            (None, true) => (0.5, 0.5, 0.0),
            (None, false) => (1.0, 0.0, 0.0),
        };
        Outlook {
            tables: self.tables.as_deref(),
            hours,
            uniform,
            day: day_weight,
            week,
            prior: [none / (none + day), day / (none + day)],
            per_day: DAY_BINS as f32 / (prior_mass + self.mass).max(0.01),
            evening: prior_mass / (prior_mass + self.mass).max(0.01),
            rate,
            per_bin: rate * BIN_MINUTES,
            since_end: from.minutes_since(self.last_end),
            factors: population.since_end_factors(),
        }
    }

    /// Counts a poll, or a sweep, in the offline state; `found` is the start it found.
    pub(super) fn expose(
        &mut self,
        population: &mut Population,
        hours: Hours<'_>,
        span: Span,
        found: Option<Moment>,
    ) {
        let Span {
            since: last,
            now,
            share,
        } = span;
        let length = last
            .map_or(FIRST_EXPOSURE, |last| now.minutes_since(last))
            .min(LONGEST_EXPOSURE);
        let from = now.minus_minutes(length);
        let rate = self.rate(population, now) / WEEK_MINUTES;
        let exposure = self.exposure(population, hours, (from, now), share);
        if last.is_some() {
            population.count_expected_starts(&exposure.since_end.map(|minutes| minutes * rate));
            if let Some(start) = found {
                population.count_start(start.minutes_since(self.last_end));
            }
        }
        let hit = if found.is_some() { 1.0 } else { 0.0 };
        let weeks = exposure.weighted / WEEK_MINUTES;
        population.count_exposure(hit, weeks);
        self.count(hit, weeks, now);
        self.silence = if found.is_some() {
            0.0
        } else {
            self.silence + exposure.weighted * rate
        };
    }

    pub(super) fn count(&mut self, hits: f32, weeks: f32, now: Moment) {
        let decay = half_lives(now.minutes_since(self.counted_at), RATE_HALF_LIFE);
        self.hits = self.hits * decay + hits;
        self.weeks = self.weeks * decay + weeks;
        self.counted_at = now;
    }

    /// Integral of shape times the chance that a stream begun then would still run at `now`;
    /// walks back from `now` until nothing would. Notes what was seen in the tables.
    fn exposure(
        &mut self,
        population: &Population,
        hours: Hours<'_>,
        span: (Moment, Moment),
        share: f32,
    ) -> Exposure {
        let (from, now) = span;
        let mean = self.mean_duration(population);
        let full = (-BIN_MINUTES / mean).exp();
        let mut seen = [0.0_f32; BLOCKS];
        let mut exposure = Exposure {
            weighted: 0.0,
            since_end: [0.0; CLASSES],
        };
        let outlook = self.outlook(population, hours, from);
        let (mut bin, mut left) = (now.bin(), now.minutes_since(from));
        let (mut length, mut survival) = (now.into_bin(), 1.0_f32);
        while left > 0.0 && survival > 1e-3 {
            let step = length.min(left);
            let kept = if step == BIN_MINUTES {
                full
            } else {
                (-step / mean).exp()
            };
            let minutes = mean * (1.0 - kept) * survival * share;
            let weighted = minutes * outlook.shape(bin, left - step);
            exposure.weighted += weighted;
            exposure.since_end[since_end_class(outlook.since_end + left - step)] += weighted;
            seen[bin / BINS_PER_BLOCK] += minutes / BIN_MINUTES / BINS_PER_BLOCK as f32;
            survival *= kept;
            left -= step;
            length = BIN_MINUTES;
            bin = (bin + BINS - 1) % BINS;
        }
        if let Some(tables) = &mut self.tables {
            for (total, more) in tables.seen.iter_mut().zip(seen) {
                *total += more;
            }
        }
        exposure
    }

    /// Learns from a start found: first which habit foretold it, then the start itself.
    pub(super) fn learn(&mut self, population: &Population, start: Moment) {
        self.judge_habits(population, start);
        self.deposit(start);
    }

    fn judge_habits(&mut self, population: &Population, start: Moment) {
        let weights = self.weights();
        let outlook = self.outlook(population, Hours::default(), start);
        let Some(tables) = outlook.tables else { return };
        let day = outlook.day_shape(start.bin());
        let foretold = [1.0, day, outlook.slot(tables, start.bin(), day)];
        let total: f32 = weights.iter().zip(foretold).map(|(w, f)| w * f).sum();
        let decay = half_lives(1.0, HABIT_HALF_LIFE);
        for (habit, own) in self.habits.iter_mut().enumerate() {
            *own = *own * decay + weights[habit] * foretold[habit] / total;
        }
    }

    /// Puts one start into the tables.
    pub(super) fn deposit(&mut self, start: Moment) {
        let decay = half_lives(start.minutes_since(self.learned_at), TABLES_HALF_LIFE);
        let tables = self.tables.get_or_insert_with(|| {
            Box::new(Tables {
                week: [0.0; BINS],
                day: [0.0; DAY_BINS],
                seen: [0.0; BLOCKS],
            })
        });
        tables
            .week
            .iter_mut()
            .chain(&mut tables.day)
            .chain(&mut tables.seen)
            .for_each(|x| *x *= decay);
        self.mass = self.mass * decay + 1.0;
        self.learned_at = start;
        spread(&mut tables.week, start.of_week(), WEEK_SIGMA);
        spread(&mut tables.day, start.of_day(), DAY_SIGMA);
    }

    /// Counts a stream that ran from `began`, first seen at `found`, to about `ended`.
    pub(super) fn close(
        &mut self,
        population: &mut Population,
        began: Moment,
        found: Moment,
        ended: Moment,
    ) {
        let minutes = ended.minutes_since(began).clamp(1.0, 1_440.0);
        population.count_duration(
            minutes,
            found.minutes_since(began),
            self.mean_duration(population),
        );
        self.duration_minutes += minutes;
        self.durations += 1.0;
        self.last_end = ended;
        self.silence = 0.0;
    }

    /// Puts back a stream that was counted in the population before.
    pub(super) fn restore_duration(&mut self, began: Moment, ended: Moment) {
        self.duration_minutes += ended.minutes_since(began).clamp(1.0, 1_440.0);
        self.durations += 1.0;
        self.last_end = ended;
    }

    /// Every half hour was watched for `weeks`, as whoever made an imported list did.
    pub(super) fn restore_exposure(&mut self, weeks: f32) {
        for block in self.tables.iter_mut().flat_map(|tables| &mut tables.seen) {
            *block += weeks;
        }
    }

    /// Exposure by blocks, if any start was ever found.
    pub(super) fn seen(&self) -> Option<&[f32; BLOCKS]> {
        self.tables.as_ref().map(|tables| &tables.seen)
    }

    pub(super) fn restore_seen(&mut self, seen: &[f32; BLOCKS]) {
        if let Some(tables) = &mut self.tables {
            tables.seen = *seen;
        }
    }
}

/// What is left of 1 after `time`.
fn half_lives(time: f32, half_life: f32) -> f32 {
    (-time / half_life).exp2()
}

/// Adds one unit of Gaussian mass around `at` minutes to a table that closes into a ring.
fn spread(table: &mut [f32], at: f32, sigma: f32) {
    let bins = table.len();
    // Half an hour has no simpler centre of mass than the mean over three points.
    let weight = |bin: f32| -> f32 {
        [5.0, 15.0, 25.0]
            .map(|point| (bin * BIN_MINUTES + point - at) / sigma)
            .map(|z| (-0.5 * z * z).exp())
            .iter()
            .sum()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a dozen bins at most"
    )]
    let reach = (4.0 * sigma / BIN_MINUTES).ceil() as usize;
    let centre = (at / BIN_MINUTES).floor();
    let mut weights = [0.0_f32; 32];
    let window = &mut weights[..=2 * reach];
    for (offset, slot) in window.iter_mut().enumerate() {
        *slot = weight(centre + offset as f32 - reach as f32);
    }
    let total: f32 = window.iter().sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bin of the table"
    )]
    let first = centre as usize + bins - reach;
    for (offset, weight) in window.iter().enumerate() {
        table[(first + offset) % bins] += weight / total;
    }
}

#[cfg(test)]
mod tests;
