//! How many polls a second the poller sustains, and what CPU time one costs, against a bare
//! loop of the same HTTP client over the same connections.
//!
//! First with the simulator in this process: the rate of the two together. Then with the
//! simulator in a process of its own, so that the CPU time of this one is the client's side
//! alone, `/proc/self/stat` before and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tallylight::clock::Clock;
use tallylight::daemon::{self, World};
use tallylight::domain::{Observation, Username};
use tallylight::konbini::answer::ProfileAnswer;
use tallylight::konbini::{Answer, Client, Source};
use tallylight::store::sqlite::Sqlite;
use tallylight::webhook::HttpSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::process::cpu;
use crate::surroundings::{Elsewhere, Place, api_key, name, simulator};

const CREATORS: usize = 1_000;
const ROUNDS: usize = 3;
/// Connections, the first answers and their commits come before.
const WARM_UP: Duration = Duration::from_secs(2);
const SPAN: Duration = Duration::from_secs(3);

/// The real client, counted.
#[derive(Debug)]
struct Counted {
    client: Client,
    polls: AtomicU64,
}

#[async_trait]
impl Source for Counted {
    async fn poll(&self, username: &Username) -> Answer {
        let answer = self.client.poll(username).await;
        assert_eq!(answer.observation, Observation::Offline);
        self.polls.fetch_add(1, Ordering::Relaxed);
        answer
    }
    async fn profile(&self, username: &Username) -> ProfileAnswer {
        self.client.profile(username).await
    }
}

/// What one side did within the span.
#[derive(Debug, Clone, Copy)]
struct Pace {
    per_second: f64,
    /// CPU microseconds of this process for one poll.
    cpu: f64,
}

pub(crate) async fn measure() {
    println!("\n== polls: {CREATORS} quiet creators, no rate limit, {ROUNDS} rounds in turns");
    let here = simulator(Clock::system()).await;
    for in_flight in [16, 64] {
        compare("simulator in this process", &here.url(), in_flight).await;
    }
    here.stop().await;
    let elsewhere = Elsewhere::start();
    for in_flight in [16, 64] {
        compare("simulator in its own process", &elsewhere.url, in_flight).await;
    }
}

async fn compare(title: &str, api: &str, in_flight: usize) {
    println!("{title}, {in_flight} in flight");
    let (mut bare, mut poller) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare_loop(api, in_flight).await);
        poller.push(real_poller(api, in_flight).await);
    }
    let (bare, poller) = (median(&bare), median(&poller));
    for (what, pace) in [("bare loop", bare), ("poller", poller)] {
        let Pace { per_second, cpu } = pace;
        println!("  {what:<10} {per_second:>8.0} polls/s  {cpu:>6.1} us CPU/poll");
    }
    println!(
        "  ratio      {:>8.2}          {:>6.2}",
        poller.per_second / bare.per_second,
        poller.cpu / bare.cpu
    );
}

/// The median of each number.
fn median(paces: &[Pace]) -> Pace {
    let middle = |of: fn(&Pace) -> f64| {
        let mut all: Vec<f64> = paces.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Pace {
        per_second: middle(|pace| pace.per_second),
        cpu: middle(|pace| pace.cpu),
    }
}

/// What happens to `polls` and the CPU between the end of the warm-up and that of the span.
async fn paced(polls: &AtomicU64) -> Pace {
    tokio::time::sleep(WARM_UP).await;
    let clock = Clock::system();
    let (before, cpu_before) = (polls.load(Ordering::Relaxed), cpu("self"));
    tokio::time::sleep(SPAN).await;
    let made = (polls.load(Ordering::Relaxed) - before) as f64;
    let cpu = cpu("self").saturating_sub(cpu_before);
    Pace {
        per_second: made / clock.monotonic().as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / made,
    }
}

/// As many tasks as may be in flight, each asking and reading without end, and nothing else.
async fn bare_loop(api: &str, in_flight: usize) -> Pace {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy();
    let client = client.timeout(Duration::from_secs(15)).build().unwrap();
    let polls = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..in_flight {
        let (client, polls) = (client.clone(), Arc::clone(&polls));
        let url = format!("{api}/v1/tiktok/users/{}/live", name(task));
        tasks.spawn(async move {
            loop {
                let asked = client.get(&url).bearer_auth(api_key()).send().await;
                let answer = asked.unwrap();
                assert_eq!(answer.status(), http::StatusCode::NOT_FOUND);
                answer.bytes().await.unwrap();
                polls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let pace = paced(&polls).await;
    tasks.shutdown().await;
    pace
}

/// The whole daemon with its real store; everybody is always due.
async fn real_poller(api: &str, in_flight: usize) -> Pace {
    let polling = format!("interval = \"10ms\"\nmax_in_flight = {in_flight}");
    let place = Place::new(CREATORS, &polling, api, "http://127.0.0.1:9");
    let mut config = place.config();
    // More than the file may say: what is measured is the limit without a limit.
    config.polling.max_requests_per_second = 1e6;
    let source = Arc::new(Counted {
        client: Client::new(&config.konbini).unwrap(),
        polls: AtomicU64::new(0),
    });
    let store = Arc::new(Sqlite::open(&place.folder.path().join("state.db")).unwrap());
    let world = World {
        clock: Clock::system(),
        source: Arc::clone(&source) as _,
        history: Arc::clone(&store) as _,
        store,
        sender: Arc::new(HttpSender::new().unwrap()),
        origin: None,
        systemd: tallylight::daemon::systemd::Systemd::absent(),
        listener: None,
    };
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let mut daemon = JoinSet::new();
    daemon.spawn(async move { daemon::run(&config, world, stopping).await });
    let measured = paced(&source.polls).await;
    stop.cancel();
    daemon.join_next().await.unwrap().unwrap().unwrap();
    measured
}
