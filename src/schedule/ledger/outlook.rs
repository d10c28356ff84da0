//! How the budget stands, for whoever has to tell of it or to plan beside the schedule.

use std::time::Duration;

use super::{DAY, Ledger, millis};
use crate::domain::Timestamp;

impl Ledger {
    /// When the running period began.
    pub fn period_start(&self) -> Timestamp {
        self.start
    }

    /// The running period's length.
    pub fn period(&self) -> Duration {
        self.end.since(self.start)
    }

    /// Credits used and left, those of the `under_way` polls, whose answers may yet give
    /// theirs back, not counted.
    pub fn standing(&self, under_way: u64) -> (u64, u64) {
        let used = self.spent().saturating_sub(under_way);
        (used, self.left_of(used))
    }

    /// How far spending is ahead of the straight line, in days of the budget.
    pub fn days_ahead(&self, now: Timestamp) -> f64 {
        let a_day = self.budget as f64 * DAY / millis(self.start, self.end).max(1.0);
        self.ahead_of_line(now) / a_day.max(1e-9)
    }
}
