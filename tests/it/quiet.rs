//! A quiet poll writes nothing to disk: the real daemon and the real store, under as many
//! polls as the configuration allows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tallylight::clock::Clock;
use tallylight::config::{self, Config};
use tallylight::daemon::{self, World};
use tallylight::domain::source_health::DegradedReason;
use tallylight::domain::tracker::Phase;
use tallylight::domain::{Observation, Username};
use tallylight::konbini::answer::ProfileAnswer;
use tallylight::konbini::{Answer, Credits, Source};
use tallylight::store::Store as _;
use tallylight::store::sqlite::Sqlite;
use tallylight::webhook::HttpSender;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CREATORS: u64 = 1_000;
const QUIET_POLLS: u64 = 10_000;
/// Ten seconds' worth of polls at the highest rate, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(3);

/// Says at once of everybody that nobody is live, and counts.
#[derive(Debug)]
struct NobodyLive {
    polls: watch::Sender<u64>,
}

#[async_trait]
impl Source for NobodyLive {
    async fn poll(&self, _: &Username) -> Answer {
        self.polls.send_modify(|count| *count += 1);
        Answer {
            observation: Observation::Offline,
            credits: Credits::default(),
        }
    }
    async fn profile(&self, _: &Username) -> ProfileAnswer {
        unreachable!("no webhook wants to hear of missing creators")
    }
}

impl NobodyLive {
    /// Returns once that many polls were made in all.
    async fn asked(&self, count: u64) {
        let mut polls = self.polls.subscribe();
        let asked = tokio::time::timeout(PATIENCE, polls.wait_for(|&polls| polls >= count)).await;
        asked
            .unwrap_or_else(|_| panic!("{} polls of {count}", *self.polls.borrow()))
            .unwrap();
    }

    fn so_far(&self) -> u64 {
        *self.polls.borrow()
    }
}

/// Every creator as often as the checks of the configuration let through.
fn configuration(folder: &Path) -> Config {
    let names: Vec<String> = (0..CREATORS).map(|n| format!("creator{n}")).collect();
    fs::write(folder.join("creators.txt"), names.join("\n")).unwrap();
    let text = r#"
[konbini]
api_key = "${KEY}"

[polling]
interval = "10ms"
live_interval = "10ms"
jitter = 0
max_requests_per_second = 1000
max_in_flight = 1024

[watchlist]
file = "creators.txt"

[[webhook]]
id = "backend"
url = "http://127.0.0.1:9/hook"
secret = "${SECRET}"
"#;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let environment = |name: &str| match name {
        "KEY" => Some("knbn_pretend".to_owned()),
        "SECRET" => Some(secret.to_owned()),
        _ => None,
    };
    let path = folder.join("config.toml");
    let loaded = config::from_text(&path, text.to_owned(), &environment).unwrap();
    loaded.config
}

/// Returns once every creator's first answer is durable, and that the intervals are too short for the rate.
async fn settled(store: &Sqlite, source: &NobodyLive) {
    let mut next = 2 * CREATORS;
    loop {
        source.asked(next).await;
        let known = store.load().await.unwrap();
        let offline = |phase: &Phase| matches!(phase, Phase::Offline);
        let answered = known.creators.iter().filter(|c| offline(&c.state.phase));
        let told = known.degraded.contains_key(&DegradedReason::FallingBehind);
        if answered.count() as u64 == CREATORS && told {
            return;
        }
        next = source.so_far() + 100;
    }
}

/// Commits so far, and the write-ahead log byte for byte.
fn on_disk(store: &Sqlite, log: &PathBuf) -> (u64, Vec<u8>) {
    (store.writes_committed(), fs::read(log).unwrap())
}

/// Commits that come by the clock until `age`: checkpoints after 2 s, 4 s more, 8 s more ... up to a
/// minute, and the housekeeper's first look.
fn periodic(age: Duration) -> u64 {
    let (mut at, mut wait, mut count) = (2, 2, 0);
    while at <= age.as_secs() {
        count += 1;
        wait = (2 * wait).min(60);
        at += wait;
    }
    count + u64::from(age.as_secs() >= 60)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_quiet_polls_commit_nothing_but_what_the_clock_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path());
    let store = Arc::new(Sqlite::open(&folder.path().join("state.db")).unwrap());
    let source = Arc::new(NobodyLive {
        polls: watch::Sender::new(0),
    });
    let clock = Clock::system();
    let world = World {
        clock: clock.clone(),
        source: Arc::clone(&source) as _,
        store: Arc::clone(&store) as _,
        history: Arc::clone(&store) as _,
        sender: Arc::new(HttpSender::new().unwrap()),
        origin: None,
        systemd: tallylight::daemon::systemd::Systemd::absent(),
        listener: None,
    };
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let mut daemon = JoinSet::new();
    daemon.spawn(async move { daemon::run(&config, world, stopping).await });

    settled(&store, &source).await;
    let log = folder.path().join("state.db-wal");
    let began = clock.monotonic();
    let (commits, bytes) = on_disk(&store, &log);
    assert!(commits > 0 && !bytes.is_empty(), "{commits} commits");
    source.asked(source.so_far() + QUIET_POLLS).await;
    let (later_commits, later_bytes) = on_disk(&store, &log);
    let written = later_commits - commits;
    let allowed = periodic(clock.monotonic()) - periodic(began) + 1;
    assert!(
        written <= allowed,
        "{written} commits in {QUIET_POLLS} quiet polls, allowed are {allowed}"
    );
    assert!(written > 0 || bytes == later_bytes, "the log was written");

    stop.cancel();
    daemon.join_next().await.unwrap().unwrap().unwrap();
    // What the quiet polls learnt is not lost: it was written once, on the way out.
    assert!(store.writes_committed() > later_commits);
}
