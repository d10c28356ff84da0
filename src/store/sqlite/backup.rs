//! A copy of a store that a daemon goes on writing to.
//!
//! One read transaction sees one moment, whatever is committed meanwhile. The copy takes its
//! name only once it is whole, checked and on the disk; until then it has another, and goes
//! when it fails.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use super::file::Place;
use super::migrate;
use crate::store::StoreError;

/// What becomes of a file that has the copy's name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the copy is refused.
    Keep,
    /// The copy takes its place.
    Replace,
}

/// Copies the store at `from` to `to`, readable by its owner alone; the bytes of the copy.
///
/// Blocks; takes no lock, so a daemon may run. Fails with [`StoreError::Backup`] if the copy
/// cannot be made, and leaves no part of it.
pub fn back_up(from: &Path, to: &Path, existing: Existing) -> Result<u64, StoreError> {
    let source = migrate::open_beside(from)?;
    let refuse = |reason: String| StoreError::Backup {
        path: to.display().to_string(),
        reason,
    };
    let target = target(from, to, existing).map_err(refuse)?;
    // In the same directory, so that taking the name is one step; 0600 from the start.
    let directory = target.parent().unwrap_or(Path::new("."));
    let unfinished = NamedTempFile::new_in(directory)
        .map_err(|error| refuse(format!("a file beside it cannot be created: {error}")))?;
    migrate::copy_into(&source, unfinished.path()).map_err(refuse)?;
    check(unfinished.path()).map_err(refuse)?;
    let file = put_in_place(unfinished, &target, existing).map_err(refuse)?;
    let bytes = file.metadata().and_then(|about| {
        // The name too survives a power cut.
        File::open(directory)?.sync_all()?;
        Ok(about.len())
    });
    bytes.map_err(|error| refuse(error.to_string()))
}

/// Where the copy goes, unless that would destroy something.
fn target(from: &Path, to: &Path, existing: Existing) -> Result<PathBuf, String> {
    let place = Place::new(to).map_err(|error| match error {
        StoreError::Open { reason, .. } => reason,
        other => other.to_string(),
    })?;
    let target = place.beside("");
    let source = Place::new(from).map_err(|error| error.to_string())?;
    if source.owns(&place) {
        return Err("it belongs to the store itself; name another file".to_owned());
    }
    if existing == Existing::Keep && target.symlink_metadata().is_ok() {
        return Err(taken());
    }
    Ok(target)
}

fn taken() -> String {
    "there is such a file already; name another one, or replace it with --force".to_owned()
}

/// Whether every page of the copy is whole and every row's reference leads somewhere.
fn check(copy: &Path) -> Result<(), String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = Connection::open_with_flags(copy, flags).and_then(|copy| {
        let whole: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        let loose = "SELECT count(*) FROM pragma_foreign_key_check";
        Ok((
            whole,
            copy.query_row(loose, [], |row| row.get::<_, i64>(0))?,
        ))
    });
    match found {
        Ok((whole, 0)) if whole == "ok" => Ok(()),
        Ok((whole, loose)) => Err(format!(
            "the copy is damaged, and so is the store, most likely: {whole}; {loose} rows refer to nothing"
        )),
        Err(error) => Err(format!("the copy cannot be checked: {error}")),
    }
}

fn put_in_place(
    unfinished: NamedTempFile,
    target: &Path,
    existing: Existing,
) -> Result<File, String> {
    let placed = match existing {
        Existing::Keep => unfinished.persist_noclobber(target),
        Existing::Replace => unfinished.persist(target),
    };
    placed.map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => error.error.to_string(),
    })
}
