//! One webhook's lane: claims what is due, at most `concurrency` at once, one for each creator.
//!
//! A delivery holds its slot until its settlement is stored, so nothing is sent twice while
//! the store fails. A delivery that waits for its next attempt holds none: a creator whose
//! deliveries fail does not keep the others waiting.

mod orders;
mod shared;
mod shown;

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub(super) use self::orders::Orders;
use self::orders::limit;
use self::shared::Shared;
use super::attempt::Claimed;
use super::breaker::Leave;
use super::setback::Setback;
use super::{Common, patience, report};
use crate::daemon::Progress;
use crate::domain::Username;
use crate::schedule::rate::RateLimit;
use crate::store::StoreError;

/// The longest time between two looks at the queue, woken or not.
const SWEEP: Duration = Duration::from_secs(5);
/// The same while deliveries under way hide when the next falls due.
const SWEEP_WHILE_BUSY: Duration = Duration::from_secs(1);
/// How long a drain waits for what is under way.
const DRAIN: Duration = Duration::from_secs(20);

/// The loop that owns one webhook's attempts.
pub(super) struct Lane {
    shared: Arc<Shared>,
    progress: Progress,
    takes_part: bool,
    under_way: JoinSet<Result<(), StoreError>>,
    /// Whose delivery each task carries; events of the monitor itself are one line too.
    lines: HashMap<Id, Option<Username>>,
    rate: Option<RateLimit>,
    setback: Setback,
    store_failures: u32,
    /// Monotonic: no claim before this, since the store failed.
    store_retry_at: Duration,
}

impl Lane {
    /// A lane that has not begun.
    pub(super) fn new(orders: &Orders, progress: Progress) -> Self {
        let webhook = orders.endpoint.webhook();
        Self {
            rate: webhook.rate.map(limit),
            setback: Setback::of(webhook),
            shared: Arc::new(Shared::new(orders)),
            progress,
            takes_part: orders.takes_part,
            under_way: JoinSet::new(),
            lines: HashMap::new(),
            store_failures: 0,
            store_retry_at: Duration::ZERO,
        }
    }

    /// Delivers until `stop` or until ordered to end, then waits for what is under way. An error
    /// means that the store has ended.
    pub(super) async fn run(
        mut self,
        mut orders: watch::Receiver<Orders>,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let mut outbox = self.shared.common.store.outbox();
        let clock = self.shared.common.clock.clone();
        while !stop.is_cancelled() {
            self.progress.beat();
            self.obey(&mut orders);
            if !self.takes_part && self.under_way.is_empty() {
                return Ok(());
            }
            outbox.mark_unchanged();
            let wake = self.claim(&stop).await?;
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.under_way.join_next_with_id() => self.ended(ended)?,
                Ok(()) = orders.changed() => orders.mark_changed(),
                () = woken(&mut outbox) => {}
                () = clock.sleep_until(wake) => {}
            }
        }
        self.finish().await
    }

    /// Starts what may be started; says when to look again (monotonic), at the latest.
    async fn claim(&mut self, stop: &CancellationToken) -> Result<Duration, StoreError> {
        let now = self.shared.common.clock.monotonic();
        let sweep = now.saturating_add(SWEEP);
        let held = self.shared.paused_until().max(self.store_retry_at);
        if held > now || self.shared.disabled() || !self.takes_part {
            return Ok(if held > now { held.min(sweep) } else { sweep });
        }
        let slots = match self.shared.condition().leave(now) {
            Leave::Claim(slots) => slots,
            Leave::Wait(probe_at) => return Ok(probe_at.min(sweep)),
        };
        match self.claim_due(slots, stop).await {
            Ok(wait) => {
                self.store_failures = 0;
                self.shared.standing.complaints.worked(self.shared.id());
                Ok(now.saturating_add(wait))
            }
            Err(StoreError::Closed) => Err(StoreError::Closed),
            Err(error) => {
                self.store_failures = self.store_failures.saturating_add(1);
                self.shared
                    .standing
                    .complaints
                    .failed(self.shared.id(), &error, now);
                self.store_retry_at = now.saturating_add(patience::wait(self.store_failures));
                Ok(self.store_retry_at.min(sweep))
            }
        }
    }

    /// Starts what is due and free; how long to wait for the next, at most.
    async fn claim_due(
        &mut self,
        slots: usize,
        stop: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let shared = Arc::clone(&self.shared);
        let Common { store, clock, .. } = &shared.common;
        let id = shared.id();
        let now = clock.now();
        if self.setback.is_due(now, clock.monotonic()) {
            let moved = store.pull_in(id, now, self.setback.longest()).await?;
            report::brought_forward(id, moved);
            self.setback.done(now, clock.monotonic());
        }
        // What is under way is still due: with as many rows as slots, enough others are among them.
        for delivery in store.due(id, now, slots).await? {
            let busy = self.lines.values().any(|line| *line == delivery.creator);
            if busy || self.under_way.len() >= slots {
                continue;
            }
            if let Some(wait) = self.held_by_rate() {
                return Ok(wait.min(SWEEP));
            }
            let line = delivery.creator.clone();
            let attempt = Arc::clone(&shared).deliver(Claimed::new(delivery), stop.clone());
            let task = self.under_way.spawn(attempt);
            self.lines.insert(task.id(), line);
        }
        if self.under_way.len() >= slots {
            return Ok(SWEEP);
        }
        Ok(match store.next_due_at(id).await? {
            None => SWEEP,
            Some(next) if next <= now => SWEEP_WHILE_BUSY,
            Some(next) => next.since(now).min(SWEEP),
        })
    }

    /// Counts one attempt if it may start now; else how long until one may.
    fn held_by_rate(&mut self) -> Option<Duration> {
        let now = self.shared.common.clock.monotonic();
        let rate = self.rate.as_mut()?;
        let wait = rate.earliest(now).saturating_sub(now);
        (!rate.try_pass(now)).then_some(wait)
    }

    fn ended(
        &mut self,
        ended: Result<(Id, Result<(), StoreError>), JoinError>,
    ) -> Result<(), StoreError> {
        match ended {
            Ok((task, result)) => {
                self.lines.remove(&task);
                result
            }
            // Sending catches its panics: this is a fault in the loop's own code.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => {
                self.lines.remove(&error.id());
                Ok(())
            }
        }
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        let clock = self.shared.common.clock.clone();
        let deadline = clock.monotonic().saturating_add(DRAIN);
        loop {
            self.progress.beat();
            tokio::select! {
                ended = self.under_way.join_next_with_id() => match ended {
                    Some(ended) => self.ended(ended)?,
                    None => return Ok(()),
                },
                () = clock.sleep_until(deadline) => {
                    report::cut_off(self.shared.id(), self.under_way.len());
                    self.under_way.shutdown().await;
                    return Ok(());
                }
            }
        }
    }
}

/// Waits for a commit; with the store gone, for ever: the sweep finds out.
async fn woken(outbox: &mut watch::Receiver<u64>) {
    if outbox.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
