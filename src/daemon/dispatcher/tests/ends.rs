//! How lanes and the dispatcher end: drains, disabled webhooks, faults; and what the log shows.

use std::io;
use std::sync::Mutex;

use super::fakes::{Act, Ill};
use super::*;
use crate::store::Fate;

#[tokio::test(start_paused = true)]
async fn a_drain_lets_what_is_under_way_end_and_starts_nothing() {
    let world = World::new();
    world.sender.script(|_| Act::Slowly(secs(10), 204));
    world.add("backend", "anna", 1);
    world.add("backend", "anna", 2);
    let running = world.start([hook("backend")]);
    pass(secs(1)).await;
    world.add("backend", "bert", 1);
    pass(secs(1)).await;
    running.drain().await.unwrap();
    assert_eq!(world.clock.monotonic(), secs(11));
    assert_eq!(world.sender.events(), ["anna/1", "bert/1"]);
    assert_eq!(
        world.store.ends(),
        [Some(Fate::Delivered), None, Some(Fate::Delivered)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_twenty_seconds_and_leaves_the_rest_in_the_store() {
    let world = World::new();
    world.sender.script(|_| Act::Hang);
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend"), hook("other")]);
    pass(secs(1)).await;
    running.drain().await.unwrap();
    let ended = world.clock.monotonic();
    assert!(
        ended >= secs(21) && ended <= secs(21) + Duration::from_millis(5),
        "{ended:?}"
    );
    assert_eq!(world.sender.events(), ["anna/1"]);
    assert_eq!(world.store.ends(), [None]);

    world.sender.script(|_| Act::Answer(204));
    let again = world.start([hook("backend")]);
    pass(secs(1)).await;
    assert_eq!(world.sender.events(), ["anna/1", "anna/1"]);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
    again.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_store_that_fails() {
    let world = World::new();
    world.store.settling(Some(Ill::Fails));
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend")]);
    pass(secs(1)).await;
    running.drain().await.unwrap();
    assert!(world.clock.monotonic() <= secs(21) + Duration::from_millis(5));
    assert_eq!(world.store.ends(), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_work_ends_at_once() {
    let world = World::new();
    let running = world.start([hook("backend")]);
    let without_webhooks = world.start([]);
    pass(secs(3)).await;
    running.drain().await.unwrap();
    without_webhooks.drain().await.unwrap();
    assert_eq!(world.clock.monotonic(), secs(3));
}

fn gone(world: &World) {
    world
        .sender
        .script(|sent| match (sent.webhook.as_str(), sent.event.as_str()) {
            ("backend", _) => Act::Answer(410),
            _ => Act::Answer(204),
        });
}

#[tokio::test(start_paused = true)]
async fn a_410_disables_its_webhook_at_once_and_parks_its_deliveries() {
    let world = World::new();
    gone(&world);
    let mut webhook = hook("backend");
    webhook.concurrency = 1;
    for creator in ["anna", "bert"] {
        world.add("backend", creator, 1);
        world.add("other", creator, 1);
    }
    let running = world.start([webhook, hook("other")]);
    pass(secs(3_600)).await;
    world.add("backend", "carl", 1);
    pass(secs(3_600)).await;
    let sent = world.sender.sent();
    let to = |id: &str| sent.iter().filter(|s| s.webhook == id).count();
    assert_eq!((to("backend"), to("other")), (1, 2));
    let pending: Vec<_> = world
        .store
        .rows()
        .into_iter()
        .filter(|r| r.end.is_none())
        .collect();
    assert!(pending.len() == 3 && pending.iter().all(|r| r.webhook.as_ref() == "backend"));
    let disabled = world.store.disabled();
    assert_eq!(disabled.len(), 1);
    assert_eq!(
        (disabled[0].webhook.as_ref(), disabled[0].since),
        ("backend", START)
    );
    assert!(!disabled[0].url_hash.contains("hunter2"));
    running.drain().await.unwrap();
}

/// Runs one webhook for ten minutes; how many requests it made.
async fn requests_of(world: &World, webhook: Webhook) -> usize {
    let before = world.sender.sent().len();
    let running = world.start([webhook]);
    pass(secs(600)).await;
    running.drain().await.unwrap();
    world.sender.sent().len() - before
}

#[tokio::test(start_paused = true)]
async fn a_disabled_webhook_takes_part_again_at_another_address() {
    let world = World::new();
    gone(&world);
    world.add("backend", "anna", 1);
    assert_eq!(requests_of(&world, hook("backend")).await, 1);
    assert_eq!(requests_of(&world, hook("backend")).await, 0);
    let mut elsewhere = hook("backend");
    elsewhere.url = "https://elsewhere/hooks".to_owned();
    assert_eq!(requests_of(&world, elsewhere).await, 1);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
    assert!(world.store.disabled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_disabled_webhook_takes_part_again_after_a_start_with_enabled_false() {
    let world = World::new();
    gone(&world);
    world.add("backend", "anna", 1);
    assert_eq!(requests_of(&world, hook("backend")).await, 1);
    world.sender.script(|_| Act::Answer(204));
    assert_eq!(requests_of(&world, hook("backend")).await, 0);
    let mut off = hook("backend");
    off.enabled = false;
    assert_eq!(requests_of(&world, off).await, 0);
    assert_eq!(requests_of(&world, hook("backend")).await, 1);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_the_file_does_not_enable_has_its_deliveries_wait() {
    let world = World::new();
    world.add("backend", "anna", 1);
    let mut off = hook("backend");
    off.enabled = false;
    assert_eq!(requests_of(&world, off).await, 0);
    assert_eq!(world.store.ends(), [None]);
    assert_eq!(requests_of(&world, hook("backend")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_lane_ends_the_dispatcher_after_the_others_drained() {
    let world = World::new();
    world.sender.script(|_| Act::Slowly(secs(8), 204));
    world.add("well", "anna", 1);
    let mut running = world.start([hook("well"), hook("ill")]);
    pass(secs(1)).await;
    world.store.reading_of("ill", Ill::Panics);
    let error = running.end().await.unwrap_err();
    assert!(matches!(error, DispatchError::Lane(_)), "{error:?}");
    assert_eq!(world.clock.monotonic(), secs(8));
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_ended_ends_the_dispatcher() {
    for during_settle in [false, true] {
        let world = World::new();
        world.add("backend", "anna", 1);
        if during_settle {
            world.store.settling(Some(Ill::Closed));
        } else {
            world.store.reading(Some(Ill::Closed));
        }
        let error = world.start([hook("backend")]).end().await.unwrap_err();
        assert!(
            matches!(error, DispatchError::Store(StoreError::Closed)),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_fresh_while_all_is_well_and_ages_when_one_lane_hangs() {
    let world = World::new();
    let age = || world.progress.age();
    world.sender.script(|_| Act::Slowly(secs(14), 429));
    world.add("backend", "anna", 1);
    let mut running = world.start([hook("backend"), hook("other")]);
    for _ in 0..100 {
        pass(secs(1)).await;
        assert!(age() <= secs(10), "{:?}", age());
    }
    world.store.reading_of("other", Ill::Hangs);
    pass(secs(60)).await;
    assert!(age() >= secs(50), "{:?}", age());
    running.tasks.shutdown().await;
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while one webhook meets every end.
async fn log_of_every_end() -> String {
    // Without a default that listens, a line that another test's thread reaches first is off for all.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || to.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let world = World::new();
    world.sender.script(|sent| match sent.event.as_str() {
        "anna/1" if sent.attempt == 1 => Act::Answer(500),
        "bert/1" => Act::Answer(400),
        "carl/1" => Act::Answer(410),
        _ => Act::Answer(204),
    });
    let mut backend = hook("backend");
    backend.headers = vec![(
        "authorization".to_owned(),
        crate::config::Secret::new("hunter3"),
    )];
    backend.max_age = Some(secs(3_600));
    world.add("backend", "anna", 1);
    world.add("backend", "bert", 1);
    world
        .store
        .add("backend", "dora", 1, START.minus(secs(4_000)));
    let running = world.start([backend]);
    pass(secs(60)).await;
    world.add("backend", "carl", 1);
    pass(secs(60)).await;
    running.drain().await.unwrap();
    drop(guard);

    let logged = log.0.lock().unwrap().clone();
    String::from_utf8(logged).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_every_end_once_and_no_secret() {
    let text = log_of_every_end().await;
    let lines = |wanted: &[&str]| {
        let all = |line: &&str| wanted.iter().all(|w| line.contains(w));
        text.lines().filter(all).count()
    };
    assert_eq!(
        lines(&["INFO", "delivered", "anna/1", "attempt=2", "stream.started"]),
        1,
        "{text}"
    );
    assert_eq!(
        lines(&[
            "WARN",
            "will be tried again",
            "anna/1",
            "http_5xx",
            "answered 500"
        ]),
        1,
        "{text}"
    );
    assert_eq!(
        lines(&[
            "WARN",
            "will be tried again",
            "bert/1",
            "next=2026-02-27T18:"
        ]),
        2,
        "{text}"
    );
    assert_eq!(
        lines(&["ERROR", "given up", "bert/1", "attempt=3"]),
        1,
        "{text}"
    );
    assert_eq!(lines(&["WARN", "expired", "dora/1"]), 1, "{text}");
    assert_eq!(lines(&["ERROR", "disabled", "410"]), 1, "{text}");
    // What is not tried again by itself is not promised to be.
    assert_eq!(lines(&["tried again", "carl/1"]), 0, "{text}");
    assert_eq!(lines(&["waits with its webhook", "carl/1"]), 1, "{text}");
    assert!(
        !text.contains("hunter") && !text.contains("whsec"),
        "{text}"
    );
}
