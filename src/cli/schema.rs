//! `tallylight schema`: the configuration's JSON Schema, on stdout.

use std::process::ExitCode;

/// Prints the schema.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let schema = crate::config::schema();
    super::print(format!("{schema:#}\n").as_bytes())
}
