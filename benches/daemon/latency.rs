//! From the API's answer to the webhook's arrival, with the real binary in between.
//!
//! The clock starts when the simulator has the request and makes its answer, a moment
//! before its first byte is written, and stops when the receiver has the whole delivery.
//! In between lie the answer's way, one durable commit, and the delivery's way. Between two
//! starts one page is synced in a file beside the store: what a durable write costs on this
//! disk in those same seconds. On a shared disk it differs tenfold from minute to minute,
//! so it says nothing if it is measured before or after.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use tallylight::clock::Clock;
use tallylight::domain::Username;
use tallylight::simulator::{Handle, Receiver, wire};

use crate::surroundings::{Place, name, simulator};

const CREATORS: usize = 1_500;
const STARTS: usize = 600;
/// Fewer starts a minute than half the watchlist: a crowd would be held back.
const APART: Duration = Duration::from_millis(25);

pub(crate) async fn measure() {
    let clock = Clock::system();
    let api = simulator(clock.clone()).await;
    let handle = api.handle();
    let listener = wire::loopback().await.unwrap();
    let polling = "interval = \"3s\"\nlive_interval = \"1h\"\nmax_requests_per_second = 1000\nmax_in_flight = 64";
    let address = format!("http://{}", listener.local_addr().unwrap());
    let place = Place::new(CREATORS, polling, &api.url(), &address);
    let receiver = Receiver::start(listener, vec![place.key.clone()], clock.clone()).unwrap();
    println!("\n== latency: {STARTS} starts among {CREATORS} creators at an interval of 3s");
    let mut disk = Disk::new(place.folder.path());
    let daemon = place.daemon();
    while handle.credits_used() < 2 * CREATORS as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut started = HashMap::new();
    for number in 0..STARTS {
        started.insert(name(number), clock.monotonic());
        handle.set_live(&name(number), None);
        tokio::time::sleep(APART).await;
        let sync = tokio::task::spawn_blocking(move || disk.sync());
        disk = sync.await.unwrap();
    }
    let arrived = receiver.wait_for(STARTS).await;
    drop(daemon);
    let answered = first_live_answers(&handle, &started);
    let mut latencies: Vec<Duration> = arrived
        .iter()
        .map(|one| {
            let body = one.json().unwrap();
            let creator = body["data"]["creator"]["username"].as_str().unwrap();
            let creator: Username = creator.parse().unwrap();
            one.at_monotonic.saturating_sub(answered[&creator])
        })
        .collect();
    report("answer to arrival", &mut latencies);
    report("sync of one page", &mut disk.took);
}

/// When each creator was first asked for after its stream began.
fn first_live_answers(
    handle: &Handle,
    started: &HashMap<Username, Duration>,
) -> HashMap<Username, Duration> {
    let mut answered = HashMap::new();
    for asked in handle.log() {
        let Some(creator) = asked.username else {
            continue;
        };
        if started
            .get(&creator)
            .is_some_and(|&at| asked.at_monotonic >= at)
        {
            answered.entry(creator).or_insert(asked.at_monotonic);
        }
    }
    answered
}

/// A file of fixed length on the store's disk, as a write-ahead log is once it goes round.
struct Disk {
    file: File,
    next: u64,
    took: Vec<Duration>,
}

impl Disk {
    fn new(folder: &Path) -> Self {
        let file = File::create(folder.join("pages")).unwrap();
        file.write_all_at(&vec![0; STARTS * 4096], 0).unwrap();
        file.sync_all().unwrap();
        Self {
            file,
            next: 0,
            took: Vec::new(),
        }
    }

    /// Writes the next page durably.
    fn sync(mut self) -> Self {
        let clock = Clock::system();
        self.file.write_all_at(&[7; 4096], self.next).unwrap();
        self.file.sync_data().unwrap();
        self.took.push(clock.monotonic());
        self.next += 4096;
        self
    }
}

fn report(what: &str, all: &mut [Duration]) {
    all.sort();
    let ms = |index: usize| all[index].as_secs_f64() * 1e3;
    println!(
        "  {what:<18} median {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, most {:.2} ms ({} of them)",
        ms(all.len() / 2),
        ms(all.len() * 9 / 10),
        ms(all.len() * 99 / 100),
        ms(all.len() - 1),
        all.len(),
    );
}
