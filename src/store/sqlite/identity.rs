//! Who is behind each username, and what was told of the credits.
//!
//! A change replaces what is known of an identity; a checkpoint only adds to it, so that one
//! that was made before a change and arrives after it cannot undo it.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::fault::Fault;
use super::load::time;
use super::queue::username;
use super::{checkpoint, load, millis};
use crate::domain::Username;
use crate::domain::credits::Told;
use crate::domain::identity::Identity;
use crate::store::{IdentityChange, StoreError};

/// The key of what was told of the credits.
const CREDITS: &str = "credits_told";

/// See [`crate::store::Change`].
pub(super) fn store(connection: &Connection, changes: &[IdentityChange]) -> Result<(), Fault> {
    for change in changes {
        // An id is one username's at a time, whatever this store was told before.
        connection
            .prepare_cached("UPDATE creators SET stable_id = NULL WHERE stable_id = ?1")?
            .execute([change.identity.id.as_deref()])?;
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO creators (username, phase, sequence, stable_id, profile_at, missing_since,
             renamed_at)
         VALUES (?1, 'unknown', 0, ?2, ?3, ?4, ?5)
         ON CONFLICT (username) DO UPDATE SET
             stable_id = excluded.stable_id, profile_at = excluded.profile_at,
             missing_since = excluded.missing_since, renamed_at = excluded.renamed_at",
    )?;
    for change in changes {
        let Identity {
            id,
            profile_at,
            missing_since,
            renamed_at,
        } = &change.identity;
        upsert.execute(params![
            change.username.as_str(),
            id.as_deref(),
            millis(*profile_at),
            millis(*missing_since),
            millis(*renamed_at),
        ])?;
    }
    for change in changes {
        if let Some(previous) = &change.inherits_from {
            inherit(connection, previous, &change.username)?;
        }
    }
    Ok(())
}

/// The streams that are over go on under the new name, and what was learnt if nothing is yet.
///
/// A stream that still runs stays where its end will be looked for.
fn inherit(connection: &Connection, from: &Username, to: &Username) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "UPDATE OR IGNORE streams SET creator = ?2 WHERE creator = ?1 AND ended_at IS NOT NULL",
        )?
        .execute(params![from.as_str(), to.as_str()])?;
    connection
        .prepare_cached(
            "UPDATE creators
             SET learning = (SELECT learning FROM creators WHERE username = ?1)
             WHERE username = ?2 AND learning IS NULL",
        )?
        .execute(params![from.as_str(), to.as_str()])?;
    Ok(())
}

/// See [`crate::store::Checkpoint`].
pub(super) fn add(
    connection: &Connection,
    identities: &[(Username, Identity)],
) -> Result<(), Fault> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO creators (username, phase, sequence, stable_id, profile_at)
         VALUES (?1, 'unknown', 0, ?2, ?3)
         ON CONFLICT (username) DO UPDATE SET
             stable_id = coalesce(stable_id, excluded.stable_id),
             profile_at = max(coalesce(profile_at, excluded.profile_at),
                              coalesce(excluded.profile_at, profile_at))",
    )?;
    for (name, identity) in identities {
        let id = identity.id.as_deref();
        let taken: bool = connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM creators WHERE stable_id = ?1 AND username <> ?2)",
            )?
            .query_row(params![id, name.as_str()], |row| row.get(0))?;
        // An id that another name has by now is not taken back.
        let id = id.filter(|_| !taken);
        upsert.execute(params![name.as_str(), id, millis(identity.profile_at)])?;
    }
    Ok(())
}

/// Everybody of whom something is known.
pub(super) fn load(connection: &Connection) -> Result<Vec<(Username, Identity)>, Fault> {
    let mut statement = connection.prepare(
        "SELECT username, stable_id, profile_at, missing_since, renamed_at FROM creators
         WHERE coalesce(stable_id, profile_at, missing_since, renamed_at) IS NOT NULL
         ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut identities = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        identities.push((username(name)?, identity(row)?));
    }
    Ok(identities)
}

fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        id: row.get::<_, Option<String>>(1)?.map(Arc::from),
        profile_at: time(row, 2)?,
        missing_since: time(row, 3)?,
        renamed_at: time(row, 4)?,
    })
}

/// Replaces what was told of the credits.
pub(super) fn store_told(connection: &Connection, told: &Told) -> Result<(), Fault> {
    let text = serde_json::to_string(told).map_err(|error| StoreError::Failed {
        doing: "write what was told of the credits",
        reason: error.to_string(),
    })?;
    checkpoint::keep(connection, CREDITS, &text)
}

/// What was told of the credits.
pub(super) fn told(connection: &Connection) -> Result<Told, Fault> {
    let Some(text) = load::kept(connection, CREDITS)? else {
        return Ok(Told::default());
    };
    serde_json::from_str(&text).map_err(|error| {
        let reason = format!("what was told of the credits, which cannot be read: {error}");
        StoreError::Corrupt(reason).into()
    })
}
