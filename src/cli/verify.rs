//! `verify`: whether a signature is right, and if not, why. For whoever builds a receiver.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::clock::Clock;
use crate::domain::signature::SigningKey;
use crate::webhook::diagnosis::{Evidence, diagnose};

/// The largest body read, in bytes.
const MAX_BODY: u64 = 1024 * 1024;

/// Say whether the signature of a webhook is right and, if not, why
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The header `webhook-id`
    #[arg(long, value_name = "ID")]
    id: String,
    /// The header `webhook-timestamp`
    #[arg(long, value_name = "SECONDS")]
    timestamp: String,
    /// The header `webhook-signature`
    #[arg(long, value_name = "SIGNATURE")]
    signature: String,
    /// A file with one secret a line; without it, those of --webhook
    #[arg(long, value_name = "FILE", conflicts_with = "webhook")]
    secret_file: Option<PathBuf>,
    /// The webhook of the configuration whose secrets are tried
    #[arg(long, value_name = "ID", required_unless_present = "secret_file")]
    webhook: Option<String>,
    /// The body as it came; `-` reads stdin
    #[arg(value_name = "BODY")]
    body: PathBuf,
}

/// Exit code 0 if a receiver should take it, 1 if not.
pub(super) fn run(arguments: &Verify, config: &Path) -> anyhow::Result<ExitCode> {
    let keys = match &arguments.secret_file {
        Some(file) => keys_of_file(file)?,
        None => match super::load_config(config) {
            Ok(loaded) => {
                let id = arguments.webhook.as_deref().unwrap_or_default();
                let mut webhooks = loaded.config.webhooks.iter();
                let found = webhooks.find(|webhook| &*webhook.id == id);
                found
                    .with_context(|| format!("no webhook {id:?}"))?
                    .secrets
                    .clone()
            }
            Err(code) => return Ok(code),
        },
    };
    anyhow::ensure!(!keys.is_empty(), "there is no secret to verify with");
    let body = body(&arguments.body)?;
    let evidence = Evidence {
        id: &arguments.id,
        timestamp: arguments.timestamp.trim(),
        signature: &arguments.signature,
        body: &body,
    };
    let finding = diagnose(&evidence, &keys, Clock::system().now());
    super::print(format!("the signature is {finding}\n").as_bytes())?;
    Ok(if finding.is_genuine() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn keys_of_file(path: &Path) -> anyhow::Result<Vec<SigningKey>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys = lines.map(|line| line.parse().with_context(|| format!("in {shown}")));
    keys.collect()
}

fn body(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    if path == Path::new("-") {
        let read = std::io::stdin().take(MAX_BODY).read_to_end(&mut body);
        read.context("cannot read stdin")?;
    } else {
        let file = std::fs::File::open(path);
        let file = file.with_context(|| format!("cannot read {}", path.display()))?;
        file.take(MAX_BODY).read_to_end(&mut body)?;
    }
    Ok(body)
}
