//! What the poller decides, without waiting for anything: whom to ask next, and what an
//! answer makes of the creator, the gate, the rate and the monitor's own health.
//!
//! Random fractions and both times are arguments; every method returns at once. A state
//! that has to be stored counts only from [`Core::stored`] on: memory is never ahead of
//! the store.

mod answers;
mod credits;
mod people;
mod reload;
mod sweeps;

use std::time::Duration;

pub(super) use self::reload::News;
use self::sweeps::Sweeping;
pub(super) use self::sweeps::trust_of;
use super::announce::Announcer;
use super::bulletin::Bulletin;
use super::crowd::Crowd;
use super::inbox::Census;
use super::inquiries::Inquiries;
use super::notices::Notices;
use super::orders::{Credit, Draft, Job, Next, Now, Poll, Then};
use super::planner::{Admission, Past, Planner};
use super::registry::Registry;
use super::roster::Roster;
use crate::config::{Config, Polling};
use crate::domain::credits::CreditWatch;
use crate::domain::event::InstallationId;
use crate::domain::source_health::DegradedReason;
use crate::domain::{Timestamp, Username};
use crate::schedule::gate::{Gate, Passage};
use crate::schedule::learned::Refusal;
use crate::schedule::ledger::{Ledger, Spent};
use crate::schedule::queue::Queue;
use crate::schedule::rate::RateLimit;
use crate::schedule::{CreatorIndex, Reason};
use crate::store::{Change, Checkpoint, PastStream, Snapshot, Spending};

/// A poll that was refused waits at least so long.
const SHORTEST_REFUSAL: Duration = Duration::from_millis(10);

/// What the poller knows and decides.
#[derive(Debug)]
pub(super) struct Core {
    polling: Polling,
    announcer: Announcer,
    pub(super) roster: Roster,
    pub(super) queue: Queue,
    rate: RateLimit,
    gate: Gate,
    /// When the gate last opened: nobody was late while it was shut.
    opened_at: Duration,
    /// The shortest interval that polls are behind by: creators with longer ones, on time by
    /// their own measure, do not say that all is well again.
    shortest_behind: Duration,
    crowd: Crowd,
    pub(super) bulletin: Bulletin,
    pub(super) planner: Planner,
    registry: Registry,
    inquiries: Inquiries,
    sweeping: Sweeping,
    credit_watch: CreditWatch,
    notices: Notices,
    /// Whether credits have to be stored before more polls may start.
    short_of_credits: bool,
    in_flight: usize,
    /// How often whom to ask, or with which key, has changed.
    source_number: u32,
    /// Polls started since the start of the program.
    pub(super) polls: u64,
    /// What the account had left by the last answer.
    pub(super) account_remaining: Option<u64>,
    /// When this began, and what of the budget was spent by then.
    pub(super) began: (Timestamp, u64),
}

impl Core {
    pub(super) fn new(
        config: &Config,
        installation: InstallationId,
        (snapshot, streams): (Snapshot, Vec<PastStream>),
        now: Now,
    ) -> Self {
        let polling = config.polling.clone();
        let rate = polling.max_requests_per_second;
        let roster = Roster::new(config.creators.clone(), snapshot.creators);
        let past = Past {
            learning: snapshot.learning,
            population: snapshot.population,
            spending: snapshot.spending,
            streams,
        };
        let planner = Planner::new(config, &roster, past, now);
        let asked = snapshot.identities.iter().map(|(_, who)| who.profile_at);
        let inquiries = Inquiries::resumed(asked.max().flatten(), planner.profile_spacing(), now);
        let mut core = Self {
            inquiries,
            sweeping: Sweeping::default(),
            registry: Registry::restored(snapshot.identities),
            credit_watch: CreditWatch::restored(snapshot.credits_told),
            notices: Notices::default(),
            announcer: Announcer::new(installation, config.webhooks.clone()),
            planner,
            roster,
            queue: Queue::new(),
            rate: RateLimit::new(rate, timer_burst(rate)),
            gate: Gate::Open,
            opened_at: now.monotonic,
            shortest_behind: Duration::MAX,
            crowd: Crowd::restored(snapshot.degraded.contains_key(&DegradedReason::MassFlip)),
            bulletin: Bulletin::restored(snapshot.degraded),
            short_of_credits: false,
            in_flight: 0,
            source_number: 0,
            polls: 0,
            account_remaining: None,
            began: (now.wall, 0),
            polling,
        };
        core.began.1 = core.planner.ledger().map_or(0, Ledger::spent);
        core.queue_everybody(now);
        core.queue_inquiries(now);
        core.set_sweeps(config, snapshot.sweeps.as_deref(), now);
        core
    }

