//! Log lines: to stderr, as text for people or as one JSON object a line.
//!
//! Under journald each line says its priority, and leaves time and colour to the journal.
//! Warnings and errors that repeat are bounded, whatever goes wrong and how often.

mod limit;
mod lines;

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Registry, fmt, reload};

use self::limit::Limit;
use self::lines::Lines;
use crate::clock::Clock;
use crate::config::{Log, LogFormat};

/// Changes how the log is written while it is; clones do the same.
#[derive(Debug, Clone, Default)]
pub struct Logs(Option<Writing>);

#[derive(Debug, Clone)]
struct Writing {
    filter: reload::Handle<Targets, Registry>,
    json: Arc<AtomicBool>,
}

impl Logs {
    /// A log that somebody else writes.
    pub fn of_others() -> Self {
        Self::default()
    }

    /// Another level and format from now on.
    pub fn change(&self, log: &Log) {
        let Some(writing) = &self.0 else {
            return;
        };
        writing.json.store(is_json(log), Ordering::Relaxed);
        // Fails only once the log is gone, and then nobody could read why.
        let _ = writing.filter.reload(filter(log));
    }
}

/// Sends the program's log lines to stderr from now on; libraries speak from warning up.
///
/// Colour only on a terminal, and never with `NO_COLOR`. Fails if called twice.
pub fn init(log: &Log) -> Result<Logs, TryInitError> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (filter, handle) = reload::Layer::new(filter(log));
    let json = Arc::new(AtomicBool::new(is_json(log)));
    let lines = Lines {
        json: Arc::clone(&json),
        journal: is_journal(),
        limit: Limit::new(Clock::system()),
    };
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .event_format(lines);
    let registry = tracing_subscriber::registry().with(filter).with(lines);
    registry.try_init()?;
    Ok(Logs(Some(Writing {
        filter: handle,
        json,
    })))
}

fn filter(log: &Log) -> Targets {
    let level = LevelFilter::from_level(log.level);
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("tallylight", level)
}

fn is_json(log: &Log) -> bool {
    log.format == LogFormat::Json
}

/// Whether stderr is the very stream that journald names in `JOURNAL_STREAM`: it may have
/// been sent elsewhere since.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    let stderr = stderr.and_then(|stderr| std::fs::File::from(stderr).metadata());
    stderr.is_ok_and(|stderr| named == format!("{}:{}", stderr.dev(), stderr.ino()))
}
