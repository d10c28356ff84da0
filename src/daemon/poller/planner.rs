//! When to poll next and whether a poll may start: the fixed or the learned schedule, and
//! the budget, behind one face.
//!
//! A credit is counted before its poll starts. What is counted is stored ahead of its use,
//! so that a crash forgets nothing; a poll whose credit is not covered by the store waits.

pub(super) mod past;
mod reload;
mod sweeps;

use std::time::Duration;

pub(super) use past::Past;

use super::orders::{Credit, Now};
use super::roster::{Entry, Roster};
use super::settings;
use crate::config::{Budget, Config, Polling, ScheduleKind};
use crate::domain::Timestamp;
use crate::domain::credits::Standing;
use crate::domain::tracker::CreatorState;
use crate::konbini::Credits;
use crate::schedule::fixed::Situation;
use crate::schedule::learned::{Learned, Outcome, Permit, Portrait, Refusal};
use crate::schedule::ledger::{Headers, Ledger, Spent};
use crate::schedule::{CreatorIndex, NextPoll};

/// Credits stored ahead of their use, at least and at most; a crash loses no more.
const AHEAD: (u64, u64) = (16, 4_096);
/// How soon a poll is tried again whose credit waits for the store.
const UNSTORED: Duration = Duration::from_millis(50);
/// The longest wait before asking a spent budget again.
const SPENT: Duration = Duration::from_secs(3_600);
/// Profile calls take at most this share of the budget, evenly over the month, and none of its
/// last tenth: that is for polls.
const PROFILES: f64 = 0.01;
const FOR_POLLS: u64 = 10;
/// Between two profile calls where there is no budget.
const PROFILE_EVERY: Duration = Duration::from_mins(1);
/// The learned schedule mends its own pace; so many days ahead of plan it has failed to.
const FAR_AHEAD: f64 = 2.0;
/// How often the price of a credit follows the spending.
const TICK: Duration = Duration::from_secs(3_600);

/// The schedule and the budget.
#[derive(Debug)]
pub(super) struct Planner {
    polling: Polling,
    budget: Option<Budget>,
    mode: Mode,
    /// Credits taken since the last ones were stored ahead, and how many were.
    taken: u64,
    ahead: u64,
    ticked: Duration,
}

#[derive(Debug)]
enum Mode {
    Fixed(Option<Box<Ledger>>),
    Learned(Box<Learned>),
}

/// Whether a poll that is due may start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Admission {
    /// Now; its credit is counted, if there is a budget.
    Granted(Credit),
    /// Not before this wait is over.
    Refused(Duration, Refusal),
}

impl From<Permit> for Admission {
    fn from(permit: Permit) -> Self {
        match permit {
            Permit::Granted(taken) => Self::Granted(Credit(Some(taken))),
            Permit::Refused { wait, refusal } => Self::Refused(wait, refusal),
        }
    }
}

impl Planner {
    pub(super) fn new(config: &Config, roster: &Roster, past: Past, now: Now) -> Self {
        let ledger = config
            .budget
            .map(|budget| past::ledger(budget, &past.spending, now.wall));
        let mode = match (config.polling.schedule, ledger, config.budget) {
            (ScheduleKind::Learned, Some(ledger), Some(budget)) => Mode::Learned(Box::new(
                past::learned(config, budget, ledger, (roster, past), now.wall),
            )),
            (_, ledger, _) => Mode::Fixed(ledger.map(Box::new)),
        };
        Self {
            polling: config.polling.clone(),
            budget: config.budget,
            mode,
            taken: 0,
            ahead: 0,
            ticked: now.monotonic,
        }
    }

    /// When a creator is polled first after a start of the program.
    pub(super) fn first(&self, creator: CreatorIndex, entry: &Entry, now: Now) -> NextPoll {
        match &self.mode {
            Mode::Learned(learned) if entry.state.last_answer_at.is_some() => {
                learned.next_poll(creator, now.wall)
            }
            _ => entry.first_plan(&self.polling, now.wall),
        }
    }

