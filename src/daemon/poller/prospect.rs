//! What the configured schedule will cost and bring, by all that is stored: for `check`, `plan`
//! and `GET /api/v1/plan`.
//!
//! It rebuilds the schedule as a start of the daemon would, and polls nobody. Plain
//! computation of up to about a second: a web handler runs it beside its loops.

use std::time::Duration;

use serde::Serialize;

use super::core::trust_of;
use super::planner::{Past, past};
use super::roster::Roster;
use super::settings;
use crate::config::{Budget, Config, ScheduleKind};
use crate::domain::{Timestamp, Username};
use crate::schedule::forecast::{
    Configured, CreatorReport, List, Market, Question, Report, SweepOffer,
};
use crate::schedule::learned::Learned;
use crate::schedule::plans::cheapest_for;
use crate::schedule::sweep::trust::Trust;
use crate::store::{PastStream, Snapshot};

/// Members of a page of a following list.
const A_PAGE: usize = 30;
/// Recalls that flags may turn out to have, before anything was measured.
const ASSUMED: [f64; 2] = [0.5, 0.95];

/// The schedule as it would start now.
#[derive(Debug)]
pub struct Prospect<'a> {
    config: &'a Config,
    roster: Roster,
    learned: Learned,
    market: Market,
    /// What flags of the configured account are worth, if they were ever put to a trial.
    trust: Option<Trust>,
    now: Timestamp,
}

/// What `plan --json` prints and `GET /api/v1/plan` answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanDocument {
    /// As of when.
    pub at: Timestamp,
    /// The forecast for the whole watchlist.
    pub forecast: Report,
    /// The creator that was asked for.
    pub creator: Option<CreatorPlan>,
}

/// One creator's forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreatorPlan {
    /// Who.
    pub username: Username,
    /// The time zone that its week is told in, if it has one; else UTC.
    pub time_zone: Option<String>,
    /// The forecast.
    pub forecast: CreatorReport,
}

impl<'a> Prospect<'a> {
    /// For what is stored, which is nothing before the first start.
    pub fn new(
        config: &'a Config,
        (snapshot, streams): (Snapshot, Vec<PastStream>),
        now: Timestamp,
    ) -> Self {
        let account = config.sweep.as_ref().map(|sweep| &sweep.account);
        let trust = account.and_then(|account| trust_of(account, snapshot.sweeps.as_deref()));
        let roster = Roster::new(config.creators.clone(), snapshot.creators);
        let past = Past {
            learning: snapshot.learning,
            population: snapshot.population,
            spending: snapshot.spending,
            streams,
        };
        let budget = config.budget.unwrap_or_else(assumed_budget);
        let ledger = past::ledger(budget, &past.spending, now);
        let learned = past::rebuilt(config, budget, ledger, (&roster, past), now);
        let confirmations = config.polling.rules.confirm_offline.saturating_sub(1);
        Self {
            config,
            market: learned.survey(confirmations, now),
            trust: trust.filter(|trust| !trust.is_on_trial()),
            roster,
            learned,
            now,
        }
    }

    /// The forecast for the whole watchlist, with what a mean delay of `want` takes.
    pub fn report(&self, want: Option<Duration>) -> Report {
        self.market.report(&Question {
            configured: self.configured(),
            budget: self.config.budget.map(|budget| budget.credits_per_month),
            want,
        })
    }

    /// The same with what sweeps would make of it, which is most of the work.
    pub fn report_with_sweeps(&self, want: Option<Duration>) -> Report {
        Report {
            sweeps: self.sweeps(),
            ..self.report(want)
        }
    }

    /// The budget with sweeps: at the recall that was measured, else at two that may be.
    fn sweeps(&self) -> Vec<SweepOffer> {
        let Configured::Learned { credits } = self.configured() else {
            return Vec::new();
        };
        let list = |recall| List {
            pages: self.roster.len().div_ceil(A_PAGE).max(1) as u64,
            recall,
            lag: self.trust.map_or(0.0, |trust| f64::from(trust.lag())),
            false_flags: f64::from(self.trust.unwrap_or_default().false_flags()),
        };
        let recalls = self
            .trust
            .map_or(ASSUMED.to_vec(), |trust| vec![f64::from(trust.recall())]);
        let measured = self.trust.is_some();
        let offer = |recall| self.market.with_sweeps(credits, list(recall), measured);
        recalls.into_iter().map(offer).collect()
    }

    /// The forecast for one creator; `None` if it is not on the watchlist.
    pub fn creator(&self, username: &Username) -> Option<CreatorPlan> {
        let index = self.roster.find(username)?;
        let zone = self.roster.entry(index).creator.time_zone.as_ref();
        let offset = zone.map_or(0, |zone| settings::offset(zone, self.now));
        let kind = self.learned.survey_of(index, self.now)?;
        Some(CreatorPlan {
            username: username.clone(),
            time_zone: zone.map(|zone| zone.as_str().to_owned()),
            forecast: self.market.creator(&kind, self.configured(), offset),
        })
    }

    /// Both, as machines read them.
    pub fn document(&self, creator: Option<CreatorPlan>, want: Option<Duration>) -> PlanDocument {
        PlanDocument {
            at: self.now,
            forecast: self.report_with_sweeps(want),
            creator,
        }
    }

    fn configured(&self) -> Configured {
        let polling = &self.config.polling;
        match (polling.schedule, self.config.budget) {
            (ScheduleKind::Learned, Some(budget)) => Configured::Learned {
                credits: budget.credits_per_month,
            },
            _ => Configured::Fixed {
                interval: polling.interval,
                live_interval: polling.live_interval,
            },
        }
    }
}

/// Without a budget none was learned with: the smallest plan stands in.
fn assumed_budget() -> Budget {
    Budget {
        credits_per_month: cheapest_for(1.0).map_or(1, |plan| plan.credits),
        renews_on: 1,
        end_weight: Budget::END_WEIGHT,
    }
}
