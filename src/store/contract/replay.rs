//! Promises about deliveries that go back into their queues.

use std::sync::Arc;
use std::time::Duration;

use super::Ground;
use super::stage::{Actor, at, due, named, settlement, webhook};
use crate::store::log::{DeliveryFilter, Status};
use crate::store::{Delivery, DeliveryId, Fate, Store};

/// Everything that ended.
fn ended() -> DeliveryFilter {
    DeliveryFilter {
        statuses: vec![Status::Delivered, Status::Failed, Status::Expired],
        ..DeliveryFilter::default()
    }
}

/// Settles whatever is due of webhook `a` with `fate`, until nothing is; all of it, in order.
async fn settle_all(store: &dyn Store, second: i64, fate: Fate) -> Vec<Delivery> {
    let mut settled = Vec::new();
    while let Some(head) = due(store, "a", second).await.into_iter().next() {
        let done = settlement(&head, fate, second);
        store.settle(done).await.unwrap();
        settled.push(head);
    }
    settled
}

/// `ada` and `bob` each went live and offline, heard by `a`, and every delivery ended as `fate` says.
async fn over(ground: &impl Ground, fate: Fate) -> (Arc<dyn Store>, Vec<Delivery>) {
    let store = ground.open().await;
    for (name, second) in [("ada", 10), ("bob", 20)] {
        let mut actor = Actor::new(name, &["a"]);
        store.commit(actor.live(1, second)).await.unwrap();
        store.commit(actor.offline(second + 100)).await.unwrap();
    }
    let settled = settle_all(&*store, 999, fate).await;
    assert_eq!(settled.len(), 4);
    (store, settled)
}

