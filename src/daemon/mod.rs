//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod dispatcher;
mod heartbeat;
mod housekeeper;
pub mod instruments;
pub mod logs;
mod panel;
mod poller;
pub mod progress;
pub mod reload;
mod supervisor;
pub mod systemd;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use poller::prospect::{CreatorPlan, PlanDocument, Prospect};
pub use progress::Progress;
pub use supervisor::TaskFailure;

use self::dispatcher::{DispatchError, Dispatcher, DispatcherParts, Switch};
use self::heartbeat::Heart;
use self::housekeeper::Housekeeper;
use self::instruments::Instruments;
use self::panel::{Panel, PanelParts};
use self::poller::{Desk, Poller};
use self::progress::Loops;
use self::reload::{Origin, Reach, Reloader};
use self::supervisor::Supervisor;
use self::systemd::{Reporter, Systemd};
use crate::clock::Clock;
use crate::config::{Config, ScheduleKind};
use crate::konbini::Source;
use crate::store::history::History;
use crate::store::{Store, StoreError};
use crate::web;
use crate::web::access::Access;
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
    /// The past, for pages and API.
    pub history: Arc<dyn History>,
    /// Sends webhooks.
    pub sender: Arc<dyn Sender>,
    /// Where the configuration comes from; without it there are no reloads.
    pub origin: Option<Origin>,
    /// Who is told how the daemon stands.
    pub systemd: Systemd,
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
    /// The heartbeat cannot be sent.
    #[error(transparent)]
    Heartbeat(#[from] SenderError),
    /// The bound listener is none.
    #[error("cannot serve [http]: {0}")]
    Listener(#[from] std::io::Error),
    /// A task ended as it should not have.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// Watches, notices and delivers until `stop` is cancelled; then drains and closes the store.
pub async fn run(config: &Config, world: World, stop: CancellationToken) -> Result<(), RunError> {
    let past = past(config, world.store.as_ref()).await?;
    let (clock, store) = (world.clock, world.store);
    let mut tasks = Supervisor::new(stop);
    // Those that the web answers for until they have ended.
    let others = TaskTracker::new();
    let instruments = Instruments::default();
    instruments.config_accepted(clock.now(), &config.webhooks);
    let (desk, requests) = poller::desk();
    let (switch, assignments) = dispatcher::switch();
    let named = ["poller", "dispatcher"].map(|name| (name, Progress::new(clock.clone())));
    let [polling, delivering] = named.clone().map(|(_, progress)| progress);
    let loops = Loops::new(named.clone());
    let poller = Poller {
        source: world.source,
        store: Arc::clone(&store),
        clock: clock.clone(),
        progress: polling,
        inbox: requests,
        instruments: instruments.clone(),
    };
    let dispatcher = Dispatcher::new(DispatcherParts {
        store: Arc::clone(&store),
        clock: clock.clone(),
        sender: world.sender,
        webhooks: config.webhooks.clone(),
        progress: delivering,
        instruments: instruments.clone(),
    })?
    .told_by(assignments);
    let (in_force, now_in_force) = watch::channel(Arc::new(config.clone()));
    let panel = Panel::new(PanelParts {
        clock: clock.clone(),
        store: Arc::clone(&store),
        history: world.history,
        desk: desk.clone(),
        instruments: instruments.clone(),
        config: now_in_force.clone(),
        loops: named.to_vec(),
    });
    let staff = Staff {
        clock,
        store: Arc::clone(&store),
        desk,
        switch,
        instruments,
        loops,
        in_force,
    };
    let poller = poller.run(config.clone(), past, tasks.drain());
    tasks.start("poller", others.track_future(poller));
    let deliver = dispatcher.run(tasks.drain());
    tasks.start("dispatcher", others.track_future(deliver));
    if let Some(listener) = world.listener {
        show(&mut tasks, panel, (listener, now_in_force), others)?;
    }
    staff.start(&mut tasks, (world.origin, world.systemd))?;
    let ended = tasks.supervise().await;
    let closed = store.close().await;
    Ok(ended.map(|()| closed)??)
}

/// What those work with who look after the loops.
struct Staff {
    clock: Clock,
    store: Arc<dyn Store>,
    desk: Desk,
    switch: Switch,
    instruments: Instruments,
    loops: Loops,
    /// The configuration that holds.
    in_force: watch::Sender<Arc<Config>>,
}

impl Staff {
    /// Starts everybody but the loops and the web.
    fn start(
        self,
        tasks: &mut Supervisor,
        (origin, systemd): (Option<Origin>, Systemd),
    ) -> Result<(), RunError> {
        let now = self.in_force.subscribe();
        let housekeeper = Housekeeper {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            config: now.clone(),
        };
        let heart = Heart::new(self.clock.clone(), self.loops.clone(), now)?;
        let reach = Reach {
            clock: self.clock.clone(),
            store: Arc::clone(&self.store),
            desk: self.desk.clone(),
            switch: self.switch.clone(),
            instruments: self.instruments.clone(),
            config: self.in_force,
        };
        let reloader = Reloader::new(origin, reach, systemd.clone());
        let reporter = Reporter {
            systemd,
            clock: self.clock,
            desk: self.desk,
            switch: self.switch,
            store: self.store,
            loops: self.loops,
            instruments: self.instruments,
        };
        tasks.start("housekeeper", housekeeper.run(tasks.drain()));
        tasks.start("heartbeat", heart.run(tasks.drain()));
        tasks.start("reloader", reloader.run(tasks.drain()));
        tasks.start("reporter", reporter.run(tasks.drain()));
        Ok(())
    }
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

/// Serves what the daemon shows, until it has drained.
fn show(
    tasks: &mut Supervisor,
    panel: Panel,
    (listener, config): (TcpListener, watch::Receiver<Arc<Config>>),
    others: TaskTracker,
) -> Result<(), RunError> {
    let address = listener.local_addr()?;
    tracing::info!("listening on http://{address}");
    others.close();
    let site = panel.into_site(Access::new(config, address), tasks.drain());
    tasks.start("web", web::serve(listener, Arc::new(site), others));
    Ok(())
}
