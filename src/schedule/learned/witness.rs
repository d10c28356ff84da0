//! What sweeps say of one creator, and what its polls say of sweeps.
//!
//! No flag moves a creator's phase: only polls do. A flag moves beliefs, and asks for a poll.

use super::creator::{Creator, Phase};
use super::settings::Outcome;
use crate::domain::Timestamp;
use crate::schedule::allocation::{Believed, grown};
use crate::schedule::population::Population;
use crate::schedule::rhythm::Span;
use crate::schedule::sweep::sight::{Flag, Sight};
use crate::schedule::sweep::trust::{Foretold, Trust};
use crate::schedule::week::Moment;

/// A stream younger than the lag and this many minutes is no case against recall.
const YOUNG: f32 = 5.0;

/// One sweep, as far as it concerns one creator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Swept {
    pub(super) now: Moment,
    pub(super) flagged: bool,
    /// The creator's price of a poll.
    pub(super) price: f32,
    /// What an unseen end is worth.
    pub(super) end_weight: f32,
    /// Every flag is followed, to learn what flags are worth.
    pub(super) probing: bool,
}

impl Creator {
    /// Takes what a sweep says; whether it asks for a poll.
    pub(super) fn sweep(
        &mut self,
        trust: &mut Trust,
        population: &mut Population,
        swept: Swept,
    ) -> bool {
        match self.phase {
            Phase::Unknown => return false,
            Phase::Offline => self.sweep_offline(trust, population, swept),
            Phase::Live { .. } => self.sweep_live(trust, population, swept),
            Phase::Ending { .. } => {
                let sight = self.sight.get_or_insert_default();
                sight.flag = if swept.flagged { Flag::Up } else { Flag::Down };
            }
        }
        let sight = self.sight.get_or_insert_default();
        (sight.swept_before, sight.swept) = (sight.swept, Some(swept.now));
        sight.hinted
    }

    fn sweep_offline(&mut self, trust: &mut Trust, population: &mut Population, swept: Swept) {
        let Swept { now, flagged, .. } = swept;
        let mean = self.rhythm.mean_duration(population);
        let sight = self.sight.get_or_insert_default();
        sight.at = sight.at.max(self.answered.unwrap_or(now));
        let since = sight.at;
        let outlook = self
            .rhythm
            .outlook(population, self.settings.hours(), since);
        let from = Believed {
            at: since,
            chance: sight.fresh(),
        };
        let minutes = now.minutes_since(since);
        let fresh = grown(&outlook, from, mean, minutes);
        let late = fresh.min(outlook.intensity(now.bin(), minutes) * trust.lag());
        // Over the last mean duration or less: when the streams in question began.
        let recent = outlook.intensity(now.minus_minutes(mean.min(minutes) / 2.0).bin(), minutes);
        let foretold = Foretold {
            expected: fresh - late,
            relative: recent / outlook.rate.max(1e-12),
        };
        sight.pass(fresh, mean, now);
        match (flagged, sight.flag) {
            (true, Flag::Stale) => {}
            (true, before) => {
                sight.flag = Flag::Up;
                sight.hinted |= swept.probing || likely(trust, foretold.expected) >= swept.price;
                if sight.hinted && before == Flag::Down {
                    trust.expect_flags(foretold);
                    sight.class = u8::try_from(foretold.class()).unwrap_or(u8::MAX);
                }
            }
            (false, _) => {
                (sight.flag, sight.hinted) = (Flag::Down, false);
                trust.expect_flags(foretold);
                sight.pass_over(late, trust.recall());
                let span = Span {
                    since: Some(since),
                    now,
                    share: trust.recall(),
                };
                self.rhythm
                    .expose(population, self.settings.hours(), span, None);
            }
        }
    }

