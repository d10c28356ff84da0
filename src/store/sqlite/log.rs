//! The delivery log in a file, read beside whoever writes it; and what the command line replayed.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use tracing::warn;

use super::fault::Fault;
use super::health;
use super::migrate;
use super::queue::{log_attempt, status, unknown, username};
use crate::domain::{EventId, Timestamp, Timing};
use crate::store::log::{AttemptRecord, DeliveryFilter, DeliveryRecord, Replayed};
use crate::store::{DeliveryId, StoreError};

/// Reads deliveries. Blocks; takes no lock, so a daemon may run beside it.
#[derive(Debug)]
pub struct DeliveryLog {
    connection: Connection,
}

impl DeliveryLog {
    /// Opens the file at `path`, which exists and is up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = migrate::open_beside(path)?;
        Ok(Self { connection })
    }

    /// At most `limit` deliveries that `filter` means, the oldest first.
    pub fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        list(&self.connection, filter, "ASC", limit)
            .map_err(|fault| fault.into_error("list deliveries"))
    }

    /// At most `limit` deliveries that `filter` means, the newest first.
    pub fn latest(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        list(&self.connection, filter, "DESC", limit)
            .map_err(|fault| fault.into_error("list deliveries"))
    }

    /// How many deliveries `filter` means.
    pub fn count(&self, filter: &DeliveryFilter) -> Result<u64, StoreError> {
        count(&self.connection, filter).map_err(|fault| fault.into_error("count deliveries"))
    }

    /// The stored body of a delivery's event, and every attempt; `None` for an unknown number.
    pub fn detail(
        &self,
        id: DeliveryId,
    ) -> Result<Option<(String, Vec<AttemptRecord>)>, StoreError> {
        detail(&self.connection, id).map_err(|fault| fault.into_error("read a delivery"))
    }
}

const SELECT: &str = "SELECT d.id, d.webhook, e.event_id, e.type, e.creator, e.at, d.status,
        d.attempts, d.due_at, d.finished_at, a.status, a.error
     FROM deliveries d JOIN events e ON e.id = d.event
     LEFT JOIN attempts a ON a.delivery = d.id AND a.number = d.attempts";

pub(super) fn list(
    connection: &Connection,
    filter: &DeliveryFilter,
    order: &str,
    limit: usize,
) -> Result<Vec<DeliveryRecord>, Fault> {
    let (sql, values) = statement(filter, order, limit);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

pub(super) fn statement(
    filter: &DeliveryFilter,
    order: &str,
    limit: usize,
) -> (String, Vec<Value>) {
    let (conditions, mut values) = conditions(filter);
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let sql = format!("{SELECT} WHERE {conditions} ORDER BY d.id {order} LIMIT ?");
    (sql, values)
}

fn count(connection: &Connection, filter: &DeliveryFilter) -> Result<u64, Fault> {
    let (conditions, values) = conditions(filter);
    let sql = format!(
        "SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event WHERE {conditions}"
    );
    let counted: i64 = connection.query_row(&sql, params_from_iter(values), |row| row.get(0))?;
    Ok(u64::try_from(counted).unwrap_or(0))
}

/// The condition of a filter, with a value for each of its question marks.
fn conditions(filter: &DeliveryFilter) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_owned());
    let time = |at: Timestamp| Value::Integer(at.as_millis());
    let single = [
        ("d.id = ?", filter.id.map(|id| Value::Integer(id.0))),
        ("d.webhook = ?", filter.webhook.as_deref().map(text)),
        ("e.at >= ?", filter.since.map(time)),
        ("e.at < ?", filter.until.map(time)),
        (
            // A line is named by the creator it is about.
            "d.line = ?",
            filter.creator.as_ref().map(|c| text(c.as_str())),
        ),
        ("d.id > ?", filter.after.map(|id| Value::Integer(id.0))),
        ("d.id < ?", filter.before.map(|id| Value::Integer(id.0))),
    ];
    let mut sql = vec!["1".to_owned()];
    let mut values = Vec::new();
    for (condition, value) in single {
        if let Some(value) = value {
            sql.push(condition.to_owned());
            values.push(value);
        }
    }
    if !filter.statuses.is_empty() {
        let marks = vec!["?"; filter.statuses.len()].join(", ");
        sql.push(format!("d.status IN ({marks})"));
        values.extend(filter.statuses.iter().map(|status| text(status.as_str())));
    }
    (sql.join(" AND "), values)
}

