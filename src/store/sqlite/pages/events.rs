//! Recent events, and what of them is still on its way.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Query, page, text};
use crate::domain::{EventId, Timestamp};
use crate::store::history::{Backlog, Cursor, EventQuery, EventRecord, Order, Page};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::queue::{unknown, username};

/// The condition of two partial indexes, word for word.
const TOLD: &str = "type NOT IN ('stream.sampled', 'stream.updated')";

/// See [`crate::store::history::History::events`].
pub(in crate::store::sqlite) fn events(
    connection: &Connection,
    query: &EventQuery,
) -> Result<Page<EventRecord>, Fault> {
    let (sql, values) = statement(query);
    page(connection, (&sql, values), query.limit, |row| {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(5)?);
        let kind: String = row.get(2)?;
        let creator: Option<String> = row.get(3)?;
        let event = EventRecord {
            id: EventId::from_stored(row.get(1)?),
            kind: kind.parse().map_err(|_| unknown("event type", &kind))?,
            creator: creator.map(|name| username(&name)).transpose()?,
            sequence: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
            at: Timestamp::from_millis(at),
        };
        Ok((event, Cursor { at, number }))
    })
}

pub(in crate::store::sqlite) fn statement(query: &EventQuery) -> (String, Vec<Value>) {
    let mut asked = Query::new("SELECT id, event_id, type, creator, sequence, at FROM events");
    asked.always(TOLD);
    asked.and("creator = ?", query.creator.as_ref().map(text));
    let order = Order::NewestFirst;
    asked.behind(("at", "id"), order, query.after);
    let sql = asked.finish(("at", "id"), order, query.limit);
    (sql, asked.values)
}

/// See [`crate::store::history::History::backlogs`].
pub(in crate::store::sqlite) fn backlogs(connection: &Connection) -> Result<Vec<Backlog>, Fault> {
    // Numbers grow with time, so the smallest is the oldest.
    let mut statement = connection.prepare_cached(
        "SELECT p.webhook, p.pending, e.at
         FROM (SELECT webhook, count(*) AS pending, min(id) AS oldest FROM deliveries
               WHERE status = 'pending' GROUP BY webhook) p
         JOIN deliveries d ON d.id = p.oldest JOIN events e ON e.id = d.event
         ORDER BY p.webhook",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Backlog {
            webhook: row.get::<_, String>(0)?.into(),
            pending: row.get::<_, i64>(1)?.unsigned_abs(),
            oldest_event_at: Timestamp::from_millis(row.get(2)?),
        });
    }
    Ok(found)
}
