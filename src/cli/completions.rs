//! `tallylight completions SHELL`: the completion script, on stdout.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell the script is for
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = super::Cli::command();
    clap_complete::generate(arguments.shell, &mut command, "tallylight", &mut script);
    super::print(&script)
}
