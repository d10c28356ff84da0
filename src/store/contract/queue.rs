//! Promises about deliveries: whose turn it is, what came of them, how they are forgotten.

use std::sync::Arc;

use super::Ground;
use super::stage::{Actor, at, degraded_event, due, named, settlement, told, webhook};
use crate::store::history::{Backlog, EventQuery, SampleQuery};
use crate::store::{DeliveryId, DisabledWebhook, Expired, Fate, Settlement, Store};

/// A store where `ada` and `bob` each went live and offline, heard by webhook `a`.
async fn two_evenings(ground: &impl Ground) -> Arc<dyn Store> {
    let store = ground.open().await;
    for (name, second) in [("ada", 10), ("bob", 20)] {
        let mut actor = Actor::new(name, &["a"]);
        store.commit(actor.live(1, second)).await.unwrap();
        store.commit(actor.offline(second + 100)).await.unwrap();
    }
    store
}

pub(crate) async fn a_body_comes_back_byte_for_byte(ground: &impl Ground) {
    let store = ground.open().await;
    let start = Actor::new("ada", &["a"]).live(1, 10);
    let event = start.events[0].event.clone();
    store.commit(start).await.unwrap();
    let found = due(&*store, "a", 99).await.remove(0);
    assert_eq!(found.body, event.body);
    assert_eq!((found.event, found.kind), (event.id, event.kind));
    assert_eq!((found.creator, found.event_at), (event.creator, event.at));
    assert_eq!((found.attempts, found.due_at), (0, event.at));
}

pub(crate) async fn one_delivery_of_a_line_is_due_at_a_time_the_oldest(ground: &impl Ground) {
    let store = two_evenings(ground).await;
    let first = due(&*store, "a", 999).await;
    assert_eq!(named(&first), ["ada stream.started", "bob stream.started"]);
    // Asked again, nothing has moved: asking is not taking.
    assert_eq!(due(&*store, "a", 999).await, first);
    let done = settlement(&first[1], Fate::Delivered, 200);
    store.settle(done).await.unwrap();
    let second = due(&*store, "a", 999).await;
    assert_eq!(named(&second), ["ada stream.started", "bob stream.ended"]);
}

pub(crate) async fn a_retry_blocks_its_own_line_alone(ground: &impl Ground) {
    let store = two_evenings(ground).await;
    let ada = due(&*store, "a", 999).await.remove(0);
    let later = settlement(&ada, Fate::Retry(at(5_000)), 200);
    store.settle(later).await.unwrap();
    assert_eq!(
        named(&due(&*store, "a", 4_999).await),
        ["bob stream.started"]
    );
    assert_eq!(
        store.next_due_at(&webhook("a")).await.unwrap(),
        Some(at(20))
    );
    let bob = due(&*store, "a", 4_999).await.remove(0);
    let done = settlement(&bob, Fate::Delivered, 300);
    store.settle(done).await.unwrap();
    let end = due(&*store, "a", 4_999).await.remove(0);
    let done = settlement(&end, Fate::Delivered, 301);
    store.settle(done).await.unwrap();

    assert!(due(&*store, "a", 4_999).await.is_empty());
    assert_eq!(
        store.next_due_at(&webhook("a")).await.unwrap(),
        Some(at(5_000))
    );
    let again = due(&*store, "a", 5_000).await;
    assert_eq!(named(&again), ["ada stream.started"]);
    assert_eq!((again[0].attempts, again[0].id), (1, ada.id));
}

