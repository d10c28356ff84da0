//! The forecast as users and machines read it: one report for `check`, `plan` and the API.
//!
//! Months have 30 days, durations are seconds, shares lie in `[0, 1]`.

use std::time::Duration;

use serde::Serialize;

use super::kind::{Kind, Week};
use super::market::{MONTH_WEEKS, Market, Month};
use super::sweeps::SweepOffer;
use crate::schedule::plans::{PLANS, Refill};
use crate::schedule::week::{BINS, DAY_BINS, MONDAY};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// The schedule that is configured.
    pub configured: Configured,
    /// `[budget] credits_per_month`, whichever the schedule.
    pub budget: Option<u64>,
    /// The mean delay that is wished for.
    pub want: Option<Duration>,
}

/// The schedule that is configured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Configured {
    /// Where credits find starts, with this many a month.
    Learned {
        /// A month.
        credits: u64,
    },
    /// At an interval.
    Fixed {
        /// While offline.
        interval: Duration,
        /// While live.
        live_interval: Duration,
    },
}

/// What to expect of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expectation {
    /// Credits in 30 days.
    pub credits_per_month: f64,
    /// The interval, of a fixed schedule.
    pub interval_seconds: Option<f64>,
    /// The chance of a hit at which a poll is made, of a learned schedule.
    pub price: Option<f32>,
    /// Mean over all streams of the delay, or of the whole length of those that no poll saw.
    pub loss_seconds: f64,
    /// Mean delay of the streams that a poll saw.
    pub mean_delay_seconds: f64,
    /// Share of streams that no poll saw.
    pub missed_share: f64,
}

/// What an amount of credits brings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Offer {
    /// The provider's plan, or `None` for the configured budget.
    pub plan: Option<&'static str>,
    /// What it costs.
    pub dollars_per_month: Option<u32>,
    /// What it has.
    pub credits_per_month: u64,
    /// Everybody at one interval.
    pub fixed: Expectation,
    /// Where credits find starts.
    pub learned: Expectation,
}

/// What a wanted delay takes, under the learned schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Wanted {
    /// The mean delay that was asked for.
    pub mean_delay_seconds: f64,
    /// Credits a month that reach it; `None` if no number does, as nobody is polled that often.
    pub credits_per_month: Option<f64>,
    /// The cheapest plan that reaches it.
    pub plan: Option<&'static str>,
    /// What that costs.
    pub dollars_per_month: Option<u32>,
    /// How many creators like these the largest plan carries, if none reaches it for all.
    pub creators_at_most: Option<u64>,
}

/// The whole forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Creators watched.
    pub creators: u64,
    /// Of them, those of which at least one stream was seen; the others are taken for average.
    pub known: u64,
    /// Streams a week that are expected of one creator, on average.
    pub streams_per_week: f64,
    /// Their mean length.
    pub mean_stream_seconds: f64,
    /// `learned` or `fixed`.
    pub schedule: &'static str,
    /// What the configured schedule will do.
    pub configured: Expectation,
    /// Both schedules with the configured budget.
    pub budget: Option<Offer>,
    /// Both schedules with each monthly plan, the smallest first.
    pub plans: Vec<Offer>,
    /// What the wanted delay takes.
    pub wanted: Option<Wanted>,
    /// The learned schedule with the configured budget and sweeps, for each recall in question.
    pub sweeps: Vec<SweepOffer>,
}

/// The forecast for one creator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreatorReport {
    /// Streams that were seen to end.
    pub streams_seen: u32,
    /// Starts a week, as believed now.
    pub starts_per_week: f64,
    /// Mean length of its streams.
    pub mean_stream_seconds: f64,
    /// Its part of the credits.
    pub share_of_credits: f64,
    /// What the configured schedule will do for it.
    pub expected: Expectation,
    /// The offset from UTC of the clock that `week` goes by.
    pub utc_offset_minutes: i16,
    /// Starts an hour: seven days from Monday, of 48 half hours each.
    pub week: Vec<Vec<f32>>,
}

/// A schedule that is settled: what it does with a creator follows.
#[derive(Debug, Clone, Copy)]
enum Terms {
    Learned(Month),
    /// Minutes: while offline, and while live.
    Fixed(f64, f64),
}

impl Market {
    /// Answers `question`. Takes up to a second for a thousand creators, and for more no longer.
    pub fn report(&self, question: &Question) -> Report {
        let creators = self.creators();
        let sum = |value: &dyn Fn(&Kind) -> f64| -> f64 {
            self.kinds.iter().map(|kind| kind.count * value(kind)).sum()
        };
        let starts = sum(&|kind| self.starts_per_week(kind));
        let streaming = sum(&|kind| self.starts_per_week(kind) * self.mean_stream(kind));
        let terms = self.terms(question.configured);
        let plans = self.offers();
        Report {
            creators: whole(creators),
            known: whole(sum(&|kind| f64::from(u8::from(kind.streams_seen > 0)))),
            streams_per_week: starts / creators.max(1.0),
            mean_stream_seconds: streaming / starts.max(1e-12),
            schedule: terms.name(),
            configured: terms.expectation(&self.week(&terms)),
            budget: question.budget.map(|credits| self.offer(credits)),
            wanted: question.want.map(|want| self.wanted(want, &plans)),
            plans,
            sweeps: Vec::new(),
        }
    }

