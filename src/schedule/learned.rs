//! The learned schedule: every creator's rhythm, one price, one ledger, behind one surface.
//!
//! The daemon's poller and the judge's policy use it alike. It neither queues nor polls:
//! it says when to poll next and whether a poll may start. No decision allocates; the same
//! inputs give the same answers.

use std::time::Duration;

use super::allocation::{first_worth, live_wait};
use super::controller::Controller;
use super::ledger::{Headers, Ledger, Taken};
pub use super::population::Population;
use super::rhythm::{Hours, Rhythm};
use super::week::{Moment, WeekMask};
use super::{CreatorIndex, NextPoll, Reason};
use crate::domain::Timestamp;
use crate::domain::retry::doubling;

mod memory;
mod plan;
pub use memory::{KnownStream, Learning};
use plan::Plan;

/// What a missed restart adds to the weight of an unseen end.
const RESTART_WEIGHT: f32 = 0.03;
/// How far a creator's mean duration moves its price: a hit on a long stream saves more.
const DURATION_EXPONENT: f32 = 0.7;
/// The wait after an unclear poll; doubles up to the longest.
const AFTER_UNCLEAR: Duration = Duration::from_secs(60);
const LONGEST_AFTER_UNCLEAR: Duration = Duration::from_secs(30 * 60);
/// How far ahead of plan ordinary polls may run, in days.
const MOST_AHEAD: f64 = 0.5;
/// How long a refused poll waits at least, and at most.
const REFUSED_WAITS: (f32, f32) = (1.0, 60.0);

/// What the configuration says about all creators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// A minute of undetected end against a minute of undetected start. Default 0.15.
    pub end_weight: f64,
    /// The longest wait while live, if configured.
    pub live_interval: Option<Duration>,
    /// Before a confirming poll.
    pub confirm_after: Duration,
    /// 0: every stream counts alike; 1: every creator counts alike, however often it streams.
    pub fairness: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            end_weight: 0.15,
            live_interval: None,
            confirm_after: Duration::from_secs(45),
            fairness: 0.0,
        }
    }
}

/// What the configuration says about one creator.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Worth of a minute of this creator against others. Default 1.
    pub priority: f64,
    /// Polled at exactly this interval.
    pub interval: Option<Duration>,
    /// Never two polls closer than this. Default 1 minute.
    pub min_interval: Duration,
    /// Never a longer wait than this.
    pub max_interval: Option<Duration>,
    /// Half hours of the week in which starts are expected; all if `None`.
    pub hours: Option<Box<WeekMask>>,
    /// No poll at all outside `hours`, but of a live stream.
    pub strict_hours: bool,
    /// Offset of the creator's time zone from UTC in minutes, if known.
    pub utc_offset: Option<i16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            priority: 1.0,
            interval: None,
            min_interval: Duration::from_secs(60),
            max_interval: None,
            hours: None,
            strict_hours: false,
            utc_offset: None,
        }
    }
}

/// What a poll made of a creator: the tracker's state after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A stream runs since then, as far as known.
    Live {
        /// When it began.
        began: Timestamp,
    },
    /// "Not live" after live, to be confirmed.
    Ending,
    /// Not live.
    Offline,
    /// So many polls in a row were unclear, at least one.
    Unclear(u32),
}

/// Whether a poll that is due may start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Permit {
    /// Go; hand the credit back to [`Learned::settle`].
    Granted(Taken),
    /// Not now: queue it again after this wait.
    Refused {
        /// From now.
        wait: Duration,
        /// Why.
        refusal: Refusal,
    },
}

/// Why a poll may not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The creator was polled less than its minimal interval ago.
    TooSoon,
    /// Outside the creator's strict hours.
    Closed,
    /// What is left is reserved for creators that would wait longer than promised.
    Reserved,
    /// More than half a day ahead of plan.
    Ahead,
    /// The period's credits are used, or the account's are.
    Exhausted,
    /// The spending must be stored first: [`Ledger::to_store`].
    Unstored,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
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
enum Claim {
    /// Made to confirm an answer: as soon as configured.
    Confirm,
    /// Made because a promise says so.
    Promised,
    /// Made because it is worth a credit.
    Ordinary,
}

#[derive(Debug)]
struct Creator {
    rhythm: Rhythm,
    settings: Compact,
    phase: Phase,
    /// The last certain answer.
    answered: Option<Moment>,
    /// The last poll that was allowed to start.
    polled: Option<Moment>,
    claim: Claim,
    watched: bool,
}

/// [`Settings`] in minutes and half the size.
#[derive(Debug)]
struct Compact {
    priority: f32,
    interval: Option<f32>,
    min_interval: f32,
    max_interval: Option<f32>,
    hours: Option<Box<WeekMask>>,
    strict_hours: bool,
    utc_offset: Option<i16>,
}

