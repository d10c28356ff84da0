//! Sweeps among the polls: when a page is read, and what its answer moves.
//!
//! Under the same gate, rate, concurrency and budget as any poll. A page moves beliefs, plans
//! and names; no flag starts or ends a stream, and a page that failed moves nothing.

use std::collections::HashMap;
use std::time::Duration;

use super::super::orders::{Call, Now, Poll, Sweep};
use super::super::planner::Admission;
use super::super::sweeper::{Candidate, Failure, Sweeper};
use super::{Core, SHORTEST_REFUSAL};
use crate::config::Config;
use crate::domain::observation::{Remedy, Unclear};
use crate::domain::tracker::Phase;
use crate::domain::{Observation, Timestamp, Username};
use crate::konbini::answer::{FollowingAnswer, FollowingFinding, FollowingPage};
use crate::schedule::gate::Passage;
use crate::schedule::learned::Refusal;
use crate::schedule::sweep::PageIndex;
use crate::schedule::{CreatorIndex, NextPoll, Reason};

mod shown;

pub(in crate::daemon::poller) use shown::trust_of;
use shown::{Stored, Tally};

/// How soon it is looked again whether the gate is open.
const SHUT: Duration = Duration::from_secs(10);

/// Everything about sweeps; nothing without an account.
#[derive(Debug, Default)]
pub(super) struct Sweeping {
    sweeper: Option<Sweeper>,
    /// Flagged creators that are believed offline, and when they were to be polled otherwise.
    hints: HashMap<CreatorIndex, Duration>,
    tally: Tally,
    last_at: Option<Timestamp>,
    /// Whether something is to be stored, and whether soon: what must not be paid for again.
    dirty: bool,
    pub(super) urgent: bool,
    /// Whether it was said that the list cannot be seen.
    is_hidden: bool,
}

impl Core {
    /// Begins, changes or ends sweeps by `config`; `stored` is what was kept of them.
    pub(super) fn set_sweeps(&mut self, config: &Config, stored: Option<&str>, now: Now) {
        let account = config.sweep.as_ref().map(|sweep| &sweep.account);
        let running = self.sweeping.sweeper.as_mut();
        let learned = self.planner.learned_mut();
        match (running, account, learned) {
            (Some(running), Some(account), Some(_)) if running.account == *account => {}
            (_, Some(account), Some(learned)) => {
                let stored = Stored::of(account, stored);
                learned.restore_trust(stored.trust);
                learned.set_page(0, &[]);
                let both = (now.monotonic, now.wall);
                self.sweeping = Sweeping {
                    sweeper: Some(Sweeper::new(account.clone(), stored.round_at, both)),
                    tally: stored.tally,
                    ..Sweeping::default()
                };
                tracing::info!(%account, "sweeping the following list");
            }
            _ => self.sweeping = Sweeping::default(),
        }
    }

    /// Somebody else is watched too: where on the list?
    pub(super) fn sweep_for_newcomers(&mut self, now: Now) {
        if let Some(sweeper) = &mut self.sweeping.sweeper {
            sweeper.look_again(now.monotonic);
        }
    }

    /// A creator is not watched any more.
    pub(super) fn sweep_without(&mut self, creator: CreatorIndex) {
        self.sweeping.hints.remove(&creator);
        if let Some(sweeper) = &mut self.sweeping.sweeper {
            sweeper.forget(creator);
        }
    }

    /// The sweep to make now if one is due, and before `poll`, when the next poll is; else when
    /// to look again. A returned one counts as started.
    pub(super) fn next_sweep(&mut self, poll: Duration, now: Now) -> Result<Sweep, Duration> {
        loop {
            let sweeper = self.sweeping.sweeper.as_mut();
            let Some(next) = sweeper.and_then(|sweeper| sweeper.next(now.monotonic)) else {
                return Err(Duration::MAX);
            };
            // Who was never looked at comes first: a flag would say nothing of them yet.
            if next.at > now.monotonic || next.at >= poll {
                return Err(next.at);
            }
            match self.gate.passage(now.monotonic) {
                Passage::Free => {}
                // A poll is the one to try whether all is well again.
                Passage::Probe | Passage::Closed(None) => return Err(now.monotonic + SHUT),
                Passage::Closed(Some(until)) => return Err(until),
            }
            let earliest = self.rate.earliest(now.monotonic);
            if earliest > now.monotonic {
                return Err(earliest);
            }
            if let Some(sweep) = self.start_sweep(next, now) {
                return Ok(sweep);
            }
        }
    }

