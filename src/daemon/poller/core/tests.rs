#![expect(
    clippy::unchecked_time_subtraction,
    reason = "in a test an underflow is a message too"
)]

mod people;
mod sweeps;
mod trust;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::config::fixtures::{config, creator};
use crate::daemon::poller::orders::Inquiry;
use crate::domain::observation::Cause;
use crate::domain::tracker::CreatorState;
use crate::domain::tracker::Phase;
use crate::domain::{EventType, LiveStream, Profile, RoomId};
use crate::domain::{Observation, Unclear};
use crate::konbini::Answer;
use crate::konbini::Credits;
use crate::konbini::answer::{ProfileAnswer, ProfileFinding, User};
use crate::store::StoredCreator;

pub(in crate::daemon::poller) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// An answer as the API charges for it.
fn answer(observation: Observation) -> Answer {
    let used = u64::from(!matches!(observation, Observation::Unclear(_)));
    Answer {
        observation,
        credits: Credits {
            used: Some(used),
            remaining: None,
        },
    }
}

/// The core with a clock that the test moves and a store that never fails.
pub(in crate::daemon::poller) struct Bench {
    pub(in crate::daemon::poller) core: Core,
    pub(in crate::daemon::poller) now: Duration,
    pub(in crate::daemon::poller) changes: Vec<Change>,
    pub(in crate::daemon::poller) checkpoints: Vec<Checkpoint>,
    /// What the profile call says of whom; everybody else exists.
    profiles: HashMap<Username, ProfileFinding>,
    /// Profile calls made, with their times.
    profiled: Vec<(Username, Duration)>,
    /// Whom the account of the sweeps follows, and what was asked of it.
    list: sweeps::List,
}

pub(in crate::daemon::poller) fn live(room: u64, started: Timestamp) -> Observation {
    Observation::Live(Box::new(LiveStream {
        room: RoomId::new(&format!("76{room:017}")).unwrap(),
        started_at: Some(started),
        title: Some("a title".to_owned()),
        viewers: Some(100),
        views: None,
        cover_url: None,
        media: Vec::new(),
        profile: Profile::default(),
    }))
}

