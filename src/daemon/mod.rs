//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod dispatcher;
mod housekeeper;
pub mod instruments;
pub mod logs;
mod panel;
mod poller;
pub mod progress;
mod supervisor;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use poller::prospect::{CreatorPlan, PlanDocument, Prospect};
pub use progress::Progress;
pub use supervisor::TaskFailure;

use self::dispatcher::{DispatchError, Dispatcher, DispatcherParts};
use self::housekeeper::Housekeeper;
use self::instruments::Instruments;
use self::panel::{Panel, PanelParts};
use self::poller::Poller;
use self::supervisor::Supervisor;
use crate::clock::Clock;
use crate::config::{Config, Http, ScheduleKind};
use crate::konbini::Source;
use crate::store::history::History;
use crate::store::{Store, StoreError};
use crate::web;
use crate::web::access::Access;
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
    /// The past, for pages and API.
    pub history: Arc<dyn History>,
    /// Sends webhooks.
    pub sender: Arc<dyn Sender>,
    /// Where the page, the API and the metrics are served; `None` for nowhere.
    pub listener: Option<TcpListener>,
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
    /// The bound listener is none.
    #[error("cannot serve [http]: {0}")]
    Listener(#[from] std::io::Error),
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
    // Those that the web answers for until they have ended.
    let others = TaskTracker::new();
    let instruments = Instruments::default();
    instruments.config_accepted(world.clock.now(), &config.webhooks);
    let (desk, inbox) = poller::desk();
    let polling = Progress::new(world.clock.clone());
    let delivering = Progress::new(world.clock.clone());
    let poller = Poller {
        source: world.source,
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        progress: polling.clone(),
        inbox,
        instruments: instruments.clone(),
    };
    tasks.start(
        "poller",
        others.track_future(poller.run(config.clone(), (snapshot, streams), tasks.drain())),
    );
    let dispatcher = Dispatcher::new(DispatcherParts {
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        sender: world.sender,
        webhooks: config.webhooks.clone(),
        progress: delivering.clone(),
        instruments: instruments.clone(),
    })?;
    tasks.start(
        "dispatcher",
        others.track_future(dispatcher.run(tasks.drain())),
    );
    let panel = Panel::new(PanelParts {
        clock: world.clock.clone(),
        store: Arc::clone(&world.store),
        history: world.history,
        desk,
        instruments,
        loops: vec![("poller", polling), ("dispatcher", delivering)],
    });
    if let Some(listener) = world.listener {
        show(&mut tasks, panel, (listener, &config.http), others)?;
    }
    let housekeeper = Housekeeper {
        store: Arc::clone(&world.store),
        clock: world.clock,
        keep: config.storage.keep,
        keep_streams: housekeeper::remembered(config.polling.schedule),
    };
    tasks.start("housekeeper", housekeeper.run(tasks.drain()));
    let ended = tasks.supervise().await;
    let closed = world.store.close().await;
    ended?;
    Ok(closed?)
}

/// Serves what the daemon shows, until it has drained.
fn show(
    tasks: &mut Supervisor,
    panel: Panel,
    (listener, http): (TcpListener, &Http),
    others: TaskTracker,
) -> Result<(), RunError> {
    let address = listener.local_addr()?;
    tracing::info!("listening on http://{address}");
    others.close();
    let site = panel.into_site(Access::new(http, address), tasks.drain());
    tasks.start("web", web::serve(listener, Arc::new(site), others));
    Ok(())
}
