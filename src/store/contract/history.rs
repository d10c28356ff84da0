//! Promises about the past: pages, filters, and that nothing of it is lost between two of them.

use std::sync::Arc;
use std::time::Duration;

use super::Ground;
use super::stage::{Actor, at, degraded_event, due, settlement, told};
use crate::domain::tracker::{Audience, EndReason, Visibility};
use crate::domain::{EventType, RoomId};
use crate::store::history::{
    BeganBy, Cursor, EventQuery, History, Look, MAX_PAGE, Order, Page, PollMark, SampleQuery,
    SamplesOf, StreamQuery, StreamRecord, StreamState,
};
use crate::store::log::{DeliveryFilter, Status};
use crate::store::{
    Change, Checkpoint, Delivery, DeliveryId, Fate, Learnt, PollLog, Store, StoreError,
};

/// A store in which each of the changes is committed.
async fn filled(ground: &impl Ground, changes: Vec<Change>) -> (Arc<dyn Store>, Arc<dyn History>) {
    let (store, history) = ground.open_with_history().await;
    for change in changes {
        store.commit(change).await.unwrap();
    }
    (store, history)
}

async fn streams(history: &dyn History, query: StreamQuery) -> Page<StreamRecord> {
    history.streams(query).await.unwrap()
}

fn rooms(streams: &[StreamRecord]) -> Vec<u64> {
    let number = |stream: &StreamRecord| stream.room.as_ref().unwrap().number().unwrap();
    streams.iter().map(number).collect()
}

/// All pages of `query`, with something done between any two of them.
async fn walk(history: &dyn History, query: StreamQuery, between: &mut dyn Between) -> Vec<u64> {
    let (mut found, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        // Through its text, as a caller over HTTP hands it back.
        let after_text = after.map(|cursor| cursor.to_string().parse().unwrap());
        let page = streams(
            history,
            StreamQuery {
                after: after_text,
                ..query.clone()
            },
        )
        .await;
        assert!(!page.rows.is_empty() && page.rows.len() <= query.limit);
        found.extend(rooms(&page.rows));
        after = page.next;
        if after.is_none() {
            return found;
        }
        between.happens().await;
    }
}

#[async_trait::async_trait]
trait Between: Send {
    async fn happens(&mut self);
}

pub(crate) async fn a_stream_is_told_with_all_that_is_known_of_it(ground: &impl Ground) {
    let mut ada = Actor::new("ada", &[]);
    let changes = vec![ada.live(7, 10), ada.live(7, 20), ada.offline(30)];
    let mut bob = Actor::new("bob", &[]);
    bob.rules.when_already_live = Visibility::Silent;
    let mut silent = bob.live(8, 40);
    for transition in &mut silent.creator.as_mut().unwrap().transitions {
        transition.live.stream.started_at = None;
        transition.live.audience = Audience::default();
        transition.live.stream.viewers = None;
    }
    let (_store, history) = filled(ground, [changes, vec![silent]].concat()).await;
    let page = streams(
        &*history,
        StreamQuery {
            limit: 9,
            ..StreamQuery::default()
        },
    )
    .await;
    assert_eq!(page.next, None);
    let [running, ended] = &page.rows[..] else {
        panic!("{page:?}")
    };
    assert_eq!(ended.creator.as_str(), "ada");
    assert_eq!(
        ended.title.as_deref(),
        Some("so 'quoted' \u{202e} \"title\"\n\u{1f389}")
    );
    let times = (ended.began_at(), ended.first_seen_at, ended.last_seen_at);
    assert_eq!(times, (at(7), at(10), at(20)));
    assert_eq!(
        (ended.ended_at, ended.end_reason),
        (Some(at(30)), Some(EndReason::Offline))
    );
    assert_eq!(ended.duration(), Some(Duration::from_secs(23)));
    assert_eq!(ended.detection_delay(), Some(Duration::from_secs(3)));
    assert_eq!(ended.began_by(), BeganBy::ItsOwnWord);
    assert_eq!(
        (ended.peak_viewers, ended.average_viewers),
        (Some(107), Some(107))
    );
    assert_eq!((ended.samples, ended.views), (2, Some(7)));
    assert_eq!(ended.visibility, Visibility::Announced);

    assert_eq!((running.ended_at, running.duration()), (None, None));
    assert_eq!(
        (running.began_at(), running.began_by()),
        (at(40), BeganBy::FirstSeen)
    );
    assert_eq!((running.peak_viewers, running.samples), (None, 0));
    assert_eq!(running.detection_delay(), None);
    assert!(running.already_live && !running.resumed);
    assert_eq!(running.visibility, Visibility::Silent);
}

/// Adds a stream at each end of time, of a creator of its own.
struct NewOnes(Arc<dyn Store>, i64);