pub(crate) async fn whatever_ends_a_delivery_moves_the_line_on(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    for (room, second) in [(1, 10), (2, 30), (3, 50)] {
        store.commit(ada.live(room, second)).await.unwrap();
        store.commit(ada.offline(second + 10)).await.unwrap();
    }
    let fates = [Fate::Delivered, Fate::Failed, Fate::Expired];
    let mut seen = Vec::new();
    for fate in fates.into_iter().chain(fates) {
        let mut heads = due(&*store, "a", 999).await;
        assert_eq!(heads.len(), 1, "after {seen:?}");
        let head = heads.remove(0);
        let attempt = settlement(&head, fate, 100).attempt;
        seen.push(head.event_at);
        let settled = Settlement {
            delivery: head.id,
            attempt: attempt.filter(|_| fate != Fate::Expired),
            fate,
            disable: None,
            url_hash: "hash".to_owned(),
            paused_until: None,
            alerts: Vec::new(),
        };
        store.settle(settled).await.unwrap();
    }
    assert_eq!(seen, [10, 20, 30, 40, 50, 60].map(at));
    assert!(due(&*store, "a", 999).await.is_empty());
    assert_eq!(store.next_due_at(&webhook("a")).await.unwrap(), None);
}

pub(crate) async fn the_monitors_own_events_stand_in_one_line(ground: &impl Ground) {
    let store = ground.open().await;
    for second in [1, 2] {
        let event = degraded_event(second, &["a", "b"]);
        store.commit(told(event)).await.unwrap();
    }
    let first = due(&*store, "a", 9).await;
    assert_eq!(named(&first), ["monitor monitor.degraded"]);
    assert_eq!(first[0].event_at, at(1));
    let later = settlement(&first[0], Fate::Retry(at(50)), 3);
    store.settle(later).await.unwrap();
    assert!(due(&*store, "a", 9).await.is_empty());
    assert_eq!(due(&*store, "b", 9).await.len(), 1);
}

pub(crate) async fn the_soonest_due_come_first_and_no_more_than_asked_for(ground: &impl Ground) {
    let store = ground.open().await;
    for (name, second) in [("cleo", 30), ("ada", 10), ("bob", 20), ("dan", 10)] {
        let start = Actor::new(name, &["a"]).live(1, second);
        store.commit(start).await.unwrap();
    }
    let started = |names: [&str; 2]| names.map(|name| format!("{name} stream.started"));
    let two = store.due(&webhook("a"), at(99), 2).await.unwrap();
    // Of two due at the same time, the one that was stored first.
    assert_eq!(named(&two), started(["ada", "dan"]));
    let by_twenty = due(&*store, "a", 20).await;
    assert_eq!(by_twenty.len(), 3);
    assert_eq!(
        store.next_due_at(&webhook("a")).await.unwrap(),
        Some(at(10))
    );
    assert!(due(&*store, "a", 9).await.is_empty());
    assert!(due(&*store, "nobody", 99).await.is_empty());
}

pub(crate) async fn a_second_settlement_changes_nothing(ground: &impl Ground) {
    let store = two_evenings(ground).await;
    let ada = due(&*store, "a", 999).await.remove(0);
    let done = settlement(&ada, Fate::Delivered, 200);
    store.settle(done.clone()).await.unwrap();
    let after = due(&*store, "a", 999).await;
    for fate in [Fate::Delivered, Fate::Failed, Fate::Retry(at(1))] {
        let mut again = Settlement {
            fate,
            ..done.clone()
        };
        again.disable = Some(disabled("a", 9, "hash"));
        store.settle(again).await.unwrap();
    }
    let unknown = Settlement {
        delivery: DeliveryId(987_654),
        ..done
    };
    store.settle(unknown).await.unwrap();
    assert_eq!(due(&*store, "a", 999).await, after);
    assert!(store.disabled_webhooks().await.unwrap().is_empty());
}

fn disabled(id: &str, second: i64, url_hash: &str) -> DisabledWebhook {
    DisabledWebhook {
        webhook: webhook(id),
        since: at(second),
        url_hash: url_hash.to_owned(),
        reason: "it answered 410 Gone".to_owned(),
    }
}

