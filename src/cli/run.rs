//! `run`: the daemon.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::daemon::{self, logs};
use crate::web;

/// Runs until SIGTERM or SIGINT; a second signal ends it at once.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let Loaded {
        config, warnings, ..
    } = match super::load_config(path) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    logs::init(&config.log).context("cannot start the log")?;
    for warning in &warnings {
        tracing::warn!(file = %warning.file.display(), line = warning.position.map(|(line, _)| line), "{}", warning.message);
    }
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let code = runtime.block_on(watch(&config));
    // Whatever still hangs has had its time; the store holds what is left.
    runtime.shutdown_background();
    code
}

async fn watch(config: &Config) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let signals = Signals::listen().context("cannot listen for signals")?;
    let mut world = super::world(config, Clock::system())?;
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

/// The two signals that mean stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
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
