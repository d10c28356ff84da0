//! The loop under paused time, with a scripted source and a store that can refuse.

mod people;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::watch;

use super::core::tests::live;
use super::*;
use crate::config::WebhookId;
use crate::config::fixtures::{config, creator};
use crate::domain::event::InstallationId;
use crate::domain::{EventType, Observation, Profile, Timestamp, Username};
use crate::konbini::Credits;
use crate::konbini::answer::{ProfileFinding, User};
use crate::store::history::Look;
use crate::store::log::DeliveryFilter;
use crate::store::{
    Checkpoint, Delivery, DeliveryId, DisabledWebhook, PastStream, Settlement, Snapshot,
    WebhookHealth,
};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// What the source does when it is asked for a creator.
#[derive(Debug, Clone)]
enum Script {
    Says(Observation),
    Hangs,
    Panics,
}

#[derive(Debug, Default)]
struct FakeSource {
    scripts: Mutex<HashMap<Username, Script>>,
    asked: Mutex<HashMap<Username, usize>>,
    /// Whom the profile call knows; everybody else is missing.
    known: Mutex<Vec<Username>>,
    profiled: Mutex<Vec<Username>>,
    /// Profile calls that do not end well.
    profile_of: Mutex<HashMap<Username, Script>>,
}

impl FakeSource {
    fn script(&self, number: usize, script: Script) {
        self.scripts
            .lock()
            .unwrap()
            .insert(creator(number).username, script);
    }

    fn asked(&self, number: usize) -> usize {
        *self
            .asked
            .lock()
            .unwrap()
            .get(&creator(number).username)
            .unwrap_or(&0)
    }
}

#[async_trait]
impl Source for FakeSource {
    async fn poll(&self, username: &Username) -> Answer {
        *self
            .asked
            .lock()
            .unwrap()
            .entry(username.clone())
            .or_default() += 1;
        let script = self.scripts.lock().unwrap().get(username).cloned();
        let observation = match script.unwrap_or(Script::Says(Observation::Offline)) {
            Script::Says(observation) => observation,
            Script::Hangs => std::future::pending().await,
            Script::Panics => panic!("as scripted"),
        };
        Answer {
            observation,
            credits: Credits::default(),
        }
    }
    async fn profile(&self, username: &Username) -> ProfileAnswer {
        self.profiled.lock().unwrap().push(username.clone());
        let script = self.profile_of.lock().unwrap().get(username).cloned();
        match script {
            Some(Script::Hangs) => std::future::pending().await,
            Some(Script::Panics) => panic!("as scripted"),
            _ => {}
        }
        let known = self.known.lock().unwrap().contains(username);
        ProfileAnswer {
            finding: if known {
                ProfileFinding::Exists(Box::new(User {
                    username: username.clone(),
                    profile: Profile {
                        id: Some(username.to_string()),
                        ..Profile::default()
                    },
                }))
            } else {
                ProfileFinding::Missing
            },
            credits: Credits::default(),
        }
    }
}

/// Keeps what is committed; refuses the next `refusals` commits.
#[derive(Debug)]
struct FakeStore {
    installation: InstallationId,
    refusals: AtomicUsize,
    commits: Mutex<Vec<Change>>,
    checkpoints: Mutex<Vec<Checkpoint>>,
}

impl FakeStore {
    fn events(&self) -> Vec<EventType> {
        let commits = self.commits.lock().unwrap();
        commits
            .iter()
            .flat_map(|c| &c.events)
            .map(|o| o.event.kind)
            .collect()
    }
}

