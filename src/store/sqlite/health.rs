//! Webhooks' failure clocks, and who was told of them when.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::fault::Fault;
use super::{change, millis};
use crate::domain::Timestamp;
use crate::store::streak::Streak;
use crate::store::{Attempt, Outgoing, WebhookHealth};

/// Others are told of one webhook once in this long, for each type of event.
const ONCE_IN: Duration = Duration::from_secs(3_600);

const COLUMNS: &str =
    "url_hash, last_success_at, first_failure_at, last_failure_at, failures, webhook,
     paused_until";

/// See [`crate::store::Store::webhook_health`].
pub(super) fn all(connection: &Connection) -> Result<Vec<WebhookHealth>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM webhook_health ORDER BY webhook");
    let mut rows = connection.prepare_cached(&sql)?;
    let found = rows.query_map([], health)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn health(row: &Row<'_>) -> rusqlite::Result<WebhookHealth> {
    let at = |index| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row
            .get::<_, Option<i64>>(index)?
            .map(Timestamp::from_millis))
    };
    Ok(WebhookHealth {
        url_hash: row.get(0)?,
        streak: Streak {
            last_success_at: at(1)?,
            failing: at(2)?.zip(at(3)?),
            failures: row.get(4)?,
        },
        webhook: row.get::<_, String>(5)?.into(),
        paused_until: at(6)?,
    })
}

/// Adds an attempt at the address `url_hash` to the clock of `webhook`.
pub(super) fn take(
    connection: &Connection,
    webhook: &str,
    url_hash: &str,
    attempt: &Attempt,
) -> Result<(), Fault> {
    if !attempt.was_sent() {
        return Ok(());
    }
    let sql = format!("SELECT {COLUMNS} FROM webhook_health WHERE webhook = ?1");
    let known = connection
        .prepare_cached(&sql)?
        .query_row([webhook], health)
        .optional()?;
    let known = known.filter(|known| known.url_hash == url_hash);
    let paused_until = known.as_ref().and_then(|known| known.paused_until);
    let mut streak = known.map(|known| known.streak).unwrap_or_default();
    streak.take(attempt.ended_at(), attempt.error.is_none());
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO webhook_health
                 (webhook, url_hash, last_success_at, first_failure_at, last_failure_at, failures,
                  paused_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            webhook,
            url_hash,
            millis(streak.last_success_at),
            millis(streak.failing.map(|(first, _)| first)),
            millis(streak.failing.map(|(_, last)| last)),
            streak.failures,
            millis(paused_until),
        ])?;
    Ok(())
}

/// Remembers that the receiver of `webhook`, which has a clock, asked to be left alone.
pub(super) fn pause(
    connection: &Connection,
    webhook: &str,
    until: Option<Timestamp>,
) -> Result<(), Fault> {
    let Some(until) = until else {
        return Ok(());
    };
    connection
        .prepare_cached("UPDATE webhook_health SET paused_until = ?2 WHERE webhook = ?1")?
        .execute(params![webhook, until.as_millis()])?;
    Ok(())
}

/// Stores an event about `webhook`, unless the same was told within the hour; whether somebody is to hear it.
pub(super) fn tell(
    connection: &Connection,
    webhook: &str,
    outgoing: &Outgoing,
) -> Result<bool, Fault> {
    let kind = outgoing.event.kind.as_str();
    let told: Option<i64> = connection
        .prepare_cached("SELECT told_at FROM webhook_alerts WHERE webhook = ?1 AND type = ?2")?
        .query_row([webhook, kind], |row| row.get(0))
        .optional()?;
    let at = outgoing.event.at;
    if let Some(told) = told.map(Timestamp::from_millis) {
        // Either way round: a clock that went back must not silence it for good.
        if at.since(told).max(told.since(at)) < ONCE_IN {
            return Ok(false);
        }
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO webhook_alerts (webhook, type, told_at) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![webhook, kind, at.as_millis()])?;
    change::announce(connection, outgoing)
}

/// Forgets the failures of `webhook`: a person has acted.
pub(super) fn forget(connection: &Connection, webhook: &str) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM webhook_health WHERE webhook = ?1")?
        .execute([webhook])?;
    Ok(())
}
