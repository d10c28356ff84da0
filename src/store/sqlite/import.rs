//! Past streams that a person brings: rows of history, as if somebody had seen them.
//!
//! Never announced, never a state, never a sequence. Their room is made of their start, which
//! no room of TikTok's looks like.

use rusqlite::{Connection, params};

use super::fault::Fault;
use crate::domain::{Timestamp, Username};

/// A stream of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedStream {
    /// Whose.
    pub creator: Username,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Stores all of them.
pub(super) fn store(connection: &Connection, streams: &[ImportedStream]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO streams (creator, room, announced, already_live, resumed, started_at,
             first_seen_at, last_seen_at, ended_at, end_reason, peak_viewers)
         VALUES (?1, ?2, 0, 0, 0, ?3, ?3, ?4, ?4, 'offline', 0)
         ON CONFLICT (creator, room, first_seen_at) DO NOTHING",
    )?;
    for stream in streams {
        let (began, ended) = (stream.began_at.as_millis(), stream.ended_at.as_millis());
        insert.execute(params![
            stream.creator.as_str(),
            format!("imported-{began}"),
            began,
            ended
        ])?;
    }
    Ok(())
}
