//! Creators that are alike, and what to expect of one of them in a week.
//!
//! The learned schedule is followed poll by poll with the very rule that makes the polls; what
//! happens between two of them is taken in expectation. What was learned is taken for the
//! truth. Times are minutes.

use super::lengths::{LENGTHS, Lengths};
use crate::schedule::allocation::{Believed, first_worth, live_wait};
use crate::schedule::learned::plan::{Plan, Wish};
use crate::schedule::population::Population;
use crate::schedule::week::{BIN_MINUTES, BINS, Moment, WEEK_MINUTES, WeekMask};

/// How long is followed: so many weeks at most, and at least one with so many polls.
const MOST_WEEKS: f64 = 8.0;
const ENOUGH_POLLS: u32 = 50;
/// The age at which a stream is found, in mean lengths, for the polls until its end.
const FOUND_AT: f64 = 0.25;
/// Polls of one stream that are followed, and the share still running that no longer counts.
const MOST_LIVE_POLLS: usize = 400;
const FEW: f64 = 0.01;

/// So many creators of the same settings and the same rhythm.
#[derive(Debug, Clone)]
pub struct Kind {
    pub(in crate::schedule) count: f64,
    /// Starts a minute while offline, bin by bin.
    pub(in crate::schedule) starts: Box<[f32; BINS]>,
    pub(in crate::schedule) mean: f32,
    pub(in crate::schedule) wish: Wish,
    pub(in crate::schedule) shortest: f32,
    /// The price for this one against the price for all.
    pub(in crate::schedule) relative_price: f32,
    /// When it may be polled, if not always.
    pub(in crate::schedule) open: Option<WeekMask>,
    pub(in crate::schedule) streams_seen: u32,
}

/// How live streams are followed.
#[derive(Debug, Clone, Copy)]
pub(in crate::schedule) struct LiveRule {
    /// Of an end that is not seen, against a start.
    pub(in crate::schedule) weight: f32,
    pub(in crate::schedule) longest: Option<f32>,
    pub(in crate::schedule) confirm_after: f32,
    pub(in crate::schedule) confirmations: u32,
}

/// What is expected in a week, over one or many creators.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Week {
    pub(super) credits: f64,
    /// Streams that begin.
    pub(super) starts: f64,
    /// Of them, those that a poll sees.
    pub(super) found: f64,
    /// Minutes from start to poll of those that are found, summed.
    pub(super) delay: f64,
    /// The same, and the whole length of those that are not.
    pub(super) loss: f64,
    /// What the learning takes for found: by exponential lengths of the believed mean.
    pub(super) learned: f64,
}

/// The polls of one stream from the first that sees it to its confirmed end.
#[derive(Debug, Clone, Copy)]
struct Course {
    polls: f64,
    minutes: f64,
}

/// What is the same for all kinds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) lengths: &'a Lengths,
    pub(super) population: &'a Population,
    pub(super) live: LiveRule,
    /// Starts that there are for each that is believed in.
    pub(super) unseen: f64,
}

impl Week {
    /// Adds `times` of `more`.
    pub(super) fn add(&mut self, more: &Self, times: f64) {
        self.credits += times * more.credits;
        self.starts += times * more.starts;
        self.found += times * more.found;
        self.delay += times * more.delay;
        self.loss += times * more.loss;
        self.learned += times * more.learned;
    }
}

impl Kind {
    /// A week under the learned schedule at this price.
    pub(super) fn learned(&self, price: f32, plan: &Plan, rules: Rules<'_>) -> Week {
        let price = price * self.relative_price;
        let gap = plan.gap_for(self.wish).max(self.shortest);
        let pinned = matches!(self.wish, Wish::Pinned(_)).then_some(gap);
        let course = self.course(price, pinned, rules);
        let mut week = Week::default();
        // A day to forget where it began: then polls are where the rule puts them.
        let (mut now, mut elapsed, mut polls) = (0.0_f64, -1_440.0_f64, 0_u32);
        let mut live = 0.0_f64;
        let length = f64::from(WEEK_MINUTES);
        while elapsed < length || (polls < ENOUGH_POLLS && elapsed < MOST_WEEKS * length) {
            let from = moment(now);
            let wait = f64::from(self.wait(from, price, gap));
            let between = self.between(from, wait, rules);
            let offline = 1.0 - live;
            if elapsed >= 0.0 {
                week.add(&between, offline);
                week.credits += offline * (1.0 + between.found * course.polls);
                polls += 1;
            } else if elapsed + wait >= 0.0 {
                // Counting begins with a poll.
                elapsed = -wait;
            }
            live = live * (-wait / course.minutes).exp() + offline * between.found.min(1.0);
            now = (now + wait) % length;
            elapsed += wait;
        }
        let mut mean = Week::default();
        mean.add(&week, length / elapsed);
        mean
    }

    /// Minutes from a poll that found nobody to the next.
    fn wait(&self, from: Moment, price: f32, gap: f32) -> f32 {
        let wait = if matches!(self.wish, Wish::Pinned(_)) {
            gap
        } else {
            // What no week has been worth, none will be.
            let horizon = gap.min(3.0 * WEEK_MINUTES);
            first_worth(
                |bin, _| self.starts[bin],
                Believed::nothing(from),
                self.mean,
                price,
                horizon,
            )
            .map_or(gap, |worth| worth.wait.max(self.shortest))
        };
        let open = self.open.as_ref();
        let closed = open.and_then(|open| open.opens_in(from.plus_minutes(wait)));
        wait + closed.unwrap_or(0.0)
    }

