//! `tallylight check`: says what is wrong with the configuration, or what it will cost.
//!
//! Problems and warnings go to stderr, the forecast to stdout. Nothing is written, the store is
//! only read, and nothing is asked of the outside without `--online`.

mod online;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::figures::{counted, grouped};
use super::plan::{self, text};
use crate::config::{Config, ScheduleKind};
use crate::schedule::forecast::Report;

/// Check the configuration and forecast what it costs
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Also ask the API whether the key works and each username exists; costs a credit for each
    #[arg(long)]
    online: bool,
}

/// Checks the configuration at `path`; 78 if it cannot be used.
pub(super) fn run(arguments: &Check, path: &Path) -> anyhow::Result<ExitCode> {
    let loaded = match super::load_config(path) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    super::show_problems(&loaded.warnings);
    let report = plan::prospect(&loaded.config).report(None);
    if let Some(warning) = budget_warning(&loaded.config, &report) {
        super::say(&format!("warning: {warning}\n"));
    }
    let checked = super::print(fine(&loaded.config, &report).as_bytes())?;
    if arguments.online {
        return online::run(&loaded);
    }
    Ok(checked)
}

/// Everything that goes to stdout.
fn fine(config: &Config, report: &Report) -> String {
    format!(
        "the configuration is fine: {}, {}\n\n{}",
        counted(config.creators.len(), "creator"),
        counted(config.webhooks.len(), "webhook"),
        text::forecast(config, report),
    )
}

/// Why the budget will not last, if the fixed schedule has one.
fn budget_warning(config: &Config, report: &Report) -> Option<String> {
    let budget = config
        .budget
        .filter(|_| config.polling.schedule == ScheduleKind::Fixed)?;
    let needed = report.configured.credits_per_month;
    let allowed = budget.credits_per_month as f64;
    (needed > allowed).then(|| {
        format!(
            "the fixed schedule needs about {} credits a month, the budget is {}: \
             it would last {:.0} days of 30; lengthen `polling.interval` or choose schedule = \"learned\"",
            grouped(needed),
            grouped(allowed),
            30.0 * allowed / needed
        )
    })
}
