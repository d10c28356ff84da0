//! Promises about what is known of creators and of the monitor.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::Ground;
use super::stage::{Actor, at, degraded_event, due, named, settlement, told, webhook};
use crate::domain::EventId;
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::Phase;
use crate::store::{Change, Checkpoint, Fate, Learnt, Spending, Store, StoreError, StoredCreator};

async fn creators(store: &dyn Store) -> Vec<StoredCreator> {
    let mut creators = store.load().await.unwrap().creators;
    creators.sort_by(|a, b| a.username.cmp(&b.username));
    creators
}

pub(crate) async fn what_is_committed_is_known_after_a_restart(ground: &impl Ground) {
    let mut ada = Actor::new("ada", &["a"]);
    let mut bob = Actor::new("bob", &["a"]);
    let store = ground.open().await;
    assert!(creators(&*store).await.is_empty());
    for change in [ada.live(1, 10), ada.offline(20), ada.live(2, 30)] {
        store.commit(change).await.unwrap();
    }
    store.commit(bob.offline(40)).await.unwrap();
    store.close().await.unwrap();

    let store = ground.open().await;
    assert!(ada.row.state.live().is_some() && ada.row.state.last_end.is_some());
    assert_eq!(ada.row.state.sequence, 3);
    assert_eq!(creators(&*store).await, [ada.row, bob.row]);
    assert_eq!(named(&due(&*store, "a", 99).await), ["ada stream.started"]);
}

pub(crate) async fn a_store_has_one_installation_id_for_life(ground: &impl Ground) {
    let store = ground.open().await;
    let id = store.installation().clone();
    assert_eq!(id.as_str().len(), 32);
    store.close().await.unwrap();
    assert_eq!(*ground.open().await.installation(), id);
}

/// A start of `ada` under another id than the one it is known by.
fn under_another_id(change: &Change) -> Change {
    let mut other = change.clone();
    let event = &mut other.events[0].event;
    event.id = EventId::from_stored("evt_another".to_owned());
    other
}

pub(crate) async fn a_change_that_fails_stores_nothing_of_itself(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    let start = ada.live(1, 10);
    store.commit(start.clone()).await.unwrap();
    let before = store.load().await.unwrap();

    let mut bad = Actor::new("bob", &["b"]).live(5, 20);
    bad.degraded = Some(BTreeMap::from([(DegradedReason::MassFlip, at(20))]));
    bad.events.push(under_another_id(&start).events.remove(0));
    let error = store.commit(bad).await.unwrap_err();

    let StoreError::Corrupt(reason) = &error else {
        panic!("{error:?}")
    };
    let known = start.events[0].event.id.as_str();
    assert!(
        reason.contains("number 1 of ada") && reason.contains(known),
        "{reason}"
    );
    let after = store.load().await.unwrap();
    assert_eq!(after.creators, before.creators);
    assert_eq!(after.degraded, before.degraded);
    assert!(due(&*store, "b", 99).await.is_empty());
    assert_eq!(due(&*store, "a", 99).await.len(), 1);
}

pub(crate) async fn the_same_change_twice_is_stored_once(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a", "b"]);
    let start = ada.live(1, 10);
    store.commit(start.clone()).await.unwrap();
    store.commit(start.clone()).await.unwrap();
    let settled = due(&*store, "a", 99).await.remove(0);
    let done = settlement(&settled, Fate::Delivered, 11);
    store.settle(done).await.unwrap();
    store.commit(start).await.unwrap();

    assert!(due(&*store, "a", 99).await.is_empty());
    assert_eq!(due(&*store, "b", 99).await.len(), 1);
    assert_eq!(creators(&*store).await, [ada.row]);
}

pub(crate) async fn a_creator_never_goes_back(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    let (start, end) = (ada.live(1, 10), ada.offline(20));
    store.commit(start.clone()).await.unwrap();
    store.commit(end).await.unwrap();
    let error = store.commit(start).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(creators(&*store).await, [ada.row]);
}

pub(crate) async fn a_checkpoint_touches_times_alone(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    store.commit(ada.live(1, 10)).await.unwrap();
    let checkpoint = |name: &str, first, last, next| Learnt {
        username: name.parse().unwrap(),
        first_poll_at: first,
        last_answer_at: last,
        next_poll_at: next,
        learning: None,
    };
    let of = |creators| Checkpoint {
        creators,
        ..Checkpoint::default()
    };
    let new = checkpoint("zoe", Some(at(1)), None, Some(at(500)));
    let known = checkpoint("ada", Some(at(99)), Some(at(40)), Some(at(340)));
    store.checkpoint(of(vec![known, new])).await.unwrap();
    // Made before the last one and arriving after it; it plans nothing.
    let late = checkpoint("ada", None, Some(at(30)), None);
    store.checkpoint(of(vec![late])).await.unwrap();
    store.checkpoint(of(Vec::new())).await.unwrap();

    let found = creators(&*store).await;
    ada.row.state.last_answer_at = Some(at(40));
    ada.row.next_poll_at = Some(at(340));
    assert_eq!(found[0], ada.row);
    assert_eq!(found[1].state.phase, Phase::Unknown);
    assert_eq!(found[1].state.first_poll_at, Some(at(1)));
    assert_eq!(found[1].state.last_answer_at, None);
    assert_eq!(found[1].next_poll_at, Some(at(500)));
}

