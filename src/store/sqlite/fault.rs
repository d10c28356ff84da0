//! What goes wrong between a statement and its caller.
//!
//! Statements fail with rusqlite's errors, checks of ours with [`StoreError`]; [`Fault`] lets
//! both travel by `?` until the edge of an operation, which knows what was being done.

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// A failed statement, or a refusal of ours.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database said no.
    Sql(rusqlite::Error),
    /// We did.
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// The error for the caller who wanted to do `doing`.
    pub(super) fn into_error(self, doing: &'static str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sql(error) if is_damage(&error) => {
                StoreError::Corrupt(format!("damaged pages ({error}): restore a backup"))
            }
            Self::Sql(error) => StoreError::Failed {
                doing,
                reason: error.to_string(),
            },
        }
    }
}

/// Whether the file itself is broken, so that trying again cannot help.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}
