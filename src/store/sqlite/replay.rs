//! Deliveries that go back into their queues: because a person asks, or the clock was set back.
//!
//! Also done by another process beside the daemon ([`Beside`]): one short transaction, which
//! the daemon's sweep finds. Nothing of a delivery is ever held in memory alone, and a head
//! that changes while its line is under way is sent after that, so nothing overtakes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::fault::Fault;
use super::file::{Access, Place};
use super::log::{DeliveryLog, list};
use super::queue::promote;
use crate::config::WebhookId;
use crate::domain::{Timestamp, Username};
use crate::store::log::DeliveryFilter;
use crate::store::{DeliveryId, StoreError};

/// See [`crate::store::Store::replay`].
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) filter: DeliveryFilter,
    pub(super) limit: usize,
    pub(super) now: Timestamp,
}

/// See [`crate::store::Store::pull_in`].
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) webhook: WebhookId,
    pub(super) now: Timestamp,
    pub(super) longest: Vec<Duration>,
}

/// A way to replay into a store that a daemon has.
#[derive(Debug)]
pub struct Beside {
    connection: Connection,
}

impl Beside {
    /// Opens the file at `path`, which exists and is up to date. Blocks; takes no lock.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        // Knows what a file must be like before anybody but its owner touches it.
        drop(DeliveryLog::open(path)?);
        let place = Place::new(path)?;
        let explain = |error: rusqlite::Error| place.refused_by(&error);
        let connection = place.connect(Access::Write).map_err(explain)?;
        connection
            .pragma_update(None, "synchronous", "full")
            .map_err(explain)?;
        Ok(Self { connection })
    }

    /// As [`crate::store::Store::replay`]; waits up to five seconds for the daemon's own writing.
    pub fn replay(
        &mut self,
        filter: DeliveryFilter,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let wanted = Wanted { filter, limit, now };
        self.transaction(&wanted)
            .map_err(|fault| fault.into_error("put deliveries back into their queues"))
    }

    fn transaction(&mut self, wanted: &Wanted) -> Result<Vec<DeliveryId>, Fault> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let replayed = replay(&transaction, wanted)?;
        transaction.commit()?;
        Ok(replayed)
    }
}

/// Puts back what is wanted; the numbers, in order.
pub(super) fn replay(connection: &Connection, wanted: &Wanted) -> Result<Vec<DeliveryId>, Fault> {
    let found = list(connection, &wanted.filter, "ASC", wanted.limit)?;
    let mut lines = BTreeSet::new();
    for record in &found {
        put_back(connection, record.id, wanted.now)?;
        let line = record.creator.as_ref().map_or("", Username::as_str);
        lines.insert((&*record.webhook, line));
    }
    for (webhook, line) in lines {
        // What came back may be older than the head: order is by number.
        connection
            .prepare_cached(
                "UPDATE deliveries SET head = 0 WHERE webhook = ?1 AND line = ?2 AND head = 1",
            )?
            .execute([webhook, line])?;
        promote(connection, webhook, line)?;
    }
    Ok(found.iter().map(|record| record.id).collect())
}

/// One that is due already, or asked for already, is left as it is: asking twice is asking once.
fn put_back(connection: &Connection, id: DeliveryId, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET due_at = ?2, finished_at = NULL, status = 'pending',
                 replay_of = CASE status WHEN 'pending' THEN replay_of ELSE status END,
                 spared = CASE status WHEN 'pending' THEN min(spared + 1, attempts + 1)
                                      ELSE attempts END
             WHERE id = ?1 AND (status <> 'pending' OR due_at > ?2)",
        )?
        .execute(params![id.0, now.as_millis()])?;
    Ok(())
}

/// Brings forward what waits too long; how many.
pub(super) fn pull_in(connection: &Connection, waits: &Waits) -> Result<usize, Fault> {
    let latest = |longest: &Duration| waits.now.plus(*longest).as_millis();
    let latest: Vec<i64> = waits.longest.iter().map(latest).collect();
    let last = latest.len().saturating_sub(1);
    let latest = serde_json::json!(latest).to_string();
    let moved = connection
        .prepare_cached(
            "UPDATE deliveries SET due_at = latest.value FROM json_each(?2) AS latest
             WHERE webhook = ?1 AND status = 'pending' AND due_at > latest.value
               AND latest.key = min(max(attempts - spared, 0), ?3)",
        )?
        .execute(params![
            &*waits.webhook,
            latest,
            i64::try_from(last).unwrap_or(i64::MAX)
        ])?;
    Ok(moved)
}
