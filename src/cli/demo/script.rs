//! What happens in the pretend world, and when: known beforehand, so that it can be told
//! from what the daemon finds out.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::domain::{Timestamp, Username};
use crate::simulator::world::TITLES;
use crate::simulator::{Stream, World};

/// The cast.
const NAMES: [&str; 6] = [
    "nightowl.radio",
    "chef_amara",
    "pixel.quest",
    "lena_paints",
    "dj.tamarind",
    "old_harbour",
];

/// A share of the time at the beginning in which nobody is live, so that the first polls settle.
const CALM: Duration = Duration::from_millis(1_500);
/// Nothing begins so shortly before the end: there would be no time to notice it.
const LAST_START: Duration = Duration::from_secs(6);
/// The same for a demo too short for that, as a share of it: the start at least is shown.
const LAST_START_SHARE: f64 = 0.67;

/// The story of one demo.
#[derive(Debug)]
pub(super) struct Script {
    scenes: Vec<Scene>,
    world: World,
}

/// Something that happens, `after` the start.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) after: Duration,
    pub(super) act: Act,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    GoesLive(Username),
    Ends(Username),
    ApiFails,
    ApiWorks,
    ReceiverFails,
    ReceiverWorks,
}

impl Script {
    /// A story of length `span` that begins at `start`; the same for the same seed.
    pub(super) fn new(seed: u64, start: Timestamp, span: Duration) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut script = Self {
            scenes: Vec::new(),
            world: World::new(),
        };
        let closing = LAST_START.min(span.mul_f64(LAST_START_SHARE));
        for (number, name) in NAMES.iter().enumerate() {
            let Ok(creator) = name.parse::<Username>() else {
                continue;
            };
            script.world.add(&creator);
            // One after the other at first, so that something happens soon and not all at once.
            let mut at = CALM + Duration::from_millis(1_700 * number as u64);
            while at + closing < span {
                let length = Duration::from_millis(random.random_range(6_000..14_000));
                let title = TITLES[random.random_range(0..TITLES.len())];
                let stream = Stream::new(&creator, start.plus(at))
                    .titled(title)
                    .ending(start.plus(at + length));
                script.world.add_stream(&creator, stream);
                script.add(at, Act::GoesLive(creator.clone()));
                script.add(at + length, Act::Ends(creator.clone()));
                at += length + Duration::from_millis(random.random_range(5_000..11_000));
            }
        }
        script.add(span.mul_f64(0.30), Act::ReceiverFails);
        script.add(span.mul_f64(0.40), Act::ReceiverWorks);
        script.add(span.mul_f64(0.55), Act::ApiFails);
        script.add(span.mul_f64(0.63), Act::ApiWorks);
        script.scenes.retain(|scene| scene.after < span);
        script.scenes.sort_by_key(|scene| scene.after);
        script
    }

    fn add(&mut self, after: Duration, act: Act) {
        self.scenes.push(Scene { after, act });
    }

    /// Everything that happens, in order.
    pub(super) fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    /// The world in which it happens.
    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Who takes part.
    pub(super) fn creators(&self) -> impl Iterator<Item = &Username> {
        self.world.creators()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_the_shortest_story_has_a_start_that_can_be_noticed() {
        let span = crate::cli::demo::SHORTEST;
        let story = Script::new(7, Timestamp::default(), span);
        let starts = story.scenes().iter().filter(|scene| {
            // More than the demo's interval, and a retry.
            matches!(scene.act, Act::GoesLive(_)) && scene.after + Duration::from_secs(3) < span
        });
        assert!(starts.count() >= 1);
    }

    #[test]
    fn a_story_is_the_same_for_a_seed_and_has_all_that_a_demo_shows() {
        let tell = || Script::new(7, Timestamp::default(), Duration::from_secs(45));
        let (story, again) = (tell(), tell());
        let times = |script: &Script| script.scenes().iter().map(|s| s.after).collect::<Vec<_>>();
        assert_eq!(times(&story), times(&again));
        assert!(times(&story).is_sorted());
        let count = |wanted: &dyn Fn(&Act) -> bool| {
            story
                .scenes()
                .iter()
                .filter(|scene| wanted(&scene.act))
                .count()
        };
        assert!(count(&|act| matches!(act, Act::GoesLive(_))) >= 6);
        assert!(count(&|act| matches!(act, Act::Ends(_))) >= 4);
        for act in [
            Act::ApiFails,
            Act::ApiWorks,
            Act::ReceiverFails,
            Act::ReceiverWorks,
        ] {
            assert_eq!(count(&|a| *a == act), 1);
        }
    }
}
