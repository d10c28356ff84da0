//! Profile calls in the loop: beside the polls, and never in their way.

use super::*;

/// `creators` creators; the webhook hears of missing ones alone.
fn listening(creators: usize) -> Config {
    let mut config = config(creators);
    let mut webhook = Arc::unwrap_or_clone(config.webhooks.remove(0));
    webhook.events = vec![EventType::CreatorMissing];
    config.webhooks = vec![Arc::new(webhook)];
    config
}

fn profiled(bench: &Bench) -> usize {
    bench.source.profiled.lock().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn who_does_not_exist_is_told_once_even_if_the_store_refuses_at_first() {
    let source = FakeSource::default();
    source.known.lock().unwrap().push(creator(0).username);
    let bench = Bench::start(listening(3), source, 0);
    bench.run_for(30).await;
    assert_eq!(profiled(&bench), 1);
    bench.store.refusals.store(5, Ordering::SeqCst);
    bench.run_for(3_600).await;
    assert_eq!(profiled(&bench), 3);
    let (store, result) = bench.stop().await;
    result.unwrap();
    assert_eq!(store.events(), [EventType::CreatorMissing; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_profile_call_that_hangs_or_panics_delays_no_poll() {
    let source = FakeSource::default();
    for number in 0..3 {
        source.known.lock().unwrap().push(creator(number).username);
    }
    *source.profile_of.lock().unwrap() = HashMap::from([
        (creator(0).username, Script::Panics),
        (creator(1).username, Script::Hangs),
    ]);
    let bench = Bench::start(listening(3), source, 0);
    bench.run_for(3_000).await;
    assert_eq!(profiled(&bench), 2, "the second still hangs");
    assert!((0..3).all(|number| bench.source.asked(number) >= 9));
    let (store, result) = bench.stop().await;
    result.unwrap();
    assert!(store.events().is_empty());
}
