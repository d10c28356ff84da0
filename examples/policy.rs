//! The learned schedule under an outside judge: JSON lines on stdin and stdout, virtual time.
//!
//! The judge owns the clock; this program holds the very modules that the daemon polls by.
//! Run it as the command of a scoring program that speaks the same protocol.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use tallylight::domain::Timestamp;
use tallylight::schedule::learned::{Learned, Options, Outcome, Permit, Settings};
use tallylight::schedule::ledger::{Headers, Ledger, Renewal};
use tallylight::schedule::queue::Queue;
use tallylight::schedule::{CreatorIndex, fixed};

/// How long the first polls of all creators take together.
const FIRST_ROUND: Duration = Duration::from_mins(10);
const TICK: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
struct Hello {
    t: f64,
    end: f64,
    period_s: f64,
    credits: u64,
    creators: Vec<Watched>,
}

#[derive(Deserialize)]
struct Watched {
    id: String,
    weight: f64,
}

#[derive(Deserialize)]
struct Answer {
    t: Option<f64>,
    live: Option<bool>,
    started: Option<f64>,
    error: Option<String>,
    left: Option<u64>,
}

struct Policy {
    start: f64,
    names: Vec<String>,
    learned: Learned,
    queue: Queue,
    /// Whether each creator's last certain answer was "live", or the first "not live" after it.
    running: Vec<Running>,
    random: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Running {
    No,
    Live,
    Ending,
}

fn main() -> Result<()> {
    let mut lines = io::stdin().lock().lines();
    let hello = lines.next().context("the judge says nothing")??;
    let hello: Hello = serde_json::from_str(&hello)?;
    let end = Duration::from_secs_f64(hello.end - hello.t);
    let mut policy = Policy::new(&hello);
    let mut out = io::stdout().lock();
    let mut tick = Duration::ZERO;
    while let Some((creator, due)) = policy.queue.pop_due(Duration::MAX) {
        while tick <= due.min(end) {
            policy.learned.tick(policy.wall(tick));
            tick += TICK;
        }
        let taken = match policy.learned.may_poll(creator, policy.wall(due)) {
            Permit::Granted(taken) => taken,
            Permit::Refused { wait, .. } if due < end => {
                policy
                    .queue
                    .schedule(creator, due + wait.max(Duration::from_secs(1)));
                continue;
            }
            Permit::Refused { .. } => return ask(&mut out, &policy.names[0], hello.end),
        };
        ask(
            &mut out,
            &policy.names[creator as usize],
            policy.start + due.as_secs_f64(),
        )?;
        let answer: Answer = serde_json::from_str(&lines.next().context("the judge is gone")??)?;
        let Some(t) = answer.t else { return Ok(()) };
        if let Some(error) = answer.error {
            bail!("the judge refused a poll: {error}");
        }
        let now = Duration::from_secs_f64(t - policy.start);
        let headers = Headers {
            used: Some(1),
            remaining: answer.left,
        };
        policy.learned.settle(taken, headers, policy.wall(now));
        policy.take(creator, &answer, now);
    }
    Ok(())
}

fn ask(out: &mut impl Write, name: &str, at: f64) -> Result<()> {
    writeln!(out, "{}", json!({"poll": name, "at": at}))?;
    Ok(out.flush()?)
}

impl Policy {
    fn new(hello: &Hello) -> Self {
        let now = timestamp(hello.t);
        let length = Duration::from_secs_f64(hello.period_s);
        let ledger = Ledger::new(
            hello.credits,
            Renewal::Every {
                anchor: now,
                length,
            },
            &[],
            now,
        );
        let mut learned = Learned::new(Options::default(), ledger, now);
        let mut queue = Queue::new();
        for watched in &hello.creators {
            let settings = Settings {
                priority: watched.weight,
                ..Settings::default()
            };
            let creator = learned.add_creator(&settings, now);
            queue.schedule(creator, FIRST_ROUND.mul_f64(fixed::phase_of(&watched.id)));
        }
        learned.replan(now);
        Self {
            start: hello.t,
            names: hello
                .creators
                .iter()
                .map(|watched| watched.id.clone())
                .collect(),
            running: vec![Running::No; hello.creators.len()],
            learned,
            queue,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn wall(&self, since_start: Duration) -> Timestamp {
        timestamp(self.start).plus(since_start)
    }

    fn take(&mut self, creator: CreatorIndex, answer: &Answer, now: Duration) {
        let running = &mut self.running[creator as usize];
        let outcome = match (answer.live == Some(true), *running) {
            (true, _) => {
                *running = Running::Live;
                Outcome::Live {
                    began: timestamp(answer.started.unwrap_or(self.start)),
                }
            }
            (false, Running::Live) => {
                *running = Running::Ending;
                Outcome::Ending
            }
            (false, Running::Ending | Running::No) => {
                *running = Running::No;
                Outcome::Offline
            }
        };
        let random = self.draw();
        let next = self
            .learned
            .after_poll(creator, outcome, self.wall(now), random);
        self.queue.schedule(creator, now + next.wait);
    }

    /// Xorshift; the same run every time.
    fn draw(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_millis(0).plus(Duration::from_secs_f64(seconds))
}
