//! What one lane's loop and its attempts share, and the way of one delivery through it.
//!
//! An attempt teaches the lane before it is stored, so that no further request goes out to
//! a receiver that asked for a pause. Settling ends when the store has it, not before.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::orders::Orders;
use crate::abort;
use crate::config::WebhookId;
use crate::daemon::dispatcher::attempt::{Claimed, Decision, given_up};
use crate::daemon::dispatcher::breaker::{Change, Leave};
use crate::daemon::dispatcher::condition::Condition;
use crate::daemon::dispatcher::patience::{self, Complaints};
use crate::daemon::dispatcher::{Common, report};
use crate::domain::Timestamp;
use crate::domain::event::WebhookNews;
use crate::store::{Settlement, StoreError};
use crate::webhook::Endpoint;
use crate::webhook::outcome::LONGEST_PAUSE;

/// What the loop and its attempts both know.
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) common: Common,
    pub(super) standing: Arc<Standing>,
    /// Other orders hold by now: what was not sent yet goes by these.
    pub(super) superseded: AtomicBool,
    /// The webhook is at another address by now: what this one still says concerns nobody.
    pub(super) left: AtomicBool,
}

/// How it stands with the receiver at one address; outlives changes of everything else.
pub(super) struct Standing {
    pub(super) complaints: Complaints,
    /// Monotonic milliseconds: the receiver asked to be left alone until then.
    paused_until: AtomicU64,
    disabled: AtomicBool,
    condition: Mutex<Condition>,
}

impl Standing {
    fn new(orders: &Orders) -> Self {
        let now = orders.common.clock.monotonic();
        let condition = Condition::restored(orders.past.streak, slots(&orders.endpoint), now);
        Self {
            complaints: Complaints::default(),
            paused_until: AtomicU64::new(0),
            disabled: AtomicBool::new(false),
            condition: Mutex::new(condition),
        }
    }
}

impl Shared {
    /// Goes on from what was stored: a receiver that failed is probed, one that asked for a pause has it.
    pub(super) fn new(orders: &Orders) -> Self {
        let shared = Self::with(orders, Arc::new(Standing::new(orders)));
        let now = shared.common.clock.now();
        let until = orders.past.paused_until;
        let rest = until.map(|until: Timestamp| until.since(now));
        if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
            // Longer only if the clock was set back meanwhile.
            shared.pause(rest.min(LONGEST_PAUSE));
        }
        shared.note_beginning();
        shared
    }

    /// Goes on with the same receiver by other orders.
    pub(super) fn under(&self, orders: &Orders) -> Self {
        self.condition().resize(slots(&orders.endpoint));
        Self::with(orders, Arc::clone(&self.standing))
    }

    fn with(orders: &Orders, standing: Arc<Standing>) -> Self {
        Self {
            endpoint: orders.endpoint.clone(),
            common: orders.common.clone(),
            standing,
            superseded: AtomicBool::new(false),
            left: AtomicBool::new(false),
        }
    }

    /// Leaves the receiver alone for so long.
    fn pause(&self, pause: Duration) {
        let until = self.common.clock.monotonic().saturating_add(pause);
        // Rounded up: a pause is never shorter than what was asked for.
        let millis = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        let millis = millis.saturating_add(1);
        let paused = &self.standing.paused_until;
        paused.fetch_max(millis, Ordering::Relaxed);
    }

    pub(super) fn id(&self) -> &WebhookId {
        &self.endpoint.webhook().id
    }

    pub(super) fn condition(&self) -> MutexGuard<'_, Condition> {
        self.standing
            .condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn paused_until(&self) -> Duration {
        Duration::from_millis(self.standing.paused_until.load(Ordering::Relaxed))
    }

    pub(super) fn disabled(&self) -> bool {
        self.standing.disabled.load(Ordering::Relaxed)
    }

    /// Takes one claimed delivery to its stored settlement.
    pub(super) async fn deliver(
        self: Arc<Self>,
        claimed: Claimed,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let now = self.common.clock.now();
        let decision = match claimed.unless_expired(&self.endpoint, now) {
            Err(expired) => *expired,
            Ok(claimed) => match self.attempt(claimed, &stop).await {
                Some(decision) => decision,
                None => return Ok(()),
            },
        };
        report::decided(self.id(), &decision);
        self.note(&decision);
        self.settle(decision.settlement).await
    }

    /// `None` if there was no attempt: the lane was stopped, paused, disabled or given other orders while it waited for a connection.
    async fn attempt(&self, claimed: Claimed, stop: &CancellationToken) -> Option<Decision> {
        let Common {
            clock,
            sender,
            connections,
            ..
        } = &self.common;
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            permit = connections.acquire() => permit.ok()?,
        };
        let superseded = self.superseded.load(Ordering::Relaxed);
        if superseded || self.held(clock.monotonic()) {
            return None;
        }
        abort::point("delivery.before_send");
        let concluded = claimed.send(&self.endpoint, sender.as_ref(), clock).await;
        drop(permit);
        abort::point("delivery.before_settle");
        let mut decision = concluded.decide(&self.endpoint, rand::random());
        if self.has_left() {
            decision.settlement.disable = None;
        } else {
            self.learn(&mut decision);
        }
        Some(decision)
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// Whether no request may go out.
    fn held(&self, now: Duration) -> bool {
        let open = matches!(self.condition().leave(now), Leave::Wait(_));
        self.disabled() || self.paused_until() > now || open
    }

    /// Known to the loop before it is stored, so that no further request goes out meanwhile.
    fn learn(&self, decision: &mut Decision) {
        let now = self.common.clock.monotonic();
        if let Some(pause) = decision.pause {
            self.pause(pause);
        }
        let Some(attempt) = &decision.settlement.attempt else {
            return;
        };
        let ended_at = attempt.ended_at();
        let (learnt, since) = {
            let mut condition = self.condition();
            let learnt = condition.take(attempt, now);
            (learnt, condition.failing_since().unwrap_or(ended_at))
        };
        let settlement = &mut decision.settlement;
        if settlement.disable.is_none() && learnt.given_up.is_some() {
            settlement.disable = Some(given_up(&self.endpoint, ended_at, &decision.detail));
        }
        if settlement.disable.is_some() {
            self.standing.disabled.store(true, Ordering::Relaxed);
        }
        let disabled = settlement.disable.is_some();
        if disabled || matches!(learnt.breaker, Some(Change::Opened(_))) {
            let news = WebhookNews {
                webhook: self.id(),
                disabled,
                since,
                at: ended_at,
                last_error: &decision.detail,
            };
            settlement.alerts.push(self.common.alert(&news));
        }
        if let Some(change) = learnt.breaker {
            report::breaker(self.id(), change);
        }
    }

    /// Until it is stored: a store that fails does not make an attempt unmade.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let Common { store, clock, .. } = &self.common;
        let mut failures = 0_u32;
        loop {
            let error = match store.settle(settlement.clone()).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Closed) => return Err(StoreError::Closed),
                Err(error) => error,
            };
            failures = failures.saturating_add(1);
            let now = clock.monotonic();
            self.standing.complaints.failed(self.id(), &error, now);
            let next = now.saturating_add(patience::wait(failures));
            clock.sleep_until(next).await;
        }
    }
}

/// Attempts that may be under way at once.
pub(super) fn slots(endpoint: &Endpoint) -> usize {
    endpoint.webhook().concurrency.clamp(1, 32)
}