pub(crate) async fn what_ended_is_due_again_in_order_under_the_same_ids(ground: &impl Ground) {
    let (store, before) = over(ground, Fate::Delivered).await;
    let mut outbox = store.outbox();
    outbox.mark_unchanged();
    let replayed = store.replay(ended(), 99, at(2_000)).await.unwrap();
    assert!(replayed.is_sorted() && replayed.len() == 4);
    assert!(outbox.has_changed().unwrap(), "nobody was told");
    assert!(due(&*store, "a", 1_999).await.is_empty());
    let heads = due(&*store, "a", 2_000).await;
    assert_eq!(named(&heads), ["ada stream.started", "bob stream.started"]);
    assert_eq!(heads[0].replay_of, Some(Status::Delivered));
    let again = settle_all(&*store, 2_000, Fate::Delivered).await;
    // No two creators' events come in a fixed order, each one's do.
    let by_id = |all: &[Delivery]| {
        let mut ids: Vec<_> = all.iter().map(|d| d.event.to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(by_id(&before), by_id(&again));
    store.replay(ended(), 0, at(2_000)).await.unwrap();
    assert!(due(&*store, "a", 2_000).await.is_empty());
}

pub(crate) async fn a_replay_goes_before_what_is_younger_and_behind_what_is_older(
    ground: &impl Ground,
) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    for second in [10_i64, 30, 50] {
        let room = second.unsigned_abs();
        store.commit(ada.live(room, second)).await.unwrap();
        store.commit(ada.offline(second + 10)).await.unwrap();
    }
    let first = due(&*store, "a", 99).await.remove(0);
    let done = settlement(&first, Fate::Failed, 99);
    store.settle(done).await.unwrap();
    let second = due(&*store, "a", 99).await.remove(0);
    let done = settlement(&second, Fate::Failed, 99);
    store.settle(done).await.unwrap();
    // The third is under way when both come back.
    let under_way = due(&*store, "a", 99).await.remove(0);
    store
        .replay(DeliveryFilter::only(second.id), 9, at(100))
        .await
        .unwrap();
    store
        .replay(DeliveryFilter::only(first.id), 9, at(100))
        .await
        .unwrap();
    // Whatever becomes of that one, and however long it would wait.
    let head = due(&*store, "a", 100).await.remove(0);
    assert_eq!((head.id, head.attempts), (first.id, 1));
    let done = settlement(&under_way, Fate::Delivered, 100);
    store.settle(done).await.unwrap();
    let order: Vec<_> = settle_all(&*store, 999, Fate::Delivered).await;
    let order: Vec<_> = order.iter().map(|d| d.event_at).collect();
    assert_eq!(order, [10, 20, 40, 50, 60].map(at));
}

pub(crate) async fn a_replay_that_fails_is_what_it_was_and_its_line_moves_on(ground: &impl Ground) {
    let store = ground.open().await;
    let statuses = [Status::Delivered, Status::Failed, Status::Expired];
    let fates = [Fate::Delivered, Fate::Failed, Fate::Expired];
    for (name, fate) in ["ada", "bob", "cleo"].into_iter().zip(fates) {
        let mut actor = Actor::new(name, &["a"]);
        store.commit(actor.live(1, 10)).await.unwrap();
        store.commit(actor.offline(20)).await.unwrap();
        settle_all(&*store, 99, fate).await;
    }
    let of = |status| DeliveryFilter {
        statuses: vec![status],
        ..DeliveryFilter::default()
    };
    for ends in [Fate::Failed, Fate::Expired] {
        assert_eq!(store.replay(ended(), 99, at(100)).await.unwrap().len(), 6);
        let settled = settle_all(&*store, 100, ends).await;
        assert_eq!(settled.len(), 6, "a line stopped");
        for status in statuses {
            let again = store.replay(of(status), 99, at(200)).await.unwrap();
            assert_eq!(again.len(), 2, "{status:?} after {ends:?}");
            let settled = settle_all(&*store, 200, ends).await;
            assert!(settled.iter().all(|d| d.replay_of == Some(status)));
        }
    }
    store.replay(ended(), 99, at(300)).await.unwrap();
    settle_all(&*store, 300, Fate::Delivered).await;
    let left = store.replay(of(Status::Delivered), 99, at(400)).await;
    assert_eq!(left.unwrap().len(), 6);
}

pub(crate) async fn a_replay_begins_the_schedule_anew(ground: &impl Ground) {
    let (store, _) = over(ground, Fate::Failed).await;
    store.replay(ended(), 1, at(2_000)).await.unwrap();
    let head = due(&*store, "a", 2_000).await.remove(0);
    assert_eq!((head.attempts, head.counted_attempts()), (1, 0));
    let later = settlement(&head, Fate::Retry(at(2_005)), 2_000);
    store.settle(later).await.unwrap();
    let head = due(&*store, "a", 2_005).await.remove(0);
    assert_eq!((head.attempts, head.counted_attempts()), (2, 1));
    // Asked for once more while it waits: nothing is counted twice.
    store
        .replay(DeliveryFilter::only(head.id), 1, at(2_006))
        .await
        .unwrap();
    assert_eq!(due(&*store, "a", 2_006).await, [head]);
}

pub(crate) async fn a_pending_delivery_is_brought_forward_by_an_attempt_that_does_not_count(
    ground: &impl Ground,
) {
    let store = ground.open().await;
    let start = Actor::new("ada", &["a"]).live(1, 10);
    store.commit(start).await.unwrap();
    let put_off = async |second, until| {
        let head = due(&*store, "a", second).await.remove(0);
        let later = settlement(&head, Fate::Retry(at(until)), second);
        store.settle(later).await.unwrap();
    };
    put_off(10, 100).await;
    put_off(100, 9_000).await;
    let everything = DeliveryFilter::default();
    for _ in 0..3 {
        let found = store.replay(everything.clone(), 9, at(200)).await.unwrap();
        assert_eq!(found.len(), 1);
    }
    let head = due(&*store, "a", 200).await.remove(0);
    assert_eq!(head.replay_of, None);
    put_off(200, 9_000).await;
    let head = due(&*store, "a", 9_000).await.remove(0);
    assert_eq!((head.attempts, head.counted_attempts()), (3, 2));
}

pub(crate) async fn deliveries_are_chosen_by_number_and_filter_up_to_a_limit(ground: &impl Ground) {
    let (store, settled) = over(ground, Fate::Failed).await;
    let chosen = async |filter: DeliveryFilter, limit| {
        let found = store.replay(filter, limit, at(2_000)).await.unwrap();
        settle_all(&*store, 2_000, Fate::Failed).await;
        found
    };
    let all = chosen(ended(), 99).await;
    let other = DeliveryFilter {
        webhook: Some("b".to_owned()),
        ..ended()
    };
    assert_eq!(chosen(other, 99).await, []);
    let bob = DeliveryFilter {
        creator: Some("bob".parse().unwrap()),
        webhook: Some("a".to_owned()),
        ..ended()
    };
    assert_eq!(chosen(bob, 99).await, all[2..]);
    let span = DeliveryFilter {
        since: Some(at(20)),
        until: Some(at(120)),
        ..ended()
    };
    assert_eq!(chosen(span, 99).await, all[1..3]);
    assert_eq!(chosen(ended(), 2).await, all[..2]);
    let rest = DeliveryFilter {
        after: Some(all[1]),
        ..ended()
    };
    assert_eq!(chosen(rest, 99).await, all[2..]);
    assert_eq!(
        chosen(DeliveryFilter::only(settled[0].id), 99).await,
        [settled[0].id]
    );
    assert_eq!(
        chosen(DeliveryFilter::only(DeliveryId(987_654)), 99).await,
        []
    );
}

pub(crate) async fn what_waits_longer_than_it_may_is_pulled_in(ground: &impl Ground) {
    let store = ground.open().await;
    // The clock was set back by an hour after this was stored.
    let mut ada = Actor::new("ada", &["a", "b"]);
    store.commit(ada.live(1, 3_610)).await.unwrap();
    store.commit(ada.offline(3_620)).await.unwrap();
    let mut bob = Actor::new("bob", &["a"]);
    store.commit(bob.live(2, 10)).await.unwrap();
    let tried = due(&*store, "a", 20).await.remove(0);
    let later = settlement(&tried, Fate::Retry(at(5_000)), 20);
    store.settle(later).await.unwrap();
    let longest = [0, 60].map(Duration::from_secs).to_vec();
    let moved = store.pull_in(&webhook("a"), at(30), longest.clone()).await;
    assert_eq!(moved.unwrap(), 3);
    let now = due(&*store, "a", 30).await;
    assert_eq!(named(&now), ["ada stream.started"]);
    assert_eq!(
        store.next_due_at(&webhook("b")).await.unwrap(),
        Some(at(3_610))
    );
    let done = settlement(&now[0], Fate::Delivered, 30);
    store.settle(done).await.unwrap();
    assert_eq!(named(&due(&*store, "a", 30).await), ["ada stream.ended"]);
    assert_eq!(due(&*store, "a", 89).await.len(), 1, "bob waits his minute");
    assert_eq!(due(&*store, "a", 90).await.len(), 2);
    let again = store.pull_in(&webhook("a"), at(30), longest).await;
    assert_eq!(again.unwrap(), 0);
}
