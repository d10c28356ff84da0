//! The learned schedule: every creator's rhythm, one price, one ledger, behind one surface.
//!
//! The daemon's poller and the judge's policy use it alike. It neither queues nor polls:
//! it says when to poll next and whether a poll may start. No decision allocates; the same
//! inputs give the same answers.

use std::time::Duration;

use super::controller::Controller;
use super::ledger::{Headers, Ledger, Taken};
pub use super::population::Population;
use super::rhythm::Rhythm;
use super::week::Moment;
use super::{CreatorIndex, NextPoll};
use crate::domain::Timestamp;

mod creator;
mod memory;
pub(super) mod plan;
mod portrait;
mod roster;
mod settings;
mod survey;
mod sweeps;
mod when;
mod witness;

use creator::{Claim, Creator, Phase, claim_of};
pub use memory::{KnownStream, Learning};
use plan::Plan;
pub use portrait::Portrait;
use settings::Compact;
pub use settings::{Options, Outcome, Permit, Refusal, Settings};
use sweeps::Sweeps;

/// How far ahead of plan ordinary polls may run, in days.
const MOST_AHEAD: f64 = 0.5;
/// How long a refused poll waits at least, and at most.
const REFUSED_WAITS: (f32, f32) = (1.0, 60.0);

/// The learned schedule of all creators.
#[derive(Debug)]
pub struct Learned {
    options: Options,
    creators: Vec<Creator>,
    population: Population,
    ledger: Ledger,
    controller: Controller,
    plan: Plan,
    sweeps: Sweeps,
    ticked: Timestamp,
}

impl Learned {
    /// A schedule without creators.
    pub fn new(options: Options, ledger: Ledger, now: Timestamp) -> Self {
        let plan = Plan::default();
        let controller = Controller::new(f64::from(plan.gap));
        Self {
            options,
            creators: Vec::new(),
            population: Population::default(),
            ledger,
            controller,
            plan,
            sweeps: Sweeps::default(),
            ticked: now,
        }
    }

    /// Adds a creator of which nothing is known; call [`Learned::replan`] after the last one.
    pub fn add_creator(&mut self, settings: &Settings, now: Timestamp) -> CreatorIndex {
        self.creators.push(Creator::unknown(settings, now));
        CreatorIndex::try_from(self.creators.len() - 1).unwrap_or(CreatorIndex::MAX)
    }

    /// Takes over changed settings; call [`Learned::replan`] after the last change.
    pub fn change_creator(&mut self, creator: CreatorIndex, settings: &Settings) {
        if let Some(creator) = self.creators.get_mut(creator as usize) {
            creator.settings = Compact::from(settings);
            creator.watched = true;
        }
    }

    /// Plans without a creator from now on, and keeps what is known of it.
    pub fn remove_creator(&mut self, creator: CreatorIndex) {
        if let Some(creator) = self.creators.get_mut(creator as usize) {
            creator.watched = false;
        }
    }

    /// Takes account of a changed watchlist or budget: a new price and new promises. Every
    /// creator is then to be queued anew, see [`Learned::next_poll`].
    pub fn replan(&mut self, now: Timestamp) {
        self.ledger.roll(now);
        let wishes = self
            .creators
            .iter()
            .filter(|c| c.watched)
            .map(|c| (c.settings.wish(), 1.0));
        let per_minute = self.ledger.budget() as f64 / self.ledger.period_minutes();
        self.plan = Plan::new(wishes, per_minute);
        self.controller = Controller::new(f64::from(self.plan.gap));
    }

    /// By how much all promised gaps are stretched because the budget cannot hold them; 1 if it can.
    pub fn stretch(&self) -> f64 {
        f64::from(self.plan.stretch)
    }

    /// The price of a credit, as the chance of a hit on a stream of mean length.
    pub fn price(&self) -> f32 {
        self.controller.price()
    }

    /// The budget's state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The budget's state, to change its plan or to note that it was stored.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Moves the price; to be called about every hour.
    pub fn tick(&mut self, now: Timestamp) {
        let days = now.since(self.ticked).as_secs_f64() / 86_400.0;
        self.ticked = now;
        let pace = self.ledger.pace(now);
        self.controller.step(days, pace);
    }

