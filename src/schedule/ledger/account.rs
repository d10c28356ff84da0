//! The account behind the key, which other programs may use too.

use super::{DAY, millis};
use crate::domain::Timestamp;

/// What the headers say of the account, which other programs may use too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) since: Timestamp,
    /// When first heard of, or after a renewal.
    pub(super) at_first: u64,
    /// The least heard of since.
    pub(super) remaining: u64,
    /// What was used here since `at_first`.
    pub(super) own: u64,
    /// When the headers were last read.
    pub(super) heard: Timestamp,
}

impl Account {
    pub(super) fn elsewhere(&self) -> u64 {
        (self.at_first - self.remaining).saturating_sub(self.own)
    }

    /// What is left of the account for this program until `end`, if the others go on as they do.
    pub(super) fn share_until(&self, now: Timestamp, end: Timestamp) -> f64 {
        let elapsed = millis(self.since, now).max(DAY / 24.0);
        let others = self.elsewhere() as f64 / elapsed * millis(now, end);
        (self.remaining as f64 - others).max(0.0)
    }
}
