use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::{EventId, EventType};
use crate::store::DeliveryId;
use crate::webhook::Answer;
use crate::webhook::request::tests::webhook;

const ENDED: Timestamp = Timestamp::from_millis(1_772_217_402_000);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A delivery after so many attempts, of an event of a second ago.
fn delivery(attempts: u32) -> Delivery {
    Delivery {
        id: DeliveryId(7),
        event: EventId::from_stored("evt_1".to_owned()),
        kind: EventType::StreamStarted,
        creator: None,
        body: "{}".to_owned(),
        event_at: ENDED.minus(secs(1)),
        attempts,
        spared: 0,
        replay_of: None,
        due_at: ENDED,
    }
}

/// What is decided when attempt number `attempt` ends with `reply`.
fn decided(webhook: Webhook, attempt: u32, reply: Reply, random: f64) -> Decision {
    decided_of(delivery(attempt - 1), webhook, reply, random)
}

fn decided_of(delivery: Delivery, webhook: Webhook, reply: Reply, random: f64) -> Decision {
    let concluded = Concluded {
        delivery,
        started_at: ENDED.minus(secs(1)),
        took: secs(1),
        ended_at: ENDED,
        timing: Timing::default(),
        outcome: Outcome::of(reply, ENDED),
    };
    concluded.decide(&Endpoint::new(Arc::new(webhook)).unwrap(), random)
}

fn answered(status: u16, retry_after: Option<&str>) -> Reply {
    Reply::Answered(Answer {
        status,
        retry_after: retry_after.map(str::to_owned),
        ..Answer::default()
    })
}

fn hook() -> Webhook {
    webhook("backend", "https://example.com/")
}

fn fate(attempt: u32, status: u16) -> Fate {
    decided(hook(), attempt, answered(status, None), 0.0)
        .settlement
        .fate
}

#[test]
fn statuses_and_attempts_decide_the_fate() {
    let after = |seconds| Fate::Retry(ENDED.plus(secs(seconds)));
    for (attempt, status, expected) in [
        (1, 204, Fate::Delivered),
        (15, 200, Fate::Delivered),
        (1, 500, after(5)),
        (2, 404, after(15)),
        (6, 301, after(900)),
        (14, 500, after(86_400)),
        (15, 500, Fate::Failed),
        (16, 500, Fate::Failed),
        (1, 422, after(5)),
        (2, 400, after(15)),
        (3, 413, Fate::Failed),
        (1, 410, after(5)),
        (15, 410, Fate::Failed),
        (1, 429, after(60)),
        (4, 503, after(120)),
        (15, 503, Fate::Failed),
    ] {
        assert_eq!(
            fate(attempt, status),
            expected,
            "attempt {attempt}: {status}"
        );
    }
}

#[test]
fn an_empty_schedule_means_a_single_attempt() {
    let mut once = hook();
    once.retry = crate::domain::retry::RetrySchedule::new(Vec::new());
    let decision = decided(once, 1, answered(503, Some("9")), 0.0);
    assert_eq!(decision.settlement.fate, Fate::Failed);
    assert_eq!(decision.pause, Some(secs(9)));
}

#[test]
fn the_lane_rests_as_long_as_asked_and_never_less_than_the_first_wait() {
    let pause = |attempt, text| decided(hook(), attempt, answered(429, text), 0.0).pause;
    assert_eq!(pause(1, Some("30")), Some(secs(30)));
    assert_eq!(pause(1, Some("0")), Some(secs(5)));
    assert_eq!(pause(1, None), Some(secs(60)));
    assert_eq!(pause(1, Some("7200")), Some(secs(3_600)));
    // An old delivery's long wait is its own.
    assert_eq!(pause(12, Some("30")), Some(secs(30)));
    assert_eq!(
        decided(hook(), 1, answered(500, Some("30")), 0.0).pause,
        None
    );
}

#[test]
fn only_a_410_disables_and_says_so_without_the_address() {
    for status in 100..600 {
        let decision = decided(hook(), 1, answered(status, None), 0.0);
        let disable = decision.settlement.disable;
        assert_eq!(disable.is_some(), status == 410, "{status}");
        if let Some(record) = disable {
            assert_eq!((record.webhook.as_ref(), record.since), ("backend", ENDED));
            assert_eq!(record.reason, "the receiver answered 410 Gone");
            assert_eq!(record.url_hash.len(), 64);
        }
    }
}

