//! All integration tests in one binary: the real program against the simulator, on loopback.

mod architecture;
mod config;
mod delivery;
mod konbini;
mod process;
