//! Many creators changing the same way at once is evidence of a fault upstream.
//!
//! Keeps the answers of the last minute and says of a change whether it is one of a
//! crowd. What then happens to it (it is held until a second poll agrees) is the
//! poller's part. A creator counts once, with its newest answer.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Answers older than this say nothing about the crowd.
pub const WINDOW: Duration = Duration::from_mins(1);
/// A crowd has at least this many creators.
pub const CROWD: usize = 10;

/// The ways a creator can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From offline to live.
    WentLive,
    /// From live to offline, confirmed or not yet.
    WentOffline,
    /// From one room to another.
    Replaced,
}

/// What one poll adds to the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Whether the creator was believed live, and so could end or be replaced, or offline, and could start.
    pub was_live: bool,
    /// How it changed, if it did.
    pub change: Option<Way>,
}

/// The answers of the last minute.
#[derive(Debug, Default)]
pub struct MassFlip {
    answers: VecDeque<Answer>,
    newest: HashMap<u32, (u64, Evidence)>,
    counts: Counts,
    number: u64,
}

#[derive(Debug)]
struct Answer {
    at: Duration,
    creator: u32,
    number: u64,
}

#[derive(Debug, Default)]
struct Counts {
    could_start: usize,
    could_end: usize,
    went_live: usize,
    went_offline: usize,
    replaced: usize,
}

impl Counts {
    fn slots(&mut self, evidence: Evidence) -> (&mut usize, Option<&mut usize>) {
        let could = if evidence.was_live {
            &mut self.could_end
        } else {
            &mut self.could_start
        };
        let changed = evidence.change.map(|way| match way {
            Way::WentLive => &mut self.went_live,
            Way::WentOffline => &mut self.went_offline,
            Way::Replaced => &mut self.replaced,
        });
        (could, changed)
    }

    fn add(&mut self, evidence: Evidence) {
        let (could, changed) = self.slots(evidence);
        *could += 1;
        if let Some(changed) = changed {
            *changed += 1;
        }
    }

    fn remove(&mut self, evidence: Evidence) {
        let (could, changed) = self.slots(evidence);
        *could -= 1;
        if let Some(changed) = changed {
            *changed -= 1;
        }
    }
}

impl MassFlip {
    /// Takes one certain answer at monotonic time `now`; times never decrease.
    pub fn record(&mut self, creator: u32, evidence: Evidence, now: Duration) {
        self.forget_before(now.saturating_sub(WINDOW));
        self.number += 1;
        if let Some((_, old)) = self.newest.insert(creator, (self.number, evidence)) {
            self.counts.remove(old);
        }
        self.counts.add(evidence);
        self.answers.push_back(Answer {
            at: now,
            creator,
            number: self.number,
        });
    }

    /// Whether at least [`CROWD`] creators, and more than half of those that could, changed this way.
    pub fn is_crowd(&self, way: Way) -> bool {
        let counts = &self.counts;
        let (changed, could) = match way {
            Way::WentLive => (counts.went_live, counts.could_start),
            Way::WentOffline => (counts.went_offline, counts.could_end),
            Way::Replaced => (counts.replaced, counts.could_end),
        };
        changed >= CROWD && 2 * changed > could
    }

    /// Whether any way is a crowd's at monotonic time `now`.
    pub fn any_crowd(&mut self, now: Duration) -> bool {
        self.forget_before(now.saturating_sub(WINDOW));
        [Way::WentLive, Way::WentOffline, Way::Replaced]
            .into_iter()
            .any(|way| self.is_crowd(way))
    }

    fn forget_before(&mut self, start: Duration) {
        while let Some(oldest) = self.answers.pop_front_if(|answer| answer.at < start) {
            let newest = self.newest.get(&oldest.creator).copied();
            if let Some((number, evidence)) = newest
                && number == oldest.number
            {
                self.newest.remove(&oldest.creator);
                self.counts.remove(evidence);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WENT_LIVE: Evidence = Evidence {
        was_live: false,
        change: Some(Way::WentLive),
    };
    const STAYED_OFFLINE: Evidence = Evidence {
        was_live: false,
        change: None,
    };
    const WENT_OFFLINE: Evidence = Evidence {
        was_live: true,
        change: Some(Way::WentOffline),
    };

    fn second(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn ten_changes_are_a_crowd_and_nine_are_not() {
        let mut flips = MassFlip::default();
        for creator in 0..9 {
            flips.record(creator, WENT_LIVE, second(1));
            assert!(!flips.is_crowd(Way::WentLive));
        }
        flips.record(9, WENT_LIVE, second(1));
        assert!(flips.is_crowd(Way::WentLive));
        assert!(!flips.is_crowd(Way::WentOffline));
    }

    #[test]
    fn half_of_those_that_could_is_not_yet_a_crowd() {
        let mut flips = MassFlip::default();
        (0..10).for_each(|c| flips.record(c, WENT_LIVE, second(1)));
        (10..20).for_each(|c| flips.record(c, STAYED_OFFLINE, second(1)));
        assert!(!flips.is_crowd(Way::WentLive));
        flips.record(20, WENT_LIVE, second(1));
        assert!(flips.is_crowd(Way::WentLive));
        // Those who are live could not go live: they do not dilute the crowd.
        (30..90).for_each(|c| {
            flips.record(
                c,
                Evidence {
                    was_live: true,
                    change: None,
                },
                second(1),
            );
        });
        assert!(flips.is_crowd(Way::WentLive));
    }

    #[test]
    fn a_creator_counts_once_with_its_newest_answer() {
        let mut flips = MassFlip::default();
        for round in 0..30 {
            flips.record(1, WENT_OFFLINE, second(round));
        }
        assert!(!flips.is_crowd(Way::WentOffline));
        (0..10).for_each(|c| flips.record(c, WENT_OFFLINE, second(31)));
        assert!(flips.is_crowd(Way::WentOffline));
        flips.record(
            0,
            Evidence {
                was_live: true,
                change: None,
            },
            second(32),
        );
        assert!(!flips.is_crowd(Way::WentOffline));
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten_and_its_memory_freed() {
        let mut flips = MassFlip::default();
        (0..10).for_each(|c| flips.record(c, WENT_LIVE, second(0)));
        assert!(flips.any_crowd(second(60)));
        assert!(!flips.any_crowd(second(61)));
        assert!(flips.answers.is_empty() && flips.newest.is_empty());
        flips.record(1, STAYED_OFFLINE, second(62));
        assert_eq!(flips.counts.could_start, 1);
    }
}
