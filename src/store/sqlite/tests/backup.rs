//! Copies of a store that is being written to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use rusqlite::Connection;

use super::{Dir, value};
use crate::store::contract::stage::Actor;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::backup::{Existing, back_up};
use crate::store::{Store as _, StoreError};

fn names(dir: &Dir) -> Vec<String> {
    let entries = fs::read_dir(dir.0.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // What a reader of a write-ahead log leaves beside it, and the next daemon clears away.
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

/// What a transaction keeps together, and a copy of two moments would tear apart.
fn assert_consistent(copy: &Path) -> i64 {
    let copy = Connection::open(copy).unwrap();
    let torn = "SELECT count(*) FROM creators c
        WHERE sequence <> (SELECT max(sequence) FROM events WHERE creator = c.username)
           OR sequence <> (SELECT count(*) FROM events WHERE creator = c.username)
           OR (phase = 'live') <> (sequence % 2 = 1)
           OR (phase = 'live') <> EXISTS (SELECT 1 FROM streams
                WHERE creator = c.username AND ended_at IS NULL)";
    assert_eq!(value::<i64>(&copy, torn), 0);
    let undelivered = "SELECT count(*) FROM events e
        WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE event = e.id)";
    assert_eq!(value::<i64>(&copy, undelivered), 0);
    value(&copy, "SELECT count(*) FROM events")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_amid_commits_is_of_one_moment() {
    let dir = Dir::new();
    let store = Arc::new(dir.sqlite());
    let stop = AtomicBool::new(false);
    let load = async {
        let mut actors: Vec<_> = (0..200)
            .map(|n| Actor::new(&format!("c_{n}"), &["a"]))
            .collect();
        let mut round = 0;
        while !stop.load(Ordering::Relaxed) {
            round += 1;
            let changes = actors.iter_mut().map(|actor| match round % 2 {
                1 => actor.live(u64::try_from(round).unwrap(), round * 10),
                _ => actor.offline(round * 10),
            });
            let commits = changes
                .map(|change| store.commit(change))
                .collect::<Vec<_>>();
            assert!(join_all(commits).await.iter().all(Result::is_ok));
        }
        round * 200
    };
    let copies = async {
        let mut events = Vec::new();
        while events.len() < 8 {
            let (from, to) = (
                dir.file(),
                dir.0.path().join(format!("copy_{}", events.len())),
            );
            let copied = tokio::task::spawn_blocking(move || {
                back_up(&from, &to, Existing::Keep).unwrap();
                assert_consistent(&to)
            });
            match copied.await.unwrap() {
                // The first commits are not through yet.
                0 => fs::remove_file(dir.0.path().join(format!("copy_{}", events.len()))).unwrap(),
                found => events.push(found),
            }
        }
        stop.store(true, Ordering::Relaxed);
        events
    };
    let (committed, events) = tokio::join!(load, copies);
    assert!(events.is_sorted() && events[0] < events[7], "{events:?}");
    assert!(events[7] <= committed);

    // A copy is a store: a daemon goes on with it.
    let copy = dir.0.path().join("copy_7");
    let mode = fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let restored = Sqlite::open(&copy).unwrap();
    assert_eq!(restored.installation(), store.installation());
    assert_eq!(restored.load().await.unwrap().creators.len(), 200);
}

#[test]
fn a_file_that_exists_stays_unless_it_may_be_replaced() {
    let dir = Dir::new();
    drop(dir.sqlite());
    let taken = dir.0.path().join("taken");
    fs::write(&taken, "precious").unwrap();
    let before = names(&dir);
    let error = back_up(&dir.file(), &taken, Existing::Keep).unwrap_err();
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(fs::read(&taken).unwrap(), b"precious");
    assert_eq!(names(&dir), before);
    back_up(&dir.file(), &taken, Existing::Replace).unwrap();
    assert_eq!(assert_consistent(&taken), 0);
    assert_eq!(names(&dir), before);
}

#[test]
fn the_store_itself_is_never_replaced() {
    let dir = Dir::new();
    let _running = dir.sqlite();
    let before = names(&dir);
    let link = dir.0.path().join("link");
    std::os::unix::fs::symlink(dir.file(), &link).unwrap();
    let own = [
        "tallylight.db",
        "tallylight.db-wal",
        "tallylight.db.lock",
        "link",
    ];
    for name in own {
        let to = dir.0.path().join(name);
        let error = back_up(&dir.file(), &to, Existing::Replace).unwrap_err();
        assert!(error.to_string().contains("the store itself"), "{error}");
    }
    fs::remove_file(&link).unwrap();
    assert_eq!(names(&dir), before);
}

#[test]
fn a_damaged_store_gives_no_copy() {
    let dir = Dir::new();
    drop(dir.sqlite());
    // A row of one table that breaks a rule which only a check of the copy finds.
    let outside = dir.look();
    outside
        .execute_batch("PRAGMA foreign_keys = off; INSERT INTO samples VALUES (77, 1, 1)")
        .unwrap();
    drop(outside);
    let before = names(&dir);
    let error = back_up(&dir.file(), &dir.0.path().join("copy"), Existing::Keep).unwrap_err();
    assert!(
        matches!(&error, StoreError::Backup { reason, .. } if reason.contains("damaged")),
        "{error}"
    );
    assert_eq!(names(&dir), before);
}
