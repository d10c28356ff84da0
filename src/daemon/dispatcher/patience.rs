//! A store that fails is tried again: the waits between, and how often that is said.
//!
//! Waits double from 100 ms to 10 s. A fault that lasts is logged once a minute, not once
//! a try.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::config::WebhookId;
use crate::domain::retry::doubling;
use crate::store::StoreError;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The wait after `failures` (at least 1) in a row.
pub(super) fn wait(failures: u32) -> Duration {
    doubling(failures, FIRST_WAIT, LONGEST_WAIT)
}

/// What one lane has said about its store.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    /// Monotonic; `None` while the store is well.
    last: Option<Duration>,
    unsaid: u32,
}

impl Complaints {
    /// The store failed at `now` (monotonic): said if nothing was said for a minute.
    pub(super) fn failed(&self, webhook: &WebhookId, error: &StoreError, now: Duration) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said
            .last
            .is_some_and(|last| now.saturating_sub(last) < LOG_EVERY)
        {
            said.unsaid = said.unsaid.saturating_add(1);
            return;
        }
        let unsaid = std::mem::take(&mut said.unsaid);
        said.last = Some(now);
        warn!(%webhook, %error, unsaid, "the store fails; deliveries wait and nothing is lost");
    }

    /// The store did as asked.
    pub(super) fn worked(&self, webhook: &WebhookId) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.take().is_some() {
            said.unsaid = 0;
            info!(%webhook, "the store works again; deliveries go on");
        }
    }
}
