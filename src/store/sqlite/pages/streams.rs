//! Streams as they are listed.

use std::time::Duration;

use rusqlite::{Connection, Row};

use super::{Query, bounded, page, stored_room, text, time};
use crate::domain::tracker::{EndReason, Visibility};
use crate::domain::{RoomId, Timestamp, Username};
use crate::store::history::{
    Cursor, DetectionDelay, Order, Page, StreamId, StreamQuery, StreamRecord, StreamState,
};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::queue::{unknown, username};

const SELECT: &str = "SELECT id, creator, room, title, started_at, first_seen_at, last_seen_at,
        ended_at, end_reason, peak_viewers, average_viewers, views, announced, already_live,
        resumed, (SELECT count(*) FROM samples WHERE stream = streams.id)
     FROM streams";

/// When a stream began; three indexes are built on this expression.
const BEGAN: &str = "coalesce(started_at, first_seen_at)";

/// See [`crate::store::history::History::streams`].
pub(in crate::store::sqlite) fn streams(
    connection: &Connection,
    query: &StreamQuery,
) -> Result<Page<StreamRecord>, Fault> {
    let mut asked = asked(query);
    let sql = asked.finish((BEGAN, "id"), query.order, query.limit);
    page(connection, (&sql, asked.values), query.limit, |row| {
        let stream = record(row)?;
        let cursor = Cursor {
            at: stream.began_at().as_millis(),
            number: stream.id.0,
        };
        Ok((stream, cursor))
    })
}

fn asked(query: &StreamQuery) -> Query {
    let mut asked = Query::new(SELECT);
    asked.and("creator = ?", query.creator.as_ref().map(text));
    asked.and(&format!("{BEGAN} >= ?"), query.since.map(time));
    asked.and(&format!("{BEGAN} < ?"), query.until.map(time));
    if query.state == StreamState::Running {
        asked.always("ended_at IS NULL");
    }
    asked.behind((BEGAN, "id"), query.order, query.after);
    asked
}

/// The statement for `query` and how many values it takes.
#[cfg(test)]
pub(in crate::store::sqlite) fn statement(query: &StreamQuery) -> (String, usize) {
    let mut asked = asked(query);
    let sql = asked.finish((BEGAN, "id"), query.order, query.limit);
    (sql, asked.values.len())
}

/// See [`crate::store::history::History::room`].
pub(in crate::store::sqlite) fn room(
    connection: &Connection,
    room: &RoomId,
) -> Result<Vec<StreamRecord>, Fault> {
    let mut asked = Query::new(SELECT);
    let name = room.as_str().to_owned();
    asked.and("room = ?", Some(rusqlite::types::Value::Text(name)));
    let limit = crate::store::history::MAX_PAGE;
    let sql = asked.finish(("first_seen_at", "id"), Order::OldestFirst, limit);
    let all = page(connection, (&sql, asked.values), limit, |row| {
        Ok((record(row)?, Cursor { at: 0, number: 0 }))
    })?;
    Ok(all.rows)
}

fn record(row: &Row<'_>) -> Result<StreamRecord, Fault> {
    let creator: String = row.get(1)?;
    let room: String = row.get(2)?;
    let reason: Option<String> = row.get(8)?;
    let average: Option<i64> = row.get(10)?;
    let peak: i64 = row.get(9)?;
    let at = |column| row.get::<_, i64>(column).map(Timestamp::from_millis);
    let maybe_at = |column| {
        row.get::<_, Option<i64>>(column)
            .map(|at| at.map(Timestamp::from_millis))
    };
    Ok(StreamRecord {
        id: StreamId(row.get(0)?),
        creator: username(&creator)?,
        room: stored_room(&room),
        title: row.get(3)?,
        started_at: maybe_at(4)?,
        first_seen_at: at(5)?,
        last_seen_at: at(6)?,
        ended_at: maybe_at(7)?,
        end_reason: reason.as_deref().map(end_reason).transpose()?,
        // Without a single sample there is no average, and the peak is nobody's.
        peak_viewers: average.map(|_| peak.unsigned_abs()),
        average_viewers: average.map(i64::unsigned_abs),
        views: row.get::<_, Option<i64>>(11)?.map(i64::unsigned_abs),
        samples: row.get::<_, i64>(15)?.unsigned_abs(),
        visibility: if row.get(12)? {
            Visibility::Announced
        } else {
            Visibility::Silent
        },
        already_live: row.get(13)?,
        resumed: row.get(14)?,
    })
}

fn end_reason(label: &str) -> Result<EndReason, Fault> {
    match label {
        "offline" => Ok(EndReason::Offline),
        "replaced" => Ok(EndReason::Replaced),
        other => Err(unknown("end reason", other).into()),
    }
}

/// See [`crate::store::history::History::delays`].
pub(in crate::store::sqlite) fn delays(
    connection: &Connection,
    creator: Option<&Username>,
    limit: usize,
) -> Result<Vec<DetectionDelay>, Fault> {
    let mut asked = Query::new("SELECT id, started_at, first_seen_at FROM streams");
    asked.and("creator = ?", creator.map(text));
    asked.always("started_at IS NOT NULL");
    asked.always("already_live = 0");
    let sql = asked.finish((BEGAN, "id"), Order::NewestFirst, limit);
    let delays = page(connection, (&sql, asked.values), bounded(limit), |row| {
        let (began, seen): (i64, i64) = (row.get(1)?, row.get(2)?);
        let late = u64::try_from(seen.saturating_sub(began)).unwrap_or(0);
        let delay = DetectionDelay {
            stream: StreamId(row.get(0)?),
            noticed_at: Timestamp::from_millis(seen),
            delay: Duration::from_millis(late),
        };
        Ok((delay, Cursor { at: 0, number: 0 }))
    })?;
    Ok(delays.rows)
}