    /// Starts between two polls, and what the second one makes of them.
    fn between(&self, from: Moment, wait: f64, rules: Rules<'_>) -> Week {
        let lengths = rules.lengths;
        let mean = f64::from(self.mean);
        let mut week = Week::default();
        // Whole weeks so long ago that everything begun in them has ended.
        let long_ago = (wait - mean * LENGTHS as f64).max(0.0) / f64::from(WEEK_MINUTES);
        let weeks = long_ago.floor();
        week.starts = weeks * rules.unseen * self.starts_per_week();
        week.loss = week.starts * mean * lengths.mean();
        let (mut bin, mut left) = (from.bin(), wait - weeks * f64::from(WEEK_MINUTES));
        let mut length = f64::from(BIN_MINUTES - from.into_bin());
        let mut early = lengths.delays(left / mean);
        let mut kept_early = (-left / mean).exp();
        while left > 0.0 {
            let step = length.min(left);
            left -= step;
            let late = lengths.delays(left / mean);
            let believed = f64::from(self.starts[bin]);
            let starts = believed * rules.unseen;
            let kept = (-left / mean).exp();
            week.learned += believed * mean * (kept - kept_early);
            kept_early = kept;
            week.starts += starts * step;
            week.found += starts * mean * (early.found - late.found);
            week.delay += starts * mean * mean * (early.delay - late.delay);
            week.loss += starts * mean * mean * (early.loss - late.loss);
            (early, bin, length) = (late, (bin + 1) % BINS, f64::from(BIN_MINUTES));
        }
        week
    }

    /// The polls of a stream that was found, at a price.
    fn course(&self, price: f32, pinned: Option<f32>, rules: Rules<'_>) -> Course {
        let LiveRule {
            weight,
            longest,
            confirm_after,
            confirmations,
        } = rules.live;
        let longest = longest.unwrap_or(f32::MAX).min(pinned.unwrap_or(f32::MAX));
        let longest = longest.max(self.shortest);
        self.followed(rules.lengths, |age| {
            live_wait(price / weight, age, self.mean, |age| {
                rules.population.hazard(age)
            })
            .min(longest)
        })
        .confirmed(confirmations, confirm_after)
    }

    /// Polls a stream at the ages that `wait` leads to, for as long as it runs.
    fn followed(&self, lengths: &Lengths, wait: impl Fn(f32) -> f32) -> Course {
        let mean = f64::from(self.mean);
        let mut age = FOUND_AT * mean;
        let at_first = lengths.alive(FOUND_AT);
        let mut alive = 1.0;
        let mut course = Course {
            polls: 0.0,
            minutes: 0.0,
        };
        for _ in 0..MOST_LIVE_POLLS {
            #[expect(clippy::cast_possible_truncation, reason = "minutes")]
            let wait = f64::from(wait(age as f32));
            course.polls += alive;
            course.minutes += alive * wait;
            age += wait;
            alive = lengths.alive(age / mean) / at_first;
            if alive < FEW {
                break;
            }
        }
        course
    }

    /// A week under a fixed interval, the same while live.
    pub(super) fn fixed(&self, interval: f64, live_interval: f64, rules: Rules<'_>) -> Week {
        let mean = f64::from(self.mean);
        let rate = rules.unseen * self.usual();
        let delays = rules.lengths.delays(interval / mean);
        let share = mean / interval;
        let (found, loss) = (
            rate * share * delays.found,
            rate * share * mean * delays.loss,
        );
        // What runs and is known of, and half an interval to notice the end.
        let known = rate * mean * rules.lengths.mean() - loss + found * live_interval / 2.0;
        let offline = 1.0 / (1.0 + known);
        let minutes = offline * f64::from(WEEK_MINUTES);
        let confirmations = f64::from(rules.live.confirmations);
        Week {
            credits: minutes * (1.0 / interval + known / live_interval + found * confirmations),
            starts: minutes * rate,
            found: minutes * found,
            delay: minutes * rate * share * mean * delays.delay,
            loss: minutes * loss,
            learned: 0.0,
        }
    }

    /// The interval that its settings ask for, if they do.
    pub(super) fn pinned(&self) -> Option<f64> {
        match self.wish {
            Wish::Pinned(interval) => Some(f64::from(interval)),
            Wish::AtMost(_) | Wish::Fair => None,
        }
    }

    /// Starts a minute, on average.
    fn usual(&self) -> f64 {
        f64::from(self.starts.iter().sum::<f32>()) / BINS as f64
    }

    /// Starts a week that are believed in, were it never live.
    pub(super) fn starts_per_week(&self) -> f64 {
        self.usual() * f64::from(WEEK_MINUTES)
    }
}

impl Course {
    fn confirmed(mut self, confirmations: u32, after: f32) -> Self {
        self.polls += f64::from(confirmations);
        self.minutes += f64::from(confirmations) * f64::from(after);
        self
    }
}

fn moment(minutes: f64) -> Moment {
    #[expect(clippy::cast_possible_truncation, reason = "minutes of a week")]
    let narrow = minutes as f32;
    Moment::default().plus_minutes(narrow)
}
