//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod dispatcher;
mod heartbeat;
mod housekeeper;
pub mod logs;
mod poller;
pub mod progress;
pub mod reload;
mod supervisor;
pub mod systemd;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use progress::Progress;
pub use supervisor::TaskFailure;

use self::dispatcher::{DispatchError, Dispatcher, DispatcherParts};
use self::heartbeat::Heart;
use self::housekeeper::Housekeeper;
use self::poller::Poller;
use self::progress::Loops;
use self::reload::{Origin, Reach, Reloader};
use self::supervisor::Supervisor;
use self::systemd::{Reporter, Systemd};
use crate::clock::Clock;
use crate::config::{Config, ScheduleKind};
use crate::konbini::Source;
use crate::store::{Store, StoreError};
use crate::webhook::{Sender, SenderError};

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
    /// Where the configuration comes from; without it there are no reloads.
    pub origin: Option<Origin>,
    /// Who is told how the daemon stands.
    pub systemd: Systemd,
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
    /// The heartbeat cannot be sent.
    #[error(transparent)]
    Heartbeat(#[from] SenderError),
    /// A task ended as it should not have.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// Watches, notices and delivers until `stop` is cancelled; then drains and closes the store.
pub async fn run(config: &Config, world: World, stop: CancellationToken) -> Result<(), RunError> {
    let past = past(config, world.store.as_ref()).await?;
    let mut tasks = Supervisor::new(stop);
    let (desk, requests) = poller::desk();
    let (switch, assignments) = dispatcher::switch();
    let (config_in_force, config_now) = watch::channel(Arc::new(config.clone()));
    let poller = Poller {
        source: world.source,
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        progress: Progress::new(world.clock.clone()),
        inbox: requests,
    };
    let dispatcher = Dispatcher::new(DispatcherParts {
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        sender: world.sender,
        webhooks: config.webhooks.clone(),
        progress: Progress::new(world.clock.clone()),
    })?
    .told_by(assignments);
    let loops = Loops::new([
        ("poller", poller.progress.clone()),
        ("dispatcher", dispatcher.progress()),
    ]);
    let heart = Heart::new(world.clock.clone(), loops.clone(), config_now.clone())?;
    let housekeeper = Housekeeper {
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        config: config_now,
    };
    let reach = Reach {
        clock: world.clock.clone(),
        store: Arc::clone(&world.store),
        desk: desk.clone(),
        switch: switch.clone(),
        config: config_in_force,
    };
    let (reloader, reload) = Reloader::new(world.origin, reach, world.systemd.clone());
    let reporter = Reporter {
        systemd: world.systemd,
        clock: world.clock,
        desk,
        switch,
        store: Arc::clone(&world.store),
        loops,
        reload,
    };
    tasks.start("poller", poller.run(config.clone(), past, tasks.drain()));
    tasks.start("dispatcher", dispatcher.run(tasks.drain()));
    tasks.start("housekeeper", housekeeper.run(tasks.drain()));
    tasks.start("heartbeat", heart.run(tasks.drain()));
    tasks.start("reloader", reloader.run(tasks.drain()));
    tasks.start("reporter", reporter.run(tasks.drain()));
    let ended = tasks.supervise().await;
    let closed = world.store.close().await;
    ended?;
    Ok(closed?)
}

/// What is known of the time before.
async fn past(config: &Config, store: &dyn Store) -> Result<poller::Known, StoreError> {
    let snapshot = store.load().await?;
    let streams = match config.polling.schedule {
        ScheduleKind::Learned => store.past_streams().await?,
        ScheduleKind::Fixed => Vec::new(),
    };
    Ok((snapshot, streams))
}