    /// Whether a poll of `creator` may start; `urgent` ones finish what a poll has begun.
    pub(super) fn admit(
        &mut self,
        creator: CreatorIndex,
        urgent: bool,
        now: Timestamp,
    ) -> Admission {
        let admission = match &mut self.mode {
            Mode::Fixed(None) => return Admission::Granted(Credit(None)),
            Mode::Learned(learned) if !urgent => learned.may_poll(creator, now).into(),
            Mode::Learned(learned) => draw(learned.ledger_mut(), now),
            Mode::Fixed(Some(ledger)) => draw(ledger, now),
        };
        self.counted(admission)
    }

    /// Whether a profile call may start.
    pub(super) fn admit_profile(&mut self, now: Timestamp) -> Admission {
        let Some(ledger) = self.ledger_mut() else {
            return Admission::Granted(Credit(None));
        };
        ledger.roll(now);
        if ledger.left() <= ledger.budget() / FOR_POLLS {
            return Admission::Refused(SPENT, Refusal::Reserved);
        }
        let admission = draw(ledger, now);
        self.counted(admission)
    }

    /// From the start of one profile call to that of the next.
    pub(super) fn profile_spacing(&self) -> Duration {
        self.ledger().map_or(PROFILE_EVERY, |ledger| {
            let calls = ledger.budget() as f64 * PROFILES;
            let spacing = ledger.period().as_secs_f64() / calls.max(f64::MIN_POSITIVE);
            Duration::try_from_secs_f64(spacing).unwrap_or(ledger.period())
        })
    }

    fn counted(&mut self, admission: Admission) -> Admission {
        match admission {
            Admission::Refused(_, Refusal::Unstored) => {
                Admission::Refused(UNSTORED, Refusal::Unstored)
            }
            Admission::Granted(Credit(Some(_))) => {
                self.taken += 1;
                admission
            }
            other => other,
        }
    }

    /// How the budget stands while `under_way` calls have not been answered.
    pub(super) fn standing(&self, under_way: usize, now: Timestamp) -> Option<Standing> {
        let ledger = self.ledger()?;
        let (used, remaining) = ledger.standing(under_way as u64);
        let steered = matches!(self.mode, Mode::Learned(_)) && ledger.days_ahead(now) < FAR_AHEAD;
        Some(Standing {
            period: ledger.period_start(),
            used,
            remaining,
            renews_at: Some(ledger.renews_at()),
            must_last_until: Some(ledger.renews_at()).filter(|_| !steered),
        })
    }

    /// Settles a credit by what the answer's headers say.
    pub(super) fn settle(&mut self, credit: Credit, credits: Credits, now: Timestamp) {
        if let (Some(taken), Some(ledger)) = (credit.0, self.ledger_mut()) {
            let headers = Headers {
                used: credits.used,
                remaining: credits.remaining,
            };
            ledger.settle(taken, headers, now);
        }
    }

    /// When to poll a creator next whose last poll led to `state`; `random` in `[0, 1)`.
    pub(super) fn next(
        &mut self,
        (creator, entry): (CreatorIndex, &Entry),
        state: &CreatorState,
        now: Now,
        random: f64,
    ) -> NextPoll {
        let situation = entry.situation(state);
        match &mut self.mode {
            Mode::Learned(learned) if entry.held.is_none() => {
                let outcome = match situation {
                    Situation::Unclear(failures) | Situation::UnclearWhileLive(failures) => {
                        Outcome::Unclear(failures)
                    }
                    _ => outcome_of(state),
                };
                learned.after_poll(creator, outcome, now.wall, random)
            }
            _ => entry
                .pace(&self.polling)
                .next(situation, now.monotonic, random),
        }
    }

    /// Whether polls teach anything that the state machine does not keep.
    pub(super) fn learns(&self) -> bool {
        matches!(self.mode, Mode::Learned(_))
    }

    /// What is known of a creator beyond its streams, for the store.
    pub(super) fn learning(&self, creator: CreatorIndex) -> Option<String> {
        let Mode::Learned(learned) = &self.mode else {
            return None;
        };
        serde_json::to_string(&learned.learning(creator)?).ok()
    }

