//! All integration tests in one binary: the real program against the simulator, on loopback.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "in a test a panic is the message"
)]

mod architecture;
mod browser;
mod commands;
mod config;
mod deliveries;
mod delivery;
mod history;
mod konbini;
mod online;
mod package;
mod plan;
mod process;
mod program;
mod quiet;
mod readme;
mod storm;
