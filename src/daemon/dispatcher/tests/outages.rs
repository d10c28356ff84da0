//! Receivers that are down: the breaker, the failure clock, and who is told.

use super::fakes::Act;
use super::*;
use crate::domain::EventType;
use crate::store::Fate;
use crate::web::views::LaneState;

/// A webhook that wants to hear of others.
fn watchman() -> Webhook {
    let mut webhook = hook("watchman");
    webhook.events = vec![EventType::WebhookFailing, EventType::WebhookDisabled];
    webhook
}

/// Types of the alerts, who was told, and since when it failed.
fn alerts(world: &World) -> Vec<(EventType, Vec<String>)> {
    let settlements = world.store.settlements();
    let all = settlements.iter().flat_map(|s| &s.alerts);
    all.map(|outgoing| {
        let told = outgoing.webhooks.iter().map(ToString::to_string);
        (outgoing.event.kind, told.collect())
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn while_a_receiver_is_down_one_probe_at_a_time_goes_out_and_no_other_attempt_is_burnt() {
    let world = World::new();
    world.sender.script(|_| Act::Break(ErrorClass::Connect));
    for number in 0..100 {
        world.add("backend", &format!("creator{number}"), number);
    }
    let running = world.start([hook("backend")]);
    pass(secs(3_600)).await;
    let times: Vec<_> = world.sender.sent().iter().map(|s| s.at.as_secs()).collect();
    // Four at once, then three that were there to see it open; 30 s, 1, 2, 4, 8 and 15 minutes.
    let opened = times.iter().filter(|at| **at < 30).count();
    assert!((5..=8).contains(&opened), "{times:?}");
    assert_eq!(times[opened..], [30, 90, 210, 450, 930, 1_830, 2_730]);
    let untouched = world
        .store
        .rows()
        .iter()
        .filter(|r| r.delivery.attempts == 0)
        .count();
    assert!(untouched >= 85, "{untouched}");
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_2xx_closes_it_and_the_rest_follows_gently() {
    let world = World::new();
    let back = secs(60);
    let clock = world.clock.clone();
    let start = clock.monotonic();
    world.sender.script(move |_| {
        if clock.monotonic().saturating_sub(start) < back {
            Act::Answer(500)
        } else {
            Act::Slowly(secs(1), 204)
        }
    });
    for number in 0..60 {
        world.add("backend", &format!("creator{number}"), number);
    }
    let running = world.start([hook("backend")]);
    pass(secs(89)).await;
    let before = world.sender.sent().len();
    pass(secs(61)).await;
    let seconds: Vec<_> = world.sender.sent()[before..]
        .iter()
        .map(|s| s.at.saturating_sub(start).as_secs())
        .collect();
    let in_second = |second| seconds.iter().filter(|at| **at == second).count();
    assert_eq!([90, 91, 92, 93].map(in_second), [1, 1, 2, 4], "{seconds:?}");
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 60]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_others_that_subscribe_hear_that_a_webhook_fails() {
    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "backend" => Act::Answer(500),
        _ => Act::Answer(204),
    });
    for number in 0..4 {
        world.add("backend", &format!("creator{number}"), number);
    }
    let mut itself = hook("backend");
    itself.events.push(EventType::WebhookFailing);
    let running = world.start([itself, watchman(), hook("indifferent")]);
    pass(secs(4)).await;
    assert_eq!(alerts(&world), [], "four failures are not enough");
    pass(secs(10)).await;
    let failing = (EventType::WebhookFailing, vec!["watchman".to_owned()]);
    assert_eq!(alerts(&world), [failing]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_410_is_told_to_the_others() {
    let world = World::new();
    world.sender.script(|_| Act::Answer(410));
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend"), watchman()]);
    pass(secs(1)).await;
    let disabled = (EventType::WebhookDisabled, vec!["watchman".to_owned()]);
    assert_eq!(alerts(&world), [disabled]);
    running.drain().await.unwrap();
}

/// Lets a webhook fail for `hours`, with a new event and a restart every six of them.
async fn down_for(hours: u64, recovers_at: Option<u64>) -> World {
    let world = World::new();
    for hour in (0..=hours).step_by(6) {
        let well = recovers_at == Some(hour);
        world
            .sender
            .script(move |_| Act::Answer(if well { 204 } else { 500 }));
        let number = u32::try_from(hour).unwrap();
        world.add("backend", &format!("creator{number}"), number);
        let running = world.start([hook("backend"), watchman()]);
        pass(secs(6 * 3_600)).await;
        running.drain().await.unwrap();
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_down_for_five_days_is_disabled_by_the_clock_across_restarts() {
    let almost = down_for(108, None).await;
    assert_eq!(almost.store.disabled(), []);
    let world = down_for(126, None).await;
    let disabled = world.store.disabled();
    assert_eq!(disabled.len(), 1, "{disabled:?}");
    let (reason, after) = (&disabled[0].reason, disabled[0].since.since(START));
    assert_eq!(
        reason,
        "no 2xx for 120 hours; the last attempt: answered 500"
    );
    assert!(
        after >= secs(120 * 3_600) && after < secs(122 * 3_600),
        "{after:?}"
    );
    let told = alerts(&world);
    let kind = EventType::WebhookDisabled;
    assert_eq!(told.iter().filter(|(k, _)| *k == kind).count(), 1);
    // Its deliveries are parked, and nothing is sent at the next start.
    let before = world.sender.sent().len();
    let running = world.start([hook("backend"), watchman()]);
    pass(secs(86_400)).await;
    assert_eq!(world.sender.sent().len(), before);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_2xx_in_five_days_is_enough() {
    let world = down_for(180, Some(96)).await;
    assert_eq!(world.store.disabled(), []);
}

#[tokio::test(start_paused = true)]
async fn a_single_failure_never_disables() {
    let world = World::new();
    world.sender.script(|_| Act::Answer(500));
    let mut webhook = hook("backend");
    webhook.retry = crate::domain::retry::RetrySchedule::new(Vec::new());
    world.add("backend", "anna", 1);
    let running = world.start([webhook]);
    pass(secs(3_600 * 500)).await;
    assert_eq!(world.sender.sent().len(), 1);
    assert_eq!(world.store.disabled(), []);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_let_a_dead_receiver_burn_attempts() {
    let world = World::new();
    world.sender.script(|_| Act::Answer(500));
    for number in 0..50 {
        world.add("backend", &format!("creator{number}"), number);
    }
    for _ in 0..10 {
        let running = world.start([hook("backend")]);
        pass(secs(1)).await;
        running.drain().await.unwrap();
    }
    let sent = world.sender.sent().len();
    assert!(sent <= 8 + 9, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn the_board_shows_a_receiver_failing_recovering_and_disabled() {
    let world = World::new();
    let (first, second) = (hook("a"), hook("b"));
    let configured: Vec<_> = [first.clone(), second.clone()].map(Arc::new).into();
    world.instruments.config_accepted(START, &configured);
    let mut changes = world.instruments.changes.listen();
    let standing = |id: &str| {
        let places = world.instruments.board.places();
        let place = places.into_iter().find(|place| &*place.webhook == id);
        place.unwrap().standing
    };
    world.sender.script(|_| Act::Answer(500));
    for number in 0..5 {
        world.add("a", &format!("creator{number}"), 1);
    }
    let running = world.start([first, second]);
    pass(secs(20)).await;
    let failing = standing("a");
    assert_eq!(failing.state, LaneState::Failing);
    assert!(
        failing.since.is_some() && failing.last_error.is_some(),
        "{failing:?}"
    );
    assert_eq!(standing("b").state, LaneState::Healthy);
    let told = changes.try_recv().unwrap();
    assert_eq!(
        (&*told.kind, told.webhook.as_deref()),
        ("webhook.failing", Some("a"))
    );

    world.sender.script(|_| Act::Answer(204));
    pass(secs(600)).await;
    assert_eq!(
        standing("a"),
        crate::daemon::instruments::Standing::default()
    );
    let text = world.instruments.metrics.text();
    assert!(
        text.contains("deliveries_total{webhook=\"a\",outcome=\"delivered\"} 5\n"),
        "{text}"
    );
    assert!(
        text.contains("event_to_delivery_seconds_count{webhook=\"a\"} 5\n"),
        "{text}"
    );

    world.sender.script(|_| Act::Answer(410));
    world.add("a", "late", 1);
    pass(secs(20)).await;
    assert_eq!(standing("a").state, LaneState::Disabled);
    running.drain().await.unwrap();
}
