//! What the poller decides, without waiting for anything: whom to ask next, and what an
//! answer makes of the creator, the gate, the rate and the monitor's own health.
//!
//! Random fractions and both times are arguments; every method returns at once. A state
//! that has to be stored counts only from [`Core::stored`] on: memory is never ahead of
//! the store.

use std::time::Duration;

use super::announce::Announcer;
use super::bulletin::Bulletin;
use super::crowd::{Crowd, Verdict};
use super::orders::{Job, Next, Now, Poll, Then};
use super::roster::Roster;
use crate::config::{Config, Polling};
use crate::domain::event::InstallationId;
use crate::domain::observation::{Cause, Remedy};
use crate::domain::retry::poll_retry;
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::{self, CreatorState, Reading, Step};
use crate::domain::{Observation, Timestamp, Unclear, Username};
use crate::schedule::fixed::Situation;
use crate::schedule::gate::{Gate, Passage};
use crate::schedule::queue::Queue;
use crate::schedule::rate::RateLimit;
use crate::schedule::{CreatorIndex, NextPoll, Reason};
use crate::store::{Change, Checkpoint, CreatorChange, Snapshot, StoredCreator};

/// A source that asks for a longer pause than this is not tried again within the same poll.
const LONGEST_SOON: Duration = Duration::from_secs(10);
/// The longest pause that a source is granted for one creator.
const LONGEST_WISH: Duration = Duration::from_hours(1);

/// What the poller knows and decides.
#[derive(Debug)]
pub(super) struct Core {
    polling: Polling,
    announcer: Announcer,
    roster: Roster,
    queue: Queue,
    rate: RateLimit,
    gate: Gate,
    /// When the gate last opened: nobody was late while it was shut.
    opened_at: Duration,
    /// The shortest interval that polls are behind by: creators with longer ones, on time by
    /// their own measure, do not say that all is well again.
    shortest_behind: Duration,
    crowd: Crowd,
    bulletin: Bulletin,
    in_flight: usize,
}

impl Core {
    pub(super) fn new(
        config: &Config,
        installation: InstallationId,
        snapshot: Snapshot,
        now: Now,
    ) -> Self {
        let polling = config.polling.clone();
        let mut core = Self {
            announcer: Announcer::new(installation, config.webhooks.clone()),
            roster: Roster::new(config.creators.clone(), snapshot.creators),
            queue: Queue::new(),
            rate: RateLimit::new(
                polling.max_requests_per_second,
                timer_burst(polling.max_requests_per_second),
            ),
            gate: Gate::Open,
            opened_at: now.monotonic,
            shortest_behind: Duration::MAX,
            crowd: Crowd::restored(snapshot.degraded.contains_key(&DegradedReason::MassFlip)),
            bulletin: Bulletin::restored(snapshot.degraded),
            in_flight: 0,
            polling,
        };
        let plans = core.roster.first_plans(&core.polling, now.wall);
        for (index, plan) in (0..).zip(plans) {
            core.roster.entry_mut(index).reason = plan.reason;
            core.queue.schedule(index, now.monotonic + plan.wait);
        }
        core
    }

    /// What to do at monotonic time `now`. A returned poll counts as started.
    pub(super) fn next(&mut self, now: Now) -> Next {
        if self.in_flight >= self.polling.max_in_flight {
            return Next::WaitForOthers;
        }
        let Some((creator, due)) = self.queue.peek() else {
            return Next::WaitForOthers;
        };
        if due > now.monotonic {
            return Next::WaitUntil(due);
        }
        let probe = match self.gate.passage(now.monotonic) {
            Passage::Free => false,
            Passage::Probe => true,
            Passage::Closed(Some(until)) => return Next::WaitUntil(until),
            Passage::Closed(None) => return Next::WaitForOthers,
        };
        if !self.rate.try_pass(now.monotonic) {
            return Next::WaitUntil(self.rate.earliest(now.monotonic));
        }
        self.queue.cancel(creator);
        Next::Poll(self.start(creator, due, probe, now))
    }

    fn start(&mut self, creator: CreatorIndex, due: Duration, probe: bool, now: Now) -> Poll {
        self.in_flight += 1;
        if probe {
            self.gate.probe_started();
        } else if let Gate::Paused { until } = self.gate {
            self.opened_at = self.opened_at.max(until);
        }
        let lateness = now.monotonic.saturating_sub(due.max(self.opened_at));
        let entry = self.roster.entry(creator);
        let (username, reason) = (entry.username().clone(), entry.reason);
        if !probe && matches!(reason, Reason::Interval | Reason::Pinned) {
            self.judge_lateness(lateness, entry.pace(&self.polling).interval, now.wall);
        }
        let reason = if probe { Reason::Probe } else { reason };
        Poll {
            creator,
            username,
            reason,
            lateness,
            probe,
        }
    }

