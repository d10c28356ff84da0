//! Sweeps beside polls: when a page is due, whether it may start, what its answer changes.
//!
//! A sweep competes with polls for the same credits at the same price. Until enough certain
//! cases are in, and again when flags prove worthless, it gets a small share of the budget.

use std::time::Duration;

use super::creator::{Claim, Creator, Phase, claim_of};
use super::witness::Swept;
use super::{CreatorIndex, Learned, Permit, REFUSED_WAITS, Refusal, minutes, refused};
use crate::domain::Timestamp;
use crate::schedule::NextPoll;
use crate::schedule::allocation::{Believed, grown};
use crate::schedule::sweep::PageIndex;
use crate::schedule::sweep::page::{Hidden, Shown, Terms, worth_in};
use crate::schedule::sweep::trust::Trust;
use crate::schedule::week::Moment;
/// The share of the budget for sweeps, and polls by their flags, until the trial is over.
const TRIAL_SHARE: f64 = 0.02;
/// The share for probes of a worthless flag.
const PROBE_SHARE: f64 = 0.005;
/// How far ahead a sweep is planned, in minutes; then the question is asked again.
const HORIZON: f32 = 60.0;
/// Never two sweeps of a page closer than this, in minutes.
const LEAST_GAP: f32 = 1.0 + 1.0 / 60.0;
/// The same during the trial: its few sweeps shall each meet streams that the last did not.
const TRIAL_GAP: f32 = 45.0;

/// The pages, and what is known of their flags.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    pub(super) trust: Trust,
    pages: Vec<Page>,
    /// Credits of the trial used in the period that ends then.
    trial: (Option<Timestamp>, f64),
}

#[derive(Debug, Default)]
struct Page {
    members: Vec<CreatorIndex>,
    /// The last sweep that was allowed to start.
    swept: Option<Moment>,
    /// That sweep was no bargain: it asks what flags are worth.
    probing: bool,
}

impl Learned {
    /// Who was on `page` when it was last read; read anew with each sweep.
    pub fn set_page(&mut self, page: PageIndex, members: &[CreatorIndex]) {
        let pages = &mut self.sweeps.pages;
        if pages.len() <= page as usize {
            pages.resize_with(page as usize + 1, Page::default);
        }
        pages[page as usize].members = members.to_vec();
    }

    /// What is known of the flags.
    pub fn trust(&self) -> &Trust {
        &self.sweeps.trust
    }

    /// Puts back what was known of the flags.
    pub fn restore_trust(&mut self, trust: Trust) {
        self.sweeps.trust = trust;
    }

    /// How long until `page` is due; zero if it is now. What is planned later than an hour
    /// from now is asked again then.
    pub fn next_sweep(&self, page: PageIndex, now: Timestamp) -> Duration {
        let Some(page) = self.sweeps.pages.get(page as usize) else {
            return minutes(HORIZON);
        };
        let now = Moment::from(now);
        let Some(swept) = page.swept else {
            return Duration::ZERO;
        };
        let since = now.minutes_since(swept.min(now));
        let probe = self.probe_gap() - since;
        let worth = self.worth(page, now, HORIZON).unwrap_or(HORIZON);
        let least = if self.sweeps.trust.is_on_trial() {
            TRIAL_GAP
        } else {
            LEAST_GAP
        };
        minutes(worth.min(probe).max(least - since).max(0.0))
    }

    /// Whether a sweep of `page` that is due may start; counts its credit if so.
    pub fn may_sweep(&mut self, page: PageIndex, now: Timestamp) -> Permit {
        self.ledger.roll(now);
        let wait = self.next_sweep(page, now);
        if wait > Duration::ZERO {
            return Permit::Refused {
                wait,
                refusal: Refusal::TooSoon,
            };
        }
        self.take_for_page(page, now)
    }

    /// Whether `page` may be read now to learn who is on it, whatever its flags are worth; counts
    /// its credit if so, and that as a sweep.
    pub fn may_read(&mut self, page: PageIndex, now: Timestamp) -> Permit {
        self.ledger.roll(now);
        let moment = Moment::from(now);
        let known = self.sweeps.pages.get(page as usize);
        let swept = known.and_then(|page| page.swept);
        let early = swept.map(|swept| LEAST_GAP - moment.minutes_since(swept.min(moment)));
        if let Some(early) = early.filter(|early| *early > 0.0) {
            return refused(early, Refusal::TooSoon);
        }
        self.take_for_page(page, now)
    }

    /// A credit for a page that is due.
    fn take_for_page(&mut self, page: PageIndex, now: Timestamp) -> Permit {
        if let Some((wait, refusal)) = self.shortage(Claim::Ordinary, now) {
            return refused(wait, refusal);
        }
        let trial = self.sweeps.trust.is_on_trial();
        if trial && !self.pay_trial() {
            return refused(REFUSED_WAITS.1, Refusal::Trial);
        }
        let Some(taken) = self.ledger.take(now) else {
            return refused(REFUSED_WAITS.0, Refusal::Unstored);
        };
        let moment = Moment::from(now);
        let probing = trial
            || self
                .sweeps
                .pages
                .get(page as usize)
                .is_none_or(|page| self.worth(page, moment, 2.0).is_none());
        if let Some(page) = self.sweeps.pages.get_mut(page as usize) {
            (page.swept, page.probing) = (Some(moment), probing);
        }
        Permit::Granted(taken)
    }

