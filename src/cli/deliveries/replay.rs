//! `deliveries replay`: sends ended deliveries again, in order, under the same ids.
//!
//! For a stopped daemon it sends them itself, each result stored before the next is sent;
//! beside a running one it hands them over, and the daemon sends them. Either way a replay
//! that is broken off goes on where it was: what was delivered or handed over is out of the
//! filter, and `--after` skips the rest.

mod bar;
mod way;

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::bar::Bar;
use self::way::{Came, Way};
use super::{Chosen, show, store};
use crate::cli::{print, say};
use crate::clock::Clock;
use crate::config::{Config, Rate, WebhookId};
use crate::domain::Username;
use crate::schedule::rate::RateLimit;
use crate::store::DeliveryId;
use crate::store::log::{DeliveryFilter, DeliveryRecord, Status};
use crate::store::sqlite::log::DeliveryLog;

/// Deliveries read from the store at a time.
const PAGE: usize = 500;

/// Which deliveries, and how fast
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    chosen: Chosen,
    /// Only those with a higher number: where a replay was broken off
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// At most this many, `5/s`, `30/m` or `100/h`
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "10/s")]
    rate: Rate,
}

fn rate(text: &str) -> Result<Rate, String> {
    Rate::parse(text).ok_or_else(|| "a rate is `5/s`, `30/m` or `100/h`".to_owned())
}

pub(super) fn run(arguments: &Replay, config: &Config) -> anyhow::Result<ExitCode> {
    let filter = filter(arguments);
    if arguments.dry_run {
        return dry_run(&filter, config);
    }
    let way = Way::open(config)?;
    if filter.statuses.contains(&Status::Pending) && !way.has_daemon() {
        say("tallylight: pending deliveries are the daemon's to send; start it\n");
        return Ok(ExitCode::from(2));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tally = runtime.block_on(async {
        let mut replayer = Replayer::new(way, config, arguments.rate)?;
        let ended = replayer.all(filter).await;
        replayer.way.close().await?;
        ended.map(|()| replayer.tally)
    })?;
    say(&tally.told());
    Ok(match tally.failed + tally.held_back + tally.unknown {
        0 if tally.broken_off_at.is_none() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn filter(arguments: &Replay) -> DeliveryFilter {
    let mut filter = arguments.chosen.filter();
    filter.after = arguments.after.map(DeliveryId);
    if filter.statuses.is_empty() {
        filter.statuses = vec![Status::Failed, Status::Expired];
    }
    filter
}

fn dry_run(filter: &DeliveryFilter, config: &Config) -> anyhow::Result<ExitCode> {
    let found = DeliveryLog::open(store(config))?.deliveries(filter, usize::MAX)?;
    say(&format!("{} deliveries would be sent\n", found.len()));
    print(show::table(&found).as_bytes())
}

/// What came of a replay.
#[derive(Debug, Default)]
struct Tally {
    delivered: u32,
    failed: u32,
    /// To the daemon that runs.
    handed_over: u32,
    /// Behind one that failed.
    held_back: u32,
    /// Of webhooks that the configuration does not have.
    unknown: u32,
    broken_off_at: Option<DeliveryId>,
}

impl Tally {
    fn told(&self) -> String {
        let mut parts = vec![match self.handed_over {
            0 => format!("{} delivered, {} failed", self.delivered, self.failed),
            some => {
                format!("{some} handed to the running daemon, `deliveries list` tells the rest")
            }
        }];
        if self.held_back > 0 {
            parts.push(format!(", {} held back behind them", self.held_back));
        }
        if self.unknown > 0 {
            let unknown = self.unknown;
            parts.push(format!(
                ", {unknown} of webhooks that the configuration does not have"
            ));
        }
        if let Some(DeliveryId(id)) = self.broken_off_at {
            parts.push(format!("; broken off, go on with --after {id}"));
        }
        parts.concat() + "\n"
    }
}

struct Replayer {
    way: Way,
    log: DeliveryLog,
    known: HashSet<WebhookId>,
    clock: Clock,
    rate: RateLimit,
    /// Kept from the start: one that comes during an exchange is heard after it.
    interrupt: Signal,
    blocked: HashSet<(WebhookId, Option<Username>)>,
    tally: Tally,
}

impl Replayer {
    fn new(way: Way, config: &Config, rate: Rate) -> anyhow::Result<Self> {
        Ok(Self {
            way,
            log: DeliveryLog::open(store(config))?,
            known: config.webhooks.iter().map(|w| w.id.clone()).collect(),
            clock: Clock::system(),
            rate: RateLimit::new(rate.per_second(), 1),
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
            blocked: HashSet::new(),
            tally: Tally::default(),
        })
    }

    /// Until nothing is left, or until a person breaks it off.
    async fn all(&mut self, mut filter: DeliveryFilter) -> anyhow::Result<()> {
        // One that was delivered falls out of the filter: count before.
        let bar = Bar::on_stderr(self.log.count(&filter)?);
        loop {
            let page = self.log.deliveries(&filter, PAGE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            filter.after = Some(last.id);
            for record in &page {
                if self.wait().await {
                    self.tally.broken_off_at = Some(DeliveryId(record.id.0.saturating_sub(1)));
                    return Ok(());
                }
                self.one(record, &bar).await?;
                bar.advance();
            }
        }
    }

    /// Waits as the rate says; whether a person broke it off.
    async fn wait(&mut self) -> bool {
        let now = self.clock.monotonic();
        let turn = self.rate.earliest(now);
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => return true,
            () = self.clock.sleep_until(turn) => {}
        }
        self.rate.try_pass(self.clock.monotonic());
        false
    }

    async fn one(&mut self, record: &DeliveryRecord, bar: &Bar) -> anyhow::Result<()> {
        let line = (record.webhook.clone(), record.creator.clone());
        if self.blocked.contains(&line) {
            self.tally.held_back += 1;
            return Ok(());
        }
        if !self.known.contains(&record.webhook) {
            self.tally.unknown += 1;
            return Ok(());
        }
        match self.way.one(record, &self.log, &self.clock).await? {
            Came::Gone => {}
            Came::Delivered => self.tally.delivered += 1,
            Came::HandedOver => self.tally.handed_over += 1,
            // What comes after it for the same webhook and creator waits for another replay.
            Came::Failed(detail) => {
                self.tally.failed += 1;
                self.blocked.insert(line);
                bar.say(&format!("delivery {} failed: {detail}\n", record.id.0));
            }
        }
        Ok(())
    }
}
