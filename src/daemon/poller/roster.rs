//! The creators being watched: settings, state and bookkeeping, one entry each.
//!
//! A creator is in the queue, or its poll or its commit is under way: never two of these,
//! so that none has two polls at once.

mod changes;

use std::collections::HashMap;
use std::time::Duration;

pub(super) use self::changes::{Changes, Watch};
use crate::config::{Creator, Polling};
use crate::domain::mass_flip::Way;
use crate::domain::tracker::{CreatorState, Phase};
use crate::domain::{RoomId, Timestamp, Username};
use crate::schedule::fixed::{Pace, Situation, phase_of};
use crate::schedule::{CreatorIndex, NextPoll, Reason};
use crate::store::{Learnt, StoredCreator};

/// After how many planned gaps a previous answer says nothing about a sudden change any more.
const STALE_AFTER_GAPS: u32 = 3;

/// One creator.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) creator: Creator,
    pub(super) state: CreatorState,
    pub(super) watch: Watch,
    /// Settings changed while its poll or commit was under way: what that plans is too old.
    pub(super) replan: bool,
    /// Place in the interval, in `[0, 1)`.
    phase: f64,
    /// Failed tries of the poll under way.
    pub(super) failed_tries: u32,
    /// Polls in a row that gave no certain answer.
    pub(super) unclear_in_a_row: u32,
    /// A change that waits for a second poll to agree, because it came with a crowd.
    pub(super) held: Option<Box<Held>>,
    /// Why the next poll is made.
    pub(super) reason: Reason,
    /// The wait that was last planned.
    pub(super) gap: Duration,
    /// When the next poll is planned, on the wall.
    pub(super) next_poll_at: Option<Timestamp>,
    /// Knows something that the store does not.
    pub(super) dirty: bool,
}

/// A change of a mass flip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// When it was detected.
    pub(super) at: Timestamp,
    /// How the creator changed.
    pub(super) way: Way,
    /// The room it changed to.
    pub(super) room: Option<RoomId>,
}

impl Entry {
    fn new(creator: Creator, stored: Option<StoredCreator>) -> Self {
        let (state, next_poll_at) = match stored {
            Some(stored) => (stored.state, stored.next_poll_at),
            None => (CreatorState::default(), None),
        };
        Self {
            phase: phase_of(creator.username.as_str()),
            creator,
            state,
            watch: Watch::On,
            replan: false,
            failed_tries: 0,
            unclear_in_a_row: 0,
            held: None,
            reason: Reason::Newcomer,
            gap: Duration::ZERO,
            next_poll_at,
            dirty: false,
        }
    }

    pub(super) fn username(&self) -> &Username {
        &self.creator.username
    }

    /// What decides the next wait of a creator in `state`, whose previous state is this entry's.
    pub(super) fn situation(&self, state: &CreatorState) -> Situation {
        if self.unclear_in_a_row > 0 && state.live().is_some() {
            Situation::UnclearWhileLive(self.unclear_in_a_row)
        } else if self.unclear_in_a_row > 0 {
            Situation::Unclear(self.unclear_in_a_row)
        } else if self.held.is_some() || state.is_ending() {
            Situation::Confirming
        } else if state.live().is_some() {
            Situation::Live
        } else if self.state.phase == Phase::Unknown {
            Situation::FirstAnswer
        } else {
            Situation::Offline
        }
    }

    /// The waits of this creator.
    pub(super) fn pace(&self, polling: &Polling) -> Pace {
        Pace {
            interval: self.creator.interval.unwrap_or(polling.interval),
            live_interval: polling.live_interval,
            confirm_after: polling.confirm_after,
            jitter: polling.jitter,
            phase: self.phase,
            pinned: self.creator.interval.is_some(),
        }
    }

    /// Whether the previous answer is recent enough for a change to have happened just now.
    pub(super) fn is_followed_closely(&self, polling: &Polling, now: Timestamp) -> bool {
        let pace = self.pace(polling);
        let usual = match self.state.phase {
            Phase::Live(_) => pace.live_interval.max(pace.confirm_after),
            Phase::Offline | Phase::Unknown => pace.interval,
        };
        let gap = usual.max(self.gap);
        self.state
            .last_answer_at
            .is_some_and(|at| now.since(at) <= gap.saturating_mul(STALE_AFTER_GAPS))
    }

