//! The program as a child process: how a test runs a command, and what came of it.
//!
//! The daemon between its surroundings is `process`; here are the commands that end by
//! themselves. Nothing of the developer's environment reaches them.

use std::process::{Command, Output};

/// A webhook's secret, well-formed and nobody's.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The program with nothing in its environment.
pub(crate) fn tallylight() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
    command.env_clear();
    command
}

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Keys and addresses that must not be told have `hunter2` in them, in every test.
    pub(crate) fn of(output: Output) -> Self {
        let ran = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"));
        ran
    }
}

/// Runs it beside a simulator, which needs this thread meanwhile.
pub(crate) async fn ran(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    Ran::of(output.await.unwrap())
}

/// Sends a signal by its name, like `TERM`.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
