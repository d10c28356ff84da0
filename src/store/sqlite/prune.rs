//! Forgets what is old: a bounded number of rows at a time, so that nobody waits long.
//!
//! Pending deliveries, their events, running streams and creators' states are never touched,
//! whatever their age.

use rusqlite::{Connection, params};

use super::fault::Fault;
use crate::domain::Timestamp;

/// In this order, since the later rows are referred to by the earlier ones.
const STEPS: [&str; 4] = [
    // Their attempts go with them.
    "DELETE FROM deliveries WHERE id IN
         (SELECT id FROM deliveries WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)",
    "DELETE FROM events WHERE id IN
         (SELECT id FROM events WHERE at < ?1
             AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = events.id)
          ORDER BY at LIMIT ?2)",
    "DELETE FROM samples WHERE (stream, at) IN
         (SELECT stream, at FROM samples WHERE at < ?1 ORDER BY at LIMIT ?2)",
    "DELETE FROM streams WHERE id IN
         (SELECT id FROM streams WHERE ended_at < ?1
             AND NOT EXISTS (SELECT 1 FROM samples WHERE stream = streams.id)
          ORDER BY ended_at LIMIT ?2)",
];

/// Deletes at most `limit` rows of each table; how many went.
pub(super) fn prune(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<usize, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut deleted = 0;
    for step in STEPS {
        deleted += connection
            .prepare_cached(step)?
            .execute(params![before.as_millis(), limit])?;
    }
    Ok(deleted)
}
