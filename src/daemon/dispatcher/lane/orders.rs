//! What a lane is told while it runs: another endpoint, other neighbours, or to end.
//!
//! An attempt under way ends with the endpoint it began with; whatever is claimed afterwards
//! goes by the new one. The lane goes on knowing whose delivery is under way, so a change
//! sends nothing twice and lets nothing overtake.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::super::setback::Setback;
use super::super::{Common, Past};
use super::Lane;
use super::shared::Shared;
use crate::config::Rate;
use crate::schedule::rate::RateLimit;
use crate::webhook::Endpoint;

/// What a lane works by.
#[derive(Debug, Clone)]
pub(in crate::daemon::dispatcher) struct Orders {
    pub(in crate::daemon::dispatcher) endpoint: Endpoint,
    pub(in crate::daemon::dispatcher) common: Common,
    /// Where a lane begins that has none yet, or that goes to another address.
    pub(in crate::daemon::dispatcher) past: Past,
    /// Else it lets what is under way end, and returns.
    pub(in crate::daemon::dispatcher) takes_part: bool,
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
        if orders.endpoint.webhook().retry != before.endpoint.webhook().retry {
            self.setback = Setback::of(orders.endpoint.webhook());
        }
        let same_address = orders.endpoint.url_hash() == before.endpoint.url_hash();
        before.left.store(!same_address, Ordering::Relaxed);
        self.shared = Arc::new(if same_address && self.takes_part {
            before.under(&orders)
        } else {
            Shared::new(&orders)
        });
        self.takes_part = orders.takes_part;
    }
}

/// Spaced evenly: in no span of time more than the rate says.
pub(super) fn limit(rate: Rate) -> RateLimit {
    RateLimit::new(rate.per_second(), 1)
}
