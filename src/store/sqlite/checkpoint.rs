//! What polls learnt that no transaction had to hold: times, learning and spending.
//!
//! Phase and sequence are never touched, so a checkpoint that was made before a transition
//! and arrives after it cannot undo it.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::{identity, integer, millis};
use crate::store::history::PollMark;
use crate::store::{Checkpoint, Learnt, PollLog, Spending};

/// The key of what is known of all creators together.
pub(super) const POPULATION: &str = "population";
/// The key of what is known of sweeps.
pub(super) const SWEEPS: &str = "sweeps";

/// Polls of one creator that are kept, whatever is asked for: two weeks at one in five minutes.
const MOST_POLLS: usize = 4_032;

/// Stores all of it, or nothing.
pub(super) fn store(connection: &Connection, checkpoint: &Checkpoint) -> Result<(), Fault> {
    store_creators(connection, &checkpoint.creators)?;
    store_spending(connection, &checkpoint.spending)?;
    store_polls(connection, &checkpoint.polls)?;
    identity::add(connection, &checkpoint.identities)?;
    let known = [
        (POPULATION, &checkpoint.population),
        (SWEEPS, &checkpoint.sweeps),
    ];
    for (key, value) in known {
        if let Some(value) = value {
            keep(connection, key, value)?;
        }
    }
    Ok(())
}

/// Keeps `value` under `key`, whatever was there.
pub(super) fn keep(connection: &Connection, key: &str, value: &str) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute([key, value])?;
    Ok(())
}

/// A creator that is not known yet begins in phase unknown.
fn store_creators(connection: &Connection, creators: &[Learnt]) -> Result<(), Fault> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO creators (username, phase, sequence, first_poll_at, last_answer_at,
             next_poll_at, learning)
         VALUES (?1, 'unknown', 0, ?2, ?3, ?4, ?5)
         ON CONFLICT (username) DO UPDATE SET
             first_poll_at = coalesce(first_poll_at, excluded.first_poll_at),
             last_answer_at = max(coalesce(last_answer_at, excluded.last_answer_at),
                                  coalesce(excluded.last_answer_at, last_answer_at)),
             next_poll_at = coalesce(excluded.next_poll_at, next_poll_at),
             learning = coalesce(excluded.learning, learning)",
    )?;
    for creator in creators {
        upsert.execute(params![
            creator.username.as_str(),
            millis(creator.first_poll_at),
            millis(creator.last_answer_at),
            millis(creator.next_poll_at),
            creator.learning,
        ])?;
    }
    Ok(())
}

fn store_spending(connection: &Connection, spending: &[Spending]) -> Result<(), Fault> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO spending (period, credits) VALUES (?1, ?2)
         ON CONFLICT (period) DO UPDATE SET credits = excluded.credits",
    )?;
    for month in spending {
        upsert.execute(params![month.period.as_millis(), integer(month.credits)])?;
    }
    Ok(())
}

/// Adds marks at the end and cuts as many off the front as are too many.
fn store_polls(connection: &Connection, polls: &PollLog) -> Result<(), Fault> {
    let mut append = connection.prepare_cached(
        "INSERT INTO polls (creator, marks)
         SELECT id, substr(?2, -?3) FROM creators WHERE username = ?1
         ON CONFLICT (creator) DO UPDATE SET
             -- What || joins is text, whose characters are not bytes.
             marks = substr(CAST(marks || excluded.marks AS BLOB), -?3)",
    )?;
    let kept = polls.keep.clamp(1, MOST_POLLS) * PollMark::BYTES;
    let kept = i64::try_from(kept).unwrap_or(0);
    for (creator, marks) in &polls.polled {
        append.execute(params![creator.as_str(), PollMark::pack(marks), kept])?;
    }
    Ok(())
}
