//! What an answer makes of a creator: retried, held, taken quietly, or to be stored.

use std::time::Duration;

use super::super::crowd::Verdict;
use super::super::orders::{Call, Job, Now, Poll, Then};
use super::Core;
use crate::domain::observation::{Cause, Remedy};
use crate::domain::retry::poll_retry;
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::{self, CreatorState, Reading, Step};
use crate::domain::{Observation, Timestamp, Unclear, Username};
use crate::konbini::Answer;
use crate::schedule::gate::Gate;
use crate::schedule::{CreatorIndex, NextPoll, Reason};
use crate::store::history::{Look, PollMark};
use crate::store::{Change, CreatorChange, StoredCreator};

/// A source that asks for a longer pause than this is not tried again within the same poll.
const LONGEST_SOON: Duration = Duration::from_secs(10);
/// The longest pause that a source is granted for one creator.
const LONGEST_WISH: Duration = Duration::from_hours(1);

impl Core {
    /// Takes what a poll brought; `random` in `[0, 1)`. What is returned has to be stored.
    pub(in crate::daemon::poller) fn answered(
        &mut self,
        poll: &Poll,
        answer: &Answer,
        now: Now,
        random: f64,
    ) -> Option<Job> {
        let observation = &answer.observation;
        self.in_flight -= 1;
        let paid = (poll.credit, poll.source_number);
        self.settle(Call::Poll, paid, answer.cost(), now);
        let is_certain = !matches!(observation, Observation::Unclear(_));
        // What the source or the key of another configuration refused holds for nobody now.
        let counts = is_certain || poll.source_number == self.source_number;
        if counts {
            self.pass_by(poll, observation, now);
        }
        if !self.roster.entry_mut(poll.creator).came_back() {
            return None;
        }
        if let Observation::Unclear(unclear) = observation
            && self.retries_soon(poll, unclear, now, random)
        {
            return None;
        }
        self.roster.entry_mut(poll.creator).failed_tries = 0;
        self.credit_hint(poll, observation, now);
        // What came back late does not say that the key works again.
        if counts && !(is_certain && self.gate.is_shut_to(poll.probe, now.monotonic)) {
            self.bulletin.observe(observation, now.wall);
        }
        let job = self.take(poll.creator, observation, now, random);
        if self.crowd.calmed_down(now.monotonic) {
            let detail = "no crowd changes any more";
            self.bulletin
                .clear(DegradedReason::MassFlip, now.wall, detail);
        }
        job
    }

    /// What the answer says for everybody.
    fn pass_by(&mut self, poll: &Poll, observation: &Observation, now: Now) {
        let was_suspended = matches!(self.gate, Gate::Suspended { .. });
        self.gate.observe(observation, poll.probe, now.monotonic);
        if was_suspended && self.gate == Gate::Open {
            self.opened_at = now.monotonic;
        }
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
        let entry = self.roster.entry(creator);
        let step = tracker::step(&entry.state, observation, now.wall, &self.polling.rules);
        let look = look(step.reading, observation);
        self.roster.polled(creator, PollMark::new(now.wall, look));
        if step.reading == Reading::Unclear {
            self.unclear(creator, observation, &step.state, (now, random));
            return None;
        }
        let entry = self.roster.entry_mut(creator);
        entry.unclear_in_a_row = 0;
        let step = match self.crowd.weigh((creator, entry), step, &self.polling, now) {
            Verdict::Taken(step) => step,
            Verdict::Confirmed(at) => self.taken_as_of(creator, observation, at, now),
            Verdict::Held => {
                let detail = "many creators changed the same way within a minute; \
                              each change waits for a second poll";
                self.bulletin
                    .raise(DegradedReason::MassFlip, now.wall, detail);
                let state = self.roster.entry(creator).state.clone();
                self.plan(creator, &state, now, random);
                return None;
            }
        };
        if let Observation::Live(stream) = observation {
            let username = self.roster.entry(creator).username().clone();
            self.sighted(&username, &stream.profile, now);
        }
        match step.reading {
            Reading::Telling => Some(self.job(creator, step, now, random)),
            Reading::Quiet | Reading::Unclear => {
                self.plan(creator, &step.state, now, random);
                self.roster.set_state(creator, step.state);
                self.expect_inquiry(creator, now);
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
        state: &CreatorState,
        (now, random): (Now, f64),
    ) {
        let older = Unclear::new(Cause::Stale, "a stream older than the one already known");
        let unclear = match observation {
            Observation::Unclear(unclear) => unclear,
            Observation::Live(_) | Observation::Offline => &older,
        };
        self.roster.set_state(creator, state.clone());
        let entry = self.roster.entry_mut(creator);
        if matches!(unclear.cause.remedy(), Remedy::Suspend | Remedy::Pause) {
            // Not this creator's fault: it is due as soon as the gate opens.
            self.roster.mark_dirty(creator);
            self.queue.schedule(creator, now.monotonic);
            return;
        }
        entry.unclear_in_a_row = entry.unclear_in_a_row.saturating_add(1);
        let failures = entry.unclear_in_a_row;
        // While the whole source fails, one line has said so for all.
        let known = self
            .bulletin
            .announced()
            .contains_key(&DegradedReason::SourceFailing);
        log_unclear(entry.username(), unclear, failures, known);
        let wish = unclear.retry_after.unwrap_or_default().min(LONGEST_WISH);
        self.plan(creator, state, now, random);
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
    fn plan(&mut self, creator: CreatorIndex, state: &CreatorState, now: Now, random: f64) {
        let entry = self.roster.entry(creator);
        let next = self.planner.next((creator, entry), state, now, random);
        let entry = self.roster.entry_mut(creator);
        entry.replan = false;
        (entry.reason, entry.gap) = (next.reason, next.wait);
        entry.next_poll_at = Some(now.wall.plus(next.wait));
        self.roster.mark_dirty(creator);
        self.queue.schedule(creator, now.monotonic + next.wait);
    }

    fn job(&mut self, creator: CreatorIndex, step: Step, now: Now, random: f64) -> Job {
        self.roster.entry_mut(creator).replan = false;
        let entry = self.roster.entry(creator);
        let NextPoll { wait, reason } =
            self.planner
                .next((creator, entry), &step.state, now, random);
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
                events,
                ..Change::default()
            },
            then: Then::Creator {
                creator,
                state: Box::new(step.state),
                due: now.monotonic + wait,
                reason,
            },
        }
    }
}
/// What a poll said, as far as it could be believed.
fn look(reading: Reading, observation: &Observation) -> Look {
    match observation {
        Observation::Live(_) if reading != Reading::Unclear => Look::Live,
        Observation::Offline => Look::Offline,
        Observation::Live(_) | Observation::Unclear(_) => Look::Unclear,
    }
}

/// The first failure of a creator and every tenth, so that a failing API does not fill the log.
fn log_unclear(username: &Username, unclear: &Unclear, in_a_row: u32, known: bool) {
    if !known && (in_a_row == 1 || in_a_row.is_multiple_of(10)) {
        tracing::warn!(creator = %username, in_a_row, "no certain answer: {unclear}");
    } else {
        tracing::debug!(creator = %username, in_a_row, "no certain answer: {unclear}");
    }
}