/// The learned schedule of all creators.
#[derive(Debug)]
pub struct Learned {
    options: Options,
    creators: Vec<Creator>,
    population: Population,
    ledger: Ledger,
    controller: Controller,
    plan: Plan,
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
            ticked: now,
        }
    }

    /// Adds a creator of which nothing is known; call [`Learned::replan`] after the last one.
    pub fn add_creator(&mut self, settings: &Settings, now: Timestamp) -> CreatorIndex {
        self.creators.push(Creator {
            rhythm: Rhythm::new(now.into()),
            settings: Compact::from(settings),
            phase: Phase::Unknown,
            answered: None,
            polled: None,
            claim: Claim::Promised,
            watched: true,
        });
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
            .map(|c| c.settings.wish());
        self.plan = Plan::new(wishes, &self.ledger);
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
        let left = self.ledger.left();
        #[expect(clippy::cast_possible_truncation, reason = "minutes of a month")]
        let minutes_left = self.ledger.minutes_left(now) as f32;
        if left == 0 {
            return Some((
                minutes_left.clamp(REFUSED_WAITS.0, REFUSED_WAITS.1),
                Refusal::Exhausted,
            ));
        }
        if one.claim != Claim::Ordinary {
            return None;
        }
        if left as f64 <= f64::from(minutes_left) * self.plan.promised_per_minute {
            return Some((REFUSED_WAITS.1, Refusal::Reserved));
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
            one.take(&mut self.population, outcome, now.into());
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

    fn retry(&self, creator: CreatorIndex, failures: u32, random: f64) -> NextPoll {
        let longest = self
            .creators
            .get(creator as usize)
            .map_or(AFTER_UNCLEAR, |one| {
                minutes(self.promised_gap(one)).min(LONGEST_AFTER_UNCLEAR)
            });
        let wait = doubling(failures, AFTER_UNCLEAR.min(longest), longest);
        let least = self
            .creators
            .get(creator as usize)
            .map_or(0.0, Creator::least_gap);
        let wait = wait
            .mul_f64(1.0 + 0.1 * random.clamp(0.0, 1.0))
            .max(minutes(least));
        NextPoll {
            wait,
            reason: Reason::Retry,
        }
    }

    /// When to poll `creator` next by what is known at `now`; learns nothing.
    pub fn next_poll(&self, creator: CreatorIndex, now: Timestamp) -> NextPoll {
        let Some(one) = self.creators.get(creator as usize) else {
            return NextPoll {
                wait: minutes(self.plan.gap),
                reason: Reason::Interval,
            };
        };
        let now = Moment::from(now);
        let (after, reason) = match one.phase {
            Phase::Unknown => {
                return NextPoll {
                    wait: Duration::ZERO,
                    reason: Reason::Newcomer,
                };
            }
            Phase::Ending { .. } => (as_minutes(self.options.confirm_after), Reason::Confirm),
            Phase::Live { began, seen, .. } => (self.live_wait(one, began, seen), Reason::Live),
            Phase::Offline => self.offline_wait(one, one.answered.unwrap_or(now)),
        };
        let elapsed = one.answered.map_or(0.0, |at| now.minutes_since(at));
        let least = if reason == Reason::Confirm {
            0.0
        } else {
            one.least_gap() - one.since_polled(now)
        };
        let wait = (after - elapsed).max(least).max(0.0);
        NextPoll {
            wait: minutes(wait),
            reason,
        }
    }

    fn live_wait(&self, one: &Creator, began: Moment, seen: Moment) -> f32 {
        let mean = one.rhythm.mean_duration(&self.population);
        #[expect(clippy::cast_possible_truncation, reason = "a weight of about one")]
        let weight = self.options.end_weight as f32 + RESTART_WEIGHT;
        let age = seen.minutes_since(began);
        let wait = live_wait(self.price_of(one, mean) / weight, age, mean, |age| {
            self.population.hazard(age)
        });
        let configured = self.options.live_interval.map_or(f32::MAX, as_minutes);
        let pinned = one
            .settings
            .interval
            .map_or(f32::MAX, |interval| interval * self.plan.stretch);
        wait.min(configured).min(pinned)
    }

    /// The wait from the last answer at `from`, and its reason.
    fn offline_wait(&self, one: &Creator, from: Moment) -> (f32, Reason) {
        let gap = self.promised_gap(one);
        let (wait, reason) = if one.settings.interval.is_some() {
            (gap, Reason::Pinned)
        } else {
            self.worthwhile(one, from, gap)
        };
        let closed = one.opens_in(from.plus_minutes(wait));
        (wait + closed.unwrap_or(0.0), reason)
    }

    fn worthwhile(&self, one: &Creator, from: Moment, gap: f32) -> (f32, Reason) {
        let mean = one.rhythm.mean_duration(&self.population);
        let price = self.price_of(one, mean);
        let outlook = one
            .rhythm
            .outlook(&self.population, one.settings.hours(), from);
        match first_worth(&outlook, from, mean, price, gap) {
            Some(worth) => (
                worth.wait.max(one.settings.min_interval),
                Reason::Worth {
                    chance: worth.chance,
                    price,
                },
            ),
            None => (gap, Reason::MaxGap),
        }
    }

    /// The price for `one`: less for a creator of high priority or of long streams.
    fn price_of(&self, one: &Creator, mean: f32) -> f32 {
        let duration = (self.population.mean_duration() / mean).powf(DURATION_EXPONENT);
        #[expect(clippy::cast_possible_truncation, reason = "an exponent of about one")]
        let fairness = self.options.fairness as f32;
        let share = if fairness > 0.0 {
            let rate = one.rhythm.rate(&self.population, one.rhythm.counted_at);
            (rate / self.population.rate())
                .clamp(0.05, 20.0)
                .powf(fairness)
        } else {
            1.0
        };
        self.controller.price() * duration * share / one.settings.priority
    }

    /// Nobody waits longer than this, in minutes.
    fn promised_gap(&self, one: &Creator) -> f32 {
        self.plan
            .gap_for(one.settings.wish())
            .max(one.settings.min_interval)
    }
}

impl Creator {
    /// Minutes from `at` until the creator may be polled, if it has strict hours and they are over.
    fn opens_in(&self, at: Moment) -> Option<f32> {
        let hours = self
            .settings
            .hours
            .as_deref()
            .filter(|_| self.settings.strict_hours)?;
        let ahead = hours.opens_in(at).filter(|&ahead| ahead > 0.0)?;
        // Moments are whole seconds: one more, so as not to come before the hour.
        Some(ahead + 1.0 / 60.0)
    }

    fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. } | Phase::Ending { .. })
    }

    /// Least minutes between the starts of two polls; moments are whole seconds, so one more.
    fn least_gap(&self) -> f32 {
        self.settings.min_interval + 1.0 / 60.0
    }

    fn since_polled(&self, now: Moment) -> f32 {
        self.polled.map_or(f32::MAX, |at| now.minutes_since(at))
    }

    fn waited(&self, now: Moment) -> f32 {
        self.answered
            .or(self.polled)
            .map_or(f32::MAX, |at| now.minutes_since(at))
    }

    /// Takes one outcome: learns, and moves the phase on.
    fn take(&mut self, population: &mut Population, outcome: Outcome, now: Moment) {
        // A start in the future, or long gone, is a stranger's word: keep it within reason.
        let bounded = |at: Timestamp| Moment::from(at).clamp(now.minus_minutes(10_080.0), now);
        let phase = match (self.phase, outcome) {
            (_, Outcome::Unclear(_)) => return,
            (Phase::Unknown | Phase::Offline, Outcome::Live { began }) => {
                self.found(population, bounded(began), now)
            }
            (Phase::Unknown | Phase::Offline, _) => {
                self.expose(population, now, None);
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
    }

    fn found(&mut self, population: &mut Population, began: Moment, now: Moment) -> Phase {
        self.expose(population, now, Some(began));
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

    fn expose(&mut self, population: &mut Population, now: Moment, found: Option<Moment>) {
        let hours = self.settings.hours();
        self.rhythm
            .expose(population, hours, (self.answered, now), found);
    }
}

impl Compact {
    fn hours(&self) -> Hours<'_> {
        Hours {
            open: self.hours.as_deref(),
            utc_offset: self.utc_offset,
        }
    }

    fn wish(&self) -> plan::Wish {
        match (self.interval, self.max_interval) {
            (Some(interval), _) => plan::Wish::Pinned(interval),
            (None, Some(longest)) => plan::Wish::AtMost(longest),
            (None, None) => plan::Wish::Fair,
        }
    }
}

impl From<&Settings> for Compact {
    fn from(settings: &Settings) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a weight of about one")]
        let priority = settings.priority.clamp(1e-3, 1e6) as f32;
        let shortest = settings
            .min_interval
            .min(settings.interval.unwrap_or(Duration::MAX));
        Self {
            priority,
            interval: settings.interval.map(as_minutes),
            min_interval: as_minutes(shortest).max(0.0),
            max_interval: settings.max_interval.map(as_minutes),
            hours: settings.hours.clone(),
            strict_hours: settings.strict_hours,
            utc_offset: settings.utc_offset,
        }
    }
}

fn claim_of(reason: Reason) -> Claim {
    match reason {
        Reason::Worth { .. } | Reason::Live | Reason::Retry => Claim::Ordinary,
        Reason::Confirm => Claim::Confirm,
        _ => Claim::Promised,
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

fn as_minutes(duration: Duration) -> f32 {
    duration.as_secs_f32() / 60.0
}

#[cfg(test)]
mod tests;
