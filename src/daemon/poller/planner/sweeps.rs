//! Sweeps, as far as schedule and budget are concerned: only the learned schedule has them.

use std::time::Duration;

use super::{Admission, Mode, Planner};
use crate::domain::Timestamp;
use crate::schedule::learned::{Learned, Refusal};
use crate::schedule::sweep::PageIndex;
use crate::schedule::{CreatorIndex, NextPoll};

/// A page without a learned schedule is not asked for again sooner.
const NEVER: Duration = Duration::from_hours(1);

impl Planner {
    /// The learned schedule, if that is the one in force.
    pub(in crate::daemon::poller) fn learned(&self) -> Option<&Learned> {
        match &self.mode {
            Mode::Learned(learned) => Some(learned),
            Mode::Fixed(_) => None,
        }
    }

    /// The same, to change it.
    pub(in crate::daemon::poller) fn learned_mut(&mut self) -> Option<&mut Learned> {
        match &mut self.mode {
            Mode::Learned(learned) => Some(learned),
            Mode::Fixed(_) => None,
        }
    }

    /// Whether `page` may be read: because its flags are worth a credit, or, `in_round`, to learn
    /// who is on it.
    pub(in crate::daemon::poller) fn admit_sweep(
        &mut self,
        page: PageIndex,
        in_round: bool,
        now: Timestamp,
    ) -> Admission {
        let Some(learned) = self.learned_mut() else {
            return Admission::Refused(NEVER, Refusal::TooSoon);
        };
        let permit = if in_round {
            learned.may_read(page, now)
        } else {
            learned.may_sweep(page, now)
        };
        self.counted(permit.into())
    }

    /// Takes who of a page is flagged; when to poll each of them now.
    pub(in crate::daemon::poller) fn after_sweep(
        &mut self,
        page: PageIndex,
        flags: &[(CreatorIndex, bool)],
        now: Timestamp,
    ) -> Vec<(CreatorIndex, NextPoll)> {
        self.learned_mut()
            .map(|learned| learned.after_sweep(page, flags, now))
            .unwrap_or_default()
    }

    /// How long until `page` is worth its credit, an hour at most.
    pub(in crate::daemon::poller) fn next_sweep(
        &self,
        page: PageIndex,
        now: Timestamp,
    ) -> Duration {
        self.learned()
            .map_or(NEVER, |learned| learned.next_sweep(page, now))
    }

    /// The list has `pages` now and had `before`: new ones are empty until read, and nobody is
    /// on those that are gone.
    pub(in crate::daemon::poller) fn keep_pages(&mut self, pages: usize, before: usize) {
        let (from, to) = (pages.min(before), pages.max(before));
        let Some(learned) = self.learned_mut() else {
            return;
        };
        for page in from..to {
            learned.set_page(PageIndex::try_from(page).unwrap_or(PageIndex::MAX), &[]);
        }
    }
}