pub(crate) async fn a_disabled_webhook_stays_so_until_it_is_enabled(ground: &impl Ground) {
    let store = two_evenings(ground).await;
    let heads = due(&*store, "a", 999).await;
    let gone = |n: usize, second, hash| Settlement {
        disable: Some(disabled("a", second, hash)),
        ..settlement(&heads[n], Fate::Retry(at(1_000)), second)
    };
    store.settle(gone(0, 200, "old")).await.unwrap();
    // The other attempt in flight hears the same; since when does not change.
    store.settle(gone(1, 201, "old")).await.unwrap();
    let known = store.disabled_webhooks().await.unwrap();
    assert_eq!(known, [disabled("a", 200, "old")]);
    // At another address it is another story.
    store.settle(gone(1, 300, "new")).await.unwrap();
    store.close().await.unwrap();

    let store = ground.open().await;
    let known = store.disabled_webhooks().await.unwrap();
    assert_eq!(known, [disabled("a", 300, "new")]);
    store.enable_webhook(&webhook("a")).await.unwrap();
    store.enable_webhook(&webhook("never seen")).await.unwrap();
    assert!(store.disabled_webhooks().await.unwrap().is_empty());
    assert_eq!(due(&*store, "a", 1_000).await.len(), 2);
}

pub(crate) async fn the_outbox_tells_of_new_and_promoted_deliveries_alone(ground: &impl Ground) {
    let store = ground.open().await;
    let mut outbox = store.outbox();
    let mut moved = || {
        let changed = outbox.has_changed().unwrap();
        outbox.mark_unchanged();
        changed
    };
    let mut ada = Actor::new("ada", &["a"]);
    let mut quiet = Actor::new("bob", &["a"]);
    store.commit(quiet.offline(5)).await.unwrap();
    store.commit(told(degraded_event(6, &[]))).await.unwrap();
    assert!(!moved(), "nobody subscribes");
    let start = ada.live(1, 10);
    store.commit(start.clone()).await.unwrap();
    assert!(moved(), "a new delivery");
    store.commit(start).await.unwrap();
    assert!(!moved(), "known already");
    store.commit(ada.offline(20)).await.unwrap();
    assert!(moved(), "a second one");
    let head = due(&*store, "a", 99).await.remove(0);
    let done = settlement(&head, Fate::Delivered, 30);
    store.settle(done.clone()).await.unwrap();
    assert!(moved(), "the second one moved up");
    store.settle(done).await.unwrap();
    assert!(!moved(), "settled before");
}

/// Settles whatever is due of webhook `a`, until nothing is.
async fn deliver_all(store: &dyn Store, second: i64) {
    while let Some(head) = due(store, "a", second).await.first() {
        let done = settlement(head, Fate::Delivered, second);
        store.settle(done).await.unwrap();
    }
}

/// Prunes in batches of `limit`; how many rows went, and in how many batches.
async fn prune_all(store: &dyn Store, second: i64, limit: usize) -> (usize, usize) {
    let (mut rows, mut batches) = (0, 0);
    loop {
        let expired = Expired {
            history: at(second),
            streams: at(second),
        };
        match store.prune(expired, limit).await.unwrap() {
            0 => return (rows, batches),
            some => {
                // Four tables, events from both ends.
                assert!(some <= 5 * limit, "{some} rows with a limit of {limit}");
                rows += some;
                batches += 1;
            }
        }
    }
}

pub(crate) async fn pruning_forgets_what_is_old_and_done(ground: &impl Ground) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    let event = degraded_event(1, &["a"]);
    store.commit(told(event.clone())).await.unwrap();
    for n in 0..10_i64 {
        store
            .commit(ada.live(1 + n.unsigned_abs(), 100 + n))
            .await
            .unwrap();
    }
    store.commit(ada.offline(200)).await.unwrap();
    deliver_all(&*store, 300).await;
    let before = store.load().await.unwrap().creators;

    assert_eq!(
        prune_all(&*store, 1, 3).await,
        (0, 0),
        "nothing is that old"
    );
    let (rows, batches) = prune_all(&*store, 400, 3).await;
    // 21 deliveries and 21 events, 10 streams and as many samples.
    assert_eq!((rows, batches), (62, 7));
    assert_eq!(store.load().await.unwrap().creators, before);
    // A forgotten event is a new one: the proof that its row went.
    store.commit(told(event)).await.unwrap();
    assert_eq!(due(&*store, "a", 999).await.len(), 1);
}

