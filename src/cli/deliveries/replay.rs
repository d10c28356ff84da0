//! `deliveries replay`: sends ended deliveries again, in order, under the same ids.
//!
//! Each result is stored before the next is sent, so a replay that is broken off goes on
//! where it was: what was delivered has failed no more, and `--after` skips the rest. What
//! fails holds back what comes after it for the same webhook and creator.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Chosen, show, store};
use crate::cli::{print, say};
use crate::clock::Clock;
use crate::config::{Config, Rate, WebhookId};
use crate::domain::Username;
use crate::schedule::rate::RateLimit;
use crate::store::log::{DeliveryFilter, DeliveryRecord, Replayed, Status};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::log::DeliveryLog;
use crate::store::{Attempt, DeliveryId, Store as _, StoreError};
use crate::webhook::{Endpoint, ErrorClass, Exchange, HttpSender, Outcome, Sender as _};

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
    let Some(filter) = filter(arguments) else {
        say("tallylight: pending deliveries are the daemon's to send; start it\n");
        return Ok(ExitCode::from(2));
    };
    if arguments.dry_run {
        return dry_run(&filter, config);
    }
    let store = Sqlite::open(store(config)).map_err(|error| match &error {
        StoreError::Locked { .. } => anyhow::Error::new(error)
            .context("this version replays for a stopped daemon alone: stop it first"),
        _ => error.into(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tally = runtime.block_on(async {
        let mut replayer = Replayer::new(store, config, arguments.rate)?;
        let ended = replayer.all(filter).await;
        replayer.store.close().await?;
        ended.map(|()| replayer.tally)
    })?;
    say(&tally.told());
    Ok(match tally.failed + tally.held_back + tally.unknown {
        0 if tally.broken_off_at.is_none() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// `None` if pending ones are asked for.
fn filter(arguments: &Replay) -> Option<DeliveryFilter> {
    let mut filter = arguments.chosen.filter();
    filter.after = arguments.after.map(DeliveryId);
    if filter.statuses.is_empty() {
        filter.statuses = vec![Status::Failed, Status::Expired];
    }
    (!filter.statuses.contains(&Status::Pending)).then_some(filter)
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
    /// Behind one that failed.
    held_back: u32,
    /// Of webhooks that the configuration does not have.
    unknown: u32,
    broken_off_at: Option<DeliveryId>,
}

impl Tally {
    fn told(&self) -> String {
        let mut parts = vec![format!(
            "{} delivered, {} failed",
            self.delivered, self.failed
        )];
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
    store: Sqlite,
    log: DeliveryLog,
    sender: HttpSender,
    endpoints: HashMap<WebhookId, Endpoint>,
    clock: Clock,
    rate: RateLimit,
    /// Kept from the start: one that comes during an exchange is heard after it.
    interrupt: Signal,
    blocked: HashSet<(WebhookId, Option<Username>)>,
    tally: Tally,
}

impl Replayer {
    fn new(store: Sqlite, config: &Config, rate: Rate) -> anyhow::Result<Self> {
        let endpoints = config.webhooks.iter().map(|webhook| {
            let endpoint = Endpoint::new(Arc::clone(webhook))?;
            Ok((webhook.id.clone(), endpoint))
        });
        Ok(Self {
            log: DeliveryLog::open(super::store(config))?,
            store,
            sender: HttpSender::new()?,
            endpoints: endpoints.collect::<anyhow::Result<_>>()?,
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
        let total = self.log.deliveries(&filter, usize::MAX)?.len();
        let mut done = 0;
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
                self.one(record).await?;
                done += 1;
                progress(done, total);
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

    async fn one(&mut self, record: &DeliveryRecord) -> anyhow::Result<()> {
        let line = (record.webhook.clone(), record.creator.clone());
        if self.blocked.contains(&line) {
            self.tally.held_back += 1;
            return Ok(());
        }
        let Some(endpoint) = self.endpoints.get(&record.webhook) else {
            self.tally.unknown += 1;
            return Ok(());
        };
        let Some((body, _)) = self.log.detail(record.id)? else {
            return Ok(());
        };
        let started_at = self.clock.now();
        let request = match endpoint.request(&record.event, &body, started_at) {
            Ok(request) => request,
            Err(error) => {
                self.failed(record, &error.to_string());
                return Ok(());
            }
        };
        let start = self.clock.monotonic();
        let Exchange { reply, timing } = self.sender.send(request).await;
        let outcome = Outcome::of(reply, self.clock.now());
        let attempt = Attempt {
            started_at,
            timing,
            took: self.clock.monotonic().saturating_sub(start),
            status: outcome.status,
            error: outcome.error.map(ErrorClass::as_str),
            answer: outcome.answer,
        };
        let url_hash = endpoint.url_hash();
        if attempt.error.is_none() {
            self.tally.delivered += 1;
        } else {
            self.failed(record, &outcome.detail);
        }
        let replayed = Replayed {
            delivery: record.id,
            attempt,
            url_hash,
        };
        Ok(self.store.replayed(replayed).await?)
    }

    /// What comes after it for the same webhook and creator waits for another replay.
    fn failed(&mut self, record: &DeliveryRecord, detail: &str) {
        self.tally.failed += 1;
        self.blocked
            .insert((record.webhook.clone(), record.creator.clone()));
        say(&format!("delivery {} failed: {detail}\n", record.id.0));
    }
}

/// A line that is written over, for a person alone.
fn progress(done: usize, total: usize) {
    if io::stderr().is_terminal() {
        let end = if done >= total { "\n" } else { "" };
        say(&format!("\r{done} of {total}{end}"));
    }
}
