//! Creators who stream at random, pages of thirty with flags that can be told how bad to be,
//! and the loop of a daemon around the schedule.

use super::*;
use crate::schedule::queue::Queue;

/// How good flags are from now on.
#[derive(Clone, Copy)]
pub(super) struct Flags {
    pub(super) recall: f64,
    pub(super) wrong: f64,
    /// In seconds.
    pub(super) lag: f64,
}

pub(super) struct World {
    pub(super) learned: Learned,
    pub(super) flags: Flags,
    /// Start and end, in seconds.
    pub(super) streams: Vec<Vec<(f64, f64)>>,
    found: Vec<Vec<Option<f64>>>,
    /// Time, creator, whether it confirmed an end.
    pub(super) polls: Vec<(f64, u32, bool)>,
    pub(super) sweeps: Vec<f64>,
    /// Polls by flags.
    pub(super) hints: Vec<f64>,
    /// Time and creator of each look by a page.
    looks: Vec<(f64, u32)>,
    last: Vec<Option<Outcome>>,
    queue: Queue,
    ticked: f64,
    seed: u64,
}

impl World {
    pub(super) fn new(creators: u32, credits: u64, flags: Flags, seed: u64) -> Self {
        let mut world = Self::without_pages(creators, credits, seed);
        world.flags = flags;
        let all: Vec<u32> = (0..creators).collect();
        for (page, members) in (0..).zip(all.chunks(30)) {
            world.learned.set_page(page, members);
            world
                .queue
                .schedule(creators + page, Duration::from_mins(10));
        }
        world
    }

    pub(super) fn without_pages(creators: u32, credits: u64, seed: u64) -> Self {
        let mut queue = Queue::new();
        (0..creators).for_each(|one| queue.schedule(one, Duration::from_secs(u64::from(one))));
        let streams: Vec<_> = (0..creators)
            .map(|one| streams(seed * 1_000 + u64::from(one)))
            .collect();
        Self {
            learned: learned(credits, creators),
            flags: Flags {
                recall: 0.0,
                wrong: 0.0,
                lag: 0.0,
            },
            found: streams.iter().map(|own| vec![None; own.len()]).collect(),
            streams,
            polls: Vec::new(),
            sweeps: Vec::new(),
            hints: Vec::new(),
            looks: Vec::new(),
            last: vec![None; creators as usize],
            queue,
            ticked: 0.0,
            seed,
        }
    }

    /// Goes on until so many days after the start.
    pub(super) fn run(&mut self, days: f64) {
        while let Some((place, due)) = self.queue.pop_due(Duration::from_secs_f64(days * 86_400.0))
        {
            let t = due.as_secs_f64();
            while self.ticked <= t {
                self.learned.tick(at(self.ticked));
                self.ticked += HOUR;
            }
            let page = place.checked_sub(u32::try_from(self.streams.len()).unwrap());
            let permit = match page {
                Some(page) => self.learned.may_sweep(page, at(t)),
                None => self.learned.may_poll(place, at(t)),
            };
            match permit {
                Permit::Refused { wait, .. } => {
                    self.queue
                        .schedule(place, due + wait.max(Duration::from_secs(1)));
                }
                Permit::Granted(taken) => {
                    let headers = Headers {
                        used: Some(1),
                        remaining: None,
                    };
                    self.learned.settle(taken, headers, at(t));
                    let wait = match page {
                        Some(page) => self.sweep(page, t),
                        None => self.poll(place, t),
                    };
                    self.queue.schedule(place, due + wait);
                }
            }
        }
    }

    fn running(&self, creator: u32, t: f64) -> Option<usize> {
        let own = &self.streams[creator as usize];
        own.iter().position(|&(from, to)| (from..to).contains(&t))
    }

    fn poll(&mut self, creator: u32, t: f64) -> Duration {
        let one = creator as usize;
        let last = self.last[one];
        let outcome = match (self.running(creator, t), last) {
            (Some(stream), _) => {
                self.found[one][stream].get_or_insert(t);
                Outcome::Live {
                    began: at(self.streams[one][stream].0),
                }
            }
            (None, Some(Outcome::Live { .. })) => Outcome::Ending,
            (None, _) => Outcome::Offline,
        };
        if self.learned.creators[one].claim == Claim::Hinted {
            self.hints.push(t);
        }
        self.polls.push((t, creator, last == Some(Outcome::Ending)));
        self.last[one] = Some(outcome);
        self.learned.after_poll(creator, outcome, at(t), 0.5).wait
    }

