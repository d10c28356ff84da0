//! The real binary sweeps the following list of an account: one credit for thirty creators.

use serde_json::Value;
use tallylight::domain::Username;
use tallylight::simulator::api::Call;

use super::web::{listening, until, with_listener};
use super::{Surroundings, name};

const ROOM: &str = "7600000000000000001";
const WATCHED: usize = 40;

fn watcher() -> Username {
    "watcher".parse().unwrap()
}

/// A watchlist of two pages under the learned schedule; the account follows all but the last two.
async fn learned() -> Surroundings {
    let around = Surroundings::of(WATCHED).await;
    with_listener(&around);
    around.reconfigure(
        "[polling]\ninterval = \"60ms\"\nlive_interval = \"60ms\"",
        "[budget]\ncredits_per_month = 25000\n[polling]\nschedule = \"learned\"\nmin_interval = \"60ms\"",
    );
    let follows: Vec<_> = (0..WATCHED - 2).map(name).collect();
    around.handle().set_following(&watcher(), &follows, 1);
    around
}

fn sweeps(status: &str) -> Value {
    let status: Value = serde_json::from_str(status).unwrap();
    status["sweeps"].clone()
}

fn calls(around: &Surroundings, call: Call) -> usize {
    let log = around.handle().log();
    log.iter().filter(|asked| asked.call == call).count()
}

#[tokio::test]
async fn whoever_goes_live_between_polls_is_found_by_a_sweep_and_trust_outlives_a_kill() {
    let around = learned().await;
    let (daemon, url) = listening(&around).await;
    until(&url, "/api/v1/status", |text| {
        text.contains("\"offline\":40")
    })
    .await;
    let before = calls(&around, Call::Live);
    assert_eq!(before, WATCHED);
    around.handle().set_live(&name(33), Some(ROOM));

    // A reload begins the sweeps: the flag on the second page brings a poll at once.
    around.reconfigure("[storage]", "[sweep]\naccount = \"watcher\"\n[storage]");
    let started = around.receiver.wait_for(1).await;
    assert_eq!(started[0].event_type().as_deref(), Some("stream.started"));
    assert!(String::from_utf8_lossy(&started[0].body).contains("creator33"));
    assert_eq!(calls(&around, Call::Following), 2, "two pages");
    assert_eq!(calls(&around, Call::Live), before + 1, "and one poll");

    let status = until(&url, "/api/v1/status", |text| sweeps(text)["found"] == 1).await;
    let known = sweeps(&status);
    assert_eq!(known["credits"], 2);
    assert_eq!(known["missing_in_all"], 2);
    assert_eq!(known["missing"][0], "creator38");
    assert!(known["minutes_saved"].as_f64().unwrap() > 1.0, "{known}");
    let log = daemon.log();
    assert!(log.contains("follow these"), "{log}");
    assert!(log.contains("@creator38, @creator39"), "{log}");

    // What was learnt is stored with the next checkpoint.
    let stored = async {
        loop {
            let store = rusqlite::Connection::open(around.store_file()).unwrap();
            let value = store.query_row("SELECT value FROM meta WHERE key = 'sweeps'", [], |row| {
                row.get::<_, String>(0)
            });
            if value.is_ok_and(|text| text.contains("\"found\":1")) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE * 2, stored)
        .await
        .expect("never stored");
    daemon.kill();
    std::fs::remove_file(around.config_file().with_file_name("log.txt")).unwrap();
    let (daemon, url) = listening(&around).await;
    let status = until(&url, "/api/v1/status", |text| !sweeps(text).is_null()).await;
    let after = sweeps(&status);
    for figure in ["recall", "uncertainty", "credits", "found", "minutes_saved"] {
        assert_eq!(after[figure], known[figure], "{figure}");
    }
    // The list was read a moment ago: a program that keeps dying does not pay for it each time.
    assert_eq!(calls(&around, Call::Following), 2);
    assert_eq!(daemon.stop().await, Some(0));
}
