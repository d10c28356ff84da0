//! What a schedule costs and brings, before a credit is spent.
//!
//! A month is 30 days. What was learned of the creators is taken for the truth; of whom nothing
//! is known counts as average. Streams at times at which nobody ever looked are in no record:
//! where polls are rare, more of them pass unseen than is foretold.

mod kind;
mod lengths;
mod market;
mod report;
mod sweeps;

pub use kind::Kind;
pub(super) use kind::LiveRule;
pub use market::Market;
pub use report::{Configured, CreatorReport, Expectation, Offer, Question, Report, Wanted};
pub use sweeps::{List, SweepOffer};

#[cfg(test)]
mod tests;
