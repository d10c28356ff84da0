//! How the daemon starts, stops and shares: signals, exit codes, the lock, restarts.

use std::time::Duration;

use http::StatusCode;
use tallylight::simulator::{Answer, Fault, Reply};

use super::ledger::Ledger;
use super::{PATIENCE, Surroundings, name};

const ROOM: &str = "7600000000000000001";

async fn asked_once(around: &Surroundings, creators: usize) {
    for number in 0..creators {
        let handle = around.handle();
        let creator = name(number);
        let asked = handle.wait_for_polls(&creator, 1);
        tokio::time::timeout(PATIENCE, asked)
            .await
            .expect("a newcomer is not asked");
    }
}

#[tokio::test]
async fn a_start_and_an_end_arrive_signed_and_sigterm_exits_0() {
    let around = Surroundings::of(3).await;
    let daemon = around.start();
    asked_once(&around, 3).await;
    around.handle().set_live(&name(1), Some(ROOM));
    tokio::time::timeout(PATIENCE, around.receiver.wait_for(1))
        .await
        .unwrap();
    around.handle().set_offline(&name(1));
    tokio::time::timeout(PATIENCE, around.receiver.wait_for(2))
        .await
        .unwrap();
    let log = daemon.log();
    assert_eq!(daemon.stop().await, Some(0));
    let ledger = Ledger::audit(&around.receiver.received());
    assert_eq!(ledger.lives["creator1"].len(), 2);
    assert!(!log.contains("knbn_") && !log.contains("whsec_"), "{log}");
}

#[tokio::test]
async fn sigterm_exits_0_with_a_hanging_receiver_and_a_hanging_api() {
    let around = Surroundings::of(3).await;
    around.receiver.answer_with(Reply::Hang);
    let daemon = around.start();
    asked_once(&around, 3).await;
    around.handle().set_live(&name(0), Some(ROOM));
    tokio::time::timeout(PATIENCE, around.receiver.wait_for(1))
        .await
        .unwrap();
    around.handle().fault_everywhere(Some(Fault::Hang));
    let polls = around.handle().polls(&name(1)) + 1;
    let handle = around.handle();
    let creator = name(1);
    tokio::time::timeout(PATIENCE, handle.wait_for_polls(&creator, polls))
        .await
        .unwrap();

    // The promise is 25 s; what must not happen is that it waits for systemd's SIGKILL.
    let stopped = tokio::time::timeout(Duration::from_secs(25), daemon.stop()).await;
    assert_eq!(stopped.expect("not stopped within 25 s"), Some(0));

    // What was not delivered is delivered by the next daemon.
    around.handle().fault_everywhere(None);
    around
        .receiver
        .answer_with(Answer::status(StatusCode::NO_CONTENT).into());
    let daemon = around.start();
    tokio::time::timeout(PATIENCE, around.receiver.wait_for(2))
        .await
        .unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    let ledger = Ledger::audit(&around.receiver.received());
    assert_eq!((ledger.events, ledger.repeated), (1, 1));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let around = Surroundings::of(1).await;
    around.handle().fault_everywhere(Some(Fault::Hang));
    let mut daemon = around.start();
    asked_once(&around, 1).await;
    daemon.signal("TERM");
    wait_for_log(&daemon, "a second signal ends at once").await;
    daemon.signal("INT");
    assert_eq!(daemon.ended().await.code(), Some(1));
}

#[tokio::test]
async fn two_daemons_on_one_store_refuse_each_other() {
    let around = Surroundings::of(1).await;
    let first = around.start();
    asked_once(&around, 1).await;
    let mut second = around.start();
    assert_eq!(second.ended().await.code(), Some(1));
    let log = second.log();
    assert!(log.contains("is in use by another tallylight"), "{log}");
    assert_eq!(first.stop().await, Some(0));
}

