//! What was learned, as plain values for a store, and back.
//!
//! A creator's tables are a function of its past streams; its counts and exposures are not
//! and are kept. An import of past streams alone warms a creator as well.

use serde::{Deserialize, Serialize};

use super::{CreatorIndex, Learned, Outcome, Phase, Population};
use crate::domain::Timestamp;
use crate::schedule::rhythm::{BLOCKS, HABITS};
use crate::schedule::week::{Moment, WEEK_MINUTES};

/// A past stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownStream {
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended: Option<Timestamp>,
    /// It replaced another, or went on after a dropped connection: no habit is learned from it.
    pub resumed: bool,
}

/// Counts of one creator that its streams do not tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// As of when.
    pub counted_at: Timestamp,
    /// Starts found, decayed.
    pub hits: f32,
    /// Weeks of exposure, decayed.
    pub weeks: f32,
    /// Starts expected and not found since the last sign of life.
    pub silence: f32,
    /// Evidence for no habit, an hour of the day, a weekly slot.
    pub habits: [f32; HABITS],
    /// Exposure in each six hours of the week; empty if no start was ever found.
    pub seen: Vec<f32>,
}

impl Learned {
    /// What is known of `creator` beyond its streams.
    pub fn learning(&self, creator: CreatorIndex) -> Option<Learning> {
        let rhythm = &self.creators.get(creator as usize)?.rhythm;
        Some(Learning {
            counted_at: rhythm.counted_at.into(),
            hits: rhythm.hits,
            weeks: rhythm.weeks,
            silence: rhythm.silence,
            habits: rhythm.habits,
            seen: rhythm.seen().map(|seen| seen.to_vec()).unwrap_or_default(),
        })
    }

    /// What is known of all creators together.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// Puts back what was known of all creators together; before any creator's.
    pub fn restore_population(&mut self, population: Population) {
        self.population = population;
    }

    /// Puts back where `creator` was at its last certain answer; nothing is learned from it.
    pub fn resume(&mut self, creator: CreatorIndex, state: Outcome, answered: Timestamp) {
        let Some(one) = self.creators.get_mut(creator as usize) else {
            return;
        };
        let at = Moment::from(answered);
        one.phase = match state {
            Outcome::Unclear(_) => return,
            Outcome::Offline => Phase::Offline,
            Outcome::Live { began } => Phase::Live {
                began: began.into(),
                found: at,
                seen: at,
            },
            // When it was last seen is not known here: the next answer closes it.
            Outcome::Ending => Phase::Live {
                began: at,
                found: at,
                seen: at,
            },
        };
        (one.answered, one.polled) = (Some(at), Some(at));
    }

    /// Puts back what is known of `creator`: its streams, oldest first, and the counts, if any were kept.
    ///
    /// Without counts (an import) the streams tell the habits too, and count as found by
    /// looking all the time.
    pub fn restore(
        &mut self,
        creator: CreatorIndex,
        streams: impl IntoIterator<Item = KnownStream>,
        learning: Option<&Learning>,
    ) {
        let Self {
            creators,
            population,
            ..
        } = self;
        let Some(one) = creators.get_mut(creator as usize) else {
            return;
        };
        let mut previous: Option<Moment> = None;
        for stream in streams {
            let began = Moment::from(stream.began);
            match (stream.resumed, learning) {
                (true, _) => {}
                (false, Some(_)) => one.rhythm.deposit(began),
                (false, None) => {
                    let weeks = previous
                        .map_or(1.0, |previous| began.minutes_since(previous) / WEEK_MINUTES);
                    one.rhythm.restore_exposure(weeks);
                    one.rhythm.learn(population, began);
                    one.rhythm.count(1.0, weeks, began);
                }
            }
            previous = Some(began);
            if let Some(ended) = stream.ended {
                one.rhythm.restore_duration(began, ended.into());
            }
        }
        if let Some(learning) = learning {
            one.rhythm.counted_at = learning.counted_at.into();
            (one.rhythm.hits, one.rhythm.weeks) = (finite(learning.hits), finite(learning.weeks));
            one.rhythm.silence = finite(learning.silence);
            one.rhythm.habits = learning.habits.map(finite);
            if let Ok(seen) = <&[f32; BLOCKS]>::try_from(learning.seen.as_slice()) {
                one.rhythm.restore_seen(&seen.map(finite));
            }
        }
    }
}

/// A stored number that nothing can have made of a count is none.
fn finite(value: f32) -> f32 {
    if value.is_finite() {
        value.max(0.0)
    } else {
        0.0
    }
}
