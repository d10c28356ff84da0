//! Processes that die at named points, and what is left of what they were doing.
//!
//! The tests run this test binary again as [`the_process_that_dies`], which aborts where
//! `TALLYLIGHT_ABORT_AT` says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::{Dir, value};
use crate::store::contract::stage::{Actor, at, due, settlement};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::migrate::MIGRATIONS;
use crate::store::{ABORT_POINTS, Checkpoint, Fate, Learnt, Store as _, StoreError};

const PATH: &str = "TALLYLIGHT_TEST_STORE";
const DOING: &str = "TALLYLIGHT_TEST_DOING";

fn child(dir: &Dir, doing: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("store::sqlite::tests::crash::the_process_that_dies")
        .env(PATH, dir.file())
        .env(DOING, doing)
        .stdin(Stdio::piped());
    command
}

/// Runs a child that does `doing` and dies at `point`.
fn dies(dir: &Dir, doing: &str, point: &str) {
    let mut command = child(dir, doing);
    command.env("TALLYLIGHT_ABORT_AT", point);
    let Output { status, stderr, .. } = command.output().unwrap();
    // By abort, not by a failed assertion.
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(signal, Some(6), "{doing} at {point}: {status} {said}");
}

#[tokio::test]
#[ignore = "run by the other tests of this file as a process that dies"]
async fn the_process_that_dies() {
    let Some(path) = std::env::var_os(PATH) else {
        return;
    };
    let path = Path::new(&path);
    match std::env::var(DOING).unwrap().as_str() {
        "migrate" => drop(Sqlite::open_with(path, &migrations())),
        "hold" => hold(path),
        doing => write(&Sqlite::open(path).unwrap(), doing).await,
    }
}

fn migrations() -> Vec<&'static str> {
    [MIGRATIONS, &["CREATE TABLE more (x TEXT) STRICT"]].concat()
}

fn hold(path: &Path) {
    let store = Sqlite::open(path).unwrap();
    println!("\nholding");
    std::io::stdout().flush().unwrap();
    // Until its parent kills it.
    std::io::stdin()
        .lock()
        .read_line(&mut String::new())
        .unwrap();
    drop(store);
}

async fn write(store: &Sqlite, doing: &str) {
    match doing {
        "start" => store.commit(ada().live(1, 10)).await.unwrap(),
        "settle" => {
            let head = due(store, "a", 99).await.remove(0);
            let done = settlement(&head, Fate::Delivered, 30);
            store.settle(done).await.unwrap();
        }
        "checkpoint" => store.checkpoint(quiet()).await.unwrap(),
        other => panic!("{other}"),
    }
}

fn ada() -> Actor {
    Actor::new("ada", &["a", "b"])
}

fn quiet() -> Checkpoint {
    let zoe = Learnt {
        username: "zoe".parse().unwrap(),
        first_poll_at: None,
        last_answer_at: Some(at(5)),
        next_poll_at: None,
        learning: None,
    };
    Checkpoint {
        creators: vec![zoe],
        ..Checkpoint::default()
    }
}

/// Rows of state, events and deliveries.
fn rows(dir: &Dir) -> [i64; 3] {
    ["creators", "events", "deliveries"]
        .map(|table| value(&dir.look(), &format!("SELECT count(*) FROM {table}")))
}

#[test]
fn a_transition_is_stored_whole_or_not_at_all() {
    for point in ["transition.before_commit", "batch.between_operations"] {
        let dir = Dir::new();
        dies(&dir, "start", point);
        drop(dir.sqlite());
        assert_eq!(rows(&dir), [0, 0, 0], "{point}");
        // And again, as the daemon would after its restart: once.
        dies(&dir, "start", "transition.after_commit");
        dies(&dir, "start", "transition.after_commit");
        drop(dir.sqlite());
        assert_eq!(rows(&dir), [1, 1, 2]);
    }
}

#[tokio::test]
async fn a_settlement_is_stored_whole_or_not_at_all() {
    let dir = Dir::new();
    let store = dir.sqlite();
    let mut ada = ada();
    store.commit(ada.live(1, 10)).await.unwrap();
    store.commit(ada.offline(20)).await.unwrap();
    drop(store);
    let heads = "SELECT group_concat(id || status || attempts) FROM
                 (SELECT * FROM deliveries WHERE webhook = 'a' AND (head = 1 OR attempts > 0) ORDER BY id)";
    dies(&dir, "settle", "settle.before_commit");
    drop(dir.sqlite());
    assert_eq!(value::<String>(&dir.look(), heads), "1pending0");
    dies(&dir, "settle", "settle.after_commit");
    drop(dir.sqlite());
    assert_eq!(value::<String>(&dir.look(), heads), "1delivered1,3pending0");
}

#[test]
fn a_checkpoint_is_stored_whole_or_not_at_all() {
    let dir = Dir::new();
    dies(&dir, "checkpoint", "checkpoint.before_commit");
    drop(dir.sqlite());
    assert_eq!(rows(&dir)[0], 0);
    dies(&dir, "checkpoint", "checkpoint.after_commit");
    drop(dir.sqlite());
    assert_eq!(rows(&dir)[0], 1);
}

#[tokio::test]
async fn a_schema_step_is_taken_whole_or_not_at_all() {
    let dir = Dir::new();
    let store = dir.sqlite();
    store.commit(ada().live(1, 10)).await.unwrap();
    drop(store);
    let version = || value::<i64>(&dir.look(), "PRAGMA user_version");
    dies(&dir, "migrate", "migration.before_commit");
    let now = i64::try_from(super::super::migrate::MIGRATIONS.len()).unwrap();
    assert_eq!(version(), now);
    drop(dir.sqlite());
    dies(&dir, "migrate", "migration.after_commit");
    assert_eq!(version(), now + 1);
    drop(Sqlite::open_with(&dir.file(), &migrations()).unwrap());
    assert_eq!(rows(&dir), [1, 1, 2]);
}

#[test]
fn a_store_that_dies_while_it_is_made_can_be_made_again() {
    for point in ["migration.before_commit", "migration.after_commit"] {
        let dir = Dir::new();
        dies(&dir, "start", point);
        let store = dir.sqlite();
        drop(store);
        assert_eq!(rows(&dir), [0, 0, 0]);
    }
}

#[test]
fn every_abort_point_is_tried_by_a_test() {
    let this = include_str!("crash.rs");
    for point in ABORT_POINTS {
        assert!(this.contains(&format!("\"{point}\"")), "{point}");
    }
}

/// Waits until the child has the file.
fn holding(dir: &Dir) -> Child {
    let mut child = child(dir, "hold").stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let says = |line: std::io::Result<String>| line.unwrap() == "holding";
    assert!(output.lines().any(says), "the child never opened the file");
    child
}

#[test]
fn another_process_is_named_and_a_killed_one_is_no_obstacle() {
    let dir = Dir::new();
    let mut child = holding(&dir);
    let error = Sqlite::open(&dir.file()).unwrap_err();
    let number = child.id().to_string();
    let StoreError::Locked { holder, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*holder, number);
    assert!(error.to_string().contains(&format!("process {number}")));

    child.kill().unwrap();
    child.wait().unwrap();
    let lock = dir.0.path().join("tallylight.db.lock");
    assert_eq!(
        std::fs::read_to_string(lock).unwrap(),
        number,
        "its lock file is still there"
    );
    drop(dir.sqlite());
}
