//! `demo`: the whole program against a simulated API and a local receiver.
//!
//! The daemon is the real one, with a store in a temporary directory; only the world is
//! pretend. It needs no key, no network and no configuration, and leaves nothing behind.

mod play;
mod screen;
mod script;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::runtime::Runtime;

use self::play::Play;
use crate::config::{self, Config};
use crate::domain::Username;
use crate::simulator::Account;

/// The configuration of the demo: what a user would write, at a pace that a person can watch.
const CONFIG: &str = r#"
[konbini]
api_key = "${KEY}"
base_url = "${API}"
timeout = "5s"

[budget]
credits_per_month = 25_000

[polling]
schedule = "fixed"
interval = "2s"
live_interval = "2s"
confirm_after = "1s"
resume_within = "0s"

[watchlist]
file = "${WATCHLIST}"

[[webhook]]
id = "demo"
url = "${RECEIVER}/hooks/live"
secret = "${SECRET}"
events = ["stream.started", "stream.ended", "monitor.degraded", "monitor.recovered"]
retry = ["1s", "2s", "4s", "8s", "15s"]

[storage]
url = "sqlite:${STORE}"

[http]
listen = "127.0.0.1:0"
token = "${TOKEN}"
"#;

/// Show the whole program at work: no key, no network, no configuration
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How long, for example 45s or 2m
    #[arg(long = "for", value_name = "DURATION", default_value = "45s", value_parser = span)]
    span: Duration,
}

/// The least and the longest time that make sense to watch.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3_600);

fn span(text: &str) -> Result<Duration, String> {
    config::parse_duration(text)
        .filter(|span| (SHORTEST..=LONGEST).contains(span))
        .ok_or_else(|| "a duration from 5s to 1h, like 45s or 1m30s".to_owned())
}

/// Plays the demo until its time is over or Ctrl-C; fails if anything was lost or invented.
pub(super) fn run(arguments: &Demo) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("cannot make a temporary directory")?;
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let kept = runtime.block_on(play::play(arguments.span, folder.path()))?;
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the daemon of the demo is told, as if from a file in `folder`.
fn configuration(play: &Play, folder: &Path) -> anyhow::Result<Config> {
    let names: Vec<&str> = play.script.creators().map(Username::as_str).collect();
    let watchlist = folder.join("creators.txt");
    std::fs::write(&watchlist, names.join("\n")).context("cannot write the watchlist")?;
    let store = folder.join("tallylight.db");
    let environment = |name: &str| {
        Some(match name {
            "KEY" => Account::default().key,
            "API" => play.simulator.url(),
            "RECEIVER" => play.receiver.url(),
            "SECRET" => play.key.expose(),
            "WATCHLIST" => watchlist.display().to_string(),
            "STORE" => store.display().to_string(),
            "TOKEN" => play.token.clone(),
            _ => return None,
        })
    };
    let path = folder.join("config.toml");
    let loaded = config::from_text(&path, CONFIG.to_owned(), &environment)?;
    Ok(loaded.config)
}