#[test]
fn the_attempt_is_stored_as_it_went() {
    let broken = Reply::Broken(Breakage {
        class: ErrorClass::Timeout,
        detail: "too slow".to_owned(),
        status: Some(200),
        body: b"par".to_vec(),
    });
    let settlement = decided(hook(), 1, broken, 0.0).settlement;
    let expected = Attempt {
        started_at: ENDED.minus(secs(1)),
        took: secs(1),
        timing: Timing::default(),
        status: Some(200),
        error: Some("timeout"),
        answer: b"par".to_vec(),
    };
    assert_eq!(
        (settlement.delivery, settlement.attempt),
        (DeliveryId(7), Some(expected))
    );
    let delivered = decided(hook(), 1, answered(200, None), 0.0).settlement;
    assert_eq!(delivered.attempt.unwrap().error, None);
}

#[test]
fn attempts_that_a_person_asked_for_are_not_used_up() {
    let after = |attempts, spared| {
        let delivery = Delivery {
            spared,
            ..delivery(attempts)
        };
        decided_of(delivery, hook(), answered(500, None), 0.0)
            .settlement
            .fate
    };
    assert_eq!(after(14, 0), Fate::Failed);
    assert_eq!(after(14, 1), Fate::Retry(ENDED.plus(secs(24 * 3_600))));
    // Brought forward before its first attempt.
    assert_eq!(after(0, 1), Fate::Retry(ENDED.plus(secs(5))));
}

#[test]
fn a_replay_is_never_too_old_and_blocks_what_comes_after_for_seconds_alone() {
    let webhook = Webhook {
        max_age: Some(secs(60)),
        ..hook()
    };
    let endpoint = Endpoint::new(Arc::new(webhook.clone())).unwrap();
    let replay = |attempts| Delivery {
        event_at: ENDED.minus(secs(86_400)),
        spared: 15,
        replay_of: Some(crate::store::log::Status::Expired),
        ..delivery(attempts)
    };
    assert!(
        Claimed::new(replay(15))
            .unless_expired(&endpoint, ENDED)
            .is_ok()
    );
    let mut unasked = replay(15);
    unasked.replay_of = None;
    assert!(
        Claimed::new(unasked)
            .unless_expired(&endpoint, ENDED)
            .is_err()
    );
    let fate = |attempts| {
        let failed = answered(500, None);
        decided_of(replay(attempts), webhook.clone(), failed, 0.0)
            .settlement
            .fate
    };
    let after = |seconds| Fate::Retry(ENDED.plus(secs(seconds)));
    assert_eq!([15, 16, 17].map(fate), [after(5), after(15), Fate::Failed]);
}

#[test]
fn a_pause_is_stored_with_the_attempt_that_was_asked_for_it() {
    let paused = decided(hook(), 1, answered(429, Some("90")), 0.0).settlement;
    assert_eq!(paused.paused_until, Some(ENDED.plus(secs(90))));
    let failed = decided(hook(), 1, answered(500, Some("90")), 0.0).settlement;
    assert_eq!(failed.paused_until, None);
}

proptest! {
    #[test]
    fn a_retry_is_never_earlier_than_its_base_nor_a_fifth_later(attempt in 1_u32..15, random in 0.0..1.0) {
        let decision = decided(hook(), attempt, answered(500, None), random);
        let Fate::Retry(at) = decision.settlement.fate else {
            return Err(TestCaseError::fail("no retry"));
        };
        let wait = at.since(ENDED);
        let base = hook().retry.waits()[attempt as usize - 1];
        prop_assert!(wait >= base && wait <= base.mul_f64(1.2));
    }
}

#[tokio::test]
async fn an_event_that_the_format_cannot_carry_is_a_failed_attempt_that_sends_nothing() {
    #[derive(Debug)]
    struct Nobody;
    #[async_trait::async_trait]
    impl Sender for Nobody {
        async fn send(&self, _: crate::webhook::Request) -> Exchange {
            panic!("something was sent");
        }
    }
    let webhook = Webhook {
        format: crate::config::Format::Discord,
        ..hook()
    };
    let endpoint = Endpoint::new(Arc::new(webhook)).unwrap();
    let clock = Clock::simulated(ENDED);
    let concluded = Claimed::new(delivery(0))
        .send(&endpoint, &Nobody, &clock)
        .await;
    let decision = concluded.decide(&endpoint, 0.0);
    let attempt = decision.settlement.attempt.unwrap();
    assert_eq!((attempt.error, attempt.status), (Some("format"), None));
    assert_eq!(decision.settlement.fate, Fate::Retry(ENDED.plus(secs(5))));
    assert_eq!(decision.detail, "the stored body is no event");
}
