//! The past in pages, see [`crate::store::history::History`]: every page is read off an index.
//!
//! Times and numbers come from the database's own order, so a page costs what it holds and
//! not what lies before it. Reads only; a page is one short view, so that the write-ahead log
//! never waits for a reader that takes a whole history.

pub(super) mod events;
pub(super) mod samples;
pub(super) mod streams;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

pub(super) use self::events::{backlogs, events};
pub(super) use self::samples::samples;
pub(super) use self::streams::{delays, room, streams};
use super::fault::Fault;
use crate::domain::{RoomId, Timestamp, Username};
use crate::store::history::{Cursor, MAX_PAGE, Order, Page, PollMark};

/// A statement that grows with what is asked for.
struct Query {
    sql: String,
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Query {
    fn new(select: &str) -> Self {
        Self {
            sql: select.to_owned(),
            conditions: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a condition with one question mark, if there is a value for it.
    fn and(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.conditions.push(condition.to_owned());
            self.values.push(value);
        }
    }

    /// Adds a condition without a question mark.
    fn always(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// Lets `first, second` begin behind the cursor, which holds a value for each.
    fn behind(&mut self, (first, second): (&str, &str), order: Order, after: Option<Cursor>) {
        let Some(cursor) = after else { return };
        let sign = match order {
            Order::NewestFirst => "<",
            Order::OldestFirst => ">",
        };
        // The first condition alone is what an index is entered by.
        self.conditions.push(format!("{first} {sign}= ?"));
        self.conditions
            .push(format!("({first}, {second}) {sign} (?, ?)"));
        let (at, number) = (Value::Integer(cursor.at), Value::Integer(cursor.number));
        self.values.extend([at.clone(), at, number]);
    }

    /// The statement, for `limit` rows and the one that tells whether there are more.
    fn finish(&mut self, (first, second): (&str, &str), order: Order, limit: usize) -> String {
        let way = match order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        if !self.conditions.is_empty() {
            self.sql.push_str(" WHERE ");
            self.sql.push_str(&self.conditions.join(" AND "));
        }
        let limit = i64::try_from(bounded(limit) + 1).unwrap_or(i64::MAX);
        self.values.push(Value::Integer(limit));
        format!(
            "{} ORDER BY {first} {way}, {second} {way} LIMIT ?",
            self.sql
        )
    }
}

/// What a caller may have in one page.
pub(super) fn bounded(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}

fn text(name: &Username) -> Value {
    Value::Text(name.as_str().to_owned())
}

fn time(at: Timestamp) -> Value {
    Value::Integer(at.as_millis())
}

/// A stored room, unless it is none.
fn stored_room(room: &str) -> Option<RoomId> {
    RoomId::new(room)
}

/// At most `limit` rows of `sql`, which asks for one more.
fn page<T>(
    connection: &Connection,
    (sql, values): (&str, Vec<Value>),
    limit: usize,
    read: impl Fn(&Row<'_>) -> Result<(T, Cursor), Fault>,
) -> Result<Page<T>, Fault> {
    let limit = bounded(limit);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let (mut found, mut last, mut next) = (Vec::new(), None, None);
    while let Some(row) = rows.next()? {
        if found.len() == limit {
            next = last;
            break;
        }
        let (item, cursor) = read(row)?;
        found.push(item);
        last = Some(cursor);
    }
    Ok(Page { rows: found, next })
}

/// The polls that are kept of `creator`, the oldest first.
pub(super) fn polls(connection: &Connection, creator: &Username) -> Result<Vec<PollMark>, Fault> {
    let marks: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT p.marks FROM creators c JOIN polls p ON p.creator = c.id WHERE c.username = ?1",
        )?
        .query_row([creator.as_str()], |row| row.get(0))
        .optional()?;
    Ok(marks.map_or_else(Vec::new, |bytes| PollMark::unpack(&bytes)))
}
