//! What keeps the poller's own word: its health told once and truly, and no credit paid twice.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_crowd_that_was_told_before_a_restart_is_told_as_over_after_it() {
    let snapshot = Snapshot {
        degraded: BTreeMap::from([(DegradedReason::MassFlip, START)]),
        ..Snapshot::default()
    };
    let mut bench = Bench::restarted(&config(3), snapshot);
    bench.round(|_| Observation::Offline);
    assert_eq!(bench.events(), [EventType::MonitorRecovered]);
}

#[test]
fn creators_with_short_and_long_intervals_do_not_take_turns_in_telling_of_lateness() {
    let mut config = config(20);
    config.polling.interval = second(3_600);
    for creator in config.creators.iter_mut().step_by(2) {
        creator.interval = Some(second(60));
    }
    let mut bench = Bench::settled_with(&config);
    // The program stood still: everybody is late by more than the short interval and by
    // less than a quarter of the long one.
    bench.now += second(3_600);
    for index in 0..20 {
        bench.core.queue.schedule(index, bench.now - second(300));
    }
    bench.round(|_| Observation::Offline);
    assert_eq!(bench.events(), [EventType::MonitorDegraded]);
}

#[test]
fn a_reason_is_stored_as_held_together_with_its_event_and_no_sooner() {
    let mut bench = Bench::settled(2);
    let polls = [bench.poll(), bench.poll()];
    let causes = [Cause::KeyRefused, Cause::CreditsExhausted];
    for (poll, cause) in polls.iter().zip(causes) {
        let job = bench
            .core
            .answered(poll, &answer(unclear(cause)), bench.at(), 0.5);
        assert!(job.is_none());
    }
    let first = bench.core.news_job().unwrap();
    let held = |job: &Job| -> Vec<_> {
        let degraded = job.change.degraded.as_ref().unwrap();
        degraded.keys().copied().collect()
    };
    // Killed after this commit, the next start must still tell of the credits.
    assert_eq!(held(&first), [DegradedReason::KeyRefused]);
    bench.store(first);
    let second = bench.core.news_job().unwrap();
    let both = [DegradedReason::KeyRefused, DegradedReason::CreditsExhausted];
    assert_eq!(held(&second), both);
}

#[test]
fn an_answer_that_was_paid_for_is_not_asked_for_again_within_the_same_poll() {
    let mut bench = Bench::settled(1);
    let poll = bench.poll();
    let asked_at = bench.now;
    let mut broken = Unclear::new(Cause::Connection, "the body broke off");
    broken.paid = true;
    bench.answer(&poll, &Observation::Unclear(broken));
    bench.poll();
    assert!(bench.now - asked_at >= second(50), "{:?}", bench.now);
}

#[test]
fn a_fault_that_says_when_to_come_back_is_not_asked_sooner() {
    let mut bench = Bench::settled(1);
    let mut busy = Unclear::new(Cause::ServerFault, "503");
    busy.retry_after = Some(second(120));
    let mut asked_at = None;
    for _ in 0..6 {
        let poll = bench.poll();
        let since = asked_at.map(|at| bench.now - at);
        assert!(since.is_none_or(|wait| wait >= second(120)), "{since:?}");
        asked_at = Some(bench.now);
        bench.answer(&poll, &Observation::Unclear(busy.clone()));
    }
}
