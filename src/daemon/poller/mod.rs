//! The poller: asks for whoever is due, and stores what the answers tell.
//!
//! A thin loop around [`core`]: it owns the requests and commits under way and carries out
//! what the core returns. A transition that the store refuses is tried again until it is
//! stored; meanwhile its creator waits, and nobody else.

mod announce;
mod bulletin;
mod core;
mod crowd;
mod defect;
mod inbox;
mod inquiries;
mod notices;
mod orders;
mod planner;
pub(crate) mod prospect;
mod registry;
mod roster;
mod settings;
mod sweeper;
mod told;
mod view;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::core::{Core, News};
use self::defect::{panicked, profile_panicked, sweep_panicked};
use self::inbox::Request;
pub(crate) use self::inbox::{Census, Desk, Inbox, Known, Reload, Stopped, desk};
use self::orders::{Call, Draft, Inquiry, Job, Next, Now, Poll, Sweep, Then};
#[cfg(test)]
pub(crate) use self::{inbox::Request as Asked, view::Sight};
use super::instruments::Instruments;
use super::progress::Progress;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::retry::doubling;
use crate::konbini::answer::{FollowingAnswer, ProfileAnswer};
use crate::konbini::{Answer, Source};
use crate::schedule::CreatorIndex;
use crate::schedule::ledger::Spent;
use crate::store::{Change, Store, StoreError};

/// How often what quiet polls learnt is stored: the wait doubles from the first to the longest,
/// so that a program that dies again and again does not pay for the same polls each time.
const FIRST_CHECKPOINT: Duration = Duration::from_secs(2);
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// The longest time between two signs of life.
const BEAT: Duration = Duration::from_secs(10);
/// How long requests under way may take after the order to drain.
const DRAIN: Duration = Duration::from_secs(20);
/// Waits between attempts to store a change.
const STORE_RETRY: Duration = Duration::from_millis(100);
const STORE_RETRY_LONGEST: Duration = Duration::from_secs(5);

/// What the poller works with.
#[derive(Debug)]
pub(crate) struct Poller {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) progress: Progress,
    pub(crate) inbox: Inbox,
    pub(crate) instruments: Instruments,
}

/// Something that was under way and ended.
#[derive(Debug)]
enum Done {
    Answered(Poll, Answer, Duration),
    Profiled(Inquiry, ProfileAnswer),
    Swept(Sweep, FollowingAnswer),
    Stored(Then, Result<(), StoreError>),
    Checkpointed(Vec<CreatorIndex>, Vec<Spent>, Result<(), StoreError>),
}

/// The poller while it runs.
struct Running {
    poller: Poller,
    core: Core,
    under_way: JoinSet<Done>,
    /// When the next checkpoint is due; `None` while one is under way.
    next_checkpoint: Option<Duration>,
    checkpoint_failures: u32,
    /// Between the last checkpoint and the next.
    checkpoint_wait: Duration,
    /// Where a commit that is tried again looks whether to give up.
    drain: CancellationToken,
}

