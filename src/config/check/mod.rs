//! From the mirror to the checked configuration: one file per group of tables.
//!
//! Every check records what is wrong and goes on with a default, so that one run shows all
//! problems. What is returned is complete; whether it may be used, the findings say.

mod polling;
mod service;
mod url;
mod watchlist;
mod webhook;

use toml::de::DeTable;

pub(super) use self::service::http;

use super::Config;
use super::problem::{Finding, Source};
use super::raw::{self, Section};
use super::read::Reader;

/// Checks the whole file; further files that problems point into are added to `sources`.
pub(super) fn check(
    reader: &mut Reader<'_>,
    root: &DeTable<'_>,
    sources: &mut Vec<Source>,
) -> Config {
    let root = Section::root(root);
    reader.unknown_keys(&root);
    let konbini = service::konbini(reader, &root);
    let budget = polling::budget(reader, &root);
    let watchlist = reader.section(&root, "watchlist", &raw::WATCHLIST);
    let polling = polling::polling(reader, &root, &watchlist, budget.is_some());
    reader.schedule = polling.schedule;
    let webhooks = webhook::webhooks(reader, &root);
    let creators = watchlist::creators(reader, &watchlist, &webhooks.ids, sources);
    webhook::known_creators(reader, &webhooks, &creators);
    Config {
        konbini,
        budget,
        polling,
        creators,
        webhooks: webhooks.checked,
        storage: service::storage(reader, &root),
        http: service::http(reader, &root),
        log: service::log(reader, &root),
        sweep: service::sweep(reader, &root),
        heartbeat: service::heartbeat(reader, &root),
        allow_shrink: reader.boolean(&root, "allow_shrink").unwrap_or(false),
    }
}

/// The syntax errors of the main file.
pub(super) fn syntax(errors: &[toml::de::Error]) -> Vec<Finding> {
    let finding = |error: &toml::de::Error| {
        let message = format!("not valid TOML: {}", error.message());
        Finding::at(error.span().unwrap_or(0..0), "", message)
    };
    let mut findings: Vec<_> = errors.iter().map(finding).collect();
    if let Some(last) = findings.pop() {
        findings.push(last.help("the rest of the file is checked once it is valid TOML"));
    }
    findings
}
