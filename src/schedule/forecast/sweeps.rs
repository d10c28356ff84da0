//! The same watchlist with sweeps: what part of the credits they take, and what they save.
//!
//! A stream whose flag works is taken to be found by sweeps alone, at even intervals; any other
//! by polls alone, with the credits that are left. In truth either helps the other.

use serde::Serialize;

use super::kind::Week;
use super::market::{MONTH_MINUTES, MONTH_WEEKS, Market};

/// Parts of the budget that are tried for sweeps.
const SHARES: [f64; 5] = [0.1, 0.2, 0.35, 0.5, 0.7];
/// Polls keep at least this part.
const FOR_POLLS: f64 = 0.05;

/// A following list, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct List {
    /// Pages to read, a credit each.
    pub pages: u64,
    /// The chance that a stream is flagged.
    pub recall: f64,
    /// Minutes from a start to its flag.
    pub lag: f64,
    /// The chance of a flag on a creator who is not live; each costs a poll.
    pub false_flags: f64,
}

/// What the budget brings with sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SweepOffer {
    /// Share of streams that flags show: as measured, or assumed.
    pub recall: f64,
    /// Whether it was measured.
    pub measured: bool,
    /// Pages of the list.
    pub pages: u64,
    /// Credits in 30 days that sweeps take; none if they are not worth it.
    pub credits_per_month: f64,
    /// From one sweep of a page to the next.
    pub every_seconds: Option<f64>,
    /// Mean over all streams of the delay, or of the whole length of those that nobody saw.
    pub loss_seconds: f64,
    /// Mean delay of the streams that were seen.
    pub mean_delay_seconds: f64,
    /// Share of streams that nobody saw.
    pub missed_share: f64,
}

/// Of one stream: its loss, the chance that it is found, and the delay times that chance.
#[derive(Debug, Clone, Copy)]
struct Fate {
    loss: f64,
    found: f64,
    delay: f64,
}

impl Fate {
    fn of(week: &Week, lag: f64) -> Self {
        let starts = week.starts.max(1e-12);
        let found = week.found / starts;
        Self {
            loss: week.loss / starts + found * lag,
            found,
            delay: week.delay / starts + found * lag,
        }
    }

    fn mixed(self, share: f64, other: Self) -> Self {
        let mix = |a: f64, b: f64| share * a + (1.0 - share) * b;
        Self {
            loss: mix(self.loss, other.loss),
            found: mix(self.found, other.found),
            delay: mix(self.delay, other.delay),
        }
    }
}

impl Market {
    /// What `credits` a month bring with sweeps of `list`, at the best of a few shares.
    pub fn with_sweeps(&self, credits: u64, list: List, measured: bool) -> SweepOffer {
        let credits = credits as f64;
        let polled = |credits: f64| Fate::of(&self.at_budget(credits).week, 0.0);
        let mut best = (polled(credits), 0.0, None);
        for share in SHARES {
            let spent = share * credits;
            let interval = (list.pages as f64 * MONTH_MINUTES / spent).max(1.0);
            let swept = self.swept(interval);
            let false_polls = list.false_flags * self.creators() * MONTH_MINUTES / interval;
            let hits = list.recall * swept.found * MONTH_WEEKS + false_polls;
            let rest = credits - spent - hits;
            if rest < FOR_POLLS * credits {
                continue;
            }
            let fate = Fate::of(&swept, list.lag).mixed(list.recall, polled(rest));
            if fate.loss < best.0.loss {
                best = (fate, spent, Some(60.0 * interval));
            }
        }
        let (fate, credits_per_month, every_seconds) = best;
        SweepOffer {
            recall: list.recall,
            measured,
            pages: list.pages,
            credits_per_month,
            every_seconds,
            loss_seconds: 60.0 * fate.loss,
            mean_delay_seconds: 60.0 * fate.delay / fate.found.max(1e-12),
            missed_share: (1.0 - fate.found).clamp(0.0, 1.0),
        }
    }

    /// A week in which everybody is looked at every `interval` minutes.
    fn swept(&self, interval: f64) -> Week {
        let mut week = Week::default();
        for kind in &self.kinds {
            week.add(&kind.fixed(interval, interval, self.rules()), kind.count);
        }
        week
    }
}