impl Poller {
    /// Polls until `drain` is cancelled, then ends what is under way; `Err` if the store is lost.
    pub(crate) async fn run(
        self,
        config: Config,
        past: Known,
        drain: CancellationToken,
    ) -> Result<(), StoreError> {
        let core = Core::new(&config, self.store.installation().clone(), past, self.now());
        let Census { creators, live, .. } = core.census();
        tracing::info!(creators, live, "watching");
        let first_checkpoint = self.clock.monotonic() + FIRST_CHECKPOINT;
        let mut running = Running {
            poller: self,
            core,
            under_way: JoinSet::new(),
            next_checkpoint: Some(first_checkpoint),
            checkpoint_failures: 0,
            checkpoint_wait: FIRST_CHECKPOINT,
            drain,
        };
        running.poll().await?;
        running.drain().await
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.clock.monotonic(),
            wall: self.clock.now(),
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<(), StoreError> {
        while !self.drain.is_cancelled() {
            self.poller.progress.beat();
            let now = self.poller.clock.monotonic();
            let wake_at = self.start_what_is_due().min(now + BEAT);
            let wake_at = wake_at.min(self.checkpoint_when_due(now));
            tokio::select! {
                () = self.drain.cancelled() => {}
                Some(done) = self.under_way.join_next() => self.ended(done)?,
                Some(request) = self.poller.inbox.recv() => self.asked(request),
                () = self.poller.clock.sleep_until(wake_at) => {}
            }
        }
        Ok(())
    }

    /// Answers a request; whoever made it may have gone.
    fn asked(&mut self, request: Request) {
        if request.is_abandoned() {
            return;
        }
        let now = self.poller.now();
        match request {
            Request::Poll(username, reply) => {
                let _ = reply.send(self.core.hasten(&username, now));
            }
            Request::Overview(reply) => {
                let _ = reply.send(Box::new(self.core.sight(now)));
            }
            Request::Creators(query, reply) => {
                let _ = reply.send(self.core.page(&query, now));
            }
            Request::Creator(username, reply) => {
                let _ = reply.send(self.core.detail(&username, now));
            }
            Request::Census(reply) => {
                let _ = reply.send(self.core.census());
            }
            Request::Reload(reload, reply) => {
                self.reload(*reload);
                let _ = reply.send(());
            }
        }
    }

    fn reload(&mut self, reload: Reload) {
        let news = News {
            config: &reload.config,
            known: reload.known,
            other_source: reload.source.is_some(),
            other_account: reload.other_account,
        };
        self.core.reload(news, self.poller.now());
        if let Some(source) = reload.source {
            self.poller.source = source;
        }
        let Census { creators, live, .. } = self.core.census();
        tracing::info!(creators, live, "watching");
    }

    /// Makes a checkpoint if one is due; returns when to look again.
    fn checkpoint_when_due(&mut self, now: Duration) -> Duration {
        let wanted = self.core.wants_checkpoint() && self.checkpoint_failures == 0;
        match &self.next_checkpoint {
            // It will end, and say so.
            None => Duration::MAX,
            Some(at) if *at > now && !wanted => *at,
            Some(_) => {
                self.checkpoint();
                Duration::MAX
            }
        }
    }

    /// Starts every poll that may start now; returns when the next one may.
    fn start_what_is_due(&mut self) -> Duration {
        loop {
            let next = self.core.next(self.poller.now());
            self.store_news();
            match next {
                Next::Poll(poll) => self.start(poll),
                Next::Inquire(inquiry) => self.inquire(inquiry),
                Next::Sweep(sweep) => self.sweep(sweep),
                Next::WaitUntil(due) => return due,
                Next::WaitForOthers => return Duration::MAX,
            }
        }
    }

    fn start(&mut self, poll: Poll) {
        let lateness_ms = u64::try_from(poll.lateness.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(creator = %poll.username, reason = %poll.reason, lateness_ms, "poll");
        self.poller.instruments.metrics.poll_started(poll.lateness);
        let (source, clock) = (Arc::clone(&self.poller.source), self.poller.clock.clone());
        self.under_way.spawn(async move {
            let began = clock.monotonic();
            let asked = AssertUnwindSafe(source.poll(&poll.username))
                .catch_unwind()
                .await;
            let took = clock.monotonic().saturating_sub(began);
            Done::Answered(poll, asked.unwrap_or_else(|_| panicked()), took)
        });
    }

    fn inquire(&mut self, inquiry: Inquiry) {
        tracing::debug!(creator = %inquiry.username, "profile call");
        let source = Arc::clone(&self.poller.source);
        self.under_way.spawn(async move {
            let asked = AssertUnwindSafe(source.profile(&inquiry.username))
                .catch_unwind()
                .await;
            Done::Profiled(inquiry, asked.unwrap_or_else(|_| profile_panicked()))
        });
    }

    fn sweep(&mut self, sweep: Sweep) {
        tracing::debug!(account = %sweep.account, page = sweep.page, "sweep");
        let source = Arc::clone(&self.poller.source);
        self.under_way.spawn(async move {
            let asked = source.following(&sweep.account, sweep.cursor.as_ref());
            let asked = AssertUnwindSafe(asked).catch_unwind().await;
            Done::Swept(sweep, asked.unwrap_or_else(|_| sweep_panicked()))
        });
    }

    fn swept(&mut self, sweep: &Sweep, answer: &FollowingAnswer) {
        let metrics = &self.poller.instruments.metrics;
        metrics.credits_used(Call::Sweep.label(), answer.cost().used.unwrap_or(1));
        let said_something = self.core.swept(sweep, answer, self.poller.now());
        metrics.swept(if said_something { "ok" } else { "failed" });
        if let Some(recall) = self.core.sweep_recall() {
            metrics.sweep_recall(f64::from(recall));
        }
    }

    fn ended(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<(), StoreError> {
        match done {
            Ok(Done::Answered(poll, answer, took)) => self.answered(&poll, &answer, took),
            Ok(Done::Profiled(inquiry, answer)) => {
                let used = answer.cost().used.unwrap_or(1);
                let metrics = &self.poller.instruments.metrics;
                metrics.credits_used(Call::Profile.label(), used);
                self.core.profiled(&inquiry, &answer, self.poller.now());
            }
            Ok(Done::Swept(sweep, answer)) => self.swept(&sweep, &answer),
            Ok(Done::Stored(then, result)) => {
                result?;
                self.core.stored(then, self.poller.now());
            }
            Ok(Done::Checkpointed(creators, spending, result)) => {
                self.checkpointed(creators, &spending, result);
            }
            Err(error) => {
                // Polls catch their own panics; this is a commit's, and its creator would be lost.
                return Err(StoreError::Failed {
                    doing: "finish a task",
                    reason: error.to_string(),
                });
            }
        }
        self.store_news();
        Ok(())
    }

    fn answered(&mut self, poll: &Poll, answer: &Answer, took: Duration) {
        let outcome = answer.observation.label();
        let metrics = &self.poller.instruments.metrics;
        metrics.polled(outcome, took);
        metrics.credits_used(Call::Poll.label(), answer.cost().used.unwrap_or(1));
        let remaining = answer.credits.remaining;
        tracing::debug!(creator = %poll.username, outcome, remaining, "answer");
        let random = rand::random::<f64>();
        let job = self.core.answered(poll, answer, self.poller.now(), random);
        if let Some(job) = job {
            self.store(job);
        }
    }

    fn store_news(&mut self) {
        while let Some(job) = self.core.news_job() {
            self.store(job);
        }
    }

    fn store(&mut self, job: Job) {
        let store = Arc::clone(&self.poller.store);
        let drain = self.drain.clone();
        let instruments = self.poller.instruments.clone();
        self.under_way.spawn(async move {
            let result = store_until_stored(store.as_ref(), &job.change, &drain).await;
            if result.is_ok() {
                told::tell(&job.change, &instruments);
            }
            Done::Stored(job.then, result)
        });
    }

    /// Stores what polls learnt; one checkpoint at a time, so that they arrive in order.
    fn checkpoint(&mut self) {
        self.next_checkpoint = None;
        let Draft {
            checkpoint,
            creators,
            spending,
        } = self.core.take_checkpoint(false, self.poller.now());
        let store = Arc::clone(&self.poller.store);
        self.under_way.spawn(async move {
            let result = store.checkpoint(checkpoint).await;
            Done::Checkpointed(creators, spending, result)
        });
    }

    fn checkpointed(
        &mut self,
        creators: Vec<CreatorIndex>,
        spending: &[Spent],
        result: Result<(), StoreError>,
    ) {
        let now = self.poller.clock.monotonic();
        let Err(error) = result else {
            self.core.checkpointed(spending);
            self.checkpoint_failures = 0;
            self.checkpoint_wait = (2 * self.checkpoint_wait).min(CHECKPOINT_EVERY);
            self.next_checkpoint = Some(now + self.checkpoint_wait);
            return;
        };
        self.core.checkpoint_failed(creators);
        self.checkpoint_failures += 1;
        let failures = self.checkpoint_failures;
        if failures == 1 || failures.is_multiple_of(20) {
            tracing::warn!(failures, "checkpoint not stored, trying again: {error}");
        }
        self.next_checkpoint = Some(now + doubling(failures, STORE_RETRY, STORE_RETRY_LONGEST));
    }

    /// Lets what is under way end, and stores what is not stored yet; one change that cannot be
    /// stored keeps nothing else from it.
    async fn drain(&mut self) -> Result<(), StoreError> {
        let deadline = self.poller.clock.monotonic() + DRAIN;
        let mut result = Ok(());
        loop {
            tokio::select! {
                done = self.under_way.join_next() => match done {
                    Some(done) => result = result.and(self.ended(done)),
                    None => break,
                },
                () = self.poller.clock.sleep_until(deadline) => {
                    tracing::warn!(polls = self.under_way.len(), "giving up on polls under way");
                    self.under_way.shutdown().await;
                    break;
                }
            }
        }
        let last = self.core.take_checkpoint(true, self.poller.now());
        result.and(self.poller.store.checkpoint(last.checkpoint).await)
    }
}

/// Tries until the change is stored. A storage error is no observation: nothing is dropped.
async fn store_until_stored(
    store: &dyn Store,
    change: &Change,
    drain: &CancellationToken,
) -> Result<(), StoreError> {
    let mut failures = 0_u32;
    loop {
        let error = match store.commit(change.clone()).await {
            Err(error @ StoreError::Failed { .. }) => error,
            stored_or_lost => return stored_or_lost,
        };
        if drain.is_cancelled() {
            return Err(error);
        }
        failures += 1;
        if failures == 1 || failures.is_multiple_of(20) {
            tracing::error!(
                failures,
                "a change is not stored yet, trying again: {error}"
            );
        }
        tokio::time::sleep(doubling(failures, STORE_RETRY, STORE_RETRY_LONGEST)).await;
    }
}

#[cfg(test)]
mod tests;
