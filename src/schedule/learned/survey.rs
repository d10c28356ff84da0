//! What the forecast is told of the learned schedule: every creator's week as it is believed.

use std::collections::HashMap;

use super::creator::Creator;
use super::settings::as_minutes;
use super::{CreatorIndex, Learned};
use crate::domain::Timestamp;
use crate::schedule::forecast::{Kind, LiveRule, Market};
use crate::schedule::week::Moment;

/// Distinct creators that a forecast looks at, at most: of more, evenly chosen ones stand for all.
const MOST_KINDS: usize = 500;

impl Learned {
    /// Everybody who is watched, as a forecast sees them at `now`; `confirmations` polls confirm an end.
    pub fn survey(&self, confirmations: u32, now: Timestamp) -> Market {
        let watched = || self.creators.iter().filter(|one| one.watched);
        let mut alike: HashMap<Vec<u32>, f64> = HashMap::new();
        let mut distinct = Vec::new();
        for one in watched() {
            if let Some(key) = newcomer_key(one) {
                *alike.entry(key).or_default() += 1.0;
            } else {
                distinct.push(one);
            }
        }
        let mut kinds = self.newcomers(watched(), &mut alike, now);
        let step = distinct.len().div_ceil(MOST_KINDS).max(1);
        let chosen = distinct.len().div_ceil(step).max(1);
        let share = distinct.len() as f64 / chosen as f64;
        let sampled = distinct.iter().step_by(step);
        kinds.extend(sampled.map(|one| self.kind(one, share, now)));
        Market::new(kinds, self.live_rule(confirmations), &self.population)
            .corrected(self.ledger.budget())
    }

    /// One kind for all newcomers of the same settings.
    fn newcomers<'a>(
        &self,
        watched: impl Iterator<Item = &'a Creator>,
        alike: &mut HashMap<Vec<u32>, f64>,
        now: Timestamp,
    ) -> Vec<Kind> {
        let mut kinds = Vec::with_capacity(alike.len());
        for one in watched {
            if let Some(count) = newcomer_key(one).and_then(|key| alike.remove(&key)) {
                kinds.push(self.kind(one, count, now));
            }
        }
        kinds
    }

    /// One creator as a forecast sees it at `now`, if it is known.
    pub fn survey_of(&self, creator: CreatorIndex, now: Timestamp) -> Option<Kind> {
        let one = self.creators.get(creator as usize)?;
        Some(self.kind(one, 1.0, now))
    }

    fn kind(&self, one: &Creator, count: f64, now: Timestamp) -> Kind {
        let mean = one.rhythm.mean_duration(&self.population);
        let hours = one.settings.hours();
        let outlook = one
            .rhythm
            .outlook(&self.population, hours, Moment::from(now));
        let strict = one.settings.hours.as_deref();
        Kind {
            count,
            starts: outlook.week(&self.population),
            mean,
            wish: one.settings.wish(),
            shortest: one.settings.min_interval,
            relative_price: self.relative_price(one, mean),
            open: strict.filter(|_| one.settings.strict_hours).copied(),
            streams_seen: one.rhythm.streams_seen(),
        }
    }

    fn live_rule(&self, confirmations: u32) -> LiveRule {
        LiveRule {
            weight: self.end_weight(),
            longest: self.options.live_interval.map(as_minutes),
            confirm_after: as_minutes(self.options.confirm_after),
            confirmations,
        }
    }
}

/// Creators with the same key are alike: nothing is known of either, and they are configured alike.
fn newcomer_key(one: &Creator) -> Option<Vec<u32>> {
    if !one.rhythm.is_blank() {
        return None;
    }
    let settings = &one.settings;
    let mut key = vec![
        settings.priority.to_bits(),
        settings.min_interval.to_bits(),
        settings.interval.unwrap_or(-1.0).to_bits(),
        settings.max_interval.unwrap_or(-1.0).to_bits(),
        u32::from(settings.strict_hours),
        settings
            .utc_offset
            .map_or(u32::MAX, |offset| u32::from(offset.cast_unsigned())),
    ];
    if let Some(hours) = &settings.hours {
        key.extend((0..crate::schedule::week::BINS).map(|bin| u32::from(hours.contains(bin))));
    }
    Some(key)
}