    /// When the first poll after a start of the program is made.
    pub(super) fn first_plan(&self, polling: &Polling, now: Timestamp) -> NextPoll {
        if self.state.last_answer_at.is_none() {
            return NextPoll {
                wait: Duration::ZERO,
                reason: Reason::Newcomer,
            };
        }
        let pace = self.pace(polling);
        let (longest, reason) = match self.state.phase {
            Phase::Live(_) if self.state.is_ending() => (pace.confirm_after, Reason::Confirm),
            Phase::Live(_) => (pace.live_interval, Reason::Live),
            Phase::Offline | Phase::Unknown if pace.pinned => (pace.interval, Reason::Pinned),
            Phase::Offline | Phase::Unknown => (pace.interval, Reason::Interval),
        };
        // A clock that was set back, or a shorter interval than before, must not make it wait for ever.
        let longest = longest.mul_f64(1.0 + pace.jitter);
        let wait = self
            .next_poll_at
            .map_or(Duration::ZERO, |at| at.since(now))
            .min(longest);
        NextPoll { wait, reason }
    }

    fn learnt(&self) -> Learnt {
        Learnt {
            username: self.username().clone(),
            first_poll_at: self.state.first_poll_at,
            last_answer_at: self.state.last_answer_at,
            next_poll_at: self.next_poll_at,
            learning: None,
        }
    }
}

/// Every creator of the watchlist, by index.
#[derive(Debug, Default)]
pub(super) struct Roster {
    entries: Vec<Entry>,
    index: HashMap<Username, CreatorIndex>,
    dirty: Vec<CreatorIndex>,
}

impl Roster {
    /// The watchlist joined with what is stored of its creators.
    pub(super) fn new(creators: Vec<Creator>, stored: Vec<StoredCreator>) -> Self {
        let mut stored: HashMap<Username, StoredCreator> = stored
            .into_iter()
            .map(|row| (row.username.clone(), row))
            .collect();
        let entries: Vec<_> = creators
            .into_iter()
            .map(|creator| {
                let row = stored.remove(&creator.username);
                Entry::new(creator, row)
            })
            .collect();
        let names = entries.iter().map(|entry: &Entry| entry.username().clone());
        Self {
            index: names.zip(0..).collect(),
            entries,
            dirty: Vec::new(),
        }
    }

    /// Every creator of the watchlist.
    pub(super) fn all(&self) -> impl Iterator<Item = (CreatorIndex, &Entry)> {
        self.places().filter(|(_, entry)| entry.is_watched())
    }

    /// Where a creator is, if it is watched.
    pub(super) fn find(&self, username: &Username) -> Option<CreatorIndex> {
        let index = self.index.get(username).copied()?;
        self.entry(index).is_watched().then_some(index)
    }

    pub(super) fn entry(&self, index: CreatorIndex) -> &Entry {
        &self.entries[index as usize]
    }

    pub(super) fn entry_mut(&mut self, index: CreatorIndex) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    /// Notes that the entry knows something that the store does not.
    pub(super) fn mark_dirty(&mut self, index: CreatorIndex) {
        let entry = &mut self.entries[index as usize];
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(index);
        }
    }

    /// What the store does not know yet; from now on it counts as known.
    pub(super) fn take_checkpoint(&mut self) -> (Vec<CreatorIndex>, Vec<Learnt>) {
        let mut taken = std::mem::take(&mut self.dirty);
        taken.retain(|&index| std::mem::take(&mut self.entries[index as usize].dirty));
        let rows = taken
            .iter()
            .map(|&index| self.entry(index).learnt())
            .collect();
        (taken, rows)
    }

    /// How many creators are believed live.
    pub(super) fn live(&self) -> usize {
        self.all()
            .filter(|(_, entry)| entry.state.live().is_some())
            .count()
    }

    pub(super) fn len(&self) -> usize {
        self.all().count()
    }
}
