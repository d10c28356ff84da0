//! `healthcheck`: whether the local daemon is healthy, as an exit code for Docker and the like.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Builder;

use super::local;
use crate::config::Config;
use crate::domain::text::Printable;

/// Docker waits 30 s by default; a daemon that takes longer than this is not healthy.
const PATIENCE: Duration = Duration::from_secs(3);

/// Exit code 0 if every loop makes progress.
pub(super) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let asked = local::ask(config, "/healthz", PATIENCE);
    let (status, body) = runtime.block_on(asked)?;
    if status.is_success() {
        return super::print(b"healthy\n");
    }
    let problem = local::problem(status, &body);
    super::say(&format!("tallylight: unhealthy: {}\n", Printable(&problem)));
    Ok(ExitCode::FAILURE)
}
