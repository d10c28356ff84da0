//! How the last attempt to reload went, for whoever shows it.

use tokio::sync::watch;

use crate::domain::Timestamp;

/// How the last attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReload {
    /// When it was made; the start counts as one.
    pub attempted_at: Timestamp,
    /// When a configuration was last taken over.
    pub succeeded_at: Timestamp,
    /// Why the attempt was refused, in one line without secrets; `None` if it was not.
    pub refused: Option<String>,
}

/// Shows the last attempt; clones see the same.
#[derive(Debug, Clone)]
pub struct ReloadStatus(watch::Receiver<LastReload>);

/// Where attempts are written down.
#[derive(Debug)]
pub(super) struct Attempts(watch::Sender<LastReload>);

impl ReloadStatus {
    /// The last attempt.
    pub fn last(&self) -> LastReload {
        self.0.borrow().clone()
    }
}

/// A book that begins with a start that went well at `now`.
pub(super) fn started(now: Timestamp) -> (Attempts, ReloadStatus) {
    let (sender, receiver) = watch::channel(LastReload {
        attempted_at: now,
        succeeded_at: now,
        refused: None,
    });
    (Attempts(sender), ReloadStatus(receiver))
}

impl Attempts {
    pub(super) fn succeeded(&self, now: Timestamp) {
        self.0.send_replace(LastReload {
            attempted_at: now,
            succeeded_at: now,
            refused: None,
        });
    }

    pub(super) fn refused(&self, now: Timestamp, why: &str) {
        self.0.send_modify(|last| {
            last.attempted_at = now;
            last.refused = Some(why.to_owned());
        });
    }
}
