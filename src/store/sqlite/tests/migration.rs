//! Schema versions: forward in steps, with a copy before; a failing step leaves the file alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{Dir, value};
use crate::store::contract::stage::Actor;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::migrate::MIGRATIONS;
use crate::store::{Store as _, StoreError};

const SECOND: &str = "ALTER TABLE creators ADD COLUMN note TEXT; CREATE TABLE more (x TEXT) STRICT";
const FAILING: &str = "ALTER TABLE creators ADD COLUMN note TEXT; DELETE FROM events;
                       INSERT INTO nowhere VALUES (1)";

fn with(step: &'static str) -> Vec<&'static str> {
    [MIGRATIONS, &[step]].concat()
}

/// A store of the present version in which ada went live.
async fn filled() -> Dir {
    let dir = Dir::new();
    let store = dir.sqlite();
    store
        .commit(Actor::new("ada", &["a"]).live(1, 1))
        .await
        .unwrap();
    store.close().await.unwrap();
    dir
}

fn backup(dir: &Dir, version: usize) -> PathBuf {
    dir.0
        .path()
        .join(format!("tallylight.db.v{version}.backup"))
}

/// Schema and content that a step might change.
fn content(connection: &Connection) -> (i64, String, String) {
    let schema = "SELECT group_concat(sql, ';' ORDER BY name) FROM sqlite_schema";
    let events = "SELECT group_concat(event_id || body) FROM events";
    (
        value(connection, "PRAGMA user_version"),
        value(connection, schema),
        value(connection, events),
    )
}

#[tokio::test]
async fn a_newer_program_takes_the_step_and_keeps_a_copy_of_what_was() {
    let dir = filled().await;
    let before = content(&dir.look());
    let now = MIGRATIONS.len();
    drop(Sqlite::open_with(&dir.file(), &with(SECOND)).unwrap());

    let after = content(&dir.look());
    assert_eq!(after.0, before.0 + 1);
    assert_eq!(after.2, before.2);
    assert_eq!(value::<i64>(&dir.look(), "SELECT count(*) FROM more"), 0);
    let copy = backup(&dir, now);
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(content(&Connection::open(&copy).unwrap()), before);
    // The copy is a store that the old program opens.
    drop(Sqlite::open(&copy).unwrap());

    // Nothing left to do, nothing copied.
    fs::remove_file(&copy).unwrap();
    drop(Sqlite::open_with(&dir.file(), &with(SECOND)).unwrap());
    assert!(!copy.exists());
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_file_as_it_was() {
    let dir = filled().await;
    let before = content(&dir.look());
    let error = Sqlite::open_with(&dir.file(), &with(FAILING)).unwrap_err();
    let number = (MIGRATIONS.len() + 1).to_string();
    let told = error.to_string();
    assert!(matches!(error, StoreError::Open { .. }), "{told}");
    assert!(
        told.contains(&format!("version {number}")) && told.contains("nowhere"),
        "{told}"
    );
    assert_eq!(content(&dir.look()), before);

    // The old program goes on with it, and a mended step is taken over the copy of the failed one.
    drop(dir.sqlite());
    drop(Sqlite::open_with(&dir.file(), &with(SECOND)).unwrap());
    let names: Vec<_> = fs::read_dir(dir.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|name| name.contains(".tmp")), "{names:?}");
}

#[test]
fn a_new_store_is_made_without_a_copy() {
    let dir = Dir::new();
    drop(Sqlite::open_with(&dir.file(), &with(SECOND)).unwrap());
    assert_eq!(
        usize::try_from(content_version(&dir)).unwrap(),
        MIGRATIONS.len() + 1
    );
    assert!(!backup(&dir, 0).exists() && !backup(&dir, 1).exists());
}

fn content_version(dir: &Dir) -> i64 {
    value(&dir.look(), "PRAGMA user_version")
}

#[test]
fn a_newer_file_is_refused_naming_both_versions_and_left_alone() {
    let dir = Dir::new();
    drop(Sqlite::open_with(&dir.file(), &with(SECOND)).unwrap());
    let before = fs::read(dir.file()).unwrap();
    let error = Sqlite::open(&dir.file()).unwrap_err();
    let known = i64::try_from(MIGRATIONS.len()).unwrap();
    let StoreError::Newer {
        path,
        found,
        known: latest,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((*found, *latest), (known + 1, known));
    assert_eq!(*path, dir.file().display().to_string());
    assert_eq!(fs::read(dir.file()).unwrap(), before);
}
