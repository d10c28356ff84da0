//! The command line: one file per command, each with its arguments and a `run`.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 fine, 1 failed, 2 wrong
//! usage (clap's), 78 configuration unusable, so that systemd does not restart in a loop.

pub mod ping;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code for a configuration that cannot be used: `EX_CONFIG` of sysexits.h.
pub const EX_CONFIG: u8 = 78;

/// Tells people the moment a `TikTok` creator goes live, and the moment the stream ends.
#[derive(Debug, Parser)]
#[command(name = "tallylight", version, max_term_width = 100)]
pub struct Cli {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        env = "TALLYLIGHT_CONFIG",
        default_value = "/etc/tallylight/config.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {}

/// Runs the command that was given; the exit code says how it went.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {}
}
