//! The `tallylight` program: parse, call, print the error once.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use tallylight::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::execute(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "tallylight: {error:#}");
            ExitCode::FAILURE
        }
    }
}
