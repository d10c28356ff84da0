//! What a lane is told while it runs: another endpoint, other neighbours, or to end.
//!
//! An attempt under way ends with the endpoint it began with; whatever is claimed afterwards
//! goes by the new one. The lane goes on knowing whose delivery is under way, so a change
//! sends nothing twice and lets nothing overtake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::super::Common;
use super::super::condition::Condition;
use super::super::patience::Complaints;
use super::{Lane, Shared};
use crate::config::Rate;
use crate::schedule::rate::RateLimit;
use crate::store::streak::Streak;
use crate::webhook::Endpoint;

/// What a lane works by.
#[derive(Debug, Clone)]
pub(in crate::daemon::dispatcher) struct Orders {
    pub(in crate::daemon::dispatcher) endpoint: Endpoint,
    pub(in crate::daemon::dispatcher) common: Common,
    /// Where a lane begins that has none yet, or that goes to another address.
    pub(in crate::daemon::dispatcher) streak: Streak,
    /// Else it lets what is under way end, and returns.
    pub(in crate::daemon::dispatcher) takes_part: bool,
}

/// How it stands with the receiver at one address; outlives changes of everything else.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) complaints: Complaints,
    /// Monotonic milliseconds: the receiver asked to be left alone until then.
    pub(super) paused_until: AtomicU64,
    pub(super) disabled: AtomicBool,
    condition: Mutex<Condition>,
}

impl Standing {
    pub(super) fn new(orders: &Orders) -> Arc<Self> {
        let now = orders.common.clock.monotonic();
        Arc::new(Self {
            complaints: Complaints::default(),
            paused_until: AtomicU64::new(0),
            disabled: AtomicBool::new(false),
            condition: Mutex::new(Condition::restored(orders.streak, slots(orders), now)),
        })
    }

    pub(super) fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Goes by the newest orders from here on.
    pub(super) fn obey(&mut self, orders: &mut watch::Receiver<Orders>) {
        if !orders.has_changed().unwrap_or(false) {
            return;
        }
        let orders = orders.borrow_and_update().clone();
        let before = &self.shared;
        before.superseded.store(true, Ordering::Relaxed);
        let rate = orders.endpoint.webhook().rate;
        if rate != before.endpoint.webhook().rate {
            self.rate = rate.map(limit);
        }
        let same_address = orders.endpoint.url_hash() == before.endpoint.url_hash();
        let standing = if same_address && self.takes_part {
            before.standing.condition().resize(slots(&orders));
            Arc::clone(&before.standing)
        } else {
            Standing::new(&orders)
        };
        self.takes_part = orders.takes_part;
        self.shared = Arc::new(Shared {
            endpoint: orders.endpoint,
            common: orders.common,
            standing,
            superseded: AtomicBool::new(false),
        });
    }
}

/// Spaced evenly: in no span of time more than the rate says.
pub(super) fn limit(rate: Rate) -> RateLimit {
    RateLimit::new(rate.per_second(), 1)
}

fn slots(orders: &Orders) -> usize {
    orders.endpoint.webhook().concurrency.clamp(1, 32)
}
