//! What a thousand open pages and a scraper cost the polls: p99 of how late polls start
//! against their plan, by the daemon's own histogram, without and with readers in turns.
//!
//! A reader does what the page's script does: it listens to the changes, and fetches the page
//! again a moment after one, or after 15 seconds. Readers, simulator and daemon share the
//! machine's cores, so what is measured is more than the daemon's part of the cost.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tallylight::clock::Clock;
use tallylight::simulator::{Handle, Receiver, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::process::cpu;
use crate::surroundings::{Daemon, Place, name, simulator};

const CREATORS: usize = 1_000;
const READERS: usize = 1_000;
const ROUNDS: usize = 3;
const SPAN: Duration = Duration::from_secs(15);
const SCRAPE_EVERY: Duration = Duration::from_secs(5);
/// As in the page's script, in milliseconds.
const SETTLE: u64 = 1_000;
const SPREAD: u64 = 500;
const REFRESH_EVERY: Duration = Duration::from_secs(15);
/// A stream starts or ends so often.
const CHANGE_EVERY: Duration = Duration::from_secs(2);

/// What the readers got.
#[derive(Debug, Default)]
struct Got {
    pages: AtomicU64,
    bytes: AtomicU64,
    changes: AtomicU64,
}

pub(crate) async fn measure() {
    println!(
        "\n== readers: {CREATORS} creators at an interval of 3s, a change every {CHANGE_EVERY:?}, \
         {READERS} open pages and a scrape every {SCRAPE_EVERY:?}, {ROUNDS} rounds in turns"
    );
    let clock = Clock::system();
    let api = simulator(clock.clone()).await;
    let listener = wire::loopback().await.unwrap();
    let polling = "interval = \"3s\"\nlive_interval = \"10s\"\nmax_requests_per_second = 1000\nmax_in_flight = 64";
    let receiver_url = format!("http://{}", listener.local_addr().unwrap());
    let place = Place::new(CREATORS, polling, &api.url(), &receiver_url);
    let _receiver = Receiver::start(listener, vec![place.key.clone()], clock).unwrap();
    let address = place.listen().await;
    let daemon = place.daemon();
    let handle = api.handle();
    while handle.credits_used() < 2 * CREATORS as u64 {
        sleep(Duration::from_millis(20)).await;
    }
    let mut worlds = JoinSet::new();
    worlds.spawn(changes(handle));
    let (mut alone, mut read) = (Histogram::default(), Histogram::default());
    for round in 1..=ROUNDS {
        alone.add(&span(&daemon, &address, &format!("round {round} without")).await);
        let got = Arc::new(Got::default());
        let mut readers = JoinSet::new();
        for seed in 0..READERS as u64 {
            readers.spawn(reader(address.clone(), Arc::clone(&got), seed));
        }
        readers.spawn(scraper(address.clone()));
        // Until all of them are there.
        sleep(Duration::from_secs(5)).await;
        let before = got.pages.load(Ordering::Relaxed);
        read.add(&span(&daemon, &address, &format!("round {round} with")).await);
        let pages = got.pages.load(Ordering::Relaxed) - before;
        println!(
            "    {:.0} pages a second, {} changes heard, {} KiB a page, {} readers left",
            pages as f64 / SPAN.as_secs_f64(),
            got.changes.load(Ordering::Relaxed),
            got.bytes.load(Ordering::Relaxed) / got.pages.load(Ordering::Relaxed).max(1) / 1024,
            readers.len() - 1,
        );
        readers.shutdown().await;
        sleep(Duration::from_secs(1)).await;
    }
    let (without, with) = (alone.quantile(0.99), read.quantile(0.99));
    println!(
        "  p99 lateness {without:.2} ms without, {with:.2} ms with: ratio {:.2}",
        with / without
    );
}

/// Somebody goes live or offline all the time.
async fn changes(handle: Handle) {
    for number in (0..CREATORS).cycle() {
        handle.set_live(&name(number), None);
        sleep(CHANGE_EVERY).await;
        if number >= 20 {
            handle.set_offline(&name(number - 20));
        }
        sleep(CHANGE_EVERY).await;
    }
}

async fn span(daemon: &Daemon, address: &str, what: &str) -> Histogram {
    let before = Histogram::scraped(address).await;
    let used = cpu(&daemon.pid());
    sleep(SPAN).await;
    let used = cpu(&daemon.pid()).saturating_sub(used);
    let span = Histogram::scraped(address).await.since(&before);
    println!(
        "  {what:<16} {} polls, lateness median {:.2} ms, p99 {:.2} ms, daemon at {:.0} % of a core",
        span.total(),
        span.quantile(0.5),
        span.quantile(0.99),
        100.0 * used.as_secs_f64() / SPAN.as_secs_f64(),
    );
    span
}

async fn scraper(address: String) {
    loop {
        get(&address, "/metrics").await;
        sleep(SCRAPE_EVERY).await;
    }
}

/// One open page, with the two connections of a browser.
async fn reader(address: String, got: Arc<Got>, seed: u64) {
    let mut events = TcpStream::connect(&address).await.unwrap();
    ask(&mut events, "/api/v1/changes").await;
    let mut page = TcpStream::connect(&address).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let mut random = seed;
    loop {
        let mut refresh = pin!(sleep(REFRESH_EVERY));
        let mut due = false;
        loop {
            tokio::select! {
                heard = events.read(&mut buffer) => {
                    let heard = heard.unwrap();
                    assert!(heard > 0, "the stream of changes ended");
                    let heard = buffer[..heard].windows(5).filter(|five| five == b"data:").count();
                    got.changes.fetch_add(heard as u64, Ordering::Relaxed);
                    if heard > 0 && !due {
                        due = true;
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let wait = SETTLE + (random >> 33) % SPREAD;
                        refresh.set(sleep(Duration::from_millis(wait)));
                    }
                }
                () = &mut refresh => break,
            }
        }
        ask(&mut page, "/").await;
        let text = answer(&mut page).await;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        got.pages.fetch_add(1, Ordering::Relaxed);
        got.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// One answer with a content-length, head and body.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the answer broke off");
        all.extend_from_slice(&piece[..read]);
        let Some(head) = all.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&all[..head]).to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if all.len() >= head + 4 + length {
            return String::from_utf8(all).unwrap();
        }
    }
}

