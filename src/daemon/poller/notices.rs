//! What is to be stored beside the creators' states, one change at a time and in order: who
//! is missing or renamed, and that credits run out.
//!
//! Memory is ahead of the store here: a process that dies first decides the same again after
//! its next start, since the store knows of nothing yet.

use std::collections::VecDeque;

use crate::domain::Username;
use crate::store::Change;

/// Changes that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct Notices {
    waiting: VecDeque<Change>,
    /// Whether the first of them is on its way to the store.
    on_its_way: bool,
}

impl Notices {
    pub(super) fn push(&mut self, change: Change) {
        self.waiting.push_back(change);
    }

    /// The next change to store; `None` until the one before is [`stored`](Self::stored).
    pub(super) fn next(&mut self) -> Option<Change> {
        if self.on_its_way {
            return None;
        }
        let change = self.waiting.front().cloned()?;
        self.on_its_way = true;
        Some(change)
    }

    /// The change on its way is durable.
    pub(super) fn stored(&mut self) {
        self.waiting.pop_front();
        self.on_its_way = false;
    }

    /// Whether a change of `username` is not stored yet.
    pub(super) fn concern(&self, username: &Username) -> bool {
        let mut changes = self.waiting.iter().flat_map(|change| &change.identities);
        changes.any(|change| change.username == *username)
    }
}
