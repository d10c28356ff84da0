//! `backup`: a consistent copy of the store, while a daemon runs or while none does.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, StorageLocation};
use crate::store::sqlite::backup::{Existing, back_up};

/// Copy the store of a running daemon, consistent and checked
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The copy: a file that does not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Backup, config: &Config) -> anyhow::Result<ExitCode> {
    let StorageLocation::Sqlite(store) = &config.storage.location;
    let existing = if arguments.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let bytes = back_up(store, &arguments.file, existing)?;
    let told = format!("{}: {bytes} bytes, checked\n", arguments.file.display());
    super::print(told.as_bytes())
}