    /// A poll later than a whole interval means that the rate does not carry the watchlist.
    fn judge_lateness(&mut self, lateness: Duration, interval: Duration, now: Timestamp) {
        let reason = DegradedReason::FallingBehind;
        if lateness > interval {
            let detail = "polls start later than a whole interval: \
                          raise max_requests_per_second or the interval";
            self.bulletin.raise(reason, now, detail);
            self.shortest_behind = self.shortest_behind.min(interval);
        } else if lateness < interval.min(self.shortest_behind) / 4 {
            self.shortest_behind = Duration::MAX;
            self.bulletin
                .clear(reason, now, "polls start on time again");
        }
    }

    /// Takes what a poll brought; `random` in `[0, 1)`. What is returned has to be stored.
    pub(super) fn answered(
        &mut self,
        poll: &Poll,
        observation: &Observation,
        now: Now,
        random: f64,
    ) -> Option<Job> {
        self.in_flight -= 1;
        let was_suspended = matches!(self.gate, Gate::Suspended { .. });
        self.gate.observe(observation, poll.probe, now.monotonic);
        if was_suspended && self.gate == Gate::Open {
            self.opened_at = now.monotonic;
        }
        if let Observation::Unclear(unclear) = observation
            && self.retries_soon(poll, unclear, now, random)
        {
            return None;
        }
        self.roster.entry_mut(poll.creator).failed_tries = 0;
        self.bulletin.observe(observation, now.wall);
        let job = self.take(poll.creator, observation, now, random);
        if self.crowd.calmed_down(now.monotonic) {
            let detail = "no crowd changes any more";
            self.bulletin
                .clear(DegradedReason::MassFlip, now.wall, detail);
        }
        job
    }

    /// Passing faults are tried again within the same poll. The wait holds no place among
    /// those in flight, and the try passes the rate limit like any request.
    fn retries_soon(&mut self, poll: &Poll, unclear: &Unclear, now: Now, random: f64) -> bool {
        let wish = unclear.retry_after.unwrap_or_default();
        if unclear.remedy() != Remedy::RetrySoon || poll.probe || wish > LONGEST_SOON {
            return false;
        }
        let entry = self.roster.entry_mut(poll.creator);
        let Some(wait) = poll_retry(entry.failed_tries + 1, random) else {
            return false;
        };
        entry.failed_tries += 1;
        entry.reason = Reason::Retry;
        self.queue
            .schedule(poll.creator, now.monotonic + wait.max(wish));
        true
    }

    fn take(
        &mut self,
        creator: CreatorIndex,
        observation: &Observation,
        now: Now,
        random: f64,
    ) -> Option<Job> {
        let entry = self.roster.entry_mut(creator);
        let step = tracker::step(&entry.state, observation, now.wall, &self.polling.rules);
        if step.reading == Reading::Unclear {
            self.unclear(creator, observation, step.state, (now, random));
            return None;
        }
        entry.unclear_in_a_row = 0;
        let step = match self.crowd.weigh((creator, entry), step, &self.polling, now) {
            Verdict::Taken(step) => step,
            Verdict::Confirmed(at) => self.taken_as_of(creator, observation, at, now),
            Verdict::Held => {
                let detail = "many creators changed the same way within a minute; \
                              each change waits for a second poll";
                self.bulletin
                    .raise(DegradedReason::MassFlip, now.wall, detail);
                self.plan(creator, Situation::Confirming, now, random);
                return None;
            }
        };
        match step.reading {
            Reading::Telling => Some(self.job(creator, step, now, random)),
            Reading::Quiet | Reading::Unclear => {
                let situation = self.roster.entry(creator).situation(&step.state);
                self.roster.entry_mut(creator).state = step.state;
                self.plan(creator, situation, now, random);
                None
            }
        }
    }

    /// The step of a held change that was confirmed: told as of its first detection.
    fn taken_as_of(
        &self,
        creator: CreatorIndex,
        observation: &Observation,
        at: Timestamp,
        now: Now,
    ) -> Step {
        let entry = self.roster.entry(creator);
        let mut step = tracker::step(&entry.state, observation, at, &self.polling.rules);
        step.state.last_answer_at = Some(now.wall);
        step
    }

    fn unclear(
        &mut self,
        creator: CreatorIndex,
        observation: &Observation,
        state: CreatorState,
        (now, random): (Now, f64),
    ) {
        let older = Unclear::new(Cause::Stale, "a stream older than the one already known");
        let unclear = match observation {
            Observation::Unclear(unclear) => unclear,
            Observation::Live(_) | Observation::Offline => &older,
        };
        let entry = self.roster.entry_mut(creator);
        entry.state = state;
        if matches!(unclear.cause.remedy(), Remedy::Suspend | Remedy::Pause) {
            // Not this creator's fault: it is due as soon as the gate opens.
            self.roster.mark_dirty(creator);
            self.queue.schedule(creator, now.monotonic);
            return;
        }
        entry.unclear_in_a_row = entry.unclear_in_a_row.saturating_add(1);
        let failures = entry.unclear_in_a_row;
        log_unclear(entry.username(), unclear, failures);
        let wish = unclear.retry_after.unwrap_or_default().min(LONGEST_WISH);
        self.plan(creator, Situation::Unclear(failures), now, random);
        self.postpone(creator, wish, now);
    }