    fn sweep(&mut self, page: u32, t: f64) -> Duration {
        self.sweeps.push(t);
        let members = self.learned.sweeps.pages[page as usize].members.clone();
        let answer: Vec<_> = members
            .iter()
            .map(|&one| (one, self.flag(one, t)))
            .collect();
        self.looks.extend(members.iter().map(|&one| (t, one)));
        for (creator, next) in self.learned.after_sweep(page, &answer, at(t)) {
            self.queue
                .schedule(creator, Duration::from_secs_f64(t) + next.wait);
        }
        self.learned.next_sweep(page, at(t))
    }

    /// A stream's flag works for its whole length or not at all.
    fn flag(&self, creator: u32, t: f64) -> bool {
        match self.running(creator, t - self.flags.lag) {
            Some(stream) => dice(self.seed, u64::from(creator), stream as u64) < self.flags.recall,
            None => dice(self.seed, u64::from(creator) + 1_000, t.to_bits()) < self.flags.wrong,
        }
    }

    /// Mean minutes from a start to the poll that found it, or the end, of streams begun between these days.
    pub(super) fn loss(&self, from: f64, to: f64) -> f64 {
        let lost: Vec<f64> = self
            .streams
            .iter()
            .zip(&self.found)
            .flat_map(|(own, found)| own.iter().zip(found))
            .filter(|(stream, _)| (from * 86_400.0..to * 86_400.0).contains(&stream.0))
            .map(|(stream, found)| (found.unwrap_or(stream.1) - stream.0) / 60.0)
            .collect();
        assert!(lost.len() > 100, "{}", lost.len());
        lost.iter().sum::<f64>() / lost.len() as f64
    }

    /// Hours between two looks at one creator, sweeps counted or not; a wait that the renewal of
    /// the credits ended does not count.
    pub(super) fn longest_wait(&self, sweeps: bool) -> f64 {
        let mut looks: Vec<(f64, u32)> = self.polls.iter().map(|poll| (poll.0, poll.1)).collect();
        if sweeps {
            looks.extend(&self.looks);
        }
        waits(looks).into_iter().fold(0.0, f64::max) / HOUR
    }

    /// Seconds between two polls of one creator of which the second confirms no end.
    pub(super) fn shortest_wait(&self) -> f64 {
        let mut last = vec![f64::MIN; self.streams.len()];
        let mut shortest = f64::MAX;
        for &(t, creator, confirms) in &self.polls {
            if !confirms {
                shortest = shortest.min(t - last[creator as usize]);
            }
            last[creator as usize] = t;
        }
        shortest
    }
}

fn waits(mut looks: Vec<(f64, u32)>) -> Vec<f64> {
    looks.sort_by(|a, b| (a.1, a.0).partial_cmp(&(b.1, b.0)).unwrap());
    let pairs = looks.windows(2).filter(|pair| pair[0].1 == pair[1].1);
    let month = 30.0 * 24.0 * HOUR;
    let renewed = |t: f64| t % month < 2.0 * HOUR;
    pairs
        .filter(|pair| !renewed(pair[1].0))
        .map(|pair| pair[1].0 - pair[0].0)
        .collect()
}

/// Three months of streams: one in 36 hours on average, 95 minutes each on average.
fn streams(seed: u64) -> Vec<(f64, f64)> {
    let (mut own, mut t) = (Vec::new(), 0.0);
    for number in 0.. {
        t += -dice(seed, number, 1).ln() * 36.0 * HOUR;
        if t > 90.0 * 86_400.0 {
            break;
        }
        let end = t + 300.0 - dice(seed, number, 2).ln() * 5_400.0;
        own.push((t, end));
        t = end + 1_800.0;
    }
    own
}

/// A number in `(0, 1]` that is a function of its arguments (splitmix64).
fn dice(a: u64, b: u64, c: u64) -> f64 {
    let mixed = [a, b, c].into_iter().fold(0, |mixed: u64, more| {
        let x = (mixed ^ more).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    });
    ((mixed >> 11) + 1) as f64 / (1_u64 << 53) as f64
}