    /// Takes a page's answer: who is on it, and who is flagged. Says when to poll each of them
    /// now. A page that failed, or says nothing of anybody, is not to be handed in.
    pub fn after_sweep(
        &mut self,
        page: PageIndex,
        answer: &[(CreatorIndex, bool)],
        now: Timestamp,
    ) -> Vec<(CreatorIndex, NextPoll)> {
        // A page without anybody says nothing of anybody, and nothing of who was on it.
        if answer.is_empty() {
            return Vec::new();
        }
        let members: Vec<_> = answer.iter().map(|&(creator, _)| creator).collect();
        self.set_page(page, &members);
        let probing = self.sweeps.pages[page as usize].probing;
        for &(creator, flagged) in answer {
            let hinted = self.take_flag(creator, flagged, probing, now);
            if hinted && self.sweeps.trust.is_on_trial() {
                self.sweeps.trial.1 += 1.0;
            }
        }
        members
            .into_iter()
            .filter_map(|creator| {
                let next = self.next_poll(creator, now);
                let one = self.creators.get_mut(creator as usize)?;
                one.claim = claim_of(next.reason);
                Some((creator, next))
            })
            .collect()
    }

    fn take_flag(
        &mut self,
        creator: CreatorIndex,
        flagged: bool,
        probing: bool,
        now: Timestamp,
    ) -> bool {
        let Some(one) = self.creators.get(creator as usize) else {
            return false;
        };
        let swept = Swept {
            now: now.into(),
            flagged,
            price: self.price_of(one, one.rhythm.mean_duration(&self.population)),
            end_weight: self.end_weight(),
            probing,
        };
        let Self {
            creators,
            population,
            sweeps,
            ..
        } = self;
        creators
            .get_mut(creator as usize)
            .is_some_and(|one| one.sweep(&mut sweeps.trust, population, swept))
    }

    /// Counts a credit of the trial; `false` if there is none.
    fn pay_trial(&mut self) -> bool {
        let renews = self.ledger.renews_at();
        let trial = &mut self.sweeps.trial;
        if trial.0 != Some(renews) {
            *trial = (Some(renews), 0.0);
        }
        if trial.1 + 1.0 > TRIAL_SHARE * self.ledger.budget() as f64 {
            return false;
        }
        trial.1 += 1.0;
        true
    }

    /// Minutes between sweeps of a page that are made whatever they are worth.
    fn probe_gap(&self) -> f32 {
        let a_minute = self.ledger.budget() as f64 / self.ledger.period_minutes();
        #[expect(clippy::cast_possible_truncation, reason = "minutes")]
        let gap = (self.sweeps.pages.len() as f64 / (PROBE_SHARE * a_minute).max(1e-9)) as f32;
        gap
    }

    /// Minutes until a sweep of `page` is worth its credit.
    fn worth(&self, page: &Page, now: Moment, horizon: f32) -> Option<f32> {
        let trust = &self.sweeps.trust;
        let mut hidden = Vec::with_capacity(page.members.len());
        let mut shown = Shown::default();
        let watched = page
            .members
            .iter()
            .filter_map(|&creator| self.creators.get(creator as usize));
        for one in watched.filter(|one| one.watched) {
            match one.phase {
                Phase::Offline => hidden.push(self.hidden(one, now)),
                Phase::Live { began, seen, .. } => {
                    self.add_shown(&mut shown, one, (began, seen), now);
                }
                Phase::Unknown | Phase::Ending { .. } => {}
            }
        }
        let terms = Terms {
            recall: trust.recall(),
            lag: trust.lag(),
            false_flags: trust.false_flags(),
            price: self.controller.price(),
        };
        worth_in(&mut hidden, shown, terms, now, horizon)
    }

    fn hidden<'a>(&'a self, one: &'a Creator, now: Moment) -> Hidden<'a> {
        let mean = one.rhythm.mean_duration(&self.population);
        let hours = one.settings.hours();
        let (answered, sight) = (one.answered.unwrap_or(now), one.sight.as_deref());
        let nothing = Believed::nothing(answered);
        let from = sight.map_or(nothing, |sight| sight.unseen(answered));
        let then = one.rhythm.outlook(&self.population, hours, from.at);
        let minutes = now.minutes_since(from.at);
        Hidden {
            chance: grown(&then, from, mean, minutes),
            outlook: one.rhythm.outlook(&self.population, hours, now),
            weight: one.settings.priority,
            mean,
        }
    }

    fn add_shown(&self, all: &mut Shown, one: &Creator, stream: (Moment, Moment), now: Moment) {
        let Some(flagged) = one.sight.as_deref().and_then(|sight| sight.shown) else {
            return;
        };
        let mean = one.rhythm.mean_duration(&self.population);
        let rate = self
            .population
            .hazard(stream.1.minutes_since(stream.0) / mean)
            / mean;
        let weight = self.end_weight() * self.controller.price() / self.price_of(one, mean);
        let ended = 1.0 - (-rate * now.minutes_since(flagged)).exp();
        all.value += weight * ended;
        all.growth += weight * rate * (1.0 - ended);
        all.limit += weight * rate * mean;
    }
}

#[cfg(test)]
mod tests;
