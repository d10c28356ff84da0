//! How far flags can be trusted: recall, false flags and lag, learned from certain answers.
//!
//! Counting found streams alone would count a flagged one always and a missed one seldom; and
//! the fewer polls a high recall leaves, the higher it would seem. So a missed stream that a
//! poll finds is held against the flagged ones that the same poll would have found, had they
//! been missed: what the rhythm foretells there, times what came true where it foretold as
//! much and a sweep looked. A rhythm foretells too much where it foretells most.

use serde::{Deserialize, Serialize};

/// Upper bounds of a stream's age at a sweep, in minutes; an older stream without a flag is
/// evidence against recall, not of a lag.
const AGES: [f32; LAGS] = [0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 13.0, 20.0];
const LAGS: usize = 9;
/// Certain cases after which the trial is over.
const TRIAL_CASES: f64 = 20.0;
/// Expected streams after which evidence is worth half: the provider may mend or break the flag.
const HALF_LIFE: f64 = 30.0;
/// Upper bounds of a forecast's class, in mean intensities of the creator.
const FORETOLD: [f32; CLASSES - 1] = [0.7, 1.5, 4.0];
const CLASSES: usize = 4;
/// Streams that the prior of one half is worth, and that of a forecast being right.
const PRIOR: f64 = 1.0;
/// Creators passed over after which evidence of false flags is worth half.
const FALSE_HALF_LIFE: f64 = 20_000.0;
/// One false flag in 500, worth 250.
const FALSE_PRIOR: (f64, f64) = (0.5, 250.0);
/// Cases that a live creator keeps its flag from sweep to sweep: 19 in 20, worth ten.
const KEPT_PRIOR: (f64, f64) = (9.5, 10.0);
const KEPT_HALF_LIFE: f64 = 40.0;
/// What each class of ages is worth before anything was seen: no lag.
const LAG_PRIOR: f64 = 0.5;
const LAG_HALF_LIFE: f64 = 40.0;

/// Events against chances for them, both decayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Ratio {
    events: f64,
    chances: f64,
}

impl Ratio {
    fn count(&mut self, events: f64, chances: f64, half_life: f64) {
        let decay = (-chances / half_life).exp2();
        self.events = self.events * decay + events;
        self.chances = self.chances * decay + chances;
    }

    /// With a prior of so many events in so many chances.
    fn mean(&self, prior: (f64, f64)) -> f64 {
        (self.events + prior.0) / (self.chances + prior.1)
    }
}

/// What a creator's rhythm says at a time.
#[derive(Debug, Clone, Copy)]
pub(in crate::schedule) struct Foretold {
    /// The chance of a stream that a sweep or poll could find.
    pub(in crate::schedule) expected: f32,
    /// The intensity of starts there, in mean intensities.
    pub(in crate::schedule) relative: f32,
}

impl Foretold {
    pub(in crate::schedule) fn class(self) -> usize {
        FORETOLD
            .iter()
            .filter(|&&bound| self.relative >= bound)
            .count()
    }
}

/// What is known of an account's flags. Plain numbers, to be stored as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// Streams found by a flag, against all expected between two sweeps, by class.
    flagged: [Ratio; CLASSES],
    /// Streams expected at polls if all had been passed over by sweeps, by class.
    passed_over: [f64; CLASSES],
    /// Streams found by polls that sweeps had passed over.
    missed: f64,
    /// Streams flagged that were known before a sweep could show them.
    known: f64,
    /// Creators known live that had a flag and kept it.
    kept: Ratio,
    /// Flags on creators that were not live, against creators without a stream.
    wrong: Ratio,
    /// By age at the sweep: flags seen, of streams that had one sooner or later.
    by_age: [Ratio; LAGS],
    cases: f64,
}

impl Trust {
    /// The chance that a live creator is flagged.
    pub fn recall(&self) -> f32 {
        let (shown, missed) = self.evidence();
        narrow(shown / (shown + missed))
    }

    /// One standard deviation of [`Trust::recall`], as of a share of so many cases.
    pub fn uncertainty(&self) -> f32 {
        let recall = f64::from(self.recall());
        let (shown, missed) = self.evidence();
        narrow((recall * (1.0 - recall) / (shown + missed + PRIOR)).sqrt())
    }

