use std::sync::Mutex;

use super::*;
use crate::daemon::Progress;
use crate::daemon::{dispatcher, poller};
use crate::domain::Timestamp;
use crate::store::sqlite::Sqlite;

/// What was said, and when.
type Heard = Arc<Mutex<Vec<(Duration, String)>>>;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn manager(clock: &Clock, watchdog: Duration) -> (Systemd, Heard) {
    let heard = Heard::default();
    let (book, clock) = (Arc::clone(&heard), clock.clone());
    let tell = move |state: &[NotifyState<'_>]| {
        let text: Vec<_> = state.iter().map(ToString::to_string).collect();
        book.lock()
            .unwrap()
            .push((clock.monotonic(), text.join("\n")));
    };
    let systemd = Systemd {
        tell: Some(Arc::new(tell)),
        watchdog: Some(watchdog),
    };
    (systemd, heard)
}

/// When a message was heard.
fn times(heard: &Heard, words: &str) -> Vec<Duration> {
    let heard = heard.lock().unwrap();
    let matching = heard.iter().filter(|(_, text)| text.starts_with(words));
    matching.map(|(at, _)| *at).collect()
}

/// A reporter to `systemd`, and what stands for the poller and the dispatcher.
fn reporter(systemd: Systemd, clock: &Clock, loops: Loops) -> (Reporter, Rounds) {
    let folder = tempfile::tempdir().unwrap();
    // It answers all along: that says nothing of the loops.
    let store = Arc::new(Sqlite::open(&folder.path().join("t.db")).unwrap());
    let (desk, requests) = poller::desk();
    let (switch, assignments) = dispatcher::switch();
    let reporter = Reporter {
        systemd,
        clock: clock.clone(),
        desk,
        switch,
        store,
        loops,
        instruments: Instruments::default(),
    };
    let rounds = Rounds {
        requests,
        assignments,
        _folder: folder,
    };
    (reporter, rounds)
}

/// Two loops that have not gone round yet.
struct Rounds {
    requests: poller::Inbox,
    assignments: dispatcher::Inbox,
    _folder: tempfile::TempDir,
}

impl Rounds {
    /// Goes round whenever asked to.
    async fn begin(mut self) -> Result<(), StoreError> {
        loop {
            tokio::select! {
                Some(request) = self.requests.recv() => request.answer_census(),
                Some((_, reply)) = self.assignments.recv() => {
                    let _ = reply.send(());
                }
                else => return Ok(()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_hears_of_progress_alone_and_nothing_of_a_loop_that_hangs() {
    let clock = Clock::simulated(Timestamp::default());
    let (systemd, heard) = manager(&clock, secs(60));
    let (going, hanging) = (Progress::new(clock.clone()), Progress::new(clock.clone()));
    let loops = Loops::new([("poller", going.clone()), ("dispatcher", hanging.clone())]);
    let (reporter, rounds) = reporter(systemd, &clock, loops);
    let drain = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(reporter.run(drain.clone()));
    tokio::time::sleep(secs(5)).await;
    assert!(heard.lock().unwrap().is_empty(), "READY before a round");
    tasks.spawn(rounds.begin());
    let go_round = async |seconds: u64, all: bool| {
        for _ in 0..seconds {
            tokio::time::sleep(secs(1)).await;
            going.beat();
            if all {
                hanging.beat();
            }
        }
    };
    go_round(300, true).await;
    assert_eq!(times(&heard, "READY=1").len(), 1);
    let dogs = times(&heard, "WATCHDOG=1");
    let widest = dogs
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .max();
    assert!(widest.unwrap() <= secs(30), "{widest:?}");

    let hangs_from = clock.monotonic();
    go_round(300, false).await;
    let last = *times(&heard, "WATCHDOG=1").last().unwrap();
    assert!(
        last <= hangs_from + super::super::progress::HUNG_AFTER,
        "{last:?}"
    );
    assert_eq!(times(&heard, "STATUS=the dispatcher HANGS").len(), 1);

    hanging.beat();
    go_round(60, true).await;
    assert!(*times(&heard, "WATCHDOG=1").last().unwrap() > hangs_from + secs(300));
    drain.cancel();
    tasks.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(times(&heard, "STOPPING=1").len(), 1);
}
