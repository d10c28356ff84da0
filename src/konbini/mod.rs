//! The paid API: asking it, and reading what it answers.
//!
//! [`answer`] is pure: status, headers and bytes in, an [`Answer`] out. [`client`] is the
//! transport: deadlines, caps, no redirects, no hidden retries (each could cost a credit).

pub mod answer;
pub mod client;

use async_trait::async_trait;

use answer::{Cursor, FollowingAnswer, ProfileAnswer};
pub use client::{Client, ClientError};

use http::HeaderMap;

use crate::domain::observation::Cause;
use crate::domain::{Observation, Unclear, Username};

/// Where observations come from.
#[async_trait]
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Asks once whether `username` is live. A failure is an [`Observation::Unclear`], never an error.
    async fn poll(&self, username: &Username) -> Answer;

    /// Asks once who `username` is, for a credit. The only call that tells a creator who is not
    /// live from one who does not exist.
    async fn profile(&self, username: &Username) -> ProfileAnswer;

    /// Asks once for a page of those whom `account` follows, for a credit; `None` is the first.
    /// A source without such lists says nothing of anybody.
    async fn following(&self, account: &Username, cursor: Option<&Cursor>) -> FollowingAnswer {
        let _ = (account, cursor);
        let unclear = Unclear::new(Cause::UnknownError, "this source has no following lists");
        FollowingAnswer::failed(unclear, &HeaderMap::new())
    }
}

/// What one request brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it says of the creator.
    pub observation: Observation,
    /// What it says of the account.
    pub credits: Credits,
}

impl Answer {
    /// Puts both together; an unclear observation learns from the credits whether it was paid for.
    pub(crate) fn new(mut observation: Observation, credits: Credits) -> Self {
        if let Observation::Unclear(unclear) = &mut observation {
            unclear.paid = credits.used.is_some_and(|used| used > 0);
        }
        Self {
            observation,
            credits,
        }
    }

    /// What it cost.
    pub fn cost(&self) -> Credits {
        let unclear = match &self.observation {
            Observation::Unclear(unclear) => Some(unclear),
            Observation::Live(_) | Observation::Offline => None,
        };
        self.credits.charged(unclear)
    }
}

/// The account as the answer's headers give it: the truth about what was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Credits {
    /// `X-Credits-Used`: 0 or 1.
    pub used: Option<u64>,
    /// `X-Credits-Remaining`.
    pub remaining: Option<u64>,
}

impl Credits {
    /// The headers' word on the cost, else nothing for what the contract calls free.
    pub(in crate::konbini) fn charged(self, unclear: Option<&Unclear>) -> Self {
        let free = unclear.is_some_and(|unclear| unclear.cause.is_free());
        Self {
            used: self.used.or(free.then_some(0)),
            ..self
        }
    }
}