#[async_trait::async_trait]
impl Between for NewOnes {
    async fn happens(&mut self) {
        self.1 += 1;
        for second in [10_000 + self.1, -10_000 - self.1] {
            let mut other = Actor::new(&format!("new_{}_{}", self.1, second.unsigned_abs()), &[]);
            self.0.commit(other.live(999, second)).await.unwrap();
        }
    }
}

pub(crate) async fn pages_neither_repeat_nor_skip_while_streams_are_added(ground: &impl Ground) {
    // Four at each second: a page ends in the midst of those that began together.
    let start = |n: u64| Actor::new(&format!("c_{n}"), &[]).live(n, i64::try_from(n / 4).unwrap());
    let (store, history) = filled(ground, (0..23).map(start).collect()).await;
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let query = StreamQuery {
            order,
            limit: 3,
            ..StreamQuery::default()
        };
        let mut between = NewOnes(
            Arc::clone(&store),
            if order == Order::NewestFirst { 0 } else { 500 },
        );
        let mut found = walk(&*history, query, &mut between).await;
        assert!(between.1 % 500 >= 7, "{} pages", between.1);
        found.retain(|room| *room != 999);
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert_eq!(found, (0..23).collect::<Vec<_>>(), "{order:?}");
    }
}

pub(crate) async fn streams_are_chosen_by_creator_time_and_whether_they_run(ground: &impl Ground) {
    let (mut ada, mut bob) = (Actor::new("ada", &[]), Actor::new("bob", &[]));
    let changes = vec![
        ada.live(1, 10),
        ada.offline(20),
        bob.live(2, 30),
        ada.live(3, 40),
        bob.offline(50),
        bob.live(4, 60),
    ];
    let (_store, history) = filled(ground, changes).await;
    let all = StreamQuery {
        limit: 9,
        ..StreamQuery::default()
    };
    let of = |query| async { rooms(&streams(&*history, query).await.rows) };
    assert_eq!(of(all.clone()).await, [4, 3, 2, 1]);
    let ada = Some("ada".parse().unwrap());
    assert_eq!(
        of(StreamQuery {
            creator: ada.clone(),
            ..all.clone()
        })
        .await,
        [3, 1]
    );
    // They began three seconds before they were seen; the first bound is in, the last is out.
    let within = StreamQuery {
        since: Some(at(27)),
        until: Some(at(57)),
        ..all.clone()
    };
    assert_eq!(of(within.clone()).await, [3, 2]);
    assert_eq!(
        of(StreamQuery {
            creator: ada.clone(),
            ..within
        })
        .await,
        [3]
    );
    let running = StreamQuery {
        state: StreamState::Running,
        ..all.clone()
    };
    assert_eq!(of(running.clone()).await, [4, 3]);
    assert_eq!(
        of(StreamQuery {
            creator: ada,
            ..running
        })
        .await,
        [3]
    );
    let nobody = StreamQuery {
        creator: Some("nobody".parse().unwrap()),
        ..all
    };
    assert!(of(nobody).await.is_empty());
}

pub(crate) async fn a_room_that_came_back_has_two_streams(ground: &impl Ground) {
    let mut ada = Actor::new("ada", &[]);
    let changes = vec![
        ada.live(1, 10),
        ada.offline(20),
        ada.live(1, 30),
        ada.live(2, 40),
    ];
    let (_store, history) = filled(ground, changes).await;
    let found = history.room(&RoomId::new("1").unwrap()).await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|s| (s.first_seen_at, s.end_reason))
        .collect();
    let expected = [
        (at(10), Some(EndReason::Offline)),
        (at(30), Some(EndReason::Replaced)),
    ];
    assert_eq!(seen, expected);
    assert!(
        history
            .room(&RoomId::new("77").unwrap())
            .await
            .unwrap()
            .is_empty()
    );
}

