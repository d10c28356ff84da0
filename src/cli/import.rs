//! `tallylight import`: past streams from a file, so that a new installation knows the habits.
//!
//! All lines are checked before anything is stored; one transaction takes all of them or none.
//! It makes no event and touches no creator's state. The rhythms are built from the stored
//! streams at the next start, hence it is for a stopped daemon.

mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use self::lines::{Bounds, Read, Row};
use super::figures::{counted, grouped};
use super::say;
use crate::clock::Clock;
use crate::config::{Config, StorageLocation};
use crate::domain::{Timestamp, Username};
use crate::store::sqlite::{ImportedStream, Sqlite, known};
use crate::store::{PastStream, Store as _, StoreError};

/// Names off the watchlist that are written out.
const NAMED: usize = 10;

/// Take in past streams, CSV or JSON lines of creator, start and end, to learn from at the next start
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file: CSV, or one JSON object a line; `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check the file and say what would be stored
    #[arg(long)]
    dry_run: bool,
}

/// Reads, checks and stores; 1 and nothing stored if any line is wrong.
pub(super) fn run(arguments: &Import, config: &Config) -> anyhow::Result<ExitCode> {
    let now = Clock::system().now();
    let Some(rows) = checked(&arguments.file, now)? else {
        return Ok(ExitCode::FAILURE);
    };
    warn_of_strangers(&rows, config);
    let oldest = now.minus(config.storage.keep);
    let total = rows.len();
    let (kept, old): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.end >= oldest);
    let StorageLocation::Sqlite(path) = &config.storage.location;
    let fresh = if arguments.dry_run {
        let (_, streams) = known(path)?.unwrap_or_default();
        without_known(kept, streams, now)
    } else {
        store(path, kept, now)?
    };
    let verb = if arguments.dry_run {
        "would be imported"
    } else {
        "imported"
    };
    let text = format!(
        "{} {verb}; {} known already, {} older than [storage] keep left out\n",
        counted(fresh, "stream"),
        grouped((total - old.len() - fresh) as f64),
        grouped(old.len() as f64)
    );
    super::print(text.as_bytes())
}

/// The streams of the file, by creator and start; `None` if any line is wrong, which is said.
fn checked(file: &Path, now: Timestamp) -> anyhow::Result<Option<Vec<Row>>> {
    let shown = file.display();
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file).with_context(|| format!("cannot open {shown}"))?;
        Box::new(BufReader::new(opened))
    };
    let Read { rows, problems } = lines::read(reader, file, Bounds::before(now))
        .with_context(|| format!("cannot read {shown}"))?;
    if problems.is_empty() {
        return Ok(Some(rows));
    }
    say(&problems.shown(&shown.to_string()));
    Ok(None)
}

fn warn_of_strangers(rows: &[Row], config: &Config) {
    let watched: BTreeSet<&Username> = config.creators.iter().map(|c| &c.username).collect();
    let strangers: BTreeSet<&Username> = rows.iter().map(|row| &row.creator).collect();
    let strangers: Vec<_> = strangers
        .difference(&watched)
        .map(|name| format!("@{name}"))
        .collect();
    if strangers.is_empty() {
        return;
    }
    let named = strangers[..strangers.len().min(NAMED)].join(", ");
    let more = if strangers.len() > NAMED { ", ..." } else { "" };
    say(&format!(
        "warning: {} not on the watchlist: {named}{more}\n",
        counted(strangers.len(), "creator")
    ));
}

/// Stores what is not known yet; how many that were.
fn store(path: &Path, rows: Vec<Row>, now: Timestamp) -> anyhow::Result<usize> {
    let store = Sqlite::open(path).map_err(|error| match error {
        locked @ StoreError::Locked { .. } => anyhow::Error::new(locked).context(
            "past streams are learned from at the start: stop the daemon, import, start it again",
        ),
        other => other.into(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let streams = store.past_streams().await?;
        let fresh = select(rows, streams, now);
        let count = fresh.len();
        if count > 0 {
            store.import(fresh).await?;
        }
        store.close().await?;
        Ok(count)
    })
}

fn without_known(rows: Vec<Row>, streams: Vec<PastStream>, now: Timestamp) -> usize {
    select(rows, streams, now).len()
}

/// The rows that overlap no stream of the store: what is in it was seen, or imported before.
fn select(rows: Vec<Row>, streams: Vec<PastStream>, now: Timestamp) -> Vec<ImportedStream> {
    let mut known: BTreeMap<Username, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for stream in streams {
        let span = (stream.began_at, stream.ended_at.unwrap_or(now));
        known.entry(stream.creator).or_default().push(span);
    }
    let is_new = |row: &Row| {
        let Some(spans) = known.get(&row.creator) else {
            return true;
        };
        // Sorted by start, and the streams of one creator follow each other.
        let next = spans.partition_point(|span| span.0 < row.end);
        spans[..next]
            .last()
            .is_none_or(|span| span.1 <= row.start && span.0 != row.start)
    };
    let imported = |row: Row| ImportedStream {
        creator: row.creator,
        began_at: row.start,
        ended_at: row.end,
    };
    rows.into_iter().filter(is_new).map(imported).collect()
}