    fn queue_everybody(&mut self, now: Now) {
        let first = |(creator, entry)| (creator, self.planner.first(creator, entry, now));
        let plans: Vec<_> = self.roster.all().map(first).collect();
        for (creator, plan) in plans {
            self.roster.entry_mut(creator).reason = plan.reason;
            self.queue.schedule(creator, now.monotonic + plan.wait);
        }
    }

    /// What to do now. A returned poll counts as started.
    pub(super) fn next(&mut self, now: Now) -> Next {
        loop {
            if self.in_flight >= self.polling.max_in_flight {
                return Next::WaitForOthers;
            }
            let poll = self.queue.peek();
            let sweep_at = match self.next_sweep(poll.map_or(Duration::MAX, |(_, due)| due), now) {
                Ok(sweep) => return Next::Sweep(sweep),
                Err(again) => again,
            };
            let Some((creator, due)) = poll else {
                return match sweep_at {
                    Duration::MAX => Next::WaitForOthers,
                    again => Next::WaitUntil(again),
                };
            };
            if due > now.monotonic {
                return self.inquire_or_wait(due.min(sweep_at), now);
            }
            let probe = match self.gate.passage(now.monotonic) {
                Passage::Free => false,
                Passage::Probe => true,
                Passage::Closed(Some(until)) => return Next::WaitUntil(until),
                Passage::Closed(None) => return Next::WaitForOthers,
            };
            let earliest = self.rate.earliest(now.monotonic);
            if earliest > now.monotonic {
                return Next::WaitUntil(earliest);
            }
            if let Some(credit) = self.credit(creator, now) {
                self.rate.try_pass(now.monotonic);
                self.queue.cancel(creator);
                return Next::Poll(self.start((creator, due), probe, credit, now));
            }
        }
    }

    /// Moves a creator's next poll to now, because somebody asked for it; whether it is watched.
    ///
    /// An answer of the last `min_interval`, a poll or a commit that is under way is answer
    /// enough until that has passed; rate, gate and budget hold.
    pub(super) fn hasten(&mut self, username: &Username, now: Now) -> bool {
        let Some(creator) = self.roster.find(username) else {
            return false;
        };
        let entry = self.roster.entry_mut(creator);
        let since = entry
            .state
            .last_answer_at
            .map_or(Duration::MAX, |at| now.wall.since(at));
        let soon = now.monotonic + self.polling.min_interval.saturating_sub(since);
        if self.queue.due_of(creator).is_some_and(|due| due > soon) {
            self.queue.schedule(creator, soon);
            entry.reason = Reason::Asked;
        }
        true
    }

    /// A credit for a poll of `creator`, which is queued for later if there is none.
    fn credit(&mut self, creator: CreatorIndex, now: Now) -> Option<Credit> {
        let entry = self.roster.entry(creator);
        // What a poll has begun is finished, whatever an ordinary poll would be worth now.
        let urgent = entry.failed_tries > 0 || entry.held.is_some();
        let (wait, refusal) = match self.planner.admit(creator, urgent, now.wall) {
            Admission::Granted(credit) => {
                self.short_of_credits |= self.planner.runs_short();
                return Some(credit);
            }
            Admission::Refused(wait, refusal) => (wait, refusal),
        };
        self.short_of_credits |= refusal == Refusal::Unstored;
        // Answers under way would say at once that all is well again.
        if refusal == Refusal::Exhausted && self.in_flight == 0 {
            let reason = DegradedReason::CreditsExhausted;
            self.bulletin.raise(reason, now.wall, &self.planner.spent());
            // The last answer may have come before a crash that counted credits as used.
            self.watch_credits(None, now);
        }
        self.queue
            .schedule(creator, now.monotonic + wait.max(SHORTEST_REFUSAL));
        None
    }

