//! `tallylight secret`: a new webhook secret, on stdout.

use std::process::ExitCode;

use anyhow::Context as _;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::domain::signature::SigningKey;

/// Prints a secret of 32 bytes from the operating system.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut bytes = [0; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .context("the operating system gives no random bytes")?;
    let secret = SigningKey::from_bytes(bytes).expose();
    super::print(format!("{secret}\n").as_bytes())
}
