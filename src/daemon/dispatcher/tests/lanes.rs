//! What goes out, when, and in which order.

use super::fakes::{Act, Ill};
use super::*;
use crate::domain::retry::RetrySchedule;
use crate::store::Fate;
use crate::webhook::ErrorClass;

#[tokio::test(start_paused = true)]
async fn a_head_that_fails_holds_back_its_own_creator_alone() {
    let world = World::new();
    world
        .sender
        .script(|sent| match (sent.event.as_str(), sent.attempt) {
            ("anna/1", 1..=2) => Act::Answer(500),
            _ => Act::Answer(204),
        });
    for (creator, number) in [("anna", 1), ("anna", 2), ("bert", 1), ("bert", 2)] {
        world.add("backend", creator, number);
    }
    let running = world.start([hook("backend")]);
    pass(secs(4)).await;
    assert_eq!(world.sender.events(), ["anna/1", "bert/1", "bert/2"]);
    pass(secs(60)).await;
    let anna: Vec<_> = world
        .sender
        .events()
        .into_iter()
        .filter(|e| e.starts_with("anna"))
        .collect();
    assert_eq!(anna, ["anna/1", "anna/1", "anna/1", "anna/2"]);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 4]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_creator_has_one_delivery_under_way_and_a_lane_as_many_as_it_may() {
    let world = World::new();
    world.sender.script(|_| Act::Slowly(secs(1), 204));
    for number in 1..=3 {
        for creator in ["anna", "bert", "carl", "dora", "emma", "monitor"] {
            world.add("backend", creator, number);
        }
    }
    let mut webhook = hook("backend");
    webhook.concurrency = 4;
    let running = world.start([webhook]);
    pass(secs(10)).await;
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 18]);
    assert_eq!(world.sender.most_under_way(), 4);
    for creator in ["anna", "bert", "carl", "dora", "emma", "monitor"] {
        let mut end = None;
        for number in 1..=3 {
            let at = world.times_of(&format!("{creator}/{number}"))[0];
            assert!(
                end.is_none_or(|end| at >= end),
                "{creator}/{number} overtook"
            );
            end = Some(at + secs(1));
        }
    }
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failing_creator_takes_no_slot_while_it_waits() {
    let world = World::new();
    world.sender.script(|sent| match sent.event.as_str() {
        "anna/1" => Act::Slowly(secs(1), 500),
        _ => Act::Answer(204),
    });
    world.add("backend", "anna", 1);
    for number in 1..=50 {
        world.add("backend", "bert", number);
    }
    let mut webhook = hook("backend");
    webhook.concurrency = 1;
    let running = world.start([webhook]);
    pass(secs(2)).await;
    let delivered = world.store.ends().iter().flatten().count();
    assert_eq!((world.times_of("anna/1").len(), delivered), (1, 50));
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_never_answers_costs_the_others_nothing() {
    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "hangs" => Act::Hang,
        _ => Act::Answer(204),
    });
    for number in 0..40 {
        let creator = format!("creator{}", number % 20);
        world.add("hangs", &creator, number);
        world.add("well", &creator, number);
    }
    let mut running = world.start([hook("hangs"), hook("well")]);
    pass(Duration::from_millis(10)).await;
    let well = world
        .store
        .rows()
        .into_iter()
        .filter(|r| r.webhook.as_ref() == "well");
    assert!(well.map(|r| r.end).all(|end| end == Some(Fate::Delivered)));
    running.tasks.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_silences_the_whole_lane_and_no_other() {
    for status in [429, 503] {
        let world = World::new();
        world.sender.script(move |sent| {
            match (sent.webhook.as_str(), sent.event.as_str(), sent.attempt) {
                ("busy", "anna/1", 1) => Act::Later(status, "30"),
                _ => Act::Answer(204),
            }
        });
        world.add("busy", "anna", 1);
        let running = world.start([hook("busy"), hook("well")]);
        pass(secs(1)).await;
        world.add("busy", "bert", 1);
        world.add("well", "carl", 1);
        pass(secs(60)).await;
        assert_eq!(world.times_of("carl/1"), [secs(1)]);
        let bert = world.times_of("bert/1")[0];
        assert!(bert >= secs(30) && bert < secs(31), "{bert:?}");
        // Never earlier than asked for; jitter only adds to the schedule's own waits.
        let anna = world.times_of("anna/1")[1];
        assert!(anna >= secs(30) && anna < secs(31), "{anna:?}");
        running.drain().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_after_the_lane_rests_a_minute() {
    let world = World::new();
    world.sender.script(|sent| match sent.attempt {
        1 if sent.event == "anna/1" => Act::Answer(503),
        _ => Act::Answer(204),
    });
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend")]);
    pass(secs(1)).await;
    world.add("backend", "bert", 1);
    pass(secs(70)).await;
    let bert = world.times_of("bert/1")[0];
    assert!(bert >= secs(60) && bert < secs(61), "{bert:?}");
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_delivery_gets_fifteen_attempts_over_the_published_window_each_signed_anew() {
    let world = World::new();
    world.sender.script(|_| Act::Answer(500));
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend")]);
    pass(secs(100 * 3_600)).await;
    let sent = world.sender.sent();
    assert_eq!(sent.len(), 15);
    assert_eq!(world.store.ends(), [Some(Fate::Failed)]);
    for (pair, base) in sent.windows(2).zip(RetrySchedule::default().waits()) {
        let wait = pair[1].at.saturating_sub(pair[0].at);
        // Timers fire within a millisecond; the stored time has whole milliseconds.
        assert!(
            wait + Duration::from_millis(2) >= *base,
            "{wait:?} < {base:?}"
        );
        assert!(
            wait <= base.mul_f64(1.2) + secs(1),
            "{wait:?} > 1.2 * {base:?}"
        );
        assert!(pair[1].timestamp - pair[0].timestamp >= i64::try_from(base.as_secs()).unwrap());
    }
    assert!(sent.iter().all(|s| s.genuine));
    assert!(
        sent.iter()
            .all(|s| s.timestamp == START.plus(s.at).as_seconds())
    );
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_will_not_heal_gets_three_attempts_and_the_next_moves_up() {
    let world = World::new();
    world.sender.script(|sent| match sent.event.as_str() {
        "anna/1" => Act::Answer(422),
        _ => Act::Answer(204),
    });
    world.add("backend", "anna", 1);
    world.add("backend", "anna", 2);
    let running = world.start([hook("backend")]);
    pass(secs(60)).await;
    assert_eq!(
        world.sender.events(),
        ["anna/1", "anna/1", "anna/1", "anna/2"]
    );
    assert_eq!(
        world.store.ends(),
        [Some(Fate::Failed), Some(Fate::Delivered)]
    );
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_the_lane_at_once() {
    let world = World::new();
    let running = world.start([hook("backend")]);
    pass(Duration::from_millis(1_234)).await;
    world.add("backend", "anna", 1);
    pass(secs(10)).await;
    assert_eq!(world.times_of("anna/1"), [Duration::from_millis(1_234)]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_wake_up_delays_and_does_not_lose() {
    let world = World::new();
    let running = world.start([hook("backend")]);
    pass(Duration::from_millis(1_234)).await;
    world
        .store
        .add_silently("backend", "anna", 1, world.clock.now());
    pass(secs(10)).await;
    let times = world.times_of("anna/1");
    assert!(times.len() == 1 && times[0] <= secs(6), "{times:?}");
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_falls_due_in_time_while_another_delivery_hangs() {
    let world = World::new();
    world
        .sender
        .script(|sent| match (sent.event.as_str(), sent.attempt) {
            ("anna/1", _) => Act::Slowly(secs(14), 204),
            ("bert/1", 1) => Act::Answer(500),
            _ => Act::Answer(204),
        });
    world.add("backend", "anna", 1);
    world.add("backend", "bert", 1);
    let running = world.start([hook("backend")]);
    pass(secs(20)).await;
    let times = world.times_of("bert/1");
    // 5 s, up to 20 % jitter, and the second in which the queue is looked at again.
    assert!(
        times[1] >= secs(5) && times[1] <= secs(7) + Duration::from_millis(5),
        "{times:?}"
    );
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_attempt_is_a_failed_attempt() {
    let world = World::new();
    world
        .sender
        .script(|sent| match (sent.event.as_str(), sent.attempt) {
            ("anna/1", 1) => Act::Panic,
            _ => Act::Answer(204),
        });
    world.add("backend", "anna", 1);
    world.add("backend", "bert", 1);
    let running = world.start([hook("backend")]);
    pass(secs(10)).await;
    assert_eq!(world.times_of("anna/1").len(), 2);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 2]);
    let attempts = world
        .store
        .settlements()
        .into_iter()
        .filter_map(|s| s.attempt);
    let errors: Vec<_> = attempts.filter_map(|a| a.error).collect();
    assert_eq!(errors, [ErrorClass::Reset.as_str()]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_settled_is_settled_later_and_not_sent_again() {
    let world = World::new();
    world.store.settling(Some(Ill::Fails));
    world.add("backend", "anna", 1);
    world.add("backend", "anna", 2);
    let running = world.start([hook("backend")]);
    pass(secs(600)).await;
    assert_eq!(world.sender.events(), ["anna/1"]);
    assert_eq!(world.store.ends(), [None, None]);
    world.store.settling(None);
    pass(secs(11)).await;
    assert_eq!(world.sender.events(), ["anna/1", "anna/2"]);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 2]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_is_read_later_and_not_hammered() {
    let world = World::new();
    world.store.reading(Some(Ill::Fails));
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend")]);
    pass(secs(600)).await;
    let reads = world.store.reads();
    // Seven doublings, then one in ten seconds.
    assert!((60..=70).contains(&reads), "{reads}");
    world.store.reading(None);
    pass(secs(11)).await;
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_looks_at_its_queue_every_five_seconds() {
    let world = World::new();
    let running = world.start([hook("backend")]);
    pass(secs(100)).await;
    let reads = world.store.reads();
    assert!((40..=44).contains(&reads), "{reads}");
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_delivery_older_than_max_age_is_kept_as_expired_and_not_sent() {
    let world = World::new();
    let mut chat = hook("chat");
    chat.max_age = Some(secs(3_600));
    world.store.add("chat", "anna", 1, START.minus(secs(3_601)));
    world.store.add("chat", "anna", 2, START.minus(secs(3_500)));
    let running = world.start([chat]);
    pass(secs(1)).await;
    assert_eq!(world.sender.events(), ["anna/2"]);
    assert_eq!(
        world.store.ends(),
        [Some(Fate::Expired), Some(Fate::Delivered)]
    );
    assert_eq!(world.store.settlements()[0].attempt, None);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_too_late_expires_now_and_lets_the_next_pass() {
    let world = World::new();
    world.sender.script(|sent| match sent.event.as_str() {
        "anna/1" => Act::Break(ErrorClass::Connect),
        _ => Act::Answer(204),
    });
    let mut chat = hook("chat");
    chat.max_age = Some(secs(60));
    world.add("chat", "anna", 1);
    world.add("chat", "anna", 2);
    let running = world.start([chat]);
    pass(secs(40)).await;
    // After attempts at 0, 5 and 20 s the next would come at 65 s.
    assert_eq!(world.times_of("anna/1").len(), 3);
    assert_eq!(
        world.store.ends(),
        [Some(Fate::Expired), Some(Fate::Delivered)]
    );
    assert!(world.store.settlements()[2].attempt.is_some());
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lane_keeps_to_its_rate_and_lets_the_others_run() {
    let world = World::new();
    let mut slow = hook("slow");
    slow.rate = Some(crate::config::Rate {
        count: 5,
        per: secs(1),
    });
    for number in 0..20 {
        world.add("slow", &format!("creator{number}"), number);
        world.add("quick", &format!("creator{number}"), number);
    }
    let running = world.start([slow, hook("quick")]);
    pass(secs(10)).await;
    let sent = world.sender.sent();
    let times = |id: &str| -> Vec<_> {
        let to = sent.iter().filter(|s| s.webhook == id);
        to.map(|s| s.at).collect()
    };
    let (slow, quick) = (times("slow"), times("quick"));
    assert_eq!((slow.len(), quick.len()), (20, 20));
    assert!(quick.iter().all(|at| *at < secs(1)), "{quick:?}");
    for (index, at) in (0..).zip(&slow) {
        let earliest = Duration::from_millis(200 * index);
        assert!(*at >= earliest && *at < earliest + secs(1), "{slow:?}");
    }
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_due_at_the_start_is_picked_up_within_a_second() {
    let world = World::new();
    for creator in ["anna", "bert", "carl"] {
        let long_ago = START.minus(secs(86_400));
        world.store.add_silently("backend", creator, 1, long_ago);
    }
    let running = world.start([hook("backend")]);
    pass(secs(1)).await;
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 3]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_keeps_nothing_waiting() {
    let world = World::new();
    // Stored before the program stopped, by a clock that was an hour ahead.
    for creator in ["anna", "bert"] {
        let ahead = START.plus(secs(3_600));
        world.store.add_silently("backend", creator, 1, ahead);
    }
    world
        .store
        .add_silently("elsewhere", "anna", 1, START.plus(secs(3_600)));
    let running = world.start([hook("backend")]);
    pass(secs(1)).await;
    assert_eq!(world.sender.events(), ["anna/1", "bert/1"]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_a_restart_and_not_a_change_of_address() {
    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "backend" if sent.at < secs(1_000) => Act::Later(429, "1800"),
        _ => Act::Answer(204),
    });
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend")]);
    pass(secs(10)).await;
    running.drain().await.unwrap();
    world.add("backend", "bert", 1);
    let running = world.start([hook("backend")]);
    pass(secs(1_780)).await;
    assert_eq!(world.sender.events(), ["anna/1"]);
    pass(secs(20)).await;
    assert_eq!(world.sender.events().len(), 3);
    running.drain().await.unwrap();

    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "backend" => Act::Later(429, "1800"),
        _ => Act::Answer(204),
    });
    world.add("backend", "anna", 1);
    let running = world.start([hook("backend")]);
    pass(secs(1)).await;
    running.drain().await.unwrap();
    world.add("backend", "bert", 1);
    let mut elsewhere = hook("backend");
    elsewhere.url = "https://elsewhere/hooks".to_owned();
    let running = world.start([elsewhere]);
    pass(secs(1)).await;
    assert_eq!(world.sender.events(), ["anna/1", "bert/1"]);
    running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_lanes_together_have_256_requests_under_way_at_most() {
    let world = World::new();
    world.sender.script(|_| Act::Slowly(secs(10), 204));
    let hooks: Vec<_> = (0..10).map(|n| format!("w{n}")).collect();
    for id in &hooks {
        for creator in 0..32 {
            world.add(id, &format!("creator{creator}"), 1);
        }
    }
    let busy = hooks.iter().map(|id| Webhook {
        concurrency: 32,
        ..hook(id)
    });
    let running = world.start(busy);
    pass(secs(60)).await;
    assert_eq!(world.store.ends(), [Some(Fate::Delivered); 320]);
    assert_eq!(world.sender.most_under_way(), 256);
    running.drain().await.unwrap();
}
