//! kill -9 at random moments while streams come and go and the receiver fails.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tallylight::simulator::{Answer, Reply};

use super::ledger::Ledger;
use super::{PATIENCE, Surroundings, name};

const CREATORS: usize = 12;

/// 200 under the whole gate, 20 elsewhere.
fn kills() -> u64 {
    if std::env::var_os("TALLYLIGHT_TEST_ALL").is_some() {
        200
    } else {
        20
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_invents_repeats_or_misorders_an_event() {
    let around = Surroundings::of(CREATORS).await;
    let mut random = StdRng::seed_from_u64(20);
    let mut rooms = HashSet::new();
    let mut next_room = 7_600_000_000_000_000_000_u64;
    fail_now_and_then(&around);

    for _ in 0..kills() {
        let daemon = around.start();
        for _ in 0..random.random_range(1..8) {
            let creator = name(random.random_range(0..CREATORS));
            if random.random_bool(0.5) {
                next_room += 1;
                rooms.insert(next_room.to_string());
                around
                    .handle()
                    .set_live(&creator, Some(&next_room.to_string()));
            } else {
                around.handle().set_offline(&creator);
            }
            // Not a wait for an effect: the kill has to come at any moment.
            let moment = Duration::from_micros(random.random_range(0..90_000));
            tokio::time::sleep(moment).await;
        }
        daemon.kill();
    }

    let ledger = let_it_come_to_rest(&around).await;
    ledger.agrees_with(&around.store_file());
    let announced = ledger
        .lives
        .values()
        .flatten()
        .filter(|entry| entry.started);
    for entry in announced {
        assert!(rooms.contains(&entry.room), "{} was invented", entry.room);
    }
    let least = usize::try_from(kills()).unwrap() / 2;
    assert!(
        ledger.events > least,
        "only {} events: nothing was tested",
        ledger.events
    );
    eprintln!(
        "{} kills, {} events, {} repeated deliveries",
        kills(),
        ledger.events,
        ledger.repeated
    );
}

/// The receiver refuses, breaks off or is slow for some of the deliveries.
fn fail_now_and_then(around: &Surroundings) {
    let arrivals = Arc::new(AtomicU64::new(0));
    around.receiver.answer_by(move |_| {
        let accepted = Answer::status(StatusCode::NO_CONTENT);
        match arrivals.fetch_add(1, Ordering::Relaxed) % 7 {
            2 => Answer::status(StatusCode::INTERNAL_SERVER_ERROR).into(),
            4 => Reply::Reset,
            5 => Reply::from(accepted).after(Duration::from_millis(80)),
            _ => accepted.into(),
        }
    });
}

/// Ends all streams and lets a last daemon tell of it; the audit of everything that arrived.
async fn let_it_come_to_rest(around: &Surroundings) -> Ledger {
    (0..CREATORS).for_each(|number| around.handle().set_offline(&name(number)));
    around
        .receiver
        .answer_with(Answer::status(StatusCode::NO_CONTENT).into());
    let daemon = around.start();
    // Everybody has been asked several times, and everything that this told has arrived.
    for number in 0..CREATORS {
        let asked = around.handle().polls(&name(number)) + 4;
        let polls = around.handle();
        let creator = name(number);
        let waiting = polls.wait_for_polls(&creator, asked);
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("nobody is asked any more");
    }
    let ended = around
        .receiver
        .wait_until(|received| Ledger::audit(received).all_ended());
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("an end never arrived");
    assert_eq!(daemon.stop().await, Some(0));
    Ledger::audit(&around.receiver.received())
}
