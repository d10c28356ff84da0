//! Which creator's profile is asked for next: one at a time, and no faster than its share.
//!
//! Times are on the monotonic clock. The pace outlives a restart, since the last profile
//! call is stored: a program that dies again and again asks no more often for it.

use std::time::Duration;

use super::orders::Now;
use crate::domain::Timestamp;
use crate::schedule::CreatorIndex;
use crate::schedule::queue::Queue;

/// Who is to be asked for, and since when nobody may be.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    queue: Queue,
    under_way: Option<CreatorIndex>,
    /// Nobody is asked for before this.
    not_before: Duration,
}

impl Inquiries {
    /// A pace of one call every `spacing`, of which the last was made at `last`.
    pub(super) fn resumed(last: Option<Timestamp>, spacing: Duration, now: Now) -> Self {
        // A clock that was set back must not make it wait for ever.
        let wait = last.map_or(Duration::ZERO, |at| at.plus(spacing).since(now.wall));
        Self {
            not_before: now.monotonic + wait.min(spacing),
            ..Self::default()
        }
    }

    /// Whether `creator` has its turn to come, or is asked for at the moment.
    pub(super) fn expects(&self, creator: CreatorIndex) -> bool {
        self.under_way == Some(creator) || self.queue.due_of(creator).is_some()
    }

    /// Queues `creator` for wall time `due`, at once if `None`.
    pub(super) fn schedule(&mut self, creator: CreatorIndex, due: Option<Timestamp>, now: Now) {
        let wait = due.map_or(Duration::ZERO, |at| at.since(now.wall));
        self.queue.schedule(creator, now.monotonic + wait);
    }

    pub(super) fn cancel(&mut self, creator: CreatorIndex) {
        self.queue.cancel(creator);
    }

    /// Who is next, and when; `None` while one is under way or nobody waits.
    pub(super) fn next(&self) -> Option<(CreatorIndex, Duration)> {
        let (creator, due) = self.queue.peek()?;
        self.under_way
            .is_none()
            .then_some((creator, due.max(self.not_before)))
    }

    /// Nobody is asked for before monotonic time `until`.
    pub(super) fn hold(&mut self, until: Duration) {
        self.not_before = self.not_before.max(until);
    }

    /// `creator` is asked for; the next one not before `until`.
    pub(super) fn started(&mut self, creator: CreatorIndex, until: Duration) {
        self.queue.cancel(creator);
        self.under_way = Some(creator);
        self.hold(until);
    }

    /// The call under way has ended.
    pub(super) fn ended(&mut self) {
        self.under_way = None;
    }
}
