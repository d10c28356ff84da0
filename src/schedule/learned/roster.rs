//! Creators that come and go while the schedule runs.
//!
//! The daemon chooses the places. Whoever is removed keeps what is known of it until another
//! creator takes its place.

use super::creator::{Claim, Creator, Phase};
use super::settings::{Compact, Options, Settings};
use super::{CreatorIndex, Learned, Rhythm};
use crate::domain::Timestamp;

impl Learned {
    /// Puts a creator of which nothing is known at `place`: the next free one, or one whose
    /// creator was removed. Call [`Learned::replan`] after the last one.
    pub fn place_creator(&mut self, place: CreatorIndex, settings: &Settings, now: Timestamp) {
        match self.creators.get_mut(place as usize) {
            Some(one) => *one = Creator::unknown(settings, now),
            None => self.creators.push(Creator::unknown(settings, now)),
        }
    }

    /// Takes over what the configuration says about all creators; call [`Learned::replan`] after it.
    pub fn change_options(&mut self, options: Options) {
        self.options = options;
    }
}

impl Creator {
    pub(super) fn unknown(settings: &Settings, now: Timestamp) -> Self {
        Self {
            rhythm: Rhythm::new(now.into()),
            settings: Compact::from(settings),
            phase: Phase::Unknown,
            answered: None,
            polled: None,
            claim: Claim::Promised,
            watched: true,
            sight: None,
        }
    }
}
