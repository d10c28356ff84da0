//! The deliveries table as a queue: whose turn it is, and what came of it.
//!
//! Invariant: a line (webhook, creator) with pending deliveries has one head, the oldest of
//! them. Heads alone are handed out, by an index that holds nothing else.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tracing::warn;

use super::fault::Fault;
use super::health;
use crate::domain::{EventId, Timestamp, Timing, Username};
use crate::store::log::Status;
use crate::store::{Attempt, Delivery, DeliveryId, DisabledWebhook, Fate, Settlement, StoreError};

/// Bytes of an answer that are kept.
const MAX_ANSWER: usize = 4_096;

/// See [`crate::store::Store::due`].
pub(super) fn due(
    connection: &Connection,
    webhook: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, Fault> {
    let mut heads = connection.prepare_cached(DUE)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = heads.query(params![webhook, now.as_millis(), limit])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        due.push(delivery(row)?);
    }
    Ok(due)
}

/// The heads that are due, soonest first: read off an index in its order.
pub(super) const DUE: &str =
    "SELECT d.id, e.event_id, e.type, e.creator, e.body, e.at, d.attempts, d.due_at,
         d.spared, d.replay_of
     FROM deliveries d JOIN events e ON e.id = d.event
     WHERE d.webhook = ?1 AND d.head = 1 AND d.due_at <= ?2
     ORDER BY d.due_at, d.id LIMIT ?3";

fn delivery(row: &Row<'_>) -> Result<Delivery, Fault> {
    let kind: String = row.get(2)?;
    let creator: Option<String> = row.get(3)?;
    let replay_of: Option<String> = row.get(9)?;
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        event: EventId::from_stored(row.get(1)?),
        kind: kind.parse().map_err(|_| unknown("event type", &kind))?,
        creator: creator.map(|name| username(&name)).transpose()?,
        body: row.get(4)?,
        event_at: Timestamp::from_millis(row.get(5)?),
        attempts: row.get(6)?,
        due_at: Timestamp::from_millis(row.get(7)?),
        spared: row.get(8)?,
        replay_of: replay_of.map(|name| status(&name)).transpose()?,
    })
}

/// A stored status.
pub(super) fn status(name: &str) -> Result<Status, StoreError> {
    Status::parse(name).ok_or_else(|| unknown("delivery status", name))
}

/// A stored username.
pub(super) fn username(name: &str) -> Result<Username, StoreError> {
    name.parse().map_err(|_| unknown("username", name))
}

/// Something that this program would not have stored.
pub(super) fn unknown(what: &str, value: &str) -> StoreError {
    StoreError::Corrupt(format!("the {what} {value:?}, which it cannot have"))
}

pub(super) const NEXT_DUE_AT: &str =
    "SELECT min(due_at) FROM deliveries WHERE webhook = ?1 AND head = 1";

/// See [`crate::store::Store::next_due_at`].
pub(super) fn next_due_at(
    connection: &Connection,
    webhook: &str,
) -> Result<Option<Timestamp>, Fault> {
    let soonest: Option<i64> = connection
        .prepare_cached(NEXT_DUE_AT)?
        .query_row([webhook], |row| row.get(0))?;
    Ok(soonest.map(Timestamp::from_millis))
}

/// See [`crate::store::Store::pending`].
pub(super) fn count_pending(connection: &Connection) -> Result<u64, Fault> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM deliveries WHERE status = 'pending'")?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// A pending delivery.
struct Pending {
    webhook: String,
    line: String,
    attempts: u32,
    due_at: Timestamp,
}

/// Stores what came of an attempt; whether somebody has something new to deliver.
///
/// Of a delivery that is not pending nothing is stored: it was settled before.
pub(super) fn settle(connection: &Connection, settlement: &Settlement) -> Result<bool, Fault> {
    let id = settlement.delivery;
    let Some(mut pending) = pending(connection, id)? else {
        warn!(
            delivery = id.0,
            "settled a delivery that is not pending: ignored"
        );
        return Ok(false);
    };
    if let Some(attempt) = &settlement.attempt {
        pending.attempts += 1;
        log_attempt(connection, id, pending.attempts, attempt)?;
        let Settlement {
            url_hash,
            paused_until,
            ..
        } = settlement;
        health::take(connection, &pending.webhook, url_hash, attempt)?;
        health::pause(connection, &pending.webhook, *paused_until)?;
    }
    if let Some(disabled) = &settlement.disable {
        disable(connection, disabled)?;
    }
    let mut wakes = false;
    for outgoing in &settlement.alerts {
        wakes |= health::tell(connection, &pending.webhook, outgoing)?;
    }
    let status = match settlement.fate {
        Fate::Retry(at) => {
            put_off(connection, id, pending.attempts, at)?;
            return Ok(wakes);
        }
        Fate::Delivered => "delivered",
        Fate::Failed => "failed",
        Fate::Expired => "expired",
    };
    let attempt = settlement.attempt.as_ref();
    let finished_at = attempt.map_or(pending.due_at, Attempt::ended_at);
    connection
        .prepare_cached(
            "UPDATE deliveries SET head = 0, attempts = ?3, finished_at = ?4, replay_of = NULL,
                 status = CASE ?2 WHEN 'delivered' THEN ?2 ELSE coalesce(replay_of, ?2) END
             WHERE id = ?1",
        )?
        .execute(params![
            id.0,
            status,
            pending.attempts,
            finished_at.as_millis()
        ])?;
    Ok(promote(connection, &pending.webhook, &pending.line)? || wakes)
}

