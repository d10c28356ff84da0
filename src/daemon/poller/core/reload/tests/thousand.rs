//! A thousand reloads while polls and commits are under way, each kind of change among them.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::daemon::poller::orders::{Next, Then};
use crate::domain::tracker::Phase;

/// A world in which everything happens at random.
struct Storm {
    random: StdRng,
    bench: Bench,
    /// Of each creator: odd while live.
    rooms: [u64; 60],
    under_way: Vec<Poll>,
    commits: Vec<Job>,
    polls: usize,
}

#[test]
fn a_thousand_reloads_lose_no_poll_and_no_state() {
    let mut storm = Storm {
        random: StdRng::seed_from_u64(5),
        bench: Bench::restarted(&config(40), Snapshot::default()),
        rooms: [0; 60],
        under_way: Vec::new(),
        commits: Vec::new(),
        polls: 0,
    };
    for _ in 0..1_000 {
        let next = storm.another_config();
        let known = storm.stored();
        storm.bench.reload_knowing(&next, known);
        for _ in 0..storm.random.random_range(0..20) {
            storm.go_on();
        }
        storm.bench.audit(&storm.under_way, &storm.commits);
    }
    let polls = storm.polls;
    assert!(polls > 3_000, "only {polls} polls: nothing was tested");
    let told = storm.audit_events();
    assert!(told > 100, "only {told} events: nothing was tested");
}

impl Storm {
    fn another_config(&mut self) -> Config {
        let random = &mut self.random;
        let mut next = config(60);
        next.creators.retain(|_| random.random_bool(0.7));
        let interval = Duration::from_secs(random.random_range(20..90));
        for creator in &mut next.creators {
            creator.interval = random.random_bool(0.2).then_some(interval);
        }
        if random.random_bool(0.1) {
            next.polling.interval = interval;
            next.polling.max_requests_per_second = random.random_range(1.0..50.0);
        }
        next
    }

    /// What a store would know by now.
    fn stored(&self) -> Snapshot {
        let stored = self.bench.changes.iter().filter_map(|c| c.creator.as_ref());
        let rows: HashMap<Username, StoredCreator> = stored
            .map(|c| (c.row.username.clone(), c.row.clone()))
            .collect();
        Snapshot {
            creators: rows.into_values().collect(),
            ..Snapshot::default()
        }
    }

    /// A poll may start, one may end, and a commit may.
    fn go_on(&mut self) {
        let end = self.bench.now + Duration::from_secs(self.random.random_range(0..15));
        if let Some(poll) = self.bench.try_poll(end) {
            let same = self.under_way.iter().any(|p| p.username == poll.username);
            assert!(!same, "{} is asked twice at once", poll.username);
            self.under_way.push(poll);
            self.polls += 1;
        }
        if !self.under_way.is_empty() && self.random.random_bool(0.8) {
            let chosen = self.random.random_range(0..self.under_way.len());
            let poll = self.under_way.swap_remove(chosen);
            let said = self.said_of(&poll);
            self.commits.extend(self.bench.job_of(&poll, &said));
        }
        if !self.commits.is_empty() && self.random.random_bool(0.7) {
            let chosen = self.random.random_range(0..self.commits.len());
            let job = self.commits.swap_remove(chosen);
            self.bench.changes.push(job.change);
            self.bench.core.stored(job.then, self.bench.at());
        }
    }

    fn said_of(&mut self, poll: &Poll) -> Observation {
        let number: usize = poll.username.as_str()[7..].parse().unwrap();
        let room = &mut self.rooms[number];
        *room += u64::from(self.random.random_bool(0.1));
        let began = START.plus(Duration::from_secs(1_000 * *room));
        match *room % 2 {
            1 => live(*room, began),
            _ => Observation::Offline,
        }
    }

    /// Starts and ends alternate without a gap; how many there are.
    fn audit_events(&self) -> u64 {
        let mut newest: HashMap<Username, u64> = HashMap::new();
        for outgoing in self.bench.changes.iter().flat_map(|c| &c.events) {
            let event = &outgoing.event;
            let Some(creator) = event.creator.clone() else {
                continue;
            };
            let last = newest.entry(creator).or_default();
            *last += 1;
            assert_eq!(event.sequence, Some(*last), "{event:?}");
            let started = event.kind == EventType::StreamStarted;
            assert_eq!(started, *last % 2 == 1, "{event:?}");
        }
        newest.values().sum()
    }
}

impl Bench {
    /// The next poll before `end`, also where nobody is left to ask.
    fn try_poll(&mut self, end: Duration) -> Option<Poll> {
        loop {
            match self.core.next(self.at()) {
                Next::Poll(poll) => return Some(poll),
                Next::WaitUntil(due) if due < end => self.now = due,
                _ => {
                    self.now = end;
                    return None;
                }
            }
        }
    }

    /// Whoever is watched is in the queue or under way, and nobody else is.
    fn audit(&self, under_way: &[Poll], commits: &[Job]) {
        let mut busy: HashSet<CreatorIndex> = under_way.iter().map(|p| p.creator).collect();
        busy.extend(commits.iter().filter_map(|job| match job.then {
            Then::Creator { creator, .. } => Some(creator),
            Then::Health | Then::Notice => None,
        }));
        for (index, entry) in self.core.roster.places() {
            let queued = self.core.queue.due_of(index).is_some();
            let wanted = entry.is_watched() && !busy.contains(&index);
            assert_eq!(queued, wanted, "{} is lost or doubled", entry.username());
        }
        let names: HashSet<_> = self.core.roster.all().map(|(_, e)| e.username()).collect();
        assert_eq!(
            names.len(),
            self.core.roster.len(),
            "a creator is there twice"
        );
        let live = self
            .core
            .roster
            .all()
            .filter(|(_, e)| matches!(e.state.phase, Phase::Live(_)));
        assert_eq!(live.count(), self.core.census().live);
    }
}
