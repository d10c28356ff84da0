//! The contract on SQLite, and what only SQLite has to prove.

mod backup;
mod batch;
mod crash;
mod file;
mod history;
mod migration;
mod pages;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;

use super::Sqlite;
use crate::store::Store;
use crate::store::contract::{Ground, contract};
use crate::store::history::History;

/// A file in a directory of its own.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("tallylight.db")
    }

    fn sqlite(&self) -> Sqlite {
        Sqlite::open(&self.file()).unwrap()
    }

    /// A look at the file from outside.
    fn look(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

#[async_trait]
impl Ground for Dir {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.sqlite())
    }

    async fn open_with_history(&self) -> (Arc<dyn Store>, Arc<dyn History>) {
        let store = Arc::new(self.sqlite());
        (Arc::clone(&store) as Arc<dyn Store>, store)
    }
}

/// The one value that `sql` gives.
fn value<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

contract!(Dir::new);