    /// What is known of all creators together, for the store.
    pub(super) fn population(&self) -> Option<String> {
        let Mode::Learned(learned) = &self.mode else {
            return None;
        };
        serde_json::to_string(learned.population()).ok()
    }

    /// Whether more credits should be stored ahead before those that are have been used.
    pub(super) fn runs_short(&self) -> bool {
        self.ledger().is_some() && 2 * self.taken >= self.ahead
    }

    /// Spending to store, ahead of its use; the last time, when nothing more will be used, not.
    pub(super) fn spending(&mut self, last: bool) -> Vec<Spent> {
        let ahead = if last {
            0
        } else {
            (2 * self.taken).clamp(AHEAD.0, AHEAD.1)
        };
        let Some(ledger) = self.ledger() else {
            return Vec::new();
        };
        let spending = ledger.to_store(ahead);
        (self.taken, self.ahead) = (0, ahead);
        spending
    }

    /// The spending is durable.
    pub(super) fn stored(&mut self, spending: &[Spent]) {
        let stored = |entry: &Spent| spending.iter().any(|s| s.period == entry.period);
        if let Some(ledger) = self.ledger_mut() {
            // What was drafted before the months changed covers nothing of the present one.
            if ledger.to_store(0).iter().all(stored) {
                ledger.stored(spending);
            }
        }
    }

    /// Moves the price and follows the clocks of other time zones, about once an hour.
    pub(super) fn tick(&mut self, roster: &Roster, now: Now) {
        let due = now.monotonic.saturating_sub(self.ticked) >= TICK;
        let Mode::Learned(learned) = &mut self.mode else {
            return;
        };
        if !due {
            return;
        }
        self.ticked = now.monotonic;
        learned.tick(now.wall);
        for (creator, entry) in roster.all() {
            if settings::depends_on_a_clock(&entry.creator) {
                let settings = settings::of(&entry.creator, &self.polling, now.wall);
                learned.change_creator(creator, &settings);
            }
        }
    }

    /// Credits used and to use in the running month, if there is a budget.
    pub(super) fn used(&self) -> Option<(u64, u64)> {
        let ledger = self.ledger()?;
        Some((ledger.spent(), ledger.budget()))
    }

    /// Why the budget is spent, for a person.
    pub(super) fn spent(&self) -> String {
        self.ledger().map_or_else(String::new, |ledger| {
            let (used, budget) = (ledger.spent(), ledger.budget());
            format!(
                "{used} of {budget} credits are used; polls go on at {}",
                ledger.renews_at()
            )
        })
    }

    /// What is believed of a creator, if anything is learned.
    pub(super) fn portrait(&self, creator: CreatorIndex, now: Timestamp) -> Option<Portrait> {
        match &self.mode {
            Mode::Learned(learned) => learned.portrait(creator, now),
            Mode::Fixed(_) => None,
        }
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        match &self.mode {
            Mode::Fixed(ledger) => ledger.as_deref(),
            Mode::Learned(learned) => Some(learned.ledger()),
        }
    }

    fn ledger_mut(&mut self) -> Option<&mut Ledger> {
        match &mut self.mode {
            Mode::Fixed(ledger) => ledger.as_deref_mut(),
            Mode::Learned(learned) => Some(learned.ledger_mut()),
        }
    }
}

/// A credit, if there is one.
fn draw(ledger: &mut Ledger, now: Timestamp) -> Admission {
    match ledger.take(now) {
        Some(taken) => Admission::Granted(Credit(Some(taken))),
        None if ledger.left() == 0 => {
            let renewal = ledger.renews_at().since(now);
            Admission::Refused(renewal.min(SPENT), Refusal::Exhausted)
        }
        None => Admission::Refused(UNSTORED, Refusal::Unstored),
    }
}

/// What a poll made of a creator, in the schedule's words.
fn outcome_of(state: &CreatorState) -> Outcome {
    match state.live() {
        Some(_) if state.is_ending() => Outcome::Ending,
        Some(live) => Outcome::Live {
            began: live.began_at(),
        },
        None => Outcome::Offline,
    }
}

#[cfg(test)]
mod tests;
