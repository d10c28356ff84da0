//! Ten thousand events to a receiver that does everything a receiver should not, on the real binary.

#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tallylight::clock::Clock;
use tallylight::domain::{Event, EventId, EventType, Timestamp};
use tallylight::simulator::receiver::{Receiver, Verdict};
use tallylight::simulator::wire::{Answer, Reply, loopback};
use tallylight::store::log::{DeliveryFilter, Status};
use tallylight::store::sqlite::Sqlite;
use tallylight::store::sqlite::log::DeliveryLog;
use tallylight::store::{Change, Outgoing, Store as _};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::program::{SECRET, tallylight};

const EVENTS: usize = 10_000;
const CREATORS: usize = 200;
const CONCURRENCY: usize = 16;
/// The receiver dies after so many requests.
const DIES_AT: usize = 6_000;
const PATIENCE: Duration = Duration::from_secs(200);

/// What the receiver does with request number `n`; `true` if it takes it.
fn mood(n: usize) -> (bool, Reply) {
    let answer = |status| Answer::status(status);
    let location = HeaderValue::from_static("http://127.0.0.1:9/elsewhere");
    let soon = HeaderValue::from_static("1");
    let reply = match n {
        _ if n.is_multiple_of(23) => answer(StatusCode::INTERNAL_SERVER_ERROR).into(),
        _ if n.is_multiple_of(31) => Reply::Reset,
        _ if n.is_multiple_of(37) => answer(StatusCode::FOUND)
            .with_header(http::header::LOCATION, location)
            .into(),
        _ if n.is_multiple_of(1_009) => answer(StatusCode::TOO_MANY_REQUESTS)
            .with_header(http::header::RETRY_AFTER, soon)
            .into(),
        _ if n.is_multiple_of(997) => Reply::Drip {
            answer: answer(StatusCode::OK).with_body("x".repeat(1_000)),
            piece: 1,
            every: Duration::from_millis(100),
        },
        _ => return (true, answer(StatusCode::NO_CONTENT).into()),
    };
    (false, reply)
}

/// The number of each event that came, in order, and whether it was taken.
type Ledger = Arc<Mutex<Vec<(usize, bool)>>>;

/// Answers by mood, and writes down what it did.
fn moody(receiver: &Receiver, ledger: &Ledger) {
    let ledger = Arc::clone(ledger);
    receiver.answer_by(move |received| {
        assert_eq!(received.verdict, Verdict::Genuine);
        let n = received.json().unwrap()["data"]["n"].as_u64().unwrap();
        assert_eq!(received.id().unwrap(), format!("evt_{n:032x}"));
        let mut ledger = ledger.lock().unwrap();
        let (taken, reply) = mood(ledger.len() + 1);
        ledger.push((usize::try_from(n).unwrap(), taken));
        reply
    });
}

fn event(n: usize) -> Outgoing {
    let start: Timestamp = "2026-02-27T18:00:00Z".parse().unwrap();
    let at = start.plus(Duration::from_millis(u64::try_from(n).unwrap()));
    let event = Event {
        id: EventId::from_stored(format!("evt_{n:032x}")),
        kind: EventType::StreamUpdated,
        at,
        creator: Some(format!("creator{}", n % CREATORS).parse().unwrap()),
        sequence: None,
        body: format!(r#"{{"type":"stream.updated","timestamp":"{at}","data":{{"n":{n}}}}}"#),
    };
    Outgoing {
        event,
        webhooks: vec!["backend".into()],
    }
}

/// A store with all events and a configuration that sends them to `url`.
async fn prepared(url: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("t.db")).unwrap();
    let change = Change {
        events: (0..EVENTS).map(event).collect(),
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    store.close().await.unwrap();
    let retry = vec!["\"100ms\""; 50].join(", ");
    let config = format!(
        "[konbini]\napi_key_file = \"key\"\nbase_url = \"http://127.0.0.1:9\"\n[polling]\nschedule = \"fixed\"\ninterval = \"6h\"\n[watchlist]\ncreators = [\"nobody\"]\n\
         [[webhook]]\nid = \"backend\"\nurl = \"{url}/hook\"\nsecret_file = \"secret\"\ntimeout = \"1s\"\n\
         concurrency = {CONCURRENCY}\nretry = [{retry}]\n[storage]\nurl = \"sqlite:t.db\"\n[http]\nlisten = \"off\"\n"
    );
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    std::fs::write(dir.path().join("key"), "knbn_key").unwrap();
    std::fs::write(dir.path().join("secret"), SECRET).unwrap();
    dir
}

async fn receiver(address: Option<SocketAddr>) -> Receiver {
    let listener = match address {
        Some(address) => TcpListener::bind(address).await.unwrap(),
        None => loopback().await.unwrap(),
    };
    let keys = vec![SECRET.parse().unwrap()];
    Receiver::start(listener, keys, Clock::system()).unwrap()
}

/// Ended with the test, whatever becomes of it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pending(log: &DeliveryLog) -> bool {
    let filter = DeliveryFilter {
        statuses: vec![Status::Pending],
        ..DeliveryFilter::default()
    };
    !log.deliveries(&filter, 1).unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_survive_everything_a_receiver_can_do() {
    let ledger = Ledger::default();
    let first = receiver(None).await;
    let address = first.wire().address();
    moody(&first, &ledger);
    let dir = prepared(&first.url()).await;
    let daemon = tallylight()
        .args(["run", "--config"])
        .arg(dir.path().join("config.toml"))
        .stderr(Stdio::null())
        .spawn();
    let _daemon = Daemon(daemon.unwrap());
    first.wait_for(DIES_AT).await;
    first.stop().await;
    let second = receiver(Some(address)).await;
    moody(&second, &ledger);
    let log = DeliveryLog::open(&dir.path().join("t.db")).unwrap();
    let done = async {
        while second.count() + DIES_AT < EVENTS || pending(&log) {
            // The last settlement comes after the last request, and nobody tells of it.
            let next = second.wait_for(second.count() + 1);
            let _ = tokio::time::timeout(Duration::from_millis(100), next).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
    in_order_and_once(&ledger.lock().unwrap());
    let delivered = DeliveryFilter {
        statuses: vec![Status::Delivered],
        ..DeliveryFilter::default()
    };
    let delivered = log.deliveries(&delivered, usize::MAX).unwrap();
    assert_eq!(delivered.len(), EVENTS);
}

fn in_order_and_once(ledger: &[(usize, bool)]) {
    let mut taken: HashMap<usize, usize> = HashMap::new();
    let mut last: HashMap<usize, usize> = HashMap::new();
    for (n, was_taken) in ledger {
        // The same again, or the next: never back to one before.
        let before = last.insert(n % CREATORS, *n);
        assert!(
            before.is_none_or(|before| before == *n || before + CREATORS == *n),
            "{before:?} {n}"
        );
        if *was_taken {
            *taken.entry(*n).or_default() += 1;
        }
    }
    assert_eq!(taken.len(), EVENTS);
    // What was under way when the receiver died may have been taken without an answer.
    let twice = taken.values().filter(|times| **times > 1).count();
    assert!(twice <= CONCURRENCY, "{twice} were taken twice");
    let refused = ledger.iter().filter(|(_, taken)| !taken).count();
    assert!(refused > EVENTS / 20, "only {refused} were refused");
}
