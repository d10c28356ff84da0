//! `deliveries list | show | replay`: what was sent, what came of it, and sending it again.
//!
//! All of them work beside a running daemon, which is then the one that sends a replay.

mod replay;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::clock::Clock;
use crate::config::{Config, StorageLocation, parse_duration};
use crate::domain::{Timestamp, Username};
use crate::store::DeliveryId;
use crate::store::log::{DeliveryFilter, Status};
use crate::store::sqlite::log::DeliveryLog;

/// Show what was sent and what came of it, and send it again
#[derive(Debug, Args)]
pub(super) struct Deliveries {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The latest deliveries, newest first
    List {
        #[command(flatten)]
        chosen: Chosen,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One delivery with its body and every attempt
    Show {
        /// Its number, as `list` shows it
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Send deliveries again: the failed and expired ones, or those that are chosen; beside a
    /// running daemon it is the daemon that sends them
    Replay(replay::Replay),
}

/// Which deliveries are meant
#[derive(Debug, Args)]
struct Chosen {
    /// Of this webhook
    #[arg(long, value_name = "ID")]
    webhook: Option<String>,
    /// With this status: pending, delivered, failed or expired; may be repeated
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Vec<Status>,
    /// Of events since this time, `2026-02-27T18:00:00Z`, or this long ago, `2h`
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Of events before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// About this creator
    #[arg(long, value_name = "USERNAME")]
    creator: Option<Username>,
}

impl Chosen {
    fn filter(&self) -> DeliveryFilter {
        DeliveryFilter {
            id: None,
            webhook: self.webhook.clone(),
            statuses: self.status.clone(),
            since: self.since,
            until: self.until,
            creator: self.creator.clone(),
            after: None,
            before: None,
        }
    }
}

fn status(name: &str) -> Result<Status, String> {
    let names = Status::ALL.map(Status::as_str).join(", ");
    Status::parse(name).ok_or_else(|| format!("allowed are {names}"))
}

/// A point in time, or how long ago it was.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Some(ago) = parse_duration(text) {
        return Ok(Clock::system().now().minus(ago));
    }
    text.parse()
        .map_err(|_| "neither a time like 2026-02-27T18:00:00Z nor a span like 2h".to_owned())
}

/// Runs the subcommand that was given.
pub(super) fn run(arguments: &Deliveries, config: &Config) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List {
            chosen,
            limit,
            json,
        } => {
            let found = DeliveryLog::open(store(config))?.latest(&chosen.filter(), *limit)?;
            let shown = if *json {
                show::lines(&found)
            } else {
                show::table(&found)
            };
            super::print(shown.as_bytes())
        }
        Command::Show { id } => one(DeliveryId(*id), config),
        Command::Replay(arguments) => replay::run(arguments, config),
    }
}

fn one(id: DeliveryId, config: &Config) -> anyhow::Result<ExitCode> {
    let log = DeliveryLog::open(store(config))?;
    let record = log.deliveries(&DeliveryFilter::only(id), 1)?.pop();
    match (record, log.detail(id)?) {
        (Some(record), Some((body, attempts))) => {
            super::print(show::detail(&record, &body, &attempts).as_bytes())
        }
        _ => anyhow::bail!("there is no delivery {}", id.0),
    }
}

fn store(config: &Config) -> &Path {
    let StorageLocation::Sqlite(path) = &config.storage.location;
    path
}