    /// `None` if the page is not worth its credit now, or there is none: it is put off.
    fn start_sweep(&mut self, next: Candidate, now: Now) -> Option<Sweep> {
        let admission = self.planner.admit_sweep(next.page, next.in_round, now.wall);
        let sweeper = self.sweeping.sweeper.as_mut()?;
        let credit = match admission {
            Admission::Granted(credit) => credit,
            Admission::Refused(wait, refusal) => {
                self.short_of_credits |= refusal == Refusal::Unstored;
                sweeper.hold(next, now.monotonic + wait.max(SHORTEST_REFUSAL));
                return None;
            }
        };
        let cursor = sweeper.started(next);
        let account = sweeper.account.clone();
        self.short_of_credits |= self.planner.runs_short();
        self.rate.try_pass(now.monotonic);
        self.in_flight += 1;
        Some(Sweep {
            page: next.page,
            account,
            cursor,
            credit,
            source_number: self.source_number,
        })
    }

    /// Takes what a sweep brought; whether it said something.
    pub(in crate::daemon::poller) fn swept(
        &mut self,
        sweep: &Sweep,
        answer: &FollowingAnswer,
        now: Now,
    ) -> bool {
        self.in_flight -= 1;
        let cost = answer.cost();
        self.settle(Call::Sweep, (sweep.credit, sweep.source_number), cost, now);
        let sweeper = self.sweeping.sweeper.as_ref();
        if sweeper.is_none_or(|sweeper| sweeper.account != sweep.account) {
            // The account has changed meanwhile.
            return false;
        }
        self.sweeping.dirty = true;
        self.sweeping.tally.credits += cost.used.unwrap_or(1);
        let failure = match &answer.finding {
            FollowingFinding::Page(page) if !page.members.is_empty() => {
                self.take_page(sweep.page, page, now);
                return true;
            }
            FollowingFinding::Page(_) => Failure::Lasting,
            FollowingFinding::Hidden => self.list_is_hidden(sweep),
            FollowingFinding::Unclear(unclear) => self.sweep_unclear(sweep, unclear, now),
        };
        self.page_failed(failure, now);
        false
    }

    fn list_is_hidden(&mut self, sweep: &Sweep) -> Failure {
        if sweep.page == 0 && !std::mem::replace(&mut self.sweeping.is_hidden, true) {
            tracing::warn!(account = %sweep.account,
                "the following list cannot be seen: the account does not exist, or it is private");
        }
        Failure::Lasting
    }

    fn sweep_unclear(&mut self, sweep: &Sweep, unclear: &Unclear, now: Now) -> Failure {
        tracing::debug!(account = %sweep.account, page = sweep.page, "no page: {unclear}");
        let remedy = unclear.cause.remedy();
        let concerns_everybody = matches!(remedy, Remedy::Suspend | Remedy::Pause);
        if concerns_everybody && sweep.source_number == self.source_number {
            let observation = Observation::Unclear(unclear.clone());
            self.gate.observe(&observation, false, now.monotonic);
            if remedy == Remedy::Suspend {
                self.bulletin.observe(&observation, now.wall);
            }
        }
        match remedy {
            Remedy::Suspend | Remedy::Pause | Remedy::RetrySoon => Failure::Passing,
            Remedy::ComeBack => Failure::Lasting,
        }
    }

    fn page_failed(&mut self, failure: Failure, now: Now) {
        let Some(sweeper) = &mut self.sweeping.sweeper else {
            return;
        };
        let before = sweeper.failed(failure, now.monotonic);
        self.planner.keep_pages(sweeper.pages(), before);
    }

