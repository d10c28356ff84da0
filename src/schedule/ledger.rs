//! What may be spent and what was: the hard stop of every budget.
//!
//! A credit is counted before its poll starts and given back if the answer's headers say
//! that it cost nothing. Spending belongs to the period in which the wall clock then lies;
//! a clock that went ahead and came back finds what it spent there still counted. When is
//! worth what is not its job.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

mod account;
mod month;
mod outlook;
mod plan;
use account::Account;
pub use month::Renewal;

const DAY: f64 = 86_400_000.0;
/// Periods remembered: enough for a clock that jumps to and fro.
const PERIODS: usize = 4;
/// How long an account that was empty is taken to be so.
const ASK_EMPTY_AFTER: Duration = Duration::from_hours(1);
/// The share of the budget that is planned with; the rest is for what the hour cannot foresee.
const PLANNED: f64 = 0.997;
/// Answers under way may come in the wrong order: a rise of the remainder up to this is none.
const DISORDER: u64 = 64;
/// A change of what can be spent by more than this share draws a new line.
const NEW_LINE: f64 = 0.02;

/// Spending of one period. To be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// When the period began.
    pub period: Timestamp,
    /// Credits used in it.
    pub credits: u64,
}

/// A credit counted before its poll, to be [settled](Ledger::settle) after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a credit taken is used until it is settled"]
pub struct Taken {
    period: Timestamp,
}

/// What an answer's headers say: the truth about what was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers {
    /// `X-Credits-Used`.
    pub used: Option<u64>,
    /// `X-Credits-Remaining`.
    pub remaining: Option<u64>,
}

/// The state of the budget.
#[derive(Debug, Clone)]
pub struct Ledger {
    budget: u64,
    renewal: Renewal,
    /// The period in which the clock now lies.
    start: Timestamp,
    end: Timestamp,
    /// Newest periods first, at most [`PERIODS`].
    spent: Vec<Spent>,
    /// Credits that may be used before the spending is stored again.
    stored_up_to: Option<u64>,
    line: Line,
    account: Option<Account>,
}

/// The straight line of the plan: from here to all spent at the period's end.
#[derive(Debug, Clone, Copy)]
struct Line {
    from: Timestamp,
    spent: u64,
    total: f64,
}

impl Ledger {
    /// A budget of `credits` per period, with what is known of earlier spending.
    pub fn new(credits: u64, renewal: Renewal, spent: &[Spent], now: Timestamp) -> Self {
        let (start, end) = renewal.period_of(now);
        let mut spent = spent.to_vec();
        spent.sort_by_key(|entry| std::cmp::Reverse(entry.period));
        spent.truncate(PERIODS);
        let line = Line {
            from: start,
            spent: 0,
            total: credits as f64,
        };
        let mut ledger = Self {
            budget: credits,
            renewal,
            start,
            end,
            spent,
            stored_up_to: None,
            line,
            account: None,
        };
        ledger.draw_line(now);
        ledger
    }

    /// Another budget or day of renewal from now on. What was spent in the running period stays spent.
    pub fn set_plan(&mut self, credits: u64, renewal: Renewal, now: Timestamp) {
        self.roll(now);
        let used = self.spent();
        if renewal != self.renewal {
            (self.start, self.end) = renewal.period_of(now);
            self.carry_over(used);
        }
        (self.budget, self.renewal) = (credits, renewal);
        self.draw_line(now);
    }

    /// Moves to the period in which `now` lies.
    pub fn roll(&mut self, now: Timestamp) {
        // An empty account is asked again now and then: a person may have filled it.
        self.account = self
            .account
            .filter(|a| a.remaining > 0 || now.since(a.heard) < ASK_EMPTY_AFTER);
        if self.start <= now && now < self.end {
            return;
        }
        let ahead = now >= self.end;
        self.account = None;
        (self.start, self.end) = self.renewal.period_of(now);
        self.line = Line {
            from: self.start,
            spent: self.spent(),
            total: self.available(now),
        };
        if self.stored_up_to.is_some() {
            // What is stored covers the period before, not this one.
            self.stored_up_to = Some(self.total());
        }
        if !ahead {
            self.draw_line(now);
        }
    }

    /// Credits used in the running period, those of later periods included: the clock was
    /// there before, so they were used by now. All of the budget if that is no longer known.
    pub fn spent(&self) -> u64 {
        let forgotten = self.spent.len() == PERIODS
            && self
                .spent
                .last()
                .is_some_and(|oldest| oldest.period > self.start);
        if forgotten {
            return self.budget;
        }
        self.spent
            .iter()
            .filter(|s| s.period >= self.start)
            .map(|s| s.credits)
            .sum()
    }

    /// Credits that may still be used in the running period.
    pub fn left(&self) -> u64 {
        self.left_of(self.spent())
    }

    /// The same if `used` were the credits used.
    fn left_of(&self, used: u64) -> u64 {
        let own = self.budget.saturating_sub(used);
        self.account
            .map_or(own, |account| own.min(account.remaining))
    }

    /// When the credits are renewed.
    pub fn renews_at(&self) -> Timestamp {
        self.end
    }

