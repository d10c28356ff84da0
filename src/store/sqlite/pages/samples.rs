//! Audience samples as they are listed.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Query, page, stored_room, text, time};
use crate::domain::Timestamp;
use crate::store::history::{Cursor, Order, Page, SampleQuery, SampleRecord, SamplesOf, StreamId};
use crate::store::sqlite::fault::Fault;
use crate::store::sqlite::queue::username;

const SELECT: &str = "SELECT m.stream, s.creator, s.room, m.at, m.viewers
     FROM samples m CROSS JOIN streams s ON s.id = m.stream";

/// See [`crate::store::history::History::samples`].
pub(in crate::store::sqlite) fn samples(
    connection: &Connection,
    query: &SampleQuery,
) -> Result<Page<SampleRecord>, Fault> {
    let (sql, values) = statement(query);
    page(connection, (&sql, values), query.limit, |row| {
        let creator: String = row.get(1)?;
        let room: String = row.get(2)?;
        let (stream, at): (i64, i64) = (row.get(0)?, row.get(3)?);
        let sample = SampleRecord {
            stream: StreamId(stream),
            creator: username(&creator)?,
            room: stored_room(&room),
            at: Timestamp::from_millis(at),
            viewers: row.get::<_, i64>(4)?.unsigned_abs(),
        };
        Ok((sample, Cursor { at, number: stream }))
    })
}

/// All samples are read in order of time; those of few streams in order of the streams, since
/// a creator's samples are not found by their time.
pub(in crate::store::sqlite) fn statement(query: &SampleQuery) -> (String, Vec<Value>) {
    let mut asked = Query::new(SELECT);
    let order = Order::OldestFirst;
    let columns = if query.of == SamplesOf::All {
        asked.behind(("m.at", "m.stream"), order, query.after);
        ("m.at", "m.stream")
    } else {
        // Its first value is the stream here.
        let after = query.after.map(|cursor| Cursor {
            at: cursor.number,
            number: cursor.at,
        });
        asked.behind(("m.stream", "m.at"), order, after);
        ("m.stream", "m.at")
    };
    match &query.of {
        SamplesOf::All => {}
        SamplesOf::Creator(creator) => asked.and(
            "m.stream IN (SELECT id FROM streams WHERE creator = ?)",
            Some(text(creator)),
        ),
        SamplesOf::Room(room) => asked.and(
            "m.stream IN (SELECT id FROM streams WHERE room = ?)",
            Some(Value::Text(room.as_str().to_owned())),
        ),
        SamplesOf::Stream(id) => asked.and("m.stream = ?", Some(Value::Integer(id.0))),
    }
    asked.and("m.at >= ?", query.since.map(time));
    asked.and("m.at < ?", query.until.map(time));
    let sql = asked.finish(columns, order, query.limit);
    (sql, asked.values)
}