    /// One creator's part in it; `utc_offset` in minutes.
    pub fn creator(&self, kind: &Kind, configured: Configured, utc_offset: i16) -> CreatorReport {
        let terms = self.terms(configured);
        let (own, all) = (terms.week(kind, self), self.week(&terms));
        CreatorReport {
            streams_seen: kind.streams_seen,
            starts_per_week: self.starts_per_week(kind),
            mean_stream_seconds: self.mean_stream(kind),
            share_of_credits: own.credits / all.credits.max(1e-12),
            expected: terms.expectation(&own),
            utc_offset_minutes: utc_offset,
            week: local_week(kind, utc_offset),
        }
    }

    fn starts_per_week(&self, kind: &Kind) -> f64 {
        kind.starts_per_week() * self.rules().unseen
    }

    /// In seconds.
    fn mean_stream(&self, kind: &Kind) -> f64 {
        60.0 * f64::from(kind.mean) * self.rules().lengths.mean()
    }

    fn terms(&self, configured: Configured) -> Terms {
        match configured {
            Configured::Learned { credits } => Terms::Learned(self.at_budget(credits as f64)),
            Configured::Fixed {
                interval,
                live_interval,
            } => Terms::Fixed(minutes(interval), minutes(live_interval)),
        }
    }

    fn week(&self, terms: &Terms) -> Week {
        if let Terms::Learned(month) = terms {
            return month.week;
        }
        let mut week = Week::default();
        for kind in &self.kinds {
            week.add(&terms.week(kind, self), kind.count);
        }
        week
    }

    /// What each monthly plan brings.
    fn offers(&self) -> Vec<Offer> {
        let monthly = PLANS.iter().filter(|plan| plan.refill == Refill::Monthly);
        monthly
            .map(|plan| Offer {
                plan: Some(plan.name),
                dollars_per_month: Some(plan.dollars),
                ..self.offer(plan.credits)
            })
            .collect()
    }

    fn offer(&self, credits: u64) -> Offer {
        let fixed = self.even_interval(credits as f64);
        let terms = Terms::Fixed(fixed, fixed);
        let learned = Terms::Learned(self.at_budget(credits as f64));
        Offer {
            plan: None,
            dollars_per_month: None,
            credits_per_month: credits,
            fixed: terms.expectation(&self.week(&terms)),
            learned: learned.expectation(&self.week(&learned)),
        }
    }

    fn wanted(&self, want: Duration, plans: &[Offer]) -> Wanted {
        let reaches = |offer: &&Offer| offer.learned.mean_delay_seconds <= want.as_secs_f64();
        let plan = plans.iter().find(reaches);
        let credits = self.at_delay(minutes(want)).map(|month| month.credits());
        let largest = plans.last().map_or(0, |plan| plan.credits_per_month) as f64;
        let fit = credits.map(|credits| whole(self.creators() * largest / credits.max(1.0)));
        Wanted {
            mean_delay_seconds: want.as_secs_f64(),
            credits_per_month: credits,
            plan: plan.and_then(|offer| offer.plan),
            dollars_per_month: plan.and_then(|offer| offer.dollars_per_month),
            creators_at_most: fit.filter(|_| plan.is_none()),
        }
    }
}

impl Terms {
    fn name(&self) -> &'static str {
        match self {
            Self::Learned(_) => "learned",
            Self::Fixed(..) => "fixed",
        }
    }

    fn week(&self, kind: &Kind, market: &Market) -> Week {
        match self {
            Self::Learned(month) => kind.learned(month.price, &month.plan, market.rules()),
            Self::Fixed(interval, live_interval) => {
                let own = kind.pinned().unwrap_or(*interval);
                kind.fixed(own, *live_interval, market.rules())
            }
        }
    }

    fn budget(&self) -> Option<f64> {
        match self {
            Self::Learned(month) => Some(month.budget),
            Self::Fixed(..) => None,
        }
    }

    fn expectation(&self, week: &Week) -> Expectation {
        let (price, interval) = match self {
            Self::Learned(month) => (Some(month.price), None),
            Self::Fixed(interval, _) => (None, Some(60.0 * interval)),
        };
        let credits = week.credits * MONTH_WEEKS;
        Expectation {
            // Where the spending jumps with the price, the controller keeps to the budget.
            credits_per_month: self.budget().map_or(credits, |budget| budget.min(credits)),
            interval_seconds: interval,
            price,
            loss_seconds: 60.0 * week.loss / week.starts.max(1e-12),
            mean_delay_seconds: 60.0 * week.delay / week.found.max(1e-12),
            missed_share: (1.0 - week.found / week.starts.max(1e-12)).clamp(0.0, 1.0),
        }
    }
}

/// Starts an hour by the clock of a time zone, from Monday.
fn local_week(kind: &Kind, utc_offset: i16) -> Vec<Vec<f32>> {
    // A week is whole bins: a day's worth added keeps the offset, which is less, positive.
    let ahead = usize::try_from(i32::from(utc_offset).div_euclid(30) + 48).unwrap_or(48);
    let first = MONDAY + DAY_BINS + BINS - ahead;
    let day = |day: usize| {
        let bins = (0..DAY_BINS).map(|bin| (first + day * DAY_BINS + bin) % BINS);
        bins.map(|bin| 60.0 * kind.starts[bin]).collect()
    };
    (0..BINS / DAY_BINS).map(day).collect()
}

fn minutes(duration: Duration) -> f64 {
    duration.as_secs_f64() / 60.0
}

fn whole(count: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    let count = (count + 1e-6) as u64;
    count
}
