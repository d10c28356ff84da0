//! `tallylight man`: the manual pages, as packages install them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write all pages, one for each command, into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the main page, or writes every page.
pub(super) fn run(arguments: &Man) -> anyhow::Result<ExitCode> {
    let command = super::Cli::command();
    if let Some(dir) = &arguments.dir {
        let shown = dir.display();
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {shown}"))?;
        clap_mangen::generate_to(command, dir)
            .with_context(|| format!("cannot write manual pages to {shown}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    super::print(&page)
}
