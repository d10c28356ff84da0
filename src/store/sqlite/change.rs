//! One [`Change`]: state, history, events and deliveries, inside one savepoint.
//!
//! Storing the same change twice stores it once: events are known by their ids, and only a
//! new event gets deliveries. A second event under a number that is taken, or a creator
//! whose count would go back, is refused whole.

use std::collections::BTreeMap;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::fault::Fault;
use super::{history, identity, integer, millis};
use crate::config::WebhookId;
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::{LastEnd, Phase};
use crate::domain::{Event, Timestamp, Username};
use crate::store::{Change, Outgoing, StoreError, StoredCreator};

/// Stores `change`; whether there is something new to deliver.
pub(super) fn store(connection: &Connection, change: &Change) -> Result<bool, Fault> {
    if let Some(creator) = &change.creator {
        store_creator(connection, &creator.row)?;
        for transition in &creator.transitions {
            history::record(connection, &creator.row.username, transition)?;
        }
    }
    if let Some(degraded) = &change.degraded {
        store_degraded(connection, degraded)?;
    }
    identity::store(connection, &change.identities)?;
    if let Some(told) = &change.credits_told {
        identity::store_told(connection, told)?;
    }
    let mut wakes = false;
    for outgoing in &change.events {
        wakes |= announce(connection, outgoing)?;
    }
    Ok(wakes)
}

fn store_creator(connection: &Connection, row: &StoredCreator) -> Result<(), Fault> {
    let (phase, live) = match &row.state.phase {
        Phase::Unknown => ("unknown", None),
        Phase::Offline => ("offline", None),
        Phase::Live(live) => (
            "live",
            Some(serde_json::to_string(live).map_err(|error| unwritable(&error))?),
        ),
    };
    let end = row.state.last_end.as_deref();
    let stored = connection
        .prepare_cached(
            "INSERT INTO creators (username, phase, sequence, live, last_end_room,
                 last_end_started_at, last_end_at, first_poll_at, last_answer_at, next_poll_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (username) DO UPDATE SET
                 phase = excluded.phase, sequence = excluded.sequence, live = excluded.live,
                 last_end_room = excluded.last_end_room,
                 last_end_started_at = excluded.last_end_started_at,
                 last_end_at = excluded.last_end_at, first_poll_at = excluded.first_poll_at,
                 last_answer_at = excluded.last_answer_at, next_poll_at = excluded.next_poll_at
             WHERE excluded.sequence >= creators.sequence",
        )?
        .execute(params![
            row.username.as_str(),
            phase,
            integer(row.state.sequence),
            live,
            end.map(|e: &LastEnd| e.room.as_str()),
            millis(end.and_then(|e| e.started_at)),
            millis(end.map(|e| e.ended_at)),
            millis(row.state.first_poll_at),
            millis(row.state.last_answer_at),
            millis(row.next_poll_at),
        ])?;
    if stored == 0 {
        return Err(gone_back(row).into());
    }
    Ok(())
}

fn gone_back(row: &StoredCreator) -> StoreError {
    StoreError::Corrupt(format!(
        "a later sequence of {} than {}: an older state must not replace a newer one",
        row.username, row.state.sequence
    ))
}

fn unwritable(error: &serde_json::Error) -> Fault {
    Fault::Store(StoreError::Failed {
        doing: "write a state as JSON",
        reason: error.to_string(),
    })
}

fn store_degraded(
    connection: &Connection,
    degraded: &BTreeMap<DegradedReason, Timestamp>,
) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM degraded")?
        .execute([])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO degraded (reason, since) VALUES (?1, ?2)")?;
    for (reason, since) in degraded {
        insert.execute(params![reason.label(), since.as_millis()])?;
    }
    Ok(())
}

/// Stores an event and its deliveries, unless it is stored already; whether it was new.
pub(super) fn announce(connection: &Connection, outgoing: &Outgoing) -> Result<bool, Fault> {
    let event = &outgoing.event;
    let sequence = event.sequence.map(integer);
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events (event_id, type, creator, sequence, at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event_id) DO NOTHING",
        )?
        .execute(params![
            event.id.as_str(),
            event.kind.as_str(),
            event.creator.as_ref().map(Username::as_str),
            sequence,
            event.at.as_millis(),
            event.body,
        ]);
    match inserted {
        Ok(0) => Ok(false),
        Ok(_) => {
            let row = connection.last_insert_rowid();
            for webhook in &outgoing.webhooks {
                queue_up(connection, row, event, webhook)?;
            }
            Ok(!outgoing.webhooks.is_empty())
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(number_taken(connection, event, sequence)?.unwrap_or(Fault::Sql(error)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts one delivery at the end of its line; it is the head if the line was empty.
fn queue_up(
    connection: &Connection,
    row: i64,
    event: &Event,
    webhook: &WebhookId,
) -> Result<(), Fault> {
    let line = event.creator.as_ref().map_or("", Username::as_str);
    connection
        .prepare_cached(
            "INSERT INTO deliveries (event, webhook, line, status, head, due_at)
             VALUES (?1, ?2, ?3, 'pending',
                 NOT EXISTS (SELECT 1 FROM deliveries
                             WHERE webhook = ?2 AND line = ?3 AND status = 'pending'),
                 ?4)
             ON CONFLICT (event, webhook) DO NOTHING",
        )?
        .execute(params![row, &**webhook, line, event.at.as_millis()])?;
    Ok(())
}

/// The error that says which other event has the sequence of `event`, if one has.
fn number_taken(
    connection: &Connection,
    event: &Event,
    sequence: Option<i64>,
) -> Result<Option<Fault>, Fault> {
    let (Some(creator), Some(sequence)) = (&event.creator, sequence) else {
        return Ok(None);
    };
    let other: Option<String> = connection
        .prepare_cached("SELECT event_id FROM events WHERE creator = ?1 AND sequence = ?2")?
        .query_row(params![creator.as_str(), sequence], |row| row.get(0))
        .optional()?;
    Ok(other.map(|other| {
        Fault::Store(StoreError::Corrupt(format!(
            "event {other} as number {sequence} of {creator}, where {} was to be stored",
            event.id
        )))
    }))
}