#[async_trait]
impl Store for FakeStore {
    fn installation(&self) -> &InstallationId {
        &self.installation
    }
    async fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }
    async fn commit(&self, change: Change) -> Result<(), StoreError> {
        let less = |left: usize| left.checked_sub(1);
        if self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
        {
            return Err(StoreError::Failed {
                doing: "commit",
                reason: "disk full".to_owned(),
            });
        }
        self.commits.lock().unwrap().push(change);
        Ok(())
    }
    async fn past_streams(&self) -> Result<Vec<PastStream>, StoreError> {
        unreachable!("the poller is told of them")
    }
    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        if checkpoint != Checkpoint::default() {
            self.checkpoints.lock().unwrap().push(checkpoint);
        }
        Ok(())
    }
    async fn due(
        &self,
        _: &WebhookId,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn next_due_at(&self, _: &WebhookId) -> Result<Option<Timestamp>, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn pending(&self) -> Result<u64, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn settle(&self, _: Settlement) -> Result<(), StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn replay(
        &self,
        _: DeliveryFilter,
        _: usize,
        _: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn pull_in(
        &self,
        _: &WebhookId,
        _: Timestamp,
        _: Vec<Duration>,
    ) -> Result<usize, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn disabled_webhooks(&self) -> Result<Vec<DisabledWebhook>, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn webhook_health(&self) -> Result<Vec<WebhookHealth>, StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn enable_webhook(&self, _: &WebhookId) -> Result<(), StoreError> {
        unreachable!("the poller delivers nothing")
    }
    async fn prune(&self, _: crate::store::Expired, _: usize) -> Result<usize, StoreError> {
        unreachable!("the poller prunes nothing")
    }
    fn outbox(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A poller that runs for as long as the test says.
struct Bench {
    source: Arc<FakeSource>,
    store: Arc<FakeStore>,
    clock: Clock,
    drain: CancellationToken,
    desk: Desk,
    running: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Bench {
    fn start(config: Config, source: FakeSource, refusals: usize) -> Self {
        let clock = Clock::simulated(START);
        let source = Arc::new(source);
        let store = Arc::new(FakeStore {
            installation: InstallationId::from_bytes([0; 16]),
            refusals: AtomicUsize::new(refusals),
            commits: Mutex::default(),
            checkpoints: Mutex::default(),
        });
        let drain = CancellationToken::new();
        let (desk, inbox) = desk();
        let poller = Poller {
            instruments: Instruments::default(),
            source: source.clone(),
            store: store.clone(),
            clock: clock.clone(),
            progress: Progress::new(clock.clone()),
            inbox,
        };
        let stop = drain.clone();
        #[expect(clippy::disallowed_methods, reason = "the test is the supervisor")]
        let running =
            tokio::spawn(async move { poller.run(config, Default::default(), stop).await });
        Self {
            source,
            store,
            clock,
            drain,
            desk,
            running,
        }
    }

    async fn run_for(&self, seconds: u64) {
        self.clock
            .sleep_until(self.clock.monotonic() + Duration::from_secs(seconds))
            .await;
    }

    async fn stop(self) -> (Arc<FakeStore>, Result<(), StoreError>) {
        self.drain.cancel();
        let result = self.running.await.unwrap();
        (self.store, result)
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_polls_write_one_checkpoint_a_minute_and_nothing_else() {
    let bench = Bench::start(config(10), FakeSource::default(), 0);
    bench.run_for(100).await;
    let commits_of_first_answers = bench.store.commits.lock().unwrap().len();
    assert_eq!(commits_of_first_answers, 10);
    bench.run_for(3_600).await;
    let polls: usize = (0..10).map(|n| bench.source.asked(n)).sum();
    assert!(polls > 100, "{polls}");
    let (store, result) = bench.stop().await;
    result.unwrap();
    assert_eq!(store.commits.lock().unwrap().len(), 10);
    let checkpoints = store.checkpoints.lock().unwrap().len();
    assert!(
        (30..=63).contains(&checkpoints),
        "{checkpoints} checkpoints in an hour"
    );
}

#[tokio::test(start_paused = true)]
async fn every_poll_leaves_one_mark_with_what_it_said() {
    let source = FakeSource::default();
    source.script(0, Script::Says(live(1, START)));
    let bench = Bench::start(config(3), source, 0);
    bench.run_for(3_600).await;
    let asked: Vec<usize> = (0..3).map(|n| bench.source.asked(n)).collect();
    let (store, result) = bench.stop().await;
    result.unwrap();
    let checkpoints = store.checkpoints.lock().unwrap();
    for (n, asked) in asked.into_iter().enumerate() {
        let name = creator(n).username;
        let logs = checkpoints.iter().flat_map(|c| &c.polls.polled);
        let of_one = logs.filter(|(username, _)| *username == name);
        let marks: Vec<_> = of_one.flat_map(|(_, marks)| marks).collect();
        assert_eq!(marks.len(), asked, "{name}");
        assert!(marks.is_sorted_by_key(|mark| mark.at()));
        let lives = marks.iter().filter(|mark| mark.look() == Look::Live);
        assert_eq!(lives.count() > 0, n == 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_store_refuses_is_stored_later_and_nobody_else_waits() {
    let source = FakeSource::default();
    source.script(0, Script::Says(live(1, START)));
    let bench = Bench::start(config(2), source, 30);
    bench.run_for(900).await;
    assert!(bench.source.asked(1) >= 2);
    assert_eq!(bench.store.events(), [EventType::StreamStarted]);
    bench.stop().await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_creator_whose_request_hangs_delays_no_other() {
    let source = FakeSource::default();
    source.script(3, Script::Hangs);
    let bench = Bench::start(config(20), source, 0);
    bench.run_for(3_000).await;
    assert_eq!(bench.source.asked(3), 1);
    assert!(
        (0..20)
            .filter(|n| *n != 3)
            .all(|n| bench.source.asked(n) >= 9)
    );
    let before = bench.clock.monotonic();
    let clock = bench.clock.clone();
    bench.stop().await.1.unwrap();
    let took = clock.monotonic().saturating_sub(before);
    assert_eq!(
        took, DRAIN,
        "a request that hangs is given up at the deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_poll_is_a_failed_poll() {
    let source = FakeSource::default();
    source.script(0, Script::Panics);
    let bench = Bench::start(config(2), source, 0);
    bench.run_for(900).await;
    assert!(bench.source.asked(0) >= 3, "it is asked again");
    assert!(bench.source.asked(1) >= 3);
    bench.source.script(
        0,
        Script::Says(live(1, START.plus(Duration::from_secs(850)))),
    );
    bench.run_for(600).await;
    assert_eq!(bench.store.events(), [EventType::StreamStarted]);
    bench.stop().await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_quiet_polls_learnt_is_stored_on_the_order_to_stop() {
    let bench = Bench::start(config(3), FakeSource::default(), 0);
    bench.run_for(400).await;
    let (store, result) = bench.stop().await;
    result.unwrap();
    let checkpoints = store.checkpoints.lock().unwrap();
    let known: std::collections::HashSet<_> = checkpoints
        .iter()
        .flat_map(|checkpoint| &checkpoint.creators)
        .map(|row| row.username.clone())
        .collect();
    assert_eq!(known.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_dies_young_has_stored_most_of_what_it_paid_for() {
    let mut config = config(10);
    config.polling.interval = Duration::from_secs(1);
    let bench = Bench::start(config, FakeSource::default(), 0);
    for (seconds, at_least) in [(5, 1), (5, 2), (10, 3)] {
        bench.run_for(seconds).await;
        // Killed now, at most half of its life's polls are made again by the next start.
        let checkpoints = bench.store.checkpoints.lock().unwrap().len();
        assert!(checkpoints >= at_least, "{checkpoints} of {at_least}");
    }
    bench.stop().await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_stored_while_draining_costs_nothing_else() {
    let mut config = config(5);
    config.polling.interval = Duration::from_secs(10);
    let bench = Bench::start(config, FakeSource::default(), 0);
    bench.run_for(400).await;
    bench.store.refusals.store(usize::MAX, Ordering::SeqCst);
    bench.source.script(0, Script::Says(live(1, START)));
    bench.run_for(35).await;
    bench.source.script(1, Script::Hangs);
    bench.run_for(12).await;
    let before = bench.store.checkpoints.lock().unwrap().len();
    let (store, result) = bench.stop().await;
    assert!(result.is_err(), "a change was not stored");
    let after = store.checkpoints.lock().unwrap().len();
    assert_eq!(after, before + 1, "what quiet polls learnt is stored");
}

#[tokio::test(start_paused = true)]
async fn a_creator_that_is_asked_for_by_hand_is_polled_now_and_not_twice_within_min_interval() {
    let mut config = config(2);
    config.polling.interval = Duration::from_secs(86_400);
    let bench = Bench::start(config, FakeSource::default(), 0);
    bench.run_for(100).await;
    assert_eq!((bench.source.asked(0), bench.source.asked(1)), (1, 1));
    for _ in 0..3 {
        assert_eq!(bench.desk.poll(creator(1).username).await, Ok(true));
    }
    assert_eq!(bench.desk.poll(creator(7).username).await, Ok(false));
    bench.run_for(50).await;
    assert_eq!((bench.source.asked(0), bench.source.asked(1)), (1, 2));
    bench.run_for(20).await;
    assert_eq!((bench.source.asked(0), bench.source.asked(1)), (1, 3));
    let desk = bench.desk.clone();
    bench.stop().await.1.unwrap();
    assert_eq!(desk.poll(creator(1).username).await, Err(inbox::Stopped));
}
