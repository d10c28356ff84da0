//! What is kept of sweeps between two starts of the program, and what is shown of them.

use serde::{Deserialize, Serialize};

use super::super::Core;
use crate::domain::{Timestamp, Username};
use crate::schedule::sweep::trust::Trust;
use crate::web::views::Sweeps;

/// Names in a log line at most.
const MOST_NAMED: usize = 5;

/// What sweeps cost and brought, over all starts of the program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) credits: u64,
    pub(super) found: u64,
    pub(super) minutes_saved: f64,
}

/// What is stored of one account's list.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    account: Username,
    pub(super) trust: Trust,
    pub(super) tally: Tally,
    pub(super) round_at: Option<Timestamp>,
}

impl Stored {
    /// What was stored of `account`: nothing, if it was of another one or cannot be read.
    pub(super) fn of(account: &Username, stored: Option<&str>) -> Self {
        let readable = stored.and_then(|text| match serde_json::from_str::<Self>(text) {
            Ok(stored) => Some(stored),
            Err(error) => {
                tracing::warn!("stored sweeps cannot be read and are learnt anew: {error}");
                None
            }
        });
        let same = readable.filter(|stored| stored.account == *account);
        same.unwrap_or_else(|| Self {
            account: account.clone(),
            trust: Trust::default(),
            tally: Tally::default(),
            round_at: None,
        })
    }
}

/// What flags of `account` are worth, if that was stored.
pub(in crate::daemon::poller) fn trust_of(
    account: &Username,
    stored: Option<&str>,
) -> Option<Trust> {
    stored.map(|_| Stored::of(account, stored).trust)
}

impl Core {
    /// What is to be stored of sweeps, if it has changed since it was last asked for.
    pub(in super::super) fn sweeps_to_store(&mut self) -> Option<String> {
        let sweeper = self.sweeping.sweeper.as_ref()?;
        let stored = Stored {
            account: sweeper.account.clone(),
            trust: *self.planner.learned()?.trust(),
            tally: self.sweeping.tally,
            round_at: sweeper.round_at,
        };
        std::mem::take(&mut self.sweeping.dirty)
            .then(|| serde_json::to_string(&stored).ok())
            .flatten()
    }

    /// What was to be stored was not.
    pub(in super::super) fn sweeps_not_stored(&mut self) {
        self.sweeping.dirty = true;
    }

    /// The share of live creators that flags show, while there are sweeps.
    pub(in crate::daemon::poller) fn sweep_recall(&self) -> Option<f32> {
        self.sweeping.sweeper.as_ref()?;
        Some(self.planner.learned()?.trust().recall())
    }

    /// Sweeps at a glance; nothing without an account.
    pub(in crate::daemon::poller) fn sweeps(&self) -> Option<Sweeps> {
        let sweeper = self.sweeping.sweeper.as_ref()?;
        let trust = self.planner.learned()?.trust();
        let missing = sweeper.missing.as_deref();
        let named = missing.unwrap_or_default().iter();
        Some(Sweeps {
            account: sweeper.account.clone(),
            pages: sweeper.pages(),
            recall: trust.recall(),
            uncertainty: trust.uncertainty(),
            on_trial: trust.is_on_trial(),
            false_flags: trust.false_flags(),
            lag_seconds: 60.0 * trust.lag(),
            credits: self.sweeping.tally.credits,
            found: self.sweeping.tally.found,
            minutes_saved: self.sweeping.tally.minutes_saved,
            missing: named.take(Sweeps::MOST_MISSING).cloned().collect(),
            missing_in_all: missing.map(<[_]>::len),
            hidden: self.sweeping.is_hidden,
            last_at: self.sweeping.last_at,
        })
    }
}

pub(super) fn log_missing(account: &Username, missing: &[Username], watched: usize) {
    if missing.is_empty() {
        tracing::info!(%account, watched, "the account follows everybody on the watchlist");
        return;
    }
    let named: Vec<_> = missing
        .iter()
        .take(MOST_NAMED)
        .map(ToString::to_string)
        .collect();
    let more = if missing.len() > named.len() {
        ", ..."
    } else {
        ""
    };
    tracing::warn!(%account, missing = missing.len(), watched,
        "the account does not follow everybody: follow these to make them thirty times cheaper: @{}{more}",
        named.join(", @"));
}
