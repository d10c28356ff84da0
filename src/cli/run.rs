//! `run`: the daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Loaded, Problems, Severity};
use crate::daemon::logs::{self, Logs};
use crate::daemon::reload::{Origin, Refused, warn};
use crate::daemon::systemd::Systemd;
use crate::daemon::{self, World};
use crate::domain::text::Printable;
use crate::konbini::{Client, Source};
use crate::web;

/// Runs until SIGTERM or SIGINT; a second signal ends it at once, SIGHUP reloads the configuration.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let Loaded {
        config,
        warnings,
        files,
        ..
    } = match super::load_config(path) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let logs = logs::init(&config.log).context("cannot start the log")?;
    warnings.iter().for_each(warn);
    let origin = origin(path, files, logs);
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let code = runtime.block_on(watch(&config, origin));
    // Whatever still hangs has had its time; the store holds what is left.
    runtime.shutdown_background();
    code
}

/// Where the configuration came from, and comes from again.
fn origin(path: &Path, files: Vec<PathBuf>, logs: Logs) -> Origin {
    let path = path.to_owned();
    Origin {
        files,
        load: Arc::new(move || load(&path)),
        connect: Arc::new(|konbini| {
            let client = Client::new(konbini).map_err(|error| error.to_string())?;
            Ok(Arc::new(client) as Arc<dyn Source>)
        }),
        logs,
        asked: Arc::new(Notify::new()),
    }
}

/// Loads as at the start; what is wrong is told in one line.
fn load(path: &Path) -> Result<Loaded, Refused> {
    let loaded = super::load(path).map_err(|problems| Refused {
        why: one_line(&problems),
        files: problems.files,
    })?;
    match super::broken_webhooks(&loaded.config).as_slice() {
        [] => Ok(loaded),
        [first, ..] => Err(Refused {
            why: Printable(first).to_string(),
            files: loaded.files,
        }),
    }
}

/// The first error with its place, and how many there are.
fn one_line(problems: &Problems) -> String {
    let mut errors = problems.problems.iter();
    let Some(first) = errors.find(|p| p.severity == Severity::Error) else {
        return problems.summary();
    };
    let file = first.file.display().to_string();
    let line = first
        .position
        .map_or_else(String::new, |(line, _)| format!(":{line}"));
    let (file, message) = (Printable(&file), Printable(&first.message));
    format!("{}: {file}{line}: {message}", problems.summary())
}

async fn watch(config: &Config, origin: Origin) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let signals = Signals::listen(&origin).context("cannot listen for signals")?;
    let mut world = World {
        origin: Some(origin),
        systemd: Systemd::of_environment(),
        ..super::world(config, Clock::system())?
    };
    if let Some(address) = config.http.listen {
        world.listener = Some(web::bind(address).await?);
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    tokio::select! {
        ended = daemon::run(config, world, stop.clone()) => {
            ended?;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = signals.relay(&stop) => {
            tracing::warn!("second signal: ending at once; the store holds what is left");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The two signals that mean stop, and the one that means reload.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    reload: Arc<Notify>,
}

impl Signals {
    fn listen(origin: &Origin) -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            reload: Arc::clone(&origin.asked),
        })
    }

    /// The next signal that means stop; hands on those that mean reload.
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => self.reload.notify_one(),
            }
        }
    }

    /// Turns the first signal into the order to stop; returns on the second.
    async fn relay(mut self, stop: &CancellationToken) {
        let first = self.next().await;
        tracing::info!(signal = first, "stopping; a second signal ends at once");
        stop.cancel();
        self.next().await;
    }
}
