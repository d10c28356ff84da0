//! What becomes of stored deliveries: changed and removed webhooks, replays beside the daemon.

use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use tallylight::clock::Clock;
use tallylight::domain::signature::SigningKey;
use tallylight::domain::{Event, EventId, EventType, Timestamp, Timing};
use tallylight::simulator::receiver::{Received, Verdict};
use tallylight::simulator::{Answer, Receiver, Reply, wire};
use tallylight::store::log::{DeliveryFilter, DeliveryRecord, Status};
use tallylight::store::sqlite::Sqlite;
use tallylight::store::sqlite::log::DeliveryLog;
use tallylight::store::{Attempt, Change, Fate, Outgoing, Settlement, Store as _};

use super::{PATIENCE, Surroundings, name};
use crate::program::{Ran, ran, tallylight};

fn event(n: usize, webhook: &str) -> Outgoing {
    let at: Timestamp = "2026-02-27T18:00:00Z".parse().unwrap();
    let event = Event {
        id: EventId::from_stored(format!("evt_{n:032x}")),
        kind: EventType::StreamUpdated,
        at: at.plus(Duration::from_secs(u64::try_from(n).unwrap())),
        creator: Some(name(n % 3)),
        sequence: None,
        body: format!(r#"{{"type":"stream.updated","data":{{"n":{n}}}}}"#),
    };
    Outgoing {
        event,
        webhooks: vec![webhook.into()],
    }
}

/// A store with these deliveries, pending.
async fn stored(around: &Surroundings, events: Vec<Outgoing>) -> Sqlite {
    let store = Sqlite::open(&around.store_file()).unwrap();
    let change = Change {
        events,
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    store
}

/// Ends every delivery of `backend` without a 2xx.
async fn fail_all(store: &Sqlite) {
    let webhook = "backend".into();
    let now = Clock::system().now();
    while let Some(head) = store.due(&webhook, now, 1).await.unwrap().pop() {
        let attempt = Attempt {
            started_at: head.event_at,
            took: Duration::from_millis(7),
            timing: Timing::default(),
            status: Some(400),
            error: Some("http_4xx"),
            answer: Vec::new(),
        };
        let settlement = Settlement {
            delivery: head.id,
            attempt: Some(attempt),
            fate: Fate::Failed,
            disable: None,
            url_hash: "another address".to_owned(),
            paused_until: None,
            alerts: Vec::new(),
        };
        store.settle(settlement).await.unwrap();
    }
}

fn deliveries(around: &Surroundings, status: Status) -> Vec<DeliveryRecord> {
    let log = DeliveryLog::open(&around.store_file()).unwrap();
    let filter = DeliveryFilter {
        webhook: Some("backend".to_owned()),
        statuses: vec![status],
        ..DeliveryFilter::default()
    };
    log.deliveries(&filter, 999).unwrap()
}

/// Waits until so many deliveries of `backend` are settled as delivered.
async fn delivered(around: &Surroundings, count: usize) -> Vec<DeliveryRecord> {
    let settled = async {
        loop {
            let found = deliveries(around, Status::Delivered);
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap()
}

async fn cli(around: &Surroundings, arguments: &[&str]) -> Ran {
    let mut command = tallylight();
    let config = around.config_file();
    command.arg("--config").arg(config).args(arguments);
    ran(command).await
}

fn number(request: &Received) -> u64 {
    request.json().unwrap()["data"]["n"].as_u64().unwrap()
}

#[tokio::test]
async fn a_changed_address_secret_and_header_apply_to_what_is_pending() {
    let around = Surroundings::of(1).await;
    let refusal = Answer::status(StatusCode::INTERNAL_SERVER_ERROR);
    around.receiver.answer_with(refusal.into());
    let store = stored(&around, vec![event(1, "backend")]).await;
    store.close().await.unwrap();
    let daemon = around.start();
    let before = around.receiver.wait_for(1).await.remove(0);
    assert_eq!(before.verdict, Verdict::Genuine);
    assert_eq!(daemon.stop().await, Some(0));

    let key = SigningKey::from_bytes([7; 32]);
    let listener = wire::loopback().await.unwrap();
    let second = Receiver::start(listener, vec![key.clone()], Clock::system()).unwrap();
    let old = format!("url = \"{}/hook\"", around.receiver.url());
    let new = format!(
        "headers = {{ x-team = \"night\" }}\nurl = \"{}/moved\"",
        second.url()
    );
    around.reconfigure(&old, &new);
    around.reconfigure(&SigningKey::from_bytes([42; 32]).expose(), &key.expose());
    let so_far = around.receiver.count();
    let daemon = around.start();
    let after = second.wait_for(1).await.remove(0);
    assert_eq!(
        after.verdict,
        Verdict::Genuine,
        "signed with the old secret"
    );
    assert_eq!((after.id(), &after.body), (before.id(), &before.body));
    assert_eq!(after.target, "/moved");
    assert_eq!(after.header("x-team"), Some("night"));
    delivered(&around, 1).await;
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(around.receiver.count(), so_far);
}

#[tokio::test]
async fn deliveries_of_a_removed_webhook_wait_and_follow_when_its_id_returns() {
    let around = Surroundings::of(1).await;
    let mut events: Vec<_> = (0..6).map(|n| event(n, "backend")).collect();
    events.push(event(6, "other"));
    stored(&around, events).await.close().await.unwrap();
    around.reconfigure("id = \"backend\"", "id = \"other\"");
    let daemon = around.start();
    // The other webhook's arrives: deliveries were sent.
    let arrived = around.receiver.wait_for(1).await;
    assert_eq!(number(&arrived[0]), 6);
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(around.receiver.count(), 1);
    let parked = deliveries(&around, Status::Pending);
    assert!(parked.len() == 6 && parked.iter().all(|d| d.attempts == 0));
    let listed = cli(&around, &["deliveries", "list", "--webhook", "backend"]).await;
    let listed = listed.stdout;
    assert_eq!(listed.matches("pending").count(), 6, "{listed}");

    around.reconfigure("id = \"other\"", "id = \"backend\"");
    let daemon = around.start();
    let arrived = around.receiver.wait_for(7).await.split_off(1);
    in_order(&arrived, 6);
    let settled = delivered(&around, 6).await;
    assert!(settled.iter().all(|d| d.attempts == 1));
    assert_eq!(daemon.stop().await, Some(0));
}

/// All of the first `count` events, each genuine and once, those of one creator in order.
fn in_order(arrived: &[Received], count: u64) {
    let numbers: Vec<u64> = arrived.iter().map(number).collect();
    for creator in 0..3 {
        let of_one: Vec<u64> = numbers
            .iter()
            .copied()
            .filter(|n| n % 3 == creator)
            .collect();
        let expected: Vec<u64> = (0..count).filter(|n| n % 3 == creator).collect();
        assert_eq!(of_one, expected);
    }
    for request in arrived {
        assert_eq!(request.verdict, Verdict::Genuine);
        assert_eq!(
            request.id().unwrap(),
            format!("evt_{:032x}", number(request))
        );
    }
}

#[tokio::test]
async fn a_replay_beside_a_running_daemon_is_sent_by_it_in_order_under_the_same_ids() {
    let around = Surroundings::of(1).await;
    // What a person asks for is never too old.
    around.reconfigure("timeout = \"15s\"", "timeout = \"15s\"\nmax_age = \"1h\"");
    let store = stored(&around, (0..9).map(|n| event(n, "backend")).collect()).await;
    fail_all(&store).await;
    store.close().await.unwrap();
    let daemon = around.start();
    // A poll: it has the store.
    let polls = async {
        while around.handle().credits_used() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polls).await.unwrap();
    let dry = cli(&around, &["deliveries", "replay", "--dry-run"]).await;
    assert_eq!(dry.stderr, "9 deliveries would be sent\n");
    assert_eq!(around.receiver.count(), 0);
    let replay = ["deliveries", "replay", "--rate", "1000/s"];
    let replayed = cli(&around, &replay).await;
    let expected = "9 handed to the running daemon, `deliveries list` tells the rest\n";
    assert_eq!(replayed.stderr, expected);
    assert_eq!(replayed.code, Some(0));
    in_order(&around.receiver.wait_for(9).await, 9);
    let settled = delivered(&around, 9).await;
    assert!(settled.iter().all(|d| d.attempts == 2));
    let again = cli(&around, &replay).await;
    assert_eq!(again.stderr, "0 delivered, 0 failed\n");
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(around.receiver.count(), 9);
}

#[tokio::test]
async fn pending_deliveries_are_brought_forward_by_a_replay_beside_the_daemon() {
    let around = Surroundings::of(1).await;
    let hurry = format!("retry = [{}]", vec!["\"100ms\""; 50].join(", "));
    around.reconfigure(&hurry, "retry = [\"1h\"]");
    around
        .receiver
        .answer_by(|_| Reply::from(Answer::status(StatusCode::BAD_GATEWAY)));
    stored(&around, vec![event(1, "backend")])
        .await
        .close()
        .await
        .unwrap();
    let daemon = around.start();
    around.receiver.wait_for(1).await;
    let failed = async {
        while deliveries(&around, Status::Pending)[0].attempts == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.unwrap();
    let forward = ["deliveries", "replay", "--status", "pending"];
    // By itself it would have no attempt left after the second.
    for requests in 2..4 {
        assert_eq!(cli(&around, &forward).await.code, Some(0));
        around.receiver.wait_for(requests).await;
        let settled = async {
            while deliveries(&around, Status::Pending)[0].attempts
                < u32::try_from(requests).unwrap()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap();
    }
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_replay_shows_its_progress_on_a_terminal_alone() {
    let around = Surroundings::of(1).await;
    let store = stored(&around, (0..9).map(|n| event(n, "backend")).collect()).await;
    fail_all(&store).await;
    store.close().await.unwrap();
    let config = around.config_file();
    let program = env!("CARGO_BIN_EXE_tallylight");
    let replay = |status| {
        format!(
            "{program} --config {} deliveries replay --rate 100/s --status {status}",
            config.display()
        )
    };
    // A terminal for its stderr, by the program that comes with every Linux.
    let mut on_terminal = Command::new("script");
    on_terminal
        .env("TERM", "xterm")
        .args(["-qec", &replay("failed"), "/dev/null"]);
    let run = tokio::task::spawn_blocking(move || on_terminal.output().unwrap());
    let shown = String::from_utf8(run.await.unwrap().stdout).unwrap();
    assert!(shown.contains("9 delivered, 0 failed"), "{shown}");
    assert!(shown.contains(" of 9, "), "{shown}");
    let mut off_terminal = Command::new("sh");
    off_terminal.args(["-c", &replay("delivered")]);
    let run = tokio::task::spawn_blocking(move || off_terminal.output().unwrap());
    let told = String::from_utf8(run.await.unwrap().stderr).unwrap();
    assert_eq!(told, "9 delivered, 0 failed\n");
}
