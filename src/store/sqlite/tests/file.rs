//! Who may use the file, and what is said of a path that will not do.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::Connection;

use super::{Dir, value};
use crate::store::contract::stage::Actor;
use crate::store::sqlite::file::{Place, unwritable};
use crate::store::sqlite::migrate::MIGRATIONS;
use crate::store::sqlite::{Sqlite, prepared};
use crate::store::{Store as _, StoreError};

/// Why `path` is refused.
fn refusal(path: &Path) -> String {
    match Sqlite::open(path).unwrap_err() {
        StoreError::Open {
            path: named,
            reason,
        } => {
            assert_eq!(named, path.display().to_string());
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn two_daemons_on_one_file_refuse_each_other() {
    let dir = Dir::new();
    let store = dir.sqlite();
    let link = dir.0.path().join("link.db");
    std::os::unix::fs::symlink(dir.file(), &link).unwrap();
    for path in [dir.file(), link] {
        let error = Sqlite::open(&path).unwrap_err();
        let StoreError::Locked {
            path: named,
            holder,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*named, path.display().to_string());
        assert_eq!(*holder, std::process::id().to_string());
    }
    store.close().await.unwrap();
    drop(Sqlite::open(&dir.file()).unwrap());
    // Dropped without being closed, it is free all the same.
    drop(dir.sqlite());
}

#[test]
fn a_path_that_will_not_do_is_refused_with_a_sentence() {
    let dir = Dir::new();
    let inside = |name: &str| dir.0.path().join(name);
    assert!(refusal(dir.0.path()).contains("it is a directory"));
    let missing = refusal(&inside("missing/tallylight.db"));
    assert!(missing.contains("cannot be reached") && missing.contains("create it first"));
    assert!(!inside("missing").exists());
    fs::write(inside("file"), "").unwrap();
    let under_a_file = refusal(&inside("file/tallylight.db"));
    assert!(
        under_a_file.contains("cannot be opened for writing"),
        "{under_a_file}"
    );
}

#[test]
fn what_the_system_says_is_told_with_what_to_do() {
    let said = |kind: ErrorKind| unwritable(Path::new("/x/y.db"), &kind.into());
    let denied = said(ErrorKind::PermissionDenied);
    assert!(denied.contains("/x/y.db may not be written"), "{denied}");
    assert!(denied.contains("the user that runs tallylight"), "{denied}");
    assert!(said(ErrorKind::ReadOnlyFilesystem).contains("mounted read-only"));
    assert!(said(ErrorKind::StorageFull).contains("no space is left for /x/y.db"));
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let dir = Dir::new();
    let garbage = "dear diary, ".repeat(1_000);
    fs::write(dir.file(), &garbage).unwrap();
    assert!(refusal(&dir.file()).contains("not a SQLite database"));
    assert_eq!(fs::read_to_string(dir.file()).unwrap(), garbage);

    fs::remove_file(dir.file()).unwrap();
    dir.look()
        .execute_batch("CREATE TABLE recipes (cake TEXT)")
        .unwrap();
    let before = fs::read(dir.file()).unwrap();
    assert!(refusal(&dir.file()).contains("the database of another program"));
    assert_eq!(fs::read(dir.file()).unwrap(), before);
}

#[test]
fn an_empty_file_is_a_new_store() {
    let dir = Dir::new();
    fs::write(dir.file(), "").unwrap();
    drop(dir.sqlite());
    let version: i64 = value(&dir.look(), "PRAGMA user_version");
    assert_eq!(usize::try_from(version).unwrap(), MIGRATIONS.len());
}

#[tokio::test]
async fn what_is_created_belongs_to_its_owner_alone() {
    let dir = Dir::new();
    let store = dir.sqlite();
    store
        .commit(Actor::new("ada", &["a"]).live(1, 1))
        .await
        .unwrap();
    let mut modes = Vec::new();
    for entry in fs::read_dir(dir.0.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        modes.push((entry.file_name().into_string().unwrap(), mode));
    }
    modes.sort();
    let names =
        ["", "-shm", "-wal", ".lock"].map(|suffix| (format!("tallylight.db{suffix}"), 0o600));
    assert_eq!(modes, names);
}

#[tokio::test]
async fn a_closed_store_is_one_whole_file() {
    let dir = Dir::new();
    let store = dir.sqlite();
    store
        .commit(Actor::new("ada", &["a"]).live(1, 1))
        .await
        .unwrap();
    store.close().await.unwrap();
    let mut names: Vec<_> = fs::read_dir(dir.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["tallylight.db", "tallylight.db.lock"]);
    let copy = dir.0.path().join("copy.db");
    fs::copy(dir.file(), &copy).unwrap();
    let copy = Connection::open(copy).unwrap();
    assert_eq!(value::<i64>(&copy, "SELECT count(*) FROM deliveries"), 1);
    assert_eq!(value::<String>(&copy, "PRAGMA integrity_check"), "ok");
}

#[test]
fn connections_are_set_to_survive_a_power_cut() {
    let dir = Dir::new();
    let place = Place::new(&dir.file()).unwrap();
    let connection = prepared(&place, MIGRATIONS).unwrap();
    assert_eq!(value::<String>(&connection, "PRAGMA journal_mode"), "wal");
    assert_eq!(value::<i64>(&connection, "PRAGMA synchronous"), 2);
    assert_eq!(value::<i64>(&connection, "PRAGMA foreign_keys"), 1);
    assert_eq!(value::<i64>(&connection, "PRAGMA busy_timeout"), 5_000);
    let loose = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0
                 AND type = 'table' AND name NOT LIKE 'sqlite%'";
    assert_eq!(value::<i64>(&connection, loose), 0);
}
