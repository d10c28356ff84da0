//! What is believed of one creator, for people to look at. Decides nothing.

use std::time::Duration;

use super::{CreatorIndex, Learned, minutes};
use crate::domain::Timestamp;
use crate::schedule::week::{BIN_MINUTES, Moment, WEEK_MINUTES};

/// A creator's rhythm as it is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// Streams a week.
    pub starts_per_week: f32,
    /// Of a stream.
    pub mean_duration: Duration,
    /// Expected starts in each half hour of the week; bin 0 begins on Thursday 00:00 UTC.
    pub week: Vec<f32>,
}

impl Learned {
    /// What is believed of `creator` at `now`; `None` if there is no such creator.
    pub fn portrait(&self, creator: CreatorIndex, now: Timestamp) -> Option<Portrait> {
        let one = self.creators.get(creator as usize)?;
        let now = Moment::from(now);
        let outlook = one
            .rhythm
            .outlook(&self.population, one.settings.hours(), now);
        let week = outlook.week(&self.population);
        Some(Portrait {
            starts_per_week: outlook.rate * WEEK_MINUTES,
            mean_duration: minutes(one.rhythm.mean_duration(&self.population)),
            week: week.iter().map(|starts| starts * BIN_MINUTES).collect(),
        })
    }
}