    /// Whether a poll of `creator` that is due may start at `now`; counts its credit if so.
    pub fn may_poll(&mut self, creator: CreatorIndex, now: Timestamp) -> Permit {
        self.ledger.roll(now);
        let moment = Moment::from(now);
        if let Some(one) = self.creators.get_mut(creator as usize) {
            // A clock set back keeps a creator waiting for its interval, not for the jump.
            one.polled = one.polled.map(|at| at.min(moment));
        }
        let Some(one) = self.creators.get(creator as usize) else {
            return refused(REFUSED_WAITS.1, Refusal::TooSoon);
        };
        if let Some((wait, refusal)) = self.refusal(one, now) {
            if refusal == Refusal::Reserved || refusal == Refusal::Ahead {
                // Whoever has waited as long as promised comes back with a claim.
                let due = self.promised_gap(one) - one.waited(moment);
                let one = &mut self.creators[creator as usize];
                if due <= wait {
                    one.claim = Claim::Promised;
                }
                return refused(
                    due.clamp(REFUSED_WAITS.0, wait.max(REFUSED_WAITS.0)),
                    refusal,
                );
            }
            return refused(wait, refusal);
        }
        match self.ledger.take(now) {
            Some(taken) => {
                self.creators[creator as usize].polled = Some(moment);
                Permit::Granted(taken)
            }
            None => refused(REFUSED_WAITS.0, Refusal::Unstored),
        }
    }

    /// Why `one` may not be polled now, with the minutes after which to ask again.
    fn refusal(&self, one: &Creator, now: Timestamp) -> Option<(f32, Refusal)> {
        let early = one.least_gap() - one.since_polled(now.into());
        if early > 0.0 && one.claim != Claim::Confirm {
            return Some((early, Refusal::TooSoon));
        }
        if let Some(wait) = one.opens_in(now.into()).filter(|_| !one.is_live()) {
            return Some((wait, Refusal::Closed));
        }
        self.shortage(one.claim, now)
    }

    /// Why the budget has no credit for this kind of request now.
    fn shortage(&self, claim: Claim, now: Timestamp) -> Option<(f32, Refusal)> {
        let left = self.ledger.left();
        #[expect(clippy::cast_possible_truncation, reason = "minutes of a month")]
        let minutes_left = self.ledger.minutes_left(now) as f32;
        if left == 0 {
            return Some((
                minutes_left.clamp(REFUSED_WAITS.0, REFUSED_WAITS.1),
                Refusal::Exhausted,
            ));
        }
        if !matches!(claim, Claim::Ordinary | Claim::Hinted) {
            return None;
        }
        if left as f64 <= f64::from(minutes_left) * self.plan.promised_per_minute {
            return Some((REFUSED_WAITS.1, Refusal::Reserved));
        }
        if claim == Claim::Hinted {
            return None;
        }
        let a_day = self.ledger.budget() as f64 * 1_440.0 / self.ledger.period_minutes();
        let ahead = self.ledger.ahead_of_line(now);
        (ahead > MOST_AHEAD * a_day + 1.0).then_some((REFUSED_WAITS.1, Refusal::Ahead))
    }

    /// Settles a poll's credit by the answer's headers.
    pub fn settle(&mut self, taken: Taken, headers: Headers, now: Timestamp) {
        self.ledger.settle(taken, headers, now);
    }

    /// Learns from a poll that ended at `now` and says when to poll next; `random` in `[0, 1)`.
    pub fn after_poll(
        &mut self,
        creator: CreatorIndex,
        outcome: Outcome,
        now: Timestamp,
        random: f64,
    ) -> NextPoll {
        if let Some(one) = self.creators.get_mut(creator as usize) {
            let trust = &mut self.sweeps.trust;
            one.testify(trust, &self.population, outcome, now.into());
            one.take(&mut self.population, outcome, now.into(), trust.recall());
        }
        let next = match outcome {
            Outcome::Unclear(failures) => self.retry(creator, failures, random),
            _ => self.next_poll(creator, now),
        };
        if let Some(one) = self.creators.get_mut(creator as usize) {
            one.claim = claim_of(next.reason);
        }
        next
    }
}

fn refused(wait: f32, refusal: Refusal) -> Permit {
    Permit::Refused {
        wait: minutes(wait),
        refusal,
    }
}

fn minutes(minutes: f32) -> Duration {
    Duration::try_from_secs_f32(minutes * 60.0).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests;
