//! Lanes under paused time, between a store in memory and a sender that does as it is told.

mod ends;
mod fakes;
mod lanes;
mod outages;
mod schedules;
mod switching;

use std::time::Duration;

use tokio::task::JoinSet;

use self::fakes::{FakeSender, FakeStore};
use super::*;
use crate::webhook::ErrorClass;
use crate::webhook::request::tests::webhook;

/// 2026-02-27T18:36:42Z
const START: Timestamp = Timestamp::from_millis(1_772_217_402_000);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A webhook whose host is its id, as the fake sender expects.
fn hook(id: &str) -> Webhook {
    webhook(id, &format!("https://{id}/hooks?key=hunter2"))
}

/// Everything around a dispatcher.
struct World {
    store: Arc<FakeStore>,
    sender: Arc<FakeSender>,
    clock: Clock,
    progress: Progress,
    instruments: Instruments,
}

impl World {
    fn new() -> Self {
        let clock = Clock::simulated(START);
        Self {
            store: FakeStore::new(),
            sender: FakeSender::new(clock.clone()),
            progress: Progress::new(clock.clone()),
            instruments: Instruments::default(),
            clock,
        }
    }

    fn start(&self, webhooks: impl IntoIterator<Item = Webhook>) -> Running {
        let dispatcher = Dispatcher::new(DispatcherParts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            sender: self.sender.clone(),
            webhooks: webhooks.into_iter().map(Arc::new).collect(),
            progress: self.progress.clone(),
            instruments: self.instruments.clone(),
        });
        let drain = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatcher.unwrap().run(drain.clone()));
        Running { tasks, drain }
    }

    fn add(&self, webhook: &str, creator: &str, number: u32) {
        self.store.add(webhook, creator, number, self.clock.now());
    }

    /// When `event` was sent, each time, counted from the beginning.
    fn times_of(&self, event: &str) -> Vec<Duration> {
        let sent = self.sender.sent();
        sent.iter()
            .filter(|s| s.event == event)
            .map(|s| s.at)
            .collect()
    }
}

/// A dispatcher at work.
struct Running {
    tasks: JoinSet<Result<(), DispatchError>>,
    drain: CancellationToken,
}

impl Running {
    async fn end(&mut self) -> Result<(), DispatchError> {
        self.tasks.join_next().await.unwrap().unwrap()
    }

    async fn drain(mut self) -> Result<(), DispatchError> {
        self.drain.cancel();
        self.end().await
    }
}

/// Lets virtual time pass, and everything in it happen.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