#[expect(clippy::too_many_lines, reason = "one stage, seen from every side")]
pub(crate) async fn samples_come_oldest_first_of_all_of_a_creator_and_of_a_stream(
    ground: &impl Ground,
) {
    let (mut ada, mut bob) = (Actor::new("ada", &[]), Actor::new("bob", &[]));
    let changes = vec![
        ada.live(1, 10),
        bob.live(2, 15),
        ada.live(1, 20),
        bob.live(2, 20),
        ada.offline(30),
        ada.live(3, 40),
        ada.live(3, 50),
    ];
    let (_store, history) = filled(ground, changes).await;
    let first = history.room(&RoomId::new("1").unwrap()).await.unwrap()[0].id;
    let second = |query: SampleQuery| {
        let history = Arc::clone(&history);
        async move {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = history
                    .samples(SampleQuery {
                        after,
                        ..query.clone()
                    })
                    .await
                    .unwrap();
                found.extend(page.rows.iter().map(|sample| {
                    let second = (sample.at.as_millis() - at(0).as_millis()) / 1000;
                    (sample.creator.to_string(), second, sample.viewers)
                }));
                after = page.next;
                if after.is_none() {
                    return found;
                }
            }
        }
    };
    let (a, b) = (
        |s, v| ("ada".to_owned(), s, v),
        |s, v| ("bob".to_owned(), s, v),
    );
    for limit in [1, 2, 100] {
        let of = |of| SampleQuery {
            of,
            limit,
            ..SampleQuery::default()
        };
        let all = second(of(SamplesOf::All)).await;
        let expected = [
            a(10, 101),
            b(15, 102),
            a(20, 101),
            b(20, 102),
            a(40, 103),
            a(50, 103),
        ];
        assert_eq!(all, expected, "{limit}");
        let adas = second(of(SamplesOf::Creator("ada".parse().unwrap()))).await;
        assert_eq!(adas, [a(10, 101), a(20, 101), a(40, 103), a(50, 103)]);
        let firsts = second(of(SamplesOf::Stream(first))).await;
        assert_eq!(firsts, [a(10, 101), a(20, 101)]);
        let within = SampleQuery {
            since: Some(at(20)),
            until: Some(at(50)),
            ..of(SamplesOf::Creator("ada".parse().unwrap()))
        };
        assert_eq!(second(within).await, [a(20, 101), a(40, 103)]);
    }
}

pub(crate) async fn events_come_newest_first_without_what_comes_by_the_thousand(
    ground: &impl Ground,
) {
    let (mut ada, mut bob) = (Actor::new("ada", &[]), Actor::new("bob", &[]));
    let changes = vec![
        ada.live(1, 10),
        told(degraded_event(15, &[])),
        ada.live(1, 20),
        bob.live(2, 30),
        ada.offline(40),
    ];
    let sampled = &changes[2].events;
    assert!(
        sampled
            .iter()
            .any(|o| o.event.kind == EventType::StreamSampled)
    );
    let (_store, history) = filled(ground, changes).await;
    let events = |query: EventQuery| {
        let history = Arc::clone(&history);
        async move {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let query = EventQuery {
                    after,
                    limit: 2,
                    ..query.clone()
                };
                let page = history.events(query).await.unwrap();
                found.extend(page.rows.iter().map(|event| {
                    let creator = event.creator.as_ref().map_or("-", |name| name.as_str());
                    (
                        format!("{creator} {}", event.kind),
                        event.sequence,
                        event.at,
                    )
                }));
                after = page.next;
                if after.is_none() {
                    return found;
                }
            }
        }
    };
    let line = |text: &str, sequence, second| (text.to_owned(), sequence, at(second));
    let ended = line("ada stream.ended", Some(2), 40);
    let started = line("ada stream.started", Some(1), 10);
    let all = [
        ended.clone(),
        line("bob stream.started", Some(1), 30),
        line("- monitor.degraded", None, 15),
        started.clone(),
    ];
    assert_eq!(events(EventQuery::default()).await, all);
    let of_ada = EventQuery {
        creator: Some("ada".parse().unwrap()),
        ..EventQuery::default()
    };
    assert_eq!(events(of_ada).await, [ended, started]);
}

pub(crate) async fn delays_leave_out_what_was_running_before(ground: &impl Ground) {
    let (mut ada, mut bob) = (Actor::new("ada", &[]), Actor::new("bob", &[]));
    // The room says that it began at that second.
    let began = |mut change: Change, room: u64, second: i64| {
        let room = RoomId::new(&room.to_string()).unwrap();
        let transitions = &mut change.creator.as_mut().unwrap().transitions;
        for live in transitions.iter_mut().map(|t| &mut t.live) {
            if live.stream.room == room {
                live.stream.started_at = Some(at(second));
            }
        }
        change
    };
    // The first one of each was running when it was first asked for.
    let changes = vec![
        ada.live(1, 10),
        ada.offline(20),
        began(ada.live(2, 100), 2, 70),
        bob.live(3, 110),
        began(ada.offline(120), 2, 70),
        began(ada.live(4, 200), 4, 155),
    ];
    let (_store, history) = filled(ground, changes).await;
    let name = "ada".parse().unwrap();
    let found = history.delays(Some(&name), 10).await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|d| (d.noticed_at, d.delay.as_secs()))
        .collect();
    assert_eq!(seen, [(at(200), 45), (at(100), 30)]);
    assert_eq!(history.delays(None, 1).await.unwrap(), found[..1]);
    let bob = "bob".parse().unwrap();
    assert!(history.delays(Some(&bob), 10).await.unwrap().is_empty());
}