pub(crate) async fn learning_and_spending_come_back_and_no_transition_touches_them(
    ground: &impl Ground,
) {
    let store = ground.open().await;
    let learnt = |learning: Option<&str>| Learnt {
        username: "ada".parse().unwrap(),
        first_poll_at: None,
        last_answer_at: None,
        next_poll_at: None,
        learning: learning.map(str::to_owned),
    };
    let month = |period, credits| Spending {
        period: at(period),
        credits,
    };
    let first = Checkpoint {
        creators: vec![learnt(Some("{\"hits\":1}"))],
        population: Some("{}".to_owned()),
        sweeps: Some("[1]".to_owned()),
        spending: vec![month(0, 7), month(30, 1)],
        ..Checkpoint::default()
    };
    store.checkpoint(first).await.unwrap();
    let second = Checkpoint {
        creators: vec![learnt(None)],
        spending: vec![month(30, 2)],
        ..Checkpoint::default()
    };
    store.checkpoint(second).await.unwrap();
    let mut ada = Actor::new("ada", &["a"]);
    store.commit(ada.live(1, 10)).await.unwrap();
    let found = store.load().await.unwrap();
    assert_eq!(
        found.learning,
        [("ada".parse().unwrap(), "{\"hits\":1}".to_owned())]
    );
    assert_eq!(found.population.as_deref(), Some("{}"));
    assert_eq!(found.sweeps.as_deref(), Some("[1]"));
    assert_eq!(found.spending, [month(0, 7), month(30, 2)]);
}

pub(crate) async fn past_streams_come_back_in_order_of_their_start(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &[]);
    let mut zoe = Actor::new("zoe", &[]);
    for change in [zoe.live(2, 20), ada.live(1, 10), ada.offline(30)] {
        store.commit(change).await.unwrap();
    }
    let streams = store.past_streams().await.unwrap();
    let [first, second] = &streams[..] else {
        panic!("{streams:?}")
    };
    assert_eq!(
        (first.creator.as_str(), first.ended_at),
        ("ada", Some(at(30)))
    );
    assert_eq!((second.creator.as_str(), second.ended_at), ("zoe", None));
    assert!(first.began_at < second.began_at);
}

pub(crate) async fn degraded_reasons_are_replaced_as_a_whole(ground: &impl Ground) {
    let store = ground.open().await;
    let all = [
        DegradedReason::SourceFailing,
        DegradedReason::KeyRefused,
        DegradedReason::CreditsExhausted,
        DegradedReason::MassFlip,
        DegradedReason::FallingBehind,
    ];
    let since = (0..).zip(all).map(|(n, reason)| (reason, at(n)));
    let reasons: BTreeMap<_, _> = since.collect();
    let set = |degraded| Change {
        degraded: Some(degraded),
        ..told(degraded_event(1, &["a"]))
    };
    store.commit(set(reasons.clone())).await.unwrap();
    assert_eq!(store.load().await.unwrap().degraded, reasons);
    store.commit(Change::default()).await.unwrap();
    assert_eq!(store.load().await.unwrap().degraded, reasons);
    store.commit(set(BTreeMap::new())).await.unwrap();
    assert!(store.load().await.unwrap().degraded.is_empty());
}

pub(crate) async fn a_closed_store_says_so(ground: &impl Ground) {
    let store = ground.open().await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let written = store.commit(told(degraded_event(1, &["a"]))).await;
    assert!(matches!(written, Err(StoreError::Closed)), "{written:?}");
    assert!(matches!(store.load().await, Err(StoreError::Closed)));
}

pub(crate) async fn what_was_accepted_before_the_end_is_written(ground: &impl Ground) {
    let store = ground.open().await;
    let names: Vec<String> = (0..300).map(|n| format!("creator_{n:03}")).collect();
    let starts = names
        .iter()
        .map(|name| store.commit(Actor::new(name, &["a"]).live(1, 10)));
    let (results, closed) = futures_util::join!(join_all(starts), store.close());
    closed.unwrap();

    let mut acknowledged = Vec::new();
    for (name, result) in names.iter().zip(results) {
        match result {
            Ok(()) => acknowledged.push(name.as_str()),
            Err(error) => assert!(matches!(error, StoreError::Closed), "{error:?}"),
        }
    }
    assert!(!acknowledged.is_empty());
    let store = ground.open().await;
    let found = creators(&*store).await;
    let found: Vec<&str> = found.iter().map(|row| row.username.as_str()).collect();
    assert_eq!(found, acknowledged);
    let due = store.due(&webhook("a"), at(99), 1_000).await.unwrap();
    assert_eq!(due.len(), acknowledged.len());
}
