//! `healthcheck`: whether the local daemon is healthy, as an exit code for Docker and the like.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Builder;

use super::local;
use crate::config;
use crate::domain::text::Printable;

/// Docker waits 30 s by default; a daemon that takes longer than this is not healthy.
const PATIENCE: Duration = Duration::from_secs(3);

/// Exit code 0 if every loop makes progress.
///
/// A file that cannot be used any more says nothing of the daemon, which goes on by the last one
/// that could: only `[http]` is read of it, as far as it can be.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let http = config::http(path, &|name| std::env::var(name).ok());
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let asked = local::ask(&http, "/healthz", PATIENCE);
    let (status, body) = runtime.block_on(asked)?;
    if status.is_success() {
        return super::print(b"healthy\n");
    }
    let problem = local::problem(status, &body);
    super::say(&format!("tallylight: unhealthy: {}\n", Printable(&problem)));
    Ok(ExitCode::FAILURE)
}
