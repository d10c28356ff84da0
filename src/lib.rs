//! tallylight tells people the moment a `TikTok` creator goes live, and the moment the stream ends.
//!
//! This page is the map of the house. The core decides and returns values; the edge does what
//! it is told; every task has an owner; every promise is a row before it is kept.
//!
//! What happens to one answer, from the API to a receiver:
//!
//! 1. [`schedule`] says whom to poll, when, and whether the credit is worth it.
//! 2. [`daemon`]'s poller asks through [`konbini`], which makes an observation of the answer.
//! 3. [`domain::tracker`] turns state and observation into the next state and its transitions.
//! 4. [`store`] takes state, events and deliveries in one transaction. The deliveries are the queue.
//! 5. [`daemon`]'s dispatcher takes what is due, [`webhook`] writes, signs and sends it, and the
//!    outcome goes back into the store.
//!
//! The rooms, from the door to the ground; each may use those below it and none above:
//!
//! - [`cli`]: one file per command; `run` is the daemon.
//! - [`daemon`]: the loops and who owns them; reload, systemd, heartbeat.
//! - [`web`]: what the running daemon shows over HTTP; it knows the daemon by one trait.
//! - [`simulator`]: the pretend API and receiver behind `demo`, the tests and the benchmarks.
//! - [`webhook`], [`konbini`], [`store`]: the three edges, receiver, source and disk.
//! - [`config`]: the file, checked and typed.
//! - [`schedule`]: when to poll and what it costs. Pure.
//! - [`clock`] and [`metrics`]: the one place that reads clocks, and all that is counted.
//! - [`domain`]: what is known and decided. Pure.
//!
//! Pure is what has no tokio, SQL, HTTP, clock, random source or logging. `ARCHITECTURE.md` gives
//! the reasons, and a test (`tests/it/architecture.rs`) holds the imports to the order above.

mod abort;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod konbini;
pub mod metrics;
pub mod schedule;
pub mod simulator;
pub mod store;
pub mod web;
pub mod webhook;