fn second(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn unclear(cause: Cause) -> Observation {
    Observation::Unclear(Unclear::new(cause, "as scripted"))
}

/// A profile under `username`, with a stable id.
fn exists(username: &str, id: &str) -> ProfileFinding {
    ProfileFinding::Exists(Box::new(User {
        username: username.parse().unwrap(),
        profile: Profile {
            id: Some(id.to_owned()),
            ..Profile::default()
        },
    }))
}

impl Bench {
    fn new(creators: usize) -> Self {
        Self::restarted(&config(creators), Snapshot::default())
    }

    pub(in crate::daemon::poller) fn restarted(config: &Config, snapshot: Snapshot) -> Self {
        Self::restarted_at(Duration::ZERO, config, (snapshot, Vec::new()))
    }

    /// A core that starts `now` after [`START`].
    pub(in crate::daemon::poller) fn restarted_at(
        now: Duration,
        config: &Config,
        past: (Snapshot, Vec<PastStream>),
    ) -> Self {
        let both = Now {
            monotonic: now,
            wall: START.plus(now),
        };
        let core = Core::new(config, InstallationId::from_bytes([0; 16]), past, both);
        Self {
            core,
            now,
            changes: Vec::new(),
            checkpoints: Vec::new(),
            profiles: HashMap::new(),
            profiled: Vec::new(),
            list: sweeps::List::default(),
        }
    }

    pub(in crate::daemon::poller) fn profiled_count(&self) -> usize {
        self.profiled.len()
    }

    pub(in crate::daemon::poller) fn learning(&self, creator: CreatorIndex) -> Option<String> {
        self.core.planner.learning(creator)
    }

    /// `creators` creators that have all been seen offline once.
    fn settled(creators: usize) -> Self {
        Self::settled_with(&config(creators))
    }

    /// 40 creators polled every 30 s, all seen offline lately: enough of them for a crowd.
    fn followed_closely() -> Self {
        let mut config = config(40);
        config.polling.interval = second(30);
        config.polling.live_interval = second(30);
        let mut bench = Self::settled_with(&config);
        bench.round(|_| Observation::Offline);
        bench
    }

    fn settled_with(config: &Config) -> Self {
        let mut bench = Self::restarted(config, Snapshot::default());
        bench.round(|_| Observation::Offline);
        bench.changes.clear();
        bench
    }

    pub(in crate::daemon::poller) fn at(&self) -> Now {
        Now {
            monotonic: self.now,
            wall: START.plus(self.now),
        }
    }

    /// The next poll, however long it takes until it may start.
    pub(in crate::daemon::poller) fn poll(&mut self) -> Poll {
        self.poll_before(Duration::MAX).unwrap()
    }

    /// The next poll if it may start before `end`; else it is `end` now.
    pub(in crate::daemon::poller) fn poll_before(&mut self, end: Duration) -> Option<Poll> {
        loop {
            let next = self.core.next(self.at());
            self.store_what_is_wanted();
            match next {
                Next::Poll(poll) => return Some(poll),
                Next::Inquire(inquiry) => self.profile(&inquiry),
                Next::Sweep(sweep) => self.sweep(&sweep),
                Next::WaitUntil(due) if due >= end => {
                    self.now = end;
                    return None;
                }
                Next::WaitUntil(due) => {
                    assert!(due > self.now, "waiting for the past");
                    self.now = due;
                }
                Next::WaitForOthers => panic!("nobody to ask"),
            }
        }
    }

    /// Answers a profile call as scripted, at a credit.
    fn profile(&mut self, inquiry: &Inquiry) {
        let username = &inquiry.username;
        self.profiled.push((username.clone(), self.now));
        let scripted = self.profiles.get(username).cloned();
        let answer = ProfileAnswer {
            finding: scripted.unwrap_or_else(|| exists(username.as_str(), username.as_str())),
            credits: Credits {
                used: Some(1),
                remaining: None,
            },
        };
        self.core.profiled(inquiry, &answer, self.at());
        self.store_what_is_wanted();
    }

    /// Takes an answer and stores what it tells.
    pub(in crate::daemon::poller) fn answer(&mut self, poll: &Poll, observation: &Observation) {
        let job = self
            .core
            .answered(poll, &answer(observation.clone()), self.at(), 0.5);
        if let Some(job) = job {
            self.store(job);
        }
        self.store_what_is_wanted();
    }

    /// Takes an answer that does not say what it cost.
    pub(in crate::daemon::poller) fn answer_without_headers(
        &mut self,
        poll: &Poll,
        observation: Observation,
    ) {
        let answer = Answer {
            observation,
            credits: Credits::default(),
        };
        if let Some(job) = self.core.answered(poll, &answer, self.at(), 0.5) {
            self.store(job);
        }
        self.store_what_is_wanted();
    }

    pub(in crate::daemon::poller) fn store_what_is_wanted(&mut self) {
        while let Some(job) = self.core.news_job() {
            self.store(job);
        }
        if self.core.wants_checkpoint() {
            self.checkpoint(false);
        }
    }

    /// Stores what is to be stored, as if it were durable at once.
    pub(in crate::daemon::poller) fn checkpoint(&mut self, last: bool) {
        let draft = self.core.take_checkpoint(last, self.at());
        self.core.checkpointed(&draft.spending);
        self.checkpoints.push(draft.checkpoint);
    }

    pub(in crate::daemon::poller) fn store(&mut self, job: Job) {
        self.changes.push(job.change);
        self.core.stored(job.then, self.at());
    }

    /// Asks everybody once, one after the other, as they fall due, with one answer each.
    fn round(&mut self, answer: impl Fn(CreatorIndex) -> Observation) {
        for _ in 0..self.core.census().creators {
            let poll = self.poll();
            self.answer(&poll, &answer(poll.creator));
        }
    }

    pub(in crate::daemon::poller) fn events(&self) -> Vec<EventType> {
        self.changes
            .iter()
            .flat_map(|c| &c.events)
            .map(|o| o.event.kind)
            .collect()
    }

    pub(in crate::daemon::poller) fn count(&self, kind: EventType) -> usize {
        self.events().into_iter().filter(|&k| k == kind).count()
    }
}

#[test]
fn newcomers_are_asked_at_once_as_fast_as_the_rate_lets() {
    let mut bench = Bench::new(50);
    for n in 0..50_u32 {
        let poll = bench.poll();
        assert_eq!(poll.reason, Reason::Newcomer);
        assert_eq!(bench.now, second(1) * n / 10);
        bench.answer(&poll, &Observation::Offline);
    }
    // From then on they are spread over the interval.
    let mut times = Vec::new();
    for _ in 0..50 {
        let poll = bench.poll();
        times.push(bench.now);
        bench.answer(&poll, &Observation::Offline);
    }
    let quarters = times.iter().filter(|t| **t < second(75 + 5)).count();
    assert!(
        (5..=20).contains(&quarters),
        "{quarters} of 50 in the first quarter"
    );
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let state = CreatorState {
        phase: Phase::Offline,
        last_answer_at: Some(START),
        ..CreatorState::default()
    };
    let row = |n: usize, wait: u64| StoredCreator {
        username: creator(n).username,
        state: state.clone(),
        next_poll_at: Some(START.plus(second(wait))),
    };
    let snapshot = Snapshot {
        creators: vec![row(0, 200), row(1, 100)],
        ..Snapshot::default()
    };
    let mut bench = Bench::restarted(&config(3), snapshot);
    let mut order = Vec::new();
    for _ in 0..3 {
        let poll = bench.poll();
        order.push((poll.creator, bench.now));
    }
    assert_eq!(order, [(2, second(0)), (1, second(100)), (0, second(200))]);
}

#[test]
fn a_plan_far_in_the_future_is_cut_to_one_interval() {
    let state = CreatorState {
        last_answer_at: Some(START),
        ..CreatorState::default()
    };
    let snapshot = Snapshot {
        creators: vec![StoredCreator {
            username: creator(0).username,
            state,
            next_poll_at: Some(START.plus(second(1_000_000))),
        }],
        ..Snapshot::default()
    };
    let mut bench = Bench::restarted(&config(1), snapshot);
    bench.poll();
    assert_eq!(bench.now, second(330), "the interval and its jitter");
}

#[test]
fn no_more_requests_are_under_way_than_allowed_and_one_for_each_creator() {
    let mut bench = Bench::new(40);
    let polls: Vec<Poll> = (0..16).map(|_| bench.poll()).collect();
    bench.now += second(1_000);
    assert_eq!(bench.core.next(bench.at()), Next::WaitForOthers);
    let mut asked: Vec<_> = polls.iter().map(|poll| poll.creator).collect();
    asked.dedup();
    assert_eq!(asked.len(), 16);
    bench.answer(&polls[0], &Observation::Offline);
    assert!(matches!(bench.core.next(bench.at()), Next::Poll(_)));
}

#[test]
fn a_creator_whose_polls_hang_or_fail_delays_no_other() {
    let mut bench = Bench::settled(20);
    let stuck = bench.poll();
    let mut asked = [0; 20];
    let start = bench.now;
    while bench.now < start + second(3_000) {
        let poll = bench.poll();
        asked[poll.creator as usize] += 1;
        let fails = poll.creator == 7;
        bench.answer(
            &poll,
            &if fails {
                unclear(Cause::Timeout)
            } else {
                Observation::Offline
            },
        );
    }
    for (index, polls) in asked.iter().enumerate() {
        match u32::try_from(index).unwrap() {
            index if index == stuck.creator => assert_eq!(*polls, 0),
            7 => {}
            _ => assert!(
                (9..=11).contains(polls),
                "creator {index}: {polls} polls in ten intervals"
            ),
        }
    }
}

#[test]
fn a_passing_fault_is_retried_three_times_within_the_poll_and_holds_no_place() {
    let mut bench = Bench::settled(1);
    let first = bench.poll();
    let began = bench.now;
    bench.answer(&first, &unclear(Cause::ServerFault));
    let mut waits = Vec::new();
    for _ in 0..3 {
        let before = bench.now;
        assert_eq!(bench.core.in_flight, 0);
        let retry = bench.poll();
        assert_eq!(retry.reason, Reason::Retry);
        waits.push((bench.now - before).as_millis());
        bench.answer(&retry, &unclear(Cause::ServerFault));
    }
    assert_eq!(waits, [500, 1_000, 2_000]);
    assert_eq!(
        bench.core.roster.entry(0).unclear_in_a_row,
        1,
        "one poll, however many tries"
    );
    bench.poll();
    assert!(
        bench.now - began > second(55),
        "then it waits for about a minute"
    );
}

#[test]
fn what_may_have_cost_a_credit_is_not_retried_within_the_poll() {
    for cause in [
        Cause::Malformed,
        Cause::BodyTooLarge,
        Cause::NotTheApi,
        Cause::InvalidUsername,
    ] {
        let mut bench = Bench::settled(1);
        let poll = bench.poll();
        let began = bench.now;
        bench.answer(&poll, &unclear(cause));
        bench.poll();
        assert!(bench.now - began > second(55), "{cause:?}");
    }
}

#[test]
fn a_refused_key_stops_everybody_but_a_probe_and_is_told_once() {
    let mut bench = Bench::settled(100);
    let poll = bench.poll();
    bench.answer(&poll, &unclear(Cause::KeyRefused));
    let mut polls = 0;
    let start = bench.now;
    while bench.now < start + second(2 * 3_600) {
        let poll = bench.poll();
        assert_eq!(poll.reason, Reason::Probe);
        polls += 1;
        bench.answer(&poll, &unclear(Cause::KeyRefused));
    }
    assert!((6..=9).contains(&polls), "{polls} probes in two hours");
    let probe = bench.poll();
    bench.answer(&probe, &Observation::Offline);
    let next = bench.poll();
    assert!(
        next.lateness < second(1),
        "nobody is late while the key is refused"
    );
    assert_eq!(
        bench.events(),
        [EventType::MonitorDegraded, EventType::MonitorRecovered]
    );
}

#[test]
fn a_quiet_poll_has_nothing_to_store() {
    let mut bench = Bench::settled(10);
    for _ in 0..10_000 {
        let poll = bench.poll();
        bench.answer(&poll, &Observation::Offline);
    }
    assert!(bench.changes.is_empty());
    let known = |bench: &mut Bench| {
        let draft = bench.core.take_checkpoint(false, bench.at());
        draft.checkpoint.creators.len()
    };
    assert_eq!(known(&mut bench), 10);
    assert_eq!(known(&mut bench), 0, "a checkpoint holds what is new");
}

#[test]
fn a_change_counts_only_when_it_is_stored() {
    let mut bench = Bench::settled(1);
    let poll = bench.poll();
    let job = bench
        .core
        .answered(&poll, &answer(live(1, START)), bench.at(), 0.5)
        .unwrap();
    assert_eq!(bench.core.roster.entry(0).state.phase, Phase::Offline);
    bench.now += second(9_999);
    assert_eq!(
        bench.core.next(bench.at()),
        Next::WaitForOthers,
        "nobody is asked meanwhile"
    );
    bench.store(job);
    assert!(bench.core.roster.entry(0).state.live().is_some());
    assert!(matches!(bench.core.next(bench.at()), Next::Poll(_)));
}

#[test]
fn an_end_is_confirmed_soon_and_a_live_creator_asked_at_its_own_interval() {
    let mut bench = Bench::settled(1);
    let poll = bench.poll();
    bench.answer(&poll, &live(1, START));
    let before = bench.now;
    let poll = bench.poll();
    assert_eq!(
        (poll.reason, bench.now - before),
        (Reason::Live, second(200))
    );
    bench.answer(&poll, &Observation::Offline);
    let before = bench.now;
    let poll = bench.poll();
    assert_eq!(
        (poll.reason, bench.now - before),
        (Reason::Confirm, second(45))
    );
    bench.answer(&poll, &Observation::Offline);
    assert_eq!(
        bench.events(),
        [EventType::StreamStarted, EventType::StreamEnded]
    );
}

#[test]
fn the_changes_of_a_crowd_wait_and_are_told_as_of_their_first_detection() {
    let mut bench = Bench::followed_closely();
    let before = bench.now;
    bench.round(|index| live(u64::from(index), START));
    let crowd_at = START.plus(bench.now);
    assert!(bench.now - before < second(61));
    let told = bench.count(EventType::StreamStarted);
    assert!(
        (9..=20).contains(&told),
        "{told} were told before it was a crowd"
    );
    assert_eq!(bench.count(EventType::MonitorDegraded), 1);
    let waiting = bench.core.crowd_size();
    assert_eq!(waiting, 40 - told);

    // The second poll agrees.
    while bench.core.crowd_size() > 0 {
        let poll = bench.poll();
        bench.answer(&poll, &live(u64::from(poll.creator), START));
    }
    assert_eq!(bench.count(EventType::StreamStarted), 40);
    let late = bench
        .changes
        .iter()
        .flat_map(|c| &c.events)
        .filter(|o| o.event.kind == EventType::StreamStarted && o.event.at > crowd_at);
    assert_eq!(late.count(), 0, "told as of the first detection");
}

#[test]
fn what_a_second_poll_does_not_confirm_never_happened() {
    let mut bench = Bench::followed_closely();
    bench.round(|index| live(u64::from(index), START));
    let told = bench.count(EventType::StreamStarted);
    assert!(
        told <= 20,
        "{told} were told before more than half had changed"
    );
    let start = bench.now;
    while bench.now < start + second(300) {
        let poll = bench.poll();
        bench.answer(&poll, &Observation::Offline);
    }
    assert_eq!(bench.count(EventType::StreamStarted), told);
    assert_eq!(bench.core.crowd_size(), 0);
    assert_eq!(bench.count(EventType::MonitorRecovered), 1);
}

#[test]
fn the_ends_of_a_crowd_wait_for_one_poll_more_than_usual() {
    let mut bench = Bench::followed_closely();
    for index in 0..40_u64 {
        // They go live one after the other, as people do.
        let start = bench.now;
        while bench.now < start + second(70) {
            let poll = bench.poll();
            let is_live = u64::from(poll.creator) <= index;
            let answer = if is_live {
                live(poll.creator.into(), START)
            } else {
                Observation::Offline
            };
            bench.answer(&poll, &answer);
        }
    }
    assert_eq!(bench.count(EventType::StreamStarted), 40);
    assert_eq!(bench.count(EventType::MonitorDegraded), 0);
    // Everybody is reported offline: twice each does not suffice.
    for _ in 0..2 {
        bench.round(|_| Observation::Offline);
    }
    assert_eq!(bench.count(EventType::MonitorDegraded), 1);
    let told = bench.count(EventType::StreamEnded);
    assert!(told <= 20, "{told} ends were told");
    while bench.core.crowd_size() > 0 {
        let poll = bench.poll();
        bench.answer(&poll, &Observation::Offline);
    }
    assert_eq!(bench.count(EventType::StreamEnded), 40);
}

#[test]
fn after_downtime_many_changes_at_once_are_no_crowd() {
    let state = CreatorState {
        phase: Phase::Offline,
        last_answer_at: Some(START.minus(second(4 * 3_600))),
        ..CreatorState::default()
    };
    let rows = (0..40).map(|n| StoredCreator {
        username: creator(n).username,
        state: state.clone(),
        next_poll_at: None,
    });
    let snapshot = Snapshot {
        creators: rows.collect(),
        ..Snapshot::default()
    };
    let mut bench = Bench::restarted(&config(40), snapshot);
    bench.round(|index| live(u64::from(index), START));
    assert_eq!(bench.count(EventType::StreamStarted), 40);
    assert_eq!(bench.count(EventType::MonitorDegraded), 0);
}

#[test]
fn polls_later_than_an_interval_are_told_as_falling_behind() {
    let mut config = config(20);
    config.polling.interval = second(1);
    let mut bench = Bench::settled_with(&config);
    let start = bench.now;
    while bench.now < start + second(900) {
        let poll = bench.poll();
        bench.now += second(1);
        bench.answer(&poll, &Observation::Offline);
    }
    assert_eq!(bench.events(), [EventType::MonitorDegraded]);
}

#[test]
fn a_flag_that_came_and_went_untold_is_not_told() {
    let mut bench = Bench::settled(1);
    let poll = bench.poll();
    // The store is slow: the first change is under way while more come.
    assert!(
        bench
            .core
            .answered(&poll, &answer(unclear(Cause::KeyRefused)), bench.at(), 0.5)
            .is_none()
    );
    let first = bench.core.news_job().unwrap();
    assert!(bench.core.news_job().is_none(), "one at a time");
    for said in [
        Observation::Offline,
        unclear(Cause::CreditsExhausted),
        Observation::Offline,
    ] {
        let poll = bench.poll();
        bench.core.answered(&poll, &answer(said), bench.at(), 0.5);
    }
    bench.store(first);
    while let Some(job) = bench.core.news_job() {
        bench.store(job);
    }
    assert_eq!(
        bench.events(),
        [EventType::MonitorDegraded, EventType::MonitorRecovered]
    );
}

#[test]
fn silent_streams_and_unwanted_events_are_kept_apart() {
    let mut config = config(1);
    config.polling.rules.when_already_live = crate::domain::tracker::Visibility::Silent;
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let poll = bench.poll();
    bench.answer(&poll, &live(1, Timestamp::default()));
    assert_eq!(bench.changes.len(), 1, "history is kept");
    assert!(bench.events().is_empty());
}

#[test]
fn a_hundred_thousand_creators_share_one_queue() {
    let mut many = config(0);
    many.creators = config(100_000).creators;
    many.polling.max_requests_per_second = 1_000.0;
    let mut bench = Bench::restarted(&many, Snapshot::default());
    for _ in 0..100_000 {
        let poll = bench.poll();
        bench.answer(&poll, &Observation::Offline);
    }
    assert_eq!(bench.changes.len(), 100_000);
    let next = bench.poll();
    assert_eq!(next.reason, Reason::Interval);
    assert_eq!(Arc::strong_count(&many.webhooks[0]), 2);
}
