//! Streams and samples: what happened, announced or silent, for exports and for learning.
//!
//! A stream is known by creator, room and when it was first seen: a room that ended and came
//! back has a row for each time. Recording one transition twice records it once.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::{integer, millis};
use crate::domain::tracker::{EndReason, Transition, TransitionKind};
use crate::domain::{Timestamp, Username};

/// Records one transition of `creator`.
pub(super) fn record(
    connection: &Connection,
    creator: &Username,
    transition: &Transition,
) -> Result<(), Fault> {
    let stream = store_stream(connection, creator, transition)?;
    let counted = matches!(
        transition.kind,
        TransitionKind::Started | TransitionKind::Sampled
    );
    if let Some(viewers) = transition.live.stream.viewers.filter(|_| counted) {
        connection
            .prepare_cached(
                "INSERT INTO samples (stream, at, viewers) VALUES (?1, ?2, ?3)
                 ON CONFLICT (stream, at) DO NOTHING",
            )?
            .execute(params![stream, transition.at.as_millis(), integer(viewers)])?;
    }
    Ok(())
}

/// Adds the stream or brings its row up to date; its number.
fn store_stream(
    connection: &Connection,
    creator: &Username,
    transition: &Transition,
) -> Result<i64, Fault> {
    let live = &transition.live;
    let (ended_at, reason) = ending(&transition.kind);
    let number = connection
        .prepare_cached(
            "INSERT INTO streams (creator, room, announced, already_live, resumed, started_at,
                 first_seen_at, last_seen_at, ended_at, end_reason, title, peak_viewers,
                 average_viewers, views)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (creator, room, first_seen_at) DO UPDATE SET
                 started_at = excluded.started_at, last_seen_at = excluded.last_seen_at,
                 ended_at = coalesce(excluded.ended_at, ended_at),
                 end_reason = coalesce(excluded.end_reason, end_reason),
                 title = excluded.title, peak_viewers = excluded.peak_viewers,
                 average_viewers = excluded.average_viewers, views = excluded.views
             RETURNING id",
        )?
        .query_row(
            params![
                creator.as_str(),
                live.stream.room.as_str(),
                transition.is_announced(),
                live.already_live,
                live.resumed,
                millis(live.stream.started_at),
                live.first_seen_at.as_millis(),
                live.last_seen_at.as_millis(),
                millis(ended_at),
                reason,
                live.stream.title,
                integer(live.audience.peak),
                live.audience.average().map(integer),
                live.stream.views.map(integer),
            ],
            |row| row.get(0),
        )?;
    Ok(number)
}

fn ending(kind: &TransitionKind) -> (Option<Timestamp>, Option<&'static str>) {
    match kind {
        TransitionKind::Ended { reason, ended_at } => {
            let reason = match reason {
                EndReason::Offline => "offline",
                EndReason::Replaced => "replaced",
            };
            (Some(*ended_at), Some(reason))
        }
        _ => (None, None),
    }
}