pub(crate) async fn pruning_never_takes_what_is_pending(ground: &impl Ground) {
    let store = two_evenings(ground).await;
    let mut cleo = Actor::new("cleo", &["a"]);
    store.commit(cleo.live(9, 30)).await.unwrap();
    let heads = due(&*store, "a", 999).await;
    let later = settlement(&heads[0], Fate::Retry(at(40)), 35);
    store.settle(later).await.unwrap();
    let before = due(&*store, "a", 999_999).await;
    let known = store.load().await.unwrap().creators;
    prune_all(&*store, 900_000, 100).await;

    assert_eq!(due(&*store, "a", 999_999).await, before);
    assert_eq!(store.load().await.unwrap().creators, known);
    deliver_all(&*store, 999_999).await;
    let ended = cleo.offline(950_000);
    store.commit(ended).await.unwrap();
    assert_eq!(
        named(&due(&*store, "a", 999_999).await),
        ["cleo stream.ended"]
    );
}

pub(crate) async fn what_waits_is_counted_for_each_webhook(ground: &impl Ground) {
    let (store, history) = ground.open_with_history().await;
    assert_eq!(history.backlogs().await.unwrap(), []);
    for (name, webhooks, second) in [("ada", vec!["a"], 10), ("bob", vec!["a", "b"], 20)] {
        let change = Actor::new(name, &webhooks).live(1, second);
        store.commit(change).await.unwrap();
    }
    let waits = |webhook: &str, pending, second| Backlog {
        webhook: webhook.into(),
        pending,
        oldest_event_at: at(second),
    };
    let both = [waits("a", 2, 10), waits("b", 1, 20)];
    assert_eq!(history.backlogs().await.unwrap(), both);
    let heads = due(&*store, "a", 999).await;
    let later = settlement(&heads[0], Fate::Retry(at(900)), 40);
    store.settle(later).await.unwrap();
    assert_eq!(history.backlogs().await.unwrap(), both);
    let done = settlement(&heads[0], Fate::Delivered, 41);
    store.settle(done).await.unwrap();
    let left = [waits("a", 1, 20), waits("b", 1, 20)];
    assert_eq!(history.backlogs().await.unwrap(), left);
    deliver_all(&*store, 999_999).await;
    assert_eq!(history.backlogs().await.unwrap(), left[1..]);
}

pub(crate) async fn a_stream_may_outlive_its_samples_and_events(ground: &impl Ground) {
    let (store, history) = ground.open_with_history().await;
    let mut ada = Actor::new("ada", &["a"]);
    for change in [
        ada.live(1, 10),
        ada.offline(20),
        ada.live(2, 30),
        ada.offline(40),
    ] {
        store.commit(change).await.unwrap();
    }
    deliver_all(&*store, 50).await;
    let expired = Expired {
        history: at(900),
        streams: at(25),
    };
    while store.prune(expired, 100).await.unwrap() > 0 {}
    let kept = store.past_streams().await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].began_at, at(27));
    let page = history.samples(SampleQuery::default()).await.unwrap();
    assert_eq!(page.rows, []);
}

pub(crate) async fn what_a_webhook_has_not_heard_holds_up_no_pruning(ground: &impl Ground) {
    let (store, history) = ground.open_with_history().await;
    // Nobody hears `b`, and its events are the oldest, more than a batch looks at.
    for n in 0..40 {
        store.commit(told(degraded_event(n, &["b"]))).await.unwrap();
    }
    for n in 40..50 {
        store.commit(told(degraded_event(n, &["a"]))).await.unwrap();
    }
    deliver_all(&*store, 60).await;
    prune_all(&*store, 900, 2).await;
    let left = history.backlogs().await.unwrap();
    assert_eq!((&*left[0].webhook, left[0].pending), ("b", 40));
    let query = EventQuery {
        limit: 100,
        ..EventQuery::default()
    };
    assert_eq!(history.events(query).await.unwrap().rows.len(), 40);
}