pub(crate) async fn the_latest_polls_are_kept_and_no_more(ground: &impl Ground) {
    let (store, history) = ground.open_with_history().await;
    // Every byte value occurs, those that are no UTF-8 among them.
    let mark = |n: i64| {
        let look = [Look::Unclear, Look::Offline, Look::Live][usize::try_from(n % 3).unwrap()];
        PollMark::new(at(n * 60 * 97), look)
    };
    let checkpoint = |from: i64, to: i64| Checkpoint {
        creators: vec![Learnt {
            username: "ada".parse().unwrap(),
            first_poll_at: None,
            last_answer_at: None,
            next_poll_at: None,
            learning: None,
        }],
        polls: PollLog {
            keep: 300,
            polled: ["ada", "unknown"]
                .map(|name| (name.parse().unwrap(), (from..to).map(mark).collect()))
                .to_vec(),
        },
        ..Checkpoint::default()
    };
    let ada = "ada".parse().unwrap();
    assert_eq!(history.polls(&ada).await.unwrap(), []);
    for (from, to) in [(0, 3), (3, 4), (4, 290)] {
        store.checkpoint(checkpoint(from, to)).await.unwrap();
        let kept: Vec<_> = (0..to).map(mark).collect();
        assert_eq!(history.polls(&ada).await.unwrap(), kept);
    }
    for (from, to) in [(290, 310), (310, 2_000)] {
        store.checkpoint(checkpoint(from, to)).await.unwrap();
        let kept: Vec<_> = (to - 300..to).map(mark).collect();
        assert_eq!(history.polls(&ada).await.unwrap(), kept);
    }
    assert_eq!(
        history.polls(&"unknown".parse().unwrap()).await.unwrap(),
        []
    );
}

/// A store with four ended deliveries of ada to `a`, and their numbers.
async fn delivered(ground: &impl Ground) -> (Arc<dyn Store>, Arc<dyn History>, Vec<DeliveryId>) {
    let mut ada = Actor::new("ada", &["a"]);
    let changes = vec![
        ada.live(1, 10),
        ada.offline(20),
        ada.live(2, 30),
        ada.offline(40),
    ];
    let (store, history) = filled(ground, changes).await;
    let mut numbers = Vec::new();
    while let Some(head) = due(&*store, "a", 99).await.pop() {
        numbers.push(head.id);
        store
            .settle(settlement(&head, Fate::Failed, 50))
            .await
            .unwrap();
    }
    assert_eq!(numbers.len(), 4);
    (store, history, numbers)
}

pub(crate) async fn deliveries_are_paged_newest_first_and_shown_whole(ground: &impl Ground) {
    let (_store, history, mut numbers) = delivered(ground).await;
    numbers.reverse();
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let filter = DeliveryFilter {
            statuses: vec![Status::Failed],
            before,
            ..DeliveryFilter::default()
        };
        let page = history.deliveries(filter, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        found.extend(page.iter().map(|record| record.id));
    }
    assert_eq!(found, numbers);
    let detail = history.delivery(numbers[0]).await.unwrap().unwrap();
    assert_eq!(detail.record.kind, EventType::StreamEnded);
    assert!(detail.body.contains("stream.ended"));
    assert_eq!(detail.attempts.len(), 1);
    assert_eq!(detail.attempts[0].answer, b"\xff not UTF-8");
    assert_eq!(history.delivery(DeliveryId(i64::MAX)).await.unwrap(), None);
}

pub(crate) async fn what_is_pending_is_counted_for_each_webhook(ground: &impl Ground) {
    let mut ada = Actor::new("ada", &["a", "b"]);
    let (store, history) = filled(ground, vec![ada.live(1, 10), ada.offline(20)]).await;
    let head: Delivery = due(&*store, "a", 99).await.remove(0);
    store
        .settle(settlement(&head, Fate::Delivered, 50))
        .await
        .unwrap();
    let found = history.backlogs().await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|b| (&*b.webhook, b.pending, b.oldest_event_at))
        .collect();
    assert_eq!(found, [("a", 1, at(20)), ("b", 2, at(10))]);
}

pub(crate) async fn a_page_has_a_bound_of_its_own(ground: &impl Ground) {
    let names = 0..MAX_PAGE + 1;
    let start = |n| Actor::new(&format!("c_{n}"), &[]).live(1, 10);
    let (store, history) = ground.open_with_history().await;
    let commits = names.map(|n| store.commit(start(n)));
    for result in futures_util::future::join_all(commits).await {
        result.unwrap();
    }
    for (asked, given) in [(usize::MAX, MAX_PAGE), (0, 1)] {
        let query = StreamQuery {
            limit: asked,
            ..StreamQuery::default()
        };
        let page = streams(&*history, query).await;
        assert_eq!(page.rows.len(), given);
        assert!(page.next.is_some());
    }
    store.close().await.unwrap();
    let closed = history.backlogs().await.unwrap_err();
    assert!(matches!(closed, StoreError::Closed), "{closed:?}");
}
