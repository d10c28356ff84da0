//! Every page is read off an index in its order; and what that costs among a million rows.

use super::history::plan;
use super::{Dir, value};
use crate::store::Store as _;
use crate::store::contract::stage::at;
use crate::store::history::{
    Cursor, EventQuery, History as _, Order, SampleQuery, SamplesOf, StreamId, StreamQuery,
    StreamState,
};
use crate::store::sqlite::pages::{events, samples, streams};

const MIDST: Option<Cursor> = Some(Cursor {
    at: 1_772_217_402_000,
    number: 500_000,
});

fn assert_read_off(plan: &str, index: &str) {
    assert!(plan.contains(index), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn streams_are_read_off_an_index_in_their_order() {
    let dir = Dir::new();
    drop(dir.sqlite());
    let creator = Some("ada".parse().unwrap());
    let cases = [
        (None, StreamState::Any, "INDEX streams_began (<expr>"),
        (None, StreamState::Running, "INDEX streams_running (<expr>"),
        (
            creator,
            StreamState::Any,
            "INDEX streams_creator_began (creator=? AND <expr>",
        ),
    ];
    for (creator, state, index) in cases {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let query = StreamQuery {
                creator: creator.clone(),
                state,
                order,
                after: MIDST,
                limit: 100,
                ..StreamQuery::default()
            };
            let (sql, values) = streams::statement(&query);
            assert_read_off(&plan(&dir, &sql, values), index);
        }
    }
}

#[test]
fn samples_and_events_are_read_off_an_index_in_their_order() {
    let dir = Dir::new();
    drop(dir.sqlite());
    let cases = [
        (SamplesOf::All, "INDEX samples_at (at>?"),
        (
            SamplesOf::Creator("ada".parse().unwrap()),
            "SEARCH m USING PRIMARY KEY (stream=",
        ),
        (
            SamplesOf::Stream(StreamId(1)),
            "SEARCH m USING PRIMARY KEY (stream=?",
        ),
    ];
    for (of, index) in cases {
        let query = SampleQuery {
            of,
            after: MIDST,
            limit: 100,
            ..SampleQuery::default()
        };
        let (sql, values) = samples::statement(&query);
        assert_read_off(&plan(&dir, &sql, values.len()), index);
    }
    let cases = [
        (None, "INDEX events_told (at<?"),
        (
            Some("ada".parse().unwrap()),
            "INDEX events_creator_told (creator=? AND at<?",
        ),
    ];
    for (creator, index) in cases {
        let query = EventQuery {
            creator,
            after: MIDST,
            limit: 100,
        };
        let (sql, values) = events::statement(&query);
        assert_read_off(&plan(&dir, &sql, values.len()), index);
    }
}

/// A million streams of a thousand creators, as many samples, events and ended deliveries.
const MILLION: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
    INSERT INTO streams SELECT i, 'creator_' || (i % 1000), i, 1, 0, 0, 1768717402000 + i * 7000,
        1768717462000 + i * 7000, 1768721002000 + i * 7000, 1768721002000 + i * 7000, 'offline',
        'a title', 10, 5, 20 FROM n;
    INSERT INTO samples SELECT id, last_seen_at, 7 FROM streams;
    INSERT INTO events SELECT id, 'evt_' || id, CASE id % 10 WHEN 0 THEN 'stream.started'
        ELSE 'stream.sampled' END, creator, NULL, first_seen_at, '{}' FROM streams;
    INSERT INTO deliveries SELECT id, id, 'backend', creator,
        CASE WHEN id = 5 THEN 'failed' WHEN id % 100 = 0 THEN 'pending' ELSE 'delivered' END, 0, 1,
        at, CASE WHEN id % 100 = 0 AND id <> 5 THEN NULL ELSE at END FROM events";

#[tokio::test]
#[ignore = "fills a file with millions of rows; prints what a page costs"]
#[expect(
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "this test measures, one thing after the other"
)]
async fn a_page_costs_what_it_holds() {
    use crate::store::log::{DeliveryFilter, Status};
    let dir = Dir::new();
    drop(dir.sqlite());
    dir.look().execute_batch(MILLION).unwrap();
    assert_eq!(
        value::<i64>(&dir.look(), "SELECT count(*) FROM samples"),
        1_000_000
    );
    let store = dir.sqlite();
    let creator = Some("creator_7".parse().unwrap());
    let mut slowest = std::time::Duration::ZERO;
    let mut begun = std::time::Instant::now();
    let mut told = |what: &str, rows: usize| {
        let took = begun.elapsed();
        println!("{took:>12.1?} {what}, {rows} rows");
        slowest = slowest.max(took);
        begun = std::time::Instant::now();
    };
    for (creator, of) in [
        (None, SamplesOf::All),
        (
            creator.clone(),
            SamplesOf::Creator(creator.clone().unwrap()),
        ),
    ] {
        for after in [None, MIDST] {
            let query = StreamQuery {
                creator: creator.clone(),
                after,
                limit: 100,
                ..StreamQuery::default()
            };
            told(
                "streams",
                store.streams(query.clone()).await.unwrap().rows.len(),
            );
            let query = StreamQuery {
                state: StreamState::Running,
                ..query
            };
            told(
                "running streams",
                store.streams(query).await.unwrap().rows.len(),
            );
            let query = EventQuery {
                creator: creator.clone(),
                after,
                limit: 100,
            };
            told("events", store.events(query).await.unwrap().rows.len());
        }
        let query = SampleQuery {
            of,
            since: Some(at(0)),
            limit: 100,
            ..SampleQuery::default()
        };
        told("samples", store.samples(query).await.unwrap().rows.len());
        told(
            "delays",
            store.delays(creator.as_ref(), 100).await.unwrap().len(),
        );
    }
    for statuses in [
        vec![],
        vec![Status::Failed],
        vec![Status::Failed, Status::Expired],
        vec![Status::Pending],
    ] {
        let filter = DeliveryFilter {
            statuses: statuses.clone(),
            ..DeliveryFilter::default()
        };
        let found = store.deliveries(filter.clone(), 100).await.unwrap();
        told(&format!("deliveries {statuses:?}"), found.len());
        let filter = DeliveryFilter {
            webhook: Some("backend".to_owned()),
            ..filter
        };
        told(
            "the same of a webhook",
            store.deliveries(filter, 100).await.unwrap().len(),
        );
    }
    told("backlogs", store.backlogs().await.unwrap().len());
    let everything = crate::store::Expired {
        history: at(9_000_000),
        streams: at(9_000_000),
    };
    for _ in 0..10 {
        told("pruned", store.prune(everything, 100).await.unwrap());
    }
    assert!(slowest < std::time::Duration::from_secs(1), "{slowest:?}");
}