    /// Streams that flags show and that they do not, where polls found the latter; with half a
    /// stream each to begin with, of which flags lose theirs if nothing comes of them.
    fn evidence(&self) -> (f64, f64) {
        let all = self
            .flagged
            .iter()
            .fold(Ratio::default(), |sum, class| Ratio {
                events: sum.events + class.events,
                chances: sum.chances + class.chances,
            });
        let all = all.mean((PRIOR, PRIOR));
        let shown = |(foretold, class): (&f64, &Ratio)| foretold * class.mean((PRIOR * all, PRIOR));
        let shown: f64 = self.passed_over.iter().zip(&self.flagged).map(shown).sum();
        let shown = shown + (self.known + PRIOR / 2.0) * all.min(1.0);
        (shown, self.missed + PRIOR / 2.0)
    }

    /// The chance that a creator who is not live is flagged.
    pub fn false_flags(&self) -> f32 {
        narrow(self.wrong.mean(FALSE_PRIOR))
    }

    /// The chance that a live creator with a flag has it at the next sweep too.
    pub fn kept(&self) -> f32 {
        narrow(self.kept.mean(KEPT_PRIOR))
    }

    /// Mean minutes from a start to its flag.
    pub fn lag(&self) -> f32 {
        let widths = AGES
            .iter()
            .zip([0.0].iter().chain(&AGES))
            .map(|(to, from)| to - from);
        let unseen = self
            .by_age
            .iter()
            .map(|age| 1.0 - narrow(age.mean((LAG_PRIOR, LAG_PRIOR))));
        widths
            .zip(unseen)
            .map(|(width, unseen)| width * unseen)
            .sum()
    }

    /// Whether too few certain cases are in to spend more than a trial's worth.
    pub fn is_on_trial(&self) -> bool {
        self.cases < TRIAL_CASES
    }

    /// A sweep came to a creator with so much of a stream foretold.
    pub(in crate::schedule) fn expect_flags(&mut self, foretold: Foretold) {
        let expected = f64::from(foretold.expected);
        self.flagged[foretold.class()].count(0.0, expected, HALF_LIFE / CLASSES as f64);
        self.wrong.count(0.0, 1.0, FALSE_HALF_LIFE);
    }

    /// A poll came to a creator that sweeps had passed over.
    pub(in crate::schedule) fn expect_passed_over(&mut self, foretold: Foretold) {
        let expected = f64::from(foretold.expected);
        self.fade(expected);
        self.passed_over[foretold.class()] += expected;
    }

    /// A flag was right, where a sweep found this `class` foretold.
    pub(in crate::schedule) fn flag_was_right(&mut self, class: u8) {
        self.flagged[usize::from(class).min(CLASSES - 1)].events += 1.0;
        self.cases += 1.0;
    }

    /// Evidence of recall fades as new comes in.
    fn fade(&mut self, more: f64) {
        let decay = (-more / HALF_LIFE).exp2();
        self.passed_over
            .iter_mut()
            .for_each(|class| *class *= decay);
        (self.missed, self.known) = (self.missed * decay, self.known * decay);
    }

    /// A flag was wrong.
    pub(in crate::schedule) fn flag_was_wrong(&mut self) {
        self.wrong.events += 1.0;
    }

    /// A stream was found that a sweep had passed over.
    pub(in crate::schedule) fn was_passed_over(&mut self) {
        self.missed += 1.0;
        self.cases += 1.0;
    }

    /// A stream known before any sweep came to it was flagged.
    pub(in crate::schedule) fn known_stream_flagged(&mut self) {
        self.fade(1.0);
        self.known += 1.0;
        self.cases += 1.0;
    }

    /// A stream known before any sweep came to it was not flagged, and ran with this `chance`.
    pub(in crate::schedule) fn known_stream_missed(&mut self, chance: f32) {
        let chance = f64::from(chance);
        self.fade(chance);
        self.missed += chance;
        self.cases += chance;
    }

    /// A live creator kept its flag, or lost it while live.
    pub(in crate::schedule) fn flag_was_kept(&mut self, kept: bool) {
        self.kept
            .count(if kept { 1.0 } else { 0.0 }, 1.0, KEPT_HALF_LIFE);
    }

    /// A stream of `age` minutes, flagged sooner or later, was flagged then or not.
    pub(in crate::schedule) fn seen_at_age(&mut self, age: f32, flagged: bool) {
        let class = AGES.iter().position(|&to| age < to);
        if let Some(class) = class.and_then(|class| self.by_age.get_mut(class)) {
            class.count(if flagged { 1.0 } else { 0.0 }, 1.0, LAG_HALF_LIFE);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "beliefs are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
