//! `export streams | samples`: the past as CSV or JSON lines, also beside a running daemon.
//!
//! Read and written page by page, the oldest first, so that memory does not grow with it.

mod rows;

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use self::rows::{SampleRow, StreamRow, Text};
use crate::config::{Config, StorageLocation};
use crate::domain::{Timestamp, Username};
use crate::store::history::{
    Cursor, MAX_PAGE, Order, SampleQuery, SamplesOf, StreamQuery, StreamState,
};
use crate::store::sqlite::archive::Archive;

/// Print streams or audience samples, the oldest first
#[derive(Debug, Args)]
pub(super) struct Export {
    /// What to print
    #[arg(value_enum, value_name = "WHAT")]
    what: What,
    /// Streams that began, or samples that were counted, since this time,
    /// `2026-02-27T18:00:00Z`, or this long ago, `30d`
    #[arg(long, value_name = "TIME", value_parser = super::deliveries::time)]
    since: Option<Timestamp>,
    /// The same before this time
    #[arg(long, value_name = "TIME", value_parser = super::deliveries::time)]
    until: Option<Timestamp>,
    /// Of this creator
    #[arg(long, value_name = "USERNAME")]
    creator: Option<Username>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Where to: a file, which is replaced, or `-` for stdout
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// One line for each stream
    Streams,
    /// One line for each time an audience was counted
    Samples,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For spreadsheets and `import`: a line of names first; titles on one line, never a formula
    Csv,
    /// One JSON object a line; titles as they were
    Jsonl,
}

pub(super) fn run(arguments: &Export, config: &Config) -> anyhow::Result<ExitCode> {
    let StorageLocation::Sqlite(store) = &config.storage.location;
    let archive = Archive::open(store)?;
    let mut output = output(&arguments.output, &archive)?;
    let written = match arguments.what {
        What::Streams => all(arguments, &mut *output, StreamRow::HEAD, |after| {
            streams(&archive, arguments, after)
        }),
        What::Samples => all(arguments, &mut *output, SampleRow::HEAD, |after| {
            samples(&archive, arguments, after)
        }),
    };
    match written {
        // A reader that has seen enough is no failure.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(Failure::Output(error)) => {
            let shown = arguments.output.display();
            return Err(error).with_context(|| format!("cannot write to {shown}"));
        }
        Err(Failure::Other(error)) => return Err(error),
        Ok(()) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn output(path: &Path, archive: &Archive) -> anyhow::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdout().lock()));
    }
    if archive.holds(path) {
        bail!(
            "{} belongs to the store itself; name another file",
            path.display()
        );
    }
    let file = File::create(path).with_context(|| format!("cannot write to {}", path.display()))?;
    Ok(Box::new(file))
}

enum Failure {
    Output(io::Error),
    Other(anyhow::Error),
}

/// One page as text, and where the next one begins.
type Written = (Vec<u8>, Option<Cursor>);

/// Writes page after page.
fn all(
    arguments: &Export,
    output: &mut dyn Write,
    head: &[&str],
    page: impl Fn(Option<Cursor>) -> anyhow::Result<Written>,
) -> Result<(), Failure> {
    if arguments.format == Format::Csv {
        let head = head.join(",") + "\n";
        output.write_all(head.as_bytes()).map_err(Failure::Output)?;
    }
    let mut after = None;
    loop {
        let (text, next) = page(after).map_err(Failure::Other)?;
        output.write_all(&text).map_err(Failure::Output)?;
        if next.is_none() {
            return output.flush().map_err(Failure::Output);
        }
        after = next;
    }
}

fn streams(
    archive: &Archive,
    arguments: &Export,
    after: Option<Cursor>,
) -> anyhow::Result<Written> {
    let page = archive.streams(&StreamQuery {
        creator: arguments.creator.clone(),
        since: arguments.since,
        until: arguments.until,
        state: StreamState::Any,
        order: Order::OldestFirst,
        after,
        limit: MAX_PAGE,
    })?;
    let text = match arguments.format {
        Format::Csv => Text::OneLine,
        Format::Jsonl => Text::AsItWas,
    };
    let rows = page.rows.iter().map(|stream| StreamRow::new(stream, text));
    Ok((arguments.format.write(rows)?, page.next))
}

fn samples(
    archive: &Archive,
    arguments: &Export,
    after: Option<Cursor>,
) -> anyhow::Result<Written> {
    let of = arguments
        .creator
        .clone()
        .map_or(SamplesOf::All, SamplesOf::Creator);
    let page = archive.samples(&SampleQuery {
        of,
        since: arguments.since,
        until: arguments.until,
        after,
        limit: MAX_PAGE,
    })?;
    let rows = page.rows.iter().map(SampleRow::new);
    Ok((arguments.format.write(rows)?, page.next))
}

impl Format {
    fn write(self, rows: impl Iterator<Item = impl serde::Serialize>) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Csv => rows::csv(rows),
            Self::Jsonl => rows::json_lines(rows),
        }
    }
}
