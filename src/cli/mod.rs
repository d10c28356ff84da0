//! The command line: one file per command, each with its arguments and a `run`.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 fine, 1 failed, 2 wrong
//! usage (clap's), 78 configuration unusable, so that systemd does not restart in a loop.

mod backup;
mod check;
mod completions;
mod deliveries;
mod demo;
mod export;
mod figures;
mod healthcheck;
mod import;
mod local;
mod man;
mod ping;
mod plan;
mod probe;
mod run;
mod schema;
mod secret;
mod status;
mod table;
mod verify;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{self, Config, Loaded, Problem, Problems, StorageLocation, Webhook};
use crate::daemon::World;
use crate::daemon::systemd::Systemd;
use crate::konbini::Client;
use crate::store::sqlite::Sqlite;
use crate::webhook::{Endpoint, HttpSender};

/// Exit code for a configuration that cannot be used: `EX_CONFIG` of sysexits.h.
pub const EX_CONFIG: u8 = 78;

/// Tells people the moment a `TikTok` creator goes live, and the moment the stream ends.
#[derive(Debug, Parser)]
#[command(
    name = "tallylight",
    version,
    max_term_width = 100,
    about = "Tells people the moment a TikTok creator goes live, and the moment the stream ends",
    long_about = None
)]
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
enum Command {
    Backup(backup::Backup),
    Check(check::Check),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    Deliveries(deliveries::Deliveries),
    Demo(demo::Demo),
    Export(export::Export),
    /// Exit with 0 if the local daemon is healthy, with 1 if not
    Healthcheck,
    Import(import::Import),
    /// Print the manual page
    Man(man::Man),
    Ping(ping::PingArgs),
    Plan(plan::Plan),
    Probe(probe::Args),
    /// Watch the creators of the configuration until SIGTERM or SIGINT
    Run,
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Print a new webhook secret
    Secret,
    Status(status::StatusArgs),
    Verify(verify::Verify),
}

/// Runs the command that was given; the exit code says how it went.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Backup(arguments) => {
            with_config(&cli.config, |config| backup::run(&arguments, config))
        }
        Command::Check(arguments) => check::run(&arguments, &cli.config),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Deliveries(arguments) => {
            with_config(&cli.config, |config| deliveries::run(&arguments, config))
        }
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Export(arguments) => {
            with_config(&cli.config, |config| export::run(&arguments, config))
        }
        Command::Healthcheck => healthcheck::run(&cli.config),
        Command::Import(arguments) => {
            with_config(&cli.config, |config| import::run(&arguments, config))
        }
        Command::Man(arguments) => man::run(&arguments),
        Command::Ping(arguments) => {
            with_config(&cli.config, |config| ping::run(&arguments, config))
        }
        Command::Plan(arguments) => {
            with_config(&cli.config, |config| plan::run(&arguments, config))
        }
        Command::Probe(arguments) => {
            with_config(&cli.config, |config| probe::run(&arguments, config))
        }
        Command::Run => run::run(&cli.config),
        Command::Schema => schema::run(),
        Command::Secret => secret::run(),
        Command::Status(arguments) => {
            with_config(&cli.config, |config| status::run(&arguments, config))
        }
        Command::Verify(arguments) => verify::run(&arguments, &cli.config),
    }
}

/// Loads the configuration for any command; if it cannot be used, says why and how to exit.
///
/// Warnings are left to the caller: `check` shows them, the daemon logs them.
pub(crate) fn load_config(path: &Path) -> Result<Loaded, ExitCode> {
    let loaded = load(path).map_err(|problems| {
        show_problems(&problems.problems);
        say(&format!("tallylight: {}\n", problems.summary()));
        ExitCode::from(EX_CONFIG)
    })?;
    check_webhooks(&loaded.config)?;
    Ok(loaded)
}

/// The one way from the file to a configuration, with the variables of this process.
fn load(path: &Path) -> Result<Loaded, Problems> {
    config::load(path, &|name| std::env::var(name).ok())
}

/// What only the sending room can tell: whether each webhook can write and send its requests.
fn broken_webhooks(config: &Config) -> Vec<String> {
    match HttpSender::new() {
        Ok(sender) => unusable_webhooks(config, &sender),
        Err(error) => vec![error.to_string()],
    }
}

fn check_webhooks(config: &Config) -> Result<(), ExitCode> {
    let broken = broken_webhooks(config);
    for error in &broken {
        say(&format!("error: {error}\n"));
    }
    if broken.is_empty() {
        return Ok(());
    }
    say("tallylight: the configuration cannot be used\n");
    Err(ExitCode::from(EX_CONFIG))
}

fn unusable_webhooks(config: &Config, sender: &HttpSender) -> Vec<String> {
    let reason = |webhook: &Arc<Webhook>| match Endpoint::new(Arc::clone(webhook)) {
        Err(error) => Some(error.to_string()),
        Ok(endpoint) => {
            let error = sender.prepare(&endpoint).err()?;
            Some(format!("webhook {:?}: {error}", &*webhook.id))
        }
    };
    config.webhooks.iter().filter_map(reason).collect()
}

/// Runs a command that asks something of the outside, with what it needs to know.
fn with_config(
    path: &Path,
    command: impl FnOnce(&Config) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    match load_config(path) {
        Ok(loaded) => command(&loaded.config),
        Err(code) => Ok(code),
    }
}

/// The real source, store and sender for `config`: opens the store.
fn world(config: &Config, clock: Clock) -> anyhow::Result<World> {
    let StorageLocation::Sqlite(path) = &config.storage.location;
    let store = Arc::new(Sqlite::open(path)?);
    Ok(World {
        clock,
        source: Arc::new(Client::new(&config.konbini)?),
        history: Arc::clone(&store) as _,
        store,
        sender: Arc::new(HttpSender::new()?),
        origin: None,
        systemd: Systemd::absent(),
        listener: None,
    })
}

/// Draws problems on stderr, in colour if it is a terminal that wants it.
pub(crate) fn show_problems(problems: &[Problem]) {
    for problem in problems {
        say(&format!("{}\n\n", problem.styled()));
    }
}

/// Says something to the person, on stderr.
pub(crate) fn say(text: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Writes a result to stdout; a reader that has seen enough is no failure.
pub(crate) fn print(result: &[u8]) -> anyhow::Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(result).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
