//! Forgets what is old: a bounded number of rows at a time, so that nobody waits long.
//!
//! Pending deliveries, their events, running streams and creators' states are never touched,
//! whatever their age. What may not go is passed over, a bounded number of rows as well.

use rusqlite::{Connection, params};

use super::fault::Fault;
use crate::store::Expired;

/// In this order, since the later rows are referred to by the earlier ones. Where some rows may
/// not go, four times as many are looked at.
const STEPS: [Step; 5] = [
    // Their attempts go with them.
    (
        Kind::History,
        "DELETE FROM deliveries WHERE id IN
             (SELECT id FROM deliveries WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)",
    ),
    // Events that a webhook has not heard yet may fill the oldest end for weeks, so what has
    // just expired is looked at from the other one.
    (
        Kind::History,
        "DELETE FROM events WHERE id IN
             (SELECT id FROM (SELECT id FROM events WHERE at < ?1 ORDER BY at LIMIT 4 * ?2) e
              WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE event = e.id) LIMIT ?2)",
    ),
    (
        Kind::History,
        "DELETE FROM events WHERE id IN
             (SELECT id FROM (SELECT id FROM events WHERE at < ?1 ORDER BY at DESC LIMIT 4 * ?2) e
              WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE event = e.id) LIMIT ?2)",
    ),
    (
        Kind::History,
        "DELETE FROM samples WHERE (stream, at) IN
             (SELECT stream, at FROM samples WHERE at < ?1 ORDER BY at LIMIT ?2)",
    ),
    // The longest ended have lost their samples first.
    (
        Kind::Stream,
        "DELETE FROM streams WHERE id IN
             (SELECT id FROM (SELECT id FROM streams WHERE ended_at < ?1
                              ORDER BY ended_at LIMIT 4 * ?2) s
              WHERE NOT EXISTS (SELECT 1 FROM samples WHERE stream = s.id) LIMIT ?2)",
    ),
];

/// What a statement deletes, and the statement.
type Step = (Kind, &'static str);

#[derive(Debug, Clone, Copy)]
enum Kind {
    History,
    Stream,
}

/// Deletes at most `limit` rows by each step; how many went.
pub(super) fn prune(
    connection: &Connection,
    expired: Expired,
    limit: usize,
) -> Result<usize, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut deleted = 0;
    for (kind, step) in STEPS {
        let before = match kind {
            Kind::History => expired.history,
            Kind::Stream => expired.streams,
        };
        deleted += connection
            .prepare_cached(step)?
            .execute(params![before.as_millis(), limit])?;
    }
    Ok(deleted)
}
