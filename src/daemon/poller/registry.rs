//! Who is behind each username, on the watchlist or not, and what of it is not stored yet.
//!
//! An id belongs to one username at a time. Knows nothing of polls and credits; what is
//! worth telling is decided by the core.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::Username;
use crate::domain::identity::Identity;

/// Everybody of whom anything is known.
#[derive(Debug, Default)]
pub(super) struct Registry {
    known: HashMap<Username, Identity>,
    names: HashMap<Arc<str>, Username>,
    /// Know an id or the time of a profile call that the store does not.
    dirty: BTreeSet<Username>,
}

impl Registry {
    pub(super) fn restored(stored: Vec<(Username, Identity)>) -> Self {
        let mut registry = Self::default();
        for (username, identity) in stored {
            registry.put(&username, identity);
        }
        registry
    }

    /// What is known of the person behind `username`; nothing of strangers.
    pub(super) fn of(&self, username: &Username) -> Identity {
        self.known.get(username).cloned().unwrap_or_default()
    }

    /// The username that `id` goes by, as far as known.
    pub(super) fn name_of(&self, id: &str) -> Option<&Username> {
        self.names.get(id)
    }

    /// Replaces what is known of the person behind `username`.
    pub(super) fn put(&mut self, username: &Username, identity: Identity) {
        let before = self.known.get(username).and_then(|old| old.id.clone());
        if let Some(before) = before.filter(|id| self.names.get(id) == Some(username)) {
            self.names.remove(&before);
        }
        if let Some(id) = &identity.id {
            self.names.insert(Arc::clone(id), username.clone());
        }
        self.known.insert(username.clone(), identity);
    }

    /// What is known of `username` now is to be in the next checkpoint.
    pub(super) fn mark_dirty(&mut self, username: &Username) {
        self.dirty.insert(username.clone());
    }

    /// What the store does not know yet but of those who are `busy`: a change on its way says
    /// more, and must not be overtaken.
    pub(super) fn take_dirty(
        &mut self,
        busy: impl Fn(&Username) -> bool,
    ) -> Vec<(Username, Identity)> {
        let all = std::mem::take(&mut self.dirty);
        let (wait, go): (BTreeSet<_>, BTreeSet<_>) = all.into_iter().partition(busy);
        self.dirty = wait;
        go.into_iter()
            .map(|username| {
                let identity = self.of(&username);
                (username, identity)
            })
            .collect()
    }
}