    fn sweep_live(&mut self, trust: &mut Trust, population: &Population, swept: Swept) {
        let Swept { now, flagged, .. } = swept;
        let mean = self.rhythm.mean_duration(population);
        let Phase::Live { began, seen, .. } = &mut self.phase else {
            return;
        };
        let sight = self.sight.get_or_insert_default();
        if flagged {
            if sight.untested {
                was_shown(trust, *began, (sight.swept, now));
                trust.known_stream_flagged();
            } else if sight.shown.is_some() && sight.flag == Flag::Up {
                trust.flag_was_kept(true);
            }
            (sight.flag, sight.shown, sight.untested) = (Flag::Up, Some(now), false);
            (sight.missed, sight.hinted) = (false, false);
            *seen = now.minus_minutes(trust.lag()).max(*seen);
            return;
        }
        sight.flag = Flag::Down;
        let running = {
            let age = seen.minutes_since(*began) / mean;
            let since = sight.shown.map_or(*seen, |shown| shown.max(*seen));
            (-population.hazard(age) * now.minutes_since(since) / mean).exp()
        };
        if sight.shown.is_some() {
            sight.missed = true;
            let lost = running * (1.0 - trust.kept());
            let ended = (1.0 - running) / (1.0 - running + lost).max(1e-6);
            sight.hinted |= ended * swept.end_weight >= swept.price;
        } else if sight.untested && now.minutes_since(*began) >= trust.lag() + YOUNG {
            // Of those without a flag, some have ended: waiting for a poll to tell which would
            // count the longest streams only.
            let missed = running * (1.0 - trust.recall());
            trust.known_stream_missed(missed / (missed + 1.0 - running).max(1e-6));
            sight.untested = false;
        }
    }

    /// What a poll's outcome says of the flags before it; to be called before it is taken.
    pub(super) fn testify(
        &mut self,
        trust: &mut Trust,
        population: &Population,
        outcome: Outcome,
        now: Moment,
    ) {
        let mean = self.rhythm.mean_duration(population);
        let Some(sight) = self.sight.as_deref_mut() else {
            return;
        };
        match (self.phase, outcome) {
            (_, Outcome::Unclear(_))
            | (Phase::Live { .. } | Phase::Ending { .. }, Outcome::Ending) => {}
            (Phase::Unknown | Phase::Offline, outcome) => {
                if sight.flag == Flag::Down {
                    let outlook = self.rhythm.outlook(population, self.settings.hours(), now);
                    let recent = outlook.intensity(now.minus_minutes(mean / 2.0).bin(), 0.0);
                    trust.expect_passed_over(Foretold {
                        expected: sight.passed_over(now, mean),
                        relative: recent / outlook.rate.max(1e-12),
                    });
                }
                match outcome {
                    Outcome::Live { began } => sight.found(trust, Moment::from(began).min(now)),
                    _ => sight.not_found(trust),
                }
            }
            (
                Phase::Live { began, .. } | Phase::Ending { began, .. },
                Outcome::Live { began: word },
            ) => {
                sight.still_live(trust, began, word);
            }
            (Phase::Live { .. } | Phase::Ending { .. }, Outcome::Offline) => sight.gone(),
        }
    }
}

/// The chance that a flag on a creator who is live with the chance `chance` is right.
fn likely(trust: &Trust, chance: f32) -> f32 {
    let right = trust.recall() * chance;
    right / (right + trust.false_flags() * (1.0 - chance)).max(1e-9)
}

/// The stream begun at `began` was flagged at the second sweep and not at the first.
fn was_shown(trust: &mut Trust, began: Moment, sweeps: (Option<Moment>, Moment)) {
    trust.seen_at_age(sweeps.1.minutes_since(began), true);
    if let Some(before) = sweeps.0.filter(|&before| before > began) {
        trust.seen_at_age(before.minutes_since(began), false);
    }
}

impl Sight {
    fn found(&mut self, trust: &mut Trust, began: Moment) {
        (self.shown, self.untested) = (None, false);
        let ripe = began.plus_minutes(trust.lag() + YOUNG);
        match (self.flag, self.swept) {
            (Flag::Up, Some(swept)) if swept >= began => {
                trust.flag_was_right(self.class);
                was_shown(trust, began, (self.swept_before, swept));
                self.shown = Some(swept);
            }
            (Flag::Down, Some(swept)) if swept >= ripe => trust.was_passed_over(),
            _ => self.untested = true,
        }
    }

    fn not_found(&mut self, trust: &mut Trust) {
        if self.flag == Flag::Up {
            trust.flag_was_wrong();
            self.flag = Flag::Stale;
        }
    }

    fn still_live(&mut self, trust: &mut Trust, began: Moment, word: Timestamp) {
        if Moment::from(word) > began {
            (self.shown, self.untested) = (None, true);
        } else if self.missed && self.shown.is_some() {
            trust.flag_was_kept(false);
            self.shown = None;
        }
    }

    fn gone(&mut self) {
        (self.shown, self.untested) = (None, false);
        if self.flag == Flag::Up {
            self.flag = Flag::Stale;
        }
    }
}