#[tokio::test]
async fn an_unusable_configuration_exits_78_and_opens_nothing() {
    let around = Surroundings::of(1).await;
    around.reconfigure("[polling]", "[poling]");
    let mut daemon = around.start();
    assert_eq!(daemon.ended().await.code(), Some(78));
    assert!(daemon.log().contains("did you mean"), "{}", daemon.log());
    assert!(!around.store_file().exists());
    assert_eq!(around.handle().polls(&name(0)), 0);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let around = Surroundings::of(20).await;
    around.reconfigure("\ninterval = \"60ms\"", "\ninterval = \"10m\"");
    let daemon = around.start();
    asked_once(&around, 20).await;
    assert_eq!(daemon.stop().await, Some(0));
    let before = around.handle().credits_used();

    // A newcomer is asked at once; the others keep the time they had.
    let mut names = std::fs::read_to_string(around.folder.path().join("creators.txt")).unwrap();
    names.push_str("creator20\n");
    std::fs::write(around.folder.path().join("creators.txt"), names).unwrap();
    let daemon = around.start();
    let handle = around.handle();
    let newcomer = name(20);
    tokio::time::timeout(PATIENCE, handle.wait_for_polls(&newcomer, 1))
        .await
        .unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    let polls = around.handle().credits_used() - before;
    assert!(
        polls <= 3,
        "{polls} polls after the restart: one newcomer, and who fell due"
    );
}

#[tokio::test]
async fn a_refused_key_stops_the_polling() {
    let around = Surroundings::of(10).await;
    let daemon = around.start();
    asked_once(&around, 10).await;
    around.handle().set_key("knbn_another");
    wait_for_log(&daemon, "key_refused").await;
    let polls = || around.handle().polls_by_creator().values().sum::<u64>();
    // Those that were under way may still come in; then there is silence for a minute.
    let settled = around.handle().traffic().in_flight();
    let before = polls();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        polls() - before <= settled + 32,
        "it goes on asking at the normal rate"
    );
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_budget_is_a_hard_stop_even_for_a_daemon_that_is_killed_again_and_again() {
    const BUDGET: u64 = 120;
    for schedule in ["fixed", "learned"] {
        let around = Surroundings::of(3).await;
        let polling = format!(
            "[budget]\ncredits_per_month = {BUDGET}\n\n[polling]\nschedule = \"{schedule}\"\nmin_interval = \"20ms\""
        );
        around.reconfigure("[polling]", &polling);
        for _ in 0..4 {
            let daemon = around.start();
            let used = around.handle().credits_used();
            let handle = around.handle();
            let creator = name(0);
            let asked = handle.wait_for_polls(&creator, handle.polls(&creator) + 4);
            // Once the budget is spent nobody is asked any more.
            let _ = tokio::time::timeout(Duration::from_secs(1), asked).await;
            daemon.kill();
            assert!(around.handle().credits_used() >= used);
        }
        let daemon = around.start();
        if schedule == "fixed" {
            wait_for_log(&daemon, "credits_exhausted").await;
        }
        // Five daemons have written to this log; the last one listens for signals by then.
        wait_for_log_where(&daemon, "a fifth start", |log| {
            log.matches("watching").count() == 5
        })
        .await;
        assert_eq!(daemon.stop().await, Some(0));
        let used = around.handle().credits_used();
        assert!(
            (3..=BUDGET).contains(&used),
            "{schedule}: {used} of {BUDGET} credits"
        );
    }
}

/// Waits until the log says something.
pub(super) async fn wait_for_log(daemon: &super::Daemon, words: &str) {
    wait_for_log_where(daemon, words, |log| log.contains(words)).await;
}

async fn wait_for_log_where(daemon: &super::Daemon, what: &str, holds: impl Fn(&str) -> bool) {
    let said = async {
        while !holds(&daemon.log()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, said).await;
    in_time.unwrap_or_else(|_| panic!("{what:?} was never said:\n{}", daemon.log()));
}
