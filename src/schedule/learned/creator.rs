//! One creator as the schedule sees it: where it is believed to be, and what is learned of it.
//!
//! It takes outcomes and decides nothing. The tracker's state is the truth; this follows it.

use super::settings::{Compact, Outcome};
use crate::domain::Timestamp;
use crate::schedule::Reason;
use crate::schedule::population::Population;
use crate::schedule::rhythm::{Rhythm, Span};
use crate::schedule::sweep::sight::Sight;
use crate::schedule::week::Moment;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    Unknown,
    Offline,
    Live {
        began: Moment,
        found: Moment,
        seen: Moment,
    },
    Ending {
        began: Moment,
        found: Moment,
        seen: Moment,
        gone: Moment,
    },
}

/// The kinds of polls as the budget sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Made to confirm an answer: as soon as configured.
    Confirm,
    /// Made because a promise says so.
    Promised,
    /// Made because a sweep says that something has changed.
    Hinted,
    /// Made because it is worth a credit.
    Ordinary,
}

#[derive(Debug)]
pub(super) struct Creator {
    pub(super) rhythm: Rhythm,
    pub(super) settings: Compact,
    pub(super) phase: Phase,
    /// The last certain answer.
    pub(super) answered: Option<Moment>,
    /// The last poll that was allowed to start.
    pub(super) polled: Option<Moment>,
    pub(super) claim: Claim,
    pub(super) watched: bool,
    /// What sweeps said; `None` for who is on no page.
    pub(super) sight: Option<Box<Sight>>,
}

impl Creator {
    /// Minutes from `at` until the creator may be polled, if it has strict hours and they are over.
    pub(super) fn opens_in(&self, at: Moment) -> Option<f32> {
        let hours = self
            .settings
            .hours
            .as_deref()
            .filter(|_| self.settings.strict_hours)?;
        let ahead = hours.opens_in(at).filter(|&ahead| ahead > 0.0)?;
        // Moments are whole seconds: one more, so as not to come before the hour.
        Some(ahead + 1.0 / 60.0)
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. } | Phase::Ending { .. })
    }

    /// Least minutes between the starts of two polls; moments are whole seconds, so one more.
    pub(super) fn least_gap(&self) -> f32 {
        self.settings.min_interval + 1.0 / 60.0
    }

    pub(super) fn since_polled(&self, now: Moment) -> f32 {
        self.polled.map_or(f32::MAX, |at| now.minutes_since(at))
    }

    pub(super) fn waited(&self, now: Moment) -> f32 {
        self.answered
            .or(self.polled)
            .map_or(f32::MAX, |at| now.minutes_since(at))
    }

    /// Takes one outcome: learns, and moves the phase on. `recall` is the share of streams that
    /// sweeps since the last outcome would have shown.
    pub(super) fn take(
        &mut self,
        population: &mut Population,
        outcome: Outcome,
        now: Moment,
        recall: f32,
    ) {
        // A start in the future, or long gone, is a stranger's word: keep it within reason.
        let bounded = |at: Timestamp| Moment::from(at).clamp(now.minus_minutes(10_080.0), now);
        let phase = match (self.phase, outcome) {
            (_, Outcome::Unclear(_)) => return,
            (Phase::Unknown | Phase::Offline, Outcome::Live { began }) => {
                let began = bounded(began);
                self.expose(population, now, Some(began), recall);
                self.found(population, began, now)
            }
            (Phase::Unknown | Phase::Offline, _) => {
                self.expose(population, now, None, recall);
                Phase::Offline
            }
            (
                Phase::Live { began, found, .. } | Phase::Ending { began, found, .. },
                Outcome::Live { began: word },
            ) => self.still_live(population, (began, found), bounded(word), now),
            (Phase::Live { began, found, seen }, Outcome::Ending) => Phase::Ending {
                began,
                found,
                seen,
                gone: now,
            },
            (ending @ Phase::Ending { .. }, Outcome::Ending) => ending,
            (Phase::Live { began, found, seen }, Outcome::Offline) => {
                self.rhythm
                    .close(population, began, found, seen.midpoint(now));
                Phase::Offline
            }
            (
                Phase::Ending {
                    began,
                    found,
                    seen,
                    gone,
                },
                Outcome::Offline,
            ) => {
                self.rhythm
                    .close(population, began, found, seen.midpoint(gone));
                Phase::Offline
            }
        };
        self.phase = phase;
        self.answered = Some(now);
        if let Some(sight) = self.sight.as_deref_mut() {
            sight.settle(now);
        }
    }

    fn found(&mut self, population: &mut Population, began: Moment, now: Moment) -> Phase {
        self.rhythm.learn(population, began);
        Phase::Live {
            began,
            found: now,
            seen: now,
        }
    }

    /// The same stream, or a new one that replaced it: a restart, from which no habit is learned.
    fn still_live(
        &mut self,
        population: &mut Population,
        known: (Moment, Moment),
        word: Moment,
        now: Moment,
    ) -> Phase {
        let (began, found) = known;
        if word <= began {
            return Phase::Live {
                began,
                found,
                seen: now,
            };
        }
        let seen = match self.phase {
            Phase::Live { seen, .. } | Phase::Ending { seen, .. } => seen,
            Phase::Unknown | Phase::Offline => began,
        };
        self.rhythm
            .close(population, began, found, seen.midpoint(word.max(seen)));
        Phase::Live {
            began: word,
            found: now,
            seen: now,
        }
    }

    /// The time since the last outcome without a stream, or before the one found.
    fn expose(
        &mut self,
        population: &mut Population,
        now: Moment,
        found: Option<Moment>,
        recall: f32,
    ) {
        let hours = self.settings.hours();
        let since_poll = Span {
            since: self.answered,
            now,
            share: 1.0,
        };
        let swept = self.sight.as_deref().map(|sight| sight.at);
        let Some(swept) = swept.filter(|&at| self.answered.is_some_and(|poll| poll < at)) else {
            return self.rhythm.expose(population, hours, since_poll, found);
        };
        let hidden = Span {
            share: 1.0 - recall,
            ..since_poll
        };
        let since_sweep = Span {
            since: Some(swept),
            now,
            share: recall,
        };
        self.rhythm.expose(population, hours, hidden, None);
        self.rhythm.expose(population, hours, since_sweep, found);
    }
}

pub(super) fn claim_of(reason: Reason) -> Claim {
    match reason {
        Reason::Worth { .. } | Reason::Live | Reason::Retry => Claim::Ordinary,
        Reason::Confirm => Claim::Confirm,
        Reason::Hinted => Claim::Hinted,
        _ => Claim::Promised,
    }
}
