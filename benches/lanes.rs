//! One of ten webhooks never answers: what does it cost the other nine?
//!
//! The real dispatcher, store and transport on loopback. Prints the p99 from commit to
//! arrival of the nine, with and without the one that hangs, alternating in one run, and
//! fails if their ratio is above 1.2. Run it on a quiet machine: `cargo bench --bench lanes`.

#![allow(
    clippy::format_push_string,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and fails by a panic"
)]

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tallylight::clock::Clock;
use tallylight::config::{Webhook, from_text};
use tallylight::daemon::Progress;
use tallylight::daemon::dispatcher::{Dispatcher, DispatcherParts};
use tallylight::daemon::instruments::Instruments;
use tallylight::domain::{Event, EventId, EventType};
use tallylight::simulator::receiver::Receiver;
use tallylight::simulator::wire::{Reply, loopback};
use tallylight::store::sqlite::Sqlite;
use tallylight::store::{Change, Outgoing, Store};
use tallylight::webhook::HttpSender;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WEBHOOKS: usize = 10;
const EVENTS: usize = 600;
const CREATORS: usize = 100;
const EVERY: Duration = Duration::from_millis(10);
const ROUNDS: usize = 5;
const MOST: f64 = 1.2;

fn webhooks(receivers: &[Receiver]) -> Vec<Arc<Webhook>> {
    let mut text = "[konbini]\napi_key = \"k\"\n[polling]\nschedule = \"fixed\"\n[watchlist]\ncreators = [\"a0\"]\n".to_owned();
    for (number, receiver) in receivers.iter().enumerate() {
        let url = receiver.url();
        text.push_str(&format!(
            "[[webhook]]\nid = \"w{number}\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n"
        ));
    }
    let loaded = from_text(Path::new("config.toml"), text, &|_| None);
    loaded
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
        .webhooks
}

fn outgoing(n: usize, clock: &Clock, webhooks: &[Arc<Webhook>]) -> Outgoing {
    let event = Event {
        id: EventId::from_stored(format!("evt_{n:032x}")),
        kind: EventType::StreamUpdated,
        at: clock.now(),
        creator: Some(format!("creator{}", n % CREATORS).parse().unwrap()),
        sequence: None,
        body: "{}".to_owned(),
    };
    Outgoing {
        event,
        webhooks: webhooks.iter().map(|webhook| webhook.id.clone()).collect(),
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
    let store = Arc::new(Sqlite::open(&dir.path().join("t.db")).unwrap());
    let webhooks = webhooks(&receivers);
    let dispatcher = Dispatcher::new(DispatcherParts {
        instruments: Instruments::default(),
        store: store.clone(),
        clock: clock.clone(),
        sender: Arc::new(HttpSender::new().unwrap()),
        webhooks: webhooks.clone(),
        progress: Progress::new(clock.clone()),
    });
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(dispatcher.unwrap().run(stop.clone()));
    let mut committed = HashMap::new();
    let start = clock.monotonic();
    for n in 0..EVENTS {
        let turn = start + EVERY * u32::try_from(n).unwrap();
        clock.sleep_until(turn).await;
        let outgoing = outgoing(n, &clock, &webhooks);
        committed.insert(outgoing.event.id.to_string(), clock.monotonic());
        let change = Change {
            events: vec![outgoing],
            ..Change::default()
        };
        store.commit(change).await.unwrap();
    }
    let mut waits = Vec::new();
    for receiver in &receivers[1..] {
        for received in receiver.wait_for(EVENTS).await {
            waits.push(
                received
                    .at_monotonic
                    .saturating_sub(committed[received.id().unwrap()]),
            );
        }
    }
    // What hangs is cut off: the drain's patience is not what is measured.
    tasks.shutdown().await;
    store.close().await.unwrap();
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
