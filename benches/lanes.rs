//! One of ten webhooks never answers: what does it cost the other nine?
//!
//! The real binary on loopback, with deliveries that fall due one after another. Prints the
//! p99 from due to arrival of the nine, with and without the one that hangs, alternating in
//! one run, and fails if their ratio is above 1.2. Run it on a quiet machine:
//! `cargo bench --bench lanes`.

#![allow(
    clippy::format_push_string,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and fails by a panic"
)]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use tallylight::clock::Clock;
use tallylight::domain::{Event, EventId, EventType, Timestamp, Timing};
use tallylight::simulator::receiver::Receiver;
use tallylight::simulator::wire::{Reply, loopback};
use tallylight::store::sqlite::Sqlite;
use tallylight::store::{Attempt, Change, Delivery, Fate, Outgoing, Settlement, Store};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WEBHOOKS: usize = 10;
const EVENTS: usize = 500;
const EVERY: Duration = Duration::from_millis(20);
/// From filling the store to the first that falls due: the daemon starts within it.
const LEAD: Duration = Duration::from_secs(5);
const ROUNDS: usize = 5;
const MOST: f64 = 1.2;

fn id(webhook: usize) -> String {
    format!("w{webhook}")
}

fn configure(dir: &Path, receivers: &[Receiver]) {
    let mut text = "[konbini]\napi_key_file = \"key\"\nbase_url = \"http://127.0.0.1:9\"\n[polling]\nschedule = \"fixed\"\ninterval = \"6h\"\n[watchlist]\ncreators = [\"nobody\"]\n[storage]\nurl = \"sqlite:t.db\"\n[http]\nlisten = \"off\"\n".to_owned();
    for (number, receiver) in receivers.iter().enumerate() {
        let (id, url) = (id(number), receiver.url());
        text.push_str(&format!(
            "[[webhook]]\nid = \"{id}\"\nurl = \"{url}/\"\nsecret_file = \"secret\"\n"
        ));
    }
    std::fs::write(dir.join("config.toml"), text).unwrap();
    std::fs::write(dir.join("key"), "knbn_key").unwrap();
    std::fs::write(dir.join("secret"), SECRET).unwrap();
}

/// Event number `n`, of a creator of its own, so that none waits for another.
fn outgoing(n: usize, at: Timestamp) -> Outgoing {
    let event = Event {
        id: EventId::from_stored(format!("evt_{n:032x}")),
        kind: EventType::StreamUpdated,
        at,
        creator: Some(format!("creator{n}").parse().unwrap()),
        sequence: None,
        body: "{}".to_owned(),
    };
    Outgoing {
        event,
        webhooks: (0..WEBHOOKS).map(|number| id(number).into()).collect(),
    }
}

/// What makes `delivery` fall due at `due_at`: a retry, of something that was never sent.
fn put_off(delivery: &Delivery, due_at: Timestamp) -> Settlement {
    let attempt = Attempt {
        started_at: delivery.event_at,
        took: Duration::ZERO,
        timing: Timing::default(),
        status: None,
        error: Some("format"),
        answer: Vec::new(),
    };
    Settlement {
        delivery: delivery.id,
        attempt: Some(attempt),
        fate: Fate::Retry(due_at),
        disable: None,
        url_hash: String::new(),
        paused_until: None,
        alerts: Vec::new(),
    }
}

/// Fills a store; by event, when (monotonic) its deliveries fall due.
async fn fill(file: &Path, clock: &Clock) -> HashMap<String, Duration> {
    let store = Sqlite::open(file).unwrap();
    let now = clock.now();
    let events = (0..EVENTS).map(|n| outgoing(n, now)).collect();
    let change = Change {
        events,
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    let (now, monotonic) = (clock.now(), clock.monotonic());
    let mut due = HashMap::new();
    for number in 0..WEBHOOKS {
        let heads = store.due(&id(number).into(), now, EVENTS).await.unwrap();
        assert_eq!(heads.len(), EVENTS);
        let settled = heads.iter().enumerate().map(|(n, head)| {
            let wait = LEAD + EVERY * u32::try_from(n).unwrap();
            due.insert(head.event.to_string(), monotonic + wait);
            store.settle(put_off(head, now.plus(wait)))
        });
        let settled: Vec<_> = settled.collect();
        join_all(settled).await.into_iter().for_each(Result::unwrap);
    }
    store.close().await.unwrap();
    due
}

/// Ended with its round, whatever becomes of it.
struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_tallylight"))
            .env_clear()
            .args(["run", "--config"])
            .arg(dir.join("config.toml"))
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The p99 of nine webhooks; the tenth hangs or not.
async fn round(hangs: bool) -> Duration {
    let clock = Clock::system();
    let mut receivers = Vec::new();
    for number in 0..WEBHOOKS {
        let keys = vec![SECRET.parse().unwrap()];
        let receiver = Receiver::start(loopback().await.unwrap(), keys, clock.clone()).unwrap();
        if hangs && number == 0 {
            receiver.answer_with(Reply::Hang);
        }
        receivers.push(receiver);
    }
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &receivers);
    let due = fill(&dir.path().join("t.db"), &clock).await;
    let first = due.values().min().copied().unwrap();
    assert!(
        clock.monotonic() + Duration::from_secs(1) < first,
        "too slow a machine"
    );
    let _daemon = Daemon::start(dir.path());
    let mut waits = Vec::new();
    for receiver in &receivers[1..] {
        for received in receiver.wait_for(EVENTS).await {
            let due = due[received.id().unwrap()];
            assert!(
                received.at_monotonic + Duration::from_millis(50) > due,
                "too early"
            );
            waits.push(received.at_monotonic.saturating_sub(due));
        }
    }
    let hanging = receivers[0].count();
    assert!(
        hanging > 0 && (hanging < EVENTS / 10) == hangs,
        "{hanging} of {EVENTS}"
    );
    waits.sort_unstable();
    waits[waits.len() * 99 / 100]
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(runtime.block_on(round(false)));
        with.push(runtime.block_on(round(true)));
    }
    println!("p99 of nine webhooks, all ten answering: {without:?}");
    println!("p99 of nine webhooks, one hanging:       {with:?}");
    let ratio = median(with).as_secs_f64() / median(without).as_secs_f64();
    println!("ratio of the medians: {ratio:.3} (at most {MOST})");
    runtime.shutdown_background();
    if ratio <= MOST {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
