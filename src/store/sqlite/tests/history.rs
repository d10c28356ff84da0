//! Streams and samples as rows, and the plans of the hot queries.

use super::{Dir, value};
use crate::domain::tracker::Visibility;
use crate::store::contract::stage::{Actor, at, due, settlement};
use crate::store::log::{DeliveryFilter, Status};
use crate::store::sqlite::{log, queue};
use crate::store::{Checkpoint, DeliveryId, Expired, Fate, Learnt, Store as _};

/// Room, announced, when first seen and when and why ended, of each stream.
type Row = (String, bool, i64, Option<i64>, Option<String>);

fn streams(dir: &Dir) -> Vec<Row> {
    let look = dir.look();
    let sql =
        "SELECT room, announced, first_seen_at, ended_at, end_reason FROM streams ORDER BY id";
    let mut statement = look.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn ended(room: &str, from: i64, to: i64, reason: &str) -> Row {
    let millis = |second| at(second).as_millis();
    let reason = Some(reason.to_owned());
    (
        room.to_owned(),
        true,
        millis(from),
        Some(millis(to)),
        reason,
    )
}

#[tokio::test]
async fn every_start_and_end_is_kept_also_of_a_room_that_came_back() {
    let dir = Dir::new();
    let store = dir.sqlite();
    let mut ada = Actor::new("ada", &["a"]);
    let changes = [
        ada.live(1, 10),
        ada.live(1, 20),
        ada.offline(30),
        ada.live(1, 40),
        ada.live(2, 50),
    ];
    for change in changes {
        // Stored twice, as after an unknown outcome: recorded once.
        store.commit(change.clone()).await.unwrap();
        store.commit(change).await.unwrap();
    }
    let found = streams(&dir);
    let open = ("2".to_owned(), true, at(50).as_millis(), None, None);
    let first = ended("1", 10, 30, "offline");
    let second = ended("1", 40, 47, "replaced");
    assert_eq!(found, [first, second, open]);

    let samples = "SELECT group_concat(stream || '@' || (at / 1000 - 1772217402) || ':' || viewers)
                   FROM (SELECT * FROM samples ORDER BY at)";
    let samples: String = value(&dir.look(), samples);
    assert_eq!(samples, "1@10:101,1@20:101,2@40:101,3@50:102");
    let peak: i64 = value(&dir.look(), "SELECT peak_viewers FROM streams WHERE id = 3");
    assert_eq!(peak, 102);
}

#[tokio::test]
async fn a_silent_stream_is_kept_and_flagged() {
    let dir = Dir::new();
    let store = dir.sqlite();
    let mut ada = Actor::new("ada", &["a"]);
    ada.rules.when_already_live = Visibility::Silent;
    let silent = [ada.live(1, 10), ada.offline(20)];
    assert!(silent.iter().all(|change| change.events.is_empty()));
    for change in silent {
        store.commit(change).await.unwrap();
    }
    let found = streams(&dir);
    assert_eq!(found.len(), 1);
    assert!(!found[0].1 && found[0].3.is_some());
}

#[tokio::test]
async fn attempts_are_numbered_and_their_answers_bounded() {
    let dir = Dir::new();
    let store = dir.sqlite();
    store
        .commit(Actor::new("ada", &["a"]).live(1, 10))
        .await
        .unwrap();
    for fate in [Fate::Retry(at(30)), Fate::Failed] {
        let head = due(&store, "a", 99).await.remove(0);
        let mut tried = settlement(&head, fate, 20);
        tried.attempt.as_mut().unwrap().answer = vec![b'x'; 100_000];
        store.settle(tried).await.unwrap();
    }
    let sql =
        "SELECT group_concat(number || ':' || length(answer) || ':' || status || ':' || error)
               FROM attempts";
    let log: String = value(&dir.look(), sql);
    assert_eq!(log, "1:4096:500:http_5xx,2:4096:500:http_5xx");
    let finished = "SELECT status || attempts || (finished_at > 0) FROM deliveries";
    assert_eq!(value::<String>(&dir.look(), finished), "failed21");
    let expired = Expired {
        history: at(10_000),
        streams: at(10_000),
    };
    store.prune(expired, 100).await.unwrap();
    assert_eq!(
        value::<i64>(&dir.look(), "SELECT count(*) FROM attempts"),
        0
    );
}

/// How SQLite goes about `sql`.
pub(super) fn plan(dir: &Dir, sql: &str, parameters: usize) -> String {
    let look = dir.look();
    let mut statement = look.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; parameters];
    let rows = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| {
            row.get::<_, String>(3)
        })
        .unwrap();
    rows.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn whose_turn_it_is_is_read_off_an_index_in_its_order() {
    let dir = Dir::new();
    drop(dir.sqlite());
    let due = plan(&dir, queue::DUE, 3);
    assert!(
        due.contains("USING INDEX deliveries_due (webhook=? AND due_at<?)"),
        "{due}"
    );
    assert!(
        !due.contains("TEMP B-TREE") && !due.contains("SCAN"),
        "{due}"
    );
    let next = plan(&dir, queue::NEXT_DUE_AT, 1);
    assert!(next.contains("deliveries_due (webhook=?)"), "{next}");
    let promote = plan(&dir, queue::PROMOTE, 2);
    assert!(
        promote.contains("deliveries_pending (webhook=? AND line=?)"),
        "{promote}"
    );
    assert!(!promote.contains("SCAN"), "{promote}");
}