    fn start(
        &mut self,
        (creator, due): (CreatorIndex, Duration),
        probe: bool,
        credit: Credit,
        now: Now,
    ) -> Poll {
        self.in_flight += 1;
        self.polls += 1;
        self.roster.entry_mut(creator).polls += 1;
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
        self.roster.entry_mut(creator).last_reason = Some(reason);
        Poll {
            creator,
            username,
            reason,
            lateness,
            probe,
            credit,
            source_number: self.source_number,
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

    /// A job's change is durable: from now on it counts.
    pub(super) fn stored(&mut self, then: Then, now: Now) {
        match then {
            Then::Creator {
                creator,
                state,
                due,
                reason,
            } => {
                self.roster.set_state(creator, *state);
                let entry = self.roster.entry_mut(creator);
                let is_watched = entry.came_back();
                entry.reason = reason;
                entry.gap = due.saturating_sub(now.monotonic);
                entry.next_poll_at = Some(now.wall.plus(entry.gap));
                entry.dirty = false;
                if self.planner.learns() {
                    // The transaction held the state, not what the schedule learnt from it.
                    self.roster.mark_dirty(creator);
                }
                if is_watched {
                    let due = due.min(self.rethought(creator, now));
                    self.queue.schedule(creator, due);
                    self.expect_inquiry(creator, now);
                }
            }
            Then::Health => self.bulletin.told(),
            Then::Notice => self.notices.stored(),
        }
    }

    /// The next change of health, or the next notice, to store: of each one at a time and in order.
    pub(super) fn news_job(&mut self) -> Option<Job> {
        if let Some(change) = self.bulletin.next() {
            let event = self.announcer.of_health(&change);
            return Some(Job {
                change: Change {
                    degraded: Some(self.bulletin.announced().clone()),
                    events: vec![event],
                    ..Change::default()
                },
                then: Then::Health,
            });
        }
        let change = self.notices.next()?;
        Some(Job {
            change,
            then: Then::Notice,
        })
    }

    /// Whether a checkpoint should not wait for its time.
    pub(super) fn wants_checkpoint(&self) -> bool {
        self.short_of_credits || self.sweeping.urgent
    }

    /// What polls learnt since the last checkpoint, and what may be spent before the next.
    pub(super) fn take_checkpoint(&mut self, last: bool, now: Now) -> Draft {
        self.planner.tick(&self.roster, now);
        (self.short_of_credits, self.sweeping.urgent) = (false, false);
        let (creators, mut learnt) = self.roster.take_checkpoint();
        for (&creator, row) in creators.iter().zip(&mut learnt) {
            row.learning = self.planner.learning(creator);
        }
        let spending = self.planner.spending(last);
        let rows = spending.iter().map(|s| Spending {
            period: s.period,
            credits: s.credits,
        });
        let checkpoint = Checkpoint {
            sweeps: self.sweeps_to_store(),
            population: self.planner.population().filter(|_| !creators.is_empty()),
            creators: learnt,
            spending: rows.collect(),
            polls: self.roster.take_polls(),
            identities: self.registry.take_dirty(|name| self.notices.concern(name)),
        };
        Draft {
            checkpoint,
            creators,
            spending,
        }
    }

    /// The checkpoint is durable.
    pub(super) fn checkpointed(&mut self, spending: &[Spent]) {
        self.planner.stored(spending);
    }

    /// A checkpoint was not stored: its creators have to be in the next one.
    pub(super) fn checkpoint_failed(&mut self, creators: Vec<CreatorIndex>) {
        self.sweeps_not_stored();
        for creator in creators {
            self.roster.mark_dirty(creator);
        }
    }

    /// How many creators are watched, how many of them are live, and what of the budget is used.
    pub(super) fn census(&self) -> Census {
        Census {
            creators: self.roster.len(),
            live: self.roster.live(),
            credits: self.planner.used(),
        }
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

#[cfg(test)]
impl Core {
    fn crowd_size(&self) -> usize {
        self.crowd.held()
    }
}

#[cfg(test)]
pub(super) mod tests;
