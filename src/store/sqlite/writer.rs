//! The one thread that writes: whatever waits goes into one commit.
//!
//! Each operation has a savepoint, so that one that fails fails alone. Nobody is answered
//! before COMMIT has returned; if it fails, nothing of the batch was stored and all are told.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::fault::Fault;
use super::import::{self, ImportedStream};
use super::replay::{Waits, Wanted};
use super::{change, checkpoint, log, prune, queue, replay};
use crate::abort;
use crate::config::WebhookId;
use crate::store::log::Replayed;
use crate::store::{Change, Checkpoint, DeliveryId, Expired, Settlement, StoreError};

/// Operations in one commit at most, so that the first does not wait long for the last.
const MAX_BATCH: usize = 256;

/// Something to write.
#[derive(Debug)]
pub(super) enum Operation {
    Commit(Box<Change>),
    Checkpoint(Box<Checkpoint>),
    Settle(Box<Settlement>),
    Enable(WebhookId),
    Replayed(Box<Replayed>),
    Replay(Box<Wanted>),
    PullIn(Box<Waits>),
    Import(Vec<ImportedStream>),
    Prune { expired: Expired, limit: usize },
}

/// What an operation did.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Rows deleted or moved.
    pub(super) rows: usize,
    /// Deliveries that are to be sent again.
    pub(super) replayed: Vec<DeliveryId>,
    /// Whether it may have given somebody something to deliver.
    pub(super) wakes: bool,
}

/// An operation and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) operation: Operation,
    pub(super) reply: oneshot::Sender<Result<Effect, StoreError>>,
}

/// What the writing thread owns.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// Held as long as the connection is open. Declared, hence dropped, after it.
    pub(super) lock: File,
    pub(super) committed: Arc<AtomicU64>,
    pub(super) outbox: watch::Sender<u64>,
}

impl Operation {
    fn doing(&self) -> &'static str {
        match self {
            Self::Commit(_) => "store a change",
            Self::Checkpoint(_) => "store a checkpoint",
            Self::Settle(_) => "settle a delivery",
            Self::Enable(_) => "enable a webhook",
            Self::Replayed(_) => "store a replay",
            Self::Replay(_) => "put deliveries back into their queues",
            Self::PullIn(_) => "bring deliveries forward",
            Self::Import(_) => "import past streams",
            Self::Prune { .. } => "prune history",
        }
    }

    fn apply(&self, connection: &Connection) -> Result<Effect, Fault> {
        let mut effect = Effect::default();
        match self {
            Self::Commit(change) => effect.wakes = change::store(connection, change)?,
            Self::Checkpoint(checkpoint) => checkpoint::store(connection, checkpoint)?,
            Self::Settle(settlement) => effect.wakes = queue::settle(connection, settlement)?,
            Self::Replayed(replayed) => log::replayed(connection, replayed)?,
            Self::Replay(wanted) => {
                effect.replayed = replay::replay(connection, wanted)?;
                effect.wakes = !effect.replayed.is_empty();
            }
            Self::PullIn(waits) => effect.rows = replay::pull_in(connection, waits)?,
            Self::Import(streams) => import::store(connection, streams)?,
            Self::Enable(webhook) => effect.wakes = queue::enable(connection, webhook)?,
            Self::Prune { expired, limit } => {
                effect.rows = prune::prune(connection, *expired, *limit)?;
            }
        }
        Ok(effect)
    }

    /// The name of its abort points, see [`crate::store::ABORT_POINTS`].
    fn abort_point(&self, committed: bool) -> Option<&'static str> {
        match (self, committed) {
            (Self::Commit(_), false) => Some("transition.before_commit"),
            (Self::Commit(_), true) => Some("transition.after_commit"),
            (Self::Checkpoint(_), false) => Some("checkpoint.before_commit"),
            (Self::Checkpoint(_), true) => Some("checkpoint.after_commit"),
            (Self::Settle(_), false) => Some("settle.before_commit"),
            (Self::Settle(_), true) => Some("settle.after_commit"),
            _ => None,
        }
    }
}

impl Writer {
    /// Writes until nobody can send any more, then leaves the file whole.
    pub(super) fn run(self, mut jobs: mpsc::Receiver<Job>) -> Result<(), StoreError> {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while jobs.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            self.write(&mut batch);
        }
        self.finish()
    }

    /// One commit for all of `batch`, which is answered and empty afterwards.
    pub(super) fn write(&self, batch: &mut Vec<Job>) {
        match self.transaction(batch) {
            Ok(results) => {
                self.committed.fetch_add(1, Ordering::Relaxed);
                if results.iter().flatten().any(|effect| effect.wakes) {
                    self.outbox.send_modify(|count| *count += 1);
                }
                for (job, result) in batch.drain(..).zip(results) {
                    // Who no longer waits has no use for the answer.
                    let _ = job.reply.send(result);
                }
            }
            Err(error) => {
                let reason = error.to_string();
                for job in batch.drain(..) {
                    let doing = job.operation.doing();
                    let reason = reason.clone();
                    let _ = job.reply.send(Err(StoreError::Failed { doing, reason }));
                }
            }
        }
    }

    /// One result for each job, once all of them are durable; or an error, and none is stored.
    fn transaction(&self, batch: &[Job]) -> rusqlite::Result<Vec<Result<Effect, StoreError>>> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let written = self.operations(batch).and_then(|results| {
            abort_points(batch, false);
            self.connection.execute_batch("COMMIT")?;
            abort_points(batch, true);
            Ok(results)
        });
        if written.is_err() && !self.connection.is_autocommit() {
            // If even this fails, the next BEGIN does too and says so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        written
    }

    fn operations(&self, batch: &[Job]) -> rusqlite::Result<Vec<Result<Effect, StoreError>>> {
        let mut results = Vec::with_capacity(batch.len());
        for job in batch {
            results.push(self.alone(&job.operation)?);
            abort::point("batch.between_operations");
        }
        Ok(results)
    }

    /// Applies one operation whole or not at all; an outer error is the end of the whole batch.
    fn alone(&self, operation: &Operation) -> rusqlite::Result<Result<Effect, StoreError>> {
        self.connection
            .prepare_cached("SAVEPOINT operation")?
            .execute([])?;
        let result = operation.apply(&self.connection);
        if result.is_err() {
            // A full disk ends the whole transaction; then this fails, and with it the batch.
            self.connection
                .prepare_cached("ROLLBACK TO operation")?
                .execute([])?;
        }
        self.connection
            .prepare_cached("RELEASE operation")?
            .execute([])?;
        Ok(result.map_err(|fault| fault.into_error(operation.doing())))
    }

    fn finish(self) -> Result<(), StoreError> {
        let failed = |error: rusqlite::Error| StoreError::Failed {
            doing: "move its log into the file",
            reason: error.to_string(),
        };
        let moved = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let closed = self.connection.close().map_err(|(_, error)| error);
        drop(self.lock);
        moved.and(closed).map_err(failed)
    }
}

/// Passes the abort points of what is in `batch`, each once.
fn abort_points(batch: &[Job], committed: bool) {
    let mut passed = Vec::new();
    for job in batch {
        if let Some(name) = job.operation.abort_point(committed)
            && !passed.contains(&name)
        {
            passed.push(name);
            abort::point(name);
        }
    }
}
