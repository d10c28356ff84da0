//! What the loops write down for whoever looks at the daemon: metrics, changes, lanes.
//!
//! Writing never waits and never fails; nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::WebhookId;
use crate::domain::Timestamp;
use crate::metrics::Metrics;
use crate::web::monitor::Changes;
use crate::web::views::{LaneState, Reload};

/// Handed to every loop; clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Instruments {
    /// Counters and histograms.
    pub metrics: Metrics,
    /// What happens, for event streams.
    pub changes: Changes,
    /// How each webhook fares.
    pub board: Board,
    /// How the last load of the configuration went.
    pub reloads: Reloads,
}

/// How one webhook fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub state: LaneState,
    /// The first failure since the last 2xx, or since when it is disabled.
    pub since: Option<Timestamp>,
    /// The receiver asked to be left alone until then.
    pub paused_until: Option<Timestamp>,
    /// Why the last attempt failed, printable.
    pub last_error: Option<String>,
}

/// Every webhook's standing; the dispatcher writes, anybody reads.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<WebhookId, Standing>>>);

impl Board {
    /// Notes how `webhook` fares from now on.
    pub fn note(&self, webhook: &WebhookId, standing: Standing) {
        self.locked().insert(Arc::clone(webhook), standing);
    }

    /// Forgets a webhook that is no longer in the configuration.
    pub fn forget(&self, webhook: &WebhookId) {
        self.locked().remove(webhook);
    }

    /// How every webhook fares now, by id.
    pub fn standings(&self) -> BTreeMap<WebhookId, Standing> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<WebhookId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the last load of the configuration went; the reload writes, anybody reads.
#[derive(Debug, Clone, Default)]
pub struct Reloads(Arc<Mutex<Option<Reload>>>);

impl Reloads {
    /// Notes how a load went.
    pub fn note(&self, reload: Reload) {
        *self.locked() = Some(reload);
    }

    /// The last load, `None` before the first.
    pub fn last(&self) -> Option<Reload> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Option<Reload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instruments {
    /// The configuration was accepted at `at`: at the start, or by a reload.
    pub fn config_accepted(&self, at: Timestamp) {
        self.metrics.config_accepted(at.as_seconds());
        self.reloads.note(Reload {
            successful: true,
            at,
            problem: None,
        });
    }

    /// A changed configuration was refused at `at`; `problem` is printable and holds no secret.
    pub fn config_refused(&self, at: Timestamp, problem: String) {
        self.metrics.config_refused();
        self.reloads.note(Reload {
            successful: false,
            at,
            problem: Some(problem),
        });
    }
}
