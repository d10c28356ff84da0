//! What a decision of the learned schedule costs: `cargo bench --bench decision`.
//!
//! One run measures 1,000 and 1,000,000 creators alike, so that the ratio means something
//! on any machine; then memory per creator, and the time to rebuild 100,000 from streams.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and measures real time"
)]

use std::time::{Duration, Instant};

use tallylight::domain::Timestamp;
use tallylight::schedule::learned::{KnownStream, Learned, Options, Outcome, Settings};
use tallylight::schedule::ledger::{Ledger, Renewal};
use tallylight::schedule::queue::Queue;

const ROUNDS: u32 = 400_000;
const WEEK: u64 = 604_800;

fn start() -> Timestamp {
    Timestamp::from_millis(1_767_571_200_000)
}

/// `creators` of which every `known`th has ten past streams.
fn schedule(creators: u32, known: u32) -> Learned {
    let ledger = Ledger::new(
        u64::from(creators) * 125,
        Renewal::DayOfMonth(1),
        &[],
        start(),
    );
    let mut learned = Learned::new(Options::default(), ledger, start());
    for number in 0..creators {
        let creator = learned.add_creator(&Settings::default(), start());
        if number % known == 0 {
            learned.restore(creator, streams(number), None);
        }
    }
    learned.replan(start());
    learned
}

fn streams(number: u32) -> impl Iterator<Item = KnownStream> {
    (1..=10).rev().map(move |weeks| {
        let offset = Duration::from_secs(u64::from(number) * 7_919 % WEEK);
        let began = start()
            .minus(Duration::from_secs(weeks * WEEK))
            .plus(offset);
        KnownStream {
            began,
            ended: Some(began.plus(Duration::from_mins(90))),
            resumed: false,
        }
    })
}

/// Seconds for one decision: out of the queue, learn, decide, into the queue.
fn decision(creators: u32) -> f64 {
    let mut learned = schedule(creators, 2);
    let mut queue = Queue::new();
    for creator in 0..creators {
        let wait = learned
            .after_poll(creator, Outcome::Offline, start(), 0.5)
            .wait;
        queue.schedule(creator, wait.mul_f64(f64::from(creator % 997) / 997.0));
    }
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        let Some((creator, due)) = queue.pop_due(Duration::MAX) else {
            break;
        };
        let next = learned.after_poll(creator, Outcome::Offline, start().plus(due), 0.5);
        queue.schedule(creator, due + next.wait);
    }
    begun.elapsed().as_secs_f64() / f64::from(ROUNDS)
}

/// Resident bytes of this process.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0
}

fn main() {
    let before = resident();
    let quiet = schedule(200_000, u32::MAX);
    let without = (resident() - before) / 200_000.0;
    drop(quiet);
    let before = resident();
    let full = schedule(200_000, 1);
    let with = (resident() - before) / 200_000.0;
    drop(full);
    println!("memory per creator: {without:.0} B without history, {with:.0} B with");
    let begun = Instant::now();
    let rebuilt = schedule(100_000, 1);
    println!(
        "rebuilding 100,000 creators from 1,000,000 streams: {:.2} s",
        begun.elapsed().as_secs_f64()
    );
    drop(rebuilt);
    let (small, large) = (decision(1_000), decision(1_000_000));
    println!(
        "decision: {:.2} us at 1,000 creators, {:.2} us at 1,000,000, ratio {:.2}",
        small * 1e6,
        large * 1e6,
        large / small
    );
}