    /// Queues a creator that is queued already no sooner than after `wish`.
    fn postpone(&mut self, creator: CreatorIndex, wish: Duration, now: Now) {
        let due = now.monotonic + wish;
        if self.queue.due_of(creator).is_some_and(|at| at < due) {
            self.queue.schedule(creator, due);
            self.roster.entry_mut(creator).next_poll_at = Some(now.wall.plus(wish));
        }
    }

    /// Queues a creator of whom nothing has to be stored at once.
    fn plan(&mut self, creator: CreatorIndex, situation: Situation, now: Now, random: f64) {
        let entry = self.roster.entry_mut(creator);
        let next = entry
            .pace(&self.polling)
            .next(situation, now.monotonic, random);
        entry.reason = next.reason;
        entry.next_poll_at = Some(now.wall.plus(next.wait));
        self.roster.mark_dirty(creator);
        self.queue.schedule(creator, now.monotonic + next.wait);
    }

    fn job(&mut self, creator: CreatorIndex, step: Step, now: Now, random: f64) -> Job {
        let entry = self.roster.entry(creator);
        let NextPoll { wait, reason } =
            entry
                .pace(&self.polling)
                .next(entry.situation(&step.state), now.monotonic, random);
        let events = self
            .announcer
            .of_transitions(&entry.creator, &step.transitions);
        let row = StoredCreator {
            username: entry.username().clone(),
            state: step.state.clone(),
            next_poll_at: Some(now.wall.plus(wait)),
        };
        Job {
            change: Change {
                creator: Some(CreatorChange {
                    row,
                    transitions: step.transitions,
                }),
                degraded: None,
                events,
            },
            then: Then::Creator {
                creator,
                state: Box::new(step.state),
                due: now.monotonic + wait,
                reason,
            },
        }
    }

    /// A job's change is durable: from now on it counts.
    pub(super) fn stored(&mut self, then: Then, now: Now) {
        match then {
            Then::Creator {
                creator,
                state,
                due,
                reason,
            } => {
                let entry = self.roster.entry_mut(creator);
                entry.state = *state;
                entry.reason = reason;
                entry.next_poll_at = Some(now.wall.plus(due.saturating_sub(now.monotonic)));
                entry.dirty = false;
                self.queue.schedule(creator, due);
            }
            Then::Health => self.bulletin.told(),
        }
    }

    /// The next change of health to store, one at a time and in order.
    pub(super) fn health_job(&mut self) -> Option<Job> {
        let change = self.bulletin.next()?;
        let event = self.announcer.of_health(&change);
        Some(Job {
            change: Change {
                creator: None,
                degraded: Some(self.bulletin.announced().clone()),
                events: vec![event],
            },
            then: Then::Health,
        })
    }

    /// What quiet polls learnt since the last checkpoint, and of whom.
    pub(super) fn take_checkpoint(&mut self) -> (Vec<CreatorIndex>, Vec<Checkpoint>) {
        self.roster.take_checkpoint()
    }

    /// A checkpoint was not stored: its creators have to be in the next one.
    pub(super) fn checkpoint_failed(&mut self, creators: Vec<CreatorIndex>) {
        for creator in creators {
            self.roster.mark_dirty(creator);
        }
    }

    /// How many creators are watched, and how many of them are live.
    pub(super) fn census(&self) -> (usize, usize) {
        (self.roster.len(), self.roster.live())
    }
}

/// A timer fires up to a millisecond late: so many requests may make up for five of these.
fn timer_burst(per_second: f64) -> u32 {
    let late = per_second * 0.005;
    (1..=100)
        .take_while(|&n| f64::from(n) <= late)
        .last()
        .unwrap_or(0)
        + 1
}

/// The first failure of a creator and every tenth, so that a failing API does not fill the log.
fn log_unclear(username: &Username, unclear: &Unclear, in_a_row: u32) {
    if in_a_row == 1 || in_a_row.is_multiple_of(10) {
        tracing::warn!(creator = %username, in_a_row, "no certain answer: {unclear}");
    } else {
        tracing::debug!(creator = %username, in_a_row, "no certain answer: {unclear}");
    }
}

#[cfg(test)]
impl Core {
    fn crowd_size(&self) -> usize {
        self.crowd.held()
    }
}

#[cfg(test)]
pub(super) mod tests;
