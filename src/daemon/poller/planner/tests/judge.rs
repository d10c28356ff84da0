//! The whole core and the bare policy, driven as an outside judge drives it, spend alike.

#![expect(
    clippy::unchecked_time_subtraction,
    reason = "in a test an underflow is a message too"
)]

use super::*;
use crate::schedule::learned::{Learned, Options, Outcome, Permit, Settings};
use crate::schedule::ledger::{Headers, Ledger, Renewal};
use crate::schedule::queue::Queue;

const CREATORS: u32 = 60;
const CREDITS: u64 = 9_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// The stream of a creator at a time: three days a week, at an hour of its own, for 90 minutes.
fn stream(creator: u32, at: Timestamp) -> Option<(u64, Timestamp)> {
    let own = i64::from(creator) * 7_919 % 86_400;
    let second = at.as_seconds() - own;
    let (day, since) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let streams = [0, 2, 5].contains(&((day + i64::from(creator)) % 7));
    let began = Timestamp::from_millis((at.as_seconds() - since) * 1_000);
    (streams && since < 5_400).then(|| (u64::try_from(day).unwrap(), began))
}

/// Polls of the core until `end`, with the hourly checkpoint that moves the price.
fn core_spends(bench: &mut Bench, end: Duration) -> u64 {
    let (mut polls, mut hour) = (0, bench.now);
    while let Some(poll) = bench.poll_before(end) {
        polls += 1;
        let answer = stream(poll.creator, bench.at().wall)
            .map_or(Observation::Offline, |(room, began)| live(room, began));
        bench.answer(&poll, &answer);
        if bench.now >= hour {
            hour = bench.now + HOUR;
            bench.checkpoint(false);
        }
    }
    polls
}

/// The modules alone, as `examples/policy.rs` has them under the judge.
struct Policy {
    learned: Learned,
    queue: Queue,
    state: Vec<Outcome>,
    tick: Duration,
}

impl Policy {
    fn new() -> Self {
        let ledger = Ledger::new(CREDITS, Renewal::DayOfMonth(15), &[], START);
        let mut learned = Learned::new(Options::default(), ledger, START);
        let mut queue = Queue::new();
        for creator in 0..CREATORS {
            learned.add_creator(&Settings::default(), START);
            queue.schedule(creator, Duration::from_secs(u64::from(creator)));
        }
        learned.replan(START);
        Self {
            learned,
            queue,
            state: vec![Outcome::Offline; CREATORS as usize],
            tick: Duration::ZERO,
        }
    }

    fn spends(&mut self, end: Duration) -> u64 {
        let mut polls = 0;
        while let Some((creator, due)) = self.queue.pop_due(end) {
            while self.tick <= due {
                self.learned.tick(START.plus(self.tick));
                self.tick += HOUR;
            }
            let now = START.plus(due);
            let wait = match self.learned.may_poll(creator, now) {
                Permit::Refused { wait, .. } => wait.max(Duration::from_secs(1)),
                Permit::Granted(taken) => {
                    polls += 1;
                    self.learned.settle(taken, Headers::default(), now);
                    let outcome = self.outcome(creator, now);
                    self.learned.after_poll(creator, outcome, now, 0.5).wait
                }
            };
            self.queue.schedule(creator, due + wait);
        }
        polls
    }

    fn outcome(&mut self, creator: u32, now: Timestamp) -> Outcome {
        let state = &mut self.state[creator as usize];
        *state = match (stream(creator, now), *state) {
            (Some((_, began)), _) => Outcome::Live { began },
            (None, Outcome::Live { .. }) => Outcome::Ending,
            (None, _) => Outcome::Offline,
        };
        *state
    }
}

#[test]
fn the_daemon_spends_what_the_policy_spends_under_the_judge() {
    let config = budgeted(CREATORS as usize, CREDITS, ScheduleKind::Learned);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let mut policy = Policy::new();
    // The month that began eight hours before, and the next one.
    let month = 31 * DAY - 8 * HOUR;
    for end in [month, month + 28 * DAY] {
        let (daemon, judged) = (core_spends(&mut bench, end), policy.spends(end));
        let off = daemon as f64 / judged as f64 - 1.0;
        assert!(
            off.abs() <= 0.01 && judged as f64 >= 0.98 * CREDITS as f64,
            "by {end:?} the daemon has spent {daemon} in a month, the policy {judged}"
        );
    }
    assert!(bench.count(EventType::StreamStarted) > 100);
}
