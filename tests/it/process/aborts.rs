//! Aborts between two writes, where a random kill seldom hits: each point named, each in turn.
//!
//! Debug builds alone can be told to abort; a release build of the tests says so.

use std::time::Duration;

use super::ledger::{Ledger, Stored};
use super::{Daemon, PATIENCE, Surroundings, name};

/// Aborts at `point` for the first, second, ... time while one creator goes live and offline.
async fn abort_at(point: &str, times: &[u32]) {
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: a release build cannot be told to abort");
        return;
    }
    for time in times {
        let around = Surroundings::of(3).await;
        let wanted = format!("{point}:{time}");
        let mut daemon = around.start_with(&[("TALLYLIGHT_ABORT_AT", &wanted)]);
        go_through_a_stream(&around, &mut daemon).await;
        // Some points are passed only on the way out.
        if daemon.child.try_wait().unwrap().is_none() {
            daemon.signal("TERM");
        }
        let status = daemon.ended().await;
        assert!(
            !status.success(),
            "it never came to {wanted}: {status}\n{}",
            daemon.log()
        );

        let daemon = around.start();
        tell_the_rest(&around, &daemon).await;
        assert_eq!(daemon.stop().await, Some(0));
        let ledger = Ledger::audit(&around.receiver.received());
        assert!(
            ledger.events >= 2 && ledger.events.is_multiple_of(2),
            "{wanted}: {ledger:?}"
        );
        ledger.agrees_with(&around.store_file());
    }
}

/// Lets creator 0 go live and offline, each as soon as the last was told or the daemon is gone.
async fn go_through_a_stream(around: &Surroundings, daemon: &mut Daemon) {
    for step in 0..2 {
        if step == 0 {
            settle_in(around, daemon).await;
            around
                .handle()
                .set_live(&name(0), Some("7600000000000000001"));
        } else {
            around.handle().set_offline(&name(0));
        }
        let told = around.receiver.wait_for(step + 1);
        tokio::select! {
            _ = told => {}
            _ = daemon.ended() => return,
        }
    }
}

/// Waits until everybody was asked twice, so that the start is no newcomer's.
async fn settle_in(around: &Surroundings, daemon: &mut Daemon) {
    let handle = around.handle();
    for number in 0..3 {
        let creator = name(number);
        tokio::select! {
            () = handle.wait_for_polls(&creator, 2) => {}
            _ = daemon.ended() => return,
        }
    }
}

/// A start that was missed is shown again, and everything that is told arrives.
async fn tell_the_rest(around: &Surroundings, daemon: &Daemon) {
    let handle = around.handle();
    let creator = name(0);
    let asked = handle.polls(&creator) + 2;
    let told = async {
        handle.wait_for_polls(&creator, asked).await;
        loop {
            let ledger = Ledger::audit(&around.receiver.received());
            match ledger.lives.get("creator0").map(Vec::len) {
                None => around
                    .handle()
                    .set_live(&name(0), Some("7600000000000000001")),
                Some(entries) if entries % 2 == 1 => around.handle().set_offline(&name(0)),
                Some(_) if Stored::read(&around.store_file()).pending == 0 => return,
                Some(_) => {}
            }
            let more = around.receiver.count() + 1;
            let _ =
                tokio::time::timeout(Duration::from_millis(200), around.receiver.wait_for(more))
                    .await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, told).await;
    in_time.unwrap_or_else(|_| panic!("never told; the log:\n{}", daemon.log()));
}

#[tokio::test]
async fn before_the_commit_of_a_transition() {
    // The first three are the first answers of the three creators, then a start and an end.
    abort_at("transition.before_commit", &[1, 2, 3, 4]).await;
}

#[tokio::test]
async fn after_the_commit_of_a_transition() {
    abort_at("transition.after_commit", &[1, 2, 3, 4]).await;
}

#[tokio::test]
async fn between_the_operations_of_one_batch() {
    abort_at("batch.between_operations", &[1]).await;
}

#[tokio::test]
async fn between_commit_and_send() {
    abort_at("delivery.before_send", &[1, 2]).await;
}

#[tokio::test]
async fn between_send_and_settle() {
    abort_at("delivery.before_settle", &[1, 2]).await;
}

#[tokio::test]
async fn around_the_commit_of_a_settlement() {
    abort_at("settle.before_commit", &[1, 2]).await;
    abort_at("settle.after_commit", &[1, 2]).await;
}

#[tokio::test]
async fn during_a_checkpoint() {
    abort_at("checkpoint.before_commit", &[1]).await;
    abort_at("checkpoint.after_commit", &[1]).await;
}

#[tokio::test]
async fn during_a_migration() {
    abort_at("migration.before_commit", &[1]).await;
    abort_at("migration.after_commit", &[1]).await;
}

#[test]
fn every_point_of_the_store_has_a_test_here() {
    let here = include_str!("aborts.rs");
    for point in tallylight::store::ABORT_POINTS {
        assert!(
            here.contains(&format!("(\"{point}\"")),
            "{point} is never aborted at"
        );
    }
}