#[test]
fn a_page_of_deliveries_is_read_off_an_index_in_its_order() {
    let dir = Dir::new();
    drop(dir.sqlite());
    let of = |webhook: bool, status: bool, creator: bool| DeliveryFilter {
        webhook: webhook.then(|| "a".to_owned()),
        statuses: status.then_some(Status::Failed).into_iter().collect(),
        creator: creator.then(|| "ada".parse().unwrap()),
        before: Some(DeliveryId(9)),
        ..DeliveryFilter::default()
    };
    for (filter, entered) in [
        (
            of(true, false, false),
            "deliveries_webhook (webhook=? AND rowid<?)",
        ),
        (
            of(true, true, false),
            "deliveries_webhook_status (webhook=? AND status=? AND rowid<?)",
        ),
        (
            of(false, true, false),
            "deliveries_status (status=? AND rowid<?)",
        ),
        (
            of(false, false, true),
            "deliveries_line (line=? AND rowid<?)",
        ),
        (of(false, false, false), "INTEGER PRIMARY KEY (rowid<?)"),
    ] {
        let (sql, values) = log::statement(&filter, "DESC", 100);
        let plan = plan(&dir, &sql, values.len());
        assert!(plan.contains(entered), "{filter:?}: {plan}");
        assert!(
            !plan.contains("TEMP B-TREE") && !plan.contains("SCAN"),
            "{plan}"
        );
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "this test measures how long a start takes"
)]
async fn a_hundred_thousand_creators_are_loaded_whole() {
    let dir = Dir::new();
    let store = dir.sqlite();
    let known = |n: i64| Learnt {
        username: format!("creator_{n}").parse().unwrap(),
        first_poll_at: Some(at(n)),
        last_answer_at: Some(at(n + 1)),
        next_poll_at: Some(at(n + 2)),
        learning: None,
    };
    store
        .checkpoint(Checkpoint {
            creators: (0..100_000).map(known).collect(),
            ..Checkpoint::default()
        })
        .await
        .unwrap();
    let before = std::time::Instant::now();
    let creators = store.load().await.unwrap().creators;
    let took = before.elapsed();
    assert_eq!(creators.len(), 100_000);
    // Far above what it takes, far below what would be noticed at a start: it must not be quadratic.
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    println!("loaded 100,000 creators in {took:?}");
}