    /// Who is on a page moves names and beliefs, and through these plans.
    fn take_page(&mut self, page: PageIndex, answer: &FollowingPage, now: Now) {
        self.sweeping.last_at = Some(now.wall);
        self.sweeping.is_hidden = false;
        let mut flags = Vec::new();
        let mut members = Vec::new();
        for member in &answer.members {
            self.sighted(&member.username, &member.profile, now);
            let Some(creator) = self.roster.find(&member.username) else {
                continue;
            };
            if members.contains(&creator) {
                continue;
            }
            members.push(creator);
            // Nothing can be said of somebody before the first look, or without a flag.
            if let Some(is_live) = member.is_live {
                flags.push((creator, is_live));
            }
        }
        let planned = self.planner.after_sweep(page, &flags, now.wall);
        for (creator, next) in planned {
            self.replan_swept(creator, next, now);
        }
        let watched = self.roster.len();
        let Some(sweeper) = &mut self.sweeping.sweeper else {
            return;
        };
        let before = sweeper.read(&members, answer.next.as_ref(), watched, now.monotonic);
        let pages = sweeper.pages();
        sweeper.plan(
            page,
            now.monotonic
                + self
                    .planner
                    .next_sweep(page, now.wall)
                    .max(SHORTEST_REFUSAL),
        );
        self.planner.keep_pages(pages, before);
        self.note_missing(now);
    }

    /// Queues a creator by what a page said; one whose poll or commit is under way is planned by
    /// that, and one whose last poll was unclear keeps its backoff.
    fn replan_swept(&mut self, creator: CreatorIndex, next: NextPoll, now: Now) {
        let Some(planned) = self.queue.due_of(creator) else {
            return;
        };
        let entry = self.roster.entry_mut(creator);
        if entry.unclear_in_a_row > 0 || entry.failed_tries > 0 || entry.held.is_some() {
            return;
        }
        let was_asked = entry.reason == Reason::Asked && planned <= now.monotonic + next.wait;
        if was_asked {
            return;
        }
        let offline = matches!(entry.state.phase, Phase::Offline);
        if next.reason == Reason::Hinted && offline && entry.reason != Reason::Hinted {
            self.sweeping.hints.insert(creator, planned);
            tracing::debug!(creator = %entry.username(), "flagged by a sweep");
        }
        (entry.reason, entry.gap) = (next.reason, next.wait);
        entry.next_poll_at = Some(now.wall.plus(next.wait));
        self.roster.mark_dirty(creator);
        self.queue.schedule(creator, now.monotonic + next.wait);
    }

    /// What a poll that a flag brought has found, in minutes sooner than planned.
    pub(super) fn credit_hint(&mut self, poll: &Poll, observation: &Observation, now: Now) {
        if matches!(observation, Observation::Unclear(_)) {
            return;
        }
        let Some(planned) = self.sweeping.hints.remove(&poll.creator) else {
            return;
        };
        let phase = &self.roster.entry(poll.creator).state.phase;
        if matches!(observation, Observation::Live(_)) && matches!(phase, Phase::Offline) {
            self.sweeping.tally.found += 1;
            let sooner = planned.saturating_sub(now.monotonic);
            self.sweeping.tally.minutes_saved += sooner.as_secs_f64() / 60.0;
            (self.sweeping.dirty, self.sweeping.urgent) = (true, true);
        }
    }

    /// Tells, once for each change, who of the watchlist is not on the list.
    fn note_missing(&mut self, now: Now) {
        let Some(sweeper) = &mut self.sweeping.sweeper else {
            return;
        };
        if !sweeper.is_complete() {
            return;
        }
        let mut missing: Vec<Username> = self
            .roster
            .all()
            .filter(|(creator, _)| sweeper.is_missing(*creator))
            .map(|(_, entry)| entry.username().clone())
            .collect();
        missing.sort();
        self.sweeping.urgent |= sweeper.round_at.is_none();
        sweeper.round_at = Some(now.wall);
        if sweeper.missing.as_ref() != Some(&missing) {
            shown::log_missing(&sweeper.account, &missing, self.roster.len());
            sweeper.missing = Some(missing);
        }
    }
}
