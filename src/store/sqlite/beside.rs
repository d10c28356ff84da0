//! Reading a store's file beside whoever has it: no lock is taken, nothing is written.

use std::path::Path;

use rusqlite::Connection;

use super::load;
use super::migrate;
use crate::store::{PastStream, Snapshot, StoreError};

/// What a daemon that starts now would find in the file at `path`; `None` if there is no file.
///
/// Blocks. A daemon may run beside it.
pub fn known(path: &Path) -> Result<Option<(Snapshot, Vec<PastStream>)>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = migrate::open_beside(path)?;
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
