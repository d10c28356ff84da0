//! What a thousand readers cost the poller, and what they see when somebody hangs.

use tokio::task::JoinSet;

use super::*;
use crate::config::fixtures::config;
use crate::daemon::poller::{Asked, Inbox, Sight, desk};
use crate::store::sqlite::Sqlite;
use crate::web::views::{Census, Credits};

const START: Timestamp = Timestamp::from_millis(1_772_217_402_000);

/// A panel, the poller's end of its desk, and a loop that never goes round.
struct Bench {
    panel: Arc<Panel>,
    inbox: Inbox,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::simulated(START);
        let folder = tempfile::tempdir().unwrap();
        let (desk, inbox) = desk();
        let store = Arc::new(Sqlite::open(&folder.path().join("state.db")).unwrap());
        let panel = Panel::new(PanelParts {
            clock: clock.clone(),
            history: Arc::clone(&store) as _,
            store,
            desk,
            instruments: Instruments::default(),
            config: watch::channel(Arc::new(config(3))).1,
            loops: vec![("poller", Progress::new(clock.clone()))],
        });
        Self {
            panel: Arc::new(panel),
            inbox,
            clock,
            _folder: folder,
        }
    }

    /// `count` readers of the overview at once.
    fn readers(&self, count: usize) -> JoinSet<Result<Arc<Overview>, Unavailable>> {
        let mut readers = JoinSet::new();
        for _ in 0..count {
            let panel = Arc::clone(&self.panel);
            readers.spawn(async move { panel.overview().await });
        }
        readers
    }

    async fn answer_one(&mut self) {
        match self.inbox.recv().await.unwrap() {
            Asked::Overview(reply) => drop(reply.send(Box::new(sight()))),
            other => panic!("{other:?}"),
        }
    }
}

fn sight() -> Sight {
    Sight {
        creators: Census::default(),
        live: Vec::new(),
        upcoming: Vec::new(),
        credits: Credits::default(),
        sweeps: None,
        degraded: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_readers_ask_the_poller_once_a_second() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        let readers = bench.readers(1_000);
        bench.answer_one().await;
        let seen = readers.join_all().await;
        assert!(seen.iter().all(Result::is_ok));
        assert!(bench.inbox.is_empty(), "the poller was asked again");
        tokio::time::advance(FRESH).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_poller_that_hangs_keeps_no_reader_longer_than_two_seconds() {
    let bench = Bench::new();
    let began = bench.clock.monotonic();
    let seen = bench.readers(1_000).join_all().await;
    assert!(seen.iter().all(|s| *s == Err(Unavailable::Busy("poller"))));
    assert_eq!(bench.clock.monotonic().saturating_sub(began), PATIENCE);

    let began = bench.clock.monotonic();
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        let panel = Arc::clone(&bench.panel);
        let name = "ada".parse().unwrap();
        readers.spawn(async move { panel.creator(&name).await.unwrap_err() });
    }
    let errors = readers.join_all().await;
    assert!(errors.iter().all(|e| *e == Unavailable::Busy("poller")));
    assert_eq!(bench.clock.monotonic().saturating_sub(began), PATIENCE);
    let mut inbox = bench.inbox;
    while let Ok(asked) = inbox.try_recv() {
        assert!(asked.is_abandoned(), "{asked:?} would still be answered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_hangs_shows_its_age() {
    let bench = Bench::new();
    assert!(!bench.panel.loops()[0].hangs());
    tokio::time::advance(LoopAge::LONGEST).await;
    assert!(!bench.panel.loops()[0].hangs());
    tokio::time::advance(Duration::from_millis(1)).await;
    let [poller] = bench.panel.loops()[..] else {
        panic!("one loop")
    };
    assert!(poller.hangs() && poller.name == "poller");
}

#[tokio::test]
async fn a_poller_that_has_ended_is_told_apart_from_one_that_hangs() {
    let bench = Bench::new();
    let panel = Arc::clone(&bench.panel);
    drop(bench.inbox);
    assert_eq!(panel.overview().await, Err(Unavailable::Stopped));
    assert_eq!(panel.webhooks().await, Ok(Arc::new(Vec::new())));
}