fn pending(connection: &Connection, id: DeliveryId) -> Result<Option<Pending>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT webhook, line, attempts, due_at FROM deliveries
             WHERE id = ?1 AND status = 'pending'",
        )?
        .query_row([id.0], |row| {
            Ok(Pending {
                webhook: row.get(0)?,
                line: row.get(1)?,
                attempts: row.get(2)?,
                due_at: Timestamp::from_millis(row.get(3)?),
            })
        })
        .optional()?;
    Ok(found)
}

pub(super) fn log_attempt(
    connection: &Connection,
    id: DeliveryId,
    number: u32,
    attempt: &Attempt,
) -> Result<(), Fault> {
    let kept = attempt.answer.len().min(MAX_ANSWER);
    let ms = |part: Duration| i64::try_from(part.as_millis()).unwrap_or(i64::MAX);
    let Timing {
        dns,
        connect,
        first_byte,
    } = attempt.timing;
    connection
        .prepare_cached(
            "INSERT INTO attempts (delivery, number, started_at, took_ms, status, error, answer,
                 dns_ms, connect_ms, first_byte_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id.0,
            number,
            attempt.started_at.as_millis(),
            ms(attempt.took),
            attempt.status,
            attempt.error,
            &attempt.answer[..kept],
            dns.map(ms),
            connect.map(ms),
            first_byte.map(ms),
        ])?;
    Ok(())
}

fn put_off(
    connection: &Connection,
    id: DeliveryId,
    attempts: u32,
    at: Timestamp,
) -> Result<(), Fault> {
    connection
        .prepare_cached("UPDATE deliveries SET attempts = ?2, due_at = ?3 WHERE id = ?1")?
        .execute(params![id.0, attempts, at.as_millis()])?;
    Ok(())
}

pub(super) const PROMOTE: &str = "UPDATE deliveries SET head = 1
     WHERE id = (SELECT min(id) FROM deliveries
                 WHERE webhook = ?1 AND line = ?2 AND status = 'pending')
       AND NOT EXISTS (SELECT 1 FROM deliveries
                       WHERE webhook = ?1 AND line = ?2 AND head = 1)";

/// Gives a line its next head, if it has lost the one it had.
pub(super) fn promote(connection: &Connection, webhook: &str, line: &str) -> Result<bool, Fault> {
    let moved = connection
        .prepare_cached(PROMOTE)?
        .execute([webhook, line])?;
    Ok(moved > 0)
}

/// Of several answers that disable one address, the first says since when.
fn disable(connection: &Connection, disabled: &DisabledWebhook) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO webhooks (webhook, disabled_since, url_hash, reason)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (webhook) DO UPDATE SET disabled_since = excluded.disabled_since,
                 url_hash = excluded.url_hash, reason = excluded.reason
             WHERE url_hash <> excluded.url_hash",
        )?
        .execute(params![
            &*disabled.webhook,
            disabled.since.as_millis(),
            disabled.url_hash,
            disabled.reason,
        ])?;
    Ok(())
}

/// See [`crate::store::Store::disabled_webhooks`].
pub(super) fn disabled(connection: &Connection) -> Result<Vec<DisabledWebhook>, Fault> {
    let mut rows = connection.prepare_cached(
        "SELECT webhook, disabled_since, url_hash, reason FROM webhooks ORDER BY webhook",
    )?;
    let found = rows.query_map([], |row| {
        Ok(DisabledWebhook {
            webhook: row.get::<_, String>(0)?.into(),
            since: Timestamp::from_millis(row.get(1)?),
            url_hash: row.get(2)?,
            reason: row.get(3)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Lets `webhook` take part again; whether it did not.
pub(super) fn enable(connection: &Connection, webhook: &str) -> Result<bool, Fault> {
    health::forget(connection, webhook)?;
    let enabled = connection
        .prepare_cached("DELETE FROM webhooks WHERE webhook = ?1")?
        .execute([webhook])?;
    Ok(enabled > 0)
}
