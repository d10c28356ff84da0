//! The forecast against what the schedule then reached, in pretend worlds.
//!
//! The policy modules learn for two months; then the forecast is asked, and the third month
//! shows how far off it was. Everything is a function of a seed.

use std::time::Duration;

use super::*;
use crate::domain::Timestamp;
use crate::schedule::dice::Dice;
use crate::schedule::learned::{Learned, Options, Outcome, Permit, Settings};
use crate::schedule::ledger::{Headers, Ledger, Renewal};
use crate::schedule::queue::Queue;

const START: i64 = 1_767_571_200_000;
const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_millis(START).plus(Duration::from_secs_f64(seconds))
}

impl Dice {
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.roll()).ln()).sqrt() * (std::f64::consts::TAU * self.roll()).cos()
    }

    /// Seconds: log-normal, 90 minutes on average.
    fn length(&mut self) -> f64 {
        5_400.0 * (0.8 * self.normal() - 0.32).exp()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Habit {
    /// Three slots a week, most of them kept.
    Weekly,
    /// Whenever it likes, three times a week.
    None,
}

/// Start and end of every stream, and the first poll that saw it; no two of a creator overlap.
type Streams = Vec<(f64, f64, Option<f64>)>;

fn streams(habit: Habit, days: f64, dice: &mut Dice) -> Streams {
    let mut starts = Vec::new();
    let slots = [0.1, 0.45, 0.8].map(|part| WEEK * (part + 0.2 * dice.roll()));
    for week in (0_u32..).take_while(|week| f64::from(*week) <= days / 7.0) {
        for slot in slots {
            let place = match habit {
                Habit::Weekly if dice.roll() < 0.15 => continue,
                Habit::Weekly => slot + 1_200.0 * dice.normal(),
                Habit::None => WEEK * dice.roll(),
            };
            starts.push(WEEK * f64::from(week) + place);
        }
    }
    starts.sort_by(f64::total_cmp);
    let mut streams = Streams::new();
    for start in starts {
        if streams.last().is_none_or(|last| last.1 + 900.0 < start) {
            streams.push((start, start + dice.length(), None));
        }
    }
    streams
}

struct World {
    learned: Learned,
    queue: Queue,
    streams: Vec<Streams>,
    /// Whether each creator's stream is known to run, or its end waits to be confirmed.
    state: Vec<(bool, bool)>,
    polls: Vec<f64>,
    tick: f64,
    dice: Dice,
}

impl World {
    fn new(habits: &[Habit], credits: u64, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let renewal = Renewal::Every {
            anchor: at(0.0),
            length: Duration::from_secs_f64(30.0 * DAY),
        };
        let ledger = Ledger::new(credits, renewal, &[], at(0.0));
        let mut learned = Learned::new(Options::default(), ledger, at(0.0));
        let mut queue = Queue::new();
        for (creator, _) in (0..).zip(habits) {
            learned.add_creator(&Settings::default(), at(0.0));
            queue.schedule(creator, Duration::from_secs(u64::from(creator)));
        }
        learned.replan(at(0.0));
        Self {
            learned,
            queue,
            streams: habits
                .iter()
                .map(|&habit| streams(habit, 92.0, &mut dice))
                .collect(),
            state: vec![(false, false); habits.len()],
            polls: Vec::new(),
            tick: 0.0,
            dice,
        }
    }

    fn run_until(&mut self, end: f64) {
        while let Some((creator, due)) = self.queue.pop_due(Duration::from_secs_f64(end)) {
            let now = due.as_secs_f64();
            while self.tick <= now {
                self.learned.tick(at(self.tick));
                self.tick += 3_600.0;
            }
            let wait = match self.learned.may_poll(creator, at(now)) {
                Permit::Refused { wait, .. } => wait,
                Permit::Granted(taken) => {
                    self.learned.settle(taken, Headers::default(), at(now));
                    self.polls.push(now);
                    let outcome = self.outcome(creator as usize, now);
                    let random = self.dice.roll();
                    self.learned
                        .after_poll(creator, outcome, at(now), random)
                        .wait
                }
            };
            self.queue.schedule(creator, due + wait);
        }
    }

    fn outcome(&mut self, creator: usize, now: f64) -> Outcome {
        let running = self.streams[creator]
            .iter_mut()
            .find(|s| s.0 <= now && now < s.1);
        let (live, ending) = &mut self.state[creator];
        if let Some(stream) = running {
            stream.2.get_or_insert(now);
            (*live, *ending) = (true, false);
            return Outcome::Live {
                began: at(stream.0),
            };
        }
        if *live && !*ending {
            *ending = true;
            return Outcome::Ending;
        }
        (*live, *ending) = (false, false);
        Outcome::Offline
    }

    /// Credits, loss, mean delay (minutes) and missed share of what began between both times.
    fn reached(&self, from: f64, to: f64) -> [f64; 4] {
        let began: Vec<_> = self
            .streams
            .iter()
            .flatten()
            .filter(|s| from <= s.0 && s.0 < to)
            .collect();
        let delays: Vec<f64> = began.iter().filter_map(|s| Some(s.2? - s.0)).collect();
        let loss: f64 = began.iter().map(|s| s.2.unwrap_or(s.1) - s.0).sum();
        let polls = self.polls.iter().filter(|&&t| from <= t && t < to).count();
        [
            polls as f64,
            loss / began.len() as f64 / 60.0,
            delays.iter().sum::<f64>() / delays.len() as f64 / 60.0,
            1.0 - delays.len() as f64 / began.len() as f64,
        ]
    }
}

fn question(credits: u64) -> Question {
    Question {
        configured: Configured::Learned { credits },
        budget: None,
        want: None,
    }
}

/// Forecast and reached in the 30 days after `day`: credits, loss, mean delay and missed share.
fn both(habits: &[Habit], credits: u64, day: f64) -> ([f64; 4], [f64; 4]) {
    let (from, to) = (day * DAY, (day + 30.0) * DAY);
    let mut world = World::new(habits, credits, 77);
    world.run_until(from);
    let market = world.learned.survey(1, at(from));
    let told = market.report(&question(credits)).configured;
    world.run_until(to);
    let told = [
        told.credits_per_month,
        told.loss_seconds / 60.0,
        told.mean_delay_seconds / 60.0,
        told.missed_share,
    ];
    (told, world.reached(from, to))
}

fn mixed(creators: usize) -> Vec<Habit> {
    let habit = |number| match number % 2 {
        0 => Habit::Weekly,
        _ => Habit::None,
    };
    (0..creators).map(habit).collect()
}

/// Asserts that credits, loss and delay are within these shares of what was reached, and the
/// missed share within so many points.
fn assert_close(habits: &[Habit], credits: u64, day: f64, within: [f64; 4]) {
    let (told, reached) = both(habits, credits, day);
    let off = [0, 1, 2].map(|i| told[i] / reached[i] - 1.0);
    let missed = told[3] - reached[3];
    let found = format!(
        "{} creators, {credits} credits, day {day}: told {told:.2?}, reached {reached:.2?}; off {off:.3?}, {missed:.3}",
        habits.len()
    );
    eprintln!("{found}");
    for (off, within) in off.iter().chain([&missed]).zip(within) {
        assert!(off.abs() <= within, "{found}");
    }
}

#[test]
fn for_newcomers_of_average_habits_the_forecast_is_what_the_first_month_brings() {
    // Who is polled twice a day is seldom found: the mean delay of those few is mostly noise.
    let within = [0.01, 0.15, 0.25, 0.06];
    for (creators, credits) in [(200, 12_000), (100, 12_500), (60, 30_000), (20, 40_000)] {
        assert_close(&vec![Habit::None; creators], credits, 0.0, within);
    }
}

#[test]
fn of_creators_that_are_known_the_forecast_is_what_the_next_month_brings() {
    for (creators, credits) in [(60, 30_000), (40, 40_000), (20, 40_000)] {
        assert_close(&mixed(creators), credits, 60.0, [0.01, 0.35, 0.35, 0.06]);
    }
}

#[test]
fn of_habits_that_rare_polls_have_not_found_the_forecast_knows_nothing() {
    for (creators, credits) in [(150, 9_000), (100, 12_500)] {
        assert_close(&mixed(creators), credits, 60.0, [0.01, 0.4, 0.2, 0.3]);
    }
}

#[test]
fn sweeps_save_the_more_the_better_their_flags_and_worthless_ones_are_left_alone() {
    let mut world = World::new(&mixed(60), 10_000, 78);
    world.run_until(20.0 * DAY);
    let market = world.learned.survey(1, at(20.0 * DAY));
    let with = |recall| {
        let list = List {
            pages: 2,
            recall,
            lag: 1.0,
            false_flags: 0.001,
        };
        market.with_sweeps(10_000, list, true)
    };
    let without = market.report(&question(10_000)).configured;
    let worthless = with(0.0);
    assert_eq!(worthless.every_seconds, None);
    assert!((worthless.loss_seconds / without.loss_seconds - 1.0).abs() < 0.01);
    let losses: Vec<_> = [0.0, 0.5, 0.8, 0.95]
        .map(|recall| with(recall).loss_seconds)
        .to_vec();
    assert!(losses.windows(2).all(|two| two[1] <= two[0]), "{losses:?}");
    assert!(losses[3] < 0.5 * losses[0], "{losses:?}");
    let good = with(0.95);
    assert!(good.credits_per_month < 10_000.0 && good.every_seconds.is_some());
}
