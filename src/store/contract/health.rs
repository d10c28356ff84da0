//! Promises about webhooks' failure clocks and who is told of them.

use std::time::Duration;

use super::Ground;
use super::stage::{Actor, at, due, named, settlement, webhook};
use crate::domain::Event;
use crate::domain::event::{InstallationId, WebhookNews};
use crate::store::streak::DISABLED_AFTER;
use crate::store::{Delivery, Fate, Outgoing, Settlement, Store, WebhookHealth};

/// `name` went live, heard by webhook `a`; its delivery.
async fn one_delivery(store: &dyn Store, name: &str) -> Delivery {
    store
        .commit(Actor::new(name, &["a"]).live(1, 10))
        .await
        .unwrap();
    let heads = due(store, "a", 999).await;
    let found = heads
        .into_iter()
        .find(|d| d.creator.as_ref().unwrap().as_str() == name);
    found.unwrap()
}

pub(crate) async fn a_pause_is_remembered_across_restarts_for_the_same_address(
    ground: &impl Ground,
) {
    let store = ground.open().await;
    let ada = one_delivery(&*store, "ada").await;
    let paused = Settlement {
        paused_until: Some(at(3_000)),
        ..failed(&ada, 100)
    };
    store.settle(paused).await.unwrap();
    // Another attempt that was under way asked for nothing.
    store.settle(failed(&ada, 101)).await.unwrap();
    store.close().await.unwrap();

    let store = ground.open().await;
    assert_eq!(health(&*store).await.paused_until, Some(at(3_000)));
    let elsewhere = Settlement {
        url_hash: "elsewhere".to_owned(),
        ..failed(&ada, 102)
    };
    store.settle(elsewhere).await.unwrap();
    assert_eq!(health(&*store).await.paused_until, None);
}

fn failed(delivery: &Delivery, second: i64) -> Settlement {
    settlement(delivery, Fate::Retry(at(second)), second)
}

fn succeeded(delivery: &Delivery, second: i64) -> Settlement {
    let mut done = settlement(delivery, Fate::Delivered, second);
    done.attempt.as_mut().unwrap().error = None;
    done
}

async fn health(store: &dyn Store) -> WebhookHealth {
    let mut all = store.webhook_health().await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].webhook, webhook("a"));
    all.remove(0)
}

/// When an attempt that began at `second` ended.
fn ended(second: i64) -> crate::domain::Timestamp {
    at(second).plus(Duration::from_millis(120))
}

pub(crate) async fn failures_are_counted_across_restarts(ground: &impl Ground) {
    let five_days = i64::try_from(DISABLED_AFTER.as_secs()).unwrap();
    let mut store = ground.open().await;
    assert!(store.webhook_health().await.unwrap().is_empty());
    let ada = one_delivery(&*store, "ada").await;
    for second in [100, 200, 100 + five_days] {
        store.settle(failed(&ada, second)).await.unwrap();
        let known = health(&*store).await;
        store.close().await.unwrap();
        store = ground.open().await;
        assert_eq!(health(&*store).await, known);
    }
    let known = health(&*store).await;
    assert_eq!(
        (known.url_hash.as_str(), known.streak.failures),
        ("hash", 3)
    );
    assert_eq!(
        known.streak.failing,
        Some((ended(100), ended(100 + five_days)))
    );
    assert_eq!(known.streak.too_long(), Some(ended(100)));
}

pub(crate) async fn a_success_an_enabling_and_another_address_begin_the_count_anew(
    ground: &impl Ground,
) {
    let store = ground.open().await;
    let ada = one_delivery(&*store, "ada").await;
    let bob = one_delivery(&*store, "bob").await;
    store.settle(failed(&ada, 100)).await.unwrap();
    store.settle(succeeded(&bob, 200)).await.unwrap();
    let streak = health(&*store).await.streak;
    assert_eq!(
        (streak.failing, streak.last_success_at),
        (None, Some(ended(200)))
    );
    store.settle(failed(&ada, 300)).await.unwrap();
    let elsewhere = Settlement {
        url_hash: "other".to_owned(),
        ..failed(&ada, 400)
    };
    store.settle(elsewhere).await.unwrap();
    assert_eq!(
        health(&*store).await.streak.failing,
        Some((ended(400), ended(400)))
    );
    store.enable_webhook(&webhook("a")).await.unwrap();
    assert!(store.webhook_health().await.unwrap().is_empty());
}

pub(crate) async fn what_was_never_sent_says_nothing_of_the_receiver(ground: &impl Ground) {
    let store = ground.open().await;
    let ada = one_delivery(&*store, "ada").await;
    let mut unsent = failed(&ada, 100);
    unsent.attempt.as_mut().unwrap().error = Some("format");
    store.settle(unsent).await.unwrap();
    assert!(store.webhook_health().await.unwrap().is_empty());
}

/// `failed`, with news of webhook `a` for webhook `b`.
fn telling(delivery: &Delivery, second: i64, disabled: bool) -> Settlement {
    let news = WebhookNews {
        webhook: "a",
        disabled,
        since: at(1),
        at: at(second),
        last_error: "answered 500",
    };
    let outgoing = Outgoing {
        event: Event::of_webhook(&InstallationId::from_bytes([7; 16]), &news),
        webhooks: vec![webhook("b")],
    };
    Settlement {
        alerts: vec![outgoing],
        ..failed(delivery, second)
    }
}

pub(crate) async fn others_hear_of_a_webhook_once_an_hour_for_each_state(ground: &impl Ground) {
    let store = ground.open().await;
    let ada = one_delivery(&*store, "ada").await;
    let mut outbox = store.outbox();
    outbox.mark_unchanged();
    for (second, disabled) in [
        (100, false),
        (101, false),
        (3_699, false),
        (200, true),
        (201, true),
    ] {
        store.settle(telling(&ada, second, disabled)).await.unwrap();
    }
    assert!(outbox.has_changed().unwrap());
    store.close().await.unwrap();
    let store = ground.open().await;
    store.settle(telling(&ada, 3_698, false)).await.unwrap();
    store.settle(telling(&ada, 3_700, false)).await.unwrap();
    let mut heard = Vec::new();
    while let Some(head) = due(&*store, "b", 9_999).await.first() {
        heard.push((named(std::slice::from_ref(head)).remove(0), head.event_at));
        store.settle(succeeded(head, 9_999)).await.unwrap();
    }
    let expected = [("failing", 100), ("disabled", 200), ("failing", 3_700)];
    let expected = expected.map(|(state, second)| (format!("monitor webhook.{state}"), at(second)));
    assert_eq!(heard, expected);
}

pub(crate) async fn news_of_a_settlement_that_counts_no_more_is_not_told(ground: &impl Ground) {
    let store = ground.open().await;
    let ada = one_delivery(&*store, "ada").await;
    store.settle(succeeded(&ada, 50)).await.unwrap();
    store.settle(telling(&ada, 100, false)).await.unwrap();
    assert!(due(&*store, "b", 9_999).await.is_empty());
    assert_eq!(health(&*store).await.streak.failing, None);
}