async fn get(address: &str, path: &str) -> String {
    let asked = timeout(Duration::from_secs(20), async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, path).await;
        answer(&mut stream).await
    });
    asked.await.unwrap()
}

/// `poll_lateness_seconds`: upper bounds in seconds, and how many polls up to each.
#[derive(Debug, Default, Clone)]
struct Histogram(Vec<(f64, u64)>);

impl Histogram {
    async fn scraped(address: &str) -> Self {
        let text = get(address, "/metrics").await;
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("tallylight_poll_lateness_seconds_bucket{le=\""));
        let bucket = |line: &str| {
            let (bound, count) = line.split_once("\"} ")?;
            let bound = bound.parse().unwrap_or(f64::INFINITY);
            Some((bound, count.trim().parse().ok()?))
        };
        let buckets: Vec<_> = lines.filter_map(bucket).collect();
        assert!(!buckets.is_empty(), "no histogram in {text}");
        Self(buckets)
    }

    fn since(mut self, before: &Self) -> Self {
        for (bucket, earlier) in self.0.iter_mut().zip(&before.0) {
            bucket.1 -= earlier.1;
        }
        self
    }

    fn add(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for (bucket, more) in self.0.iter_mut().zip(&other.0) {
            bucket.1 += more.1;
        }
    }

    fn total(&self) -> u64 {
        self.0.last().map_or(0, |bucket| bucket.1)
    }

    /// In milliseconds, straight between the bounds of its bucket.
    fn quantile(&self, share: f64) -> f64 {
        let wanted = self.total() as f64 * share;
        let (mut low, mut below) = (0.0, 0.0);
        for &(bound, count) in &self.0 {
            let count = count as f64;
            if count >= wanted && count > below {
                return 1e3 * (low + (bound - low) * (wanted - below) / (count - below));
            }
            (low, below) = (bound, count);
        }
        f64::INFINITY
    }
}
