//! The writer: grouping, one failing operation, a commit that fails.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{oneshot, watch};

use super::{Dir, value};
use crate::domain::EventId;
use crate::store::contract::stage::{Actor, at, due, webhook};
use crate::store::sqlite::file::Place;
use crate::store::sqlite::migrate::MIGRATIONS;
use crate::store::sqlite::prepared;
use crate::store::sqlite::writer::{Effect, Job, Operation, Writer};
use crate::store::{Change, Checkpoint, Store as _, StoreError};

type Answer = oneshot::Receiver<Result<Effect, StoreError>>;

/// A writer without its thread, and who would hear of deliveries.
fn writer(dir: &Dir) -> (Writer, watch::Receiver<u64>) {
    let place = Place::new(&dir.file()).unwrap();
    let lock = place.lock().unwrap();
    let outbox = watch::Sender::new(0);
    let heard = outbox.subscribe();
    let writer = Writer {
        connection: prepared(&place, MIGRATIONS).unwrap(),
        lock,
        committed: Arc::new(AtomicU64::new(0)),
        outbox,
    };
    (writer, heard)
}

fn jobs(changes: Vec<Change>) -> (Vec<Job>, Vec<Answer>) {
    let job = |change| {
        let (reply, answer) = oneshot::channel();
        let operation = Operation::Commit(Box::new(change));
        (Job { operation, reply }, answer)
    };
    changes.into_iter().map(job).unzip()
}

fn starts(names: &[&str]) -> Vec<Change> {
    let start = |name: &&str| Actor::new(name, &["a"]).live(1, 10);
    names.iter().map(start).collect()
}

#[tokio::test]
async fn a_thousand_changes_at_once_share_a_few_commits() {
    let dir = Dir::new();
    let store = dir.sqlite();
    let commits = (0..1_000).map(|n| {
        let start = Actor::new(&format!("creator_{n}"), &["a"]).live(1, n);
        store.commit(start)
    });
    let results = join_all(commits).await;
    assert!(results.into_iter().all(|result| result.is_ok()));
    let all = store.due(&webhook("a"), at(9_999), 2_000).await.unwrap();
    assert_eq!(all.len(), 1_000);
    let writes = store.writes_committed();
    println!("1,000 changes in {writes} commits");
    assert!((1..=250).contains(&writes), "{writes} commits");
}

#[tokio::test]
async fn reading_and_an_empty_checkpoint_write_nothing() {
    let dir = Dir::new();
    let store = dir.sqlite();
    store.load().await.unwrap();
    store.checkpoint(Checkpoint::default()).await.unwrap();
    assert!(due(&store, "a", 1).await.is_empty());
    store.next_due_at(&webhook("a")).await.unwrap();
    assert_eq!(store.writes_committed(), 0);
    store.commit(starts(&["ada"]).remove(0)).await.unwrap();
    assert_eq!(store.writes_committed(), 1);
}

#[tokio::test]
async fn an_operation_that_fails_fails_alone() {
    let dir = Dir::new();
    let (writer, heard) = writer(&dir);
    let mut changes = starts(&["ada", "bob", "cleo"]);
    // Another event in the place of ada's start: it fails after its creator's row was written.
    let mut stolen = changes[0].events[0].clone();
    stolen.event.id = EventId::from_stored("evt_stolen".to_owned());
    changes[1].events.push(stolen);
    let (mut batch, answers) = jobs(changes);
    writer.write(&mut batch);

    let mut results = Vec::new();
    for answer in answers {
        results.push(answer.await.unwrap().is_ok());
    }
    assert_eq!(results, [true, false, true]);
    let known = "SELECT group_concat(username) FROM creators";
    assert_eq!(value::<String>(&dir.look(), known), "ada,cleo");
    assert_eq!(*heard.borrow(), 1);
}

#[tokio::test]
async fn if_the_commit_fails_all_are_told_and_nothing_is_stored() {
    let dir = Dir::new();
    let (mut writer, heard) = writer(&dir);
    writer.connection.commit_hook(Some(|| true)).unwrap();
    let changes = starts(&["ada", "bob"]);
    let (mut batch, answers) = jobs(changes.clone());
    writer.write(&mut batch);
    for answer in answers {
        let result = answer.await.unwrap();
        assert!(
            matches!(
                result,
                Err(StoreError::Failed {
                    doing: "store a change",
                    ..
                })
            ),
            "{result:?}"
        );
    }
    let rows = "SELECT (SELECT count(*) FROM creators) + (SELECT count(*) FROM events)";
    assert_eq!(value::<i64>(&dir.look(), rows), 0);
    assert_eq!(*heard.borrow(), 0);

    writer.connection.commit_hook(None::<fn() -> bool>).unwrap();
    let (mut batch, answers) = jobs(changes);
    writer.write(&mut batch);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(value::<i64>(&dir.look(), rows), 4);
}

#[tokio::test]
async fn a_full_disk_fails_the_batch_and_is_survived() {
    let dir = Dir::new();
    let (writer, _) = writer(&dir);
    let limit = |pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        value::<i64>(&writer.connection, &sql)
    };
    let pages = value::<i64>(&writer.connection, "PRAGMA page_count");
    limit(pages);
    let names: Vec<String> = (0..200).map(|n| format!("creator_{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut batch, answers) = jobs(starts(&names));
    writer.write(&mut batch);
    let mut failed = 0;
    let mut stored = 0;
    for answer in answers {
        match answer.await.unwrap() {
            Ok(_) => stored += 1,
            Err(StoreError::Failed { .. }) => failed += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(failed > 0, "the limit was never met");
    let known = "SELECT count(*) FROM creators";
    assert_eq!(value::<i64>(&dir.look(), known), stored);
    assert_eq!(
        value::<i64>(&dir.look(), "SELECT count(*) FROM events"),
        stored
    );

    limit(1_000_000);
    let (mut batch, mut answers) = jobs(starts(&["ada"]));
    writer.write(&mut batch);
    answers.remove(0).await.unwrap().unwrap();
}

#[tokio::test]
async fn while_somebody_else_holds_the_file_writes_fail_and_then_go_on() {
    let dir = Dir::new();
    let (writer, _) = writer(&dir);
    writer.connection.busy_timeout(Duration::ZERO).unwrap();
    let other = dir.look();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut batch, mut answers) = jobs(starts(&["ada"]));
    writer.write(&mut batch);
    let result = answers.remove(0).await.unwrap();
    assert!(
        matches!(result, Err(StoreError::Failed { .. })),
        "{result:?}"
    );

    other.execute_batch("ROLLBACK").unwrap();
    let (mut batch, mut answers) = jobs(starts(&["ada"]));
    writer.write(&mut batch);
    answers.remove(0).await.unwrap().unwrap();
}
