//! What sweeps said of one creator, and the chance that it is live unseen that is left of it.
//!
//! A flag works for a stream or it does not: a stream passed over once is passed over again.
//! So two chances are kept, as if nothing but polls were known: of a stream begun before the
//! last sweep and of one begun since. Recall weighs them when asked, and may change.

use crate::schedule::allocation::Believed;
use crate::schedule::week::Moment;

/// A creator's flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::schedule) enum Flag {
    #[default]
    Down,
    Up,
    /// Up when a poll said "not live": no news until it has been down.
    Stale,
}

/// What sweeps said of one creator.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::schedule) struct Sight {
    /// The chance of a stream from before the last sweep, at `at`.
    passed_over: f32,
    /// The chance of one begun since, or too late for that sweep to show, at `at`.
    fresh: f32,
    /// The last sweep or certain poll.
    pub(in crate::schedule) at: Moment,
    pub(in crate::schedule) flag: Flag,
    /// The last sweep, and the one before.
    pub(in crate::schedule) swept: Option<Moment>,
    pub(in crate::schedule) swept_before: Option<Moment>,
    /// How much was foretold when the flag went up.
    pub(in crate::schedule) class: u8,
    /// When the running stream last had a flag.
    pub(in crate::schedule) shown: Option<Moment>,
    /// The running stream was found before any sweep could show it.
    pub(in crate::schedule) untested: bool,
    /// The last sweep showed no flag on a stream that had one.
    pub(in crate::schedule) missed: bool,
    /// A poll is wanted at once.
    pub(in crate::schedule) hinted: bool,
}

impl Sight {
    /// What is believed of the creator after sweeps and a certain answer at `answered`.
    pub(in crate::schedule) fn believed(&self, answered: Moment, recall: f32) -> Believed {
        Believed {
            at: self.at.max(answered),
            chance: (1.0 - recall) * self.passed_over + self.fresh,
        }
    }

    /// The same of a stream that the next sweep could show.
    pub(in crate::schedule) fn unseen(&self, answered: Moment) -> Believed {
        Believed {
            at: self.at.max(answered),
            chance: self.fresh,
        }
    }

    /// The chance of a stream that the last sweep could not show, at `at`.
    pub(in crate::schedule) fn fresh(&self) -> f32 {
        self.fresh
    }

    /// The chance at `now` of a stream from before the last sweep.
    pub(in crate::schedule) fn passed_over(&self, now: Moment, mean: f32) -> f32 {
        self.passed_over * (-now.minutes_since(self.at) / mean).exp()
    }

    /// Time has passed: `fresh` is the chance of a stream begun since the last sweep.
    pub(in crate::schedule) fn pass(&mut self, fresh: f32, mean: f32, now: Moment) {
        (self.passed_over, self.fresh) = (self.passed_over(now, mean), fresh);
        self.at = now;
    }

    /// No flag, of which `late` is too young to be shown: Bayes' rule for a flag that works for
    /// a share `recall` of all streams, `q (1 - r) / (1 - r q)`.
    pub(in crate::schedule) fn pass_over(&mut self, late: f32, recall: f32) {
        let shown = (self.fresh - late).max(0.0);
        self.passed_over = ((self.passed_over + shown) / (1.0 - recall * shown).max(1e-3)).min(1.0);
        self.fresh = late.min(self.fresh);
    }

    /// A poll at `now` knows for certain.
    pub(in crate::schedule) fn settle(&mut self, now: Moment) {
        (self.passed_over, self.fresh, self.at) = (0.0, 0.0, now);
        (self.hinted, self.missed) = (false, false);
    }
}
