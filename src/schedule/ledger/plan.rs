//! What a change of the plan or of the account does to the books.
//!
//! Nothing that was used is forgotten, and nothing is counted twice after a restart: the
//! store keeps a row for each period, so a period that the new plan does not know is emptied
//! and not left out.

use super::{Ledger, PERIODS, Spent};

impl Ledger {
    /// Counts `used` in the period that now runs, in place of what the periods of the plan
    /// before hold. No credit is used until this is stored.
    pub(super) fn carry_over(&mut self, used: u64) {
        let start = self.start;
        for entry in self.spent.iter_mut().filter(|s| s.period >= start) {
            entry.credits = 0;
        }
        match self.spent.iter_mut().find(|s| s.period == start) {
            Some(entry) => entry.credits = used,
            None => self.spent.push(Spent {
                period: start,
                credits: used,
            }),
        }
        self.spent
            .sort_by_key(|entry| std::cmp::Reverse(entry.period));
        self.spent.truncate(PERIODS);
        if self.stored_up_to.is_some() {
            self.stored_up_to = Some(0);
        }
    }

    /// Another key, another account: what was heard of the last one says nothing any more.
    pub fn forget_account(&mut self) {
        self.account = None;
    }
}
