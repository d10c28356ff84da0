//! What quiet polls learnt: times, and nothing else of a creator.
//!
//! Phase and sequence are never touched, so a checkpoint that was made before a transition
//! and arrives after it cannot undo it.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::millis;
use crate::store::Checkpoint;

/// Stores the times; a creator that is not known yet begins in phase unknown.
pub(super) fn store(connection: &Connection, creators: &[Checkpoint]) -> Result<(), Fault> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO creators (username, phase, sequence, first_poll_at, last_answer_at, next_poll_at)
         VALUES (?1, 'unknown', 0, ?2, ?3, ?4)
         ON CONFLICT (username) DO UPDATE SET
             first_poll_at = coalesce(first_poll_at, excluded.first_poll_at),
             last_answer_at = max(coalesce(last_answer_at, excluded.last_answer_at),
                                  coalesce(excluded.last_answer_at, last_answer_at)),
             next_poll_at = coalesce(excluded.next_poll_at, next_poll_at)",
    )?;
    for creator in creators {
        upsert.execute(params![
            creator.username.as_str(),
            millis(creator.first_poll_at),
            millis(creator.last_answer_at),
            millis(creator.next_poll_at),
        ])?;
    }
    Ok(())
}
