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
use tallylight::schedule::sweep::PageIndex;
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
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    creators: Vec<String>,
}

#[derive(Deserialize)]
struct Watched {
    id: String,
    weight: f64,
}

#[derive(Deserialize)]
struct Answer {
    t: Option<f64>,
    live: Option<Live>,
    started: Option<f64>,
    error: Option<String>,
    left: Option<u64>,
}

/// A poll's answer says whether, a sweep's who.
#[derive(Deserialize)]
#[serde(untagged)]
enum Live {
    Whether(bool),
    Who(Vec<String>),
}

struct Policy {
    start: f64,
    names: Vec<String>,
    /// The queue's place of the first page: after all creators.
    first_page: u32,
    groups: Vec<Page>,
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

/// A group of creators for which one credit is asked.
struct Page {
    name: String,
    members: Vec<CreatorIndex>,
}

/// What is next in the queue: creators first, then the pages.
#[derive(Clone, Copy)]
enum Turn {
    Poll(CreatorIndex),
    Sweep(PageIndex),
}

fn main() -> Result<()> {
    let mut lines = io::stdin().lock().lines();
    let hello = lines.next().context("the judge says nothing")??;
    let hello: Hello = serde_json::from_str(&hello)?;
    let end = Duration::from_secs_f64(hello.end - hello.t);
    let mut policy = Policy::new(&hello);
    let mut out = io::stdout().lock();
    let mut tick = Duration::ZERO;
    while let Some((place, due)) = policy.queue.pop_due(Duration::MAX) {
        while tick <= due.min(end) {
            policy.learned.tick(policy.wall(tick));
            tick += TICK;
        }
        let taken = match policy.permit(policy.turn(place), due) {
            Permit::Granted(taken) => taken,
            Permit::Refused { wait, .. } if due < end => {
                let wait = wait.max(Duration::from_secs(1));
                policy.queue.schedule(place, due + wait);
                continue;
            }
            Permit::Refused { .. } => {
                policy.ask(&mut out, Turn::Poll(0), end)?;
                // The judge says goodbye, and must find somebody there.
                return lines.next().transpose().map(|_| ()).map_err(Into::into);
            }
        };
        policy.ask(&mut out, policy.turn(place), due)?;
        let answer: Answer = serde_json::from_str(&lines.next().context("the judge is gone")??)?;
        let Some(t) = answer.t else { return Ok(()) };
        if let Some(error) = answer.error {
            bail!("the judge refused a request: {error}");
        }
        let now = Duration::from_secs_f64(t - policy.start);
        let headers = Headers {
            used: Some(1),
            remaining: answer.left,
        };
        policy.learned.settle(taken, headers, policy.wall(now));
        match (policy.turn(place), answer.live) {
            (Turn::Sweep(page), Some(Live::Who(flagged))) => policy.sweep(page, &flagged, now),
            (Turn::Poll(creator), Some(Live::Whether(live))) => {
                let began = live.then(|| timestamp(answer.started.unwrap_or(policy.start)));
                policy.take(creator, began, now);
            }
            _ => bail!("the judge answers what was not asked"),
        }
    }
    Ok(())
}

impl Group {
    fn page(&self, hello: &Hello) -> Page {
        let place = |name: &String| {
            let found = (0..).zip(&hello.creators).find(|(_, one)| one.id == *name);
            found.map(|(creator, _)| creator)
        };
        Page {
            name: self.id.clone(),
            members: self.creators.iter().filter_map(place).collect(),
        }
    }
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
        let pages: Vec<Page> = hello.groups.iter().map(|group| group.page(hello)).collect();
        let first_page = u32::try_from(hello.creators.len()).unwrap_or(u32::MAX);
        for (number, page) in (0..).zip(&pages) {
            learned.set_page(number, &page.members);
            queue.schedule(first_page + number, FIRST_ROUND);
        }
        learned.replan(now);
        Self {
            start: hello.t,
            first_page,
            groups: pages,
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

    fn turn(&self, place: u32) -> Turn {
        match place.checked_sub(self.first_page) {
            Some(page) => Turn::Sweep(page),
            None => Turn::Poll(place),
        }
    }

    fn permit(&mut self, turn: Turn, due: Duration) -> Permit {
        let now = self.wall(due);
        match turn {
            Turn::Poll(creator) => self.learned.may_poll(creator, now),
            Turn::Sweep(page) => self.learned.may_sweep(page, now),
        }
    }

    fn ask(&self, out: &mut impl Write, turn: Turn, due: Duration) -> Result<()> {
        let at = self.start + due.as_secs_f64();
        let request = match turn {
            Turn::Poll(creator) => json!({"poll": self.names[creator as usize], "at": at}),
            Turn::Sweep(page) => json!({"sweep": self.groups[page as usize].name, "at": at}),
        };
        writeln!(out, "{request}")?;
        Ok(out.flush()?)
    }

    fn sweep(&mut self, page: PageIndex, flagged: &[String], now: Duration) {
        let answer: Vec<_> = self.groups[page as usize]
            .members
            .iter()
            .map(|&creator| (creator, flagged.contains(&self.names[creator as usize])))
            .collect();
        let wall = self.wall(now);
        for (creator, next) in self.learned.after_sweep(page, &answer, wall) {
            self.queue.schedule(creator, now + next.wait);
        }
        let wait = self.learned.next_sweep(page, wall);
        self.queue.schedule(self.first_page + page, now + wait);
    }

    fn take(&mut self, creator: CreatorIndex, began: Option<Timestamp>, now: Duration) {
        let running = &mut self.running[creator as usize];
        let outcome = match (began, *running) {
            (Some(began), _) => {
                *running = Running::Live;
                Outcome::Live { began }
            }
            (None, Running::Live) => {
                *running = Running::Ending;
                Outcome::Ending
            }
            (None, Running::Ending | Running::No) => {
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
