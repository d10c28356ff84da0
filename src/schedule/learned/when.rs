//! When to poll a creator next, by what is known of it; it learns nothing.

use std::time::Duration;

use super::creator::{Creator, Phase};
use super::plan::Wish;
use super::settings::as_minutes;
use super::{CreatorIndex, Learned, minutes};
use crate::domain::Timestamp;
use crate::domain::retry::doubling;
use crate::schedule::allocation::{Believed, first_worth, live_wait};
use crate::schedule::week::Moment;
use crate::schedule::{NextPoll, Reason};

/// What a missed restart adds to the weight of an unseen end.
const RESTART_WEIGHT: f32 = 0.03;
/// The most by which sweeps stretch a promised gap.
const MOST_RELIEF: f32 = 4.0;
/// How far a creator's mean duration moves its price: a hit on a long stream saves more.
const DURATION_EXPONENT: f32 = 0.7;
/// The wait after an unclear poll; doubles up to the longest.
const AFTER_UNCLEAR: Duration = Duration::from_mins(1);
const LONGEST_AFTER_UNCLEAR: Duration = Duration::from_mins(30);

impl Learned {
    pub(super) fn retry(&self, creator: CreatorIndex, failures: u32, random: f64) -> NextPoll {
        let longest = self
            .creators
            .get(creator as usize)
            .map_or(AFTER_UNCLEAR, |one| {
                minutes(self.promised_gap(one)).min(LONGEST_AFTER_UNCLEAR)
            });
        let wait = doubling(failures, AFTER_UNCLEAR.min(longest), longest);
        let least = self
            .creators
            .get(creator as usize)
            .map_or(0.0, Creator::least_gap);
        let wait = wait
            .mul_f64(1.0 + 0.1 * random.clamp(0.0, 1.0))
            .max(minutes(least));
        NextPoll {
            wait,
            reason: Reason::Retry,
        }
    }

    /// When to poll `creator` next by what is known at `now`; learns nothing.
    pub fn next_poll(&self, creator: CreatorIndex, now: Timestamp) -> NextPoll {
        let Some(one) = self.creators.get(creator as usize) else {
            return NextPoll {
                wait: minutes(self.plan.gap),
                reason: Reason::Interval,
            };
        };
        let now = Moment::from(now);
        let (after, reason) = match one.phase {
            Phase::Unknown => {
                return NextPoll {
                    wait: Duration::ZERO,
                    reason: Reason::Newcomer,
                };
            }
            Phase::Ending { .. } => (as_minutes(self.options.confirm_after), Reason::Confirm),
            Phase::Live { began, seen, .. } => (self.live_wait(one, began, seen), Reason::Live),
            Phase::Offline => self.offline_wait(one, one.answered.unwrap_or(now)),
        };
        let (after, reason) = match one.sight.as_deref() {
            Some(sight) if sight.hinted && reason != Reason::Confirm => (0.0, Reason::Hinted),
            _ => (after, reason),
        };
        let elapsed = one.answered.map_or(0.0, |at| now.minutes_since(at));
        let least = if reason == Reason::Confirm {
            0.0
        } else {
            one.least_gap() - one.since_polled(now)
        };
        let wait = (after - elapsed).max(least).max(0.0);
        NextPoll {
            wait: minutes(wait),
            reason,
        }
    }

    /// A minute of an unseen end against a minute of an unseen start.
    pub(super) fn end_weight(&self) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "a weight of about one")]
        let weight = self.options.end_weight as f32;
        weight + RESTART_WEIGHT
    }

    fn live_wait(&self, one: &Creator, began: Moment, seen: Moment) -> f32 {
        let mean = one.rhythm.mean_duration(&self.population);
        let age = seen.minutes_since(began);
        let price = self.price_of(one, mean);
        let hazard = |age| self.population.hazard(age);
        let mut wait = live_wait(price / self.end_weight(), age, mean, hazard);
        if let Some(shown) = one.sight.as_deref().and_then(|sight| sight.shown) {
            // Sweeps watch for the end, and polls for what no flag can tell: another stream since.
            let since_poll = one.answered.map_or(0.0, |at| shown.minutes_since(at));
            wait = (since_poll + wait).min(live_wait(price / RESTART_WEIGHT, age, mean, hazard));
        }
        let configured = self.options.live_interval.map_or(f32::MAX, as_minutes);
        let pinned = one
            .settings
            .interval
            .map_or(f32::MAX, |interval| interval * self.plan.stretch);
        wait.min(configured).min(pinned)
    }

    /// The wait from the last answer at `from`, and its reason.
    fn offline_wait(&self, one: &Creator, from: Moment) -> (f32, Reason) {
        let gap = self.promised_gap(one);
        let (wait, reason) = if one.settings.interval.is_some() {
            (gap, Reason::Pinned)
        } else {
            self.worthwhile(one, from, gap)
        };
        let closed = one.opens_in(from.plus_minutes(wait));
        (wait + closed.unwrap_or(0.0), reason)
    }

    fn worthwhile(&self, one: &Creator, answered: Moment, gap: f32) -> (f32, Reason) {
        let mean = one.rhythm.mean_duration(&self.population);
        let price = self.price_of(one, mean);
        let from = one
            .sight
            .as_deref()
            .map_or(Believed::nothing(answered), |sight| {
                sight.believed(answered, self.sweeps.trust.recall())
            });
        let outlook = one
            .rhythm
            .outlook(&self.population, one.settings.hours(), from.at);
        let since = from.at.minutes_since(answered);
        let intensity = |bin, ahead| outlook.intensity(bin, ahead);
        match first_worth(intensity, from, mean, price, gap - since) {
            Some(worth) => (
                (since + worth.wait).max(one.settings.min_interval),
                Reason::Worth {
                    chance: worth.chance,
                    price,
                },
            ),
            None => (gap, Reason::MaxGap),
        }
    }

    /// The price for `one`: less for a creator of high priority or of long streams.
    pub(super) fn price_of(&self, one: &Creator, mean: f32) -> f32 {
        self.controller.price() * self.relative_price(one, mean)
    }

    /// The same as a share of everybody's price.
    pub(super) fn relative_price(&self, one: &Creator, mean: f32) -> f32 {
        let duration = (self.population.mean_duration() / mean).powf(DURATION_EXPONENT);
        #[expect(clippy::cast_possible_truncation, reason = "an exponent of about one")]
        let fairness = self.options.fairness as f32;
        let share = if fairness > 0.0 {
            let rate = one.rhythm.rate(&self.population, one.rhythm.counted_at);
            (rate / self.population.rate())
                .clamp(0.05, 20.0)
                .powf(fairness)
        } else {
            1.0
        };
        duration * share / one.settings.priority
    }

    /// Nobody waits longer than this from the last answer, in minutes.
    ///
    /// A sweep is a look too, as far as recall goes: while they go on, the gap that everybody is
    /// promised is kept by polls for the share of streams that no sweep shows.
    pub(super) fn promised_gap(&self, one: &Creator) -> f32 {
        let wish = one.settings.wish();
        let gap = self.plan.gap_for(wish).max(one.settings.min_interval);
        let swept = one.sight.as_deref().and_then(|sight| sight.swept);
        match (wish, swept, one.answered) {
            (Wish::Fair, Some(swept), Some(answered)) if swept > answered => {
                let trust = &self.sweeps.trust;
                let hidden = 1.0 - trust.recall() + trust.uncertainty();
                let relief = (1.0 / hidden).clamp(1.0, MOST_RELIEF);
                (gap + swept.minutes_since(answered)).min(gap * relief)
            }
            _ => gap,
        }
    }
}
