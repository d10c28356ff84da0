//! Schedule and budget under another configuration: what was learnt and spent stays.
//!
//! The ledger outlives every change of the schedule. A schedule of another kind is made anew
//! from the roster and the store; anything less is changed in place.

use std::time::Duration;

use super::past::{self, Memory, Past};
use super::{Mode, Now, Planner, settings};
use crate::config::{Budget, Config, Polling, ScheduleKind};
use crate::daemon::poller::roster::{Changes, Roster};
use crate::schedule::learned::Learned;
use crate::schedule::ledger::{Ledger, Renewal};

impl Planner {
    /// Whether `budget` is as large as the one that holds and is renewed with it.
    pub(in crate::daemon::poller) fn keeps_to(&self, budget: Option<Budget>) -> bool {
        let plan = |budget: Budget| (budget.credits_per_month, budget.renews_on);
        self.budget.map(plan) == budget.map(plan)
    }

    /// Takes over `config`, in which the roster's `changes` are done already; `past` is what
    /// the store knows. Whether everybody is to be planned anew.
    pub(in crate::daemon::poller) fn reload(
        &mut self,
        config: &Config,
        (roster, changes): (&Roster, &Changes),
        past: Past,
        now: Now,
    ) -> bool {
        let anew = self.budget != config.budget || paces(&self.polling) != paces(&config.polling);
        self.polling = config.polling.clone();
        let before = std::mem::replace(&mut self.budget, config.budget);
        let budget = config
            .budget
            .filter(|_| config.polling.schedule == ScheduleKind::Learned);
        self.mode = match (std::mem::replace(&mut self.mode, Mode::Fixed(None)), budget) {
            (Mode::Learned(mut learned), Some(budget)) => {
                if before != Some(budget) {
                    change_plan(learned.ledger_mut(), budget, now);
                }
                learned.change_options(past::options(&config.polling, budget));
                change_creators(&mut learned, (roster, changes), (past, config), now);
                if anew || !changes.is_empty() {
                    past::replan(&mut learned, now.wall);
                }
                Mode::Learned(learned)
            }
            (mode, learning) => {
                let ledger = config
                    .budget
                    .map(|budget| carried_on(mode.into_ledger(), (before, budget), &past, now));
                match (learning, ledger) {
                    (Some(budget), Some(ledger)) => Mode::Learned(Box::new(past::learned(
                        config,
                        budget,
                        ledger,
                        (roster, past),
                        now.wall,
                    ))),
                    (_, ledger) => Mode::Fixed(ledger.map(Box::new)),
                }
            }
        };
        anew
    }

    /// Another key, another account.
    pub(in crate::daemon::poller) fn forget_account(&mut self) {
        if let Some(ledger) = self.ledger_mut() {
            ledger.forget_account();
        }
    }
}

impl Mode {
    fn into_ledger(self) -> Option<Ledger> {
        match self {
            Self::Fixed(ledger) => ledger.map(|ledger| *ledger),
            Self::Learned(learned) => Some(learned.ledger().clone()),
        }
    }
}

/// What decides everybody's waits.
fn paces(polling: &Polling) -> (ScheduleKind, [Duration; 4], [Option<Duration>; 2]) {
    (
        polling.schedule,
        [
            polling.interval,
            polling.live_interval,
            polling.min_interval,
            polling.confirm_after,
        ],
        [polling.longest_live_wait, polling.max_interval],
    )
}

/// The books under `budget`: those that were kept, else those of the store.
fn carried_on(
    kept: Option<Ledger>,
    (before, budget): (Option<Budget>, Budget),
    past: &Past,
    now: Now,
) -> Ledger {
    match kept {
        Some(mut ledger) => {
            if before != Some(budget) {
                change_plan(&mut ledger, budget, now);
            }
            ledger
        }
        None => past::ledger(budget, &past.spending, now.wall),
    }
}

fn change_plan(ledger: &mut Ledger, budget: Budget, now: Now) {
    let renewal = Renewal::DayOfMonth(budget.renews_on);
    ledger.set_plan(budget.credits_per_month, renewal, now.wall);
}

fn change_creators(
    learned: &mut Learned,
    (roster, changes): (&Roster, &Changes),
    (past, config): (Past, &Config),
    now: Now,
) {
    let mut memory = Memory::new(past.learning, past.streams);
    for &creator in &changes.gone {
        learned.remove_creator(creator);
    }
    for &creator in &changes.new {
        let known = (creator, roster.entry(creator));
        memory.take_in(learned, known, &config.polling, now.wall);
    }
    for (creator, entry) in roster.all() {
        // Everybody's, since the file's defaults are part of each creator's settings.
        let settings = settings::of(&entry.creator, &config.polling, now.wall);
        learned.change_creator(creator, &settings);
    }
}
