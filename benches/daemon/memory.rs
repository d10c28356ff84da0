//! What the real binary holds in memory while everybody is quiet, and the CPU it then uses.

use std::time::Duration;

use tallylight::clock::Clock;

use crate::process::{cpu, memory};
use crate::surroundings::{Place, simulator};

const IDLE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(creators: usize) {
    let api = simulator(Clock::system()).await;
    let handle = api.handle();
    let polling = "interval = \"1h\"\nmax_requests_per_second = 1000\nmax_in_flight = 64";
    let place = Place::new(creators, polling, &api.url(), "http://127.0.0.1:9");
    let clock = Clock::system();
    let daemon = place.daemon();
    let pid = daemon.pid();
    println!("\n== memory and idle CPU: {creators} quiet creators at an interval of 1h");
    while handle.credits_used() < creators as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = clock.monotonic().as_secs_f64();
    let first = cpu(&pid).as_secs_f64();
    println!(
        "  first answers  {took:.1} s, {first:.2} s CPU ({:.0} us each, commits included)",
        first * 1e6 / creators as f64
    );
    // The last commits, and the buffers of the burst.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (polls, before) = (handle.credits_used(), cpu(&pid));
    tokio::time::sleep(IDLE).await;
    let used = cpu(&pid).saturating_sub(before).as_secs_f64();
    let polls = handle.credits_used() - polls;
    println!(
        "  idle           {:.2} % of one core over {} s, {polls} polls in it",
        100.0 * used / IDLE.as_secs_f64(),
        IDLE.as_secs()
    );
    let (resident, most) = (memory(&pid, "VmRSS:"), memory(&pid, "VmHWM:"));
    println!("  resident       {resident} KiB, at most {most} KiB so far");
    let store = std::fs::metadata(place.folder.path().join("state.db"));
    println!(
        "  store          {} KiB on disk",
        store.unwrap().len() / 1024
    );
}
