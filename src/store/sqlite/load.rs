//! What was known when the program stopped, read back.
//!
//! Most creators have no JSON and cost no more than their row. A row that this program
//! cannot have written is an error naming it: nothing is guessed.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as LabelError, StrDeserializer};

use super::checkpoint::{POPULATION, SWEEPS};
use super::fault::Fault;
use super::identity;
use super::queue::{unknown, username};
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::{CreatorState, LastEnd, Phase};
use crate::domain::{RoomId, Timestamp, Username};
use crate::store::{PastStream, Snapshot, Spending, StoreError, StoredCreator};

/// See [`crate::store::Store::load`].
pub(super) fn load(connection: &Connection) -> Result<Snapshot, Fault> {
    // All tables as of one moment.
    let view = connection.unchecked_transaction()?;
    let snapshot = load_in(&view)?;
    view.finish()?;
    Ok(snapshot)
}

/// The same within a transaction that is open.
pub(super) fn load_in(view: &Connection) -> Result<Snapshot, Fault> {
    Ok(Snapshot {
        creators: creators(view)?,
        degraded: degraded(view)?,
        learning: learning(view)?,
        population: kept(view, POPULATION)?,
        sweeps: kept(view, SWEEPS)?,
        spending: spending(view)?,
        identities: identity::load(view)?,
        credits_told: identity::told(view)?,
    })
}

fn creators(connection: &Connection) -> Result<Vec<StoredCreator>, Fault> {
    let mut statement = connection.prepare(
        "SELECT username, phase, sequence, live, last_end_room, last_end_started_at,
                last_end_at, first_poll_at, last_answer_at, next_poll_at
         FROM creators ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut creators = Vec::new();
    while let Some(row) = rows.next()? {
        creators.push(creator(row)?);
    }
    Ok(creators)
}

fn creator(row: &Row<'_>) -> Result<StoredCreator, Fault> {
    let name = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    let phase = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let state = CreatorState {
        phase: match phase {
            "unknown" => Phase::Unknown,
            "offline" => Phase::Offline,
            "live" => Phase::Live(live(row, name)?),
            other => return Err(unknown("phase", other).into()),
        },
        sequence: row.get::<_, i64>(2)?.unsigned_abs(),
        last_end: last_end(row)?.map(Box::new),
        first_poll_at: time(row, 7)?,
        last_answer_at: time(row, 8)?,
    };
    Ok(StoredCreator {
        username: username(name)?,
        state,
        next_poll_at: time(row, 9)?,
    })
}

fn live<T: serde::de::DeserializeOwned>(row: &Row<'_>, name: &str) -> Result<T, Fault> {
    let json = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(json).map_err(|error| {
        let reason = format!("a state of {name} that cannot be read: {error}");
        StoreError::Corrupt(reason).into()
    })
}

fn last_end(row: &Row<'_>) -> Result<Option<LastEnd>, Fault> {
    let room: Option<String> = row.get(4)?;
    let (Some(room), Some(ended_at)) = (room, time(row, 6)?) else {
        return Ok(None);
    };
    Ok(Some(LastEnd {
        room: RoomId::new(&room).ok_or_else(|| unknown("room", &room))?,
        started_at: time(row, 5)?,
        ended_at,
    }))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .map(Timestamp::from_millis))
}

fn degraded(connection: &Connection) -> Result<BTreeMap<DegradedReason, Timestamp>, Fault> {
    let mut statement = connection.prepare("SELECT reason, since FROM degraded")?;
    let mut rows = statement.query([])?;
    let mut degraded = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let label: String = row.get(0)?;
        let text: StrDeserializer<'_, LabelError> = label.as_str().into_deserializer();
        let reason = DegradedReason::deserialize(text)
            .map_err(|_| unknown("reason for being degraded", &label))?;
        degraded.insert(reason, Timestamp::from_millis(row.get(1)?));
    }
    Ok(degraded)
}

fn learning(connection: &Connection) -> Result<Vec<(Username, String)>, Fault> {
    let mut statement = connection.prepare(
        "SELECT username, learning FROM creators WHERE learning IS NOT NULL ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut learning = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        learning.push((username(name)?, row.get(1)?));
    }
    Ok(learning)
}

/// What the store keeps under `key`.
pub(super) fn kept(connection: &Connection, key: &str) -> Result<Option<String>, Fault> {
    let mut statement = connection.prepare("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

fn spending(connection: &Connection) -> Result<Vec<Spending>, Fault> {
    let mut statement =
        connection.prepare("SELECT period, credits FROM spending ORDER BY period")?;
    let mut rows = statement.query([])?;
    let mut spending = Vec::new();
    while let Some(row) = rows.next()? {
        spending.push(Spending {
            period: Timestamp::from_millis(row.get(0)?),
            credits: row.get::<_, i64>(1)?.unsigned_abs(),
        });
    }
    Ok(spending)
}

/// See [`crate::store::Store::past_streams`].
pub(super) fn past_streams(connection: &Connection) -> Result<Vec<PastStream>, Fault> {
    let mut statement = connection.prepare(
        "SELECT creator, coalesce(started_at, first_seen_at) AS began, ended_at, resumed
         FROM streams ORDER BY began, id",
    )?;
    let mut rows = statement.query([])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        streams.push(PastStream {
            creator: username(name)?,
            began_at: Timestamp::from_millis(row.get(1)?),
            ended_at: time(row, 2)?,
            resumed: row.get(3)?,
        });
    }
    Ok(streams)
}
