//! Brings a file's schema up to date: numbered steps forward, each in one transaction.
//!
//! `PRAGMA user_version` says how many steps a file has taken. A step that fails leaves the
//! file as it was before that step; before the first one the whole file is copied beside
//! itself. Never goes back: a newer file is refused.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::file::{Access, Place, create_private};
use crate::store::StoreError;

/// The steps of this program, oldest first; the n-th leads to schema version n.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
];

/// Marks a file as ours (`tall`), so that another program's database is not mistaken for an old one.
const APPLICATION_ID: i32 = 0x7461_6c6c;

/// Opens the store at `path`, which exists and is up to date, to read beside whoever writes it.
pub(super) fn open_beside(path: &Path) -> Result<Connection, StoreError> {
    let place = Place::new(path)?;
    if !path.exists() {
        return Err(place.refuse("there is no such file: the daemon has not run with it yet"));
    }
    let explain = |error: rusqlite::Error| place.refused_by(&error);
    let connection = place.connect(Access::Read).map_err(explain)?;
    let version = identify(&connection, &place, MIGRATIONS.len())?;
    if version < MIGRATIONS.len() {
        return Err(place
            .refuse("an older tallylight wrote it; start the daemon once to bring it up to date"));
    }
    Ok(connection)
}

/// The schema version of a file, once it is known to be ours or empty.
///
/// Refuses a version beyond `known`, other programs' databases and what is no database. Reads only.
pub(super) fn identify(
    connection: &Connection,
    place: &Place,
    known: usize,
) -> Result<usize, StoreError> {
    let read = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let explain = |error| place.refused_by(&error);
    let version = read("PRAGMA user_version").map_err(explain)?;
    let application = read("PRAGMA application_id").map_err(explain)?;
    let objects = read("SELECT count(*) FROM sqlite_schema").map_err(explain)?;
    let is_new = version == 0 && application == 0 && objects == 0;
    if !is_new && application != i64::from(APPLICATION_ID) {
        return Err(place
            .refuse("it is the database of another program; name another file in [storage] url"));
    }
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        _ => Err(StoreError::Newer {
            path: place.shown(),
            found: version,
            known: i64::try_from(known).unwrap_or(i64::MAX),
        }),
    }
}

/// Takes the steps that a file at `version` lacks.
pub(super) fn run(
    connection: &mut Connection,
    place: &Place,
    version: usize,
    migrations: &[&str],
) -> Result<(), StoreError> {
    if version > 0 && version < migrations.len() {
        back_up(connection, place, version)?;
    }
    for (index, sql) in migrations.iter().enumerate().skip(version) {
        let number = index + 1;
        step(connection, number, sql).map_err(|error| {
            place.refuse(format!(
                "its schema could not be brought to version {number} and was left as it is: {error}"
            ))
        })?;
    }
    Ok(())
}

fn step(connection: &mut Connection, number: usize, sql: &str) -> rusqlite::Result<()> {
    // Only outside a transaction; a step may have to rebuild a table that others refer to.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(number).unwrap_or(0))?;
    crate::abort::point("migration.before_commit");
    transaction.commit()?;
    crate::abort::point("migration.after_commit");
    Ok(())
}

/// Copies the file to `NAME.vN.backup`, whole or not at all.
fn back_up(connection: &Connection, place: &Place, version: usize) -> Result<(), StoreError> {
    let target = place.beside(&format!(".v{version}.backup"));
    let unfinished = place.beside(&format!(".v{version}.backup.tmp"));
    copy(connection, &unfinished)
        .and_then(|()| put_in_place(&unfinished, &target).map_err(|error| error.to_string()))
        .map_err(|error| {
            place.refuse(format!(
                "it could not be copied to {} before its schema is changed: {error}",
                target.display()
            ))
        })
}

/// Renames so that a power cut cannot undo it.
fn put_in_place(unfinished: &Path, target: &Path) -> io::Result<()> {
    fs::rename(unfinished, target)?;
    match target.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn copy(connection: &Connection, target: &Path) -> Result<(), String> {
    create_private(target).map_err(|e| e.to_string())?;
    copy_into(connection, target)
}

/// Copies the file as of this moment into `target`, which is empty, and onto the disk.
pub(super) fn copy_into(connection: &Connection, target: &Path) -> Result<(), String> {
    // VACUUM INTO accepts an empty file, and keeps its mode.
    let name = target.to_str().ok_or("its name is not UTF-8")?;
    connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(|error| error.to_string())?;
    File::open(target)
        .and_then(|file| file.sync_all())
        .map_err(|error| error.to_string())
}
