//! The daemon measured end to end on loopback: `cargo bench --bench daemon`.
//!
//! Nothing is asserted: absolute numbers belong to one machine at one hour. What counts are
//! the ratios, whose two sides are measured in turns within one run. Names of parts as
//! arguments choose among them (`polls`, `memory`, `latency`, `readers`); `small` leaves out the
//! 100,000 creators, whose first answers take 100 s.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot go on ends, and prints what it found"
)]

mod latency;
mod memory;
mod polls;
mod process;
mod readers;
mod surroundings;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if given(surroundings::SERVE) {
        runtime.block_on(surroundings::serve());
        return;
    }
    let parts = ["polls", "memory", "latency", "readers"];
    let all = !parts.iter().any(|part| given(part));
    let cores = std::thread::available_parallelism().unwrap();
    println!("{cores} cores; simulator and daemon share them");
    if all || given("polls") {
        runtime.block_on(polls::measure());
    }
    if all || given("latency") {
        runtime.block_on(latency::measure());
    }
    if all || given("readers") {
        runtime.block_on(readers::measure());
    }
    if all || given("memory") {
        runtime.block_on(memory::measure(1_000));
        if !given("small") {
            runtime.block_on(memory::measure(100_000));
        }
    }
}
