//! When to look at whom. Pure: `now` and random fractions are arguments, no clock, no I/O.
//!
//! [`queue`] knows who is next, [`fixed`] how long to wait under a constant interval,
//! [`learned`] how long under a credit budget, [`ledger`] what may still be spent,
//! [`rate`] whether a request may start now, [`gate`] whether asking makes sense at all.
//! [`sweep`] asks for a page of creators at once. [`forecast`] and [`plans`] say what it will cost.

mod allocation;
mod controller;
#[cfg(test)]
mod dice;
pub mod fixed;
pub mod forecast;
pub mod gate;
pub mod learned;
pub mod ledger;
pub mod plans;
mod population;
pub mod queue;
pub mod rate;
mod rhythm;
pub mod sweep;
pub mod week;

use std::fmt;
use std::time::Duration;

/// A creator's place in the daemon's tables; stable while the daemon runs.
pub type CreatorIndex = u32;

/// When a creator is polled next, and why then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NextPoll {
    /// From now.
    pub wait: Duration,
    /// Shown in `status`, the API and debug logs.
    pub reason: Reason,
}

/// Why a poll is made when it is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// The creator was never asked for.
    Newcomer,
    /// The configured interval has passed.
    Interval,
    /// The chance of finding something new has reached the price of a credit.
    Worth {
        /// Probability of a hit at the planned time.
        chance: f32,
        /// The price of a credit, as a probability.
        price: f32,
    },
    /// Nobody waits longer than this.
    MaxGap,
    /// The creator has an interval of its own.
    Pinned,
    /// A sweep says that something has changed.
    Hinted,
    /// The creator is live: an audience sample, and to notice the end.
    Live,
    /// A "not live" after "live" waits for its confirmation, or a mass flip for its.
    Confirm,
    /// The last poll gave no certain answer.
    Retry,
    /// All polls fail for want of a key or credits: one tries whether that is over.
    Probe,
    /// Somebody asked for it by hand.
    Asked,
}

impl Reason {
    /// A fixed lower-case name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Newcomer => "newcomer",
            Self::Interval => "interval",
            Self::Worth { .. } => "worth",
            Self::MaxGap => "max_gap",
            Self::Pinned => "pinned",
            Self::Hinted => "hinted",
            Self::Live => "live",
            Self::Confirm => "confirm",
            Self::Retry => "retry",
            Self::Probe => "probe",
            Self::Asked => "asked",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worth { chance, price } => {
                write!(
                    f,
                    "chance of a hit {:.1} %, price {:.1} %",
                    chance * 100.0,
                    price * 100.0
                )
            }
            other => f.write_str(other.label()),
        }
    }
}
