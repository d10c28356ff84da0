//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod dispatcher;
mod housekeeper;
pub mod logs;
mod poller;
pub mod progress;
mod supervisor;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use poller::prospect::{CreatorPlan, PlanDocument, Prospect};
pub use progress::Progress;
pub use supervisor::TaskFailure;

use self::dispatcher::{DispatchError, Dispatcher, DispatcherParts};
use self::housekeeper::Housekeeper;
use self::poller::Poller;
use self::supervisor::Supervisor;
use crate::clock::Clock;
use crate::config::{Config, ScheduleKind};
use crate::konbini::Source;
use crate::store::{Store, StoreError};
use crate::webhook::Sender;

/// What the daemon works with.
#[derive(Debug)]
pub struct World {
    /// Tells the time.
    pub clock: Clock,
    /// Says who is live.
    pub source: Arc<dyn Source>,
    /// Keeps what must survive.
    pub store: Arc<dyn Store>,
    /// Sends webhooks.
    pub sender: Arc<dyn Sender>,
}

/// Why the daemon ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A webhook of the configuration cannot be sent to.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// A task ended as it should not have.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// Watches, notices and delivers until `stop` is cancelled; then drains and closes the store.
pub async fn run(config: &Config, world: World, stop: CancellationToken) -> Result<(), RunError> {
    let snapshot = world.store.load().await?;
    let streams = match config.polling.schedule {
        ScheduleKind::Learned => world.store.past_streams().await?,
        ScheduleKind::Fixed => Vec::new(),
    };
    let mut tasks = Supervisor::new(stop);
    let (_desk, inbox) = poller::desk();
    let poller = Poller {
        source: world.source,
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        progress: Progress::new(world.clock.clone()),
        inbox,
    };
    tasks.start(
        "poller",
        poller.run(config.clone(), (snapshot, streams), tasks.drain()),
    );
    let dispatcher = Dispatcher::new(DispatcherParts {
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        sender: world.sender,
        webhooks: config.webhooks.clone(),
        progress: Progress::new(world.clock.clone()),
    })?;
    tasks.start("dispatcher", dispatcher.run(tasks.drain()));
    let housekeeper = Housekeeper {
        store: Arc::clone(&world.store),
        clock: world.clock,
        keep: config.storage.keep,
    };
    tasks.start("housekeeper", housekeeper.run(tasks.drain()));
    let ended = tasks.supervise().await;
    let closed = world.store.close().await;
    ended?;
    Ok(closed?)
}