fn record(row: &Row<'_>) -> Result<DeliveryRecord, Fault> {
    let kind: String = row.get(3)?;
    let creator: Option<String> = row.get(4)?;
    let stored_status: String = row.get(6)?;
    let finished_at: Option<i64> = row.get(9)?;
    Ok(DeliveryRecord {
        id: DeliveryId(row.get(0)?),
        webhook: row.get::<_, String>(1)?.into(),
        event: EventId::from_stored(row.get(2)?),
        kind: kind.parse().map_err(|_| unknown("event type", &kind))?,
        creator: creator.map(|name| username(&name)).transpose()?,
        event_at: Timestamp::from_millis(row.get(5)?),
        status: status(&stored_status)?,
        attempts: row.get(7)?,
        due_at: Timestamp::from_millis(row.get(8)?),
        finished_at: finished_at.map(Timestamp::from_millis),
        last_status: row.get(10)?,
        last_error: row.get(11)?,
    })
}

pub(super) fn detail(
    connection: &Connection,
    id: DeliveryId,
) -> Result<Option<(String, Vec<AttemptRecord>)>, Fault> {
    let body: Option<String> = connection
        .prepare("SELECT e.body FROM deliveries d JOIN events e ON e.id = d.event WHERE d.id = ?1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    let Some(body) = body else {
        return Ok(None);
    };
    let mut statement = connection.prepare(
        "SELECT number, started_at, took_ms, status, error, answer, dns_ms, connect_ms,
             first_byte_ms
         FROM attempts
         WHERE delivery = ?1 ORDER BY number",
    )?;
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let attempts = statement.query_map([id.0], |row| {
        let part = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(ms));
        Ok(AttemptRecord {
            number: row.get(0)?,
            started_at: Timestamp::from_millis(row.get(1)?),
            took: ms(row.get(2)?),
            timing: Timing {
                dns: part(6)?,
                connect: part(7)?,
                first_byte: part(8)?,
            },
            status: row.get(3)?,
            error: row.get(4)?,
            answer: row.get(5)?,
        })
    })?;
    Ok(Some((body, attempts.collect::<Result<_, _>>()?)))
}

/// Stores a replay of a delivery that is not pending.
pub(super) fn replayed(connection: &Connection, replayed: &Replayed) -> Result<(), Fault> {
    let id = replayed.delivery;
    let known: Option<(String, u32)> = connection
        .prepare_cached(
            "SELECT webhook, attempts FROM deliveries WHERE id = ?1 AND status <> 'pending'",
        )?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((webhook, attempts)) = known else {
        warn!(
            delivery = id.0,
            "replayed a delivery that is gone or pending: not stored"
        );
        return Ok(());
    };
    let attempt = &replayed.attempt;
    log_attempt(connection, id, attempts.saturating_add(1), attempt)?;
    health::take(connection, &webhook, &replayed.url_hash, attempt)?;
    connection
        .prepare_cached(
            "UPDATE deliveries SET attempts = attempts + 1,
                 status = CASE WHEN ?2 THEN 'delivered' ELSE status END,
                 finished_at = CASE WHEN ?2 THEN ?3 ELSE finished_at END
             WHERE id = ?1",
        )?
        .execute(params![
            id.0,
            attempt.error.is_none(),
            attempt.ended_at().as_millis()
        ])?;
    Ok(())
}
