//! A watchlist that changes while its creators are being polled.
//!
//! A creator keeps its place for as long as it is watched. Taken off the list it keeps the
//! place and its state until neither a poll nor a commit of it is under way and the store
//! knows all of it; if it comes back by then it goes on where it was, and else with what is
//! stored. Places are used again, so memory follows the watchlist and not its history.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Entry, Roster};
use crate::config::Creator;
use crate::domain::Username;
use crate::domain::mass_flip::WINDOW;
use crate::schedule::CreatorIndex;
use crate::store::StoredCreator;

/// Whether a creator is on the watchlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon::poller) enum Watch {
    /// It is.
    On,
    /// It was taken off.
    Off {
        /// Monotonic.
        since: Duration,
        /// A poll or a commit from before is still under way.
        busy: bool,
    },
}

/// What a new watchlist changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::daemon::poller) struct Changes {
    /// Taken off.
    pub(in crate::daemon::poller) gone: Vec<CreatorIndex>,
    /// Put on the list, at a place of nothing known.
    pub(in crate::daemon::poller) new: Vec<CreatorIndex>,
    /// Put back at the place that they had, with whether a poll or a commit is under way.
    pub(in crate::daemon::poller) back: Vec<(CreatorIndex, bool)>,
    /// Watched before and after, with other settings.
    pub(in crate::daemon::poller) changed: Vec<CreatorIndex>,
}

impl Changes {
    /// Whether the watchlist is as it was.
    pub(in crate::daemon::poller) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Entry {
    pub(in crate::daemon::poller) fn is_watched(&self) -> bool {
        self.watch == Watch::On
    }

    /// Its poll or its commit has ended; whether it is still watched.
    pub(in crate::daemon::poller) fn came_back(&mut self) -> bool {
        if let Watch::Off { busy, .. } = &mut self.watch {
            *busy = false;
        }
        self.is_watched()
    }

    /// Whether nothing is lost if another creator takes its place at `now`.
    fn is_done_with(&self, now: Duration) -> bool {
        match self.watch {
            // Its last answers count among those of a crowd until the window is over.
            Watch::Off { since, busy: false } => !self.dirty && now.saturating_sub(since) > WINDOW,
            Watch::On | Watch::Off { .. } => false,
        }
    }
}

impl Roster {
    /// Every place, those of creators that are not watched any more included.
    pub(in crate::daemon::poller) fn places(&self) -> impl Iterator<Item = (CreatorIndex, &Entry)> {
        (0..).zip(&self.entries)
    }

    /// Takes over another watchlist; `stored` is what the store knows of its newcomers, and
    /// `is_busy` says whose poll or commit is under way.
    pub(in crate::daemon::poller) fn change(
        &mut self,
        creators: &[Creator],
        mut stored: HashMap<Username, StoredCreator>,
        now: Duration,
        is_busy: impl Fn(CreatorIndex) -> bool,
    ) -> Changes {
        let mut changes = Changes {
            gone: self.leave_out(creators, now, is_busy),
            ..Changes::default()
        };
        let mut free = self.free_places(now);
        for creator in creators {
            if let Some(&index) = self.index.get(&creator.username) {
                self.keep(index, creator, &mut changes);
            } else {
                let row = stored.remove(&creator.username);
                let entry = Entry::new(creator.clone(), row);
                changes.new.push(self.settle_in(entry, free.pop()));
            }
        }
        self.recount();
        changes
    }

    fn leave_out(
        &mut self,
        creators: &[Creator],
        now: Duration,
        is_busy: impl Fn(CreatorIndex) -> bool,
    ) -> Vec<CreatorIndex> {
        let wanted: HashSet<&Username> = creators.iter().map(|c| &c.username).collect();
        let gone = self
            .all()
            .filter(|(_, entry)| !wanted.contains(entry.username()));
        let gone: Vec<CreatorIndex> = gone.map(|(index, _)| index).collect();
        for &index in &gone {
            let busy = is_busy(index);
            self.entry_mut(index).watch = Watch::Off { since: now, busy };
        }
        gone
    }

    /// Forgets whom nobody needs any more.
    fn free_places(&mut self, now: Duration) -> Vec<CreatorIndex> {
        // They are told apart by their place alone until the next checkpoint.
        let polled: HashSet<CreatorIndex> = self.polls.iter().map(|(index, _)| *index).collect();
        let done = self
            .places()
            .filter(|(index, entry)| entry.is_done_with(now) && !polled.contains(index));
        let free: Vec<CreatorIndex> = done.map(|(index, _)| index).collect();
        for &index in &free {
            let name = self.entry(index).username().clone();
            // A place that stayed empty since the last time: its creator may have another by now.
            if self.index.get(&name) == Some(&index) {
                self.index.remove(&name);
            }
        }
        free
    }

    fn keep(&mut self, index: CreatorIndex, creator: &Creator, changes: &mut Changes) {
        let entry = self.entry_mut(index);
        let before = std::mem::replace(&mut entry.watch, Watch::On);
        match before {
            Watch::Off { busy, .. } => {
                entry.replan = busy;
                changes.back.push((index, busy));
            }
            Watch::On if entry.creator != *creator => changes.changed.push(index),
            // Its line in the file may be another one.
            Watch::On => {}
        }
        entry.creator = creator.clone();
    }

    fn settle_in(&mut self, entry: Entry, place: Option<CreatorIndex>) -> CreatorIndex {
        let name = entry.username().clone();
        let index = if let Some(index) = place {
            *self.entry_mut(index) = entry;
            index
        } else {
            self.entries.push(entry);
            CreatorIndex::try_from(self.entries.len() - 1).unwrap_or(CreatorIndex::MAX)
        };
        self.index.insert(name, index);
        index
    }
}
