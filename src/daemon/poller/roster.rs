//! The creators being watched: settings, state and bookkeeping, one entry each.
//!
//! A creator is in the queue, or its poll or its commit is under way: never two of these,
//! so that none has two polls at once.

mod changes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

pub(super) use self::changes::{Changes, Watch};
use crate::config::{Creator, Polling};
use crate::domain::mass_flip::Way;
use crate::domain::tracker::{CreatorState, Phase};
use crate::domain::{RoomId, Timestamp, Username};
use crate::schedule::fixed::{Pace, Situation, phase_of};
use crate::schedule::{CreatorIndex, NextPoll, Reason};
use crate::store::history::PollMark;
use crate::store::{Learnt, PollLog, StoredCreator};
use crate::web::views::Census;

/// After how many planned gaps a previous answer says nothing about a sudden change any more.
const STALE_AFTER_GAPS: u32 = 3;

/// Polls that wait for the next checkpoint at most: bars of a page, not worth more memory.
const POLLS_WAITING: usize = 1 << 18;
/// Polls of all creators together that are kept, four bytes each on disk.
const POLLS_KEPT: usize = 2_000_000;
/// Polls of one creator that are kept, however many creators there are.
const FEWEST_KEPT: usize = 64;
/// A week of one in five minutes: more than a page can draw.
const MOST_KEPT: usize = 2_016;

/// One creator.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) creator: Creator,
    /// Changed by [`Roster::set_state`] alone, which counts.
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
    /// Polls since the start of the program.
    pub(super) polls: u64,
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
            polls: 0,
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
    index: BTreeMap<Username, CreatorIndex>,
    dirty: Vec<CreatorIndex>,
    census: Census,
    /// Who is live, by when that was first seen, newest first.
    live: BTreeSet<(Reverse<Timestamp>, CreatorIndex)>,
    /// What was polled since the last checkpoint, in order of time.
    polls: Vec<(CreatorIndex, PollMark)>,
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
        let mut roster = Self {
            index: names.zip(0..).collect(),
            entries,
            ..Self::default()
        };
        roster.recount();
        roster
    }

    /// Counts anew; after creators were added or removed.
    pub(super) fn recount(&mut self) {
        let (mut census, mut live) = (Census::default(), BTreeSet::new());
        for (creator, entry) in self.all() {
            *place_in(&mut census, &entry.state) += 1;
            live.extend(live_since(creator, &entry.state));
        }
        census.watched = self.all().count();
        (self.census, self.live) = (census, live);
    }

    /// A creator is in `state` from now on.
    pub(super) fn set_state(&mut self, index: CreatorIndex, state: CreatorState) {
        if !self.entry(index).is_watched() {
            self.entries[index as usize].state = state;
            return;
        }
        let before = &self.entries[index as usize].state;
        *place_in(&mut self.census, before) -= 1;
        *place_in(&mut self.census, &state) += 1;
        if let Some(place) = live_since(index, before) {
            self.live.remove(&place);
        }
        self.live.extend(live_since(index, &state));
        self.entries[index as usize].state = state;
    }

    /// The creators after `from`, in the order of their names.
    pub(super) fn by_name(
        &self,
        from: Bound<&Username>,
    ) -> impl Iterator<Item = (&Username, CreatorIndex)> {
        let names = self.index.range::<Username, _>((from, Bound::Unbounded));
        let watched = names.filter(|(_, creator)| self.entry(**creator).is_watched());
        watched.map(|(name, creator)| (name, *creator))
    }

    /// Who went live last, newest first.
    pub(super) fn newest_live(&self, count: usize) -> impl Iterator<Item = &Entry> {
        let newest = self.live.iter().take(count);
        newest.map(|(_, creator)| self.entry(*creator))
    }

    /// Creators by state.
    pub(super) fn census(&self) -> Census {
        self.census
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

    /// Notes what a poll said, for pages that show it.
    pub(super) fn polled(&mut self, index: CreatorIndex, mark: PollMark) {
        if self.polls.len() < POLLS_WAITING {
            self.polls.push((index, mark));
        }
    }

    /// The polls since the last checkpoint; if that is not stored, they are forgotten.
    pub(super) fn take_polls(&mut self) -> PollLog {
        let mut polls = std::mem::take(&mut self.polls);
        if polls.is_empty() {
            return PollLog::default();
        }
        // Stable: each creator's stay in order of time.
        polls.sort_by_key(|(index, _)| *index);
        let of_one = |polls: &[(CreatorIndex, PollMark)]| {
            let username = self.entry(polls[0].0).username().clone();
            (username, polls.iter().map(|(_, mark)| *mark).collect())
        };
        let same = |a: &(CreatorIndex, _), b: &(CreatorIndex, _)| a.0 == b.0;
        PollLog {
            keep: (POLLS_KEPT / self.len().max(1)).clamp(FEWEST_KEPT, MOST_KEPT),
            polled: polls.chunk_by(same).map(of_one).collect(),
        }
    }

    /// How many creators are believed live.
    pub(super) fn live(&self) -> usize {
        self.census.live
    }

    pub(super) fn len(&self) -> usize {
        self.census.watched
    }
}

fn place_in<'a>(census: &'a mut Census, state: &CreatorState) -> &'a mut usize {
    match state.phase {
        Phase::Unknown => &mut census.unknown,
        Phase::Offline => &mut census.offline,
        Phase::Live(_) => &mut census.live,
    }
}

fn live_since(
    creator: CreatorIndex,
    state: &CreatorState,
) -> Option<(Reverse<Timestamp>, CreatorIndex)> {
    Some((Reverse(state.live()?.first_seen_at), creator))
}
