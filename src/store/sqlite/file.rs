//! The file itself: whether it can be used, who has it, who may read it.
//!
//! Every refusal is a sentence that a person can act on. What we create is readable by its
//! owner alone, since bodies and answers may hold secrets. The lock is a file of its own
//! beside the store, held open: it dies with the process, so a stale one is no obstacle.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::StoreError;

/// How long a statement waits for somebody else's lock, for example a person's `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection keeps prepared; there are about thirty.
const PREPARED: usize = 64;

/// Where a store is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As the person wrote it.
    given: PathBuf,
    /// With links resolved, so that two names of one file share one lock.
    file: PathBuf,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    Read,
    Write,
}

impl Place {
    /// Looks at the path without creating anything.
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let mut place = Self {
            given: path.to_owned(),
            file: path.to_owned(),
        };
        if path.is_dir() {
            return Err(place.refuse("it is a directory; name a file in it"));
        }
        let Some(name) = path.file_name() else {
            return Err(place.refuse("it names no file"));
        };
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let directory = parent.unwrap_or(Path::new("."));
        let resolved = directory.canonicalize().map_err(|error| {
            place.refuse(format!(
                "its directory {} cannot be reached ({error}); create it first",
                directory.display()
            ))
        })?;
        place.file = resolved.join(name);
        if let Ok(target) = place.file.canonicalize() {
            place.file = target;
        }
        Ok(place)
    }

    /// The path as the person wrote it.
    pub(super) fn shown(&self) -> String {
        self.given.display().to_string()
    }

    /// The store's path with `suffix` added to its name.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    /// Whether `other` is this store, or one of the files beside it that it lives by.
    pub(super) fn owns(&self, other: &Self) -> bool {
        ["", "-wal", "-shm", ".lock"]
            .iter()
            .any(|suffix| self.beside(suffix) == other.file)
    }

    /// Why this place will not do.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Open {
            path: self.shown(),
            reason: reason.into(),
        }
    }

    /// What a failure while opening means to a person.
    pub(super) fn refused_by(&self, error: &rusqlite::Error) -> StoreError {
        self.refuse(match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                "it is not a SQLite database; move it away, or name another file in [storage] url"
                    .to_owned()
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                format!("it is damaged ({error}); restore a backup")
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another program is using it; close it first".to_owned()
            }
            _ => error.to_string(),
        })
    }

    /// Takes the lock, or says who has it. It is held until the file is dropped.
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        let path = self.beside(".lock");
        let mut file = self.open_private(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.locked(&mut file)),
            Err(TryLockError::Error(error)) => {
                return Err(self.refuse(format!("{} cannot be locked: {error}", path.display())));
            }
        }
        let sign = |mut file: &File| {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())
        };
        sign(&file).map_err(|error| self.refuse(unwritable(&path, &error)))?;
        Ok(file)
    }

    fn locked(&self, file: &mut File) -> StoreError {
        let mut text = String::new();
        // Its holder may be about to write its number; then it stays unknown.
        let number = file.take(20).read_to_string(&mut text).ok();
        let number = number.and_then(|_| text.trim().parse::<u32>().ok());
        StoreError::Locked {
            path: self.shown(),
            holder: number.map_or_else(|| "unknown".to_owned(), |n| n.to_string()),
        }
    }

    /// Creates the file if it is missing; refuses one that cannot be written.
    pub(super) fn claim(&self) -> Result<(), StoreError> {
        self.open_private(&self.file.clone()).map(drop)
    }

    fn open_private(&self, path: &Path) -> Result<File, StoreError> {
        let opened = private().create(true).truncate(false).open(path);
        opened.map_err(|error| self.refuse(unwritable(path, &error)))
    }

    /// Opens one connection to the file, which exists.
    pub(super) fn connect(&self, access: Access) -> rusqlite::Result<Connection> {
        let mode = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(connection)
    }
}

/// Creates an empty file that only its owner may read, in place of what is there.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    private().create_new(true).open(path).map(drop)
}

/// Opens for reading and writing; what it creates belongs to its owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Why a file cannot be opened for writing, and what to do about it.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "{shown} may not be written ({error}); give it and its directory to the user that runs tallylight"
        ),
        ErrorKind::ReadOnlyFilesystem => {
            format!("{shown} lies on a file system that is mounted read-only")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("no space is left for {shown}")
        }
        _ => format!("{shown} cannot be opened for writing: {error}"),
    }
}
