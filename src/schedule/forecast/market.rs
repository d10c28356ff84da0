//! All creators together: what they would cost at a price, and the price at which a month of
//! credits lasts the month.
//!
//! The longest gaps follow from the credits, so that both are found together.

use super::kind::{Kind, LiveRule, Rules, Week};
use super::lengths::Lengths;
use crate::schedule::controller::Controller;
use crate::schedule::learned::plan::Plan;
use crate::schedule::population::Population;

/// Weeks and minutes of the month of 30 days.
pub(super) const MONTH_WEEKS: f64 = 30.0 / 7.0;
pub(super) const MONTH_MINUTES: f64 = 43_200.0;
/// What the controller plans to use of a budget.
const PLANNED: f64 = 0.997;
/// How close to the budget is close enough, and how many prices are tried for it.
const CLOSE: f64 = 0.002;
const MOST_TRIES: usize = 24;
/// The logarithms between which a price lies.
const PRICES: (f64, f64) = (-16.0, 5.0);

/// Everybody who is watched.
#[derive(Debug)]
pub struct Market {
    pub(super) kinds: Vec<Kind>,
    live: LiveRule,
    lengths: Lengths,
    population: Population,
    unseen: f64,
}

/// A month at a price.
#[derive(Debug, Clone, Copy)]
pub(super) struct Month {
    pub(super) price: f32,
    pub(super) plan: Plan,
    /// What may be spent.
    pub(super) budget: f64,
    /// Of all creators.
    pub(super) week: Week,
}

impl Market {
    pub(in crate::schedule) fn new(
        kinds: Vec<Kind>,
        live: LiveRule,
        population: &Population,
    ) -> Self {
        Self {
            kinds,
            live,
            lengths: Lengths::of(population),
            population: population.clone(),
            unseen: 1.0,
        }
    }

    /// Corrects the rates for what was learned with `credits` a month: they follow from the polls
    /// made and the lengths believed, and rare polls see the long streams.
    pub(in crate::schedule) fn corrected(mut self, credits: u64) -> Self {
        let Week { learned, found, .. } = self.at_budget(credits as f64).week;
        let ratio = (learned / found.max(1e-12)).clamp(0.5, 4.0);
        self.unseen = 1.0 + (ratio - 1.0) * self.population.evidence();
        self
    }

    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            lengths: &self.lengths,
            population: &self.population,
            live: self.live,
            unseen: self.unseen,
        }
    }

    /// How many creators.
    pub(super) fn creators(&self) -> f64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// The longest gaps that `credits` a month allow.
    fn plan(&self, credits: f64) -> Plan {
        let wishes = self.kinds.iter().map(|kind| (kind.wish, kind.count));
        Plan::new(wishes, credits / MONTH_MINUTES)
    }

    fn at_price(&self, ln_price: f64, budget: f64) -> Month {
        let plan = self.plan(budget);
        #[expect(clippy::cast_possible_truncation, reason = "within bounds")]
        let price = ln_price.exp() as f32;
        let mut week = Week::default();
        for kind in &self.kinds {
            week.add(&kind.learned(price, &plan, self.rules()), kind.count);
        }
        Month {
            price,
            plan,
            budget,
            week,
        }
    }

    /// The month in which the learned schedule spends `credits`; less if everybody is polled as
    /// often as is allowed.
    pub(super) fn at_budget(&self, credits: f64) -> Month {
        let target = (PLANNED * credits).ln();
        let first = f64::from(Controller::new(f64::from(self.plan(credits).gap)).price()).ln();
        Self::search(first, |ln_price| {
            let month = self.at_price(ln_price, credits);
            (month, (month.credits().max(1e-9)).ln() - target)
        })
    }

    /// The cheapest month in which the mean delay is at most `minutes`; `None` if there is none.
    pub(super) fn at_delay(&self, minutes: f64) -> Option<Month> {
        let mut credits = self.creators() * MONTH_MINUTES / minutes.max(0.1);
        let first = f64::from(Controller::new(minutes).price()).ln();
        let month = Self::search(first, |ln_price| {
            let month = self.at_price(ln_price, credits);
            credits = month.credits().max(1.0);
            let delay = month.week.delay / month.week.found.max(1e-12);
            (month, (minutes / delay.max(1e-9)).ln())
        });
        (month.week.delay <= minutes * month.week.found * (1.0 + 2.0 * CLOSE)).then_some(month)
    }

    /// The month at which `excess`, which falls with the price, is about 0.
    fn search(first: f64, mut excess: impl FnMut(f64) -> (Month, f64)) -> Month {
        let mut at = first.clamp(PRICES.0, PRICES.1);
        // Too cheap and too dear, with their excess.
        let mut low: Option<(f64, f64)> = None;
        let mut high: Option<(f64, f64)> = None;
        let (mut month, mut off) = excess(at);
        for _ in 0..MOST_TRIES {
            if off.abs() < CLOSE {
                break;
            }
            if off > 0.0 {
                low = Some((at, off));
            } else {
                high = Some((at, off));
            }
            at = match (low, high) {
                (Some(low), Some(high)) => between(low, high),
                (Some((low, off)), None) => (low + 1.5 * off.max(0.05)).min(PRICES.1),
                (None, Some((high, off))) => (high + 1.5 * off.min(-0.05)).max(PRICES.0),
                (None, None) => at,
            };
            let stuck = [low, high]
                .into_iter()
                .flatten()
                .any(|(tried, _)| (tried - at).abs() < 1e-4);
            if stuck {
                break;
            }
            (month, off) = excess(at);
        }
        month
    }

    /// The fixed interval, in minutes, at which `credits` last the month.
    pub(super) fn even_interval(&self, credits: f64) -> f64 {
        let spent = |interval: f64| -> f64 {
            let week = |kind: &Kind| {
                let own = kind.pinned().unwrap_or(interval);
                kind.count * kind.fixed(own, interval, self.rules()).credits
            };
            self.kinds.iter().map(week).sum()
        };
        let (mut low, mut high) = (1.0 / 60.0, MONTH_MINUTES);
        for _ in 0..40 {
            let middle = f64::sqrt(low * high);
            if spent(middle) * MONTH_WEEKS > credits {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

impl Month {
    pub(super) fn credits(&self) -> f64 {
        self.week.credits * MONTH_WEEKS
    }
}

/// Where the line through both points is 0, kept away from either.
fn between(low: (f64, f64), high: (f64, f64)) -> f64 {
    let share = (low.1 / (low.1 - high.1)).clamp(0.1, 0.9);
    low.0 + share * (high.0 - low.0)
}
