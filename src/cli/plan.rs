//! `tallylight plan`: what a month of credits buys, by schedule and by plan; one creator's week.
//!
//! Reads the configuration and, beside whoever has it, the store. Before the first start
//! everybody counts as average. Nothing is written and nobody is asked.

mod heat;
mod sweeps;
pub(super) mod text;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::clock::Clock;
use crate::config::{Config, StorageLocation, parse_duration};
use crate::daemon::Prospect;
use crate::domain::Username;
use crate::store::sqlite;

/// Say what a month of credits buys, by schedule and by plan, or show one creator's week
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Show this creator's learned week and its share of the credits
    #[arg(value_name = "USERNAME")]
    username: Option<Username>,
    /// Say what it takes to see starts this soon, on average
    #[arg(long, value_name = "DELAY", value_parser = delay)]
    want: Option<Duration>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn delay(text: &str) -> Result<Duration, String> {
    let allowed = Duration::from_secs(1)..=Duration::from_hours(24);
    parse_duration(text)
        .filter(|delay| allowed.contains(delay))
        .ok_or_else(|| "a delay from 1s to 1d, like 90s or 5m".to_owned())
}

/// Prints the forecast.
pub(super) fn run(arguments: &Plan, config: &Config) -> anyhow::Result<ExitCode> {
    let prospect = prospect(config);
    let creator = arguments
        .username
        .as_ref()
        .map(|name| {
            let found = prospect.creator(name);
            found.with_context(|| format!("@{name} is not on the watchlist"))
        })
        .transpose()?;
    if arguments.json {
        let document = prospect.document(creator, arguments.want);
        let json = serde_json::to_string(&document)?;
        return super::print(format!("{json}\n").as_bytes());
    }
    if let Some(creator) = creator {
        return heat::show(&creator);
    }
    let report = prospect.report_with_sweeps(arguments.want);
    let mut shown = text::forecast(config, &report);
    shown.push_str(&sweeps::forecast(config, &report));
    if let Some(wanted) = &report.wanted {
        shown.push('\n');
        shown.push_str(&text::wanted(&report, wanted));
    }
    super::print(shown.as_bytes())
}

/// The schedule as it would start now; if the store cannot be read, as for the first time.
pub(super) fn prospect(config: &Config) -> Prospect<'_> {
    let StorageLocation::Sqlite(path) = &config.storage.location;
    let known = sqlite::known(path).unwrap_or_else(|error| {
        super::say(&format!(
            "warning: {error}; the forecast takes everybody for average\n"
        ));
        None
    });
    Prospect::new(config, known.unwrap_or_default(), Clock::system().now())
}