    /// Credits per period.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Credits that other users of the key have used since the account was last renewed, as far as seen.
    pub fn used_elsewhere(&self) -> u64 {
        self.account.map_or(0, |account| account.elsewhere())
    }

    /// The running period's length in minutes.
    pub fn period_minutes(&self) -> f64 {
        millis(self.start, self.end) / 60_000.0
    }

    /// Minutes until the credits are renewed.
    pub fn minutes_left(&self, now: Timestamp) -> f64 {
        millis(now, self.end).min(millis(self.start, self.end)) / 60_000.0
    }

    /// Whether a credit may be used now as far as storing is concerned.
    pub fn is_covered(&self) -> bool {
        self.stored_up_to.is_none_or(|limit| self.total() < limit)
    }

    /// What to store so that `ahead` more credits may be used before it is stored again: after
    /// a crash these count as used. Call [`Ledger::stored`] with it when it is durable.
    pub fn to_store(&self, ahead: u64) -> Vec<Spent> {
        let mut entries = self.spent.clone();
        match entries.iter_mut().find(|entry| entry.period == self.start) {
            Some(entry) => entry.credits += ahead,
            None => entries.push(Spent {
                period: self.start,
                credits: ahead,
            }),
        }
        entries
    }

    /// `entries` are durable: from the first call on, no credit is used beyond what they cover.
    pub fn stored(&mut self, entries: &[Spent]) {
        self.stored_up_to = Some(entries.iter().map(|entry| entry.credits).sum());
    }

    fn total(&self) -> u64 {
        self.spent.iter().map(|entry| entry.credits).sum()
    }

    /// Counts a credit; `None`, and nothing counted, if there is none.
    pub fn take(&mut self, now: Timestamp) -> Option<Taken> {
        self.roll(now);
        if self.left() == 0 || !self.is_covered() {
            return None;
        }
        let start = self.start;
        if let Some(entry) = self.spent.iter_mut().find(|entry| entry.period == start) {
            entry.credits += 1;
        } else {
            self.spent.push(Spent {
                period: start,
                credits: 1,
            });
            self.spent
                .sort_by_key(|entry| std::cmp::Reverse(entry.period));
            self.spent.truncate(PERIODS);
        }
        if let Some(account) = &mut self.account {
            account.own += 1;
        }
        Some(Taken { period: start })
    }

    /// Settles a credit that was [taken](Ledger::take): `used` and `remaining` as the headers
    /// say, a credit each if they say nothing.
    pub fn settle(&mut self, taken: Taken, headers: Headers, now: Timestamp) {
        let Headers { used, remaining } = headers;
        if let Some(entry) = self
            .spent
            .iter_mut()
            .find(|entry| entry.period == taken.period)
        {
            match used {
                Some(0) => entry.credits = entry.credits.saturating_sub(1),
                Some(more) => entry.credits = entry.credits.saturating_add(more - 1),
                None => {}
            }
        }
        if let (Some(0), Some(account)) = (used, &mut self.account) {
            account.own = account.own.saturating_sub(1);
        }
        if let Some(remaining) = remaining {
            self.hear_of_account(remaining, now);
        }
    }

    fn hear_of_account(&mut self, remaining: u64, now: Timestamp) {
        match &mut self.account {
            Some(account) if remaining <= account.remaining.saturating_add(DISORDER) => {
                account.remaining = account.remaining.min(remaining);
                account.heard = now;
            }
            _ => {
                self.account = Some(Account {
                    since: now,
                    at_first: remaining,
                    remaining,
                    own: 0,
                    heard: now,
                });
            }
        }
    }

    /// How spending stands against the straight line; draws a new one if the account allows
    /// for noticeably less, or more, than the line assumes.
    pub(super) fn pace(&mut self, now: Timestamp) -> super::controller::Pace {
        self.roll(now);
        if (self.available(now) - self.line.total).abs() > NEW_LINE * self.budget as f64 {
            self.draw_line(now);
        }
        super::controller::Pace {
            days_ahead: self.ahead_of_line(now)
                / (self.budget as f64 / self.period_days()).max(1e-9),
            days_left: millis(now, self.end) / DAY,
        }
    }

    /// Credits used beyond the straight line.
    pub(super) fn ahead_of_line(&self, now: Timestamp) -> f64 {
        let Line { from, spent, total } = self.line;
        let share = (millis(from, now) / millis(from, self.end).max(1.0)).clamp(0.0, 1.0);
        let planned = spent as f64 + (PLANNED * total - spent as f64).max(0.0) * share;
        self.spent() as f64 - planned
    }

    fn period_days(&self) -> f64 {
        millis(self.start, self.end) / DAY
    }

    /// What can be spent in this period, the account's remainder considered.
    fn available(&self, now: Timestamp) -> f64 {
        let budget = self.budget as f64;
        self.account.map_or(budget, |account| {
            budget.min(self.spent() as f64 + account.share_until(now, self.end))
        })
    }

    fn draw_line(&mut self, now: Timestamp) {
        self.line = Line {
            from: now.max(self.start),
            spent: self.spent(),
            total: self.available(now),
        };
    }
}

fn millis(from: Timestamp, to: Timestamp) -> f64 {
    to.as_millis().saturating_sub(from.as_millis()).max(0) as f64
}

#[cfg(test)]
mod tests;
