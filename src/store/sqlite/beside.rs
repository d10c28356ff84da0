//! Reading a store's file beside whoever has it: no lock is taken, nothing is written.

use std::path::Path;

use rusqlite::Connection;

use super::file::{Access, Place};
use super::load;
use super::migrate::{self, MIGRATIONS};
use crate::store::{PastStream, Snapshot, StoreError};

/// What a daemon that starts now would find in the file at `path`; `None` if there is no file.
///
/// Blocks. A daemon may run beside it.
pub fn known(path: &Path) -> Result<Option<(Snapshot, Vec<PastStream>)>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = open(path)?;
    let read = |connection: &Connection| {
        // Both as of one moment.
        let view = connection.unchecked_transaction()?;
        let known = (load::load_in(&view)?, load::past_streams(&view)?);
        view.finish()?;
        Ok(known)
    };
    read(&connection)
        .map(Some)
        .map_err(|fault: super::fault::Fault| fault.into_error("read what is known"))
}

/// Opens the file at `path`, which exists and is up to date, for reading.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let place = Place::new(path)?;
    if !path.exists() {
        return Err(place.refuse("there is no such file: the daemon has not run with it yet"));
    }
    let explain = |error: rusqlite::Error| place.refused_by(&error);
    let connection = place.connect(Access::Read).map_err(explain)?;
    let version = migrate::identify(&connection, &place, MIGRATIONS.len())?;
    if version < MIGRATIONS.len() {
        return Err(place
            .refuse("an older tallylight wrote it; start the daemon once to bring it up to date"));
    }
    Ok(connection)
}
