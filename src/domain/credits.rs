//! When to say that credits run out: each mark once in a billing month.
//!
//! Judges what is used and left, wherever these figures come from. Without a budget the
//! account's own remainder is the measure, from the most that was seen of it since it was
//! last renewed. What was told has to be stored in one transaction with the telling.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// Answers come in the wrong order: a rise of the remainder up to this is no renewal.
const DISORDER: u64 = 64;
/// Credits are renewed monthly: a rise sooner than this after the last is a source in disarray.
const SHORTEST_MONTH: Duration = Duration::from_hours(24);
/// Without a budget nobody knows when credits are renewed: they should last at least so long.
const WITHOUT_A_DATE: Duration = Duration::from_hours(3 * 24);
/// The burst of first polls says nothing about the pace.
const WARM_UP: Duration = Duration::from_hours(1);
const SAMPLE_EVERY: Duration = Duration::from_hours(1);
/// The pace is that of the last 6 to 24 hours.
const SHORTEST_WINDOW: Duration = Duration::from_hours(6);
const SAMPLES: usize = 24;
/// By how much the pace must overdraw what is left: the share that waits differ by.
const MARGIN: f64 = 1.02;

/// What is told, lightest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// At the present pace the credits will not last.
    Pace,
    /// 75 % are used.
    Used75,
    /// 90 % are used.
    Used90,
    /// All are used.
    UsedUp,
}

impl Mark {
    const HEAVIEST_FIRST: [Self; 4] = [Self::UsedUp, Self::Used90, Self::Used75, Self::Pace];

    /// A fixed lower-case name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pace => "pace",
            Self::Used75 => "used_75",
            Self::Used90 => "used_90",
            Self::UsedUp => "used_up",
        }
    }
}

/// How the credits stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// When the billing month began, or when the account was first seen so full.
    pub period: Timestamp,
    /// Credits used in it.
    pub used: u64,
    /// Credits that can still be used in it.
    pub remaining: u64,
    /// When they are renewed, if that is known.
    pub renews_at: Option<Timestamp>,
    /// Until when they have to last at the present pace; `None` if somebody else sees to that.
    pub must_last_until: Option<Timestamp>,
}

/// One thing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditNews {
    /// What.
    pub mark: Mark,
    /// The figures.
    pub standing: Standing,
    /// When it was noticed.
    pub at: Timestamp,
}

/// What was told, and what the account looked like: to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The billing month of `marks`.
    period: Option<Timestamp>,
    marks: BTreeSet<Mark>,
    /// Only where there is no budget.
    account: Option<Account>,
}

/// The account since it was last renewed, as far as seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    since: Timestamp,
    most: u64,
    least: u64,
}

/// Decides what is told of the credits.
#[derive(Debug, Default)]
pub struct CreditWatch {
    told: Told,
    pace: Pace,
    /// Whether `told` knows something that no event goes with.
    changed: bool,
}

/// What was left at past hours.
#[derive(Debug, Default)]
struct Pace {
    since: Option<Timestamp>,
    samples: VecDeque<(Timestamp, u64)>,
}

impl CreditWatch {
    /// Goes on from what was told before the program stopped.
    pub fn restored(told: Told) -> Self {
        Self {
            told,
            ..Self::default()
        }
    }

    /// What was told so far.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Whether [`told`](Self::told) is to be stored though there is no news; true once.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Another budget holds: what was told of the last one says nothing of it.
    pub fn begin_anew(&mut self) {
        self.told.period = None;
        self.told.marks.clear();
        self.pace = Pace::default();
        self.changed = true;
    }

    /// Another account is used: what was seen of the last one says nothing of it.
    pub fn forget_account(&mut self) {
        if self.told.account.take().is_some() {
            self.begin_anew();
        }
    }

    /// How an account without a budget stands that has `remaining` credits left.
    pub fn hear(&mut self, remaining: u64, now: Timestamp) -> Standing {
        let known = self.told.account.filter(|known| {
            let rose = remaining > known.least.saturating_add(DISORDER);
            !(rose && now.since(known.since) >= SHORTEST_MONTH)
        });
        let mut account = known.unwrap_or(Account {
            since: now,
            most: remaining,
            least: remaining,
        });
        self.changed |= known.is_none();
        account.least = account.least.min(remaining);
        self.told.account = Some(account);
        Standing {
            period: account.since,
            used: account.most - account.least,
            remaining: account.least,
            renews_at: None,
            must_last_until: Some(now.plus(WITHOUT_A_DATE)),
        }
    }

    /// What is to be told of `standing`, if anything is.
    pub fn judge(&mut self, standing: &Standing, now: Timestamp) -> Option<CreditNews> {
        match self.told.period {
            Some(period) if period == standing.period => {}
            // A clock that was set back: that month is told. One that began already was counted
            // from another day, or without a budget.
            Some(period) if period > standing.period.max(now) => return None,
            _ => {
                self.told.period = Some(standing.period);
                self.told.marks.clear();
                self.pace = Pace::default();
            }
        }
        self.pace.note(standing.remaining, now);
        let mark = Mark::HEAVIEST_FIRST.into_iter().find(|mark| {
            !self.told.marks.contains(mark) && self.is_reached(*mark, standing, now)
        })?;
        self.told.marks.extend(covered_by(mark));
        Some(CreditNews {
            mark,
            standing: *standing,
            at: now,
        })
    }

    fn is_reached(&self, mark: Mark, standing: &Standing, now: Timestamp) -> bool {
        let Standing {
            used, remaining, ..
        } = *standing;
        let share = |percent: u128| {
            let total = u128::from(used) + u128::from(remaining);
            used > 0 && u128::from(used) * 100 >= total * percent
        };
        match mark {
            Mark::UsedUp => remaining == 0,
            Mark::Used90 => share(90),
            Mark::Used75 => share(75),
            Mark::Pace => {
                let until = standing.must_last_until;
                until.is_some_and(|until| self.pace.overdraws(remaining, now, until))
            }
        }
    }
}

/// Which marks `mark` makes superfluous, itself among them.
fn covered_by(mark: Mark) -> &'static [Mark] {
    match mark {
        Mark::Pace => &[Mark::Pace],
        Mark::Used75 => &[Mark::Used75],
        Mark::Used90 => &[Mark::Used75, Mark::Used90],
        Mark::UsedUp => &Mark::HEAVIEST_FIRST,
    }
}

impl Pace {
    fn note(&mut self, remaining: u64, now: Timestamp) {
        let last = self.samples.back().copied();
        if last.is_some_and(|(_, before)| remaining > before.saturating_add(DISORDER)) {
            *self = Self::default();
        }
        let since = *self.since.get_or_insert(now);
        let due = match self.samples.back() {
            None => now.since(since) >= WARM_UP,
            Some((at, _)) => now.since(*at) >= SAMPLE_EVERY,
        };
        if due {
            self.samples.push_back((now, remaining));
            if self.samples.len() > SAMPLES {
                self.samples.pop_front();
            }
        }
    }

    /// Whether what is used until `until` at the pace so far is more than `remaining`.
    fn overdraws(&self, remaining: u64, now: Timestamp, until: Timestamp) -> bool {
        let Some((from, before)) = self.samples.front() else {
            return false;
        };
        let window = now.since(*from);
        let used = before.saturating_sub(remaining) as f64;
        let needed = used / window.as_secs_f64().max(1.0) * until.since(now).as_secs_f64();
        window >= SHORTEST_WINDOW && needed > remaining as f64 * MARGIN
    }
}

#[cfg(test)]
mod tests;
